//! Pools in a VXLAN: two nodes on two subnets make their devices, find each other's ends, and pods talk through them.
//!
//! ```text
//!   a 172.16.1.1 ───── r ───── 172.16.2.3 b          pod 10.68.1.5 on a, 10.68.2.5 on b
//! ```

use roost_tests::{Daemon, Lab, Netns, PATIENCE, Peer, Roost, Speaker, Stream, peers, two_subnets, until};
use std::time::Instant;

const POOL: &str = "pools: [ { cidr: 10.68.0.0/16, mode: vxlan-cross-subnet, manage: true } ]";

struct Node {
    ns: Netns,
    speaker: Speaker,
    roost: Daemon,
}

impl Node {
    fn start(ns: Netns, address: &str, block: &str, peer: &str) -> Node {
        let mut speaker = Speaker::new(address, &[block]).with_peer(Peer::new(peer, 64512));
        speaker.more = POOL.to_owned();
        let roost = Daemon::start(Roost, &ns, &speaker.roost(&ns));
        Node { ns, speaker, roost }
    }

    /// Other pools from now on.
    fn reload(&mut self, pools: &str) {
        self.speaker.more = pools.to_owned();
        self.roost.write_config(&self.speaker.roost(&self.ns));
        self.roost.signal(libc::SIGHUP);
    }

    /// Waits until the device is shown with all of this.
    #[track_caller]
    fn shows(&self, parts: &[&str]) {
        until("the device is as it should be", PATIENCE, || {
            let link = self.ns.try_ip("-d link show dev vxlan.roost").unwrap_or_default();
            if parts.iter().all(|part| link.contains(part)) { Ok(()) } else { Err(link) }
        });
    }

    /// What `roost fib clean` says with these arguments more.
    fn clean(&self, more: &str) -> Result<String, String> {
        let (program, config) = (peers::roost(), self.roost.files().config.display());
        let line = format!("{} fib clean --config {config} {more}", program.display());
        self.ns.try_run(&line).map_err(|error| format!("{error:#}"))
    }

    #[track_caller]
    fn holds(&self, wanted: &[&str]) {
        self.ns.wait_for_routes(wanted, PATIENCE, || self.roost.control("show fib").unwrap_or_default());
    }

    /// Packets that left by the tunnel device.
    fn tunnelled(&self) -> u64 {
        let path = "/sys/class/net/vxlan.roost/statistics/tx_packets";
        self.ns.run(&format!("cat {path}")).trim().parse().unwrap_or_default()
    }
}

fn nodes(name: &str, prepare: impl FnOnce(&Netns, &Netns)) -> (Node, Node, Netns, Lab) {
    let lab = Lab::new(name);
    let [a, b, r] = two_subnets(&lab);
    for ns in [&a, &b] {
        ns.ip("link set eth0 mtu 1460");
    }
    prepare(&a, &b);
    let a = Node::start(a, "172.16.1.1/24", "10.68.1.0/26", "172.16.2.3");
    let b = Node::start(b, "172.16.2.3/24", "10.68.2.0/26", "172.16.1.1");
    (a, b, r, lab)
}

#[test]
fn pods_of_two_subnets_talk_through_devices_that_roost_made() {
    let (mut a, b, r, _lab) = nodes("vxlan", |_, _| {});
    // RFC 7348 §4.1: the far end's MAC address, and the node behind it
    a.holds(&["blackhole 10.68.1.0/26", "10.68.2.0/26 via 172.16.2.3 dev vxlan.roost onlink"]);
    b.holds(&["10.68.1.0/26 via 172.16.1.1 dev vxlan.roost onlink", "blackhole 10.68.2.0/26"]);
    for node in [&a, &b] {
        let log = node.roost.log();
        assert!(!log.contains("another program"), "what it has written itself it has heard as another's: {log}");
    }
    // RFC 7348 §4.2: who is never flooded learns nothing. RFC 7348 §5: 50 octets around each packet
    let link = a.ns.ip("-d link show dev vxlan.roost");
    for part in ["mtu 1410", "vxlan id 4096 local 172.16.1.1", "dstport 4789", "nolearning", "02:72:ac:10:01:01"] {
        assert!(link.contains(part), "{part}: {link}");
    }
    // The fabric knows no pod address: what arrives came through the tunnel.
    assert!(r.try_ip("route get 10.68.2.5").is_err());
    let before = a.tunnelled();
    let ping = a.ns.run("ping -c 3 -i 0.2 -W 5 -I 10.68.1.5 10.68.2.5");
    assert!(ping.contains("3 received"), "{ping}");
    assert!(a.tunnelled() >= before + 3);
    // As large as the device takes, and not one octet more: 1460 less 50.
    let ping = a.ns.run("ping -c 1 -W 5 -M do -s 1382 -I 10.68.1.5 10.68.2.5");
    assert!(ping.contains("1 received"), "{ping}");
    assert!(a.ns.try_run("ping -c 1 -W 1 -M do -s 1383 -I 10.68.1.5 10.68.2.5").is_err());

    // A restart by -9: not one packet is lost, and nothing of the device changes.
    let shown = |node: &Node| {
        (node.ns.ip("neigh show dev vxlan.roost nud permanent"), node.ns.run("bridge fdb show dev vxlan.roost"))
    };
    let standing = shown(&a);
    let mut ping =
        a.ns.command("ping")
            .args("-i 0.02 -c 150 -W 5 -I 10.68.1.5 10.68.2.5".split(' '))
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("ping runs");
    a.roost.kill_9();
    a.roost.launch();
    let status = ping.wait().expect("ping ends");
    let mut said = String::new();
    std::io::Read::read_to_string(&mut ping.stdout.take().expect("it is piped"), &mut said).expect("it is text");
    assert!(status.success() && said.contains(" 0% packet loss"), "{said}");
    a.holds(&["blackhole 10.68.1.0/26", "10.68.2.0/26 via 172.16.2.3 dev vxlan.roost onlink"]);
    assert_eq!(shown(&a), standing);

    // Its routes go: then what led to its end goes, too.
    a.roost.ask("peer disable 172.16.2.3");
    until("nothing of the far end is left", PATIENCE, || {
        let left = (a.ns.routes("proto bird"), shown(&a));
        let gone = left.0 == ["blackhole 10.68.1.0/26"]
            && !left.1.0.contains("172.16.2.3")
            && !left.1.1.contains("172.16.2.3");
        if gone { Ok(()) } else { Err(format!("{left:#?}")) }
    });
}

const FAR: &str = "10.68.2.0/26 via 172.16.2.3 dev vxlan.roost onlink";

/// A device of another VNI is there from an earlier life, the network grows, and in the end nobody wants the device.
#[test]
fn a_leftover_is_made_anew_the_network_is_followed_and_nothing_is_left_behind() {
    let (mut a, b, _r, _lab) = nodes("leftover", |a, b| {
        a.ip("link add vxlan.roost up type vxlan id 42 dstport 4789 local 172.16.1.1 nolearning");
        a.ip("link set vxlan.roost alias roost");
        b.ip("link add vxlan.roost up type vxlan id 42 dstport 4789 local 172.16.2.3 nolearning");
    });
    a.holds(&["blackhole 10.68.1.0/26", FAR]);
    a.shows(&["vxlan id 4096", "mtu 1410", "alias roost"]);
    // One without our mark is somebody's, and stays.
    b.holds(&["blackhole 10.68.2.0/26"]);
    for page in ["show fib", "show status"] {
        until("b says what is in the way", PATIENCE, || {
            let said = b.roost.ask(page);
            let named = said.contains("it is `vxlan id 42 dstport 4789 local 172.16.2.3`");
            if named && said.contains("`ip link del vxlan.roost`") { Ok(()) } else { Err(said) }
        });
    }
    let pools = |node: &Node| -> serde_json::Value {
        serde_json::from_str(&node.roost.ask("show pools --json")).expect("JSON")
    };
    let (of_a, of_b) = (&pools(&a)[0], &pools(&b)[0]);
    let facts = |pool: &serde_json::Value| {
        ["state", "kind", "mtu", "ours"].map(|key| pool["tunnel"][key].to_string()).join(" ")
    };
    assert_eq!(facts(of_a), r#""up" "vxlan" 1410 true"#);
    assert_eq!((&of_a["routes"]["wanted"], &of_a["routes"]["installed"]), (&2.into(), &2.into()), "{of_a:#}");
    assert!(facts(of_b).ends_with("false") && of_b["routes"]["withheld"] == 1, "{of_b:#}");
    assert!(b.roost.ask("show pools").contains("the device is another program's, 1 withheld"));
    b.ns.ip("link del vxlan.roost");
    b.holds(&["10.68.1.0/26 via 172.16.1.1 dev vxlan.roost onlink", "blackhole 10.68.2.0/26"]);

    // The MTU follows the network's, and another pool comes: not one packet is lost.
    let stream = Stream::start(&a.ns, &b.ns, "10.68.2.5".parse().expect("an address"), 4);
    let before = a.ns.ip("-o link show dev vxlan.roost");
    let began = Instant::now();
    for node in [&a, &b] {
        node.ns.ip("link set eth0 mtu 1500");
        node.shows(&["mtu 1450"]);
    }
    a.reload("pools: [ { cidr: 10.68.0.0/16, mode: vxlan-cross-subnet, manage: true }, { cidr: 10.69.0.0/16, mode: host-gw } ]");
    b.roost.ask("announce 10.69.2.0/26");
    until("a says why a route of the new pool waits", PATIENCE, || {
        let fib = a.roost.ask("show fib");
        let named = fib.contains("next hop 172.16.2.3 is on none of this node's subnets (172.16.1.0/24 on eth0)");
        if named { Ok(()) } else { Err(fib) }
    });
    let outcome = stream.end();
    assert!(outcome.lost.is_empty(), "{}", outcome.text(began));
    let index = |line: &str| line.split(':').next().map(str::to_owned);
    assert_eq!(index(&a.ns.ip("-o link show dev vxlan.roost")), index(&before), "it is still the same device");

    // The pool goes, and the device after its routes.
    let refused = a.clean("").expect_err("roost runs");
    assert!(refused.contains("roost runs"), "{refused}");
    a.reload("pools: [ { cidr: 10.68.0.0/16, mode: direct } ]");
    a.holds(&[
        "blackhole 10.68.1.0/26",
        "10.68.2.0/26 via 172.16.1.254 dev eth0",
        "10.69.2.0/26 via 172.16.1.254 dev eth0",
    ]);
    until("the device is gone", PATIENCE, || a.ns.try_ip("link show dev vxlan.roost").map_or(Ok(()), Err));

    // Uninstalled: first told, then done.
    a.reload("pools: [ { cidr: 10.68.0.0/16, mode: vxlan-cross-subnet, manage: true } ]");
    a.shows(&["alias roost"]);
    a.holds(&["blackhole 10.68.1.0/26", FAR, "10.69.2.0/26 via 172.16.1.254 dev eth0"]);
    a.roost.stop();
    let told = a.clean("").expect("nobody runs");
    for line in
        ["ip route del 10.68.2.0/26 via 172.16.2.3 dev vxlan.roost", "ip link del vxlan.roost", "nothing was done"]
    {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert_eq!(a.ns.routes("proto bird").len(), 3);
    let listed = a.clean("--json").expect("nobody runs");
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap_or_else(|error| panic!("{error}: {listed}"));
    let commands: Vec<_> = listed["commands"].as_array().into_iter().flatten().map(|one| &one["command"]).collect();
    assert!(commands.contains(&&serde_json::json!("ip link del vxlan.roost")), "{listed}");
    assert_eq!((&listed["done"], commands.len()), (&false.into(), told.lines().count() - 1), "{listed}");
    let done = a.clean("--yes").expect("nobody runs");
    assert!(done.contains(" removed."), "{done}");
    assert!(a.ns.routes("proto bird").is_empty() && a.ns.try_ip("link show dev vxlan.roost").is_err());
    assert_eq!(a.clean("").expect("nobody runs"), "Nothing of ours is in the kernel.\n");
}
