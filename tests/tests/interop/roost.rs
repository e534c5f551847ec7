//! roost's side: its configuration, and what it shows.

use std::fmt::Write as _;

use roost_tests::{Daemon, Netns, Roost, until};
use serde_json::Value;

use crate::LIMIT;
use crate::other::Node;

/// The AS of roost, unless a scenario needs another.
pub const ASN: u32 = 64512;

/// Starts roost as `node`. `extra(session number)` adds keys to a peer, `more` adds top-level lines.
pub fn start(ns: &Netns, node: &Node, extra: impl Fn(usize) -> String, more: &str) -> Daemon {
    Daemon::start(Roost, ns, &config(ns, node, extra, more))
}

fn config(ns: &Netns, node: &Node, extra: impl Fn(usize) -> String, more: &str) -> String {
    let blocks: Vec<&str> = node.origins.iter().map(|origin| origin.prefix.as_str()).collect();
    let mut out = format!(
        "router: {{ asn: {}, router_id: {v4}, cluster_id: {} }}\n\
         node: {{ name: {}, addresses: [\"{v4}/24\", \"{}/64\"], blocks: {blocks:?} }}\npeers:\n",
        node.asn,
        node.cluster.unwrap_or(&node.v4()),
        ns.name(),
        node.v6(),
        v4 = node.v4(),
    );
    for (number, session) in node.sessions.iter().enumerate() {
        let mut keys = format!(
            "address: \"{}\", asn: {}, passive: {}, hold_time: {}s, connect_retry: 1s, idle_hold_max: 1s, ",
            session.peer, session.asn, session.passive, session.hold,
        );
        let families = [(session.v4, "ipv4"), (session.v6, "ipv6")];
        let families: Vec<&str> = families.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
        let _ = write!(keys, "families: {families:?}, route_reflector_client: {}, ", session.client);
        let _ = write!(keys, "add_path: {{ send: {}, receive: {} }}", session.add_path_send, session.add_path_receive);
        let extra = extra(number);
        for (key, default) in [("import", "accept"), ("export", "accept")] {
            if session.asn != node.asn && !extra.contains(key) {
                let _ = write!(keys, ", {key}: {default}");
            }
        }
        if let Some(password) = session.password {
            let _ = write!(keys, ", password: {password:?}");
        }
        let _ = writeln!(out, "  - {{ {keys}{extra} }}");
    }
    let socket = Daemon::socket(ns, "roost");
    let _ = writeln!(out, "api: {{ socket: {} }}\nlog: {{ level: debug, format: text }}\n{more}", socket.display());
    out
}

/// An answer of roost, as JSON.
#[track_caller]
pub fn ask(roost: &Daemon, command: &str) -> Value {
    let text = roost.ask(&format!("{command} --json"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("roost {command}: {error}: {text}"))
}

/// `show peer`.
#[track_caller]
pub fn peer(roost: &Daemon, address: &str) -> Value {
    ask(roost, &format!("show peer {address}"))
}

/// The paths of one prefix, the best first.
#[track_caller]
pub fn paths(roost: &Daemon, prefix: &str) -> Vec<Value> {
    let answer = ask(roost, &format!("show routes --prefix {prefix}"));
    answer.as_array().cloned().unwrap_or_else(|| panic!("no list: {answer}"))
}

/// Waits until roost says of a peer what `wanted` likes.
#[track_caller]
pub fn peer_when(roost: &Daemon, address: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    until(&format!("roost on {address}: {what}"), LIMIT, || {
        let row = peer(roost, address);
        if wanted(&row) { Ok(row) } else { Err(row.to_string()) }
    })
}

/// Waits for the session to be up.
#[track_caller]
pub fn established(roost: &Daemon, address: &str) -> Value {
    peer_when(roost, address, "established", |row| row["state"] == "established")
}
