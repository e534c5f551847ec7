//! Peers and strangers that mean no good: the others keep their sessions, their routes and their timing, memory stays
//! bounded, and the process lives.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::harness::wire::code::*;
use crate::harness::wire::{KEEPALIVE, OPT_TRANS, ROUTE_REFRESH, UPDATE, attribute};
use crate::harness::{
    Event, Neighbor, Open, PATIENCE, Peer, Roost, Setup, Told, Update, dial, header, keepalive, message, notification,
    refresh,
};

const PREFIX: &str = "10.1.0.0/16";
const MIB: u64 = 1 << 20;

/// A roost whose peer 0 is the one that means no good; 1 and 2 are innocent, and 2 hears 1.
fn three() -> Setup {
    Setup::with([Neighbor::ebgp(65001), Neighbor::client(), Neighbor::client()])
}

/// The innocent still hear each other, at once, and over the sessions they had.
#[track_caller]
fn innocent(roost: &Roost, a: &mut Peer, b: &mut Peer) {
    static NEWS: AtomicU32 = AtomicU32::new(0);
    let start = Instant::now();
    let med = NEWS.fetch_add(1, Ordering::Relaxed);
    let route = a.route(&["10.77.0.0/16"]).med(med);
    a.update(&route);
    assert_eq!(b.await_route("10.77.0.0/16").number(MED), med);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    for number in [1, 2] {
        assert_eq!(roost.about(number)["established_count"].as_u64(), Some(1));
    }
}

// ---- connections

#[test]
fn a_thousand_strangers_disturb_nobody() {
    let roost = three().start();
    let (mut a, mut b) = (roost.peer(1), roost.peer(2));
    let before = roost.memory();
    for n in 0..1000_u32 {
        let source = roost.net().stranger(n as u8);
        if let Ok(mut stream) = dial(source, roost.address()) {
            use std::io::Write;
            let _ = stream.write_all(&Open::new(65001).encode());
        }
    }
    innocent(&roost, &mut a, &mut b);
    let grown = roost.memory().saturating_sub(before);
    assert!(grown < 16 * MIB, "{grown} octets more");
}

#[test]
fn strangers_who_stay_are_closed() {
    let roost = three().start();
    let mut streams: Vec<Peer> = (0..50).map(|n| roost.stranger(n)).collect();
    streams.iter_mut().for_each(Peer::expect_end);
}

#[test]
fn connections_without_end_from_a_peer_leave_its_session_alone() {
    let roost = three().start();
    let (mut bad, mut a, mut b) = (roost.peer(0), roost.peer(1), roost.peer(2));
    let streams: Vec<TcpStream> = (0..300).filter_map(|_| dial(roost.net().peer(0), roost.address()).ok()).collect();
    innocent(&roost, &mut a, &mut b);
    bad.settle(&roost);
    assert_eq!(roost.about(0)["established_count"].as_u64(), Some(1));
    drop(streams);
}

#[test]
fn connections_without_end_from_a_peer_do_not_keep_it_out() {
    let roost = three().start();
    let streams: Vec<TcpStream> = (0..100).filter_map(|_| dial(roost.net().peer(0), roost.address()).ok()).collect();
    drop(streams);
    roost.connect_again(0, Open::new(65001)).settle(&roost);
}

#[test]
fn a_silent_connection_does_not_keep_the_peer_out() {
    let roost = three().start();
    let mut silent = roost.connect(0);
    silent.expect_open();
    roost.peer(0).settle(&roost);
}

#[test]
fn an_open_octet_by_octet_delays_nobody() {
    let roost = three().start();
    let (mut a, mut b) = (roost.peer(1), roost.peer(2));
    let mut slow = roost.connect(0);
    slow.expect_open();
    let open = Open::new(65001).encode();
    for octet in &open[..open.len() - 1] {
        slow.send([*octet]);
        if octet % 8 == 0 {
            innocent(&roost, &mut a, &mut b);
        }
    }
    slow.send(&open[open.len() - 1..]).expect_keepalive();
}

#[test]
fn a_peer_that_comes_and_goes_two_hundred_times_is_served_the_last_time() {
    let roost = three().start();
    let (mut a, mut b) = (roost.peer(1), roost.peer(2));
    for n in 0..200 {
        let mut peer = roost.connect(0);
        match n % 3 {
            0 => {}
            1 => _ = peer.say(&Open::new(65001)),
            _ => _ = peer.send([Open::new(65001).encode(), keepalive()].concat()),
        }
        peer.reset();
    }
    innocent(&roost, &mut a, &mut b);
    roost.connect_again(0, Open::new(65001)).settle(&roost);
}

// ---- floods

#[test]
fn a_flood_of_keepalives_disturbs_nobody() {
    let roost = three().start();
    let (mut bad, mut a, mut b) = (roost.peer(0), roost.peer(1), roost.peer(2));
    let block = keepalive().repeat(1000);
    for _ in 0..100 {
        bad.send(&block);
    }
    innocent(&roost, &mut a, &mut b);
    bad.settle(&roost);
    assert!(roost.about(0)["messages"]["keepalive_in"].as_u64() > Some(100_000));
}

#[test]
fn a_flood_of_refreshes_is_answered_and_disturbs_nobody() {
    let roost = three().start();
    let (mut bad, mut a, mut b) = (roost.peer(0), roost.peer(1), roost.peer(2));
    let prefixes: Vec<String> = (0..800).map(|n| format!("10.{}.{}.0/24", n / 250, n % 250)).collect();
    let route = a.route(&prefixes.iter().map(String::as_str).collect::<Vec<_>>());
    a.update(&route).settle(&roost);
    let before = roost.memory();
    bad.send(refresh(1, 0, 1).repeat(10_000));
    innocent(&roost, &mut a, &mut b);
    // The answers do not pile up: a question that is not answered yet is asked once.
    let grown = roost.memory().saturating_sub(before);
    assert!(grown < 64 * MIB, "{grown} octets more");
    // However many answers: one that was asked for behind all of them has everything, this news among it.
    let news = a.route(&["10.99.0.0/16"]);
    a.update(&news).settle(&roost);
    bad.send(refresh(1, 0, 1));
    let mut answer = BTreeSet::new();
    loop {
        match bad.next(PATIENCE) {
            Event::Message(UPDATE, body) => answer.extend(Told::read(&body, false).announced),
            Event::Message(ROUTE_REFRESH, body) if body[2] == 1 => answer.clear(),
            Event::Message(ROUTE_REFRESH, _) if answer.iter().any(|(_, prefix)| prefix == "10.99.0.0/16") => break,
            Event::Message(ROUTE_REFRESH | KEEPALIVE, _) => {}
            other => panic!("{other:02x?}"),
        }
    }
    // With it, those of `innocent` and of the two markers.
    assert_eq!(answer.len(), 800 + 4, "{answer:?}");
}

#[test]
fn a_flood_of_end_of_ribs_disturbs_nobody() {
    let roost = three().start();
    let (mut bad, mut a, mut b) = (roost.peer(0), roost.peer(1), roost.peer(2));
    bad.send(message(UPDATE, &[0; 4]).repeat(20_000));
    innocent(&roost, &mut a, &mut b);
    bad.settle(&roost);
}

#[test]
fn a_route_that_flaps_twenty_thousand_times_has_its_last_word() {
    let roost = three().start();
    let (mut bad, mut a, mut b) = (roost.peer(0), roost.peer(1), roost.peer(2));
    let flap = [bad.route(&[PREFIX]).encode(), Update::new().withdraw(&[PREFIX]).encode()].concat();
    bad.send(flap.repeat(20_000));
    let last = bad.route(&[PREFIX]).med(4711);
    bad.update(&last).settle(&roost);
    assert_eq!(roost.row(0, PREFIX).med, Some(4711));
    innocent(&roost, &mut a, &mut b);
    assert_eq!(b.told(PREFIX).number(MED), 4711);
}

#[test]
fn a_flood_of_errors_that_sessions_survive_costs_no_session() {
    let roost = three().start();
    let (mut bad, mut a, mut b) = (roost.peer(0), roost.peer(1), roost.peer(2));
    let wrong = bad.route(&[PREFIX]).origin(9).encode();
    bad.send(wrong.repeat(5000));
    bad.settle(&roost);
    assert_eq!(roost.about(0)["update_faults"].as_u64(), Some(5000));
    innocent(&roost, &mut a, &mut b);
}

// ---- garbage

#[test]
fn garbage_before_an_open_is_answered_and_forgotten() {
    let roost = three().start();
    let (mut a, mut b) = (roost.peer(1), roost.peer(2));
    let mut random = Rng::with_seed(0x5eed_0001);
    for _ in 0..100 {
        let octets: Vec<u8> = (0..1 + random.usize(..300)).map(|_| random.u8(..)).collect();
        let mut peer = roost.connect(0);
        peer.send(&octets);
        peer.finish();
        while let Event::Message(..) = peer.next(PATIENCE) {}
    }
    innocent(&roost, &mut a, &mut b);
}

#[test]
fn garbage_behind_a_good_header_is_answered_and_forgotten() {
    let roost = three().start();
    let (mut a, mut b) = (roost.peer(1), roost.peer(2));
    let mut random = Rng::with_seed(0x5eed_0002);
    for n in 0..25 {
        let octets: Vec<u8> = (0..random.usize(..200)).map(|_| random.u8(..)).collect();
        let mut peer = roost.connect_again(0, Open::new(65001));
        peer.send(message(1 + n % 5, &octets));
        peer.finish();
        while let Event::Message(..) = peer.next(PATIENCE) {}
    }
    innocent(&roost, &mut a, &mut b);
}

#[test]
fn good_messages_with_one_octet_changed_never_end_the_process() {
    let roost = three().start();
    let (mut a, mut b) = (roost.peer(1), roost.peer(2));
    let mut random = Rng::with_seed(0x5eed_0003);
    let mut bad = roost.peer(0);
    let good = bad
        .route(&[PREFIX, "10.2.0.0/15"])
        .med(5)
        .communities(&[1, 2, 3])
        .attr(OPT_TRANS, AGGREGATOR, &[0, 0, 0xfd, 0xe9, 1, 2, 3, 4])
        .attr(OPT_TRANS, LARGE_COMMUNITIES, &[7; 24])
        .attr(OPT_TRANS, 200, &[1; 9])
        .encode();
    let mut sessions = 1;
    for _ in 0..400 {
        let mut octets = good.clone();
        // Beyond the header: what RFC 7606 is about.
        let at = 19 + random.usize(..octets.len() - 19);
        octets[at] = random.u8(..);
        // What roost thinks of it is known when the question behind it is answered, or the session has ended.
        bad.send(octets).send(refresh(1, 0, 1));
        let stands = loop {
            match bad.next(PATIENCE) {
                Event::Message(ROUTE_REFRESH, body) if body[2] == 2 => break true,
                Event::Message(..) => {}
                Event::Closed => break false,
                Event::Silence => panic!("neither an answer nor an end\n{}", roost.log()),
            }
        };
        if !stands {
            bad = roost.connect_again(0, Open::new(65001));
            sessions += 1;
        }
    }
    innocent(&roost, &mut a, &mut b);
    assert!(sessions > 1, "no change was worth a reset");
    drop(bad);
    roost.connect_again(0, Open::new(65001)).settle(&roost);
}

#[test]
fn a_notification_of_4096_octets_is_read() {
    let roost = three().start();
    let mut bad = roost.peer(0);
    bad.send(notification(6, 2, &vec![0xff; 4096 - 21])).expect_end_without_notification();
    roost.connect_again(0, Open::new(65001)).settle(&roost);
}

#[test]
fn a_header_that_promises_much_costs_no_more_than_a_message() {
    let roost = Setup::with((0..20).map(|n| Neighbor::ebgp(65001 + n))).start();
    let before = roost.memory();
    let mut peers: Vec<Peer> =
        (0..20).map(|n| roost.peer_with(n, Open::new(65001 + n as u32).cap(6, &[]).id(Roost::peer_id(n)))).collect();
    for peer in &mut peers {
        peer.send(header(65_535, UPDATE)).send([0; 1000]);
    }
    let grown = roost.memory().saturating_sub(before);
    assert!(grown < 20 * 4 * 65_536 + 8 * MIB, "{grown} octets more for 20 peers");
}

// ---- a peer that stops reading

#[test]
fn a_peer_that_stops_reading_delays_nobody_and_has_the_last_word_in_the_end() {
    let roost = three().start();
    let (mut deaf, mut a, mut b) = (roost.peer(0), roost.peer(1), roost.peer(2));
    deaf.await_end_of_rib(1);
    let before = roost.memory();
    // 40 rounds of 2,000 routes with a hundred communities each time: far more than the sockets hold.
    let prefixes: Vec<String> = (0..2000).map(|n| format!("10.{}.{}.0/24", n / 250, n % 250)).collect();
    let chunks: Vec<Vec<&str>> = prefixes.chunks(40).map(|chunk| chunk.iter().map(String::as_str).collect()).collect();
    let mut told = 0;
    for round in 0..40_u32 {
        for (n, chunk) in chunks.iter().enumerate() {
            let communities: Vec<u32> = (0..100).map(|m| round << 16 | (n as u32) << 7 | m).collect();
            let route = a.route(chunk).communities(&communities);
            a.update(&route);
        }
        // The one who reads keeps up.
        a.settle(&roost);
        while told <= round {
            let update = b.expect_update();
            if update.announces(prefixes.last().expect("2,000")) {
                told = (update.value(COMMUNITIES)[1] as u32) + 1;
            }
        }
    }
    let grown = roost.memory().saturating_sub(before);
    assert!(grown < 64 * MIB, "{grown} octets more");
    assert_eq!(roost.about(0)["state"], "established");
    // And now it reads: what it has at the end is what the other one has.
    assert_eq!(deaf.adj_out(1).keys().collect::<Vec<_>>(), b.adj_out(1).keys().collect::<Vec<_>>());
    let last = deaf.told(&prefixes[1999]);
    assert_eq!(last.value(COMMUNITIES)[..2], [0, 39]);
}

#[test]
fn a_peer_that_stops_reading_for_the_send_hold_time_loses_its_session() {
    // RFC 9687 §3, §4: its KEEPALIVEs keep coming, but nothing of ours is taken
    let deaf = Neighbor::client().with("send_hold: 2s");
    let roost = Setup::with([deaf, Neighbor::client(), Neighbor::client()]).start();
    let (mut deaf, mut a, mut b) = (roost.peer(0), roost.peer(1), roost.peer(2));
    deaf.await_end_of_rib(1);
    let route = deaf.route(&[PREFIX]);
    deaf.update(&route).settle(&roost);
    // More than the sockets hold.
    let prefixes: Vec<String> = (0..1000).map(|n| format!("10.{}.{}.0/24", n / 250, n % 250)).collect();
    for round in 0..20_u32 {
        for (n, prefix) in (0..).zip(&prefixes) {
            let communities: Vec<u32> = (0..100).map(|m: u32| round << 20 | n << 7 | m).collect();
            let route = a.route(&[prefix]).communities(&communities);
            a.update(&route);
        }
        a.settle(&roost);
    }
    roost.await_reason(0, "send hold timer expired");
    b.await_withdrawal(PREFIX);
    assert_eq!(roost.about(1)["state"], "established");
    assert_eq!(roost.about(2)["state"], "established");
}

#[test]
fn a_peer_that_stops_reading_still_withdraws_with_its_end() {
    let roost = three().start();
    let (mut deaf, mut a, mut b) = (roost.peer(0), roost.peer(1), roost.peer(2));
    let route = deaf.route(&[PREFIX]);
    deaf.update(&route).settle(&roost);
    let of_a = a.route(&["10.5.0.0/16"]);
    for med in 0..2000 {
        a.update(&of_a.clone().med(med));
    }
    b.await_route("10.5.0.0/16");
    deaf.reset();
    b.await_withdrawal(PREFIX);
}

// ---- large things

#[test]
fn a_path_of_a_thousand_numbers_is_a_path() {
    let roost = Setup::with([Neighbor::ebgp(65001).with("allow_as_in: 0"), Neighbor::client()]).start();
    let mut bad = roost.peer_with(0, Open::new(65001).cap(6, &[]));
    let mut to = roost.peer_with(1, Open::new(65000).cap(6, &[]).id(Roost::peer_id(1)));
    let path: Vec<u32> = [65001].into_iter().chain(100_000..101_400).collect();
    let route = bad.route(&[PREFIX]).path(&path);
    bad.update(&route).settle(&roost);
    assert_eq!(to.told(PREFIX).path(), path);
}

#[test]
fn a_path_of_sixteen_thousand_numbers_is_a_path() {
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::client()]).start();
    let mut bad = roost.peer_with(0, Open::new(65001).cap(6, &[]));
    let mut to = roost.peer_with(1, Open::new(65000).cap(6, &[]).id(Roost::peer_id(1)));
    let path: Vec<u32> = [65001].into_iter().chain(100_000..116_000).collect();
    let route = bad.route(&[PREFIX]).path(&path);
    bad.update(&route).settle(&roost);
    assert_eq!(to.told(PREFIX).path(), path);
}

#[test]
fn the_longest_path_of_two_loses() {
    // Lengths beyond what fits 8 bits, and beyond 255 in one segment.
    let roost = Setup::with([Neighbor::client(), Neighbor::client()]).start();
    let open = |number| Open::new(65000).cap(6, &[]).id(Roost::peer_id(number));
    let (mut a, mut b) = (roost.peer_with(0, open(0)), roost.peer_with(1, open(1)));
    let long = a.route(&[PREFIX]).path(&(100_000..100_257).collect::<Vec<_>>());
    let short = b.route(&[PREFIX]).path(&(100_000..100_256).collect::<Vec<_>>());
    a.update(&long).settle(&roost);
    b.update(&short).settle(&roost);
    assert_eq!(roost.prefixes(1), [PREFIX]);
}

#[test]
fn sixty_thousand_octets_of_attributes_are_taken_and_passed_on() {
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::client(), Neighbor::client()]).start();
    let mut bad = roost.peer_with(0, Open::new(65001).cap(6, &[]));
    let mut long = roost.peer_with(1, Open::new(65000).cap(6, &[]).id(Roost::peer_id(1)));
    let mut short = roost.peer(2);
    let value: Vec<u8> = (0..60_000_u32).map(|n| n as u8).collect();
    let route = bad.route(&[PREFIX]).raw(&attribute(OPT_TRANS, 200, &value));
    bad.update(&route).settle(&roost);
    assert_eq!(long.told(PREFIX).value(200), value);
    assert_eq!(short.adj_out_prefixes(), [""; 0]);
}

#[test]
fn a_thousand_unknown_attributes_are_carried_or_refused_whole() {
    // All 200 codes roost does not know, several times over: the first of each counts (RFC 7606 §3 g).
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::client()]).start();
    let mut bad = roost.peer_with(0, Open::new(65001).cap(6, &[]));
    let mut to = roost.peer(1);
    let mut route = bad.route(&[PREFIX]);
    for n in 0..1000_u32 {
        route = route.attr(OPT_TRANS, 41 + (n % 200) as u8, &[n as u8]);
    }
    bad.update(&route).settle(&roost);
    let told = to.told(PREFIX);
    assert_eq!(told.attrs.range(41..241).count(), 200);
    assert_eq!(told.value(41), [0]);
}

#[test]
fn ten_thousand_sets_of_attributes_are_given_back() {
    let roost = three().start();
    let (mut bad, mut a, mut b) = (roost.peer(0), roost.peer(1), roost.peer(2));
    let prefixes: Vec<String> = (0..2000).map(|n| format!("11.{}.{}.0/24", n / 250, n % 250)).collect();
    let round = |bad: &mut Peer, round: u32| {
        for (n, prefix) in prefixes.iter().enumerate() {
            let route = bad.route(&[prefix]).communities(&[round, n as u32]);
            bad.update(&route);
        }
        bad.settle(&roost);
    };
    round(&mut bad, 0);
    let before = roost.memory();
    (1..5).for_each(|n| round(&mut bad, n));
    let grown = roost.memory().saturating_sub(before);
    assert!(grown < 16 * MIB, "{grown} octets more for the same number of routes");
    innocent(&roost, &mut a, &mut b);
}
