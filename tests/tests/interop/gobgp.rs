//! GoBGP: a TOML file for its peers, its client for its routes, JSON with numbers for names.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use roost_tests::{Daemon, Netns};
use serde_json::Value;

use crate::features::Feature::{self, *};
use crate::other::{Node, Origin, Other, Seen};

/// GoBGP.
pub struct Gobgp;

fn config(node: &Node) -> String {
    let mut out = format!("[global.config]\nas = {}\nrouter-id = \"{}\"\nport = 179\n", node.asn, node.v4());
    out += "local-address-list = [\"0.0.0.0\", \"::\"]\n";
    for session in &node.sessions {
        let (peer, local) = (session.peer, node.local(session));
        let _ = writeln!(
            out,
            "[[neighbors]]\n[neighbors.config]\nneighbor-address = \"{peer}\"\npeer-as = {}",
            session.asn
        );
        if let Some(password) = session.password {
            let _ = writeln!(out, "auth-password = {password:?}");
        }
        let _ = writeln!(
            out,
            "[neighbors.transport.config]\npassive-mode = {}\nlocal-address = \"{local}\"",
            session.passive
        );
        let _ = writeln!(
            out,
            "[neighbors.timers.config]\nhold-time = {}\nkeepalive-interval = {}",
            session.hold,
            session.hold / 3
        );
        out += "connect-retry = 1\nidle-hold-time-after-reset = 1\n";
        if session.restart {
            out += "[neighbors.graceful-restart.config]\nenabled = true\nrestart-time = 120\ndeferral-time = 5\n";
        }
        if session.client {
            out += "[neighbors.route-reflector.config]\nroute-reflector-client = true\n";
            let _ = writeln!(out, "route-reflector-cluster-id = \"{}\"", node.v4());
        }
        for (on, family) in [(session.v4, "ipv4-unicast"), (session.v6, "ipv6-unicast")] {
            if on {
                let _ = writeln!(
                    out,
                    "[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"{family}\""
                );
                if session.restart {
                    out += "[neighbors.afi-safis.mp-graceful-restart.config]\nenabled = true\n";
                }
                if session.add_path_send || session.add_path_receive {
                    let max = if session.add_path_send { 8 } else { 0 };
                    let _ = writeln!(
                        out,
                        "[neighbors.afi-safis.add-paths.config]\nreceive = {}\nsend-max = {max}",
                        session.add_path_receive
                    );
                }
            }
        }
    }
    out
}

/// Has it originate what the node says; one call of the client a route, or a file of them.
fn fill(daemon: &Daemon, node: &Node) {
    for origin in &node.origins {
        add(daemon, node, origin);
    }
}

fn add(daemon: &Daemon, node: &Node, origin: &Origin) {
    let v6 = origin.prefix.contains(':');
    let (family, next_hop) = if v6 { ("ipv6", node.v6()) } else { ("ipv4", node.v4()) };
    let mut line = format!("global rib add {} nexthop {next_hop}", origin.prefix);
    for (word, values) in
        [("community", &origin.communities), ("large-community", &origin.large), ("rt", &origin.targets)]
    {
        if !values.is_empty() {
            let _ = write!(line, " {word} {}", values.join(if word == "rt" { " rt " } else { "," }));
        }
    }
    if let Some(med) = origin.med {
        let _ = write!(line, " med {med}");
    }
    if origin.prepend > 0 {
        let _ = write!(line, " aspath {}", vec![node.asn.to_string(); origin.prepend].join(","));
    }
    daemon.ask(&format!("{line} -a {family}"));
}

fn ask(daemon: &Daemon, command: &str) -> Value {
    let text = daemon.ask(command);
    serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{command}: {error}: {text}"))
}

fn family(v6: bool) -> &'static str {
    if v6 { "ipv6" } else { "ipv4" }
}

impl Other for Gobgp {
    fn name(&self) -> &'static str {
        "GoBGP"
    }

    fn version(&self) -> String {
        crate::other::said(&roost_tests::Gobgp::default(), "--version").replace("gobgpd version", "GoBGP")
    }

    fn lacks(&self, feature: Feature) -> Option<&'static str> {
        match feature {
            TheyRefresh => Some("softresetin looks again at what it has kept; it never asks"),
            AsTrans => Some("always offers 4-octet AS numbers"),
            Notification => Some("does not tell what a NOTIFICATION said unless the session was established"),
            ExtendedMessages => Some("does not know the capability"),
            Odd => Some("cannot send arbitrary attributes; shown with ExaBGP"),
            _ => None,
        }
    }

    fn start(&self, ns: &Netns, node: &Node) -> Daemon {
        // It has no routes of its own until told: until then it hears nobody.
        ns.ip("link set eth0 down");
        let daemon = Daemon::start(roost_tests::Gobgp { recover: node.recover }, ns, &config(node));
        fill(&daemon, node);
        wake(ns, node);
        daemon
    }

    fn relaunch(&self, daemon: &mut Daemon, node: &Node) {
        daemon.ns().ip("link set eth0 down");
        daemon.launch();
        fill(daemon, node);
        wake(daemon.ns(), node);
    }

    fn established(&self, daemon: &Daemon, peer: IpAddr) -> Result<(), String> {
        let neighbor = ask(daemon, &format!("neighbor {peer} -j"));
        if neighbor["state"]["session_state"] == 6 { Ok(()) } else { Err(neighbor.to_string()) }
    }

    fn prefixes(&self, daemon: &Daemon, v6: bool) -> BTreeSet<String> {
        let table = ask(daemon, &format!("global rib -a {} -j", family(v6)));
        table.as_object().into_iter().flatten().map(|(prefix, _)| prefix.clone()).collect()
    }

    fn paths(&self, daemon: &Daemon, prefix: &str) -> Vec<Seen> {
        // The client fails when there is no such route.
        let text =
            daemon.control(&format!("global rib {prefix} -a {} -j", family(prefix.contains(':')))).unwrap_or_default();
        let table: Value = serde_json::from_str(text.trim()).unwrap_or_default();
        let paths = table.as_array().cloned().or_else(|| table[prefix].as_array().cloned()).unwrap_or_default();
        paths.iter().map(|path| seen(&path["attrs"])).collect()
    }

    fn announce(&self, daemon: &Daemon, node: &Node, prefix: &str) {
        add(daemon, node, &Origin { prefix: prefix.to_owned(), ..Origin::default() });
    }

    fn withdraw(&self, daemon: &Daemon, _node: &Node, prefix: &str) {
        daemon.ask(&format!("global rib del {prefix} -a {}", family(prefix.contains(':'))));
    }

    fn refresh(&self, daemon: &Daemon, peer: IpAddr) {
        daemon.ask(&format!("neighbor {peer} softresetin"));
    }

    fn refreshes(&self, daemon: &Daemon, peer: IpAddr) -> u64 {
        let neighbor = ask(daemon, &format!("neighbor {peer} -j"));
        neighbor["state"]["messages"]["received"]["refresh"].as_u64().unwrap_or(0)
    }

    fn end_of_rib(&self, daemon: &Daemon, peer: IpAddr) -> bool {
        let neighbor = ask(daemon, &format!("neighbor {peer} -j"));
        neighbor["afi_safis"][0]["mp_graceful_restart"]["state"]["end_of_rib_received"] == true
    }

    fn shut(&self, daemon: &Daemon, peer: IpAddr, text: &str) {
        daemon.ask(&format!("neighbor {peer} shutdown --reason {text}"));
    }

    fn last_error(&self, daemon: &Daemon, _peer: IpAddr) -> String {
        daemon.log()
    }
}

fn wake(ns: &Netns, node: &Node) {
    ns.ip("link set eth0 up");
    // A link that goes down loses its IPv6 addresses.
    ns.ip(&format!("addr replace {}/64 dev eth0 nodad", node.v6()));
}

/// Attributes by their type codes.
fn seen(attrs: &Value) -> Seen {
    let mut path = Seen::default();
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    for attr in attrs.as_array().into_iter().flatten() {
        let list = |key: &str| attr[key].as_array().cloned().unwrap_or_default();
        let text = |key: &str| attr[key].as_str().map(str::to_owned);
        match attr["type"].as_u64() {
            Some(2) => {
                let segments = list("as_paths");
                let asns = segments.iter().filter_map(|segment| segment["asns"].as_array()).flatten();
                path.as_path = asns.map(ToString::to_string).collect();
            }
            Some(3 | 14) => path.next_hop = text("nexthop").unwrap_or_default(),
            Some(4) => path.med = number(&attr["metric"]),
            Some(5) => path.local_pref = number(&attr["value"]),
            Some(8) => {
                let communities = list("communities");
                let communities = communities.iter().filter_map(Value::as_u64);
                path.communities = communities.map(|c| format!("{}:{}", c >> 16, c & 0xffff)).collect();
            }
            Some(9) => path.originator = text("value"),
            Some(10) => path.clusters = list("value").iter().filter_map(|id| Some(id.as_str()?.to_owned())).collect(),
            Some(16) => {
                let values = list("value");
                let targets = values.iter().filter(|value| value["subtype"] == 2);
                path.extended = targets.filter_map(|value| Some(format!("rt:{}", value["value"].as_str()?))).collect();
            }
            Some(32) => {
                let values = list("value");
                let part = |value: &Value, key: &str| value[key].to_string();
                let text = |value| {
                    format!("{}:{}:{}", part(value, "ASN"), part(value, "LocalData1"), part(value, "LocalData2"))
                };
                path.large = values.iter().map(text).collect();
            }
            _ => {}
        }
    }
    path
}
