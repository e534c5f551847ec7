//! OpenBGPD: its configuration, its JSON.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use roost_tests::{Daemon, Netns};
use serde_json::Value;

use crate::features::Feature::{self, *};
use crate::other::{Node, Origin, Other, Seen, Session};

/// It prepends 128 times at most in one place: half where the route is made, half where it is sent.
const AT_ONCE: usize = 127;

/// OpenBGPD.
pub struct Openbgpd;

fn config(socket: &str, node: &Node) -> String {
    let mut out = format!("AS {}\nrouter-id {}\nsocket \"{socket}\"\nfib-update no\n", node.asn, node.v4());
    out += "listen on 0.0.0.0\nlisten on ::\nnexthop qualify via default\n";
    for origin in &node.origins {
        let _ = writeln!(out, "network {} {}", origin.prefix, attributes(origin));
    }
    for session in &node.sessions {
        neighbor(&mut out, node, session);
    }
    out += "allow from any\nallow to any\n";
    for origin in node.origins.iter().filter(|origin| origin.prepend > AT_ONCE) {
        let _ = writeln!(out, "match to any prefix {} set prepend-self {}", origin.prefix, origin.prepend - AT_ONCE);
    }
    for session in node.sessions.iter().filter(|session| session.v6 && session.peer.is_ipv4()) {
        let _ = writeln!(out, "match to {} inet6 set nexthop {}", session.peer, node.v6());
    }
    out
}

fn attributes(origin: &Origin) -> String {
    let mut set = String::new();
    for community in &origin.communities {
        let _ = write!(set, "community {community} ");
    }
    for community in &origin.large {
        let _ = write!(set, "large-community {community} ");
    }
    for target in &origin.targets {
        let _ = write!(set, "ext-community rt {target} ");
    }
    if let Some(med) = origin.med {
        let _ = write!(set, "metric {med} ");
    }
    if origin.prepend > 0 {
        let _ = write!(set, "prepend-self {} ", origin.prepend.min(AT_ONCE));
    }
    // Of two equal paths it would take a neighbour's before its own, and then not announce its own.
    format!("set {{ weight 10 {set}}}")
}

fn neighbor(out: &mut String, node: &Node, session: &Session) {
    let _ = writeln!(out, "neighbor {} {{", session.peer);
    let mut line = |text: String| {
        let _ = writeln!(out, "  {text}");
    };
    line(format!("remote-as {}", session.asn));
    line(format!("local-address {}", node.local(session)));
    line(format!("holdtime {}", session.hold));
    line("holdtime min 3".to_owned());
    for (on, family) in [(session.v4, "IPv4"), (session.v6, "IPv6")] {
        line(format!("announce {family} {}", if on { "unicast" } else { "none" }));
    }
    line(format!("announce restart {}", if session.restart { "yes" } else { "no" }));
    if session.passive {
        line("passive".to_owned());
    }
    if session.client {
        line("route-reflector".to_owned());
    }
    if session.two_octets {
        line("announce as-4byte no".to_owned());
    }
    if session.add_path_send {
        line("announce add-path send all".to_owned());
    }
    if session.add_path_receive {
        line("announce add-path recv yes".to_owned());
    }
    if let Some(password) = session.password {
        line(format!("tcp md5sig password {password:?}"));
    }
    out.push_str("}\n");
}

fn ask(daemon: &Daemon, command: &str) -> Value {
    let text = daemon.ask(&format!("-j {command}"));
    serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{command}: {error}: {text}"))
}

fn rib(daemon: &Daemon, command: &str) -> Vec<Value> {
    ask(daemon, command)["rib"].as_array().cloned().unwrap_or_default()
}

fn neighbor_json(daemon: &Daemon, peer: IpAddr) -> Value {
    ask(daemon, &format!("show neighbor {peer}"))["neighbors"][0].clone()
}

/// An attribute that has no place of its own in the JSON.
fn attribute(path: &Value, key: &str) -> Value {
    let mut attributes = path["attributes"].as_array().into_iter().flatten();
    attributes.find_map(|attribute| attribute.get(key)).cloned().unwrap_or_default()
}

impl Other for Openbgpd {
    fn name(&self) -> &'static str {
        "OpenBGPD"
    }

    fn version(&self) -> String {
        let output = std::process::Command::new(roost_tests::peers::openbgpd("bgpd"))
            .env("LD_LIBRARY_PATH", roost_tests::peers::libraries(&[]))
            .arg("-V")
            .output()
            .expect("it has just been found");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned()
    }

    fn lacks(&self, feature: Feature) -> Option<&'static str> {
        match feature {
            Odd => Some("cannot send arbitrary attributes; shown with ExaBGP"),
            ExtendedMessages => Some("does not know the capability"),
            WeRefresh => Some("counts the request, and sends nothing again"),
            Helper => Some("offers a restart time of 0 s: it does not ask to be waited for"),
            _ => None,
        }
    }

    /// On Linux its listening socket does not get the keys.
    fn takes_signed_connections(&self) -> bool {
        false
    }

    fn start(&self, ns: &Netns, node: &Node) -> Daemon {
        let socket = Daemon::socket(ns, "openbgpd");
        Daemon::start(roost_tests::Openbgpd, ns, &config(&socket.display().to_string(), node))
    }

    fn established(&self, daemon: &Daemon, peer: IpAddr) -> Result<(), String> {
        let neighbor = neighbor_json(daemon, peer);
        if neighbor["state"] == "Established" { Ok(()) } else { Err(neighbor.to_string()) }
    }

    fn prefixes(&self, daemon: &Daemon, v6: bool) -> BTreeSet<String> {
        let paths = rib(daemon, &format!("show rib {}", if v6 { "ipv6" } else { "ipv4" }));
        paths.iter().filter_map(|path| Some(path["prefix"].as_str()?.to_owned())).collect()
    }

    fn paths(&self, daemon: &Daemon, prefix: &str) -> Vec<Seen> {
        let paths = rib(daemon, &format!("show rib detail {prefix}"));
        let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
        let texts = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(|text| Some(text.as_str()?.to_owned())).collect()
        };
        let words = |value: &Value| value.as_str().unwrap_or("").split_whitespace().map(str::to_owned).collect();
        let extended = |text: &String| text.replace("rt ", "rt:");
        let path = |path: &Value| Seen {
            next_hop: path["exit_nexthop"].as_str().unwrap_or("").to_owned(),
            as_path: words(&path["aspath"]),
            med: number(&path["metric"]),
            local_pref: number(&path["localpref"]),
            communities: texts(&path["communities"]).into_iter().collect(),
            large: texts(&path["large_communities"]).into_iter().collect(),
            extended: texts(&path["extended_communities"]).iter().map(extended).collect(),
            originator: attribute(path, "originator").as_str().map(str::to_owned),
            clusters: texts(&attribute(path, "cluster_list")),
        };
        paths.iter().map(path).collect()
    }

    fn announce(&self, daemon: &Daemon, _node: &Node, prefix: &str) {
        daemon.ask(&format!("network add {prefix}"));
    }

    fn withdraw(&self, daemon: &Daemon, _node: &Node, prefix: &str) {
        daemon.ask(&format!("network delete {prefix}"));
    }

    fn refresh(&self, daemon: &Daemon, peer: IpAddr) {
        daemon.ask(&format!("neighbor {peer} refresh"));
    }

    fn refreshes(&self, daemon: &Daemon, peer: IpAddr) -> u64 {
        let received = &neighbor_json(daemon, peer)["stats"]["message"]["received"];
        received["route_refresh"].as_u64().unwrap_or(0)
    }

    fn end_of_rib(&self, daemon: &Daemon, peer: IpAddr) -> bool {
        let received = &neighbor_json(daemon, peer)["stats"]["update"]["received"];
        received["eor"].as_u64() > Some(0)
    }

    fn shut(&self, daemon: &Daemon, peer: IpAddr, text: &str) {
        daemon.ask(&format!("neighbor {peer} down \"{text}\""));
    }

    fn last_error(&self, daemon: &Daemon, peer: IpAddr) -> String {
        daemon.ask(&format!("show neighbor {peer}"))
    }
}
