//! MAC addresses of tunnel ends travel with the routes: a device that another agent made, one that changes its address,
//! and what other daemons say and hear of it.

use std::time::{Duration, Instant};

use roost_tests::{
    Bird2, Daemon, Exabgp, Gobgp, Lab, Netns, PATIENCE, Peer, Roost, Speaker, Stream, two_subnets, until,
};

const DEVICE: &str = "vxlan.calico";
const AGENTS: &str = "pools: [ { cidr: 10.68.0.0/16, mode: vxlan-cross-subnet, device: vxlan.calico } ]";
const OURS: &str = "pools: [ { cidr: 10.68.0.0/16, mode: vxlan-cross-subnet, manage: true } ]";

fn start(ns: &Netns, address: &str, block: &str, peer: &str, pools: &str) -> Daemon {
    let mut speaker = Speaker::new(address, &[block]).with_peer(Peer::new(peer, 64512));
    speaker.more = pools.to_owned();
    Daemon::start(Roost, ns, &speaker.roost(ns))
}

/// The MAC address and the node of permanent neighbours and of forwarding entries, each kind sorted; an error while there
/// is no such device.
fn far_ends(ns: &Netns, dev: &str) -> Result<[Vec<String>; 2], String> {
    let words = |line: &str, picked: [usize; 2]| {
        let words: Vec<&str> = line.split_whitespace().collect();
        picked.map(|at| words.get(at).copied().unwrap_or("?")).join(" ")
    };
    let shown = |command: &str, picked| -> Result<Vec<String>, String> {
        let said = ns.try_run(command).map_err(|error| format!("{error:#}"))?;
        let mut lines: Vec<String> = said.lines().map(|line| words(line, picked)).collect();
        lines.sort();
        Ok(lines)
    };
    Ok([
        shown(&format!("ip neigh show dev {dev} nud permanent"), [2, 0])?,
        shown(&format!("bridge fdb show dev {dev}"), [0, 2])?,
    ])
}

#[track_caller]
fn finds(ns: &Netns, dev: &str, wanted: &[&str]) {
    until("the far ends stand as announced", PATIENCE, || {
        let held = far_ends(ns, dev)?;
        if held.iter().all(|entries| entries == wanted) { Ok(()) } else { Err(format!("{held:#?}")) }
    });
}

fn mac(ns: &Netns, dev: &str) -> String {
    ns.run(&format!("cat /sys/class/net/{dev}/address")).trim().to_owned()
}

#[test]
fn a_device_of_another_agent_is_found_by_its_own_address_also_when_that_changes() {
    let lab = Lab::new("macs");
    let [a, b, _r] = two_subnets(&lab);
    // As an agent makes it: the kernel gives it an address that nobody can work out.
    a.ip(&format!("link add {DEVICE} up mtu 1450 type vxlan id 4096 dstport 4789 local 172.16.1.1 nolearning"));
    let first = mac(&a, DEVICE);
    let roost_a = start(&a, "172.16.1.1/24", "10.68.1.0/26", "172.16.2.3", AGENTS);
    let roost_b = start(&b, "172.16.2.3/24", "10.68.2.0/26", "172.16.1.1", OURS);
    // RFC 9012 §4.1, RFC 9135 §8.1
    finds(&b, "vxlan.roost", &[&format!("{first} 172.16.1.1")]);
    finds(&a, DEVICE, &["02:72:ac:10:02:03 172.16.2.3"]);
    let shown = roost_b.ask("show route 10.68.1.0/26 --json");
    assert!(shown.contains("\"encap:vxlan\"") && shown.contains(&format!("\"router-mac:{first}\"")), "{shown}");
    let ping = a.run("ping -c 3 -i 0.2 -W 5 -I 10.68.1.5 10.68.2.5");
    assert!(ping.contains("3 received"), "{ping}");

    // It gets another one while packets flow. What was under way to the old one is refused at its end; from the moment
    // that b knows, nothing is.
    let stream = Stream::start(&b, &a, [10, 68, 1, 5].into(), 1);
    let changed = Instant::now();
    a.ip(&format!("link set {DEVICE} address 66:01:02:03:04:05"));
    finds(&b, "vxlan.roost", &["66:01:02:03:04:05 172.16.1.1"]);
    let known = Instant::now();
    until("packets flow for a while", PATIENCE, || {
        if known.elapsed() > Duration::from_millis(500) { Ok(()) } else { Err("not yet".to_owned()) }
    });
    let outcome = stream.end();
    let wrong = outcome.lost.iter().filter(|lost| lost.at < changed || lost.at > known).count();
    assert_eq!(wrong, 0, "{}", outcome.text(changed));
    assert!(known - changed < Duration::from_secs(20), "known after {:?}", known - changed);
    let shown = roost_b.ask("show route 10.68.1.0/26 --json");
    assert!(!shown.contains(&first), "{shown}");

    // The agent takes the device away and makes it anew, with yet another address.
    a.ip(&format!("link del {DEVICE}"));
    a.ip(&format!("link add {DEVICE} up mtu 1450 type vxlan id 4096 dstport 4789 local 172.16.1.1 nolearning"));
    finds(&b, "vxlan.roost", &[&format!("{} 172.16.1.1", mac(&a, DEVICE))]);
    finds(&a, DEVICE, &["02:72:ac:10:02:03 172.16.2.3"]);
    until("pods talk again", PATIENCE, || {
        a.try_run("ping -c 1 -W 1 -I 10.68.1.5 10.68.2.5").map_err(|error| format!("{error:#}"))
    });
    drop(roost_a);
}

/// A LAN with roost at .1, and others that are its internal peers.
fn lan(lab: &Lab, others: &[&str]) -> (Netns, Daemon, Vec<Netns>) {
    let lan = lab.lan("lan");
    let plug = |name: &str, last: usize| {
        let ns = lab.netns(name);
        lan.plug(lab, &ns, "eth0", &format!("port{last}"));
        ns.ip(&format!("addr add 172.16.1.{last}/24 dev eth0"));
        ns
    };
    let node = plug("node", 1);
    let peers: Vec<Netns> = others.iter().zip(2..).map(|(name, last)| plug(name, last)).collect();
    let mut speaker = Speaker::new("172.16.1.1/24", &["10.68.1.0/26", "10.66.1.0/26"]);
    for last in 2..2 + peers.len() {
        speaker = speaker.with_peer(Peer::new(&format!("172.16.1.{last}"), 64512));
    }
    speaker.more =
        "pools: [ { cidr: 10.68.0.0/16, mode: vxlan, manage: true }, { cidr: 10.66.0.0/16, mode: direct } ]".into();
    let roost = Daemon::start(Roost, &node, &speaker.roost(&node));
    (node, roost, peers)
}

#[test]
fn what_another_speaker_says_of_a_tunnel_is_used_or_told_why_not() {
    let lab = Lab::new("macsin");
    let (node, roost, peers) = lan(&lab, &["exa"]);
    let route = |prefix: &str, next_hop: &str, said: &str| {
        format!("route {prefix} next-hop {next_hop} extended-community [ {said} ]")
    };
    let announced = [
        route("10.68.2.0/26", "172.16.1.2", "0x030c000000000008 0x0603aa7700000001"),
        // Other tunnels than ours: RFC 9012 §4.1
        route("10.68.3.0/26", "172.16.1.3", "0x030c000000000007"),
        // An address of a group.
        route("10.68.4.0/26", "172.16.1.4", "0x060301005e000001"),
        // Another opinion of the first node.
        route("10.68.5.0/26", "172.16.1.2", "0x0603aa7700000002"),
    ];
    let config = |dir: &std::path::Path| {
        let mut out = Exabgp::PROCESS.replace("DIR", &dir.display().to_string());
        out += "neighbor 172.16.1.1 { router-id 172.16.1.2; local-address 172.16.1.2; local-as 64512; peer-as 64512;\n";
        out += "  family { ipv4 unicast; } api { processes [ api ]; receive { parsed; update; } }\n";
        out + &format!("  static {{ {}; }}\n}}\n", announced.join("; "))
    };
    let mut exabgp = Daemon::prepare(Exabgp, &peers[0], "");
    exabgp.write_config(&config(&exabgp.files().dir));
    exabgp.launch();

    finds(&node, "vxlan.roost", &["02:72:ac:10:01:04 172.16.1.4", "aa:77:00:00:00:01 172.16.1.2"]);
    let told = until("all are judged", PATIENCE, || {
        let told = roost.ask("show fib");
        let all = told.contains("ip-in-ip") && told.contains("10.68.5.0/26") && !told.contains("pending");
        if all { Ok(told) } else { Err(told) }
    });
    let row = |prefix: &str| told.lines().find(|line| line.contains(prefix)).unwrap_or_default().to_owned();
    assert!(row("10.68.2.0/26").contains("installed"), "{told}");
    let other = row("10.68.3.0/26");
    assert!(
        other.contains("withheld") && other.contains("takes ip-in-ip tunnels, but pool 10.68.0.0/16 is vxlan"),
        "{told}"
    );
    let group = row("10.68.4.0/26");
    assert!(group.contains("installed") && group.contains("01:00:5e:00:00:01 can't be the MAC address"), "{told}");
    let opinion = row("10.68.5.0/26");
    assert!(opinion.contains("installed") && opinion.contains("names aa:77:00:00:00:02"), "{told}");
    let shown = roost.ask("show route 10.68.2.0/26 --json");
    assert!(shown.contains("encap:vxlan") && shown.contains("router-mac:aa:77:00:00:00:01"), "{shown}");

    // Another word on the tunnel changes the entries, and nothing is left of the old ones.
    exabgp.ask(&format!("neighbor 172.16.1.1 announce {}", route("10.68.5.0/26", "172.16.1.2", "0x0603aa7700000003")));
    exabgp.ask(&format!("neighbor 172.16.1.1 announce {}", route("10.68.2.0/26", "172.16.1.2", "0x0603aa7700000003")));
    finds(&node, "vxlan.roost", &["02:72:ac:10:01:04 172.16.1.4", "aa:77:00:00:00:03 172.16.1.2"]);
}

#[test]
fn gobgp_and_bird_hear_what_we_say_of_our_tunnel_and_only_of_what_lies_in_it() {
    let lab = Lab::new("macsout");
    let (_node, _roost, peers) = lan(&lab, &["gobgp", "bird"]);
    let config = "[global.config]\nas = 64512\nrouter-id = \"172.16.1.2\"\n[[neighbors]]\n[neighbors.config]\n\
                  neighbor-address = \"172.16.1.1\"\npeer-as = 64512\n[[neighbors.afi-safis]]\n\
                  [neighbors.afi-safis.config]\nafi-safi-name = \"ipv4-unicast\"\n";
    let gobgp = Daemon::start(Gobgp::default(), &peers[0], config);
    let bird = Speaker::new("172.16.1.3/24", &[]).with_peer(Peer::new("172.16.1.1", 64512));
    let bird = Daemon::start(Bird2 { recover: false }, &peers[1], &bird.bird2());
    // RFC 9012 §4.1, RFC 9135 §8.1
    let shown = |daemon: &Daemon, of: &dyn Fn(&str) -> String| {
        ["10.68.1.0/26", "10.66.1.0/26"].map(|prefix| {
            until("the block is heard of", PATIENCE, || {
                let said = daemon.control(&of(prefix)).map_err(|error| format!("{error:#}"))?;
                if said.contains(prefix) { Ok(said) } else { Err(said) }
            })
        })
    };
    let [tunnelled, direct] = shown(&gobgp, &|prefix| format!("global rib {prefix} -a ipv4 -j"));
    let said = r#"[{"type":3,"subtype":12,"tunnel_type":8},{"type":6,"subtype":3,"mac":"02:72:ac:10:01:01"}]"#;
    assert!(tunnelled.contains(said), "{tunnelled}");
    assert!(!direct.contains("\"type\":16"), "{direct}");
    let [tunnelled, direct] = shown(&bird, &|prefix| format!("show route {prefix} all"));
    assert!(tunnelled.contains("(generic, 0x30c0000, 0x8) (generic, 0x6030272, 0xac100101)"), "{tunnelled}");
    assert!(!direct.contains("ext_community"), "{direct}");
}
