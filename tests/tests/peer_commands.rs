//! `roost peer refresh|reset|disable|enable`, seen from the other side: by a raw peer, octet by octet, and by BIRD 2.
//!
//! The words are those of the battery, whose cases stand in `battery/`.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "battery/harness/mod.rs"]
mod harness;

use std::time::{Duration, Instant};

use harness::wire::{KEEPALIVE, ROUTE_REFRESH};
use harness::{Event, Neighbor, Open, PATIENCE, Peer, Roost, Setup, Told, notification};
use roost_tests::{Kind, Lab, Speaker, until};
use serde_json::json;

/// Graceful restart (RFC 4724 §3) with the N bit (RFC 8538 §2): 120 s, IPv4 with its forwarding kept.
const GRACEFUL: [u8; 6] = [0x40, 120, 0, 1, 1, 0x80];
const PREFIX: &str = "192.168.7.0/24";

impl Roost {
    /// `roost peer WORDS PEER`.
    fn order(&self, words: &[&str], number: usize) -> Result<String, String> {
        let name = self.name(number);
        self.command(&[&["peer"], words, &[&name]].concat())
    }

    /// The same; it must be done, and this is what it says.
    #[track_caller]
    fn obeys(&self, words: &[&str], number: usize, answer: &str) {
        assert_eq!(self.order(words, number).unwrap(), format!("{}: {answer}\n", self.name(number)));
    }

    /// The same; it must be refused with these words.
    #[track_caller]
    fn refuses(&self, words: &[&str], number: usize, reason: &str) {
        let error = self.order(words, number).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}

/// Messages up to the first that `last` likes; KEEPALIVEs are left out.
#[track_caller]
fn up_to(peer: &mut Peer, last: impl Fn(u8, &[u8]) -> bool) -> Vec<(u8, Vec<u8>)> {
    let mut all = Vec::new();
    loop {
        match peer.next(PATIENCE) {
            Event::Message(KEEPALIVE, _) => {}
            Event::Message(kind, body) => {
                all.push((kind, body.clone()));
                if last(kind, &body) {
                    return all;
                }
            }
            other => panic!("{other:02x?} after {all:02x?}"),
        }
    }
}

/// A shutdown communication as it stands in a NOTIFICATION. RFC 9003 §2
fn text(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

#[test]
fn refresh_asks_and_sends_without_ending_the_session() {
    // RFC 2918 §4, RFC 7313 §4
    let roost = Setup::external().blocks(&["10.65.1.0/26"]).start();
    let mut peer = roost.peer(0);
    peer.await_end_of_rib(1);
    let mark = |kind: u8| (ROUTE_REFRESH, vec![0, 1, kind, 1]);

    roost.obeys(&["refresh", "--in"], 0, "ipv4: its routes asked for again");
    assert_eq!(up_to(&mut peer, |_, _| true), [mark(0)]);

    roost.obeys(&["refresh", "--out", "--family", "ipv4"], 0, "ipv4: ours sent again");
    let again = up_to(&mut peer, |kind, body| (kind, body.to_vec()) == mark(2));
    assert_eq!((&again[0], &again[2..]), (&mark(1), &[mark(2)][..]), "{again:02x?}");
    assert_eq!(Told::read(&again[1].1, false).announced, [(0, "10.65.1.0/26".to_owned())]);

    roost.obeys(&["refresh"], 0, "ipv4: its routes asked for again, ours sent again");
    let both = up_to(&mut peer, |kind, body| (kind, body.to_vec()) == mark(2));
    assert!(both.contains(&mark(0)), "{both:02x?}");

    roost.refuses(&["refresh", "--family", "ipv6"], 0, "the session does not carry ipv6, only ipv4");
    let about = roost.about(0);
    assert_eq!((&about["state"], &about["established_count"]), (&json!("established"), &json!(1)));
}

#[test]
fn a_peer_that_cannot_be_asked_is_told_apart_and_the_way_out_named() {
    let roost = Setup::external().blocks(&["10.65.1.0/26"]).start();
    roost.refuses(&["refresh"], 0, "the peer has no session: waiting for the peer to connect");
    let mut peer = roost.peer_with(0, Open::new(65001).without(2).without(70).id([10, 0, 0, 10]));
    peer.await_end_of_rib(1);
    roost.refuses(&["refresh"], 0, "knows no route refresh (RFC 2918); ours can be sent again (--out)");
    roost.obeys(&["refresh", "--out"], 0, "ipv4: ours sent again");
    assert!(peer.expect_update().announces("10.65.1.0/26"));
}

#[test]
fn reset_says_so_with_its_text_and_the_peer_is_taken_back() {
    // RFC 4486 §4, RFC 9003 §2
    let roost = Setup::external().start();
    let mut peer = roost.peer(0);
    peer.update(&peer.route(&[PREFIX])).settle(&roost);
    roost.obeys(&["reset", "--message", "new keys at 6 – sorry"], 0, "session ended, another one follows");
    peer.expect_notification(6, 4, &text("new keys at 6 – sorry"));
    roost.await_table("no routes of the session", |rows| rows.is_empty().then_some(()));
    let about = roost.about(0);
    assert_eq!(about["reason"], "we sent Cease/Administrative Reset: \"new keys at 6 – sorry\"");
    drop(roost.connect_again(0, Open::new(65001)));
    let long = "ü".repeat(128);
    roost.refuses(&["reset", "--message", &long], 0, "message: 256 octets in UTF-8, at most 255 fit");
}

#[test]
fn a_reset_dials_a_peer_that_is_down_at_once() {
    let neighbor = Neighbor::ebgp(65001).dialled().with("connect_retry: 1h");
    let roost = Setup::with([neighbor]).start();
    roost.await_reason(0, "connection refused");
    let listener = roost.listen(0);
    roost.obeys(&["reset"], 0, "it had no session; another attempt is made now");
    drop(roost.accept(0, &listener));
}

#[test]
fn where_notifications_keep_routes_reset_and_disable_are_hard() {
    // RFC 8538 §3.1, §5.1
    let neighbor = || Neighbor::ebgp(65001).with("graceful_restart: { enabled: true }");
    let open = || Open::new(65001).cap(64, &GRACEFUL).id([10, 0, 0, 10]);
    let hard = |subcode: u8, words: &str| [&[6, subcode], &text(words)[..]].concat();
    for (words, subcode) in [(["reset", "--message", "hard"], 4), (["disable", "--message", "hard"], 2)] {
        let roost = Setup::with([neighbor()]).start();
        let mut peer = roost.peer_with(0, open());
        peer.update(&peer.route(&[PREFIX])).settle(&roost);
        roost.order(&words, 0).unwrap();
        peer.expect_notification(6, 9, &hard(subcode, "hard"));
        roost.await_table("nothing is kept", |rows| rows.is_empty().then_some(()));
    }

    let roost = Setup::with([neighbor(), Neighbor::ebgp(65002)]).start();
    let mut peer = roost.peer_with(0, open());
    peer.update(&peer.route(&[PREFIX])).settle(&roost);
    roost.obeys(&["reset", "--graceful"], 0, "session ended, another one follows; routes stay meanwhile");
    peer.expect_notification(6, 4, &[]);
    roost.await_table("its route, kept", |rows| (rows.len() == 1 && rows[0].stale).then_some(()));
    // What is kept for a peer that is away goes when it is not wanted any more.
    roost.order(&["disable"], 0).unwrap();
    roost.await_table("nothing is kept", |rows| rows.is_empty().then_some(()));

    let plain = roost.peer(1);
    roost.refuses(&["reset", "--graceful"], 1, "has not negotiated graceful restart after NOTIFICATIONs (RFC 8538)");
    assert_eq!(roost.about(1)["state"], "established");
    drop(plain);
}

#[test]
fn a_disabled_peer_stays_out_until_it_is_enabled() {
    // RFC 4486 §4: Administrative Shutdown, then Connection Rejected.
    let roost = Setup::with([Neighbor::ebgp(65001), Neighbor::ebgp(65002)]).start();
    let (mut peer, mut other) = (roost.peer(0), roost.peer(1));
    peer.update(&peer.route(&[PREFIX])).settle(&roost);
    other.await_route(PREFIX);
    let done = "disabled until `roost peer enable`, or a restart of roost";
    roost.obeys(&["disable", "--message", "disk full"], 0, done);
    peer.expect_notification(6, 2, &text("disk full"));
    other.await_withdrawal(PREFIX);
    let about = roost.about(0);
    assert_eq!(
        (&about["state"], &about["reason"], &about["hint"]),
        (
            &json!("disabled"),
            &json!("disabled by the operator: \"disk full\""),
            &json!("`roost peer enable` lets it in again")
        )
    );
    assert!(roost.command(&["show", "peers"]).unwrap().contains("disabled by the operator: \"disk full\""));
    roost.connect(0).expect_notification(6, 5, &[]);
    roost.obeys(&["disable"], 0, "was disabled by the operator: \"disk full\" already");
    roost.refuses(&["reset"], 0, "disabled by the operator: \"disk full\"; `roost peer enable` lets it in again");
    roost.refuses(&["refresh"], 0, "the peer has no session: disabled by the operator");

    roost.obeys(&["enable"], 0, "enabled");
    drop(roost.peer(0));
    roost.obeys(&["enable"], 1, "was enabled already");
    assert_eq!(roost.about(1)["established_count"], 1, "the other was not touched");
}

#[test]
fn an_enabled_peer_is_dialled_without_the_pause_of_its_failures() {
    let neighbor =
        Neighbor::ebgp(65001).dialled().with("idle_hold: 1h").with("idle_hold_max: 1h").with("connect_retry: 1h");
    let roost = Setup::with([neighbor]).start();
    // Its first attempt is over, or it would be one of two.
    roost.await_reason(0, "connection refused");
    let listener = roost.listen(0);
    roost.order(&["reset"], 0).unwrap();
    // A mistake, so that roost pauses for an hour.
    roost.accept(0, &listener).say(&Open::new(65099)).expect_notification(2, 2, &[]);
    roost.await_state(0, "idle");
    roost.obeys(&["enable"], 0, "its pause is over: let in again");
    let mut peer = roost.accept(0, &listener);
    peer.establish(&Open::new(65001));
    roost.await_state(0, "established");
    roost.order(&["disable"], 0).unwrap();
    peer.expect_notification(6, 2, &[]);
    roost.obeys(&["enable"], 0, "enabled");
    roost.accept(0, &listener).establish(&Open::new(65001));
}

#[test]
fn enable_lets_in_whom_too_many_prefixes_keep_out() {
    for action in ["action: disable", "restart_after: 1d"] {
        let limit = format!("max_prefix: {{ limit: 2, {action} }}");
        let roost = Setup::with([Neighbor::ebgp(65001).with(&limit)]).start();
        let mut peer = roost.peer(0);
        peer.update(&peer.route(&["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"]));
        peer.expect_notification(6, 1, &[0, 1, 1, 0, 0, 0, 2]);
        roost.await_state(0, "idle");
        if action == "action: disable" {
            roost.refuses(&["reset"], 0, "more than 2 prefixes of ipv4; `roost peer enable` lets it in again");
            let hint = roost.about(0)["hint"].to_string();
            assert!(hint.contains("`roost peer enable`"), "{hint}");
        }
        roost.obeys(&["enable"], 0, "its pause is over: let in again");
        drop(roost.peer(0));
    }
}

#[test]
fn a_peer_held_at_its_limit_is_asked_again_when_it_has_withdrawn_enough() {
    // RFC 4271 §6.7: "discard new address prefixes from the neighbor"; RFC 2918 brings them back.
    let limit = "max_prefix: { limit: 10, action: block }";
    let roost = Setup::with([Neighbor::ebgp(65001).with(limit)]).start();
    let mut peer = roost.peer(0);
    peer.await_end_of_rib(1);
    let all: Vec<String> = (0..12).map(|n| format!("10.{n}.0.0/16")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    peer.update(&peer.route(&all));
    roost.await_table("ten of them", |rows| (rows.len() == 10).then_some(()));
    roost.await_limit(0, "exceeded");
    for gone in 0..2 {
        peer.update(&harness::Update::new().withdraw(&[all[gone]]));
        // Full again with the next: one of the two that were ignored.
        let told = up_to(&mut peer, |kind, _| kind == ROUTE_REFRESH);
        assert_eq!(told.last().unwrap().1, [0, 1, 0, 1], "asked for its routes");
        peer.update(&peer.route(&all[gone + 1..]));
        let wanted = all[10 + gone];
        roost.await_table("what was ignored", |rows| rows.iter().any(|row| row.prefix == wanted).then_some(()));
    }
    // All ten are there, none was ignored, and so nothing is asked for.
    assert_eq!(roost.about(0)["received"], 10);
    peer.update(&harness::Update::new().withdraw(&all[2..6]));
    roost.await_table("six", |rows| (rows.len() == 6).then_some(()));
    roost.await_limit(0, "near");
    peer.expect_quiet(Duration::from_millis(300));
}

#[test]
fn peers_are_called_by_address_name_or_all_and_a_wrong_name_does_nothing() {
    let neighbors = [
        Neighbor::ebgp(65001).with("description: rack-7"),
        Neighbor::ebgp(65002).with("description: rack-7"),
        Neighbor::ebgp(65003).with("enabled: false"),
    ];
    let roost = Setup::with(neighbors).start();
    let (mut one, mut two) = (roost.peer(0), roost.peer(1));
    let [a, b, c] = [0, 1, 2].map(|number| roost.name(number));
    let error = roost.command(&["peer", "disable", &a, "rack-8"]).unwrap_err();
    assert_eq!(error, "roost: no peer is called \"rack-8\"; did you mean rack-7?\n");
    let error = roost.command(&["peer", "disable", "10.77.66.55"]).unwrap_err();
    assert_eq!(error, "roost: no peer is called \"10.77.66.55\"; `roost show peers` lists them\n");
    assert_eq!(roost.about(0)["state"], "established", "nothing was done");

    let error = roost.command(&["peer", "reset", &c, &a]).unwrap_err();
    let off = "disabled in the configuration; write `enabled: true` there and start roost again";
    assert_eq!(error, format!("roost: {c}: {off}; done for the other 1\n"));
    one.expect_notification(6, 4, &[]);
    let mut one = roost.connect_again(0, Open::new(65001).id([10, 0, 0, 10]));
    roost.await_state(0, "established");

    let done = "disabled until `roost peer enable`, or a restart of roost";
    assert_eq!(roost.command(&["peer", "disable", "rack-7"]).unwrap(), format!("{a}: {done}\n{b}: {done}\n"));
    one.expect_notification(6, 2, &[]);
    two.expect_notification(6, 2, &[]);
    let all = roost.command(&["peer", "enable", "--all"]).unwrap();
    assert_eq!(all, format!("{a}: enabled\n{b}: enabled\n{c}: {off}\n"));
    drop((roost.peer(0), roost.peer(1)));
}

#[test]
fn a_dynamic_peer_that_is_disabled_is_remembered() {
    let range = "peer_groups: { nodes: { asn: 65010, import: accept, export: accept } }\n\
                 dynamic_peers: [ { prefix: 127.0.0.0/8, group: nodes, forget_after: 200ms } ]\n";
    let roost = Setup::with([]).more(range).start();
    let connect = || Peer::connect(roost.net().stranger(1), roost.address(), 1, Neighbor::ebgp(65010));
    let name = roost.net().stranger(1).to_string();
    let mut guest = connect();
    guest.establish(&Open::new(65010));
    until("the guest is a peer", PATIENCE, || roost.command(&["peer", "disable", &name]));
    guest.expect_notification(6, 2, &[]);
    let until_then = Instant::now() + Duration::from_millis(600);
    while Instant::now() < until_then {
        connect().expect_notification(6, 5, &[]);
    }
    assert_eq!(roost.command(&["peer", "enable", &name]).unwrap(), format!("{name}: enabled\n"));
    connect().establish(&Open::new(65010));
}

#[test]
fn the_text_of_a_peers_operator_is_shown_without_its_control_characters() {
    // RFC 9003 §4: "applications […] MUST be able to handle arbitrary characters".
    let roost = Setup::external().start();
    let mut peer = roost.peer(0);
    peer.send(notification(6, 2, &text("down\x1b[2J\r\nfor good \u{202e}\u{7}ö")));
    let escaped = r#""down\u{1b}[2J\r\nfor good \u{202e}\u{7}ö""#;
    roost.await_reason(0, "Administrative Shutdown");
    for page in [vec!["show", "peers"], vec!["show", "peer", &roost.name(0)]] {
        let shown = roost.command(&page).unwrap();
        assert!(shown.contains(escaped), "{shown}");
    }
    assert!(!roost.log().contains('\x1b') && !roost.log().contains('\u{202e}'), "{}", roost.log());
}

/// BIRD's own words on what roost did.
#[test]
fn bird_sees_what_the_operator_of_roost_orders() {
    let lab = Lab::new("peercommands");
    let (ns_a, ns_b) = (lab.netns("a"), lab.netns("b"));
    lab.wire((&ns_a, "eth0"), (&ns_b, "eth0"));
    let a = Speaker::new("10.9.0.1/24", &["10.65.1.0/26"]).with_peer(roost_tests::Peer::new("10.9.0.2", 64512));
    let mut b = Speaker::new("10.9.0.2/24", &["10.65.2.0/26"]).with_peer(roost_tests::Peer::new("10.9.0.1", 64512));
    b.more = "debug protocols { states, events };".to_owned();
    a.address_device(&ns_a, "eth0");
    b.address_device(&ns_b, "eth0");
    let (bird, roost) = (b.start(Kind::Bird2, &ns_b), a.start(Kind::Roost, &ns_a));
    let says = |what: &str| {
        until(&format!("BIRD says {what:?}"), PATIENCE, || {
            let said = bird.ask("show protocols all peer_0");
            if said.contains(what) { Ok(()) } else { Err(format!("{said}\n{}", bird.log())) }
        });
    };
    let routes = |wanted: bool| {
        until("the routes of both kernels", PATIENCE, || {
            let have = [
                ns_a.routes("proto bird").contains(&"10.65.2.0/26 via 10.9.0.2 dev eth0".to_owned()),
                ns_b.routes("proto bird").contains(&"10.65.1.0/26 via 10.9.0.1 dev eth0".to_owned()),
            ];
            if have == [wanted; 2] { Ok(()) } else { Err(format!("{have:?}")) }
        });
    };
    says("Established");
    routes(true);
    assert_eq!(roost.ask("peer refresh 10.9.0.2"), "10.9.0.2: ipv4: its routes asked for again, ours sent again\n");
    says("Established");
    assert_eq!(roost.ask("peer reset 10.9.0.2 --message new-keys"), "10.9.0.2: session ended, another one follows\n");
    until("BIRD's log has the text", PATIENCE, || {
        let log = bird.log();
        if log.contains("Administrative reset") && log.contains("new-keys") { Ok(()) } else { Err(log) }
    });
    says("Established");
    routes(true);
    roost.ask("peer disable 10.9.0.2 --message back-at-noon");
    routes(false);
    // Then it calls, and is not let in.
    says("Connection rejected");
    let log = bird.log();
    assert!(log.contains("Administrative shutdown") && log.contains("back-at-noon"), "{log}");
    roost.ask("peer enable 10.9.0.2");
    says("Established");
    routes(true);
}
