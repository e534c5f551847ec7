//! The configuration changes under SIGHUP: metric, and encapsulation on both ends, one after the other.
//!
//! Where the two ends of a path use different forms for a while, each must take in both. A device takes in what comes to
//! it as soon as it is there: so first all nodes get the device, by the mode of a pool that uses it across subnets only,
//! and then all nodes use it.

use roost_tests::{Kind, PATIENCE, until};

use crate::lab::{Mesh, Node, Seen, block};

impl Node {
    /// Reads other lines of configuration, and waits until the kernel's route to the other node's block is this one, and
    /// a device that they ask for is up.
    #[track_caller]
    fn reload(&mut self, more: &str, route: &str) {
        self.speaker.more = more.to_owned();
        self.daemon.write_config(&self.speaker.roost(&self.ns));
        self.daemon.signal(libc::SIGHUP);
        until(&format!("n{} with {more}", self.number), PATIENCE, || {
            let (fib, log) = (self.daemon.ask("show fib"), self.daemon.log());
            let read = log.matches("the configuration is in force").count();
            let have = self.ns.routes(&format!("{} proto bird", block(3 - self.number)));
            let ready = !more.contains("vxlan")
                || self.ns.try_ip("link show up dev vxlan.roost").is_ok_and(|up| !up.is_empty());
            let good = have == [route] && read == self.reloads + 1 && ready;
            if good { Ok(()) } else { Err(format!("{read}, {have:#?}, device ready: {ready}\n{fib}")) }
        });
        self.reloads += 1;
    }
}

/// Both nodes go through `steps`, each step on one and then on the other: the pools, and the form of the route.
#[track_caller]
fn both_go_through(mesh: &mut Mesh, steps: &[(&str, &str)]) -> Seen {
    let witness = mesh.witness();
    for (pools, form) in steps {
        for at in [0, 1] {
            let other = 2 - at;
            mesh.nodes[at].reload(pools, &format!("10.65.{other}.0/26 via 10.9.0.{other} {form}"));
        }
    }
    witness.end()
}

const DIRECT: (&str, &str) = ("pools: [ { cidr: 10.65.0.0/16, mode: direct } ]", "dev eth0");

#[test]
fn another_metric_and_back() {
    let mut mesh = Mesh::converged("metric", &[Kind::Roost, Kind::Roost]);
    let other = "pools: [ { cidr: 10.65.0.0/16, mode: direct, metric: 1024 } ]";
    let seen = both_go_through(&mut mesh, &[(other, "dev eth0 metric 1024"), DIRECT]);
    // The new one stands before the old one goes.
    seen.nothing_lost();
    let first: Vec<&str> = seen.notices.iter().filter_map(|told| told.split_once(" s: ")).map(|told| told.1).collect();
    let at = |text: &str| first.iter().position(|told| told.starts_with(text));
    assert!(at("10.65.2.0/26 via 10.9.0.2 dev eth0 proto bird metric 1024") < at("Deleted 10.65.2.0/26"), "{seen}");
}

#[test]
fn direct_to_vxlan_and_back() {
    let mut mesh = Mesh::converged("tovxlan", &[Kind::Roost, Kind::Roost]);
    let prepared = ("pools: [ { cidr: 10.65.0.0/16, mode: vxlan-cross-subnet, manage: true } ]", "dev eth0");
    let tunnelled = ("pools: [ { cidr: 10.65.0.0/16, mode: vxlan, manage: true } ]", "dev vxlan.roost onlink");
    let seen = both_go_through(&mut mesh, &[prepared, tunnelled, prepared, DIRECT]);
    seen.nothing_lost().no_route_deleted();
}

/// Not every kernel has ipip. A wire takes the same routes, and carries the packets between two nodes as a tunnel does.
#[test]
fn direct_to_the_tunnel_of_another_agent_and_back() {
    let mut mesh = Mesh::converged("totunnel", &[Kind::Roost, Kind::Roost]);
    mesh.wire("tunl0");
    let tunnelled = ("pools: [ { cidr: 10.65.0.0/16, mode: ipip, device: tunl0 } ]", "dev tunl0 onlink");
    let seen = both_go_through(&mut mesh, &[tunnelled, DIRECT]);
    seen.nothing_lost().no_route_deleted();
}
