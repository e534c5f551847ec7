//! The node's own address by rule (`node.detect`): each method over several interfaces of a real kernel, an address that
//! comes late, one that never comes, and one that changes while a session is up.

use std::process::Output;
use std::time::{Duration, Instant};

use roost_tests::{Daemon, Lab, Netns, PATIENCE, Roost, peers, probe, until};

/// `roost check` of a node with these rules, in `ns`; both outputs.
fn check(ns: &Netns, rules: &str) -> String {
    let config = format!("router: {{ asn: 64512, router_id: 1.1.1.1 }}\nnode: {{ detect: {{ {rules} }} }}\n");
    let file = ns.dir().join("check.yaml");
    std::fs::write(&file, config).unwrap_or_else(|error| panic!("{error}"));
    // A name service of the node's own: a mount namespace, where /etc/hosts is this one.
    let hosts = ns.dir().join("hosts");
    std::fs::write(
        &hosts,
        "127.0.1.1 node-a.lan\n172.16.1.2 node-a.lan\nfd00:1::1 node-a.lan\n172.16.1.77 other.lan\n",
    )
    .unwrap_or_else(|error| panic!("{error}"));
    let line = "mount --bind \"$1\" /etc/hosts && exec \"$2\" check \"$3\"";
    let output: Output = ns
        .command("unshare")
        .args(["--mount", "sh", "-c", line, "sh"])
        .args([&hosts, &peers::roost(), &file])
        .output()
        .unwrap_or_else(|error| panic!("{error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{rules}: {out}{err}");
    out + &err
}

#[test]
fn each_method_picks_its_address_among_several_interfaces() {
    let lab = Lab::new("detect");
    let (a, far) = (lab.netns("a"), lab.netns("far"));
    // In order of index: lo, eth0, eth1, docker0.
    for dev in ["eth0", "eth1", "docker0"] {
        lab.wire((&a, dev), (&far, dev));
    }
    for (dev, address) in [
        ("lo", "10.255.0.1/32"),
        ("eth0", "169.254.7.7/16"),
        ("eth0", "172.16.1.1/24"),
        ("eth0", "172.16.1.2/24"),
        ("eth0", "fd00:1::1/64"),
        ("eth1", "192.0.2.1/25"),
        ("docker0", "172.17.0.1/16"),
        ("docker0", "fd00:17::1/64"),
    ] {
        a.ip(&format!("addr add {address} dev {dev}"));
    }
    a.ip("route add default via 172.16.1.254");
    a.ip("route add 198.51.100.0/24 via 192.0.2.126");
    a.ip("route add default via fd00:1::fe");
    let picks: &[(&str, &str)] = &[
        ("ipv4: { method: first-found }", "node.detect.ipv4 (first-found) picks 192.0.2.1/25 of eth1"),
        ("ipv6: { method: first-found }", "node.detect.ipv6 (first-found) picks fd00:1::1/64 of eth0"),
        ("exclude: [^eth1$], ipv4: { method: first-found }", "picks 172.17.0.1/16 of docker0"),
        ("exclude: [^eth1$, ^docker], ipv4: { method: first-found }", "picks 172.16.1.1/24 of eth0"),
        ("ipv4: { method: interface, interfaces: [^eth0$] }", "(interface=^eth0$) picks 172.16.1.1/24 of eth0"),
        ("ipv4: { method: interface, interfaces: [eth.*] }", "(interface=eth.*) picks 192.0.2.1/25 of eth1"),
        ("ipv4: { method: interface, interfaces: [docker] }", "picks 172.17.0.1/16 of docker0"),
        ("ipv4: { method: interface, interfaces: [^lo$] }", "picks 10.255.0.1/32 of lo"),
        ("ipv4: { method: skip-interface, interfaces: [eth1] }", "picks 172.16.1.1/24 of eth0"),
        ("ipv4: { method: cidr, cidrs: [10.0.0.0/12, 172.17.0.0/16] }", "picks 172.17.0.1/16 of docker0"),
        ("ipv6: { method: cidr, cidrs: ['fd00:17::/32'] }", "picks fd00:17::1/64 of docker0"),
        ("ipv4: { method: can-reach, host: 203.0.113.1 }", "(can-reach=203.0.113.1) picks 172.16.1.1/24 of eth0"),
        ("ipv4: { method: can-reach, host: 198.51.100.9 }", "picks 192.0.2.1/25 of eth1"),
        ("ipv4: { method: can-reach, host: other.lan }", "picks 172.16.1.1/24 of eth0"),
        ("ipv6: { method: can-reach, host: '2001:db8::1' }", "picks fd00:1::1/64 of eth0"),
        ("ipv4: { method: internal-name, host: node-a.lan }", "(internal-name=node-a.lan) picks 172.16.1.2/24 of eth0"),
        ("ipv6: { method: internal-name, host: node-a.lan }", "picks fd00:1::1/64 of eth0"),
    ];
    for (rules, expected) in picks {
        let said = check(&a, rules);
        assert!(said.contains(expected) && !said.contains("warning"), "{rules}\nwant {expected}\nhave {said}");
    }
    // Had can-reach sent anything, the kernel would have looked for the gateway's neighbour entry.
    assert_eq!(a.ip("neigh show dev eth1"), "");
    let no_picks: &[(&str, &str)] = &[
        ("ipv4: { method: interface, interfaces: [eth9] }", "eth0: not named"),
        ("ipv6: { method: interface, interfaces: [eth1] }", "eth1: fe80::"),
        ("ipv4: { method: skip-interface, interfaces: [eth] }", "docker0: excluded by ^docker.*; eth1: skipped by eth"),
        ("ipv4: { method: cidr, cidrs: [100.64.0.0/10] }", "eth0: 172.16.1.1/24 is in none of the ranges"),
        ("ipv4: { method: internal-name, host: other.lan }", "the name stands for 172.16.1.77, no global address of"),
        ("ipv6: { method: internal-name, host: other.lan }", "the name stands for no IPv6 address"),
    ];
    for (rules, expected) in no_picks {
        let said = check(&a, rules);
        assert!(said.contains("check.yaml:2:") && said.contains(expected), "{rules}\nwant {expected}\nhave {said}");
    }
    a.ip("route del default via 172.16.1.254");
    for (host, expected) in [
        ("203.0.113.1", "there is no way to 203.0.113.1: Network is unreachable"),
        ("no.such.name.invalid", "no.such.name.invalid cannot be resolved: "),
    ] {
        let said = check(&a, &format!("ipv4: {{ method: can-reach, host: {host} }}"));
        assert!(said.contains("check.yaml:2:") && said.contains(expected), "want {expected}\nhave {said}");
    }
}

/// A node whose IPv4 address is looked for on `^eth`, and its peer if there is one.
fn roost(ns: &Netns, wait: &str, more: &str) -> String {
    let socket = Daemon::socket(ns, "roost");
    format!(
        "router: {{ asn: 64512 }}\n\
         node:\n  name: {}\n  blocks: [10.65.1.0/26]\n  \
         detect: {{ ipv4: {{ method: interface, interfaces: [^eth] }}, wait: {wait} }}\n\
         api: {{ socket: {} }}\nlog: {{ level: debug, format: text }}\n{more}",
        ns.name(),
        socket.display()
    )
}

/// Starts roost without waiting until it answers.
fn begin(ns: &Netns, config: &str) -> (Daemon, roost_tests::Process) {
    let daemon = Daemon::prepare(Roost, ns, config);
    let words = ["run", "--config"].map(str::to_owned).into_iter();
    let args: Vec<String> = words.chain([daemon.files().config.display().to_string()]).collect();
    let process = ns.spawn("begun", &peers::roost(), &args);
    (daemon, process)
}

#[test]
fn a_start_waits_for_an_address_that_comes_late() {
    let lab = Lab::new("detectlate");
    let (a, b) = (lab.netns("a"), lab.netns("b"));
    lab.wire((&a, "eth0"), (&b, "eth0"));
    let (daemon, mut process) = begin(&a, &roost(&a, "300s", "metrics: {}\n"));
    until("word that it waits", PATIENCE, || match process.log() {
        log if log.contains("node.detect.ipv4 (interface=^eth) finds no address") && log.contains("waits 5m") => Ok(()),
        log => Err(log),
    });
    assert!(daemon.control("show status").is_err(), "it runs without the address");
    // A kubelet does not take it for dead meanwhile, and hears what is missing.
    assert_eq!(probe(&a, "/livez").0, 200);
    let (status, said) = probe(&a, "/readyz");
    assert!(status == 503 && said.contains("node.detect.ipv4 (interface=^eth) finds no address"), "{status} {said}");
    let (status, metrics) = probe(&a, "/metrics");
    assert!(status == 200 && metrics.contains("\nroost_starting 1\n"), "{status} {metrics}");
    a.ip("addr add 172.16.1.1/24 dev eth0");
    until("the start", PATIENCE, || match daemon.control("show status") {
        Ok(status) if status.contains("node address   172.16.1.1/24 of eth0, picked by interface=^eth\n") => Ok(()),
        other => Err(format!("{other:?}\n{}", process.log())),
    });
    assert!(daemon.ask("show status").contains("router id      172.16.1.1\n"), "{}", daemon.ask("show status"));
    let parts = until("the daemon has taken the listener over", PATIENCE, || match probe(&a, "/livez") {
        (200, said) if said.contains("\"part\":\"owner\"") => Ok(said),
        other => Err(format!("{other:?}")),
    });
    assert!(parts.contains("\"alive\":true"), "{parts}");
    assert!(process.terminate(PATIENCE).success());
}

#[test]
fn a_start_fails_with_the_place_of_the_rule_when_no_address_comes() {
    let lab = Lab::new("detectnone");
    let a = lab.netns("a");
    let began = Instant::now();
    let (_daemon, mut process) = begin(&a, &roost(&a, "1500ms", ""));
    let status = until("the end", PATIENCE, || process.ended().ok_or_else(|| process.log()));
    assert_eq!(status.code(), Some(1), "{}", process.log());
    assert!(began.elapsed() >= Duration::from_millis(1500), "{:?}", began.elapsed());
    let log = process.log();
    let last = &log[log.find("roost: ").unwrap_or_else(|| panic!("no last word: {log}"))..];
    for expected in [
        "waited 1.5s for the node's address: ",
        "/config:5:21: node.detect.ipv4 (interface=^eth) finds no address on this machine: ",
        "lo: not named",
        "= change the rule, or write the address in node.addresses",
    ] {
        assert!(last.contains(expected), "{expected}\n{log}");
    }
}

#[test]
fn a_change_is_said_and_the_session_stays_until_a_restart_takes_it_over() {
    let lab = Lab::new("detectchange");
    let (a, b) = (lab.netns("a"), lab.netns("b"));
    lab.wire((&a, "eth0"), (&b, "eth0"));
    a.ip("addr add 172.16.1.1/24 dev eth0");
    b.ip("addr add 172.16.1.2/24 dev eth0");
    b.ip("addr add 172.16.9.2/24 dev eth0");
    let peer = "peers: [ { address: 172.16.1.2, asn: 64512, connect_retry: 1s, idle_hold_max: 2s } ]\n";
    let mut roost_a = Daemon::start(Roost, &a, &roost(&a, "10s", peer));
    let of_b = format!(
        "router: {{ asn: 64512 }}\nnode: {{ name: b, addresses: [172.16.1.2/24] }}\n\
         peers: [ {{ address: 172.16.1.1, asn: 64512, passive: true }} ]\napi: {{ socket: {} }}\n",
        Daemon::socket(&b, "roost").display()
    );
    let roost_b = Daemon::start(Roost, &b, &of_b);
    let says = |daemon: &Daemon, expected: &[&str]| {
        until(&format!("{expected:?}"), PATIENCE, || {
            let status = daemon.ask("show status");
            if expected.iter().all(|text| status.contains(text)) {
                Ok(())
            } else {
                Err(format!("{status}{}", daemon.log()))
            }
        });
    };
    says(&roost_a, &["172.16.1.1/24 of eth0, picked by interface=^eth\n", "1 of 1 established"]);

    // A younger interface that the rule takes, too.
    a.ip("link add eth9 type veth peer name far9");
    a.ip("addr add 172.16.9.1/24 dev eth9");
    let changed = "node address   172.16.1.1/24 of eth0, picked by interface=^eth; \
                   now it picks 172.16.9.1/24 of eth9: restart roost to use that one\n";
    says(&roost_a, &[changed, "router id      172.16.1.1\n", "1 of 1 established"]);
    let told = "node.detect: now it picks 172.16.9.1/24 of eth9: restart roost to use that one";
    until(told, PATIENCE, || if roost_a.log().contains(told) { Ok(()) } else { Err(roost_a.log()) });

    // Gone again, and the one in use with it: nothing is picked, and what was picked is kept.
    a.ip("link del eth9");
    says(&roost_a, &["172.16.1.1/24 of eth0, picked by interface=^eth\n", "1 of 1 established"]);
    a.ip("addr del 172.16.1.1/24 dev eth0");
    says(&roost_a, &["; now it finds none, and this one stays in use: no interface has such an address ("]);
    a.ip("addr add 172.16.1.1/24 dev eth0");
    says(&roost_a, &["172.16.1.1/24 of eth0, picked by interface=^eth\n", "1 of 1 established"]);
    says(&roost_b, &["1 of 1 established"]);
    assert_eq!(roost_b.log().matches("\"established\"").count(), 1, "{}", roost_b.log());

    // A restart uses what the rule picks now.
    a.ip("link add eth9 type veth peer name far9");
    a.ip("addr add 172.16.9.1/24 dev eth9");
    assert!(roost_a.stop().success());
    roost_a.launch();
    says(
        &roost_a,
        &["node address   172.16.9.1/24 of eth9, picked by interface=^eth\n", "router id      172.16.9.1\n"],
    );
}
