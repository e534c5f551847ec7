//! Whose a pool's routes are and how they are marked: another agent's pool is left alone, and when the marks change with a
//! restart, the new route stands before the old one goes.

use roost_tests::watch::{Line, Mark};
use roost_tests::{Bird2, Daemon, Lab, Lines, Netns, PATIENCE, Peer, Roost, RouteWatch, Speaker, until};

/// roost in `a`, BIRD 2 in `b` with a pod at 10.66.2.1, and BIRD 2 of another AS in `tor`, all on one LAN.
struct Rack {
    a: Netns,
    roost: Daemon,
    _b: Daemon,
    tor: Daemon,
    speaker: Speaker,
    _lab: Lab,
}

impl Rack {
    /// `prepare` is done to `a` before roost starts.
    #[track_caller]
    fn start(name: &str, own: &[&str], theirs: &[&str], more: &str, prepare: impl Fn(&Netns)) -> Rack {
        let lab = Lab::new(name);
        let lan = lab.lan("lan");
        let [a, b, tor, far] = ["a", "b", "tor", "far"].map(|name| lab.netns(name));
        for (ns, port) in [(&a, "port-a"), (&b, "port-b"), (&tor, "port-tor")] {
            lan.plug(&lab, ns, "eth0", port);
        }
        // Not every kernel has ipip. A veth takes the same routes and shows them in the same words.
        lab.wire((&a, "tunl0"), (&far, "eth0"));
        let speaker = Speaker::new("172.16.1.1/24", own)
            .with_peer(Peer::new("172.16.1.2", 64512))
            .with_peer(Peer::new("172.16.1.254", 65000));
        let speaker_b = Speaker::new("172.16.1.2/24", theirs).with_peer(Peer::new("172.16.1.1", 64512));
        let speaker_tor = Speaker { asn: 65000, ..Speaker::new("172.16.1.254/24", &[]) };
        let speaker_tor = speaker_tor.with_peer(Peer::new("172.16.1.1", 64512));
        for (speaker, ns) in [(&speaker, &a), (&speaker_b, &b), (&speaker_tor, &tor)] {
            speaker.address_device(ns, "eth0");
        }
        b.ip("addr add 10.66.2.1/32 dev lo");
        prepare(&a);
        let speaker = Speaker { more: more.to_owned(), ..speaker };
        let start = |speaker: &Speaker, ns| Daemon::start(Bird2 { recover: true }, ns, &speaker.bird2());
        let (b, tor) = (start(&speaker_b, &b), start(&speaker_tor, &tor));
        let roost = Daemon::start(Roost, &a, &Rack::config(&speaker, &a));
        Rack { a, roost, _b: b, tor, speaker, _lab: lab }
    }

    fn config(speaker: &Speaker, ns: &Netns) -> String {
        speaker.roost(ns).replace("router: { ", "router: { graceful_restart: { startup_wait: 6s }, ")
    }

    /// Other lines for its configuration, read at a restart or on SIGHUP.
    #[track_caller]
    fn change(&mut self, how: How, more: &str) {
        self.speaker.more = more.to_owned();
        if how == How::Restart {
            self.roost.stop();
        }
        self.roost.write_config(&Rack::config(&self.speaker, &self.a));
        match how {
            How::Restart => self.roost.launch(),
            How::Hangup => self.roost.signal(libc::SIGHUP),
        }
    }

    /// Waits until the kernel of `a` has exactly these routes in the pools, of whatever protocol, in all tables.
    #[track_caller]
    fn holds(&self, wanted: &[&str]) {
        until("the routes of the pools", PATIENCE, || {
            let mut have = self.a.routes("table all");
            have.retain(|line| line.contains("10.66.") || line.contains("10.68."));
            let fib = || self.roost.control("show fib").unwrap_or_else(|error| format!("{error:#}"));
            if have == wanted { Ok(()) } else { Err(format!("want {wanted:#?}\nhave {have:#?}\n{}", fib())) }
        });
    }
}

/// How roost comes to know other settings.
#[derive(Clone, Copy, PartialEq)]
enum How {
    Restart,
    Hangup,
}

fn texts(lines: Vec<Line>) -> Vec<String> {
    lines.into_iter().map(|line| line.text).collect()
}

const POOL: &str = "pools: [ { cidr: 10.66.0.0/16";

#[test]
fn a_pool_of_another_agent_is_learned_announced_and_left_alone() {
    // Its own ways to write a route: direct, in a tunnel with an MTU, in a VXLAN by way of the far end's own address there.
    let theirs = [
        "blackhole 10.68.1.0/26 proto 80",
        "10.68.2.0/26 via 172.16.1.2 dev eth0 proto 80",
        "10.68.4.0/26 via 172.16.2.4 dev tunl0 proto 80 onlink mtu 1440",
        "10.68.5.0/26 via 10.68.5.0 dev vxlan.calico proto 80 onlink",
    ];
    let rack = Rack::start(
        "others",
        &["10.66.1.0/26", "10.68.1.0/26"],
        &["10.66.2.0/26", "10.68.2.0/26", "10.68.3.0/26", "10.68.4.0/26", "10.68.5.0/26"],
        &format!("{POOL} }}, {{ cidr: 10.68.0.0/16, install: false, protocol: 80 }} ]"),
        |a| {
            a.ip("link add vxlan.calico up type vxlan id 4097 local 172.16.1.1 dstport 4790");
            theirs.iter().for_each(|route| drop(a.ip(&format!("route add {route}"))));
        },
    );
    let watch = RouteWatch::start(&rack.a);
    let mine = ["blackhole 10.66.1.0/26 proto bird", "10.66.2.0/26 via 172.16.1.2 dev eth0 proto bird"];
    rack.holds(&[&mine[..], &theirs[..]].concat());
    until("the switch knows the blocks of the other agent's pool", PATIENCE, || {
        let routes = rack.tor.ask("show route");
        let all = (1..=5).all(|n| routes.contains(&format!("10.68.{n}.0/26")));
        if all { Ok(()) } else { Err(routes) }
    });
    until("the kernel's side has judged them", PATIENCE, || {
        let status = rack.roost.ask("show status");
        if status.contains("2 installed, 5 in pools of other agents") { Ok(()) } else { Err(status) }
    });
    let rows: serde_json::Value = serde_json::from_str(&rack.roost.ask("show fib --json")).unwrap_or_default();
    for block in (1..=5).map(|n| format!("10.68.{n}.0/26")) {
        let row = rows.as_array().and_then(|rows| rows.iter().find(|row| row["prefix"] == block));
        let (state, reason) = row.map(|row| (row["state"].clone(), row["reason"].clone())).unwrap_or_default();
        assert_eq!(state, "withheld", "{rows:#}");
        assert_eq!(reason, "pool 10.68.0.0/16 is another agent's (install: false)");
    }
    let pools: serde_json::Value = serde_json::from_str(&rack.roost.ask("show pools --json")).unwrap_or_default();
    let of = |n: usize, key: &str| pools[n]["routes"][key].as_u64().unwrap_or_default();
    assert_eq!([of(0, "installed"), of(1, "wanted"), of(1, "withheld")], [2, 5, 5], "{pools:#}");
    let config = std::fs::read_to_string(&rack.roost.files().config).expect("a configuration");
    let line = 1 + config.lines().position(|line| line.contains("10.66.0.0/16")).expect("its line");
    assert_eq!((&pools[0]["origin"], &pools[0]["line"]), (&"file".into(), &line.into()), "{pools:#}");
    // What its owner does there is nobody else's business. Once ours is back that went after it, roost has heard of both.
    let mark = watch.mark();
    rack.a.ip("route del 10.68.2.0/26");
    rack.a.ip("route del 10.66.2.0/26");
    watch.wait_for("our route", mark, PATIENCE, |line| line.starts_with("10.66.2.0/26"));
    rack.holds(&[mine[0], mine[1], theirs[0], theirs[2], theirs[3]]);
    assert_eq!(texts(watch.about(mark, &["10.68.2.0/26"])), [format!("Deleted {}", theirs[1])]);
}

#[test]
fn restarted_with_other_marks_the_new_route_stands_before_the_old_one_goes() {
    marks_change("marks", How::Restart);
}

#[test]
fn on_sighup_with_other_marks_the_new_route_stands_before_the_old_one_goes_and_no_session_ends() {
    let rack = marks_change("marksup", How::Hangup);
    let log = rack.roost.log();
    assert_eq!(log.matches(": established peer=").count(), 2, "one session with each peer");
    assert!(!log.contains("needs a restart"), "{log}");
}

/// What the kernel tells of a route, step by step, while the settings change.
#[track_caller]
fn marks_change(name: &str, how: How) -> Rack {
    let plain = format!("{POOL} }} ]");
    let mut rack = Rack::start(name, &[], &["10.66.2.0/26"], &plain, |_| {});
    let line = |proto: &str| format!("10.66.2.0/26 via 172.16.1.2 dev eth0 {proto}");
    rack.holds(&[&line("proto bird")]);
    let watch = RouteWatch::start(&rack.a);
    let mut stream = Some(Stream::start(&rack.a, "10.66.2.1"));
    let mut now = line("proto bird");
    // The settings, what stands then, and whether the old one went by itself (else it was rewritten in place).
    let steps = [
        (format!("{plain}\nfib: {{ metric: local-pref }}"), line("proto bird metric 2147483547"), true),
        (format!("{POOL}, metric: 1024 }} ]"), line("proto bird metric 1024"), true),
        (format!("{POOL}, metric: 1024, protocol: bgp }} ]"), line("proto bgp metric 1024"), false),
        (
            format!("{POOL}, mode: ipip, metric: 7 }} ]\nfib: {{ adopt: [ {{ protocol: bgp }} ] }}"),
            "10.66.2.0/26 via 172.16.1.2 dev tunl0 proto bird metric 7 onlink".to_owned(),
            true,
        ),
        (format!("{POOL}, metric: 7 }} ]"), line("proto bird metric 7"), false),
        (format!("{POOL}, table: 100 }} ]"), line("table 100 proto bird"), true),
        (format!("{plain}\nfib: {{ adopt: [ {{ table: 100 }} ] }}"), line("proto bird"), true),
    ];
    for (settings, after, goes) in steps {
        if after.contains("tunl0") {
            // Behind the tunnel of this lab is nobody.
            stream.take().expect("there is one tunnel").has_lost_nothing();
        }
        let mark = watch.mark();
        rack.change(how, &settings);
        rack.holds(&[&after]);
        let gone = format!("Deleted {now}");
        let told = if goes { vec![after.clone(), gone] } else { vec![after.clone()] };
        assert_eq!(texts(watch.about(mark, &["10.66.2.0/26"])), told, "{settings}");
        now = after;
    }
    rack
}

#[test]
fn a_pool_goes_to_another_agent_and_comes_back_without_a_hole_by_restarts() {
    pool_changes_hands("handover", How::Restart);
}

#[test]
fn a_pool_goes_to_another_agent_and_comes_back_without_a_hole_on_sighup() {
    pool_changes_hands("handoverup", How::Hangup);
}

#[track_caller]
fn pool_changes_hands(name: &str, how: How) {
    let mut rack = Rack::start(name, &[], &["10.66.2.0/26", "10.66.3.0/26"], &format!("{POOL} }} ]"), |_| {});
    let line = |n: u32, proto: &str| format!("10.66.{n}.0/26 via 172.16.1.2 dev eth0 proto {proto}");
    rack.holds(&[&line(2, "bird"), &line(3, "bird")]);
    let watch = RouteWatch::start(&rack.a);
    let stream = Stream::start(&rack.a, "10.66.2.1");
    let mark = watch.mark();
    // A peer that does not come makes the startup last, and with it the time the other agent has.
    rack.speaker.peers.push(Peer::new("172.16.1.77", 64512));
    rack.change(how, &format!("{POOL}, install: false, protocol: 80 }} ]"));
    until("roost knows whose the pool is", PATIENCE, || {
        let fib = rack.roost.ask("show fib");
        if fib.matches("another agent's").count() == 2 { Ok(()) } else { Err(fib) }
    });
    // It writes one over ours. What it does not write over goes later.
    rack.a.ip("route replace 10.66.2.0/26 via 172.16.1.2 dev eth0 proto 80");
    rack.holds(&[&line(2, "80")]);
    let told = [line(2, "80"), format!("Deleted {}", line(3, "bird"))];
    assert_eq!(texts(watch.about(mark, &["10.66.2.0/26", "10.66.3.0/26"])), told);

    // And back: after a restart its routes are taken over as they are, while we run they have to go before.
    let mark = watch.mark();
    match how {
        How::Restart => rack.change(how, &format!("{POOL} }} ]\nfib: {{ adopt: [ {{ protocol: 80 }} ] }}")),
        How::Hangup => {
            stream.has_lost_nothing();
            rack.change(how, &format!("{POOL} }} ]"));
            rack.holds(&[&line(2, "80"), &line(3, "bird")]);
            rack.a.ip("route del 10.66.2.0/26");
            return rack.holds(&[&line(2, "bird"), &line(3, "bird")]);
        }
    }
    rack.holds(&[&line(2, "bird"), &line(3, "bird")]);
    assert_eq!(texts(watch.about(mark, &["10.66.2.0/26"])), [line(2, "bird")]);
    stream.has_lost_nothing();
}

/// A packet each 5 ms to an address, and its answer.
struct Stream(Lines, Mark);

impl Stream {
    #[track_caller]
    fn start(from: &Netns, to: &str) -> Stream {
        let mut command = from.command("ping");
        command.args(["-n", "-i", "0.005", to]);
        let lines = Lines::start(command);
        let start = lines.mark();
        assert!(lines.wait_for(start, PATIENCE, |line| sequence(line).is_some()).is_some(), "{to} does not answer");
        Stream(lines, start)
    }

    /// Every packet until now was answered, and those of a moment from now are.
    #[track_caller]
    fn has_lost_nothing(self) {
        let Stream(lines, start) = self;
        assert!(lines.wait_for(lines.mark(), PATIENCE, |line| sequence(line).is_some()).is_some(), "no more answers");
        let answers: Vec<u32> = lines.since(start).iter().filter_map(|line| sequence(&line.text)).collect();
        let holes: Vec<&[u32]> = answers.windows(2).filter(|pair| pair[0] + 1 != pair[1]).collect();
        assert!(answers.len() > 10 && holes.is_empty(), "of {} packets these are missing: {holes:?}", answers.len());
    }
}

/// `64 bytes from 10.66.2.1: icmp_seq=17 ttl=64 time=0.05 ms`
fn sequence(line: &str) -> Option<u32> {
    line.split_once("icmp_seq=")?.1.split(' ').next()?.parse().ok()
}
