//! A route reflector in the middle, three clients that only know it: blocks travel from client to client, with the
//! announcing client as next hop (RFC 4456), whether roost or BIRD reflects and whether roost or BIRD is the client.

use roost_tests::{Daemon, Kind, Lab, PATIENCE, Peer, Speaker};

/// The reflector is 10.9.0.254; the clients are 10.9.0.1, .2 and .3, of the given kinds.
fn reflect(name: &str, reflector: Kind, clients: [Kind; 3]) {
    let lab = Lab::new(name);
    let lan = lab.lan("lan");
    let middle = lab.netns("rr");
    lan.plug(&lab, &middle, "eth0", "port254");
    let mut speaker = Speaker::new("10.9.0.254/24", &[]);
    speaker.peers = (1..=3).map(|n| Peer { client: true, ..Peer::new(&format!("10.9.0.{n}"), 64512) }).collect();
    speaker.address_device(&middle, "eth0");
    let mut daemons: Vec<Daemon> = vec![speaker.start(reflector, &middle)];
    for (n, kind) in (1..=3).zip(clients) {
        let ns = lab.netns(&format!("c{n}"));
        lan.plug(&lab, &ns, "eth0", &format!("port{n}"));
        let speaker = Speaker::new(&format!("10.9.0.{n}/24"), &[&format!("10.65.{n}.0/26")])
            .with_peer(Peer::new("10.9.0.254", 64512));
        speaker.address_device(&ns, "eth0");
        daemons.push(speaker.start(kind, &ns));
    }
    for (n, daemon) in (1..=3).zip(&daemons[1..]) {
        let route = |other| match other == n {
            true => format!("blackhole 10.65.{n}.0/26"),
            false => format!("10.65.{other}.0/26 via 10.9.0.{other} dev eth0"),
        };
        let wanted: Vec<String> = (1..=3).map(route).collect();
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        daemon.ns().wait_for_routes(&wanted, PATIENCE, || daemon.kind().to_owned());
    }
}

#[test]
fn roost_reflects_between_birds_and_roost() {
    reflect("reflector", Kind::Roost, [Kind::Bird2, Kind::Bird2, Kind::Roost]);
}

#[test]
fn bird_reflects_between_roosts_and_bird() {
    reflect("reflectorbird", Kind::Bird2, [Kind::Roost, Kind::Roost, Kind::Bird2]);
}

#[test]
fn bird_reflects_between_birds() {
    reflect("reflectorbirds", Kind::Bird2, [Kind::Bird2, Kind::Bird2, Kind::Bird2]);
}
