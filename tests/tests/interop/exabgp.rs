//! ExaBGP: no table, so what it shows is put together from the UPDATEs it reports, the last word for each prefix.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use roost_tests::{Daemon, Netns};
use serde_json::Value;

use crate::features::Feature::{self, *};
use crate::other::{Node, Origin, Other, Seen};

/// ExaBGP.
pub struct Exabgp;

fn config(dir: &std::path::Path, node: &Node) -> String {
    let mut out = roost_tests::Exabgp::PROCESS.replace("DIR", &dir.display().to_string());
    for session in &node.sessions {
        let _ = writeln!(out, "neighbor {} {{", session.peer);
        let _ = writeln!(out, "  router-id {}; local-address {};", node.v4(), node.local(session));
        // Without 4-octet AS numbers it knows the peer by the two octets of its OPEN.
        let asn = if session.two_octets { 23456 } else { session.asn };
        let _ = writeln!(out, "  local-as {}; peer-as {asn}; hold-time {};", node.asn, session.hold);
        if session.passive {
            out += "  passive true; listen 179;\n";
        }
        if let Some(password) = session.password {
            let _ = writeln!(out, "  md5-password {password:?};");
        }
        let _ = writeln!(
            out,
            "  family {{ {} {} }}",
            if session.v4 { "ipv4 unicast;" } else { "" },
            if session.v6 { "ipv6 unicast;" } else { "" }
        );
        let add_path = match (session.add_path_send, session.add_path_receive) {
            (true, true) => "send/receive",
            (true, false) => "send",
            (false, true) => "receive",
            (false, false) => "disable",
        };
        let restart = if session.restart { "120" } else { "disable" };
        let four = if session.two_octets { "disable" } else { "enable" };
        let _ = writeln!(
            out,
            "  capability {{ asn4 {four}; route-refresh enable; graceful-restart {restart}; add-path {add_path}; extended-message enable; }}"
        );
        out += "  api { processes [ api ]; neighbor-changes; receive { parsed; update; notification; } }\n";
        out += "  static {\n";
        for origin in
            node.origins.iter().filter(|origin| if origin.prefix.contains(':') { session.v6 } else { session.v4 })
        {
            let _ = writeln!(out, "    {};", route(node, origin));
        }
        out += "  }\n}\n";
    }
    out
}

fn route(node: &Node, origin: &Origin) -> String {
    let next_hop = if origin.prefix.contains(':') { node.v6() } else { node.v4() };
    let mut out = format!("route {} next-hop {next_hop}", origin.prefix);
    for (word, values) in [("community", &origin.communities), ("large-community", &origin.large)] {
        if !values.is_empty() {
            let _ = write!(out, " {word} [ {} ]", values.join(" "));
        }
    }
    if !origin.targets.is_empty() {
        let targets: Vec<String> = origin.targets.iter().map(|target| format!("target:{target}")).collect();
        let _ = write!(out, " extended-community [ {} ]", targets.join(" "));
    }
    if let Some(med) = origin.med {
        let _ = write!(out, " med {med}");
    }
    if origin.prepend > 0 {
        let _ = write!(out, " as-path [ {} ]", vec![node.asn.to_string(); origin.prepend + 1].join(" "));
    }
    out
}

/// The UPDATEs and other events of one life after the other, as JSON.
fn events(daemon: &Daemon) -> Vec<Value> {
    let text = daemon.control("events").unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn of_peer(event: &Value, peer: IpAddr) -> bool {
    event["neighbor"]["address"]["peer"] == peer.to_string()
}

/// The table: prefix and path id to path.
fn table(daemon: &Daemon) -> BTreeMap<(String, String), Seen> {
    let mut table = BTreeMap::new();
    for event in events(daemon) {
        if event["type"] == "state" && event["neighbor"]["state"] == "down" {
            table.clear();
        }
        if event["neighbor"]["direction"] == "send" {
            continue;
        }
        let update = &event["neighbor"]["message"]["update"];
        let key = |nlri: &Value| Some((nlri["nlri"].as_str()?.to_owned(), nlri["path-information"].to_string()));
        for family in update["withdraw"].as_object().into_iter().flatten() {
            for key in family.1.as_array().into_iter().flatten().filter_map(key) {
                table.remove(&key);
            }
        }
        for family in update["announce"].as_object().into_iter().flatten() {
            for (next_hop, nlris) in family.1.as_object().into_iter().flatten() {
                for key in nlris.as_array().into_iter().flatten().filter_map(key) {
                    table.insert(key, seen(&update["attribute"], next_hop));
                }
            }
        }
    }
    table
}

fn seen(attribute: &Value, next_hop: &str) -> Seen {
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    let list = |key: &str| attribute[key].as_array().cloned().unwrap_or_default();
    let tuples = |key: &str| -> BTreeSet<String> {
        let tuple = |value: &Value| {
            value.as_array().into_iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(":")
        };
        list(key).iter().map(tuple).collect()
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Seen {
        next_hop: next_hop.to_owned(),
        as_path: list("as-path").iter().map(text).collect(),
        med: number(&attribute["med"]),
        local_pref: number(&attribute["local-preference"]),
        communities: tuples("community"),
        large: tuples("large-community"),
        extended: list("extended-community")
            .iter()
            .filter_map(|value| Some(value["string"].as_str()?.replace("target:", "rt:")))
            .collect(),
        originator: attribute["originator-id"].as_str().map(str::to_owned),
        clusters: list("cluster-list").iter().map(text).collect(),
    }
}

impl Other for Exabgp {
    fn name(&self) -> &'static str {
        "ExaBGP"
    }

    fn version(&self) -> String {
        let output = std::process::Command::new("/usr/bin/python3")
            .args(["-m", "exabgp.application.main", "--version"])
            .env("PYTHONPATH", roost_tests::peers::exabgp())
            .output()
            .expect("setup has run it");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().next().unwrap_or("").replace(" : ", " ")
    }

    fn lacks(&self, feature: Feature) -> Option<&'static str> {
        match feature {
            Reflected | AddPathReceive => Some("has no table: it does not pass routes on"),
            TheyRefresh => Some("has no command that asks; it answers"),
            Restarter => Some("has no table: there is nothing to keep"),
            WeRefresh => Some("its code for the marks of RFC 7313 fails: the session ends when it is asked"),
            ShutdownText => Some("its shutdown text cannot be chosen"),
            OurShutdownText => Some("its code for shutdown texts fails under Python 3"),
            _ => None,
        }
    }

    fn start(&self, ns: &Netns, node: &Node) -> Daemon {
        let dir = Daemon::socket(ns, "exabgp");
        let dir = dir.parent().expect("it lies in the daemon's folder");
        Daemon::start(roost_tests::Exabgp, ns, &config(dir, node))
    }

    fn established(&self, daemon: &Daemon, peer: IpAddr) -> Result<(), String> {
        let events = events(daemon);
        let last = events.iter().rev().find(|event| event["type"] == "state" && of_peer(event, peer));
        if last.is_some_and(|event| event["neighbor"]["state"] == "up") { Ok(()) } else { Err(format!("{last:?}")) }
    }

    fn prefixes(&self, daemon: &Daemon, v6: bool) -> BTreeSet<String> {
        table(daemon).into_keys().map(|(prefix, _)| prefix).filter(|prefix| prefix.contains(':') == v6).collect()
    }

    fn paths(&self, daemon: &Daemon, prefix: &str) -> Vec<Seen> {
        table(daemon).into_iter().filter(|((have, _), _)| have == prefix).map(|(_, path)| path).collect()
    }

    fn announce(&self, daemon: &Daemon, node: &Node, prefix: &str) {
        let origin = Origin { prefix: prefix.to_owned(), ..Origin::default() };
        daemon.ask(&format!("announce {}", route(node, &origin)));
    }

    fn withdraw(&self, daemon: &Daemon, node: &Node, prefix: &str) {
        let origin = Origin { prefix: prefix.to_owned(), ..Origin::default() };
        daemon.ask(&format!("withdraw {}", route(node, &origin)));
    }

    fn refresh(&self, _daemon: &Daemon, _peer: IpAddr) {
        unreachable!("it lacks this");
    }

    fn refreshes(&self, _daemon: &Daemon, _peer: IpAddr) -> u64 {
        unreachable!("it lacks this");
    }

    fn end_of_rib(&self, daemon: &Daemon, peer: IpAddr) -> bool {
        let is_end = |event: &Value| !event["neighbor"]["message"]["eor"].is_null();
        events(daemon).iter().any(|event| of_peer(event, peer) && is_end(event))
    }

    fn shut(&self, daemon: &Daemon, peer: IpAddr, _text: &str) {
        daemon.ask(&format!("teardown 2 neighbor {peer}"));
    }

    fn last_error(&self, daemon: &Daemon, _peer: IpAddr) -> String {
        daemon.control("events").unwrap_or_default() + &daemon.log()
    }
}
