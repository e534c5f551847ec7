//! Graceful restart (RFC 4724) at its edges: who does not come back, what changed meanwhile, who hangs.

use std::time::{Duration, Instant};

use roost_tests::{Bird2, Daemon, Kind, Lab, Netns, PATIENCE, Peer, Roost, RouteWatch, Speaker, two_nodes, until};

struct Pair {
    a: Netns,
    b: Netns,
    roost: Daemon,
    bird: Daemon,
    _lab: Lab,
}

const A: &[&str] = &["blackhole 10.65.1.0/26", "10.65.2.0/26 via 10.9.0.2 dev eth0"];
const B: &[&str] = &["10.65.1.0/26 via 10.9.0.1 dev eth0", "blackhole 10.65.2.0/26"];

impl Pair {
    /// roost in `a`, BIRD in `b`, converged; each config may be changed first.
    #[track_caller]
    fn converged(name: &str, roost: impl Fn(String) -> String, bird: impl Fn(String) -> String) -> Pair {
        let lab = Lab::new(name);
        let ([a, b], [one, two]) = two_nodes(&lab);
        let bird = Daemon::start(Bird2 { recover: true }, &b, &bird(two.bird2()));
        let roost = Daemon::start(Roost, &a, &roost(one.roost(&a)));
        let pair = Pair { a, b, roost, bird, _lab: lab };
        holds(&pair.a, A, PATIENCE);
        holds(&pair.b, B, PATIENCE);
        pair
    }

    fn peer_row(&self) -> serde_json::Value {
        let text = self.roost.ask("show peers --json");
        let rows: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        rows[0].clone()
    }

    /// Waits until the session is up again and its End-of-RIB has been taken.
    #[track_caller]
    fn settled(&self) {
        until("the session is back and nothing is stale", PATIENCE, || {
            let row = self.peer_row();
            if row["state"] == "established" && row["stale"] == 0 { Ok(()) } else { Err(row.to_string()) }
        });
    }
}

#[track_caller]
fn holds(ns: &Netns, wanted: &[&str], limit: Duration) {
    ns.wait_for_routes(wanted, limit, String::new);
}

fn bird_restart_time_3s(config: String) -> String {
    config.replace("graceful restart time 120", "graceful restart time 3")
}

#[test]
fn routes_of_a_peer_that_does_not_come_back_go_when_its_restart_time_is_over() {
    let mut pair = Pair::converged("gone", |config| config, bird_restart_time_3s);
    stays_for_3s(&pair.a.clone(), "10.65.2.0/26", || pair.bird.kill_9());
    holds(&pair.a, &A[..1], PATIENCE);
}

/// After `end` the route of who has ended stays in the kernel for the restart time (BIRD's clock may be behind by some ms),
/// and no longer: by default it would be two minutes.
#[track_caller]
fn stays_for_3s(ns: &Netns, route: &str, end: impl FnOnce()) {
    let watch = RouteWatch::start(ns);
    let (mark, before) = (watch.mark(), Instant::now());
    end();
    let gone = watch.wait_for("the end of the route", mark, PATIENCE, |line| line.contains(route));
    let held = gone.at.saturating_duration_since(before);
    assert!(gone.text.starts_with("Deleted ") && held >= Duration::from_millis(2_900), "{} after {held:?}", gone.text);
}

#[test]
fn a_roost_that_does_not_come_back_is_kept_as_long_as_it_asked_for() {
    let quick = |config: String| config.replace("router: { ", "router: { graceful_restart: { restart_time: 3s }, ");
    let mut pair = Pair::converged("roostgone", quick, |config| config);
    stays_for_3s(&pair.b.clone(), "10.65.1.0/26", || pair.roost.kill_9());
    holds(&pair.b, &B[1..], PATIENCE);
}

#[test]
fn what_changed_while_roost_was_away_is_put_right_and_the_rest_is_not_touched() {
    let with_extra = |config: String| {
        let extra = "protocol static extra { ipv4; route 10.65.3.0/26 blackhole; }\n";
        config.replace("export where proto = \"blocks_ipv4\"", "export where source = RTS_STATIC") + extra
    };
    let lab = Lab::new("meanwhile");
    let ([a, b], [one, two]) = two_nodes(&lab);
    let bird = Daemon::start(Bird2::default(), &b, &with_extra(two.bird2()));
    let mut roost = Daemon::start(Roost, &a, &one.roost(&a));
    let all = ["blackhole 10.65.1.0/26", "10.65.2.0/26 via 10.9.0.2 dev eth0", "10.65.3.0/26 via 10.9.0.2 dev eth0"];
    holds(&a, &all, PATIENCE);
    let watch = RouteWatch::start(&a);
    let mark = watch.mark();
    roost.kill_9();
    bird.ask("disable extra");
    roost.launch();
    holds(&a, &all[..2], PATIENCE);
    let moved: Vec<String> = watch.since(mark).into_iter().map(|line| line.text).collect();
    assert_eq!(moved.len(), 1, "{moved:?}");
    assert!(moved[0].starts_with("Deleted 10.65.3.0/26"), "{moved:?}");
}

#[test]
fn a_peer_that_hangs_is_dropped_by_the_hold_timer_and_the_reason_is_told() {
    let quick = |config: String| config.replace("connect_retry: 1s", "connect_retry: 1s, hold_time: 3s");
    let mut pair = Pair::converged("hangs", quick, |config| config);
    pair.bird.signal(libc::SIGSTOP);
    let row = until("the hold timer ends the session", PATIENCE, || {
        let row = pair.peer_row();
        if row["state"] == "established" { Err(row.to_string()) } else { Ok(row) }
    });
    assert!(row["reason"].as_str().is_some_and(|reason| reason.to_lowercase().contains("hold")), "{row}");
    pair.bird.signal(libc::SIGCONT);
    pair.settled();
    holds(&pair.a, A, PATIENCE);
    holds(&pair.b, B, PATIENCE);
}

#[test]
fn blocks_announced_at_run_time_survive_a_kill_and_the_peer_notices_nothing() {
    let mut pair = Pair::converged("announced", |config| config, |config| config);
    pair.roost.ask("announce 10.65.1.64/26 10.65.9.7");
    let b = [
        "10.65.1.0/26 via 10.9.0.1 dev eth0",
        "10.65.1.64/26 via 10.9.0.1 dev eth0",
        "blackhole 10.65.2.0/26",
        "10.65.9.7 via 10.9.0.1 dev eth0",
    ];
    holds(&pair.a, &[A[0], "blackhole 10.65.1.64/26", A[1]], PATIENCE);
    holds(&pair.b, &b, PATIENCE);
    let watches = [RouteWatch::start(&pair.a), RouteWatch::start(&pair.b)];
    let marks = [watches[0].mark(), watches[1].mark()];
    pair.roost.kill_9();
    pair.roost.launch();
    pair.settled();
    until("the startup is over", PATIENCE, || {
        let status = pair.roost.ask("show status --json");
        if status.contains("\"running\"") { Ok(()) } else { Err(status) }
    });
    // BIRD has taken the End-of-RIB once it shows no stale route any more.
    until("bird has taken the End-of-RIB", PATIENCE, || {
        let peer = pair.bird.ask("show protocols all peer_0");
        let waits = peer.contains("Neighbor graceful restart active") || !peer.contains("Established");
        if waits { Err(peer) } else { Ok(()) }
    });
    for (watch, mark) in watches.iter().zip(marks) {
        let moved: Vec<String> = watch.since(mark).into_iter().map(|line| line.text).collect();
        assert!(moved.is_empty(), "{moved:?}");
    }
    holds(&pair.b, &b, PATIENCE);
}

/// `b` is BIRD 2 and `c` roost, both peers of the one that restarts.
#[test]
fn a_roost_that_is_away_for_three_seconds_after_sigterm_or_kill_9_moves_no_route_on_a_bird_nor_on_a_roost() {
    let lab = Lab::new("away");
    let lan = lab.lan("lan");
    let nodes = ["a", "b", "c"].map(|name| {
        let ns = lab.netns(name);
        lan.plug(&lab, &ns, "eth0", &format!("port-{name}"));
        ns
    });
    let mut daemons: Vec<Daemon> = (1u8..)
        .zip(&nodes)
        .map(|(number, ns)| {
            let mut speaker = Speaker::new(&format!("10.9.0.{number}/24"), &[&format!("10.65.{number}.0/26")]);
            let others = (1..=3).filter(|other| *other != number);
            speaker.peers = others.map(|other| Peer::new(&format!("10.9.0.{other}"), 64512)).collect();
            speaker.address_device(ns, "eth0");
            speaker.start(if number == 2 { Kind::Bird2 } else { Kind::Roost }, ns)
        })
        .collect();
    let all = [
        ["blackhole 10.65.1.0/26", "10.65.2.0/26 via 10.9.0.2 dev eth0", "10.65.3.0/26 via 10.9.0.3 dev eth0"],
        ["10.65.1.0/26 via 10.9.0.1 dev eth0", "blackhole 10.65.2.0/26", "10.65.3.0/26 via 10.9.0.3 dev eth0"],
        ["10.65.1.0/26 via 10.9.0.1 dev eth0", "10.65.2.0/26 via 10.9.0.2 dev eth0", "blackhole 10.65.3.0/26"],
    ];
    nodes.iter().zip(&all).for_each(|(ns, routes)| holds(ns, routes, PATIENCE));
    let watches = nodes.each_ref().map(RouteWatch::start);
    let marks = watches.each_ref().map(RouteWatch::mark);
    for goodbye in [true, false] {
        match goodbye {
            true => assert!(daemons[0].stop().success()),
            false => daemons[0].kill_9(),
        }
        // The scenario itself: a node whose daemon is away for three seconds.
        std::thread::sleep(Duration::from_secs(3));
        daemons[0].launch();
        until("it has started", PATIENCE, || {
            let status = daemons[0].ask("show status --json");
            if status.contains("\"running\"") { Ok(()) } else { Err(status) }
        });
        until("bird has taken the End-of-RIB", PATIENCE, || {
            let peer = daemons[1].ask("show protocols all peer_0");
            let waits = peer.contains("Neighbor graceful restart active") || !peer.contains("Established");
            if waits { Err(peer) } else { Ok(()) }
        });
        for roost in [&daemons[0], &daemons[2]] {
            until("roost has taken the End-of-RIBs", PATIENCE, || {
                let text = roost.ask("show peers --json");
                let rows: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
                let good = |row: &serde_json::Value| row["state"] == "established" && row["stale"] == 0;
                if rows.as_array().is_some_and(|rows| rows.iter().all(good)) { Ok(()) } else { Err(text) }
            });
        }
        for ((ns, watch), (mark, routes)) in nodes.iter().zip(&watches).zip(marks.iter().zip(&all)) {
            let moved: Vec<String> = watch.since(*mark).into_iter().map(|line| line.text).collect();
            assert!(moved.is_empty(), "{}: {moved:#?}", ns.name());
            holds(ns, routes, PATIENCE);
        }
    }
}

/// Left by an earlier run, by BIRD, or by both: a whole table of routes under our protocol id.
#[test]
fn of_three_hundred_routes_found_at_start_wanted_ones_are_untouched_and_others_go_after_the_end_of_rib() {
    let lab = Lab::new("leftovers");
    let (a, b) = (lab.netns("a"), lab.netns("b"));
    lab.wire((&a, "eth0"), (&b, "eth0"));
    let prefix = |pool: u32, n: u32| format!("10.{pool}.{}.{}/26", n / 4, n % 4 * 64);
    let wanted: Vec<String> = (0..150).map(|n| prefix(65, n)).collect();
    let blocks: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let one = Speaker::new("10.9.0.1/24", &[]).with_peer(Peer::new("10.9.0.2", 64512));
    let two = Speaker::new("10.9.0.2/24", &blocks).with_peer(Peer::new("10.9.0.1", 64512));
    one.address_device(&a, "eth0");
    two.address_device(&b, "eth0");
    let unwanted = (0..150).map(|n| prefix(66, n));
    let routes = wanted.iter().cloned().chain(unwanted).map(|net| format!("route add {net} via 10.9.0.2 proto bird\n"));
    let batch = lab.dir().join("leftovers");
    std::fs::write(&batch, routes.collect::<String>()).expect("the lab's folder can be written");
    a.ip(&format!("-batch {}", batch.display()));

    let watch = RouteWatch::start(&a);
    let mark = watch.mark();
    let roost = Daemon::start(Roost, &a, &one.roost(&a));
    until("the peer is missed", PATIENCE, || {
        let peers = roost.ask("show peers --json");
        if peers.contains("refused") { Ok(()) } else { Err(peers) }
    });
    assert_eq!(watch.since(mark).len(), 0, "without a word of the peer nothing is touched");
    let _bird = Daemon::start(Bird2 { recover: true }, &b, &two.bird2());
    let lines: Vec<String> = wanted.iter().map(|net| format!("{net} via 10.9.0.2 dev eth0")).collect();
    holds(&a, &lines.iter().map(String::as_str).collect::<Vec<_>>(), PATIENCE);
    let told: Vec<String> = watch.since(mark).into_iter().map(|line| line.text).collect();
    let others = told.iter().filter(|line| !line.starts_with("Deleted 10.66.")).collect::<Vec<_>>();
    assert!(told.len() == 150 && others.is_empty(), "{} lines, of which {others:?}", told.len());
}
