//! `/livez` and `/readyz`, as a kubelet asks them: false with its reasons at the start, true once the peers have told
//! everything and the kernel holds it, false while the kernel does something else.

use roost_tests::{Daemon, Kind, Lab, Netns, PATIENCE, Peer, Speaker, until};
use serde_json::Value;

const THEIRS: &str = "10.65.2.0/26 via 10.9.0.2 dev eth0";
const TUNNELLED: &str = "10.66.2.0/26 via 10.9.0.2 dev tunl0 onlink";

/// The status and the JSON of a page.
#[track_caller]
fn page(ns: &Netns, page: &str) -> (u16, Value) {
    let (status, body) = roost_tests::probe(ns, page);
    (status, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{page} is no JSON ({error}): {body}")))
}

/// The node's roost.
struct Node {
    ns: Netns,
    roost: Daemon,
}

impl Node {
    /// Waits for a ready node, or for one that is not ready and gives a reason with these words.
    #[track_caller]
    fn await_ready(&self, what: &str, reason: Option<&str>) {
        until(what, PATIENCE, || {
            let (status, body) = page(&self.ns, "/readyz");
            let reasons: Vec<_> = body["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let as_wanted = match reason {
                None => status == 200 && body["ready"] == true && reasons.is_empty(),
                Some(words) => {
                    status == 503 && body["ready"] == false && reasons.iter().any(|reason| reason.contains(words))
                }
            };
            if as_wanted { Ok(()) } else { Err(format!("{status} {body:#}\n{}", self.roost.log())) }
        });
    }

    #[track_caller]
    fn routes(&self, wanted: &[&str]) {
        self.ns.wait_for_routes(wanted, PATIENCE, || self.roost.control("show fib").unwrap_or_default());
    }
}

#[test]
fn a_node_is_ready_from_quorum_and_sync_on_and_not_while_its_kernel_diverges() {
    let lab = Lab::new("ready");
    let (a, b) = (lab.netns("a"), lab.netns("b"));
    lab.wire((&a, "eth0"), (&b, "eth0"));
    let mut speaker_a = Speaker::new("10.9.0.1/24", &[]).with_peer(Peer::new("10.9.0.2", 64512));
    speaker_a.more = "pools: [{ cidr: 10.66.0.0/16, mode: ipip, device: tunl0 }]\nmetrics: {}\n".into();
    let speaker_b =
        Speaker::new("10.9.0.2/24", &["10.65.2.0/26", "10.66.2.0/26"]).with_peer(Peer::new("10.9.0.1", 64512));
    speaker_a.address_device(&a, "eth0");
    speaker_b.address_device(&b, "eth0");
    let tunnel = |ns: &Netns| {
        ns.ip("link add tunl0 type vxlan id 65 local 10.9.0.1 dstport 4789");
        ns.ip("link set tunl0 up");
    };
    tunnel(&a);
    let node = Node { roost: speaker_a.start(Kind::Roost, &a), ns: a };

    // Its only peer is absent: alive, and not ready.
    node.await_ready(
        "the absent peer is the reason",
        Some("of 1 peers 0 are up and have sent everything; wanted are 1"),
    );
    node.await_ready("the absent peer is named", Some("peer 10.9.0.2: "));
    let (status, alive) = page(&node.ns, "/livez");
    assert_eq!((status, &alive["alive"]), (200, &true.into()), "{alive}");
    let parts: Vec<_> = alive["parts"].as_array().into_iter().flatten().map(|row| row["part"].clone()).collect();
    assert_eq!(parts, ["owner", "fib-sync", "api"]);

    let mut bird = speaker_b.start(Kind::Bird2, &b);
    node.await_ready("the peer has told everything", None);
    node.routes(&[THEIRS, TUNNELLED]);

    // The kernel refuses a route: where it looks for the gateway itself, a rule leads nowhere. The session goes on.
    bird.stop();
    node.routes(&[]);
    node.ns.ip("rule add pref 9 ipproto tcp lookup main");
    node.ns.ip("rule add pref 10 to 10.9.0.2 unreachable");
    bird.launch();
    node.await_ready("the kernel refuses", Some("10.65.2.0/26 failed: "));
    let (_, metrics) = roost_tests::probe(&node.ns, "/metrics");
    let refused = metrics.lines().find(|line| line.starts_with("roost_fib_errno_total{errno=\"E"));
    assert!(refused.is_some_and(|line| !line.ends_with(" 0")), "{metrics}");
    node.ns.ip("rule del pref 10");
    node.await_ready("it is written as soon as it can be", None);

    // Someone else's route in the place of ours.
    bird.stop();
    node.await_ready("the peer has gone", Some("peer 10.9.0.2: "));
    node.routes(&[]);
    node.ns.ip("route add 10.65.2.0/26 via 10.9.0.77 proto static");
    bird.launch();
    node.await_ready(
        "a foreign route is in the way",
        Some("10.65.2.0/26 conflict: the kernel has `10.65.2.0/26 via 10.9.0.77"),
    );
    node.ns.ip("route del 10.65.2.0/26 proto static");
    node.await_ready("it is gone", None);
    node.routes(&[THEIRS, TUNNELLED]);

    // The tunnel is gone, and comes back.
    node.ns.ip("link del tunl0");
    node.await_ready("the tunnel is missing", Some("10.66.2.0/26 withheld: tunnel device tunl0 does not exist"));
    tunnel(&node.ns);
    node.await_ready("the tunnel is back", None);

    // Another program takes the route away again and again.
    until("someone fights", PATIENCE, || {
        let (status, body) = page(&node.ns, "/readyz");
        let told = status == 503 && body["reasons"].to_string().contains("took it away ");
        if status == 200 {
            // As often as it is there: it is withheld for a second only, which may pass unseen.
            let _ = node.ns.try_ip("route del 10.65.2.0/26");
        }
        if told { Ok(()) } else { Err(format!("{status} {body:#}")) }
    });
    node.await_ready("nobody fights any more", None);
}

#[test]
fn only_the_peers_that_are_to_count_do() {
    let lab = Lab::new("readyof");
    let (a, b) = (lab.netns("a"), lab.netns("b"));
    lab.wire((&a, "eth0"), (&b, "eth0"));
    // A reflector that is there, and one of its clients, to which there is a session besides, that is not.
    let mut client = Peer::new("10.9.0.3", 64512);
    client.client = true;
    let mut speaker_a = Speaker::new("10.9.0.1/24", &[]).with_peer(Peer::new("10.9.0.2", 64512)).with_peer(client);
    let speaker_b = Speaker::new("10.9.0.2/24", &["10.65.2.0/26"]).with_peer(Peer::new("10.9.0.1", 64512));
    speaker_a.address_device(&a, "eth0");
    speaker_b.address_device(&b, "eth0");
    speaker_a.more = "metrics: {}\nreadiness: { peers: all, quorum: 51 }".into();
    let _bird = speaker_b.start(Kind::Bird2, &b);
    {
        let node = Node { roost: speaker_a.start(Kind::Roost, &a), ns: a.clone() };
        node.routes(&[THEIRS]);
        node.await_ready("one of two is half", Some("of 2 peers 1 are up and have sent everything; wanted are 2"));
        // What the operator has disabled does not count.
        node.roost.ask("peer disable 10.9.0.3");
        node.await_ready("one of one is all", None);
        node.roost.ask("drain --settle 0");
        node.await_ready("it is drained", Some("the node is out of service"));
        node.roost.ask("undrain");
        node.await_ready("it is back", None);
    }
    speaker_a.more = "metrics: {}\nreadiness: { peers: reflectors, quorum: 100 }".into();
    let node = Node { roost: speaker_a.start(Kind::Roost, &a), ns: a.clone() };
    node.await_ready("the reflector is there", None);
    drop(node);
    speaker_a.more = "metrics: {}\nreadiness: { peers: none }".into();
    speaker_a.peers.truncate(1);
    speaker_a.peers[0].address = "10.9.0.4".parse().expect("an address");
    let node = Node { roost: speaker_a.start(Kind::Roost, &a), ns: a };
    node.await_ready("nobody is waited for", None);
}
