//! Peers nobody has listed, on the wire: made by a connection, counted, forgotten with their routes.
//!
//! The words are those of the battery, whose cases stand in `battery/`.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "battery/harness/mod.rs"]
mod harness;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use harness::{Neighbor, Open, PATIENCE, Peer, Roost, Setup};
use roost_tests::until;
use serde_json::Value;

const RANGE: &str = "peer_groups: { nodes: { import: accept, export: accept, max_prefix: { limit: 10 } } }\n\
                     dynamic_peers: [ { prefix: 127.0.0.0/8, group: nodes, asn: 65010, limit: 2, forget_after: 300ms } ]\n";

/// A connection from an address nobody has listed.
fn guest(roost: &Roost, number: u8) -> Peer {
    Peer::connect(roost.net().stranger(number), roost.address(), usize::from(number), Neighbor::ebgp(65010))
}

fn open(number: u8) -> Open {
    Open::new(65010).id([10, 0, 1, number])
}

/// The row of a guest, once it is in this state.
fn row(roost: &Roost, number: u8, state: &str) -> Value {
    let address = roost.net().stranger(number).to_string();
    until(&format!("guest {number} is {state}"), PATIENCE, || {
        let page = roost.page("/v1/peers");
        let row = page.as_array().unwrap().iter().find(|row| row["address"] == *address);
        row.filter(|row| row["state"] == state).cloned().ok_or_else(|| format!("{page:#}\n{}", roost.log()))
    })
}

fn forgotten(roost: &Roost, number: u8) {
    let address = roost.net().stranger(number).to_string();
    until(&format!("guest {number} is forgotten"), PATIENCE, || {
        let page = roost.page("/v1/peers");
        let known = page.as_array().unwrap().iter().any(|row| row["address"] == *address);
        if known { Err(format!("{page:#}")) } else { Ok(()) }
    });
}

#[test]
fn a_connection_from_a_range_makes_a_peer_until_it_is_gone_for_good() {
    let roost = Setup::with([Neighbor::ebgp(65001)]).more(RANGE).start();
    let mut listed = roost.peer(0);
    let mut first = guest(&roost, 1);
    first.establish(&open(1));
    let about = row(&roost, 1, "established");
    assert_eq!(
        (&about["range"], &about["asn"], &about["kind"]),
        (&"127.0.0.0/8".into(), &65010.into(), &"external".into())
    );
    first.update(&first.route(&["192.168.1.0/24"]));
    listed.await_route("192.168.1.0/24");

    let mut second = guest(&roost, 2);
    second.establish(&open(2));
    row(&roost, 2, "established");
    second.await_route("192.168.1.0/24");
    // The range is full.
    guest(&roost, 3).expect_end();

    // Gone, its routes with it, and its place is free.
    first.reset();
    listed.await_withdrawal("192.168.1.0/24");
    forgotten(&roost, 1);
    let mut third = guest(&roost, 3);
    third.establish(&open(3));
    assert_eq!(row(&roost, 3, "established")["received"], 0, "nothing of the life before, whose number it may have");
    third.update(&third.route(&["192.168.3.0/24"]));
    listed.await_route("192.168.3.0/24");
    second.await_route("192.168.3.0/24");

    // The group's settings hold: one prefix too many, and the pause is not cut short by forgetting.
    let prefixes: Vec<String> = (0..11).map(|n| format!("10.{n}.0.0/16")).collect();
    third.update(&third.route(&prefixes.iter().map(String::as_str).collect::<Vec<_>>()));
    let about = row(&roost, 3, "idle");
    assert!(about["reason"].as_str().unwrap().contains("more than 10 prefixes"), "{about}");
    // The listed peer has its own settings.
    assert_eq!(roost.about(0)["range"], Value::Null);
}

/// The counters of `/metrics`: name with labels, value.
fn counters(roost: &Roost) -> BTreeMap<String, u64> {
    let mut stream = TcpStream::connect((roost.net().roost(), 9179)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let values = page.lines().filter_map(|line| line.rsplit_once(' '));
    let counters = values.filter(|(name, _)| !name.starts_with('#') && name.contains("_total"));
    counters.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

#[test]
fn no_counter_falls_when_a_guest_is_forgotten() {
    let more = format!("{RANGE}metrics: {{ listen: \"ROOST:9179\" }}\n");
    let roost = Setup::with([Neighbor::ebgp(65001)]).more(&more).start();
    let opens = |counters: &BTreeMap<String, u64>| counters["roost_bgp_messages_total{direction=\"in\",type=\"open\"}"];
    // The page of a daemon that starts has hardly any, and is the one until all parts are up.
    let mut before = until("the page of a daemon that runs", PATIENCE, || {
        let counters = counters(&roost);
        if counters.keys().any(|name| name.starts_with("roost_bgp_messages_total")) {
            Ok(counters)
        } else {
            Err(format!("{counters:?}"))
        }
    });
    assert_eq!(opens(&before), 0);
    assert!(before.contains_key("roost_host_tcp_md5_drops_total{reason=\"wrong\"}"), "{before:?}");
    for count in 1..=3 {
        let mut first = guest(&roost, 1);
        first.establish(&open(1));
        row(&roost, 1, "established");
        first.reset();
        forgotten(&roost, 1);
        let after = counters(&roost);
        assert_eq!(opens(&after), count);
        for (name, value) in &before {
            assert!(after[name] >= *value, "{name} fell from {value} to {}", after[name]);
        }
        before = after;
    }
}

#[test]
fn a_range_may_be_of_several_ases_and_says_how_full_it_is() {
    // Who makes a mistake is known until the pause is over: long enough to be looked at.
    let more = "peer_groups: { out: { import: accept, export: accept, idle_hold: 60s, idle_hold_max: 60s } }\n\
                dynamic_peers: [ { prefix: 127.0.0.0/8, group: out, asn: [65010, 65011], limit: 2, forget_after: 300ms } ]\n";
    let roost = Setup::with([Neighbor::ebgp(65001)]).more(more).start();
    let mut listed = roost.peer(0);
    let guest = |number: u8, asn: u32| {
        let mut guest =
            Peer::connect(roost.net().stranger(number), roost.address(), usize::from(number), Neighbor::ebgp(asn));
        guest.establish(&Open::new(asn).id([10, 0, 1, number]));
        guest
    };
    let status = || roost.command(&["show", "status"]).unwrap();
    let (mut first, mut second) = (guest(1, 65010), guest(2, 65011));
    assert_eq!(row(&roost, 1, "established")["asn"], 65010);
    assert_eq!(row(&roost, 2, "established")["asn"], 65011);
    assert!(status().contains("2 of 2 from 127.0.0.0/8 (group out, AS 65010 or 65011), full"), "{}", status());
    // What one announces is external to us, its AS stands first (RFC 4271 §6.3), and the other is told.
    first.update(&first.route(&["192.168.1.0/24"]));
    assert_eq!(second.await_route("192.168.1.0/24").path(), [harness::OURS, 65010]);
    assert_eq!(listed.await_route("192.168.1.0/24").path(), [harness::OURS, 65010]);
    first.reset();
    forgotten(&roost, 1);
    let mut wrong = Peer::connect(roost.net().stranger(3), roost.address(), 3, Neighbor::ebgp(65012));
    wrong.say(&Open::new(65012)).expect_notification(2, 2, &[]);
    let about = row(&roost, 3, "idle");
    assert_eq!(about["reason"], "wrong AS: expected AS 65010 or 65011, peer says AS 65012");
}

#[test]
fn any_other_as_may_come_and_ours_may_not() {
    let more = "peer_groups: { out: { import: accept, export: accept, idle_hold: 100ms, idle_hold_max: 100ms } }\n\
                dynamic_peers: [ { prefix: 127.0.0.0/8, group: out, asn: any } ]\n";
    let roost = Setup::with([]).more(more).start();
    for (number, asn) in [(1, 65010), (2, 4_200_000_000)] {
        let mut guest = Peer::connect(roost.net().stranger(number), roost.address(), 1, Neighbor::ebgp(asn));
        guest.establish(&Open::new(asn).id([10, 0, 1, number]));
        let about = row(&roost, number, "established");
        assert_eq!((&about["asn"], &about["kind"]), (&asn.into(), &"external".into()));
        guest.finish_and_wait();
    }
    let mut inside = Peer::connect(roost.net().stranger(3), roost.address(), 3, Neighbor::ibgp());
    inside.say(&Open::new(harness::OURS)).expect_notification(2, 2, &[]);
}

#[test]
fn ranges_come_change_and_go_and_peers_of_others_take_no_notice() {
    // RFC 4486 §4: Peer De-configured, Other Configuration Change
    const USUAL: &str = "import: accept";
    let listed = || Neighbor::ebgp(65001);
    let mut roost = Setup::with([listed()]).start();
    let mut peer = roost.peer(0);
    let [first, second] = [1, 2].map(|number| format!("{}/32", roost.net().stranger(number)));
    let group = |name: &str, keys: &str| format!("{name}: {{ export: accept, {keys} }}");
    let ranges = |second_keys: &str, first_keys: &str, ranges: &[&String]| {
        let range =
            |(number, prefix): (usize, &&String)| format!("{{ prefix: {prefix}, group: g{number}, asn: 65010 }}");
        let ranges: Vec<_> = ranges.iter().enumerate().map(range).collect();
        let groups = [group("g0", second_keys), group("g1", first_keys)].join(", ");
        let more = format!("peer_groups: {{ {groups} }}\ndynamic_peers: [ {} ]\n", ranges.join(", "));
        Setup::with([listed()]).more(&more)
    };
    let reload = |roost: &mut Roost, setup: Setup| {
        roost.rewrite(setup);
        roost.command(&["reload"]).unwrap()
    };

    guest(&roost, 1).expect_end();
    let said = reload(&mut roost, ranges(USUAL, USUAL, &[&second, &first]));
    assert!(
        said.contains(&format!("dynamic peers {first}: added\n")) && said.contains("no session was ended"),
        "{said}"
    );
    let (mut one, mut two) = (guest(&roost, 1), guest(&roost, 2));
    one.establish(&open(1));
    two.establish(&open(2));
    row(&roost, 2, "established");
    one.update(&one.route(&["192.168.1.0/24"]));
    peer.await_route("192.168.1.0/24");
    two.await_route("192.168.1.0/24");

    // The session stays, and what it has brought is looked at again.
    let said = reload(&mut roost, ranges(USUAL, "import: reject", &[&second, &first]));
    assert!(said.contains(&format!("dynamic peers {first}: import changed; their sessions stay\n")), "{said}");
    peer.await_withdrawal("192.168.1.0/24");
    reload(&mut roost, ranges(USUAL, USUAL, &[&second, &first]));
    peer.await_route("192.168.1.0/24");

    let said = reload(&mut roost, ranges(USUAL, USUAL, &[&second]));
    assert!(said.contains(&format!("dynamic peers {first}: removed, their sessions end\n")), "{said}");
    assert!(said.ends_with(&format!("one session was ended: {first}\n")), "{said}");
    one.expect_notification(6, 3, &[]);
    peer.await_withdrawal("192.168.1.0/24");
    forgotten(&roost, 1);
    guest(&roost, 1).expect_end();
    let about = roost.page(&format!("/v1/peers/{}", roost.net().stranger(2)));
    assert_eq!((&about["state"], &about["established_count"]), (&"established".into(), &1.into()), "{about}");

    let said = reload(&mut roost, ranges("import: accept, add_path: { receive: true }", USUAL, &[&second]));
    assert!(said.contains("add_path changed; their sessions end, because of add_path: "), "{said}");
    two.expect_notification(6, 6, &[]);
    assert_eq!(roost.about(0)["established_count"], 1);
}

#[test]
fn a_wrong_as_is_refused_and_leaves_nothing_behind() {
    let roost = Setup::with([]).more(RANGE).start();
    for round in 0..5 {
        let mut guest = guest(&roost, round);
        guest.say(&Open::new(65099)).expect_notification(2, 2, &[]);
        forgotten(&roost, round);
    }
}

#[test]
fn a_client_from_a_range_that_announces_too_much_hurts_only_itself() {
    // RFC 4456, RFC 4271 §6.7
    let more = "peer_groups: { nodes: { asn: 65000, route_reflector_client: true, \
                max_prefix: { limit: 10, restart_after: 1h } } }\n\
                dynamic_peers: [ { prefix: 127.0.0.0/8, group: nodes, limit: 3, forget_after: 300ms } ]\n";
    let roost = Setup::with([]).more(more).start();
    let client = |number: u8| {
        let address = roost.net().stranger(number);
        let mut client = Peer::connect(address, roost.address(), usize::from(number), Neighbor::ibgp());
        client.establish(&Open::new(harness::OURS).id([10, 0, 1, number]));
        client
    };
    let (mut greedy, mut announcer, mut listener) = (client(1), client(2), client(3));
    announcer.update(&announcer.route(&["192.168.2.0/24"]));
    listener.await_route("192.168.2.0/24");
    greedy.await_route("192.168.2.0/24");
    let prefixes: Vec<String> = (0..11).map(|n| format!("10.{n}.0.0/16")).collect();
    let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    // As many as it may: the others hear of them.
    greedy.update(&greedy.route(&prefixes[..10]));
    listener.await_route(prefixes[9]);

    greedy.update(&greedy.route(&prefixes[10..]));
    greedy.expect_notification(6, 1, &[0, 1, 1, 0, 0, 0, 10]);
    let about = row(&roost, 1, "idle");
    assert!(about["reason"].as_str().unwrap().contains("more than 10 prefixes"), "{about}");
    // What it had announced is withdrawn, and the one too many was never told.
    listener.await_withdrawal(prefixes[9]);
    assert_eq!(listener.adj_out_prefixes(), ["192.168.2.0/24"]);
    // The others have the sessions they began with, each its own count, and hear each other.
    announcer.update(&announcer.route(&prefixes[..9]));
    assert_eq!(listener.await_route(prefixes[8]).next_hop, [192, 0, 2, 12]);
    for number in [2, 3] {
        let about = roost.page(&format!("/v1/peers/{}", roost.net().stranger(number)));
        assert_eq!((&about["established_count"], &about["kind"]), (&1.into(), &"client".into()), "{about}");
    }
    // For as long as it is said, it is refused, and it makes no room for another one.
    for number in [1, 4] {
        Peer::connect(roost.net().stranger(number), roost.address(), 1, Neighbor::ibgp()).expect_end();
    }
}
