//! Tunnel devices: there, up, of the right kind and size; and the entries of VXLAN devices that routes need.

use std::collections::BTreeSet;
use std::net::IpAddr;

use fib_sync::Mac;
use fib_sync::netlink::SeenDevice;

use super::facts::Facts;
use super::finding::{Finding, Outcome};
use crate::api::model::PoolRow;

/// Octets that ipip adds to a packet: an IPv4 header (RFC 2003).
const IPIP: u32 = 20;
/// Octets that VXLAN adds over IPv4, and over IPv6 (RFC 7348 §5).
const VXLAN: [u32; 2] = [50, 70];
/// The kernel's default port where none is named, from before IANA's.
const VXLAN_PORT: u16 = 4789;
/// VNI that roost gives a device where the configuration names none.
const VXLAN_ID: u32 = 4096;

/// Every tunnel of a pool that roost writes.
pub fn devices(facts: &Facts) -> Outcome {
    let mut findings = Vec::new();
    let mut looked_at = Vec::new();
    for name in facts.tunnels() {
        let Some((pool, _)) = facts.pools().find(|(pool, _)| pool.device.as_deref() == Some(name)) else { continue };
        let tunnel = Tunnel::of(facts, pool, name);
        match facts.kernel.device(name) {
            None => findings.push(tunnel.missing()),
            Some(device) => {
                looked_at.push(format!("{name} {}, MTU {}", device.kind, device.mtu));
                findings.extend(tunnel.wrong(device));
            }
        }
    }
    // What roost itself has found, where nothing of the device is found here.
    let told: Vec<String> = findings.iter().map(|finding| finding.what.clone()).collect();
    let names = facts.tunnels();
    let is_told =
        |text: &str| names.iter().any(|name| text.contains(name) && told.iter().any(|what| what.contains(name)));
    for text in facts.meant.warnings.iter().filter(|text| !is_told(text)) {
        let why = "routes of its pools are not written, or large packets by it are lost";
        findings.push(Finding::warning(text, why).hint("the words above say what to type"));
    }
    Outcome::of(
        "tunnels",
        if looked_at.is_empty() { "no tunnel is there".to_owned() } else { looked_at.join("; ") },
        findings,
    )
}

/// What a tunnel device should be.
struct Tunnel<'a> {
    name: &'a str,
    pool: &'a PoolRow,
    vxlan: bool,
    /// The node's address, and the MTU of its device.
    underlay: Option<(IpAddr, &'a SeenDevice)>,
}

impl<'a> Tunnel<'a> {
    fn of(facts: &'a Facts, pool: &'a PoolRow, name: &'a str) -> Self {
        let local = pool.managed.as_ref().and_then(|managed| managed.local);
        let v4 = local.is_none_or(|local| local.is_ipv4());
        let local = local.or_else(|| facts.addresses().find(|address| address.is_ipv4() == v4));
        let underlay = local.and_then(|local| Some((local, facts.kernel.with_address(local)?)));
        Self { name, pool, vxlan: pool.mode.starts_with("vxlan"), underlay }
    }

    fn kind(&self) -> &'static str {
        if self.vxlan { "vxlan" } else { "ipip" }
    }

    /// The largest packet that fits into one of the underlay.
    fn mtu(&self) -> Option<u32> {
        let (local, device) = self.underlay?;
        let overhead = if self.vxlan { VXLAN[usize::from(local.is_ipv6())] } else { IPIP };
        device.mtu.checked_sub(overhead)
    }

    /// Commands that make it.
    fn made(&self, finding: Finding) -> Finding {
        let Self { name, .. } = self;
        let mtu = self.mtu().map_or_else(String::new, |mtu| format!(" mtu {mtu}"));
        let finding = match (self.vxlan, self.underlay) {
            (true, Some((local, _))) => {
                let managed = self.pool.managed.clone().unwrap_or_default();
                let (vni, port) = (managed.vni.max(1), if managed.port == 0 { VXLAN_PORT } else { managed.port });
                let vni = if self.pool.managed.is_some() { vni } else { VXLAN_ID };
                let mac = Mac::of(local);
                finding.typing(format!(
                    "ip link add {name} address {mac} type vxlan id {vni} dstport {port} local {local} nolearning"
                ))
            }
            (true, None) => {
                return finding.hint("first give an interface the node's address, from which its packets leave");
            }
            // The module makes it, in each network namespace.
            (false, _) if *name == "tunl0" => finding.typing("modprobe ipip"),
            (false, underlay) => {
                let local = underlay.map_or_else(|| "any".to_owned(), |(local, _)| local.to_string());
                finding.typing(format!("ip link add {name} type ipip local {local} remote any"))
            }
        };
        finding.typing(format!("ip link set {name} up{mtu}"))
    }

    fn missing(&self) -> Finding {
        let Self { name, pool, .. } = self;
        let why = format!(
            "no route of {} is written: its packets must not leave unencapsulated, as the network does not know pod addresses",
            pool.cidr
        );
        let finding = self.made(Finding::error(format!("tunnel device {name} does not exist"), why));
        match pool.managed.is_some() && finding.hint.is_empty() {
            true => finding.hint("roost makes it as soon as it runs; where it does not, its log says why"),
            false => finding,
        }
    }

    fn wrong(&self, device: &SeenDevice) -> Vec<Finding> {
        let Self { name, pool, .. } = self;
        let mut findings = Vec::new();
        let (kind, wanted) = (device.kind.as_str(), self.kind());
        // A tun or veth leads to a program that tunnels, where the kernel cannot.
        let stand_in = wanted == "ipip" && ["tun", "veth"].contains(&kind);
        if kind != wanted && kind != "unknown" && !stand_in {
            let what = format!("{name} is of kind {}, and {} needs {wanted}", or_hardware(kind), pool.mode);
            let why = "packets leave by it in a form that the other nodes do not take for pods' packets";
            findings.push(self.made(Finding::error(what, why).typing(format!("ip link del {name}"))));
            return findings;
        }
        if !device.up {
            let why = format!("no route of {} is written: its packets must not leave unencapsulated", pool.cidr);
            let finding = Finding::error(format!("tunnel device {name} is down"), why);
            findings.push(finding.typing(format!("ip link set {name} up")));
        }
        findings.extend(self.wrong_vxlan(device));
        let Some((fits, (_, underlay))) = self.mtu().zip(self.underlay) else { return findings };
        let (mtu, from) = (device.mtu, format!("{} has {}, less {}", underlay.name, underlay.mtu, underlay.mtu - fits));
        let set = |finding: Finding| finding.typing(format!("ip link set {name} mtu {fits}"));
        let meant = pool.managed.as_ref().is_some_and(|managed| managed.mtu == mtu);
        let v6 = pool.cidr.contains(':');
        if mtu > fits {
            let what = format!("{name} has MTU {mtu}, and {fits} is the most that fits ({from})");
            let why = "packets of more octets are dropped or cut: connections of pods begin, and hang with the first large \
                       answer";
            findings.push(set(Finding::error(what, why)));
        } else if v6 && mtu < 1280 {
            let what = format!("{name} has MTU {mtu}, and IPv6 needs 1280 (RFC 8200 §5)");
            findings.push(set(Finding::error(what, "the kernel sends no IPv6 packet by it")));
        } else if mtu < fits && !meant {
            let what = format!("{name} has MTU {mtu}, and {fits} would fit ({from})");
            findings.push(set(Finding::note(what, "large packets of pods are cut smaller than they need to be")));
        }
        findings
    }

    /// A device that is there is taken as it is, so it may differ from what all nodes have agreed on.
    fn wrong_vxlan(&self, device: &SeenDevice) -> Vec<Finding> {
        let (Some(managed), Some((vni, port, local))) = (&self.pool.managed, device.vxlan) else { return Vec::new() };
        let mut differs = Vec::new();
        if vni != managed.vni {
            differs.push(format!("VNI {vni}, not {}", managed.vni));
        }
        if port != managed.port {
            differs.push(format!("UDP port {port}, not {}", managed.port));
        }
        if managed.local.is_some() && local != managed.local {
            let text = |local: Option<IpAddr>| local.map_or_else(|| "none".to_owned(), |local| local.to_string());
            differs.push(format!("local address {}, not {}", text(local), text(managed.local)));
        }
        if differs.is_empty() {
            return Vec::new();
        }
        let what = format!("{} has {}", self.name, differs.join(", "));
        let why = "the other nodes do not take what it sends for packets of this VXLAN, and it does not take theirs";
        vec![self.made(Finding::error(what, why).typing(format!("ip link del {}", self.name)))]
    }
}

fn or_hardware(kind: &str) -> &str {
    if kind.is_empty() { "hardware" } else { kind }
}

/// Routes into a VXLAN have the neighbour and the forwarding entry of the node they lead to.
pub fn far_ends(facts: &Facts) -> Outcome {
    let is_vxlan = |name: &str| facts.kernel.device(name).is_some_and(|device| device.kind == "vxlan");
    let hops = facts.routes().flat_map(|route| &route.hops).filter(|hop| is_vxlan(&hop.device));
    let ends: BTreeSet<(&str, IpAddr)> = hops.filter_map(|hop| Some((hop.device.as_str(), hop.via?))).collect();
    let mut findings = Vec::new();
    for (device, node) in &ends {
        let neighbours = &facts.kernel.neighbours;
        let neighbour = neighbours.iter().find(|entry| entry.device == *device && entry.address == *node);
        let mac = neighbour.and_then(|entry| entry.mac);
        let forwarding = facts.kernel.forwarding.iter().any(|entry| entry.device == *device && Some(entry.mac) == mac);
        let missing = match (mac, forwarding) {
            (None, _) => "neighbour",
            (Some(_), false) => "forwarding",
            (Some(_), true) => continue,
        };
        let mac = mac.unwrap_or_else(|| Mac::of(*node));
        let what = format!("{device} has no {missing} entry for node {node}, which routes lead to");
        let why = "packets to that node's pods are dropped: a VXLAN device asks nobody";
        let mut finding = Finding::error(what, why);
        if missing == "neighbour" {
            finding = finding.typing(format!("ip neigh replace {node} lladdr {mac} dev {device} nud permanent"));
        }
        finding = finding.typing(format!("bridge fdb replace {mac} dst {node} dev {device} self permanent"));
        findings.push(finding.hint("a running roost writes both by itself, at the latest after fib.rescan"));
    }
    Outcome::of("far ends", format!("{} of VXLAN devices", ends.len()), findings)
}
