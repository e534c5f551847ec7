//! UPDATEs of any octets from peers of any kind, in any order with everything else that can happen to a RIB.
//!
//! slice size · events: what, … What must hold is in [`Node::check`]: what members hold, read from the bytes they were sent,
//! is what the RIB says they are told, and what a refresh tells them again. In the end nothing is left behind.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bgp_proto::attr::{Community, PathAttrs};
use bgp_proto::message::Message;
use bgp_proto::{Asn, Family, FamilySet, PathId, Prefix, RouterId};
use rib::policy::{Action, Match, Rule, Set, Verdict};
use rib::{NextHopMode, NextHopState, Origination, PeerId, PeerSettings, Policy, Rib, RibConfig, RouteFilter, Session};

use crate::targets::input::{Bound, Input};
use crate::targets::update;
use crate::told::Told;

/// A prefix is one octet of input and a dest with a path and log entries in a group each; slices are kept in rings.
pub const BOUND: Bound = Bound { fixed: 4 << 20, per_octet: 16 << 10 };

const PEERS: u8 = 4;
/// More would only be slower.
const MAX_EVENTS: usize = 80;
const OWN: Asn = Asn(64512);

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut node = Node::new(&mut input);
    for _ in 0..MAX_EVENTS {
        if input.is_empty() {
            break;
        }
        node.step(&mut input);
    }
    node.check();
    node.end();
}

struct Node {
    rib: Rib,
    config: RibConfig,
    members: BTreeMap<PeerId, Member>,
}

/// The peer's end of an established session.
struct Member {
    session: Session,
    told: Told,
}

impl Node {
    fn new(input: &mut Input<'_>) -> Self {
        let config = RibConfig {
            chunk_size: 1 + usize::from(input.pair()),
            add_path_limit: 1 << 16,
            ..RibConfig::new(OWN, RouterId(1))
        };
        let mut node = Self { rib: Rib::new(config), config, members: BTreeMap::new() };
        for peer in 0..PEERS {
            node.rib.peer_add(PeerId(peer.into()), settings(PeerId(peer.into()), 0));
        }
        node
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let what = input.octet();
        let peer = PeerId(u32::from(what >> 4) % u32::from(PEERS));
        let family = Family::SUPPORTED[usize::from(what >> 6 & 1)];
        match what & 0x0f {
            0..=2 => self.update(peer, Input::new(input.short())),
            3 => self.up(peer, input),
            4 => {
                let retain = if input.octet() & 1 == 0 { FamilySet::EMPTY } else { FamilySet::ALL };
                self.members.remove(&peer);
                self.rib.peer_down(peer, retain);
            }
            5 => self.rib.peer_update(peer, settings(peer, input.octet())),
            6 => self.originate(input),
            7 => drop(self.rib.settle(1 + usize::from(input.octet()))),
            8 => self.read(peer, usize::from(input.octet() % 4)),
            9 => self.rib.resend(peer, family),
            10 => self.rib.begin_refresh(peer, family),
            11 => {
                if input.octet() & 1 == 0 {
                    self.rib.purge_stale(peer, family)
                } else {
                    self.rib.flush_family(peer, family)
                }
            }
            12 => {
                let (addr, bits) = (next_hop(input.octet()), input.octet());
                let state =
                    NextHopState { usable: bits & 1 == 0, metric: u32::from(bits >> 1), ..NextHopState::default() };
                self.rib.set_next_hop(addr, state);
            }
            13 => {
                let bits = input.octet();
                self.config = RibConfig {
                    cluster_id: RouterId(1 + u32::from(bits & 1)),
                    always_compare_med: bits & 2 != 0,
                    max_paths: usize::from(bits >> 4),
                    ..self.config
                };
                self.rib.reconfigure(self.config);
            }
            14 => {
                self.members.remove(&peer);
                self.rib.peer_remove(peer);
                self.rib.peer_add(peer, settings(peer, input.octet()));
            }
            _ => self.check(),
        }
    }

    fn update(&mut self, peer: PeerId, mut input: Input<'_>) {
        let Some(member) = self.members.get(&peer) else { return };
        let codec = member.session.codec;
        let frame = update::frame(&mut input, &codec);
        // Another result ends the session, which is not the RIB's business.
        if let Ok(Message::Update(update)) = Message::decode(&frame, &codec) {
            self.rib.apply(peer, &update);
        }
    }

    fn up(&mut self, peer: PeerId, input: &mut Input<'_>) {
        let (mut codec, bits) = (input.codec(), input.octet());
        if bits & 1 == 0 {
            codec.add_path_tx = FamilySet::EMPTY;
        }
        if codec.families.is_empty() {
            return;
        }
        let session = Session {
            codec,
            external: codec.external,
            local_asn: OWN,
            peer_asn: if codec.external { Asn(65000 + peer.0) } else { OWN },
            peer_id: RouterId(100 + peer.0 + u32::from(bits >> 1 & 1)),
            local_addr: if bits & 4 == 0 { [192, 0, 2, 1].into() } else { [0xfd00, 0, 0, 0, 0, 0, 0, 1].into() },
            interface: None,
            enhanced_refresh: bits & 8 == 0,
            long_lived: bits & 16 != 0,
        };
        self.rib.peer_up(peer, session);
        self.members.insert(peer, Member { session, told: Told::default() });
    }

    fn originate(&mut self, input: &mut Input<'_>) {
        let (bits, addr) = (input.octet(), input.octet());
        let addr: IpAddr =
            if bits & 1 == 0 { [10, addr, 0, 0].into() } else { [0xfd00, addr.into(), 0, 0, 0, 0, 0, 0].into() };
        let prefix = Prefix::new(addr, 16 + (bits >> 4)).expect("at most 31");
        if bits & 2 == 0 {
            self.rib.originate(prefix, Origination::new(&prefix, bits & 4 == 0));
        } else {
            self.rib.withdraw_originated(&prefix);
        }
    }

    fn read(&mut self, peer: PeerId, chunks: usize) {
        let Some(member) = self.members.get_mut(&peer) else { return };
        for _ in 0..chunks {
            let Some(chunk) = self.rib.poll_chunk(peer) else { break };
            member.told.read(&member.session.codec, &chunk);
        }
    }

    /// Settles, lets everybody read all, and compares what they hold with what the RIB says.
    fn check(&mut self) {
        self.quiet();
        let held: Vec<_> = self.members.values().map(|member| member.told.table.clone()).collect();
        let too_large: u64 = self.rib.groups().iter().map(|group| group.too_large).sum();
        let prefixes = self.rib.prefixes(&RouteFilter::default());
        for (&peer, member) in &self.members {
            let told = |prefix: &Prefix| {
                let range = (*prefix, PathId(0))..=(*prefix, PathId(u32::MAX));
                member.told.table.range(range).count()
            };
            let mut all = 0;
            for prefix in &prefixes {
                let expected = self.rib.explain_export(prefix, peer).iter().filter(|verdict| verdict.is_ok()).count();
                all += told(prefix);
                assert!(
                    told(prefix) == expected || too_large > 0 && told(prefix) <= expected,
                    "{peer} holds {} paths of {prefix}, is told {expected}",
                    told(prefix)
                );
            }
            assert_eq!(all, member.told.table.len(), "{peer} holds prefixes the RIB does not know");
        }
        self.same_after_a_refresh(&held);
    }

    /// What a refresh says is what was said bit by bit.
    fn same_after_a_refresh(&mut self, held: &[BTreeMap<(Prefix, PathId), PathAttrs>]) {
        let peers: Vec<PeerId> = self.members.keys().copied().collect();
        for &peer in &peers {
            Family::SUPPORTED.into_iter().for_each(|family| self.rib.resend(peer, family));
        }
        self.quiet();
        for (member, held) in self.members.values().zip(held) {
            assert_eq!(&member.told.table, held, "after a refresh");
        }
    }

    /// Until nothing is left to do.
    fn quiet(&mut self) {
        for (addr, used) in self.rib.take_next_hops() {
            if used {
                self.rib.set_next_hop(addr, NextHopState::default());
            }
        }
        let mut turns = 0;
        while self.rib.settle(64) {
            turns += 1;
            assert!(turns < 10_000, "it does not settle");
        }
        self.rib.take_fib_changes();
        self.rib.take_limit_events();
        for (&peer, member) in &mut self.members {
            let mut chunks = 0;
            while let Some(chunk) = self.rib.poll_chunk(peer) {
                chunks += 1;
                assert!(chunks < 100_000, "{peer} is told without end");
                assert!(!chunk.is_empty());
                member.told.read(&member.session.codec, &chunk);
            }
            assert!(!self.rib.pending(peer), "{peer}: pending, and nothing to fetch");
            assert_eq!(member.told.refreshes.0, member.told.refreshes.1, "{peer}: a refresh without its end");
        }
        assert_eq!(self.rib.unsettled(), 0);
    }

    /// Everybody leaves: nothing may be left behind.
    fn end(mut self) {
        self.members.clear();
        for peer in 0..PEERS {
            self.rib.peer_remove(PeerId(peer.into()));
        }
        for prefix in self.rib.originated() {
            self.rib.withdraw_originated(&prefix);
        }
        self.quiet();
        let memory = self.rib.memory();
        assert_eq!((memory.dests.count, memory.paths.count, memory.attrs.count), (0, 0, 0), "left behind");
        assert!(self.rib.groups().is_empty());
    }
}

fn settings(peer: PeerId, bits: u8) -> PeerSettings {
    let policy = |number: u8| {
        let rule = |matches, set, action| vec![Rule { matches, set, action }];
        match number & 3 {
            0 => Policy::accept(),
            1 => Policy::new("med", rule(vec![], vec![Set::Med(9)], Action::Next), Verdict::Accept),
            2 => {
                let tagged = Match::Community(Community::NO_EXPORT);
                Policy::new(
                    "tagged",
                    rule(vec![tagged], vec![Set::AddCommunity(Community(5))], Action::Accept),
                    Verdict::Accept,
                )
            }
            _ => Policy::new(
                "ipv4",
                rule(vec![Match::Family(Family::IPV4_UNICAST)], vec![], Action::Accept),
                Verdict::Reject,
            ),
        }
    };
    PeerSettings {
        import: policy(bits),
        export: policy(bits >> 2),
        route_reflector_client: bits & 0x10 == 0,
        next_hop: [NextHopMode::Auto, NextHopMode::Own, NextHopMode::Keep, NextHopMode::Auto]
            [usize::from(bits >> 5 & 3)],
        local_v6: (bits & 0x80 == 0).then_some([0xfd00, 0, 0, 0, 0, 0, 0, 1].into()),
        ..PeerSettings::new([192, 0, 2, 10 + peer.0 as u8].into())
    }
}

fn next_hop(octet: u8) -> IpAddr {
    if octet & 1 == 0 { [10, 0, 0, octet >> 1].into() } else { [0xfd00, 0, 0, 0, 0, 0, 0, (octet >> 1).into()].into() }
}
