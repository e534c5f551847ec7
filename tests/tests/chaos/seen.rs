//! What a kernel holds, as `ip -json` tells it: interfaces, addresses, routes of all tables, far ends of a VXLAN.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use ipnetwork::IpNetwork;
use roost_tests::Netns;
use serde_json::Value;

pub const MAIN: u32 = 254;
pub const BIRD: u8 = 12;
pub const BGP: u8 = 186;
pub const KERNEL: u8 = 2;
pub const STATIC: u8 = 4;

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hop {
    pub via: Option<IpAddr>,
    pub dev: String,
    pub onlink: bool,
}

/// A route of the kernel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    pub prefix: IpNetwork,
    pub table: u32,
    pub protocol: u8,
    pub metric: u32,
    /// `unicast`, `blackhole`, `unreachable`, `prohibit`.
    pub kind: &'static str,
    pub hops: BTreeSet<Hop>,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Route { prefix, table, protocol, metric, kind, hops } = self;
        write!(f, "{kind} {prefix}")?;
        for Hop { via, dev, onlink } in hops {
            via.iter().try_for_each(|via| write!(f, " via {via}"))?;
            write!(f, " dev {dev}{}", if *onlink { " onlink" } else { "" })?;
        }
        write!(f, " table {table} proto {protocol} metric {metric}")
    }
}

impl Route {
    /// The kernel keeps one route of a key, but for what is appended.
    pub fn same_key(&self, other: &Route) -> bool {
        (self.prefix, self.table, self.metric) == (other.prefix, other.table, other.metric)
    }

    /// Local, broadcast and multicast routes are of no interest: `None`.
    fn read(row: &Value, v6: bool) -> Option<Route> {
        let number = |value: &Value| value.as_str().and_then(|text| text.parse::<u32>().ok());
        let kind = match number(&row["type"]) {
            None => "unicast",
            Some(6) => "blackhole",
            Some(7) => "unreachable",
            Some(8) => "prohibit",
            Some(_) => return None,
        };
        let dst = row["dst"].as_str()?;
        let prefix = match (dst, v6) {
            ("default", false) => "0.0.0.0/0",
            ("default", true) => "::/0",
            (dst, _) => dst,
        };
        let hop = |row: &Value| {
            let onlink = row["flags"].as_array().is_some_and(|flags| flags.iter().any(|flag| flag == "onlink"));
            let via = row["gateway"].as_str().and_then(|text| text.parse().ok());
            Some(Hop { via, dev: row["dev"].as_str()?.to_owned(), onlink })
        };
        // A blackhole of IPv6 is shown on `lo`.
        let hops = match row["nexthops"].as_array() {
            _ if kind != "unicast" => BTreeSet::new(),
            Some(hops) => hops.iter().filter_map(hop).collect(),
            None => hop(row).into_iter().collect(),
        };
        Some(Route {
            prefix: prefix.parse().unwrap_or_else(|error| panic!("{row}: {error}")),
            table: number(&row["table"]).unwrap_or(MAIN),
            // `ip -N` leaves out RTPROT_BOOT.
            protocol: number(&row["protocol"]).unwrap_or(3) as u8,
            metric: row["metric"].as_u64().unwrap_or(0) as u32,
            kind,
            hops,
        })
    }
}

/// Everything at one moment.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Whether each interface is up.
    pub links: BTreeMap<String, bool>,
    /// Those that are up and have another end that is there.
    pub carriers: BTreeSet<String>,
    pub addresses: BTreeSet<(String, IpNetwork)>,
    pub routes: BTreeSet<Route>,
    /// Permanent entries of the VXLAN device: `neigh ADDRESS MAC`, `fdb MAC ADDRESS`.
    pub far_ends: BTreeSet<String>,
}

impl Seen {
    pub fn of(ns: &Netns, vxlan: &str) -> Seen {
        let mut seen = Seen::default();
        for row in rows(&ns.ip("-j addr show")) {
            let Some(name) = row["ifname"].as_str() else { continue };
            let has = |flag: &str| row["flags"].as_array().is_some_and(|flags| flags.iter().any(|other| other == flag));
            seen.links.insert(name.to_owned(), has("UP"));
            if has("UP") && has("LOWER_UP") {
                seen.carriers.insert(name.to_owned());
            }
            for address in row["addr_info"].as_array().into_iter().flatten() {
                let text = format!("{}/{}", address["local"].as_str().unwrap_or_default(), address["prefixlen"]);
                seen.addresses.extend(text.parse().ok().map(|net| (name.to_owned(), net)));
            }
        }
        for v6 in [false, true] {
            let text = ns.ip(if v6 { "-j -N -6 route show table all" } else { "-j -N -4 route show table all" });
            seen.routes.extend(rows(&text).iter().filter_map(|row| Route::read(row, v6)));
        }
        // Both fail when the device is not there.
        if seen.links.contains_key(vxlan) {
            let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
            let neighbours = ns.try_ip(&format!("-j neigh show dev {vxlan} nud permanent")).unwrap_or_default();
            let neighbour = |row: &Value| format!("neigh {} {}", text(row, "dst"), text(row, "lladdr"));
            seen.far_ends.extend(rows(&neighbours).iter().map(neighbour));
            let forwarding = ns.try_run(&format!("bridge -j fdb show dev {vxlan}")).unwrap_or_default();
            let entry = |row: &Value| format!("fdb {} {}", text(row, "mac"), text(row, "dst"));
            seen.far_ends.extend(rows(&forwarding).iter().filter(|row| row["dst"].is_string()).map(entry));
        }
        seen
    }

    pub fn is_up(&self, dev: &str) -> bool {
        self.links.get(dev).copied().unwrap_or(false)
    }

    pub fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|(_, net)| net.ip() == address)
    }
}

/// `ip -json` says nothing at all where there is nothing.
fn rows(text: &str) -> Vec<Value> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
