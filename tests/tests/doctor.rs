//! `roost fib doctor`: each fault is made for real, found, and gone once exactly that is typed which the doctor prints.
//!
//! ```text
//!   a 172.16.1.1 ─┬─ b 172.16.1.2     blocks 10.65.2.0/26 and fd00:65:2::/64 (direct), 10.68.2.0/26 (VXLAN)
//!                 └─ c 172.16.1.3     block  10.65.3.0/26
//! ```

use std::path::PathBuf;

use anyhow::Result;
use roost_tests::daemon::{Files, Program};
use roost_tests::{Bird2, Daemon, Kind, Lab, Lan, Netns, PATIENCE, Peer, Roost, Speaker, peers, until};
use serde_json::Value;

const POOLS: &str = "pools: [ { cidr: 10.65.0.0/16 }, { cidr: \"fd00:65::/32\" }, \
                     { cidr: 10.68.0.0/16, mode: vxlan, manage: true } ]";

struct Ward {
    a: Netns,
    roost: Daemon,
    b: Netns,
    of_b: Daemon,
    of_c: Daemon,
    lan: Lan,
    _lab: Lab,
}

fn ward(name: &str, program: impl Program + 'static) -> Ward {
    let lab = Lab::new(name);
    let lan = lab.lan("lan");
    let [a, b, c] = ["a", "b", "c"].map(|name| lab.netns(name));
    for (ns, port) in [(&a, "port-a"), (&b, "port-b"), (&c, "port-c")] {
        lan.plug(&lab, ns, "eth0", port);
        ns.sysctl("ipv4/ip_forward", "1");
        ns.sysctl("ipv6/conf/all/forwarding", "1");
        ns.sysctl("ipv4/conf/all/rp_filter", "0");
        ns.sysctl("ipv4/conf/default/rp_filter", "0");
    }
    let speaker = |n: u32, blocks: &[&str], peers: &[&str]| {
        let mut speaker = Speaker::new(&format!("172.16.1.{n}/24"), blocks).with_address6(&format!("fd00:1::{n}/64"));
        speaker.peers = peers.iter().map(|peer| Peer::new(peer, 64512)).collect();
        Speaker { more: POOLS.to_owned(), ..speaker }
    };
    let of_a = speaker(1, &["10.65.1.0/26"], &["172.16.1.2", "172.16.1.3", "fd00:1::2"]);
    let of_b = speaker(2, &["10.65.2.0/26", "fd00:65:2::/64", "10.68.2.0/26"], &["172.16.1.1", "fd00:1::1"]);
    let of_c = speaker(3, &["10.65.3.0/26"], &["172.16.1.1"]);
    for (speaker, ns) in [(&of_a, &a), (&of_b, &b), (&of_c, &c)] {
        speaker.address_device(ns, "eth0");
    }
    let (of_b, of_c) = (of_b.start(Kind::Roost, &b), of_c.start(Kind::Roost, &c));
    let config = of_a.roost(&a);
    let roost = Daemon::start(program, &a, &config);
    Ward { a, roost, b, of_b, of_c, lan, _lab: lab }
}

/// What the doctor says of one namespace.
#[derive(Debug)]
struct Visit {
    code: Option<i32>,
    report: Value,
    text: String,
}

impl Visit {
    /// The finding of a check whose words have these in them.
    fn find(&self, check: &str, words: &str) -> Option<&Value> {
        let outcomes = self.report["outcomes"].as_array()?;
        let of_check = outcomes.iter().filter(|outcome| outcome["check"] == check);
        let mut findings = of_check.filter_map(|outcome| outcome["findings"].as_array()).flatten();
        findings.find(|finding| finding["what"].as_str().is_some_and(|what| what.contains(words)))
    }

    fn remedy(finding: &Value) -> Vec<String> {
        let commands = finding["remedy"].as_array().into_iter().flatten();
        commands.filter_map(|command| command.as_str().map(str::to_owned)).collect()
    }
}

impl Ward {
    fn visit_from(&self, ns: &Netns, socket: &str) -> Visit {
        let mut command = ns.command(peers::roost());
        let config = self.roost.files().config.display().to_string();
        let output = command.args(["--socket", socket, "--json", "fib", "doctor", "--config", &config]).output();
        let output = output.expect("roost runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        Visit { code: output.status.code(), report: serde_json::from_slice(&output.stdout).unwrap_or_default(), text }
    }

    fn visit(&self) -> Visit {
        self.visit_from(&self.a, &self.roost.files().socket.display().to_string())
    }

    #[track_caller]
    fn is_well(&self) {
        until("nothing is wrong", PATIENCE, || {
            let visit = self.visit();
            if visit.code == Some(0) { Ok(()) } else { Err(format!("{:?}\n{}", visit.code, visit.text)) }
        });
    }

    /// The fault is found, with an exit code that says so.
    #[track_caller]
    fn finds(&self, check: &str, words: &str) -> Vec<String> {
        self.finds_after(|| (), check, words)
    }

    /// As [`Ward::finds`], of a fault that passes: `again` makes it before each visit.
    #[track_caller]
    fn finds_after(&self, again: impl Fn(), check: &str, words: &str) -> Vec<String> {
        let mut remedy = None;
        until(&format!("{check}: {words}"), PATIENCE, || {
            again();
            let visit = self.visit();
            remedy = visit.find(check, words).map(Visit::remedy);
            if remedy.is_some() && visit.code == Some(1) {
                Ok(())
            } else {
                Err(format!("{:?}\n{}", visit.code, visit.text))
            }
        });
        remedy.expect("found above")
    }

    #[track_caller]
    fn finds_no_more(&self, check: &str, words: &str) {
        until(&format!("no more {check}: {words}"), PATIENCE, || {
            let visit = self.visit();
            if visit.find(check, words).is_none() { Ok(()) } else { Err(visit.text) }
        });
    }

    /// The fault is found, and gone once all is typed that the doctor says.
    #[track_caller]
    fn cures(&self, check: &str, words: &str) {
        let remedy = self.finds(check, words);
        self.follows(&remedy, check, words);
    }

    #[track_caller]
    fn follows(&self, remedy: &[String], check: &str, words: &str) {
        assert!(!remedy.is_empty(), "{check}: {words}: there is something to type");
        for command in remedy {
            self.a.run(command);
        }
        self.finds_no_more(check, words);
    }
}

#[test]
fn settings_of_the_kernel_are_found_and_cured() {
    let ward = ward("docset", Roost);
    ward.is_well();
    for (path, value, check, words) in [
        ("ipv4/ip_forward", "0", "forwarding", "IPv4 forwarding is off: net/ipv4/ip_forward is 0"),
        ("ipv6/conf/all/forwarding", "0", "forwarding", "IPv6 forwarding is off"),
        ("ipv4/conf/vxlan.roost/forwarding", "0", "forwarding", "IPv4 forwarding is off on vxlan.roost"),
        ("ipv4/conf/vxlan.roost/rp_filter", "1", "rp_filter", "the reverse path filter is strict on vxlan.roost"),
        ("ipv4/conf/all/rp_filter", "1", "rp_filter", "the reverse path filter is strict on vxlan.roost"),
    ] {
        // What the cure before has set would be a cure of this one, too.
        ward.a.sysctl("ipv4/conf/vxlan.roost/rp_filter", "0");
        ward.a.sysctl(path, value);
        ward.cures(check, words);
        ward.is_well();
    }
    let nft = |line: &str| drop(ward.a.run(&format!("nft {line}")));
    nft("add table ip filter");
    nft("add chain ip filter FORWARD { type filter hook forward priority 0 ; policy drop ; }");
    nft("add rule ip filter FORWARD ct state established,related accept");
    nft("add rule ip filter FORWARD iifname docker0 accept");
    ward.cures("FORWARD", "nft table ip filter: chain FORWARD has policy DROP, and no rule accepts 10.65.0.0/16");
    ward.cures("FORWARD", "no rule accepts 10.68.0.0/16");
    ward.is_well();
}

#[test]
fn tunnel_devices_are_found_and_cured_also_without_a_daemon() {
    let mut ward = ward("doctun", Roost);
    ward.a.wait_for_routes(
        &[
            "blackhole 10.65.1.0/26",
            "10.65.2.0/26 via 172.16.1.2 dev eth0",
            "10.65.3.0/26 via 172.16.1.3 dev eth0",
            "10.68.2.0/26 via 172.16.1.2 dev vxlan.roost onlink",
        ],
        PATIENCE,
        || ward.roost.control("show fib").unwrap_or_default(),
    );
    ward.is_well();
    // What roost itself would mend at once.
    ward.roost.kill_9();
    ward.is_well();
    assert!(ward.visit().report["settings"].as_str().is_some_and(|text| text.starts_with("roost does not run")));

    ward.a.run("bridge fdb del 02:72:ac:10:01:02 dev vxlan.roost dst 172.16.1.2 self");
    ward.cures("far ends", "vxlan.roost has no forwarding entry for node 172.16.1.2");
    ward.a.ip("neigh del 172.16.1.2 dev vxlan.roost");
    ward.cures("far ends", "vxlan.roost has no neighbour entry for node 172.16.1.2");
    ward.a.ip("link set vxlan.roost mtu 1500");
    ward.cures("tunnels", "vxlan.roost has MTU 1500, and 1450 is the most that fits (eth0 has 1500, less 50)");
    ward.a.ip("link set vxlan.roost down");
    ward.cures("tunnels", "tunnel device vxlan.roost is down");
    ward.a.ip("link del vxlan.roost");
    ward.cures("tunnels", "tunnel device vxlan.roost does not exist");
    ward.a.ip("link del vxlan.roost");
    ward.a.ip("link add vxlan.roost type bridge");
    ward.cures("tunnels", "vxlan.roost is of kind bridge, and vxlan needs vxlan");
    ward.a.ip("link del vxlan.roost");
    ward.a.ip("link add vxlan.roost type vxlan id 7 dstport 8472 local 172.16.1.1");
    ward.a.ip("link set vxlan.roost mtu 1450 up");
    ward.cures("tunnels", "vxlan.roost has VNI 7, not 4096, UDP port 8472, not 4789");
    // And roost works with what was typed.
    ward.roost.launch();
    ward.is_well();
    let far = "10.68.2.0/26 via 172.16.1.2 dev vxlan.roost onlink";
    until("the route through it", PATIENCE, || {
        let routes = ward.a.routes("proto bird");
        if routes.iter().any(|route| route == far) { Ok(()) } else { Err(format!("{routes:#?}")) }
    });
}

#[test]
fn routes_are_found_and_cured() {
    let ward = ward("docroute", Roost);
    ward.is_well();
    ward.a.ip("route add blackhole 10.65.7.0/26 proto static");
    ward.cures("blackholes", "`blackhole 10.65.7.0/26 proto static` is in the kernel, and 10.65.7.0/26 is no block");
    ward.a.ip("route add 10.99.0.0/24 via 172.16.1.2 proto bird");
    ward.cures(
        "foreign routes",
        "1 route carries roost's protocol id and is not roost's, such as `10.99.0.0/24 via 172.16.1.2",
    );
    ward.a.ip("route add 10.65.8.0/26 via 172.16.1.3 proto static");
    ward.of_b.ask("announce 10.65.8.0/26");
    ward.cures("wanted routes", "1 wanted route is not in the kernel, such as 10.65.8.0/26: conflict");
    ward.is_well();
    assert!(ward.a.routes("proto bird").iter().any(|route| route == "10.65.8.0/26 via 172.16.1.2 dev eth0"));
    // Two nodes say that they have it. Which one is right nobody but their operator knows.
    ward.of_c.ask("announce 10.65.2.0/26");
    ward.finds("blocks", "10.65.2.0/26 is announced by 172.16.1.2 and by 172.16.1.3");
    ward.of_c.ask("withdraw 10.65.2.0/26");
    ward.is_well();
}

#[test]
fn next_hops_that_do_not_answer_are_found() {
    let ward = ward("dochop", Roost);
    ward.is_well();
    until("a route over eth0", PATIENCE, || {
        let routes = ward.a.routes("proto bird");
        if routes.contains(&"10.65.2.0/26 via 172.16.1.2 dev eth0".to_owned()) {
            Ok(())
        } else {
            Err(format!("{routes:?}"))
        }
    });
    ward.lan.ns.ip("link set port-a down");
    ward.finds("next hops", "dev eth0, such as");
    assert!(ward.visit().find("next hops", "which has no carrier").is_some());
    ward.lan.ns.ip("link set port-a up");
    ward.is_well();
    ward.b.ip("link set eth0 down");
    ward.a.ip("neigh flush dev eth0");
    // The kernel may forget at once whom it has asked in vain, so it is asked while the doctor looks.
    let asking = std::cell::RefCell::new(Vec::new());
    let ask = || {
        let mut ping = ward.a.command("ping");
        ping.args(["-c", "1", "-W", "4", "172.16.1.2"]).stdout(std::process::Stdio::null());
        asking.borrow_mut().push(ping.spawn().expect("ping runs"));
    };
    let remedy = ward.finds_after(ask, "next hops", "172.16.1.2 does not answer on eth0, and ");
    ward.b.ip("link set eth0 up");
    ward.follows(&remedy, "next hops", "172.16.1.2 does not answer on eth0");
    asking.into_inner().iter_mut().for_each(|ping| drop(ping.wait()));
}

#[test]
fn another_daemon_is_found_and_ended() {
    let ward = ward("docother", Roost);
    ward.is_well();
    let bird = Daemon::start(Bird2 { recover: false }, &ward.a, "router id 172.16.1.1;\nprotocol device { }\n");
    let pid = bird.pid().expect("it runs");
    ward.cures("other daemons", &format!("process {pid} (bird) writes routes with protocol id 12, as roost does"));
    ward.is_well();
}

/// roost without the right to write routes.
#[derive(Debug)]
struct Weak;

impl Program for Weak {
    fn kind(&self) -> &'static str {
        "roost"
    }

    fn command(&self, files: &Files) -> (PathBuf, Vec<String>) {
        let (roost, arguments) = Roost.command(files);
        let words = ["--bounding-set", "-net_admin"].map(str::to_owned);
        let words = words.into_iter().chain([roost.display().to_string()]).chain(arguments);
        ("/usr/bin/setpriv".into(), words.collect())
    }

    fn control(&self, files: &Files, command: &str) -> Result<String> {
        Roost.control(files, command)
    }

    fn ready(&self) -> &'static str {
        Roost.ready()
    }
}

#[test]
fn a_missing_capability_is_found() {
    let ward = ward("doccap", Weak);
    let remedy = ward.finds("capabilities", "roost has not the capability CAP_NET_ADMIN");
    assert!(remedy[0].starts_with("setcap cap_net_admin,cap_net_bind_service+ep /"), "{remedy:?}");
    ward.finds("wanted routes", "Operation not permitted");
}

#[test]
fn the_doctor_looks_where_the_daemon_is_or_says_that_it_could_not() {
    let ward = ward("docwhere", Roost);
    ward.is_well();
    let socket = ward.roost.files().socket.display().to_string();
    let visit = ward.visit_from(&ward.b, &socket);
    assert_eq!(visit.code, Some(2), "{}", visit.text);
    let finding = visit.find("daemon", "and roost runs in net:[").unwrap_or_else(|| panic!("{}", visit.text));
    let [command] = &Visit::remedy(finding)[..] else { panic!("one command: {finding}") };
    let roost = format!("{} --socket {socket}", peers::roost().display());
    let output = ward.b.run(&command.replace("roost", &roost));
    assert!(output.contains("in order:"), "{output}");

    let missing = ward
        .a
        .command(peers::roost())
        .args(["--socket", "/nonexistent/s", "fib", "doctor", "--config", "/nonexistent/y"])
        .output();
    let missing = missing.expect("roost runs");
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert_eq!(missing.status.code(), Some(2), "{said}");
    assert!(said.contains("/nonexistent/s") && said.contains("/nonexistent/y"), "{said}");
}
