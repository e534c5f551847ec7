//! TCP MD5 (RFC 2385) between two roosts and beside BIRD 2: who gets in, who does not and how that is shown, and keys
//! that change while a session is up.
//!
//! The kernel's word counts: `ss` shows the key each socket has, and its counters say that wrong keys were really tried.

use std::time::Duration;

use roost_tests::wait::throughout;
use roost_tests::{Bird2, Daemon, Lab, Lan, Netns, PATIENCE, Roost, RouteWatch, until};
use serde_json::Value;

/// Attempts are a second apart: a session that is going to come up does so within three of them.
const ATTEMPTS: Duration = Duration::from_secs(4);

/// Nodes 10.9.0.N on one LAN, each with the file `N.key` for its password.
struct Net {
    lab: Lab,
    lan: Lan,
}

impl Net {
    fn new(name: &str) -> Net {
        let lab = Lab::new(name);
        let lan = lab.lan("lan");
        Net { lab, lan }
    }

    #[track_caller]
    fn plug(&self, number: u8) -> Netns {
        let ns = self.lab.netns(&format!("n{number}"));
        self.lan.plug(&self.lab, &ns, "eth0", &format!("port{number}"));
        ns.ip(&format!("addr add 10.9.0.{number}/24 dev eth0"));
        ns.ip(&format!("addr add fd00:9::{number}/64 dev eth0 nodad"));
        ns
    }

    /// Puts a password into a node's file, as programs that write such files do: the file changes all at once.
    #[track_caller]
    fn write_key(&self, number: u8, key: &str) {
        let (new, file) = (self.lab.dir().join("new.key"), self.lab.dir().join(format!("{number}.key")));
        std::fs::write(&new, key).and_then(|()| std::fs::rename(&new, &file)).expect("the lab's folder can be written");
    }

    /// A roost in `ns` that announces 10.65.N.0/26; `rest` is YAML with its peers, in which KEY is its file.
    #[track_caller]
    fn roost(&self, ns: &Netns, number: u8, asn: u32, rest: &str) -> Daemon {
        let socket = Daemon::socket(ns, "roost");
        let rest = rest.replace("KEY", &self.lab.dir().join(format!("{number}.key")).display().to_string());
        let config = format!(
            "router: {{ asn: {asn}, router_id: 10.9.0.{number} }}\n\
             node: {{ name: n{number}, addresses: [10.9.0.{number}/24, \"fd00:9::{number}/64\"], blocks: [10.65.{number}.0/26] }}\n\
             {rest}\napi: {{ socket: {} }}\nlog: {{ level: debug, format: text }}\n",
            socket.display()
        );
        Daemon::start(Roost, ns, &config)
    }
}

/// `peers` with one entry; timers are short.
fn peer(number: u8, asn: u32, keys: &str) -> String {
    format!("peers: [ {{ address: 10.9.0.{number}, asn: {asn}, connect_retry: 1s, idle_hold_max: 2s, {keys} }} ]")
}

fn about(roost: &Daemon, peer: &str) -> Value {
    let text = roost.ask(&format!("show peer {peer} --json"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[track_caller]
fn established(roost: &Daemon, peer: &str) -> Value {
    until(&format!("{peer} is up"), PATIENCE, || {
        let row = about(roost, peer);
        if row["state"] == "established" { Ok(row) } else { Err(format!("{row:#}")) }
    })
}

#[track_caller]
fn never_established(roost: &Daemon, peers: &[&str]) {
    throughout("no session", ATTEMPTS, || {
        let rows: Value = serde_json::from_str(&roost.ask("show peers --json")).expect("JSON");
        let up = |row: &&Value| row["state"] == "established" && peers.iter().any(|peer| row["address"] == *peer);
        rows.as_array().expect("rows").iter().find(up).map_or(Ok(()), |row| Err(format!("{row:#}")))
    });
}

#[track_caller]
fn await_hint(roost: &Daemon, peer: &str, wanted: &str) {
    until(&format!("a hint with {wanted:?}"), PATIENCE, || {
        let hint = about(roost, peer)["hint"].as_str().unwrap_or_default().to_owned();
        if hint.contains(wanted) { Ok(()) } else { Err(hint) }
    });
    assert!(roost.ask(&format!("show peer {peer}")).contains(wanted), "people see it as well");
}

/// A counter of the namespace, such as `TCPMD5Failure`.
#[track_caller]
fn counter(ns: &Netns, name: &str) -> u64 {
    let text = ns.run("cat /proc/net/netstat");
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next().expect("names"), lines.next().expect("values"));
    let mut columns = names.split_whitespace().zip(values.split_whitespace());
    columns.find(|(column, _)| *column == name).and_then(|(_, value)| value.parse().ok()).expect("a counter of Linux")
}

/// Waits until the kernel says that these sockets have this key and `old` no more. (`ss` prints keys apart from whom
/// they are for, so that `sockets` has to name one peer.)
#[track_caller]
fn await_socket_key(ns: &Netns, sockets: &str, key: &str, old: &str) {
    until(&format!("{key} on the sockets {sockets}"), PATIENCE, || {
        let shown = ns.run(&format!("ss -Htnie {sockets}"));
        if shown.contains(key) && !shown.contains(old) { Ok(()) } else { Err(shown) }
    });
}

/// The session with `peer` and the listener have this key.
#[track_caller]
fn await_key(ns: &Netns, peer: &str, key: &str, old: &str) {
    await_socket_key(ns, &format!("state established dst {peer}"), key, old);
    await_socket_key(ns, "-l", key, old);
}

#[track_caller]
fn await_route(ns: &Netns, prefix: &str) {
    until(&format!("{prefix} in {}", ns.name()), PATIENCE, || {
        let have = ns.routes("proto bird");
        if have.iter().any(|line| line.starts_with(&format!("{prefix} via"))) {
            Ok(())
        } else {
            Err(format!("{have:#?}"))
        }
    });
}

/// RFC 2385 §2 with RFC 5082 §3: signed both ways, and from no further away than the wire.
fn with_bird(name: &str, roost_waits: bool) {
    let net = Net::new(name);
    let (a, b) = (net.plug(1), net.plug(2));
    net.write_key(1, "the-first-key\n");
    let bird_config = |key: &str| {
        let passive = if roost_waits { "" } else { "passive;" };
        format!(
            "log stderr all;\nrouter id 10.9.0.2;\nprotocol device {{ }}\nprotocol direct {{ ipv4; }}\n\
             protocol kernel {{ learn; persist; ipv4 {{ import all; export where source = RTS_BGP; }}; }}\n\
             protocol static blocks {{ ipv4; route 10.65.2.0/26 blackhole; }}\n\
             protocol bgp a {{\n  local 10.9.0.2 as 65002; neighbor 10.9.0.1 as 65001; direct; ttl security on; {passive}\n  \
             password \"{key}\"; connect delay time 1; connect retry time 1; error wait time 1, 2;\n  \
             ipv4 {{ import all; export where proto = \"blocks\"; }};\n}}\n"
        )
    };
    let bird = Daemon::start(Bird2 { recover: false }, &b, &bird_config("the-first-key"));
    let keys = format!("import: accept, export: accept, ttl_security: 1, passive: {roost_waits}, password_file: KEY");
    let roost = net.roost(&a, 1, 65001, &peer(2, 65002, &keys));
    established(&roost, "10.9.0.2");
    await_key(&a, "10.9.0.2", "the-first-key", "the-second-key");
    await_route(&a, "10.65.2.0/26");
    await_route(&b, "10.65.1.0/26");

    // What BIRD does with its session is BIRD's; what counts is that the-next-one has the new key.
    net.write_key(1, "the-second-key\n");
    bird.write_config(&bird_config("the-second-key"));
    bird.ask("configure");
    await_key(&a, "10.9.0.2", "the-second-key", "the-first-key");
    bird.ask("restart a");
    until("a session after BIRD's restart of it", PATIENCE, || {
        let row = about(&roost, "10.9.0.2");
        let again = row["established_count"].as_u64() > Some(1) && row["state"] == "established";
        if again { Ok(()) } else { Err(format!("{row:#}")) }
    });
    await_key(&a, "10.9.0.2", "the-second-key", "the-first-key");
    await_route(&a, "10.65.2.0/26");
    await_route(&b, "10.65.1.0/26");
}

#[test]
fn roost_dials_bird_with_gtsm_and_a_key_that_changes() {
    with_bird("md5dial", false);
}

#[test]
fn bird_dials_roost_with_gtsm_and_a_key_that_changes() {
    with_bird("md5wait", true);
}

#[test]
fn with_a_wrong_key_or_none_there_is_no_session_until_it_is_put_right() {
    // RFC 2385 §2
    let net = Net::new("md5wrong");
    let (a, b) = (net.plug(1), net.plug(2));
    net.write_key(1, "good-hunter2\n");
    net.write_key(2, "bad-hunter2\n");
    let first = net.roost(&a, 1, 64512, &peer(2, 64512, "password_file: KEY"));
    let mut second = net.roost(&b, 2, 64512, &peer(1, 64512, "password_file: KEY"));
    never_established(&first, &["10.9.0.2"]);
    await_hint(&first, "10.9.0.2", "segments with a wrong TCP MD5 key and 0 without one");
    await_hint(&second, "10.9.0.1", "compare `password` on both ends");
    net.write_key(2, "good-hunter2\n");
    established(&first, "10.9.0.2");
    assert_eq!(about(&first, "10.9.0.2")["hint"], Value::Null);

    second.kill_9();
    let second = net.roost(&b, 2, 64512, &peer(1, 64512, "families: [ipv4]"));
    await_hint(&second, "10.9.0.1", "does the peer expect one?");
    assert!(counter(&b, "TCPMD5Unexpected") > 0);
    until("unsigned segments are counted", PATIENCE, || {
        let count = counter(&a, "TCPMD5NotFound");
        if count > 0 { Ok(()) } else { Err(format!("{:#}", about(&first, "10.9.0.2"))) }
    });
    never_established(&first, &["10.9.0.2"]);
    for daemon in [&first, &second] {
        assert!(!daemon.log().contains("hunter2"), "a password in the log");
    }
}

#[test]
fn a_dial_under_way_begins_anew_with_the_new_key() {
    let net = Net::new("md5redial");
    let (a, b) = (net.plug(1), net.plug(2));
    net.write_key(1, "bad-hunter2\n");
    net.write_key(2, "good-hunter2\n");
    let _second = net.roost(&b, 2, 64512, &peer(1, 64512, "passive: true, password_file: KEY"));
    let once = peer(2, 64512, "password_file: KEY").replace("connect_retry: 1s", "connect_retry: 300s");
    let mut first = net.roost(&a, 1, 64512, &once);
    until("the dial with the wrong key", PATIENCE, || match counter(&b, "TCPMD5Failure") {
        0 => Err(first.log()),
        _ => Ok(()),
    });
    // Another dial on its own is minutes away.
    net.write_key(1, "good-hunter2\n");
    first.signal(libc::SIGHUP);
    established(&first, "10.9.0.2");
    assert_eq!(counter(&a, "TCPMD5Failure"), 0, "the other end never dialled");
}

#[test]
fn a_key_that_changes_on_both_ends_resets_no_session() {
    // RFC 2385 §1: a password may change during a connection
    let net = Net::new("md5rotate");
    let (a, b) = (net.plug(1), net.plug(2));
    net.write_key(1, "key-one\n");
    net.write_key(2, "key-one\n");
    let keys = "password_file: KEY, hold_time: 30s, keepalive: 1s";
    let first = net.roost(&a, 1, 64512, &peer(2, 64512, keys));
    let mut second = net.roost(&b, 2, 64512, &peer(1, 64512, keys));
    established(&first, "10.9.0.2");
    await_key(&a, "10.9.0.2", "key-one", "key-two");
    await_route(&a, "10.65.2.0/26");
    await_route(&b, "10.65.1.0/26");
    let watches = [RouteWatch::start(&a), RouteWatch::start(&b)];
    let marks = watches.each_ref().map(RouteWatch::mark);

    // A file that is no password changes nothing, and is told of.
    net.write_key(1, "\n");
    until("the bad file is shown", PATIENCE, || {
        let text = first.ask("show peer 10.9.0.2");
        if text.contains("password file  expected 1 to 80 bytes in the file, found 0") { Ok(()) } else { Err(text) }
    });
    assert!(first.log().contains("the password it had before stays in force"), "{}", first.log());
    await_key(&a, "10.9.0.2", "key-one", "key-two");

    // One end is ahead: what it sends is dropped, and the session lives.
    assert_eq!(counter(&b, "TCPMD5Failure"), 0);
    net.write_key(1, "key-two\n");
    await_key(&a, "10.9.0.2", "key-two", "key-one");
    until("segments with the new key are refused", PATIENCE, || {
        if counter(&b, "TCPMD5Failure") > 0 { Ok(()) } else { Err(format!("{:#}", about(&first, "10.9.0.2"))) }
    });
    assert_eq!(about(&first, "10.9.0.2")["password_file"], Value::Null);
    // The other end is told by a signal.
    net.write_key(2, "key-two\n");
    second.signal(libc::SIGHUP);
    await_key(&b, "10.9.0.1", "key-two", "key-one");

    // What is said now goes under the new key.
    first.ask("announce 10.65.9.0/26");
    await_route(&b, "10.65.9.0/26");
    second.ask("announce 10.65.8.0/26");
    await_route(&a, "10.65.8.0/26");
    for (roost, peer) in [(&first, "10.9.0.2"), (&second, "10.9.0.1")] {
        let row = established(roost, peer);
        assert_eq!((&row["established_count"], &row["messages"]["open_in"]), (&1.into(), &1.into()), "{row:#}");
        assert!(!roost.log().contains("key-one") && !roost.log().contains("key-two"), "a password in the log");
    }
    for (watch, mark) in watches.iter().zip(marks) {
        let seen = watch.about(mark, &["10.65.1.0/26", "10.65.2.0/26"]);
        assert!(seen.is_empty(), "routes moved: {seen:#?}");
    }

    // So does the next session.
    second.kill_9();
    second.launch();
    until("the next session is up", PATIENCE, || {
        let row = about(&first, "10.9.0.2");
        let again = row["established_count"] == 2 && row["state"] == "established";
        if again { Ok(()) } else { Err(format!("{row:#}")) }
    });
    await_key(&a, "10.9.0.2", "key-two", "key-one");
}

/// A peer's keys for both families of the node with the range.
fn guest(keys: &str) -> String {
    let one = |address: &str| {
        format!("{{ address: \"{address}\", asn: 64512, connect_retry: 1s, idle_hold_max: 2s, {keys} }}")
    };
    format!("peers: [ {}, {} ]", one("10.9.0.1"), one("fd00:9::1"))
}

#[test]
fn a_range_has_one_key_for_all_and_a_listed_peer_its_own() {
    // RFC 2385 §2, in a range of IPv4 and one of IPv6
    let net = Net::new("md5range");
    let a = net.plug(1);
    net.write_key(1, "of-the-range\n");
    net.write_key(2, "of-the-range\n");
    let rest = format!(
        "{}\npeer_groups: {{ guests: {{ asn: 64512, password_file: KEY }} }}\n\
         dynamic_peers: [ {{ prefix: 10.9.0.0/24, group: guests }}, {{ prefix: \"fd00:9::/64\", group: guests }} ]",
        peer(5, 64512, "passive: true, password: of-its-own")
            .replace(" ]", ", { address: 10.9.0.6, asn: 64512, passive: true } ]")
    );
    let roost = net.roost(&a, 1, 64512, &rest);
    let nodes = [2, 3, 4, 5, 6].map(|number| net.plug(number));
    let wrong = net.roost(&nodes[1], 3, 64512, &guest("password: another"));
    let none = net.roost(&nodes[2], 4, 64512, &guest("families: [ipv4, ipv6]"));
    let right = net.roost(&nodes[0], 2, 64512, &guest("password_file: KEY"));
    let unsigned = net.roost(&nodes[4], 6, 64512, &peer(1, 64512, "families: [ipv4]"));
    let listed = net.roost(&nodes[3], 5, 64512, &peer(1, 64512, "password: of-its-own"));
    for peer in ["10.9.0.2", "fd00:9::2", "10.9.0.5"] {
        established(&roost, peer);
    }
    // A listed peer inside the range cannot do without: the kernel knows no exception, and so the log warns of it.
    never_established(&roost, &["10.9.0.3", "fd00:9::3", "10.9.0.4", "fd00:9::4", "10.9.0.6"]);
    assert!(roost.log().contains("peer 10.9.0.6 cannot connect to us"), "{}", roost.log());
    let peers = roost.ask("show peers --json");
    assert!(
        ["10.9.0.3", "fd00:9::3", "10.9.0.4", "fd00:9::4"].iter().all(|stranger| !peers.contains(stranger)),
        "{peers}"
    );
    assert!(counter(&a, "TCPMD5Failure") > 0 && counter(&a, "TCPMD5NotFound") > 0, "they have tried");
    for daemon in [&wrong, &none] {
        for peer in ["10.9.0.1", "fd00:9::1"] {
            assert_ne!(about(daemon, peer)["state"], "established");
        }
    }

    // The range's key changes under the sessions of its guests.
    net.write_key(1, "the-next-one\n");
    net.write_key(2, "the-next-one\n");
    for (ns, peer) in
        [(&nodes[0], "10.9.0.1"), (&nodes[0], "fd00:9::1"), (&a, "10.9.0.2"), (&a, "fd00:9::2"), (&a, "10.9.0.5")]
    {
        let (key, old) =
            if peer == "10.9.0.5" { ("of-its-own", "the-next-one") } else { ("the-next-one", "of-the-range") };
        await_socket_key(ns, &format!("state established dst [{peer}]"), key, old);
    }
    await_socket_key(&a, "-l", "the-next-one", "of-the-range");
    await_socket_key(&a, "-l", "of-its-own", "of-the-range");
    roost.ask("announce 10.65.9.0/26");
    await_route(&nodes[0], "10.65.9.0/26");
    for peer in ["10.9.0.2", "fd00:9::2", "10.9.0.5"] {
        let row = established(&roost, peer);
        assert_eq!(row["established_count"], 1, "{row:#}");
    }
    drop((listed, right, unsigned));
}
