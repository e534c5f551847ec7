//! FRR: its configuration, its JSON.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use roost_tests::{Daemon, Netns};
use serde_json::Value;

use crate::features::Feature::{self, *};
use crate::other::{Node, Other, Seen, Session, set};

/// FRR's bgpd.
pub struct Frr;

/// A line of a configuration may have 256 words and 4095 octets: so many values are set at once.
const AT_ONCE: usize = 200;

fn config(node: &Node) -> String {
    let mut out = format!("log stdout\n{}router bgp {}\n bgp router-id {}\n", route_maps(node), node.asn, node.v4());
    out += " no bgp ebgp-requires-policy\n no bgp default ipv4-unicast\n";
    if node.sessions.iter().any(|session| session.restart) {
        out += " bgp graceful-restart\n bgp graceful-restart preserve-fw-state\n";
    }
    if let Some(cluster) = node.cluster {
        let _ = writeln!(out, " bgp cluster-id {cluster}");
    }
    for session in &node.sessions {
        neighbor(&mut out, node, session);
    }
    for (v6, family) in [(false, "ipv4"), (true, "ipv6")] {
        let _ = writeln!(out, " address-family {family} unicast");
        for (number, origin) in node.origins.iter().enumerate().filter(|(_, origin)| origin.prefix.contains(':') == v6)
        {
            let route_map = if origin.is_plain() { String::new() } else { format!("route-map origin{number}") };
            let _ = writeln!(out, "  network {} {route_map}", origin.prefix);
        }
        for session in node.sessions.iter().filter(|session| if v6 { session.v6 } else { session.v4 }) {
            let peer = session.peer;
            let _ = writeln!(out, "  neighbor {peer} activate");
            if v6 != peer.is_ipv6() {
                let _ = writeln!(out, "  neighbor {peer} route-map over4 out");
            }
            if session.client {
                let _ = writeln!(out, "  neighbor {peer} route-reflector-client");
            }
            if session.add_path_send {
                let _ = writeln!(out, "  neighbor {peer} addpath-tx-all-paths");
            }
        }
        out += " exit-address-family\n";
    }
    out
}

fn neighbor(out: &mut String, node: &Node, session: &Session) {
    let mut line = |text: String| {
        let _ = writeln!(out, " neighbor {} {text}", session.peer);
    };
    line(format!("remote-as {}", session.asn));
    line(format!("update-source {}", node.local(session)));
    line(format!("timers {} {}", (session.hold / 3).max(1), session.hold));
    line("timers connect 1".to_owned());
    line("advertisement-interval 0".to_owned());
    // Without zebra it does not know which addresses are its neighbours.
    line("disable-connected-check".to_owned());
    if session.passive {
        line("passive".to_owned());
    }
    if session.two_octets {
        line("dont-capability-negotiate".to_owned());
    }
    if let Some(password) = session.password {
        line(format!("password {password}"));
    }
}

fn route_maps(node: &Node) -> String {
    let mut out = format!("route-map over4 permit 10\n set ipv6 next-hop global {}\n!\n", node.v6());
    // One each for thousands of routes would take it a minute to read.
    for (number, origin) in node.origins.iter().enumerate().filter(|(_, origin)| !origin.is_plain()) {
        let _ = writeln!(out, "route-map origin{number} permit 1");
        if !origin.large.is_empty() {
            let _ = writeln!(out, " set large-community {}", origin.large.join(" "));
        }
        if !origin.targets.is_empty() {
            let _ = writeln!(out, " set extcommunity rt {}", origin.targets.join(" "));
        }
        if let Some(med) = origin.med {
            let _ = writeln!(out, " set metric {med}");
        }
        out += " on-match next\n!\n";
        let own = vec![node.asn.to_string(); origin.prepend];
        let communities =
            origin.communities.chunks(AT_ONCE).map(|some| format!("community {} additive", some.join(" ")));
        let prepends = own.chunks(AT_ONCE).map(|some| format!("as-path prepend {}", some.join(" ")));
        for (set, sequence) in communities.chain(prepends).zip(2..) {
            let _ = writeln!(out, "route-map origin{number} permit {sequence}\n set {set}\n on-match next\n!");
        }
        let _ = writeln!(out, "route-map origin{number} permit 99\n!");
    }
    out
}

fn ask(daemon: &Daemon, command: &str) -> Value {
    let text = daemon.ask(command);
    serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{command}: {error}: {text}"))
}

fn family(prefix: &str) -> &'static str {
    if prefix.contains(':') { "ipv6" } else { "ipv4" }
}

fn neighbor_json(daemon: &Daemon, peer: IpAddr) -> Value {
    ask(daemon, &format!("show bgp neighbors {peer} json"))[peer.to_string()].clone()
}

impl Other for Frr {
    fn name(&self) -> &'static str {
        "FRR"
    }

    fn version(&self) -> String {
        crate::other::said(&roost_tests::Frr, "--version").replace("bgpd version", "FRR")
    }

    fn lacks(&self, feature: Feature) -> Option<&'static str> {
        match feature {
            Odd => Some("cannot send arbitrary attributes; shown with ExaBGP"),
            _ => None,
        }
    }

    fn start(&self, ns: &Netns, node: &Node) -> Daemon {
        Daemon::start(roost_tests::Frr, ns, &config(node))
    }

    fn established(&self, daemon: &Daemon, peer: IpAddr) -> Result<(), String> {
        let neighbor = neighbor_json(daemon, peer);
        if neighbor["bgpState"] == "Established" { Ok(()) } else { Err(neighbor.to_string()) }
    }

    fn prefixes(&self, daemon: &Daemon, v6: bool) -> BTreeSet<String> {
        let table = ask(daemon, &format!("show bgp {} unicast json", if v6 { "ipv6" } else { "ipv4" }));
        let valid =
            |paths: &Value| paths.as_array().is_some_and(|paths| paths.iter().any(|path| path["valid"] == true));
        let routes = table["routes"].as_object().cloned().unwrap_or_default();
        routes.into_iter().filter(|(_, paths)| valid(paths)).map(|(prefix, _)| prefix).collect()
    }

    fn paths(&self, daemon: &Daemon, prefix: &str) -> Vec<Seen> {
        let route = ask(daemon, &format!("show bgp {} unicast {prefix} json", family(prefix)));
        let paths = route["paths"].as_array().cloned().unwrap_or_default();
        let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
        let words = |value: &Value| set(value["string"].as_str().unwrap_or(""));
        let path = |path: &Value| Seen {
            next_hop: path["nexthops"][0]["ip"].as_str().unwrap_or("").to_owned(),
            as_path: path["aspath"]["string"].as_str().unwrap_or("").split_whitespace().map(str::to_owned).collect(),
            med: number(&path["metric"]),
            local_pref: number(&path["locPrf"]),
            communities: words(&path["community"]),
            large: words(&path["largeCommunity"]),
            extended: words(&path["extendedCommunity"]).into_iter().map(|text| text.to_lowercase()).collect(),
            originator: path["originatorId"].as_str().map(str::to_owned),
            clusters: path["clusterList"]["list"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|id| Some(id.as_str()?.to_owned()))
                .collect(),
        };
        paths.iter().map(path).collect()
    }

    fn announce(&self, daemon: &Daemon, node: &Node, prefix: &str) {
        network(daemon, node, "network", prefix);
    }

    fn withdraw(&self, daemon: &Daemon, node: &Node, prefix: &str) {
        network(daemon, node, "no network", prefix);
    }

    fn refresh(&self, daemon: &Daemon, peer: IpAddr) {
        daemon.ask(&format!("clear bgp ipv4 unicast {peer} soft in"));
    }

    fn refreshes(&self, daemon: &Daemon, peer: IpAddr) -> u64 {
        neighbor_json(daemon, peer)["messageStats"]["routeRefreshRecv"].as_u64().unwrap_or(0)
    }

    fn end_of_rib(&self, daemon: &Daemon, peer: IpAddr) -> bool {
        let neighbor = neighbor_json(daemon, peer);
        neighbor["gracefulRestartInfo"]["endOfRibRecv"]["ipv4Unicast"] == true
    }

    fn shut(&self, daemon: &Daemon, peer: IpAddr, text: &str) {
        let asn = ask(daemon, "show bgp ipv4 unicast json")["localAS"].clone();
        daemon.ask(&format!("configure terminal\nrouter bgp {asn}\nneighbor {peer} shutdown message {text}"));
    }

    fn last_error(&self, daemon: &Daemon, peer: IpAddr) -> String {
        neighbor_json(daemon, peer).to_string()
    }
}

fn network(daemon: &Daemon, node: &Node, command: &str, prefix: &str) {
    let (asn, family) = (node.asn, family(prefix));
    daemon.ask(&format!("configure terminal\nrouter bgp {asn}\naddress-family {family} unicast\n{command} {prefix}"));
}
