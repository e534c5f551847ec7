//! `roost reload`, seen by the peers: whom a change of the configuration concerns, and who takes no notice.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "battery/harness/mod.rs"]
mod harness;

use harness::{Neighbor, Open, Roost, Setup};
use serde_json::json;

const PREFIX: &str = "192.168.7.0/24";

impl Roost {
    /// The file is this one now, and `roost reload` says what it does about that.
    #[track_caller]
    fn reload(&mut self, setup: Setup) -> String {
        self.rewrite(setup);
        let said = self.command(&["reload"]).unwrap();
        // The harness' addresses are none of the node's, and roost says so of each new peer.
        said.lines().filter(|line| !line.contains(": warning: ")).map(|line| format!("{line}\n")).collect()
    }

    /// The peer's first session goes on.
    #[track_caller]
    fn is_untouched(&self, number: usize) {
        let about = self.about(number);
        assert_eq!((&about["state"], &about["established_count"]), (&json!("established"), &json!(1)), "{about}");
    }
}

#[test]
fn a_policy_changes_under_a_session_and_only_its_peer_is_concerned() {
    let (first, second) = (|| Neighbor::ebgp(65001), || Neighbor::ebgp(65002));
    let mut roost = Setup::with([first(), second()]).start();
    let (mut one, mut two) = (roost.peer(0), roost.peer(1));
    one.update(&one.route(&[PREFIX])).settle(&roost);
    two.await_route(PREFIX);

    let said = roost.reload(Setup::with([first().with("import: reject"), second()]));
    let expected = format!(
        "peer {}: import changed; the session stays\ngeneration 2 of the configuration is in force; no session was ended\n",
        roost.name(0)
    );
    assert_eq!(said, expected);
    two.await_withdrawal(PREFIX);
    roost.is_untouched(0);
    roost.is_untouched(1);

    // What the peer has announced is not forgotten: it need not say it again.
    roost.reload(Setup::with([first(), second()]));
    two.await_route(PREFIX);
    assert_eq!(
        roost.reload(Setup::with([first(), second()])),
        "nothing that is in force is different\ngeneration 3 of the configuration is in force; no session was ended\n"
    );
}

#[test]
fn what_is_agreed_on_in_the_open_resets_one_session_and_no_other() {
    // RFC 4486 §4: Other Configuration Change
    let (first, second) = (|| Neighbor::ebgp(65001), || Neighbor::ebgp(65002));
    let mut roost = Setup::with([first(), second()]).start();
    let (mut one, _two) = (roost.peer(0), roost.peer(1));
    let said = roost.reload(Setup::with([first().with("add_path: { receive: true }"), second()]));
    assert!(
        said.contains("the session is reset, because of add_path: it is agreed on when a session begins"),
        "{said}"
    );
    assert!(said.ends_with(&format!("one session was ended: {}\n", roost.name(0))), "{said}");
    one.expect_notification(6, 6, &[]);
    let again = roost.connect_again(0, Open::new(65001).id(Roost::peer_id(0)));
    let add_path = harness::capabilities(&again.open).into_iter().any(|(code, _)| code == 69);
    assert!(add_path, "{:02x?}", again.open);
    roost.is_untouched(1);
}

#[test]
fn peers_come_and_go_and_the_others_stay() {
    // RFC 4486 §4: Peer De-configured
    let (first, second) = (|| Neighbor::ebgp(65001), || Neighbor::ebgp(65002));
    let mut roost = Setup::with([first()]).start();
    let mut one = roost.peer(0);
    for round in 0..3 {
        let said = roost.reload(Setup::with([first(), second()]));
        assert!(said.starts_with(&format!("peer {}: added\n", roost.name(1))), "{said}");
        let mut two = roost.peer(1);
        two.update(&two.route(&[PREFIX])).settle(&roost);
        one.await_route(PREFIX);

        let gone = roost.name(1);
        let said = roost.reload(Setup::with([first()]));
        assert!(said.starts_with(&format!("peer {gone}: removed, its session ends\n")), "{round}: {said}");
        two.expect_notification(6, 3, &[]);
        one.await_withdrawal(PREFIX);
        assert_eq!(roost.page("/v1/peers").as_array().map(Vec::len), Some(1));
    }
    roost.is_untouched(0);
}

#[test]
fn a_peer_is_disabled_and_enabled_by_the_file() {
    let (on, off) = (|| Neighbor::ebgp(65001), || Neighbor::ebgp(65001).with("enabled: false"));
    let mut roost = Setup::with([on()]).start();
    let mut peer = roost.peer(0);
    let said = roost.reload(Setup::with([off()]));
    assert!(said.contains("enabled changed; the session ends\n"), "{said}");
    peer.expect_notification(6, 3, &[]);
    assert_eq!(roost.about(0)["state"], "disabled");
    roost.reload(Setup::with([on()]));
    drop(roost.peer(0));
}

#[test]
fn a_peer_of_the_mesh_becomes_a_client_and_keeps_its_session() {
    // RFC 4456 §6: what an internal peer told us goes to a client, and to nobody else.
    let (plain, client) = (Neighbor::ibgp, || Neighbor::ibgp().with("route_reflector_client: true"));
    let mut roost = Setup::with([plain(), plain()]).start();
    let (mut one, mut two) = (roost.peer(0), roost.peer(1));
    two.await_end_of_rib(1);
    one.update(&one.route(&[PREFIX])).settle(&roost);
    assert_eq!(two.adj_out_prefixes(), Vec::<String>::new());
    let said = roost.reload(Setup::with([plain(), client()]));
    assert!(said.contains("route_reflector_client changed; the session stays\n"), "{said}");
    two.await_route(PREFIX);
    roost.reload(Setup::with([plain(), plain()]));
    two.await_withdrawal(PREFIX);
    roost.is_untouched(0);
    roost.is_untouched(1);
}

#[test]
fn blocks_of_the_node_are_announced_and_withdrawn() {
    let mut roost = Setup::external().blocks(&["10.65.1.0/26", "10.65.2.0/26"]).start();
    let mut peer = roost.peer(0);
    peer.await_route("10.65.1.0/26");
    let said = roost.reload(Setup::external().blocks(&["10.65.2.0/26", "10.65.3.0/26"]));
    assert!(said.starts_with("block 10.65.3.0/26: announced\nblock 10.65.1.0/26: withdrawn\n"), "{said}");
    peer.await_route("10.65.3.0/26");
    peer.await_withdrawal("10.65.1.0/26");
    // What an agent has announced is the agent's.
    roost.command(&["announce", "10.65.3.0/26", "10.65.9.0/26"]).unwrap();
    roost.reload(Setup::external());
    peer.await_withdrawal("10.65.2.0/26");
    assert_eq!(peer.adj_out_prefixes(), ["10.65.3.0/26", "10.65.9.0/26"]);
    roost.is_untouched(0);
}

#[test]
fn a_file_with_mistakes_changes_nothing_and_everybody_is_told() {
    let mut roost = Setup::external().blocks(&["10.65.1.0/26"]).start();
    let mut peer = roost.peer(0);
    peer.await_end_of_rib(1);
    roost.rewrite(Setup::with([Neighbor::ebgp(65001).with("hold_tme: 9s")]));
    let error = roost.command(&["reload"]).unwrap_err();
    for part in ["is not in force, and nothing has changed", "roost.yaml:7:", "hold_tme"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let status = roost.page("/v1/status")["configuration"].clone();
    assert_eq!(status["generation"], 1);
    assert!(status["error"].as_str().unwrap().contains("hold_tme"), "{status}");
    assert!(roost.command(&["show", "status"]).unwrap().contains("not in force"));
    assert!(roost.log().contains("nothing of the configuration changes"));
    assert_eq!(peer.adj_out_prefixes(), ["10.65.1.0/26"]);
    // The next good one is taken, and all is well again.
    roost.reload(Setup::external());
    peer.await_withdrawal("10.65.1.0/26");
    assert_eq!(roost.page("/v1/status")["configuration"]["error"], json!(null));
    roost.is_untouched(0);
}

#[test]
fn what_needs_a_restart_is_said_and_the_rest_is_done() {
    let mut roost = Setup::external().start();
    let _peer = roost.peer(0);
    let limits = |setup: Setup| setup.router("limits: { unopened: 7 }");
    let said = roost.reload(limits(Setup::with([Neighbor::ebgp(65001).with("description: rack-7")])));
    assert!(said.contains("description changed; the session stays\n"), "{said}");
    assert!(said.contains("needs a restart, and stays as it was until then: router.limits\n"), "{said}");
    assert_eq!(roost.page("/v1/status")["configuration"]["needs_restart"], json!(["router.limits"]));
    assert_eq!(roost.about(0)["description"], "rack-7");

    // On who we are, everything hangs.
    roost.rewrite(Setup::external().asn(64999));
    let error = roost.command(&["reload"]).unwrap_err();
    assert!(error.contains("router.asn has changed, and everything else hangs on that"), "{error}");
    assert_eq!(roost.about(0)["description"], "rack-7");
    roost.is_untouched(0);
}

#[test]
fn a_hold_time_waits_for_the_next_session() {
    let with = |time: &str| Setup::with([Neighbor::ebgp(65001).with(&format!("hold_time: {time}, keepalive: 3s"))]);
    let mut roost = with("30s").start();
    let peer = roost.peer(0);
    let said = roost.reload(with("60s"));
    assert!(said.contains("hold_time changed; the session stays, hold_time from the next one on"), "{said}");
    roost.is_untouched(0);
    drop(peer);
    let again = roost.connect_again(0, Open::new(65001).id(Roost::peer_id(0)));
    assert_eq!(again.open[3..5], 60_u16.to_be_bytes(), "{:02x?}", again.open);
}

#[test]
fn a_warning_is_said_once() {
    let with = |key: &str| Setup::external().more(&format!("{key}peer_groups: {{ idle: {{ asn: 65001 }} }}\n"));
    let doubts = |said: String| said.lines().filter(|line| line.contains(": warning: ")).count();
    let mut roost = Setup::external().start();
    roost.rewrite(with(""));
    assert_eq!(doubts(roost.command(&["reload"]).unwrap()), 1, "nobody is in the group");
    // Its line is another one.
    roost.rewrite(with("readiness: { quorum: 50 }\n"));
    assert_eq!(doubts(roost.command(&["reload"]).unwrap()), 0);
    assert_eq!(doubts(roost.command(&["plan", roost.file().to_str().unwrap()]).unwrap()), 2, "a plan says all");
    roost.rewrite(Setup::external());
    roost.command(&["reload"]).unwrap();
    roost.rewrite(with(""));
    assert_eq!(doubts(roost.command(&["reload"]).unwrap()), 1, "it had gone");
}

#[test]
fn check_says_what_would_be_done_and_does_nothing() {
    let mut roost = Setup::external().start();
    let _peer = roost.peer(0);
    roost.rewrite(Setup::with([Neighbor::ebgp(65001).with("families: [ipv4, ipv6]")]));
    let said = roost.command(&["reload", "--check"]).unwrap();
    assert!(said.contains("families changed; the session is reset"), "{said}");
    roost.is_untouched(0);
    assert_eq!(roost.page("/v1/status")["configuration"]["generation"], 1);
}

/// A thousand listed peers, each with a session, and the file changes for one of them. What the peers have received by
/// then says whom it concerned; how long it took is printed.
#[test]
fn one_of_a_thousand_peers_is_changed_and_the_others_hear_nothing() {
    const PEERS: usize = 1_000;
    const CHANGED: usize = 617;
    let address = |number: usize| {
        let [high, low] = u16::try_from(number + 1).unwrap().to_be_bytes();
        std::net::Ipv4Addr::new(127, 255, high, low)
    };
    // Its list of peers goes on here.
    let setup = |keys: &str| {
        let keys = |number: usize| if number == CHANGED { keys } else { "passive: true" };
        let line = |number: usize| {
            let (address, keys) = (address(number), keys(number));
            format!("  - {{ address: {address}, asn: 65001, source: ROOST, import: accept, export: accept, {keys} }}\n")
        };
        Setup::external().more(&(0..PEERS).map(line).collect::<String>())
    };
    let mut roost = setup("passive: true").start();
    let mut peers: Vec<_> = (0..PEERS)
        .map(|number| {
            let mut peer = harness::Peer::connect(address(number), roost.address(), number, Neighbor::ebgp(65001));
            let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
            peer.establish(&Open::new(65001).id([10, 9, high, low]));
            peer
        })
        .collect();
    for peer in &mut peers {
        peer.await_end_of_rib(1);
    }
    roost.rewrite(setup("passive: true, add_path: { receive: true }"));
    let began = std::time::Instant::now();
    let said = roost.command(&["reload"]).unwrap();
    let command = began.elapsed();
    assert!(said.ends_with(&format!("one session was ended: {}\n", address(CHANGED))), "{said}");

    peers.remove(CHANGED).expect_notification(6, 6, &[]);
    for peer in &mut peers {
        loop {
            match peer.next(std::time::Duration::from_millis(1)) {
                harness::Event::Silence => break,
                harness::Event::Message(harness::wire::KEEPALIVE, _) => {}
                other => panic!("{} heard {other:02x?}", address(peer.number)),
            }
        }
    }
    let rows = roost.page("/v1/peers");
    let up = rows.as_array().unwrap().iter().filter(|row| row["state"] == "established" && row["asn"] == 65001);
    let stay = up.count();
    assert_eq!(stay, PEERS - 1);
    // For `tests/bench reload`, in which the names of the columns stand.
    let log = roost.log();
    let line = log.lines().rfind(|line| line.contains("the configuration is in force")).unwrap();
    let (_, took) = line.split_once("took=").unwrap_or_else(|| panic!("how long? {line}"));
    println!("| {PEERS} | 1 | {stay} | {} | {command:.1?} |", took.split_whitespace().next().unwrap_or_default());
}
