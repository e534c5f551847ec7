//! Two exits announce one prefix to a reflector that stands elsewhere: with ADD-PATH (RFC 7911) each client takes the
//! exit nearest to itself, by its own kernel's routes; without, all take the one the reflector prefers.
//!
//! ```text
//!   west 10.9.1.0/24 ──┐             ┌── east 10.9.2.0/24
//!     exit .1           reflector .254     exit .2
//!     roost .11, BIRD .12 │              roost .11, BIRD .12, a roost without ADD-PATH .13
//!                         │
//!              middle 10.9.3.0/24: a roost .11, with routes of a metric to either side
//! ```

use roost_tests::{Daemon, Kind, Lab, Lan, Netns, PATIENCE, Peer, RouteWatch, Speaker, until};

const SHARED: &str = "10.65.77.0/26";
const REFLECTOR: &str = "10.9.1.254";
/// The reflector routes between the subnets; a second address in the middle, so that a route tells which side it is for.
const ADDRESSES: [(&str, &str); 4] =
    [("eth1", "10.9.1.254/24"), ("eth2", "10.9.2.254/24"), ("eth3", "10.9.3.254/24"), ("eth3", "10.9.3.253/24")];

struct Place<'l> {
    lab: &'l Lab,
    lans: [Lan; 3],
}

impl Place<'_> {
    /// Host `host` of subnet `subnet`, whose routes to the others are the reflector's, or as given.
    fn plug(&self, subnet: usize, host: u8, routes: &[&str]) -> Netns {
        let ns = self.lab.netns(&format!("n{subnet}-{host}"));
        self.lans[subnet - 1].plug(self.lab, &ns, "eth0", &format!("port{host}"));
        ns.ip(&format!("addr add 10.9.{subnet}.{host}/24 dev eth0"));
        let all = format!("10.9.0.0/16 via 10.9.{subnet}.254");
        for route in if routes.is_empty() { vec![all.as_str()] } else { routes.to_vec() } {
            ns.ip(&format!("route add {route}"));
        }
        ns
    }

    fn start(
        &self,
        kind: Kind,
        (subnet, host): (usize, u8),
        several: bool,
        blocks: &[&str],
        routes: &[&str],
    ) -> Daemon {
        let ns = self.plug(subnet, host, routes);
        let reflector = Peer { several_paths: several, ..Peer::new(REFLECTOR, 64512) };
        Speaker::new(&format!("10.9.{subnet}.{host}/24"), blocks).with_peer(reflector).start(kind, &ns)
    }
}

#[track_caller]
fn goes(client: &Daemon, gateway: &str) {
    let route = format!("{SHARED} via {gateway} dev eth0");
    let ways = if client.kind() == "roost" { "show routes" } else { "show route all" };
    client.ns().wait_for_routes(&[&route], PATIENCE, || client.ask(ways));
}

#[test]
fn with_several_paths_each_client_leaves_by_the_exit_nearest_to_itself() {
    let lab = Lab::new("nearest");
    let place = Place { lab: &lab, lans: [1, 2, 3].map(|subnet| lab.lan(&format!("lan{subnet}"))) };
    let middle = lab.netns("reflector");
    for (lan, port) in place.lans.iter().zip(1..) {
        lan.plug(&lab, &middle, &format!("eth{port}"), "port254");
    }
    for (device, address) in ADDRESSES {
        middle.ip(&format!("addr add {address} dev {device}"));
    }
    middle.sysctl("ipv4/ip_forward", "1");
    let mut reflector = Speaker::new("10.9.1.254/24", &[]);
    let client = |several, address| Peer { client: true, several_paths: several, ..Peer::new(address, 64512) };
    let several = ["10.9.1.1", "10.9.2.2", "10.9.1.11", "10.9.1.12", "10.9.2.11", "10.9.2.12", "10.9.3.11"];
    reflector.peers = several.map(|address| client(true, address)).to_vec();
    reflector.peers.push(client(false, "10.9.2.13"));
    reflector.more = "fib: { enabled: false }".into();
    let _reflector = reflector.start(Kind::Roost, &middle);

    let exits = [(1, 1), (2, 2)].map(|at| place.start(Kind::Bird2, at, true, &[SHARED], &[]));
    let west = [(Kind::Roost, (1, 11)), (Kind::Bird2, (1, 12))].map(|(kind, at)| place.start(kind, at, true, &[], &[]));
    let east = [(Kind::Roost, (2, 11)), (Kind::Bird2, (2, 12))].map(|(kind, at)| place.start(kind, at, true, &[], &[]));
    let one_path = place.start(Kind::Roost, (2, 13), false, &[], &[]);
    let routes = ["10.9.1.0/24 via 10.9.3.254 metric 20", "10.9.2.0/24 via 10.9.3.253 metric 10"];
    let mut between = place.start(Kind::Roost, (3, 11), true, &[], &routes);

    west.iter().for_each(|client| goes(client, "10.9.1.1"));
    east.iter().for_each(|client| goes(client, "10.9.2.2"));
    // The reflector's choice, which is the lower address, and the way there.
    goes(&one_path, "10.9.2.254");
    goes(&between, "10.9.3.253");

    // The costs change, and the choice with them.
    let ns = between.ns();
    ns.ip("route add 10.9.2.0/24 via 10.9.3.253 metric 30");
    ns.ip("route del 10.9.2.0/24 via 10.9.3.253 metric 10");
    goes(&between, "10.9.3.254");

    // Without the near exit the far one is at hand; with it all is as before.
    exits[0].ask("disable blocks_ipv4");
    west.iter().for_each(|client| goes(client, "10.9.1.254"));
    goes(&between, "10.9.3.253");
    goes(&one_path, "10.9.2.2");
    exits[0].ask("enable blocks_ipv4");
    west.iter().for_each(|client| goes(client, "10.9.1.1"));
    goes(&between, "10.9.3.254");

    // A restart moves nothing, though the costs are found out anew.
    let watch = RouteWatch::start(between.ns());
    let mark = watch.mark();
    between.kill_9();
    between.launch();
    until("roost has both paths again", PATIENCE, || {
        let (routes, status) = (between.ask("show routes"), between.ask("show status --json"));
        let good = routes.contains("farther next hop") && status.contains("\"running\"");
        if good { Ok(()) } else { Err(format!("{routes}\n{status}")) }
    });
    goes(&between, "10.9.3.254");
    let moved = watch.about(mark, &[SHARED]);
    assert!(moved.is_empty(), "{moved:#?}");
}
