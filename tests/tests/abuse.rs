//! Those who mean no good, in numbers: two innocent sessions with a hold time of three seconds stand beside, and must
//! not feel it. What one bad peer can do with a few messages stands in `battery/abuse.rs`.
//!
//! The words are those of the battery.
#![allow(dead_code, unused_imports, missing_docs, clippy::print_stdout, clippy::unwrap_used)]

#[path = "battery/harness/mod.rs"]
mod harness;

use std::collections::{BTreeSet, VecDeque};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use fastrand::Rng;
use harness::wire::UPDATE;
use harness::wire::code::MED;
use harness::{
    Event, Innocent, Neighbor, OURS, Open, PATIENCE, Peer, Roost, Setup, dial, header, keepalive, message, refresh,
};
use roost_tests::until;

const MIB: u64 = 1 << 20;
/// What one connection without an OPEN may cost, as `daemon/unopened.rs` states it.
const PER_CONNECTION: u64 = 64 << 10;

/// A roost whose peers 1 and 2 are innocent and 0 is whatever a test makes of it; `range` has further keys of a range of
/// dynamic peers.
fn roost(limits: &str, range: &str) -> (Roost, Innocent, Innocent) {
    let range = format!(
        "peer_groups: {{ nodes: {{ import: accept, export: accept, idle_hold: 100ms, idle_hold_max: 100ms }} }}\n\
         dynamic_peers: [ {{ prefix: 127.255.0.0/16, group: nodes, asn: 65010, {range} }} ]\n"
    );
    let setup = Setup::with([Neighbor::client(), Neighbor::client(), Neighbor::client()]);
    let roost = setup.router(&format!("limits: {{ {limits} }}")).more(&range).start();
    let (a, mut b) = (Innocent::of(&roost, 1), Innocent::of(&roost, 2));
    b.hears(&roost, &a, 0);
    (roost, a, b)
}

/// An address of the range.
fn guest(number: u16) -> Ipv4Addr {
    let [high, low] = (number + 256).to_be_bytes();
    Ipv4Addr::new(127, 255, high, low)
}

/// A guest on whose connection roost has said its OPEN, or `None` when it was refused.
fn visit(roost: &Roost, number: u16) -> Option<Peer> {
    let mut peer = Peer::connect(guest(number), roost.address(), usize::from(number % 200), Neighbor::ebgp(65010));
    matches!(peer.next(PATIENCE), Event::Message(1, _)).then_some(peer)
}

/// A guest with a session.
fn established(roost: &Roost, number: u16) -> Result<Peer, String> {
    let mut peer = visit(roost, number).ok_or("refused")?;
    peer.say(&open(number)).send(keepalive());
    let page = format!("/v1/peers/{}", guest(number));
    until("a guest is established", PATIENCE, || {
        let about = roost.page(&page);
        if about["state"] == "established" { Ok(()) } else { Err(about.to_string()) }
    });
    Ok(peer)
}

/// At the end of each test: nothing in roost has gone wrong, not even where it recovers.
#[track_caller]
fn no_panic(roost: &Roost) {
    let log = roost.log();
    let place = log.find("panicked").map(|at| &log[at..(at + 1000).min(log.len())]);
    assert_eq!(place, None);
}

fn refused(roost: &Roost, reason: &str) -> u64 {
    roost.page("/v1/status")["connections"]["refused"][reason].as_u64().unwrap()
}

fn waiting(roost: &Roost) -> u64 {
    roost.page("/v1/status")["connections"]["unopened"].as_u64().unwrap()
}

fn open(number: u16) -> Open {
    let [high, low] = number.to_be_bytes();
    Open::new(65010).id([10, 1, high, low])
}

#[test]
fn six_thousand_strangers_are_nobody() {
    let (roost, a, mut b) = roost("", "limit: 10");
    let before = roost.memory();
    let hello = Open::new(65001).encode();
    let mut held = VecDeque::new();
    for n in 0..6000_u32 {
        let mut stream = dial(roost.net().stranger(n as u8), roost.address()).unwrap();
        match n % 3 {
            0 => drop(stream),
            1 => held.push_back(stream),
            _ => {
                // Roost may have closed it already.
                let _ = stream.write_all(&hello);
                held.push_back(stream);
            }
        }
        if held.len() > 500 {
            held.pop_front();
        }
        if n % 1000 == 0 {
            b.hears(&roost, &a, n + 1);
        }
    }
    b.hears(&roost, &a, 1_000_000);
    until("all strangers are counted", PATIENCE, || {
        let count = refused(&roost, "stranger");
        if count == 6000 { Ok(()) } else { Err(count.to_string()) }
    });
    assert_eq!(waiting(&roost), 0);
    let grown = roost.memory().saturating_sub(before);
    println!("6000 strangers: {grown} octets more");
    assert!(grown < 8 * MIB, "{grown} octets more");
    // A flood of strangers is not one of the log.
    assert!(roost.log().matches("no peer has this address").count() < 10);
    no_panic(&roost);
}

#[test]
fn silent_guests_take_no_more_than_their_places_and_keep_no_peer_out() {
    // RFC 4271 §8.2.2: the time an OPEN may take.
    let (roost, a, mut b) = roost("unopened: 300, open_timeout: 40s", "limit: 301, forget_after: 60s");
    let old_friend = established(&roost, 1000).unwrap();
    let before = roost.memory();

    // Each says as much as fits before an OPEN is whole.
    let unfinished = [header(4096, 1), vec![0; 4000]].concat();
    let mut silent: Vec<Peer> = (0..300).filter_map(|n| visit(&roost, n)).collect();
    silent.iter_mut().for_each(|peer| _ = peer.send(&unfinished));
    assert_eq!(silent.len(), 300);
    until("all of them wait", PATIENCE, || {
        let count = waiting(&roost);
        if count == 300 { Ok(()) } else { Err(count.to_string()) }
    });
    assert!((300..800).all(|n| visit(&roost, n).is_none()), "no more than 300 are let in");
    assert_eq!(refused(&roost, "unopened"), 500);
    let grown = roost.memory().saturating_sub(before);
    println!("300 silent guests: {} octets more each", grown / 300);
    assert!(grown < 300 * PER_CONNECTION, "{grown} octets more");

    // A listed peer gets in, and so does one that was here before.
    roost.peer(0).settle(&roost);
    old_friend.reset();
    established(&roost, 1000).unwrap();
    b.hears(&roost, &a, 1);
    // The first half has the whole time, the others have a quarter: their places are free again, for anyone, also those
    // of the range, where only who had a session is remembered.
    let mut newcomer = until("somebody new is let in", PATIENCE, || {
        visit(&roost, 1001).ok_or_else(|| roost.page("/v1/status")["connections"].to_string())
    });
    newcomer.say(&open(1001)).expect_keepalive();
    assert!(refused(&roost, "open_timeout") > 0);
    b.hears(&roost, &a, 2);
    no_panic(&roost);
}

#[test]
fn an_open_octet_by_octet_has_no_more_time_than_any_other() {
    // RFC 4271 §8.2.2: only a whole message ends the wait.
    let (roost, a, mut b) = roost("open_timeout: 3s", "limit: 200, forget_after: 1s");
    let start = Instant::now();
    let mut slow: Vec<Peer> = (0..100).map(|n| visit(&roost, n).unwrap()).collect();
    let octets = open(0).encode();
    // Slow enough that it is never whole.
    for (n, octet) in octets[..octets.len() - 1].iter().enumerate() {
        slow.iter_mut().for_each(|peer| _ = peer.send([*octet]));
        if n % 8 == 0 {
            b.hears(&roost, &a, n as u32 + 1);
        }
        if refused(&roost, "open_timeout") == 100 {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    slow.iter_mut().for_each(|peer| peer.expect_notification(4, 0, &[]));
    assert!(start.elapsed() >= Duration::from_secs(3));
    assert_eq!((refused(&roost, "open_timeout"), waiting(&roost)), (100, 0));
    b.hears(&roost, &a, 1000);
    no_panic(&roost);
}

#[test]
fn one_address_has_its_share() {
    let (roost, a, mut b) = roost("unopened_per_peer: 2", "limit: 10");
    for n in 0..1000 {
        // Kept open by nobody, and never with an OPEN.
        drop(dial(roost.net().peer(0), roost.address()).unwrap());
        if n % 100 == 0 {
            assert!(waiting(&roost) <= 2);
        }
    }
    let held: Vec<TcpStream> = (0..200).map(|_| dial(roost.net().peer(0), roost.address()).unwrap()).collect();
    assert!(waiting(&roost) <= 2);
    b.hears(&roost, &a, 1);
    drop(held);
    roost.connect_again(0, Open::new(OURS).id(Roost::peer_id(0))).settle(&roost);
    no_panic(&roost);
}

#[test]
fn floods_of_keepalives_and_refreshes_cost_only_who_sends_them() {
    let (roost, a, mut b) = roost("", "limit: 10");
    let prefixes: Vec<String> = (0..5000).map(|n| format!("10.{}.{}.0/24", n / 250, n % 250)).collect();
    let mut source = established(&roost, 0).unwrap();
    for chunk in prefixes.chunks(500) {
        let route = source.route(&chunk.iter().map(String::as_str).collect::<Vec<_>>());
        source.update(&route);
    }
    let mut bad = roost.peer(0);
    while !bad.expect_update().announces(&prefixes[4999]) {}
    let before = roost.memory();

    // One reads what it is told: 5,000 routes for each question is more than it can ask for.
    let mut reader = bad.stream().try_clone().unwrap();
    let told = Arc::new(AtomicU64::new(0));
    let count_told = told.clone();
    let reading = std::thread::spawn(move || {
        let mut buffer = [0; 65_536];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            count_told.fetch_add(count as u64, Ordering::Relaxed);
        }
    });
    let block = [keepalive().repeat(500), refresh(1, 0, 1).repeat(500)].concat();
    for round in 0..100_u32 {
        bad.send(&block);
        if round % 10 == 0 {
            b.hears(&roost, &a, round + 1);
        }
    }
    b.hears(&roost, &a, 1000);
    until("the flood is over", PATIENCE, || {
        let about = roost.about(0);
        let count = about["messages"]["refresh_in"].as_u64().unwrap();
        if count >= 50_000 { Ok(()) } else { Err(format!("{about}")) }
    });
    until("the last of them is answered", PATIENCE, || {
        let told = told.load(Ordering::Relaxed);
        if told > 4 * 5000 { Ok(()) } else { Err(told.to_string()) }
    });
    let (grown, told) = (roost.memory().saturating_sub(before), told.load(Ordering::Relaxed));
    println!("50,000 refreshes: {told} octets told, {grown} octets more");
    assert!(grown < 32 * MIB, "{grown} octets more");
    assert_eq!(roost.about(0)["established_count"], 1);
    // Questions that come while one waits are one question: 50,000 answers would be a GiB.
    assert!(told < 128 * MIB, "{told} octets told");
    bad.finish();
    reading.join().unwrap();
    no_panic(&roost);
}

/// The host routes from 10.0.0.0 on as UPDATEs of 900 each, with this MED.
fn host_routes(peer: &Peer, count: u32, med: u32) -> Vec<u8> {
    let all: Vec<u32> = (0..count).collect();
    let message = |part: &[u32]| {
        let nlri: Vec<u8> = part.iter().flat_map(|n| [&[32][..], &(0x0a00_0000 + n).to_be_bytes()].concat()).collect();
        peer.route(&[]).med(med).nlri_raw(&nlri).encode()
    };
    all.chunks(700).flat_map(message).collect()
}

#[test]
fn a_deaf_peer_costs_nobody_a_route_while_a_hundred_thousand_change() {
    let (roost, a, mut b) = roost("", "limit: 10, forget_after: 1s");
    let mut deaf = roost.peer(0);
    deaf.await_end_of_rib(1);
    let mut source = established(&roost, 0).unwrap();
    source.send(host_routes(&source, 100_000, 0));
    source.settle(&roost);
    let start = roost.memory();
    let mut change = |from: u32| {
        for med in from..from + 10 {
            source.send(host_routes(&source, 100_000, med));
            b.hears(&roost, &a, med);
        }
        source.settle(&roost);
        roost.memory()
    };
    let (once, twice) = (change(1), change(11));
    println!("a million changes before a deaf peer: {start}, then {once}, a million more: {twice} octets");
    assert!(once < start + 32 * MIB, "{start}, then {once} octets");
    // What a peer has not read is kept by prefix, not by change.
    assert!(twice < once + 16 * MIB, "{once}, then {twice} octets");
    // Who reads has the last word on each.
    source.send(host_routes(&source, 100_000, 4711));
    let mut last = BTreeSet::new();
    while last.len() < 100_000 {
        let told = b.expect_update();
        if told.has(MED) && told.number(MED) == 4711 {
            last.extend(told.announced);
        }
    }
    let about = roost.about(0);
    assert_eq!((&about["state"], &about["established_count"]), (&"established".into(), &1.into()), "{about}");
    // And so has the deaf one, as soon as it reads.
    assert_eq!(deaf.adj_out(1).keys().filter(|(prefix, _)| prefix.starts_with("10.")).count(), 100_000);
    no_panic(&roost);
}

#[test]
fn a_million_prefixes_beyond_a_limit_that_only_blocks_are_not_kept() {
    let limited = Neighbor::ebgp(65001).with("max_prefix: { limit: 1000, action: block }");
    let roost = Setup::with([limited, Neighbor::client(), Neighbor::client()]).start();
    let (a, mut b) = (Innocent::of(&roost, 1), Innocent::of(&roost, 2));
    b.hears(&roost, &a, 0);
    let mut bad = roost.peer(0);
    let before = roost.memory();
    let octets = host_routes(&bad, 1_000_000, 0);
    bad.send(octets);
    b.hears(&roost, &a, 1);
    until("all million are read", PATIENCE, || {
        let about = roost.about(0);
        if about["messages"]["update_in"].as_u64() >= Some(1_429) { Ok(()) } else { Err(about.to_string()) }
    });
    until("a thousand are held", PATIENCE, || {
        let about = roost.about(0);
        if about["received"] == 1000 { Ok(()) } else { Err(about.to_string()) }
    });
    b.hears(&roost, &a, 2);
    let grown = roost.memory().saturating_sub(before);
    println!("a million prefixes over the limit: {grown} octets more");
    assert!(grown < 32 * MIB, "{grown} octets more");
    no_panic(&roost);
}

#[test]
fn mutated_and_random_messages_harm_only_their_session() {
    let seed = std::env::var("ROOST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| SystemTime::UNIX_EPOCH.elapsed().map_or(1, |now| now.as_nanos() as u64));
    println!("ROOST_SEED={seed}");
    let mut random = Rng::with_seed(seed);
    let (roost, a, mut b) = roost("", "limit: 1000, forget_after: 1s");
    let before = roost.memory();
    for round in 0..600_u16 {
        let mut peer = visit(&roost, round).unwrap();
        if random.u8(..3) > 0 {
            peer.say(&open(round)).send(keepalive());
            let good = peer.route(&["10.1.0.0/16", "10.2.0.0/15"]).med(5).communities(&[1, 2, 3]).encode();
            for _ in 0..random.u8(..30) {
                let octets = spoil(&mut random, &good);
                peer.send(octets);
            }
        } else {
            let octets = spoil(&mut random, &open(round).encode());
            peer.send(octets);
        }
        peer.finish();
        while let Event::Message(..) = peer.next(PATIENCE) {}
        if round % 100 == 0 {
            b.hears(&roost, &a, u32::from(round) + 1);
        }
    }
    b.hears(&roost, &a, 1000);
    let grown = roost.memory().saturating_sub(before);
    println!("600 visits: {grown} octets more");
    assert!(grown < 32 * MIB, "{grown} octets more");
    no_panic(&roost);
}

/// The message with some octets changed, or cut, or another one of the same header, or noise.
fn spoil(random: &mut Rng, good: &[u8]) -> Vec<u8> {
    match random.u8(..8) {
        0 => (0..random.usize(..300)).map(|_| random.u8(..)).collect(),
        1 => {
            let body: Vec<u8> = (0..random.usize(..200)).map(|_| random.u8(..)).collect();
            message(random.u8(1..7), &body)
        }
        2 => good[..random.usize(..good.len())].to_vec(),
        _ => {
            let mut octets = good.to_vec();
            for _ in 0..random.u8(1..5) {
                let at = random.usize(16..octets.len());
                octets[at] = random.u8(..);
            }
            octets
        }
    }
}
