//! The lab itself: it must be trusted before roost is judged by it.

use std::time::Instant;

use roost_tests::{Bird1, Bird2, Daemon, Lab, PATIENCE, Program, RouteWatch, until};

#[test]
fn namespaces_wires_and_lans_carry_packets_and_are_gone_afterwards() {
    let lab = Lab::new("packets");
    let lan = lab.lan("lan");
    let nodes: Vec<_> = (1..=3).map(|n| lab.netns(&format!("n{n}"))).collect();
    for (n, node) in (1..).zip(&nodes) {
        lan.plug(&lab, node, "eth0", &format!("port{n}"));
        node.ip(&format!("addr add 10.9.0.{n}/24 dev eth0"));
        node.ip(&format!("addr add fd00:9::{n}/64 dev eth0 nodad"));
    }
    nodes[0].run("ping -c1 -W5 10.9.0.2");
    nodes[0].run("ping -c1 -W5 10.9.0.3");
    until("IPv6 neighbours answer", PATIENCE, || {
        nodes[1].try_run("ping -6 -c1 -W1 fd00:9::3").map_err(|error| error.to_string())
    });
    let names: Vec<String> = nodes.iter().map(|node| node.full_name().to_owned()).collect();
    let sleeper = nodes[0].spawn("sleeper", "sleep".as_ref(), &["1000".into()]);
    let pid = sleeper.pid();
    std::mem::forget(sleeper); // a process the test lost track of
    drop(lab);
    let list = std::process::Command::new("ip").args(["netns", "list"]).output().unwrap().stdout;
    let list = String::from_utf8(list).unwrap();
    assert!(names.iter().all(|name| !list.contains(name)), "{list}");
    until("the lost process is gone", PATIENCE, || {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if state.is_empty() || state.contains(") Z ") { Ok(()) } else { Err(state) }
    });
}

#[test]
fn a_panic_in_a_test_removes_its_lab() {
    let name = std::sync::Mutex::new(String::new());
    let result = std::panic::catch_unwind(|| {
        let lab = Lab::new("panics");
        let ns = lab.netns("a");
        ns.full_name().clone_into(&mut name.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        ns.ip("link set nosuch up");
    });
    let text = result.expect_err("must panic").downcast::<String>().unwrap();
    assert!(text.contains("nosuch"), "{text}");
    let name = name.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    assert!(!std::path::Path::new("/run/netns").join(name).exists());
}

#[test]
fn the_route_watch_sees_every_change_and_nothing_else() {
    let lab = Lab::new("watch");
    let ns = lab.netns("a");
    let watch = RouteWatch::start(&ns);
    let mark = watch.mark();
    assert!(watch.since(mark).is_empty());
    ns.ip("route add blackhole 10.1.0.0/26 proto bird");
    ns.ip("-6 route add blackhole fd00:1::/122 proto bird");
    ns.ip("route del 10.1.0.0/26");
    let texts: Vec<String> = watch.since(mark).into_iter().map(|line| line.text).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts[0].starts_with("blackhole 10.1.0.0/26 proto bird"), "{texts:?}");
    assert!(texts[1].starts_with("blackhole fd00:1::/122"), "{texts:?}");
    assert!(texts[2].starts_with("Deleted blackhole 10.1.0.0/26"), "{texts:?}");
    assert_eq!(watch.about(mark, &["10.1.0.0/26"]).len(), 2);
    let later = watch.mark();
    assert!(watch.since(later).is_empty());
}

#[test]
fn two_birds_2_exchange_a_block_and_one_of_them_is_killed_and_comes_back() {
    let lab = Lab::new("birds2");
    let config = |own: u8, other: u8| {
        format!(
            "log stderr all;\nrouter id 10.9.0.{own};\nprotocol device {{}}\n\
             protocol kernel {{ learn; persist; metric 0; ipv4 {{ import all; export all; }}; }}\nprotocol direct {{ ipv4; }}\n\
             protocol static {{ ipv4; route 10.65.{own}.0/26 blackhole; }}\n\
             protocol bgp to_{other} {{ local 10.9.0.{own} as 64512; neighbor 10.9.0.{other} as 64512; connect delay time 1;\n\
             connect retry time 1; error wait time 1, 2; ipv4 {{ import all; export where source = RTS_STATIC; }}; }}\n"
        )
    };
    exchange(&lab, Bird2::default(), config);
}

#[test]
fn two_birds_1_6_exchange_a_block_and_one_of_them_is_killed_and_comes_back() {
    let lab = Lab::new("birds1");
    let config = |own: u8, other: u8| {
        format!(
            "log stderr all;\nrouter id 10.9.0.{own};\nprotocol device {{}}\n\
             protocol kernel {{ learn; persist; import all; export all; }}\nprotocol direct {{}}\n\
             protocol static {{ route 10.65.{own}.0/26 blackhole; }}\n\
             protocol bgp to_{other} {{ local 10.9.0.{own} as 64512; neighbor 10.9.0.{other} as 64512; connect delay time 1;\n\
             connect retry time 1; error wait time 1, 2; import all; export where source = RTS_STATIC; }}\n"
        )
    };
    exchange(&lab, Bird1::default(), config);
}

fn exchange(lab: &Lab, program: impl Program + Copy + 'static, config: impl Fn(u8, u8) -> String) {
    let (a, b) = (lab.netns("a"), lab.netns("b"));
    lab.wire((&a, "eth0"), (&b, "eth0"));
    a.ip("addr add 10.9.0.1/24 dev eth0");
    b.ip("addr add 10.9.0.2/24 dev eth0");
    let watch = RouteWatch::start(&b);
    let mark = watch.mark();
    let mut bird_a = Daemon::start(program, &a, &config(1, 2));
    let bird_b = Daemon::start(program, &b, &config(2, 1));
    watch.wait_for("the block of a", mark, PATIENCE, |line| {
        line.contains("10.65.1.0/26 via 10.9.0.1 dev eth0 proto bird")
    });
    assert_eq!(b.routes("proto bird"), ["10.65.1.0/26 via 10.9.0.1 dev eth0", "blackhole 10.65.2.0/26"]);
    assert!(bird_b.ask("show protocols").contains("Established"), "{}", bird_b.ask("show protocols"));
    assert!(bird_b.control("show nonsense").is_err());

    let before = watch.mark();
    bird_a.kill_9();
    watch.wait_for("the withdrawal", before, PATIENCE, |line| line.starts_with("Deleted 10.65.1.0/26"));
    let after = watch.mark();
    let launched = Instant::now();
    bird_a.launch();
    let back = watch.wait_for("the block again", after, PATIENCE, |line| line.starts_with("10.65.1.0/26"));
    assert!(back.at >= launched);
    assert!(bird_a.stop().success());
    assert!(bird_a.log().contains("Shutdown completed"), "{}", bird_a.log());
}
