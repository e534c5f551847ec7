//! What the benches are made of: peers with their sessions, prefixes, attributes, UPDATEs.
#![allow(dead_code, reason = "each bench takes what it needs")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bgp_proto::attr::{AsPath, Community, NextHop, PathAttrs};
use bgp_proto::message::{Codec, Nlri, Reach, Update};
use bgp_proto::{Asn, Family, PathId, Prefix, RouterId};
use rib::{PeerId, PeerSettings, Rib, RibConfig, Session};

/// The family of all.
pub const V4: Family = Family::IPV4_UNICAST;
/// Our AS.
const OWN: Asn = Asn(64512);

/// A RIB that knows nobody.
pub fn empty() -> Rib {
    Rib::new(RibConfig::new(OWN, RouterId(1)))
}

/// A RIB with the sessions of so many external peers, numbered from 0.
pub fn rib(peers: u32) -> Rib {
    let mut rib = empty();
    for n in 0..peers {
        rib.peer_add(PeerId(n), settings(n));
        rib.peer_up(PeerId(n), session(n));
    }
    rib
}

/// Where peer `n` is, and its next hop.
pub fn address(n: u32) -> IpAddr {
    Ipv4Addr::from((172 << 24 | 16 << 16) + 10 + n).into()
}

/// Accept and announce everything.
pub fn settings(n: u32) -> PeerSettings {
    PeerSettings::new(address(n))
}

/// With a peer in an AS of its own.
pub fn session(n: u32) -> Session {
    let families = [V4].into_iter().collect();
    Session {
        codec: Codec { four_octet_as: true, families, external: true, ..Codec::INITIAL },
        external: true,
        local_asn: OWN,
        peer_asn: Asn(65000 + n),
        peer_id: RouterId(100 + n),
        local_addr: [192, 0, 2, 1].into(),
        interface: None,
        enhanced_refresh: true,
        long_lived: true,
    }
}

/// A client we reflect to and for, in our own AS.
pub fn client_settings(n: u32) -> PeerSettings {
    PeerSettings { route_reflector_client: true, ..settings(n) }
}

/// With such a client.
pub fn client_session(n: u32) -> Session {
    let session = session(n);
    Session { codec: Codec { external: false, ..session.codec }, external: false, peer_asn: OWN, ..session }
}

/// The `n`th prefix of a length, from 10.0.0.0 on.
pub fn prefix(n: u32, len: u8) -> Prefix {
    Prefix::new(Ipv4Addr::from((10 << 24) + (n << (32 - len))).into(), len).unwrap()
}

/// The `set`th attributes of a peer: five hops and three communities, as a full table has them.
pub fn attrs(peer: u32, set: u32) -> PathAttrs {
    PathAttrs {
        as_path: AsPath::sequence([65000 + peer, 1, 2, 3, 100 + set].map(Asn)),
        communities: [1, 2, 3].map(Community).into(),
        ..PathAttrs::originated(NextHop::Addr(address(peer)))
    }
}

/// One that announces prefixes with the same attributes.
pub fn update(attrs: impl Into<Arc<PathAttrs>>, prefixes: impl IntoIterator<Item = Prefix>) -> Update {
    let reach = Reach { attrs: attrs.into(), nlri: nlri(prefixes) };
    Update { reach: [reach].into_iter().collect(), ..Update::default() }
}

/// Prefixes as they stand in an UPDATE.
pub fn nlri(prefixes: impl IntoIterator<Item = Prefix>) -> Nlri {
    Nlri::from_prefixes(V4, false, prefixes.into_iter().map(|prefix| (PathId::NONE, prefix)))
}

/// Takes in what a peer said.
pub fn apply(rib: &mut Rib, peer: u32, updates: &[Update]) {
    updates.iter().for_each(|update| rib.apply(PeerId(peer), update));
}
