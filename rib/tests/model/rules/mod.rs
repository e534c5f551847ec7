//! What is believed of a peer's paths, and what others are told of them: AS paths, roles, well-known communities.

mod believed;
mod confederation;
mod leaving;
mod roles;
mod telling;
mod tunnels;

use std::net::IpAddr;
use std::sync::Arc;

use bgp_proto::attr::{AsPath, AsPathBuilder, Community, ExtCommunity, PathAttrs, SegmentKind};
use bgp_proto::message::{Nlri, Reach, Role, Update};
use bgp_proto::{Asn, PathId, Prefix, RouterId};
use rib::{
    FibRoute, LocalAs, PathRules, PathView, PeerId, PeerSettings, PrivateAs, Rejection, Rib, RibConfig, Session,
    Withheld,
};

use crate::made::{self, OWN, V4, p, session};
use crate::naive::plain;
use crate::told::Told;

const THEIRS: Asn = Asn(65001);

/// A RIB and its peers: number n has the address 192.0.2.(10 + n).
struct World {
    rib: Rib,
    sessions: Vec<Session>,
}

impl World {
    fn new() -> Self {
        Self::with(RibConfig::new(OWN, RouterId(1)))
    }

    fn with(config: RibConfig) -> Self {
        Self { rib: Rib::new(config), sessions: Vec::new() }
    }

    /// The next peer, of an AS, with what `change` makes of the usual settings.
    fn peer(&mut self, asn: Asn, change: impl FnOnce(&mut PeerSettings)) -> usize {
        let n = self.sessions.len();
        let external = asn != OWN;
        let session = Session { peer_asn: asn, ..session(n as u32, external) };
        self.peer_on(session, change)
    }

    fn peer_on(&mut self, session: Session, change: impl FnOnce(&mut PeerSettings)) -> usize {
        let n = self.sessions.len();
        let mut settings = PeerSettings::new(addr(n));
        change(&mut settings);
        self.rib.peer_add(PeerId(n as u32), settings);
        self.rib.peer_up(PeerId(n as u32), session);
        self.sessions.push(session);
        n
    }

    fn announce(&mut self, from: usize, attrs: PathAttrs, prefix: &str) {
        let nlri = Nlri::from_prefixes(V4, false, [(PathId::NONE, p(prefix))]);
        let reach = Reach { attrs: Arc::new(attrs), nlri };
        let update = Update { reach: [reach].into_iter().collect(), ..Update::default() };
        self.rib.apply(PeerId(from as u32), &update);
        while self.rib.settle(100) {}
    }

    /// The one path of a prefix.
    fn path(&self, prefix: &str) -> PathView {
        self.rib.route(&p(prefix)).unwrap().paths.remove(0)
    }

    fn rejected(&self, prefix: &str) -> Option<Rejection> {
        self.path(prefix).rejected
    }

    /// What a peer holds of a prefix, decoded from its bytes.
    fn told(&mut self, to: usize, prefix: &str) -> Option<PathAttrs> {
        let id = PeerId(to as u32);
        let mut told = Told::default();
        self.rib.resend(id, V4);
        while let Some(chunk) = self.rib.poll_chunk(id) {
            told.read(&self.sessions[to].codec, &chunk);
        }
        told.table.remove(&(p(prefix), PathId::NONE))
    }
}

fn addr(n: usize) -> IpAddr {
    made::addr(n as u32)
}

fn path(n: usize, asns: &[u32]) -> PathAttrs {
    let mut attrs = plain(addr(n));
    attrs.as_path = AsPath::sequence(asns.iter().copied().map(Asn));
    attrs
}

/// A path of these segments.
fn segments(n: usize, segments: &[(SegmentKind, &[u32])]) -> PathAttrs {
    let mut builder = AsPathBuilder::default();
    for (kind, asns) in segments {
        builder.push(*kind, asns.iter().copied().map(Asn));
    }
    PathAttrs { as_path: builder.build(), ..path(n, &[]) }
}
