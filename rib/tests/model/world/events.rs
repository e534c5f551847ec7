//! What happens in a world, drawn at random, done to the RIB and to the model.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_proto::attr::{AsPath, Community, Origin, PathAttrs};
use bgp_proto::message::{Codec, Nlri, Reach, Update};
use bgp_proto::{Asn, Family, FamilySet, PathId, Prefix, RouterId};
use rib::policy::{Action, Match, PrefixList, PrefixListEntry, Rule, Set, Verdict};
use rib::{NextHopState, Origination, PeerId, Policy, Session};

use crate::naive::plain;
use crate::rng::Rng;
use crate::told::Told;

use super::{OWN, Profile, World};

impl World {
    fn peer(&mut self) -> usize {
        self.rng.below(self.model.peers.len())
    }

    pub(super) fn up(&mut self) {
        let at = self.peer();
        let rng = &mut self.rng;
        let peer = &mut self.model.peers[at];
        if peer.session.is_some() {
            return;
        }
        let one_group = self.profile == Profile::OneGroup;
        let external = peer.id.0.is_multiple_of(3) && !one_group;
        let families: FamilySet =
            if rng.one_in(4) { [Family::IPV4_UNICAST].into_iter().collect() } else { FamilySet::ALL };
        let add_path = if (peer.id.0 % 4 == 1 && !one_group) || (one_group && self.seed.0.is_multiple_of(4)) {
            FamilySet::ALL
        } else {
            FamilySet::EMPTY
        };
        let codec = Codec {
            four_octet_as: peer.id.0 % 5 != 4 || one_group,
            families,
            add_path_tx: add_path,
            add_path_rx: if peer.id.0 % 2 == 1 { FamilySet::ALL } else { FamilySet::EMPTY },
            external,
            ..Codec::INITIAL
        };
        // Another router id: another speaker, whose predecessor's stale paths go.
        let router_id = RouterId(100 + peer.id.0 + if rng.one_in(8) { 50 } else { 0 });
        if (router_id, external) != (peer.router_id, peer.external) {
            peer.paths.clear();
        }
        peer.paths.retain(|(prefix, _), _| families.contains(prefix.family()));
        (peer.router_id, peer.external) = (router_id, external);
        let session = Session {
            codec,
            external,
            local_asn: OWN,
            peer_asn: if external { Asn(65000 + peer.id.0) } else { OWN },
            peer_id: router_id,
            local_addr: [192, 0, 2, 1].into(),
            interface: None,
            enhanced_refresh: peer.id.0.is_multiple_of(2),
            long_lived: peer.id.0.is_multiple_of(3),
        };
        peer.session = Some(session);
        self.told.insert(peer.id, Told::default());
        self.rib.peer_up(peer.id, session);
    }

    pub(super) fn down(&mut self, retain: FamilySet) {
        let at = self.peer();
        let peer = &mut self.model.peers[at];
        let id = peer.id;
        if peer.session.take().is_none() {
            return;
        }
        self.rib.peer_down(id, retain);
        self.told.remove(&id);
        let was_stale = std::mem::take(&mut self.stale);
        peer.paths.retain(|(prefix, _), _| retain.contains(prefix.family()));
        self.stale = was_stale.into_iter().filter(|(of, ..)| *of != id).collect();
        self.stale.extend(peer.paths.keys().map(|(prefix, path_id)| (id, *prefix, *path_id)));
        self.refreshing.retain(|(of, ..)| *of != id);
        self.rest(id);
    }

    pub(super) fn ask_refresh(&mut self) {
        let at = self.peer();
        let peer = &self.model.peers[at];
        let Some(session) = &peer.session else { return };
        let family = self.rng.pick(&Family::SUPPORTED);
        if !session.codec.families.contains(family) {
            return;
        }
        self.rib.resend(peer.id, family);
        if !session.enhanced_refresh && self.rng.one_in(2) {
            // A peer that asks has lost its table; or it has not, and must not keep what is gone.
            self.told.get_mut(&peer.id).unwrap().table.retain(|(prefix, _), _| prefix.family() != family);
        }
    }

    pub(super) fn refresh_or_purge(&mut self) {
        let at = self.peer();
        let family = self.rng.pick(&Family::SUPPORTED);
        let peer = &mut self.model.peers[at];
        let id = peer.id;
        if peer.session.is_some() && self.rng.one_in(2) {
            self.rib.begin_refresh(id, family);
            let of_family = peer.paths.keys().filter(|(prefix, _)| prefix.family() == family);
            self.refreshing.extend(of_family.map(|(prefix, path_id)| (id, *prefix, *path_id)));
            return;
        }
        self.rib.purge_stale(id, family);
        let (stale, refreshing) = (&self.stale, &self.refreshing);
        peer.paths.retain(|(prefix, path_id), _| {
            let key = (id, *prefix, *path_id);
            prefix.family() != family || !(stale.contains(&key) || refreshing.contains(&key))
        });
        let other = |(of, prefix, _): &(PeerId, Prefix, PathId)| *of != id || prefix.family() != family;
        self.stale.retain(other);
        self.refreshing.retain(other);
        self.rest(id);
    }

    pub(super) fn announce(&mut self) {
        let at = self.peer();
        let Some(session) = self.model.peers[at].session else { return };
        let family = self.family(&session);
        let attrs = attrs(&mut self.rng, &session, family, at);
        let nlri = self.some_prefixes(&session, family);
        let peer = &mut self.model.peers[at];
        for (path_id, prefix) in &nlri {
            peer.paths.insert((*prefix, *path_id), attrs.clone());
            self.stale.remove(&(peer.id, *prefix, *path_id));
            self.refreshing.remove(&(peer.id, *prefix, *path_id));
        }
        let nlri = Nlri::from_prefixes(family, session.codec.add_path_rx.contains(family), nlri);
        let reach = Reach { attrs: Arc::new(attrs), nlri };
        self.rib.apply(peer.id, &Update { reach: [reach].into_iter().collect(), ..Update::default() });
    }

    pub(super) fn withdraw(&mut self) {
        let at = self.peer();
        let Some(session) = self.model.peers[at].session else { return };
        let family = self.family(&session);
        let nlri = self.some_prefixes(&session, family);
        let peer = &mut self.model.peers[at];
        for (path_id, prefix) in &nlri {
            peer.paths.remove(&(*prefix, *path_id));
            self.stale.remove(&(peer.id, *prefix, *path_id));
            self.refreshing.remove(&(peer.id, *prefix, *path_id));
        }
        let nlri = Nlri::from_prefixes(family, session.codec.add_path_rx.contains(family), nlri);
        self.rib.apply(peer.id, &Update { unreach: [nlri].into_iter().collect(), ..Update::default() });
    }

    pub(super) fn family(&mut self, session: &Session) -> Family {
        let families: Vec<Family> = session.codec.families.iter().collect();
        self.rng.pick(&families)
    }

    pub(super) fn some_prefixes(&mut self, session: &Session, family: Family) -> Vec<(PathId, Prefix)> {
        let ids = if session.codec.add_path_rx.contains(family) { 3 } else { 1 };
        let of_family: Vec<Prefix> = self.prefixes.iter().copied().filter(|prefix| prefix.family() == family).collect();
        let mut some = BTreeSet::new();
        for _ in 0..=self.rng.below(4) {
            some.insert((PathId(self.rng.below(ids) as u32), self.rng.pick(&of_family)));
        }
        some.into_iter().collect()
    }

    pub(super) fn originate(&mut self) {
        let prefix = self.rng.pick(&self.prefixes);
        if self.rng.one_in(2) {
            let was = self.model.originated.remove(&prefix).is_some();
            assert_eq!(self.rib.withdraw_originated(&prefix), was);
            return;
        }
        let mut origination = Origination::new(&prefix, self.rng.one_in(2));
        origination.attrs.med = self.rng.pick(&[None, Some(7)]);
        self.model.originated.insert(prefix, (origination.attrs.clone(), origination.blackhole));
        self.rib.originate(prefix, origination);
    }

    pub(super) fn next_hop(&mut self) {
        let used: Vec<IpAddr> =
            self.model.peers.iter().flat_map(|peer| peer.paths.values()).map(|attrs| attrs.next_hop.addr()).collect();
        if used.is_empty() {
            return;
        }
        let addr = self.rng.pick(&used);
        let through = match self.rng.one_in(4) {
            true => [self.rng.pick(&self.prefixes), self.rng.pick(&self.prefixes)].into(),
            false => [].into(),
        };
        let state = NextHopState { usable: !self.rng.one_in(3), metric: self.rng.below(2) as u32, through };
        self.model.next_hops.insert(addr, state.clone());
        self.rib.set_next_hop(addr, state);
    }

    pub(super) fn reconfigure(&mut self) {
        if self.rng.one_in(5) {
            self.model.config.cluster_id = RouterId(1 + self.rng.below(2) as u32);
            self.rib.reconfigure(self.model.config);
            return;
        }
        let at = self.peer();
        let settings = self.settings(PeerId(at as u32));
        self.model.peers[at].settings = settings.clone();
        self.rib.peer_update(PeerId(at as u32), settings);
    }

    /// In half of the worlds the owner lets the RIB finish with a peer before the peer has more to say.
    pub(super) fn rest(&mut self, id: PeerId) {
        while self.seed.0 % 2 == 1 && self.rib.is_busy(id) {
            self.rib.settle(1);
        }
    }

    /// The owner's part: what goes out of use is forgotten, what comes into use is told again.
    pub(super) fn watch_next_hops(&mut self) {
        for (addr, used) in self.rib.take_next_hops() {
            if used && let Some(state) = self.model.next_hops.get(&addr.addr()) {
                self.rib.set_next_hop(addr, state.clone());
            }
        }
    }

    /// A member reads a little. What it is told may be old, but never nonsense.
    pub(super) fn read(&mut self) {
        let at = self.peer();
        let peer = &self.model.peers[at];
        let Some(session) = &peer.session else { return };
        for _ in 0..self.rng.below(4) {
            let Some(chunk) = self.rib.poll_chunk(peer.id) else { break };
            self.told.get_mut(&peer.id).unwrap().read(&session.codec, &chunk);
        }
    }
}

fn attrs(rng: &mut Rng, session: &Session, family: Family, peer: usize) -> PathAttrs {
    // Mostly a next hop of the peer's own, so that next hops come and go with it.
    let host = if rng.one_in(20) { 1 } else { 20 + if rng.one_in(4) { rng.below(3) } else { peer } as u8 };
    let next_hop: IpAddr = if family == Family::IPV4_UNICAST {
        [192, 0, 2, host].into()
    } else {
        [0xfd00, 0xffff, 0, 0, 0, 0, 0, u16::from(host) + 1].into()
    };
    let mut attrs = plain(next_hop);
    attrs.origin = rng.pick(&[Origin::Igp, Origin::Igp, Origin::Incomplete]);
    let mut path = Vec::new();
    if session.external {
        path.push(session.peer_asn);
    }
    for _ in 0..rng.below(3) {
        path.push(Asn(65100 + rng.below(2) as u32));
    }
    if rng.one_in(15) {
        path.push(OWN);
    }
    attrs.as_path = AsPath::sequence(path);
    attrs.med = rng.pick(&[None, None, Some(1), Some(2)]);
    attrs.communities = match rng.below(12) {
        0 => [Community::NO_EXPORT].into(),
        1 => [Community::NO_ADVERTISE].into(),
        2 => [Community(5)].into(),
        3 => [Community::LLGR_STALE].into(),
        _ => Box::default(),
    };
    if !session.external {
        attrs.local_pref = Some(rng.pick(&[100, 100, 200]));
        if rng.one_in(4) {
            attrs.originator_id = Some(RouterId(1 + rng.below(3) as u32));
            attrs.cluster_list = [RouterId(1 + rng.below(3) as u32)].into();
        }
    }
    attrs
}

pub(super) fn policy(rng: &mut Rng) -> Policy {
    let list = |prefix: &str, ge, le| {
        let prefix = prefix.parse().unwrap();
        Match::Prefixes(Arc::new(PrefixList::new("list", [PrefixListEntry { prefix, ge, le }])))
    };
    let rule = |matches, set, action| Rule { matches, set, action };
    match rng.below(7) {
        0 => Policy::reject(),
        1 => Policy::new(
            "v4",
            vec![rule(vec![list("10.65.0.0/16", Some(24), Some(25))], vec![], Action::Accept)],
            Verdict::Reject,
        ),
        2 => Policy::new("pref", vec![rule(vec![], vec![Set::LocalPref(150)], Action::Next)], Verdict::Accept),
        3 => Policy::new(
            "tag",
            vec![rule(
                vec![list("10.65.2.0/23", Some(24), None)],
                vec![Set::Med(9), Set::AddCommunity(Community(5))],
                Action::Accept,
            )],
            Verdict::Accept,
        ),
        4 => Policy::new(
            "not-tagged",
            vec![rule(vec![Match::Community(Community(5))], vec![], Action::Reject)],
            Verdict::Accept,
        ),
        _ => Policy::accept(),
    }
}
