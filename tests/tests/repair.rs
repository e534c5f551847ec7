//! The kernel's routes are back by themselves, fast, and what others wrote there is never touched.

use std::time::{Duration, Instant};

use roost_tests::{Daemon, Kind, Lab, Netns, PATIENCE, Peer, RouteWatch, Speaker, promptly, until};

/// roost in `a` beside BIRD in `b`, converged; `a` has a second wire to `other`, which nobody speaks on.
struct Mesh {
    a: Netns,
    bird: Daemon,
    roost: Daemon,
    watch: RouteWatch,
    _lab: Lab,
}

const MINE: &str = "blackhole 10.65.1.0/26";
const THEIRS: &str = "10.65.2.0/26 via 10.9.0.2 dev eth0";
/// A route is back so soon after its way is.
const SOON: Duration = Duration::from_secs(1);
const TUNNELLED: &str = "10.66.2.0/26 via 10.9.0.2 dev tunl0 onlink";

impl Mesh {
    #[track_caller]
    fn converged(name: &str) -> Mesh {
        let lab = Lab::new(name);
        let (a, b, other) = (lab.netns("a"), lab.netns("b"), lab.netns("other"));
        lab.wire((&a, "eth0"), (&b, "eth0"));
        lab.wire((&a, "eth1"), (&other, "eth0"));
        a.ip("addr add 10.10.0.1/24 dev eth1");
        add_tunnel(&a);
        let mut speaker_a = Speaker::new("10.9.0.1/24", &["10.65.1.0/26"]).with_peer(Peer::new("10.9.0.2", 64512));
        speaker_a.more = "pools: [{ cidr: 10.66.0.0/16, mode: ipip, device: tunl0 }]\n\
                          fib: { protect: [10.96.0.0/12], max_routes: 4 }"
            .into();
        let mut speaker_b = Speaker::new("10.9.0.2/24", &["10.65.2.0/26", "10.66.2.0/26"]);
        speaker_b.peers.push(Peer::new("10.9.0.1", 64512));
        speaker_b.more = "protocol static later { disabled; ipv4; route 10.65.22.0/26 blackhole; }\n\
                          protocol static thief { disabled; ipv4; route 10.9.0.3/32 blackhole;\n\
                          route 10.9.0.128/25 blackhole; route 10.97.0.1/32 blackhole; }\n\
                          protocol static crowd { disabled; ipv4; route 10.65.31.0/26 blackhole;\n\
                          route 10.65.32.0/26 blackhole; route 10.65.33.0/26 blackhole; }"
            .into();
        speaker_a.address_device(&a, "eth0");
        speaker_b.address_device(&b, "eth0");
        let config =
            speaker_b.bird2().replace("export where proto = \"blocks_ipv4\"", "export where source = RTS_STATIC");
        let bird = Daemon::start(roost_tests::Bird2::default(), &b, &config);
        let roost = speaker_a.start(Kind::Roost, &a);
        let watch = RouteWatch::start(&a);
        let mesh = Mesh { a, bird, roost, watch, _lab: lab };
        mesh.wait_for(&[MINE, THEIRS, TUNNELLED], PATIENCE);
        mesh
    }

    /// Waits until the kernel of `a` holds exactly these routes of roost.
    #[track_caller]
    fn wait_for(&self, wanted: &[&str], limit: Duration) {
        self.a.wait_for_routes(wanted, limit, || self.fib());
    }

    /// How long it takes from now until all are there.
    #[track_caller]
    fn back(&self) -> Duration {
        let start = Instant::now();
        self.wait_for(&[MINE, THEIRS, TUNNELLED], PATIENCE);
        start.elapsed()
    }

    fn fib(&self) -> String {
        self.roost.control("show fib").unwrap_or_else(|error| format!("{error:#}"))
    }

    /// The row of `show fib --json` for a prefix.
    #[track_caller]
    fn fib_row(&self, prefix: &str) -> serde_json::Value {
        let text = self.roost.ask("show fib --json");
        let rows: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let row = rows.as_array().and_then(|rows| rows.iter().find(|row| row["prefix"] == prefix));
        row.cloned().unwrap_or_default()
    }
}

fn add_tunnel(ns: &Netns) {
    ns.ip("link add tunl0 type vxlan id 65 local 10.9.0.1 dstport 4789");
    ns.ip("link set tunl0 up");
}

#[test]
fn a_route_deleted_by_hand_is_back_within_100_ms() {
    let mesh = Mesh::converged("deleted");
    for (delete, back) in [
        ("10.65.2.0/26", "10.65.2.0/26 via"),
        ("blackhole 10.65.1.0/26", "blackhole 10.65.1.0/26"),
        ("10.66.2.0/26", "10.66.2.0/26 via"),
    ] {
        promptly(delete, Duration::from_millis(100), || {
            let mark = mesh.watch.mark();
            mesh.a.ip(&format!("route del {delete}"));
            let gone = mesh.watch.wait_for("the deletion", mark, PATIENCE, |line| line.starts_with("Deleted"));
            let came = mesh.watch.wait_for("the route", mark, PATIENCE, |line| line.starts_with(back));
            mesh.wait_for(&[MINE, THEIRS, TUNNELLED], PATIENCE);
            came.at.saturating_duration_since(gone.at)
        });
    }
    // All at once, too.
    promptly("all routes", SOON, || {
        mesh.a.ip("route flush proto bird");
        mesh.back()
    });
}

#[test]
fn a_route_deleted_again_and_again_is_told_and_restored_after_a_pause() {
    let mesh = Mesh::converged("fight");
    // As often as it is there: it is withheld for a second only, which may pass unseen.
    let row = until("it is withheld", PATIENCE, || {
        let row = mesh.fib_row("10.65.2.0/26");
        if row["state"] == "installed" {
            let _ = mesh.a.try_ip("route del 10.65.2.0/26");
        }
        if row["state"] == "withheld" { Ok(row) } else { Err(row.to_string()) }
    });
    let reason = row["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("took it away ") && reason.contains("netlink port"), "{row}");
    mesh.wait_for(&[MINE, THEIRS, TUNNELLED], PATIENCE);
}

#[test]
fn after_a_link_went_down_and_up_all_routes_are_back_within_a_second() {
    let mesh = Mesh::converged("linkdown");
    promptly("the route over the link", SOON, || {
        mesh.a.ip("link set eth0 down");
        mesh.wait_for(&[MINE, TUNNELLED], PATIENCE);
        mesh.a.ip("link set eth0 up");
        mesh.back()
    });
}

#[test]
fn routes_follow_an_address_that_goes_and_comes() {
    let mesh = Mesh::converged("address");
    promptly("the route over the subnet", SOON, || {
        mesh.a.ip("addr del 10.9.0.1/24 dev eth0");
        until("the next hop is known to be lost", PATIENCE, || {
            let row = mesh.fib_row("10.65.2.0/26");
            if row["state"] == "withheld" { Ok(()) } else { Err(row.to_string()) }
        });
        mesh.a.ip("addr add 10.9.0.1/24 dev eth0");
        mesh.back()
    });
}

#[test]
fn without_its_tunnel_a_pod_route_is_withheld_with_a_reason_and_comes_back_with_it() {
    let mesh = Mesh::converged("tunnel");
    promptly("the route into the tunnel", SOON, || {
        mesh.a.ip("link del tunl0");
        mesh.wait_for(&[MINE, THEIRS], PATIENCE);
        let row = until("show fib knows", PATIENCE, || {
            let row = mesh.fib_row("10.66.2.0/26");
            if row["state"] == "withheld" { Ok(row) } else { Err(row.to_string()) }
        });
        assert!(row["reason"].as_str().is_some_and(|reason| reason.contains("tunl0")), "{row}");
        add_tunnel(&mesh.a);
        mesh.back()
    });
}

#[test]
fn a_tunnel_replaced_by_one_of_its_name_in_one_breath_carries_the_routes_again() {
    let mesh = Mesh::converged("anew");
    let index = |ns: &Netns| ns.run("cat /sys/class/net/tunl0/ifindex");
    let before = index(&mesh.a);
    let anew = || {
        let mark = mesh.watch.mark();
        let words = "link del tunl0\nlink add tunl0 up type vxlan id 65 local 10.9.0.1 dstport 4789\n";
        let batch = mesh.a.dir().join("anew");
        std::fs::write(&batch, words).expect("the lab's folder can be written");
        mesh.a.ip(&format!("-batch {}", batch.display()));
        let start = Instant::now();
        // The kernel says nothing of the route that went with the old device.
        let came = mesh.watch.wait_for("the route", mark, PATIENCE, |line| line.starts_with("10.66.2.0/26 via"));
        mesh.wait_for(&[MINE, THEIRS, TUNNELLED], PATIENCE);
        until("it is known", PATIENCE, || {
            let row = mesh.fib_row("10.66.2.0/26");
            if row["state"] == "installed" { Ok(()) } else { Err(row.to_string()) }
        });
        came.at.saturating_duration_since(start)
    };
    for _ in 0..3 {
        promptly("the route into the new tunnel", SOON, anew);
    }
    assert_ne!(index(&mesh.a), before);
}

#[test]
fn a_peer_takes_over_neither_a_neighbour_nor_a_protected_range_and_no_more_places_than_there_are() {
    let mesh = Mesh::converged("protect");
    mesh.bird.ask("enable thief");
    for (prefix, name) in [
        ("10.9.0.3/32", "10.9.0.0/24, a subnet of this node"),
        ("10.9.0.128/25", "10.9.0.0/24, a subnet of this node"),
        ("10.97.0.1/32", "10.96.0.0/12, which is listed in fib.protect"),
    ] {
        until("it is withheld, by what", PATIENCE, || {
            let row = mesh.fib_row(prefix);
            let told = row["reason"].as_str().is_some_and(|reason| reason.contains(name));
            if told && row["state"] == "withheld" { Ok(()) } else { Err(row.to_string()) }
        });
        assert!(mesh.roost.ask(&format!("show route {prefix}")).contains("10.9.0.2"), "the RIB has it");
    }
    mesh.bird.ask("enable crowd");
    let crowd = |n| format!("10.65.{n}.0/26 via 10.9.0.2 dev eth0");
    mesh.wait_for(&[MINE, THEIRS, &crowd(31), &crowd(32), TUNNELLED], PATIENCE);
    until("the limit is told", PATIENCE, || {
        let text = mesh.roost.ask("show status");
        if text.contains("4 withheld, 1 of these beyond fib.max_routes") { Ok(()) } else { Err(text) }
    });
    let reason = mesh.fib_row("10.65.33.0/26")["reason"].to_string();
    assert!(reason.contains("4 learned routes are installed"), "{reason}");
    mesh.bird.ask("disable crowd");
    mesh.wait_for(&[MINE, THEIRS, TUNNELLED], PATIENCE);
}

#[test]
fn a_foreign_route_with_another_metric_stands_beside_ours_untouched() {
    let mesh = Mesh::converged("othermetric");
    let mark = mesh.watch.mark();
    mesh.a.ip("route add 10.65.2.0/26 via 10.10.0.9 dev eth1 proto static metric 50");
    mesh.a.ip("route add 10.65.22.0/26 via 10.10.0.9 dev eth1 proto static metric 50");
    mesh.bird.ask("enable later");
    mesh.wait_for(&[MINE, THEIRS, "10.65.22.0/26 via 10.9.0.2 dev eth0", TUNNELLED], PATIENCE);
    // Ours are repaired and withdrawn beside them.
    mesh.a.ip("route del 10.65.2.0/26 proto bird");
    mesh.bird.ask("disable later");
    mesh.wait_for(&[MINE, THEIRS, TUNNELLED], PATIENCE);
    let foreign = "via 10.10.0.9 dev eth1 metric 50";
    assert_eq!(mesh.a.routes("proto static"), [format!("10.65.2.0/26 {foreign}"), format!("10.65.22.0/26 {foreign}")]);
    let touched: Vec<_> = mesh.watch.since(mark).into_iter().filter(|line| line.text.contains("10.10.0.9")).collect();
    assert_eq!(touched.len(), 2, "only the two additions of this test: {touched:?}");
}

#[test]
fn a_foreign_route_with_the_same_metric_is_never_replaced_and_show_fib_says_so() {
    let mesh = Mesh::converged("samemetric");
    mesh.a.ip("route add 10.65.22.0/26 via 10.10.0.9 dev eth1 proto static");
    let mark = mesh.watch.mark();
    mesh.bird.ask("enable later");
    let row = until("show fib tells the conflict", PATIENCE, || {
        let row = mesh.fib_row("10.65.22.0/26");
        if row["state"] == "conflict" { Ok(row) } else { Err(row.to_string()) }
    });
    assert!(row["reason"].as_str().is_some_and(|reason| reason.contains("10.10.0.9")), "{row}");
    assert!(mesh.fib().contains("10.65.22.0/26"), "{}", mesh.fib());
    let touched = mesh.watch.about(mark, &["10.65.22.0/26"]);
    assert!(touched.is_empty(), "{touched:?}");
    assert_eq!(mesh.a.routes("proto static"), ["10.65.22.0/26 via 10.10.0.9 dev eth1"]);

    // When its owner takes it away, ours takes the place.
    mesh.a.ip("route del 10.65.22.0/26");
    mesh.wait_for(&[MINE, THEIRS, "10.65.22.0/26 via 10.9.0.2 dev eth0", TUNNELLED], PATIENCE);

    // A foreign route written over ours stays, and ours comes back after it.
    mesh.a.ip("route replace 10.65.2.0/26 via 10.10.0.9 dev eth1 proto static");
    until("show fib tells the conflict", PATIENCE, || {
        let row = mesh.fib_row("10.65.2.0/26");
        if row["state"] == "conflict" { Ok(()) } else { Err(row.to_string()) }
    });
    assert_eq!(mesh.a.routes("proto static"), ["10.65.2.0/26 via 10.10.0.9 dev eth1"]);
    mesh.a.ip("route del 10.65.2.0/26");
    mesh.wait_for(&[MINE, THEIRS, "10.65.22.0/26 via 10.9.0.2 dev eth0", TUNNELLED], PATIENCE);
}

#[test]
fn routes_found_at_start_are_adopted_wanted_ones_untouched_and_unwanted_ones_removed() {
    let mut mesh = Mesh::converged("adopted");
    mesh.roost.kill_9();
    mesh.a.ip("route add blackhole 10.65.99.0/26 proto bird"); // nobody wants it
    mesh.a.ip("route add 10.65.98.0/26 via 10.10.0.9 proto static"); // nobody's business
    let mark = mesh.watch.mark();
    mesh.roost.launch();
    mesh.wait_for(&[MINE, THEIRS, TUNNELLED], PATIENCE);
    let lines: Vec<String> = mesh.watch.since(mark).into_iter().map(|line| line.text).collect();
    assert_eq!(lines.len(), 1, "only the unwanted route goes: {lines:?}");
    assert!(lines[0].starts_with("Deleted blackhole 10.65.99.0/26"), "{lines:?}");
}
