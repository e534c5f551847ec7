//! A speaker that is about to go tells everybody to prefer any other path. RFC 8326 §4.2

use super::*;

impl World {
    /// Reads what there is for a peer.
    fn read(&mut self, to: usize, told: &mut Told) {
        while let Some(chunk) = self.rib.poll_chunk(PeerId(to as u32)) {
            told.read(&self.sessions[to].codec, &chunk);
        }
    }

    fn leave(&mut self, leaving: bool) {
        self.rib.set_leaving(leaving);
        while self.rib.settle(1) {}
    }
}

/// LOCAL_PREF and whether the community is there, of each prefix.
fn said(told: &Told) -> Vec<(Option<u32>, bool)> {
    told.table.values().map(|attrs| (attrs.local_pref, attrs.has_community(Community::GRACEFUL_SHUTDOWN))).collect()
}

#[test]
fn everybody_is_told_all_again_when_we_leave_and_when_we_stay_after_all() {
    let mut world = World::new();
    let from = world.peer(THEIRS, |_| ());
    let (outer, inner) = (world.peer(Asn(65002), |_| ()), world.peer(OWN, |_| ()));
    for prefix in ["10.1.0.0/16", "10.2.0.0/16"] {
        world.announce(from, path(from, &[65001]), prefix);
    }
    let mut told = [Told::default(), Told::default()];
    let all_told = |world: &World| [outer, inner].map(|peer| world.rib.is_told(PeerId(peer as u32)));
    for (leaving, to_outer, to_inner) in [
        (false, (None, false), (Some(100), false)),
        (true, (None, true), (Some(0), true)),
        (false, (None, false), (Some(100), false)),
    ] {
        let config = *world.rib.config();
        world.leave(leaving);
        assert_eq!(all_told(&world), [false; 2]);
        world.read(outer, &mut told[0]);
        assert_eq!(all_told(&world), [true, false]);
        world.read(inner, &mut told[1]);
        assert_eq!(all_told(&world), [true; 2]);
        assert_eq!(told.each_ref().map(said), [vec![to_outer; 2], vec![to_inner; 2]]);
        // Another configuration changes nothing about that, and what we think ourselves is as it was.
        world.rib.reconfigure(RibConfig { always_compare_med: !config.always_compare_med, leaving: false, ..config });
        while world.rib.settle(100) {}
        assert_eq!(world.rib.config().leaving, leaving);
        assert_eq!(world.path("10.1.0.0/16").attrs.local_pref, None);
    }
    world.leave(true);
    let late = world.peer(OWN, |_| ());
    while world.rib.settle(100) {}
    assert_eq!(world.told(late, "10.1.0.0/16").map(|attrs| attrs.local_pref), Some(Some(0)));
}

#[test]
fn who_has_not_been_given_the_whole_table_yet_is_not_told() {
    let mut world = World::new();
    let from = world.peer(THEIRS, |_| ());
    for n in 0..50 {
        world.announce(from, path(from, &[65001]), &format!("10.{n}.0.0/16"));
    }
    let inner = world.peer(OWN, |_| ());
    let mut told = Told::default();
    let (mut turns, id) = (0, PeerId(inner as u32));
    while !world.rib.is_told(id) {
        world.rib.settle(10);
        world.read(inner, &mut told);
        turns += 1;
        assert!(world.rib.is_told(id) == (told.table.len() == 50), "turn {turns}: {}", told.table.len());
    }
    assert!(turns >= 5, "{turns}");
    assert!(world.rib.is_told(PeerId(99)), "nobody is to be told anything");
}
