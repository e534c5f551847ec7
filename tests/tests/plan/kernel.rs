//! What the plan says of the kernel's routes, and what `ip route` shows.

use std::collections::BTreeMap;

use roost_tests::{Lab, Netns, until};
use serde_json::Value;

use super::Random;
use super::harness::{PATIENCE, Roost, is_marker};

/// A node whose peers' next hops are on a link.
pub fn node(lab: &Lab) -> Netns {
    let [node, other] = ["node", "other"].map(|name| lab.netns(name));
    lab.wire((&node, "eth0"), (&other, "eth0"));
    for address in ["192.0.2.1/24", "2001:db8:ffff::1/64"] {
        node.ip(&format!("addr add {address} dev eth0"));
    }
    node
}

/// How routes are written: in any of some ways.
pub fn any_settings(random: &mut Random) -> String {
    let one_of = |random: &mut Random, texts: &[&str]| texts[random.below(texts.len() as u64) as usize].to_owned();
    let fib = one_of(
        random,
        &["", "", "metric: 77", "table: 100", "protocol: bgp", "metric: local-pref", "protect: [192.168.1.0/24]"],
    );
    let pool = |random: &mut Random, cidr: &str| {
        let vxlan = "device: vxlan.roost, manage: true";
        let (cross, all) = (format!("mode: vxlan-cross-subnet, {vxlan}"), format!("mode: vxlan, {vxlan}"));
        let direct = ["", "mode: host-gw", "metric: 9", "install: false, protocol: 80", "blackholes: false"];
        let rest = one_of(random, &[&direct[..], &[&cross, &all, &all]].concat());
        format!("{{ cidr: {cidr}, {rest} }}").replace(", }", " }")
    };
    let pools =
        ["192.168.0.0/16", "10.65.0.0/16"].map(|cidr| if random.one_in(3) { None } else { Some(pool(random, cidr)) });
    let pools: Vec<_> = pools.into_iter().flatten().collect();
    format!("fib: {{ {fib} }}\npools: [{}]\n", pools.join(", "))
}

/// Routes of ours by prefix, as `ip route` prints them.
pub type Routes = BTreeMap<String, Vec<String>>;

/// What the kernel holds.
pub fn routes(node: &Netns) -> Routes {
    let mut routes = Routes::new();
    let lines = node.routes("table all").into_iter().chain(node.routes6("table all"));
    for line in lines.filter(|line| line.contains(" proto bird") || line.contains(" proto bgp")) {
        let line = line.trim_end_matches(" pref medium").to_owned();
        let prefix = line.trim_start_matches("blackhole ").split(' ').next().unwrap_or_default().to_owned();
        routes.entry(prefix).or_default().push(line);
    }
    routes.retain(|prefix, _| !is_marker(prefix));
    routes.values_mut().for_each(|lines| lines.sort());
    routes
}

/// Waits until the kernel side has tried what the table has decided, with all next hops known to be on a link.
#[track_caller]
pub fn await_rest(roost: &Roost) {
    until("the kernel side is at rest", PATIENCE, || {
        let table = roost.page("/v1/routes");
        let waits = |row: &&Value| {
            let (kernel, next_hop) = (&row["kernel"], row["next_hop"].as_str().unwrap_or_default());
            match kernel["state"].as_str() {
                Some("installed") if row["from"] != "local" => !kernel["route"].as_str().unwrap().contains(next_hop),
                state => matches!(state, None | Some("pending")),
            }
        };
        let mut rows = table.as_array().unwrap().iter();
        match rows
            .find(|row| (row["from"] != "local" && row["unreachable"] == true) || (row["best"] == true && waits(row)))
        {
            Some(row) => Err(row.to_string()),
            None => Ok(()),
        }
    });
}

/// Removes what a roost has left.
pub fn clean(node: &Netns) {
    for protocol in ["bird", "bgp"] {
        for family in ["-4", "-6"] {
            node.ip(&format!("{family} route flush table all proto {protocol}"));
        }
    }
    if node.try_ip("link show dev vxlan.roost").is_ok() {
        node.ip("link del vxlan.roost");
    }
}

/// A row of the plan's kernel routes.
#[derive(Debug)]
pub struct Fate {
    pub prefix: String,
    pub before: Vec<String>,
    pub after: Vec<String>,
    pub for_a_moment: bool,
}

/// What the plan says, once its counts, its rows and the word `kernel` of its routes say the same.
pub fn fates(plan: &Value) -> Vec<Fate> {
    let texts = |row: &Value, key: &str| -> Vec<String> {
        row[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let kernel = &plan["kernel"];
    let rows = kernel["routes"].as_array().unwrap().iter().map(|row| Fate {
        prefix: row["prefix"].as_str().unwrap().to_owned(),
        before: texts(row, "before"),
        after: texts(row, "after"),
        for_a_moment: row["for_a_moment"] == true,
    });
    let mut fates: Vec<_> = rows.collect();
    let count = |which: fn(&Fate) -> bool| fates.iter().filter(|fate| which(fate)).count() as u64;
    let said = |key: &str| -> u64 {
        kernel["changes"].as_array().unwrap().iter().map(|pool| pool[key].as_u64().unwrap()).sum()
    };
    assert_eq!(said("for_a_moment"), count(|fate| fate.for_a_moment));
    assert_eq!(said("added"), count(|fate| !fate.for_a_moment && fate.before.is_empty()));
    assert_eq!(said("removed"), count(|fate| !fate.for_a_moment && fate.after.is_empty()));
    assert_eq!(kernel["routes_total"], fates.len());
    for route in plan["routes"].as_array().unwrap() {
        let fate = fates.iter().find(|fate| route["prefix"] == fate.prefix.as_str());
        assert_eq!(route["kernel"] == true, fate.is_some(), "{route}: {fate:?}");
    }
    fates.retain(|fate| !is_marker(&fate.prefix));
    fates
}

/// Waits until the kernel's routes are those before, or what is said of their fate.
#[track_caller]
pub fn await_routes(
    what: &str,
    node: &Netns,
    fates: &[Fate],
    before: &Routes,
    settled: impl Fn(&str) -> bool,
    then: impl Fn(&Fate) -> Vec<String>,
) {
    let mut expected = before.clone();
    for fate in fates {
        expected.insert(fate.prefix.clone(), then(fate));
    }
    expected.retain(|prefix, lines| settled(prefix) && !lines.is_empty());
    until(what, PATIENCE, || {
        let mut found = routes(node);
        found.retain(|prefix, _| settled(prefix));
        if found == expected { Ok(()) } else { Err(format!("expected {expected:#?}\nfound {found:#?}")) }
    });
}
