//! Two peers in a world of virtual time: a simulated TCP between them, a seed for everything that can vary.
//!
//! Whatever happened on the way (bytes split everywhere, packets late, connections cut at any step, both ends dialling
//! at once, one end passive), once the network leaves them alone the two must end up Established, over one connection,
//! agreeing on what they negotiated. The same seed gives the same trace. A failure prints the seed and the trace's end.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "fsm_world/world.rs"]
mod world;

use std::time::Duration;

use bgp_proto::fsm::{Command, DownReason, GrConfig, PeerConfig, PeerEvent, State};
use bgp_proto::message::Notification;
use bgp_proto::{Asn, Family, FamilySet, RouterId};

use world::{Network, Rng, Side, World};

fn config(local: u32, peer: u32) -> PeerConfig {
    PeerConfig { families: FamilySet::ALL, ..PeerConfig::new(Asn(local), RouterId(local), Asn(peer)) }
}

fn pair() -> (PeerConfig, PeerConfig) {
    (config(65001, 65002), config(65002, 65001))
}

/// Any two configurations that fit each other.
fn random_pair(rng: &mut Rng) -> (PeerConfig, PeerConfig) {
    let internal = rng.chance(30);
    let (mut a, mut b) = if internal { (config(65001, 65001), config(65001, 65001)) } else { pair() };
    a.local_id = RouterId(rng.below(3) as u32 + 1);
    // Equal identifiers only between ASes (RFC 6286).
    b.local_id = RouterId(if internal { a.local_id.0 ^ 4 } else { rng.below(3) as u32 + 1 });
    let passive = rng.below(4);
    (a.passive, b.passive) = (passive == 0, passive == 1);
    for config in [&mut a, &mut b] {
        config.hold_time = [0, 3, 9, 90, 240][rng.below(5) as usize];
        config.open_delay = rng.chance(25).then(|| Duration::from_millis(rng.below(3_000)));
        config.connect_retry = Duration::from_millis(500 + rng.below(5_000));
        config.damp_peer_oscillations = rng.chance(70);
        config.extended_message = rng.chance(50);
        config.route_refresh = rng.chance(50);
        config.add_path_rx = if rng.chance(50) { FamilySet::ALL } else { FamilySet::EMPTY };
        config.add_path_tx = if rng.chance(50) { FamilySet::ALL } else { FamilySet::EMPTY };
        config.graceful_restart = rng.chance(50).then(|| GrConfig {
            time: 120,
            restarted: rng.chance(50),
            forwarding_preserved: FamilySet::ALL,
            notification: rng.chance(50),
        });
    }
    (a, b)
}

#[test]
fn any_two_peers_in_any_weather_end_up_established() {
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let (a, b) = random_pair(&mut rng);
        let network = Network { max_delay_ms: 1 + rng.below(400), max_chunk: 1 + rng.below(80) as usize };
        let mut world = World::new(seed, network, a, b);
        world.start(Side::A);
        world.run_for(Duration::from_millis(rng.below(3_000)));
        world.start(Side::B);
        for _ in 0..rng.below(12) {
            match rng.below(6) {
                0 => world.cut(),
                1 => world.refuse(true),
                2 => world.refuse(false),
                3 => world.blackhole(true),
                4 => world.blackhole(false),
                _ => world.restart(if rng.chance(50) { Side::A } else { Side::B }),
            }
            world.run_for(Duration::from_millis(rng.below(15_000)));
        }
        world.refuse(false);
        world.blackhole(false);
        // Longer than any hold time, OPEN timeout and idle hold that may still run.
        world.run_for(Duration::from_secs(400));
        world.assert_established();
        let before = world.downs();
        world.run_for(Duration::from_secs(600));
        world.assert_established();
        assert_eq!(world.downs(), before, "seed {seed}: a session was lost in good weather\n{}", world.tail());
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = |seed| {
        let mut rng = Rng::new(seed);
        let (a, b) = random_pair(&mut rng);
        let mut world = World::new(seed, Network { max_delay_ms: 50, max_chunk: 7 }, a, b);
        world.start(Side::A);
        world.start(Side::B);
        world.run_for(Duration::from_secs(30));
        world.cut();
        world.run_for(Duration::from_secs(120));
        world.trace().to_string()
    };
    for seed in 0..20 {
        assert_eq!(trace(seed), trace(seed), "seed {seed}");
    }
    assert_ne!(trace(1), trace(2));
}

#[test]
fn a_connection_may_be_cut_at_every_step() {
    for (a_passive, b_passive) in [(false, false), (true, false), (false, true)] {
        for step in 0..60 {
            let (mut a, mut b) = pair();
            (a.passive, b.passive) = (a_passive, b_passive);
            let mut world = World::new(step, Network { max_delay_ms: 20, max_chunk: 30 }, a, b);
            world.start(Side::A);
            world.start(Side::B);
            world.run_steps(step as usize);
            world.cut();
            world.run_for(Duration::from_secs(60));
            world.assert_established();
        }
    }
}

#[test]
fn bytes_may_be_split_everywhere() {
    for max_chunk in 1..=40 {
        let (a, b) = pair();
        let mut world = World::new(max_chunk, Network { max_delay_ms: 5, max_chunk: max_chunk as usize }, a, b);
        world.start(Side::A);
        world.start(Side::B);
        world.run_for(Duration::from_secs(60));
        world.assert_established();
    }
}

#[test]
fn both_ends_dial_at_once_and_one_connection_stays() {
    // RFC 4271 §6.8: both orders of identifiers; any order in which the two OPENs arrive.
    let mut collisions = 0;
    for seed in 0..200 {
        let (mut a, mut b) = pair();
        (a.local_id, b.local_id) = if seed % 2 == 0 { (RouterId(1), RouterId(2)) } else { (RouterId(2), RouterId(1)) };
        let mut world = World::new(seed, Network { max_delay_ms: 30, max_chunk: 4096 }, a, b);
        world.start(Side::A);
        world.start(Side::B);
        world.run_for(Duration::from_secs(30));
        world.assert_established();
        collisions += world.peer(Side::A).counters().collisions;
    }
    assert!(collisions > 20, "the world does not make collisions any more: {collisions}");
}

#[test]
fn a_silent_peer_is_noticed_when_the_hold_time_is_over() {
    for (ours, theirs, hold) in [(90, 90, 90), (9, 90, 9), (90, 3, 3)] {
        let (a, b) = pair();
        let (a, b) = (PeerConfig { hold_time: ours, ..a }, PeerConfig { hold_time: theirs, ..b });
        let mut world = World::new(1, Network { max_delay_ms: 5, max_chunk: 4096 }, a, b);
        world.start(Side::A);
        world.start(Side::B);
        world.run_for(Duration::from_secs(20));
        world.assert_established();
        world.blackhole(true);
        world.run_for(Duration::from_secs(hold) * 2 / 3 - Duration::from_millis(50));
        assert_eq!(world.peer(Side::A).state(), State::Established, "not earlier\n{}", world.tail());
        world.run_for(Duration::from_secs(hold) / 3 + Duration::from_millis(100));
        for side in [Side::A, Side::B] {
            let down = world
                .events(side)
                .iter()
                .any(|event| *event == PeerEvent::Down(DownReason::HoldTimerExpired(Duration::from_secs(hold))));
            assert!(down, "{side:?}\n{}", world.tail());
        }
    }
}

#[test]
fn without_a_hold_time_silence_is_no_reason() {
    // RFC 4271 §4.2: zero means no KEEPALIVEs and no timer.
    let (a, b) = pair();
    let mut world = World::new(1, Network { max_delay_ms: 5, max_chunk: 4096 }, PeerConfig { hold_time: 0, ..a }, b);
    world.start(Side::A);
    world.start(Side::B);
    world.run_for(Duration::from_secs(30));
    let before = world.peer(Side::A).counters().sent.keepalive;
    world.run_for(Duration::from_secs(24 * 3600));
    world.assert_established();
    assert_eq!(world.peer(Side::A).counters().sent.keepalive, before);
    assert_eq!(world.peer(Side::A).poll_timeout(), None);
}

#[test]
fn a_restarted_peer_is_let_in_beside_its_old_connection() {
    // RFC 4724 §4.2: b dies so hard that not even its TCP says goodbye, and comes back with the R bit.
    let (mut a, mut b) = pair();
    (a.hold_time, b.hold_time) = (240, 240);
    let graceful = GrConfig { time: 120, restarted: false, forwarding_preserved: FamilySet::ALL, notification: false };
    (a.graceful_restart, b.graceful_restart) = (Some(graceful), Some(GrConfig { restarted: true, ..graceful }));
    let mut world = World::new(3, Network { max_delay_ms: 5, max_chunk: 4096 }, a, b);
    world.start(Side::A);
    world.start(Side::B);
    world.run_for(Duration::from_secs(30));
    world.assert_established();
    world.vanish(Side::B);
    world.run_for(Duration::from_secs(3));
    assert_eq!(world.peer(Side::A).state(), State::Established, "a knows nothing yet");
    world.start(Side::B);
    world.run_for(Duration::from_secs(8));
    world.assert_established();
    let events = world.events(Side::A);
    let down = events.iter().position(|event| matches!(event, PeerEvent::Down(_))).unwrap();
    assert_eq!(events[down], PeerEvent::Down(DownReason::PeerRestarted));
    assert!(events[down..].iter().any(|event| matches!(event, PeerEvent::Up(_))));
}

#[test]
fn a_host_that_forgot_the_session_is_made_to_say_so() {
    // As above without graceful restart: an established session wins a collision, so the dead one must be found out.
    let (mut a, mut b) = pair();
    (a.hold_time, b.hold_time) = (240, 240);
    let mut world = World::new(4, Network { max_delay_ms: 5, max_chunk: 4096 }, a, b);
    world.start(Side::A);
    world.start(Side::B);
    world.run_for(Duration::from_secs(30));
    world.vanish(Side::B);
    world.run_for(Duration::from_secs(3));
    world.start(Side::B);
    world.run_for(Duration::from_secs(15));
    world.assert_established();
}

#[test]
fn a_stop_with_a_text_reaches_the_peer_and_a_start_brings_it_back() {
    // RFC 9003
    let (a, b) = pair();
    let mut world = World::new(5, Network { max_delay_ms: 5, max_chunk: 3 }, a, b);
    world.start(Side::A);
    world.start(Side::B);
    world.run_for(Duration::from_secs(30));
    let shutdown = Notification::cease(2, Some("back at noon"));
    world.command(Side::A, Command::Stop(Some(shutdown.clone())));
    world.run_for(Duration::from_secs(60));
    assert_eq!(world.peer(Side::A).state(), State::Idle);
    assert_eq!(world.peer(Side::A).last_down(), &DownReason::Stopped(Some("back at noon".into())));
    let told = PeerEvent::Down(DownReason::NotificationReceived { notification: shutdown, state: State::Established });
    assert!(world.events(Side::B).contains(&told), "{}", world.tail());
    world.start(Side::A);
    world.run_for(Duration::from_secs(30));
    world.assert_established();
}

#[test]
fn an_update_goes_to_the_one_established_session() {
    let (a, b) = pair();
    let mut world = World::new(6, Network { max_delay_ms: 5, max_chunk: 3 }, a, b);
    world.start(Side::A);
    world.start(Side::B);
    world.run_for(Duration::from_secs(30));
    world.write(Side::A, bgp_proto::message::end_of_rib(Family::IPV6_UNICAST));
    world.run_for(Duration::from_secs(1));
    let ended = |event: &PeerEvent| matches!(event, PeerEvent::Update(u) if u.end_of_rib == Some(Family::IPV6_UNICAST));
    assert_eq!(world.events(Side::B).iter().filter(|event| ended(event)).count(), 1);
}
