//! What becomes of packets to an address, in one sentence, and where the kernel and the table of routes contradict each
//! other. Pure.

use crate::api::model::{Why, WhyHop, WhyRoute};

/// The sentence, and what does not fit together.
pub fn judge(why: &Why) -> (String, Vec<String>) {
    (verdict(why), contradictions(why))
}

fn verdict(why: &Why) -> String {
    let Why { address, .. } = why;
    if why.own {
        return format!("{address} is an address of this node");
    }
    let own_block = why.paths.first().is_some_and(|path| path.row.best && path.row.from == "local");
    let prefix = why.prefix.as_deref().unwrap_or_default();
    match (&why.lookup, dropping(why)) {
        (_, Some(route)) if own_block && route.ours => format!(
            "{address} falls into this node's own block {prefix} and no pod has it: packets are dropped here, by `{}`",
            route.text
        ),
        (_, Some(route)) => format!("packets to {address} are dropped here, by `{}`", route.text),
        (None, None) => match &why.lookup_error {
            Some(error) => format!("packets to {address} go nowhere: the kernel says {error}"),
            None => format!("packets to {address} go nowhere"),
        },
        (Some(route), None) if route.local => format!("packets to {address} end at this node"),
        (Some(route), None) => {
            let ways: Vec<String> = why.hops.iter().map(way).collect();
            let ways = ways.join(", or ");
            match (own_block, &why.prefix) {
                (true, _) if why.hops.iter().all(|hop| hop.via.is_none()) => {
                    format!("{address} is on this node: packets go {ways}")
                }
                (false, Some(_)) if route.ours => format!("packets to {address} go to {}, {ways}", nodes(why)),
                (_, None) => format!("no peer has announced a prefix with {address}; the kernel sends packets {ways}"),
                (_, Some(_)) => format!("packets to {address} go {ways}, by a route that roost did not write"),
            }
        }
    }
}

/// The route at which packets end; the kernel does not name it, but of the routes around the address it is the longest.
fn dropping(why: &Why) -> Option<&WhyRoute> {
    match &why.lookup {
        Some(route) => Some(route).filter(|route| route.drops),
        None => why.covering.first().filter(|route| route.drops),
    }
}

fn way(hop: &WhyHop) -> String {
    match hop.via {
        Some(via) if !hop.kind.is_empty() && is_tunnel(hop) => format!("through {} to {via}", hop.device),
        Some(via) => format!("via {via} on {}", hop.device),
        None => format!("out of {}", hop.device),
    }
}

fn is_tunnel(hop: &WhyHop) -> bool {
    matches!(hop.kind.as_str(), "ipip" | "vxlan" | "ip6tnl" | "sit")
}

/// Whom the chosen paths lead to.
fn nodes(why: &Why) -> String {
    let chosen = why.paths.iter().filter(|path| path.row.best || path.row.multipath);
    let name = |path: &crate::api::model::WhyPath| match (&path.node, path.row.next_hop) {
        (Some(node), _) => node.clone(),
        (None, Some(next_hop)) => next_hop.to_string(),
        (None, None) => path.row.from.clone(),
    };
    let mut names: Vec<String> = chosen.map(name).collect();
    names.dedup();
    names.join(" or ")
}

fn contradictions(why: &Why) -> Vec<String> {
    let mut found = Vec::new();
    let installed = why.fib.as_ref().is_some_and(|row| row.kernel.state == "installed");
    if let (Some(prefix), Some(row)) = (&why.prefix, &why.fib)
        && row.wanted.starts_with("via")
    {
        match (&why.lookup, dropping(why)) {
            (_, Some(route)) if !route.ours || route.prefix != *prefix => found.push(format!(
                "roost wants {prefix} {}, but packets meet `{}` first, {}",
                row.wanted,
                route.text,
                compared(route, prefix)
            )),
            (Some(route), None) if !route.ours && !route.local => found.push(format!(
                "roost wants {prefix} {}, but the kernel goes by `{}`, {}",
                row.wanted,
                route.text,
                compared(route, prefix)
            )),
            (None, None) if installed => {
                found.push(format!("roost holds {prefix} to be installed, but the kernel finds no route"));
            }
            _ => {}
        }
    }
    if let Some(row) = &why.fib
        && let Some(reason) = &row.kernel.reason
        && ["withheld", "conflict", "failed"].contains(&row.kernel.state.as_str())
    {
        found.push(format!("the route of {} is not in the kernel: {}: {reason}", row.prefix, row.kernel.state));
    }
    for hop in &why.hops {
        found.extend(broken(hop));
    }
    found
}

/// How the route that wins stands to the prefix that roost wants.
fn compared(route: &WhyRoute, prefix: &str) -> String {
    let length = |text: &str| text.rsplit_once('/').and_then(|(_, length)| length.parse::<u8>().ok());
    let whose = if route.ours { "also roost's" } else { "which is not roost's" };
    match length(&route.prefix).cmp(&length(prefix)) {
        std::cmp::Ordering::Greater => format!("{whose} and more specific"),
        std::cmp::Ordering::Equal => whose.to_owned(),
        std::cmp::Ordering::Less => format!("{whose} and less specific, as there is no other"),
    }
}

/// Why packets do not leave by this way.
fn broken(hop: &WhyHop) -> Option<String> {
    let WhyHop { via, device, .. } = hop;
    if !hop.up {
        return Some(format!("{device} is down"));
    }
    if !hop.carrier && hop.dead {
        return Some(format!("{device} has no carrier"));
    }
    let via = (*via)?;
    match (&hop.neighbour, hop.far_end) {
        (Some(entry), _) if entry.ends_with("FAILED") => {
            Some(format!("{via} does not answer on {device}: its neighbour entry is {entry}"))
        }
        (None, _) if hop.kind == "vxlan" => {
            Some(format!("{device} has no neighbour entry for {via}, so that packets do not leave"))
        }
        (Some(_), None) if hop.kind == "vxlan" => {
            Some(format!("{device} has no forwarding entry for {via}, so that packets do not leave"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
