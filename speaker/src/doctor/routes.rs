//! Routes: those that lead to nothing, those that should not be there, and those that should be and are not.

use std::collections::{BTreeMap, BTreeSet};

use fib_sync::netlink::SeenRoute;
use ipnetwork::IpNetwork;

use super::facts::{Facts, is_inside};
use super::finding::{Finding, Outcome};

/// Commands of one finding, where there could be many.
const COMMANDS: usize = 5;

/// The ways out of roost's routes are alive.
pub fn next_hops(facts: &Facts) -> Outcome {
    // A hundred thousand routes have a handful of ways out: what is wrong with one is said once.
    let mut ways: BTreeMap<(&str, Option<std::net::IpAddr>), (usize, &SeenRoute)> = BTreeMap::new();
    for route in facts.routes() {
        for hop in &route.hops {
            ways.entry((&hop.device, hop.via)).or_insert((0, route)).0 += 1;
        }
    }
    let mut findings = Vec::new();
    for ((name, via), (count, route)) in &ways {
        let via = via.map_or_else(String::new, |via| format!(" via {via}"));
        let led =
            format!("{}{via} dev {name}, such as `{}`", counted(*count, "route leads", "routes lead"), route.text);
        let why = "packets to these pods are lost";
        match facts.kernel.device(name) {
            None => findings.push(
                Finding::error(format!("{led}, which does not exist"), why)
                    .hint("roost writes such routes again when it is back"),
            ),
            Some(device) if !device.up => {
                let finding = Finding::error(format!("{led}, which is down"), why);
                findings.push(finding.typing(format!("ip link set {name} up")));
            }
            Some(device) if !device.carrier => {
                let hint = format!(
                    "the other end of {name} is down or unplugged: `ip -d link show dev {name}` says what it is"
                );
                findings.push(Finding::error(format!("{led}, which has no carrier"), why).hint(hint));
            }
            Some(_) => {}
        }
    }
    for neighbour in facts.kernel.neighbours.iter().filter(|neighbour| neighbour.state == "FAILED") {
        let way = (neighbour.device.as_str(), Some(neighbour.address));
        let Some((count, route)) = ways.get(&way) else { continue };
        let (device, address) = (&neighbour.device, neighbour.address);
        let what = format!(
            "{address} does not answer on {device}, and {} there, such as `{}`",
            counted(*count, "route leads", "routes lead"),
            route.text
        );
        let finding = Finding::error(what, "packets to its pods are lost until it answers");
        let hint = "is that node up, and on this link? Once it answers, the kernel uses it again";
        findings.push(finding.typing(format!("ping -c 3 -W 2 {address}")).hint(hint));
    }
    Outcome::of("next hops", format!("{} of {} routes", ways.len(), facts.routes().count()), findings)
}

/// No blackhole swallows what belongs to others: each is a block of this node.
pub fn blackholes(facts: &Facts) -> Outcome {
    const CHECK: &str = "blackholes";
    if facts.meant.process.is_none() {
        return Outcome::not_checked(CHECK, "roost does not run, so which blocks are this node's is not known");
    }
    let own: BTreeSet<IpNetwork> = facts.meant.originated.iter().filter_map(|text| text.parse().ok()).collect();
    let pools = |prefix: IpNetwork| {
        facts.meant.pools.iter().find(|pool| is_inside(&pool.cidr, prefix) && pool.cidr != prefix.to_string())
    };
    let drops: Vec<&SeenRoute> =
        facts.kernel.routes.iter().filter(|route| route.drops && pools(route.prefix).is_some()).collect();
    let foreign = drops.iter().filter(|route| !own.iter().any(|block| is_inside(&block.to_string(), route.prefix)));
    let finding = |route: &&SeenRoute| {
        let what = format!("`{}` is in the kernel, and {} is no block of this node", route.text, route.prefix);
        let why = format!("packets to pods of {} are dropped here, wherever these pods are", route.prefix);
        Finding::error(what, why).typing(delete(route.prefix, &route.text))
    };
    let findings = foreign.take(COMMANDS).map(finding).collect();
    Outcome::of(CHECK, format!("{} in pools", drops.len()), findings)
}

/// What roost wants is in the kernel.
pub fn not_written(facts: &Facts) -> Outcome {
    const CHECK: &str = "wanted routes";
    if facts.meant.process.is_none() {
        return Outcome::not_checked(CHECK, "roost does not run");
    }
    let mut by_reason: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for row in &facts.meant.troubled {
        let reason = row.kernel.reason.as_deref().unwrap_or_default();
        // The device has a finding of its own, which says what to type.
        let told = facts.tunnels().iter().any(|name| reason.starts_with(&format!("tunnel device {name} ")));
        if !told {
            by_reason.entry((&row.kernel.state, reason)).or_default().push(&row.prefix);
        }
    }
    let finding = |((state, reason), prefixes): ((&str, &str), Vec<&str>)| {
        let count = counted(prefixes.len(), "wanted route is not", "wanted routes are not");
        let what = format!("{count} in the kernel, such as {}: {state}: {reason}", prefixes[0]);
        let finding = Finding::error(what, "packets to these pods go nowhere, or where another route leads");
        let prefix: Option<IpNetwork> = prefixes[0].parse().ok();
        let in_the_way = |route: &&SeenRoute| Some(route.prefix) == prefix && !facts.routes().any(|own| own == *route);
        match facts.kernel.routes.iter().find(in_the_way).filter(|_| state == "conflict") {
            Some(route) => finding.typing(delete(route.prefix, &route.text)).hint("if nobody needs it there"),
            None => finding.hint("`roost show fib` lists all"),
        }
    };
    let findings = by_reason.into_iter().map(finding).take(COMMANDS).collect();
    Outcome::of(CHECK, format!("{} cannot be written", facts.meant.troubled_total), findings)
}

/// Nothing else has written routes under roost's marks.
pub fn strangers(facts: &Facts) -> Outcome {
    const CHECK: &str = "foreign routes";
    let meant = &facts.meant;
    if meant.process.is_none() {
        return Outcome::not_checked(CHECK, "roost does not run, so which routes are its own is not known");
    }
    let findings = meant.strangers.first().map(|first| {
        let routes = counted(meant.strangers_total, "route carries", "routes carry");
        let what = format!("{routes} roost's protocol id and {} not roost's, such as `{first}`", if meant.strangers_total == 1 { "is" } else { "are" });
        let why = "another program writes with this id; at its next start roost takes these routes for its own of before, \
                   and removes them";
        let named = meant.strangers.iter().take(COMMANDS);
        let finding = named.fold(Finding::warning(what, why), |finding, text| finding.typing(delete_text(text)));
        finding.hint("first end the program that writes them, or give it another id than fib.protocol")
    });
    Outcome::of(CHECK, format!("{} under roost's marks", meant.strangers_total), findings.into_iter().collect())
}

/// A block has one node.
pub fn shared_blocks(facts: &Facts) -> Outcome {
    const CHECK: &str = "blocks";
    if facts.meant.process.is_none() {
        return Outcome::not_checked(CHECK, "roost does not run");
    }
    let finding = |block: &crate::api::model::SharedBlock| {
        let what = format!("{} is announced by {}", block.prefix, block.nodes.join(" and by "));
        let why = "a pod is on one node, and packets go to another: each connection works by chance";
        let hint = "take it out of node.blocks, or `roost withdraw` it, on every node but the one whose pods have it";
        Finding::error(what, why).typing(format!("roost show route {}", block.prefix)).hint(hint)
    };
    let findings = facts.meant.shared_blocks.iter().take(COMMANDS).map(finding).collect();
    Outcome::of(CHECK, "each is announced by one node", findings)
}

fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// `ip route del` takes what `ip route` prints.
fn delete(prefix: IpNetwork, text: &str) -> String {
    format!("ip {}route del {text}", if prefix.is_ipv6() { "-6 " } else { "" })
}

fn delete_text(text: &str) -> String {
    let v6 = text.split(' ').take(2).any(|word| word.contains(':'));
    format!("ip {}route del {text}", if v6 { "-6 " } else { "" })
}
