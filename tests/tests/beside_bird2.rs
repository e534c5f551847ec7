//! roost beside BIRD 2 (and once 1.6): blocks travel both ways and end up in both kernels, IPv4 and IPv6, over one session and two.
//!
//! Each lab runs with BIRD on both sides too: when that fails, it is the lab that is wrong and not roost.

use roost_tests::{Daemon, Kind, Lab, Netns, PATIENCE, Peer, Speaker, until};

/// Two namespaces on one wire, with a speaker in each; `a` is what the test is about, `b` is BIRD.
struct Pair {
    a: Daemon,
    b: Daemon,
    _lab: Lab,
}

impl Pair {
    #[track_caller]
    fn start(name: &str, kind: Kind, a: &Speaker, b: &Speaker) -> Pair {
        Pair::of(name, kind, Kind::Bird2, a, b)
    }

    #[track_caller]
    fn of(name: &str, kind_a: Kind, kind_b: Kind, a: &Speaker, b: &Speaker) -> Pair {
        let lab = Lab::new(name);
        let (ns_a, ns_b) = (lab.netns("a"), lab.netns("b"));
        lab.wire((&ns_a, "eth0"), (&ns_b, "eth0"));
        a.address_device(&ns_a, "eth0");
        b.address_device(&ns_b, "eth0");
        let b = b.start(kind_b, &ns_b);
        let a = a.start(kind_a, &ns_a);
        Pair { a, b, _lab: lab }
    }

    /// Waits until both kernels hold exactly these routes of a routing daemon.
    #[track_caller]
    fn converge(&self, a: &[&str], b: &[&str], a6: &[&str], b6: &[&str]) {
        for (daemon, v4, v6) in [(&self.a, a, a6), (&self.b, b, b6)] {
            wait_for_routes(daemon.ns(), v4, v6, || self.state());
        }
    }

    fn state(&self) -> String {
        [&self.a, &self.b]
            .iter()
            .map(|daemon| {
                let question = if daemon.kind() == "roost" { "show peers" } else { "show protocols" };
                let answer = daemon.control(question).unwrap_or_else(|error| format!("{error:#}"));
                format!("{} ({}): {answer}\n", daemon.ns().name(), daemon.kind())
            })
            .collect()
    }
}

#[track_caller]
fn wait_for_routes(ns: &Netns, v4: &[&str], v6: &[&str], state: impl Fn() -> String) {
    until(&format!("the routes of {}", ns.name()), PATIENCE, || {
        // The kernel adds "metric 1024 pref medium" to every IPv6 route, and BIRD a metric of its own.
        let six = ns.routes6("proto bird").into_iter().map(|r| r.split(" metric ").next().unwrap_or("").to_owned());
        let (four, six) = (ns.routes("proto bird"), six.collect::<Vec<_>>());
        if four == v4 && six == v6 {
            return Ok(());
        }
        Err(format!("want {v4:?} {v6:?}\nhave {four:?} {six:?}\n{}", state()))
    });
}

fn both_ways_over_one_session(name: &str, kind: Kind) {
    let peer = |address: &str| Peer { both_families: true, ..Peer::new(address, 64512) };
    let a = Speaker::new("10.9.0.1/24", &["10.65.1.0/26", "fd00:65:1::/122"])
        .with_address6("fd00:9::1/64")
        .with_peer(peer("10.9.0.2"));
    let b = Speaker::new("10.9.0.2/24", &["10.65.2.0/26", "fd00:65:2::/122"])
        .with_address6("fd00:9::2/64")
        .with_peer(peer("10.9.0.1"));
    Pair::start(name, kind, &a, &b).converge(
        &["blackhole 10.65.1.0/26", "10.65.2.0/26 via 10.9.0.2 dev eth0"],
        &["10.65.1.0/26 via 10.9.0.1 dev eth0", "blackhole 10.65.2.0/26"],
        &["blackhole fd00:65:1::/122 dev lo", "fd00:65:2::/122 via fd00:9::2 dev eth0"],
        &["fd00:65:1::/122 via fd00:9::1 dev eth0", "blackhole fd00:65:2::/122 dev lo"],
    );
}

fn both_ways_over_two_sessions(name: &str, kind: Kind) {
    let a = Speaker::new("10.9.0.1/24", &["10.65.1.0/26", "fd00:65:1::/122"])
        .with_address6("fd00:9::1/64")
        .with_peer(Peer::new("10.9.0.2", 64512))
        .with_peer(Peer::new("fd00:9::2", 64512));
    let b = Speaker::new("10.9.0.2/24", &["10.65.2.0/26", "fd00:65:2::/122"])
        .with_address6("fd00:9::2/64")
        .with_peer(Peer::new("10.9.0.1", 64512))
        .with_peer(Peer::new("fd00:9::1", 64512));
    Pair::start(name, kind, &a, &b).converge(
        &["blackhole 10.65.1.0/26", "10.65.2.0/26 via 10.9.0.2 dev eth0"],
        &["10.65.1.0/26 via 10.9.0.1 dev eth0", "blackhole 10.65.2.0/26"],
        &["blackhole fd00:65:1::/122 dev lo", "fd00:65:2::/122 via fd00:9::2 dev eth0"],
        &["fd00:65:1::/122 via fd00:9::1 dev eth0", "blackhole fd00:65:2::/122 dev lo"],
    );
}

#[test]
fn roost_and_bird_exchange_both_families_over_one_session() {
    both_ways_over_one_session("onesession", Kind::Roost);
}

#[test]
fn two_birds_exchange_both_families_over_one_session() {
    both_ways_over_one_session("onesessionbirds", Kind::Bird2);
}

#[test]
fn roost_and_bird_exchange_both_families_over_two_sessions() {
    both_ways_over_two_sessions("twosessions", Kind::Roost);
}

#[test]
fn two_birds_exchange_both_families_over_two_sessions() {
    both_ways_over_two_sessions("twosessionsbirds", Kind::Bird2);
}

/// One session, IPv4; `change` is applied to both speakers' view of each other.
fn simple(change: impl Fn(&mut Speaker, bool)) -> (Speaker, Speaker) {
    let mut a = Speaker::new("10.9.0.1/24", &["10.65.1.0/26"]).with_peer(Peer::new("10.9.0.2", 64512));
    let mut b = Speaker::new("10.9.0.2/24", &["10.65.2.0/26"]).with_peer(Peer::new("10.9.0.1", 64512));
    change(&mut a, true);
    change(&mut b, false);
    (a, b)
}

const A: &[&str] = &["blackhole 10.65.1.0/26", "10.65.2.0/26 via 10.9.0.2 dev eth0"];
const B: &[&str] = &["10.65.1.0/26 via 10.9.0.1 dev eth0", "blackhole 10.65.2.0/26"];

#[test]
fn roost_connects_to_a_passive_bird() {
    let (a, b) = simple(|speaker, is_a| speaker.peers[0].passive = !is_a);
    Pair::start("passivebird", Kind::Roost, &a, &b).converge(A, B, &[], &[]);
}

#[test]
fn a_passive_roost_takes_the_connection_of_bird() {
    let (a, b) = simple(|speaker, is_a| speaker.peers[0].passive = is_a);
    Pair::start("passiveroost", Kind::Roost, &a, &b).converge(A, B, &[], &[]);
}

#[test]
fn a_session_with_a_tcp_md5_password_comes_up_and_with_a_wrong_one_does_not() {
    let (a, b) = simple(|speaker, _| speaker.peers[0].password = Some("the right one".into()));
    Pair::start("password", Kind::Roost, &a, &b).converge(A, B, &[], &[]);

    let (a, b) = simple(|speaker, is_a| speaker.peers[0].password = Some(format!("{is_a}")));
    let pair = Pair::start("wrongpassword", Kind::Roost, &a, &b);
    // A session would be up within three of BIRD's and roost's attempts, one a second.
    roost_tests::wait::throughout("no session", std::time::Duration::from_secs(4), || {
        let peers = pair.state();
        if peers.to_lowercase().contains("established ") { Err(peers) } else { Ok(()) }
    });
}

#[test]
fn roost_and_bird_in_two_ases_exchange_blocks() {
    let (mut a, mut b) = simple(|_, _| {});
    (b.asn, a.peers[0].asn) = (4_200_000_001, 4_200_000_001);
    (a.asn, b.peers[0].asn) = (64513, 64513);
    Pair::start("twoases", Kind::Roost, &a, &b).converge(A, B, &[], &[]);
}

#[test]
fn a_withdrawn_block_leaves_the_other_kernel_in_both_directions() {
    let (a, b) = simple(|_, _| {});
    let pair = Pair::start("withdraw", Kind::Roost, &a, &b);
    pair.converge(A, B, &[], &[]);

    let more = "10.65.1.64/26 10.65.9.7";
    pair.a.ask(&format!("announce {more}"));
    pair.b.ask("disable blocks_ipv4");
    pair.converge(
        &["blackhole 10.65.1.0/26", "blackhole 10.65.1.64/26"],
        &[
            "10.65.1.0/26 via 10.9.0.1 dev eth0",
            "10.65.1.64/26 via 10.9.0.1 dev eth0",
            "10.65.9.7 via 10.9.0.1 dev eth0",
        ],
        &[],
        &[],
    );

    pair.a.ask(&format!("withdraw {more}"));
    pair.b.ask("enable blocks_ipv4");
    pair.converge(A, B, &[], &[]);
}

#[test]
fn a_stopped_roost_leaves_its_routes_in_its_kernel() {
    let (a, b) = simple(|_, _| {});
    let mut pair = Pair::start("sigterm", Kind::Roost, &a, &b);
    pair.converge(A, B, &[], &[]);
    let status = pair.a.stop();
    assert!(status.success(), "{status}");
    assert_eq!(pair.a.ns().routes("proto bird"), A);
    assert_eq!(pair.b.ns().routes("proto bird"), B, "SIGTERM is no goodbye: the peer keeps the routes for the restart");
    pair.a.launch();
    pair.converge(A, B, &[], &[]);
}

#[test]
fn bird_1_6_and_bird_2_exchange_blocks() {
    let (a, b) = simple(|_, _| {});
    Pair::of("birdonesixbirds", Kind::Bird1, Kind::Bird2, &a, &b).converge(A, B, &[], &[]);
}

#[test]
fn roost_and_bird_1_6_exchange_blocks() {
    let (a, b) = simple(|_, _| {});
    Pair::of("birdonesix", Kind::Roost, Kind::Bird1, &a, &b).converge(A, B, &[], &[]);
}
