//! What the kernel is told of forwarding: the switches of `/proc/sys/net`, and the packet filter.

use super::facts::Facts;
use super::finding::{Finding, Outcome};

/// Forwarding is on, for every family that pods have, and on every device they use.
pub fn forwarding(facts: &Facts) -> Outcome {
    let mut findings = Vec::new();
    let mut looked_at = Vec::new();
    let why =
        "this node drops every packet that is not for itself, so its pods reach no other node's and are not reached";
    for (v4, path) in [(true, "ipv4/ip_forward"), (false, "ipv6/conf/all/forwarding")] {
        if !facts.forwards(v4) {
            continue;
        }
        looked_at.push(format!("net/{path} is {}", value(facts, path)));
        if facts.sysctl(path) == Some(0) {
            let what = format!("{} forwarding is off: net/{path} is 0", if v4 { "IPv4" } else { "IPv6" });
            findings.push(Finding::error(what, why).typing(format!("sysctl -w net/{path}=1")));
        } else if v4 {
            // IPv4 asks the device that a packet comes in by (IN_DEV_FORWARD), which may be set apart.
            for device in facts.tunnels().into_iter().chain(facts.underlay(true).map(|device| device.name.as_str())) {
                let path = format!("ipv4/conf/{device}/forwarding");
                if facts.sysctl(&path) == Some(0) {
                    let what = format!("IPv4 forwarding is off on {device}: net/{path} is 0");
                    let why = format!("packets for pods that come in by {device} are dropped");
                    findings.push(Finding::error(what, why).typing(format!("sysctl -w net/{path}=1")));
                }
            }
        }
    }
    Outcome::of("forwarding", looked_at.join(", "), findings)
}

fn value(facts: &Facts, path: &str) -> String {
    facts.sysctl(path).map_or_else(|| "not there".to_owned(), |value| value.to_string())
}

/// The reverse path filter (RFC 3704 §2.2) is not strict where packets come by another way than they would go.
pub fn reverse_path(facts: &Facts) -> Outcome {
    let all = facts.sysctl("ipv4/conf/all/rp_filter").unwrap_or(0);
    // The kernel takes the higher of the two (ip-sysctl.txt, rp_filter).
    let effective = |device: &str| facts.sysctl(&format!("ipv4/conf/{device}/rp_filter")).unwrap_or(0).max(all);
    let strict = |device: &str| {
        let what = format!("the reverse path filter is strict on {device} (the higher of all and {device} is 1)");
        let loose = format!("sysctl -w net/ipv4/conf/{device}/rp_filter=2");
        (what, loose)
    };
    let (mut findings, mut looked_at) = (Vec::new(), Vec::new());
    for device in facts.tunnels() {
        looked_at.push(format!("{device} {}", effective(device)));
        if effective(device) == 1 {
            let (what, loose) = strict(device);
            let why = "packets from another node itself (its kubelet, its host-network pods) come out of the tunnel with \
                       that node's address, whose way back is not the tunnel: they are dropped";
            findings.push(Finding::error(what, why).typing(loose));
        }
    }
    let uplinks = facts.uplinks();
    for device in uplinks.iter().filter(|_| uplinks.len() > 1) {
        looked_at.push(format!("{device} {}", effective(device)));
        if effective(device) == 1 {
            let (what, loose) = strict(device);
            let why = format!(
                "routes to pods leave by {}: what comes back by another of them than it went is dropped",
                uplinks.join(" and ")
            );
            findings.push(Finding::warning(what, why).typing(loose));
        }
    }
    let nothing = "no tunnel, and one way out at most";
    Outcome::of("rp_filter", if looked_at.is_empty() { nothing.to_owned() } else { looked_at.join(", ") }, findings)
}

/// The packet filter does not drop what is forwarded for pods.
pub fn packet_filter(facts: &Facts) -> Outcome {
    const CHECK: &str = "FORWARD";
    if facts.firewall_tools.is_empty() {
        return Outcome::not_checked(CHECK, "neither nft nor iptables found, or they failed");
    }
    let mut devices: Vec<&str> = facts.tunnels();
    devices.extend(facts.uplinks());
    devices.extend(facts.pod_devices());
    devices.extend([true, false].into_iter().filter_map(|v4| Some(facts.underlay(v4)?.name.as_str())));
    let mut findings = Vec::new();
    for firewall in &facts.firewalls {
        for (pool, cidr) in facts.pools().filter(|(_, cidr)| firewall.drops(*cidr, &devices)) {
            let policy = if firewall.policy_drops { "has policy DROP" } else { "drops what it does not know" };
            let what =
                format!("{}: chain {} {policy}, and no rule accepts {}", firewall.place, firewall.entry, pool.cidr);
            let why = "packets between pods of this node and of others are dropped as they are forwarded";
            let [from, to] = firewall.letting_through(cidr);
            let hint = "until the next restart of the machine; then put it where its packet filter is configured";
            findings.push(Finding::error(what, why).typing(from).typing(to).hint(hint));
        }
    }
    let looked_at =
        format!("{} chains at the hook forward, as of {}", facts.firewalls.len(), facts.firewall_tools.join(", "));
    Outcome::of(CHECK, looked_at, findings)
}
