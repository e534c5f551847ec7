//! What the short stories begin with: a router of AS 64512, peers by their number, paths announced and withdrawn.

use std::net::IpAddr;
use std::sync::Arc;

use bgp_proto::attr::PathAttrs;
use bgp_proto::message::{Codec, Nlri, Reach, Update};
use bgp_proto::{Asn, Family, PathId, Prefix, RouterId};
use rib::{PeerId, Rib, RibConfig, Session};

pub const OWN: Asn = Asn(64512);
pub const V4: Family = Family::IPV4_UNICAST;

pub fn p(text: &str) -> Prefix {
    text.parse().unwrap()
}

pub fn rib() -> Rib {
    Rib::new(RibConfig::new(OWN, RouterId(1)))
}

/// Peer `n` has this address, and the AS 65000 + `n` when it is external.
pub fn addr(n: u32) -> IpAddr {
    [192, 0, 2, 10 + n as u8].into()
}

pub fn session(n: u32, external: bool) -> Session {
    let families = [V4].into_iter().collect();
    Session {
        codec: Codec { four_octet_as: true, families, external, ..Codec::INITIAL },
        external,
        local_asn: OWN,
        peer_asn: if external { Asn(65000 + n) } else { OWN },
        peer_id: RouterId(100 + n),
        local_addr: [192, 0, 2, 1].into(),
        interface: None,
        enhanced_refresh: true,
        long_lived: false,
    }
}

pub fn announce(rib: &mut Rib, from: PeerId, attrs: PathAttrs, prefixes: impl IntoIterator<Item = Prefix>) {
    let nlri = Nlri::from_prefixes(V4, false, prefixes.into_iter().map(|prefix| (PathId::NONE, prefix)));
    let reach = Reach { attrs: Arc::new(attrs), nlri };
    rib.apply(from, &Update { reach: [reach].into_iter().collect(), ..Update::default() });
}

pub fn withdraw(rib: &mut Rib, from: PeerId, prefix: Prefix) {
    let nlri = Nlri::from_prefixes(V4, false, [(PathId::NONE, prefix)]);
    rib.apply(from, &Update { unreach: [nlri].into_iter().collect(), ..Update::default() });
}
