//! Rules as `nft -j list ruleset` prints them (libnftables-json(5)).

use std::collections::BTreeMap;

use ipnetwork::IpNetwork;
use serde_json::Value;

use super::{Insert, Rule, Ruleset, Verdict};

/// The base chains at the hook `forward`, each with the chains of its table.
///
/// # Errors
/// When it is no such JSON.
pub fn of_nft(text: &str) -> Result<Vec<Ruleset>, serde_json::Error> {
    let document: Value = serde_json::from_str(text)?;
    let objects = document["nftables"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut tables: BTreeMap<(&str, &str), BTreeMap<String, Vec<Rule>>> = BTreeMap::new();
    let mut entries = Vec::new();
    for object in objects {
        let chain = &object["chain"];
        if let (Some(family), Some(table), Some(name)) = place(chain, "name") {
            tables.entry((family, table)).or_default().entry(name.to_owned()).or_default();
            if chain["hook"] == "forward" && chain["type"] == "filter" {
                entries.push((family, table, name, chain["policy"] == "drop"));
            }
        }
        let rule = &object["rule"];
        if let (Some(family), Some(table), Some(name)) = place(rule, "chain") {
            let chain = tables.entry((family, table)).or_default().entry(name.to_owned()).or_default();
            chain.push(read(&rule["expr"]));
        }
    }
    let ruleset = |(family, table, entry, policy_drops): (&str, &str, &str, bool)| {
        let families = match family {
            "ip" => [true, false],
            "ip6" => [false, true],
            "inet" => [true, true],
            _ => return None,
        };
        Some(Ruleset {
            place: format!("nft table {family} {table}"),
            insert: Insert::Nft(format!("nft insert rule {family} {table} {entry}")),
            families,
            entry: entry.to_owned(),
            policy_drops,
            chains: tables.get(&(family, table)).cloned().unwrap_or_default(),
        })
    };
    Ok(entries.into_iter().filter_map(ruleset).collect())
}

fn place<'a>(object: &'a Value, name: &str) -> (Option<&'a str>, Option<&'a str>, Option<&'a str>) {
    (object["family"].as_str(), object["table"].as_str(), object[name].as_str())
}

fn read(expressions: &Value) -> Rule {
    let mut rule = Rule::default();
    for expression in expressions.as_array().into_iter().flatten() {
        let Some((kind, value)) = expression.as_object().and_then(|object| object.iter().next()) else { continue };
        match kind.as_str() {
            "match" => matches(&mut rule, value),
            "accept" => rule.verdict = Verdict::Accept,
            "drop" | "reject" => rule.verdict = Verdict::Drop,
            "return" => rule.verdict = Verdict::Return,
            "jump" => rule.verdict = Verdict::Jump(target(value)),
            "goto" => rule.verdict = Verdict::Goto(target(value)),
            "counter" | "log" | "mangle" => {}
            "vmap" if value["key"]["ct"]["key"] == "state" && !has_new(&value["data"]["set"]) => {
                rule.established = true
            }
            // Maps of verdicts, and what other programs have written: it may do anything.
            _ => {
                rule.unclear = true;
                if rule.verdict == Verdict::Next {
                    rule.verdict = Verdict::Accept;
                }
            }
        }
    }
    rule
}

/// Whether a map of verdicts by connection state says something of the first packet.
fn has_new(set: &Value) -> bool {
    set.as_array().is_none_or(|pairs| pairs.iter().any(|pair| pair[0] == "new"))
}

fn target(value: &Value) -> String {
    value["target"].as_str().unwrap_or_default().to_owned()
}

fn matches(rule: &mut Rule, value: &Value) {
    let (left, right) = (&value["left"], &value["right"]);
    let equal = value["op"] == "==";
    if left["ct"]["key"] == "state" {
        let named =
            |state: &str| right == state || right.as_array().is_some_and(|all| all.iter().any(|one| one == state));
        rule.established |= !named("new") && (equal || value["op"] == "in");
        return;
    }
    if !equal {
        // What it is not says little of what it is.
        rule.unclear = true;
        return;
    }
    let side = match (left["payload"]["field"].as_str(), left["meta"]["key"].as_str()) {
        (Some("saddr"), _) => range(right).map(|range| rule.source = Some(range)),
        (Some("daddr"), _) => range(right).map(|range| rule.destination = Some(range)),
        (_, Some("iifname")) => right.as_str().map(|name| rule.input = Some(name.to_owned())),
        (_, Some("oifname")) => right.as_str().map(|name| rule.output = Some(name.to_owned())),
        _ => None,
    };
    rule.unclear |= side.is_none();
}

fn range(value: &Value) -> Option<IpNetwork> {
    let prefix = &value["prefix"];
    match (value.as_str(), prefix["addr"].as_str(), prefix["len"].as_u64()) {
        (Some(address), ..) => address.parse().ok(),
        (None, Some(address), Some(length)) => IpNetwork::new(address.parse().ok()?, length.try_into().ok()?).ok(),
        _ => None,
    }
}
