//! How long the owner's longest turn is while something happens to a peer with a million paths.
//!
//! `cargo bench -p rib --bench turns`. A turn is one event or one `settle` with what is fetched after it, as the daemon
//! does it: between two turns it hears everybody else. Two peers announce the same prefixes, a third one is told.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program that measures and prints")]

use std::time::{Duration, Instant};

use bgp_proto::attr::{AsPath, Community, NextHop, PathAttrs};
use bgp_proto::{Asn, FamilySet};
use common::{V4, address, prefix, session, settings, update};
use rib::policy::{Action, Rule, Set, Verdict};
use rib::{NextHopState, PeerId, PeerSettings, Policy, Rib};

mod common;

const PREFIXES: u32 = 1_000_000;
/// Prefixes a turn, as in the daemon.
const SETTLE: usize = 4096;
const LEAVER: PeerId = PeerId(0);

fn main() {
    println!("{:<34} {:>9} {:>12} {:>10}", "what happens", "turns", "longest", "all");
    let mut table = World::full();
    table.measure("the session ends, paths stay", |rib| rib.peer_down(LEAVER, FamilySet::ALL));
    table.measure("they are kept for long", |rib| rib.keep_for_long(LEAVER, V4));
    table.measure("their time is up", |rib| rib.purge_stale(LEAVER, V4));
    table.up();
    table.announce(LEAVER);
    table.measure("the import policy changes", |rib| {
        let rule = Rule { matches: vec![], set: vec![Set::AddCommunity(Community(7))], action: Action::Accept };
        let import = Policy::new("tag", vec![rule], Verdict::Accept);
        rib.peer_update(LEAVER, PeerSettings { import, ..settings(LEAVER.0) });
    });
    table.measure("its next hop is lost", |rib| {
        rib.set_next_hop(address(LEAVER.0), NextHopState { usable: false, ..NextHopState::default() });
    });
    table.measure("another next hop is lost", |rib| {
        rib.set_next_hop(address(1), NextHopState { usable: false, ..NextHopState::default() });
    });
    table.measure("a refresh begins", |rib| rib.begin_refresh(LEAVER, V4));
    table.measure("and ends without a path", |rib| rib.purge_stale(LEAVER, V4));
    table.announce(LEAVER);
    table.measure("the session ends, paths go", |rib| rib.peer_down(LEAVER, FamilySet::EMPTY));
    table.measure("the last source of all goes", |rib| rib.peer_down(PeerId(1), FamilySet::EMPTY));
}

struct World(Rib);

impl World {
    fn full() -> Self {
        let mut world = Self(common::rib(3));
        world.announce(PeerId(1));
        world.announce(LEAVER);
        world
    }

    fn up(&mut self) {
        self.0.peer_up(LEAVER, session(LEAVER.0));
    }

    /// Ten prefixes an UPDATE, each UPDATE with attributes of its own.
    fn announce(&mut self, peer: PeerId) {
        for set in 0..PREFIXES / 10 {
            let next_hop = NextHop::Addr(address(peer.0));
            let as_path = AsPath::sequence([Asn(65000 + peer.0), Asn(1 + set)]);
            let attrs = PathAttrs { as_path, ..PathAttrs::originated(next_hop) };
            self.0.apply(peer, &update(attrs, (set * 10..set * 10 + 10).map(|n| prefix(n, 30))));
            if set % 500 == 0 {
                self.turn();
            }
        }
        while self.turn() {}
    }

    fn turn(&mut self) -> bool {
        let more = self.0.settle(SETTLE);
        self.0.take_fib_changes();
        self.0.take_next_hops();
        for peer in 0..3 {
            while self.0.poll_chunk(PeerId(peer)).is_some() {}
        }
        more
    }

    fn measure(&mut self, name: &str, event: impl FnOnce(&mut Rib)) {
        let begin = Instant::now();
        event(&mut self.0);
        let (mut turns, mut longest) = (1, begin.elapsed());
        loop {
            let turn = Instant::now();
            let more = self.turn();
            longest = longest.max(turn.elapsed());
            turns += 1;
            if !more {
                break;
            }
        }
        println!("{name:<34} {turns:>9} {:>12} {:>10}", millis(longest), millis(begin.elapsed()));
    }
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
