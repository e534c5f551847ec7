//! The rules by which the node's addresses are found, and what they find.

use bgp_proto::Prefix;
use ipnetwork::IpNetwork;

use super::{Outside, at_most};
use crate::config::at::At;
use crate::config::diagnostic::{Place, Report, Severity};
use crate::config::raw::{self, DetectMethod};
use crate::config::values::{S, show_duration};
use crate::detect::{Detect, EXCLUDED, Host, Method, Pattern, Pick, Rule};

/// Patterns of a list, and ranges: each is compared with every interface.
const ENTRIES: usize = 64;

const DEFAULT_WAIT: std::time::Duration = std::time::Duration::from_secs(60);

/// The rules, and the place of each. `addresses` are those the file names.
pub(super) fn detect(raw: &raw::Detect, addresses: &[IpNetwork], report: &Report) -> (Detect, Vec<Place>) {
    let both = [(true, &raw.ipv4), (false, &raw.ipv6)].into_iter();
    let (rules, places) = both
        .filter_map(|(ipv4, raw)| {
            let (raw, place) = raw.good()?;
            let method = method(raw, ipv4, place, report)?;
            let rule = Rule { ipv4, method };
            if let Some(named) = addresses.iter().find(|address| address.is_ipv4() == ipv4) {
                let message = format!("{}: node.addresses has an {} address, {named}", rule.key(), rule.family());
                report.error(place, message, "keep one of them");
            }
            Some((rule, place))
        })
        .unzip();
    let exclude = match &raw.exclude {
        At::Absent | At::Null(_) => EXCLUDED.map(|text| Pattern::new(text).expect("a test compiles each")).into(),
        _ => patterns("node.detect.exclude", &raw.exclude, report),
    };
    (Detect { rules, exclude, wait: raw.wait.get().map_or(DEFAULT_WAIT, |wait| wait.0) }, places)
}

/// What the rules pick, where the machine may be asked.
pub(super) fn pick(detect: &Detect, places: &[Place], outside: Option<Outside<'_>>, report: &Report) -> Vec<Pick> {
    let Some(outside) = outside else { return Vec::new() };
    let pick = |(rule, place): (&Rule, &Place)| match (outside.pick)(detect, rule) {
        Ok(pick) => Some(pick),
        Err(why) => {
            let message = format!("{} ({}) finds no address on this machine: {why}", rule.key(), rule.method);
            match outside.not_found {
                Severity::Error => {
                    report.error(*place, message, "change the rule, or write the address in node.addresses")
                }
                Severity::Warning => {
                    let wait = show_duration(detect.wait);
                    report.warn(
                        *place,
                        message,
                        format!("`roost run` waits {wait} for it (node.detect.wait), then fails"),
                    );
                }
            }
            None
        }
    };
    detect.rules.iter().zip(places).filter_map(pick).collect()
}

/// The method with what it needs; a key it has no use for is a mistake.
fn method(raw: &raw::DetectRule, ipv4: bool, place: Place, report: &Report) -> Option<Method> {
    let key = if ipv4 { "node.detect.ipv4" } else { "node.detect.ipv6" };
    let Some(method) = raw.method.value() else {
        if raw.method.is_unset() {
            report.error(place, format!("{key} needs `method`"), "write one, such as `method: first-found`");
        }
        return None;
    };
    let (interfaces, cidrs, host) = match method {
        DetectMethod::FirstFound => (false, false, false),
        DetectMethod::Interface | DetectMethod::SkipInterface => (true, false, false),
        DetectMethod::Cidr => (false, true, false),
        DetectMethod::CanReach | DetectMethod::InternalName => (false, false, true),
    };
    let unused = |name: &str, place: Option<Place>, of: &str| {
        if let Some(place) = place {
            let help = format!("it is for {of}: remove it, or change the method");
            report.error(place, format!("{key}.{name} is not for this method"), help);
        }
    };
    unused("interfaces", place_of(&raw.interfaces).filter(|_| !interfaces), "interface and skip-interface");
    unused("cidrs", place_of(&raw.cidrs).filter(|_| !cidrs), "cidr");
    unused("host", place_of(&raw.host).filter(|_| !host), "can-reach and internal-name");
    let missing = |name: &str, example: &str| {
        report.error(
            place,
            format!("{key} has no `{name}`, which its method is about"),
            format!("such as `{example}`"),
        );
        None
    };
    Some(match method {
        DetectMethod::FirstFound => Method::FirstFound,
        DetectMethod::Interface | DetectMethod::SkipInterface => {
            let patterns = match &raw.interfaces {
                At::Bad => return None,
                list if list.value().is_none_or(Vec::is_empty) => {
                    return missing("interfaces", "interfaces: [\"^eth\"]");
                }
                list => patterns(&format!("{key}.interfaces"), list, report),
            };
            if *method == DetectMethod::Interface {
                Method::Interface(patterns)
            } else {
                Method::SkipInterface(patterns)
            }
        }
        DetectMethod::Cidr if matches!(raw.cidrs, At::Bad) => return None,
        DetectMethod::Cidr if raw.cidrs.value().is_none_or(Vec::is_empty) => {
            return missing("cidrs", "cidrs: [172.16.0.0/16]");
        }
        DetectMethod::Cidr => Method::Cidr(cidrs_of(raw, key, ipv4, report)),
        DetectMethod::CanReach if raw.host.is_unset() => return missing("host", "host: 172.16.1.254"),
        DetectMethod::CanReach => Method::CanReach(host_of(raw, key, ipv4, report)?),
        DetectMethod::InternalName if raw.host.is_unset() => Method::InternalName(None),
        DetectMethod::InternalName => Method::InternalName(Some(host_of(raw, key, ipv4, report)?)),
    })
}

fn place_of<T>(value: &At<T>) -> Option<Place> {
    value.good().map(|(_, place)| place)
}

fn patterns(name: &str, list: &At<Vec<S<Pattern>>>, report: &Report) -> Vec<Pattern> {
    at_most(ENTRIES, name, list, report).map(|(pattern, _)| pattern.0.clone()).collect()
}

fn cidrs_of(raw: &raw::DetectRule, key: &str, ipv4: bool, report: &Report) -> Vec<Prefix> {
    let of_family = |(cidr, place): (&crate::config::values::Read<Prefix>, Place)| {
        if cidr.0.addr().is_ipv4() != ipv4 {
            report.error(place, other_family(cidr.0, key, ipv4), "no address of the rule's family is in it");
        }
        cidr.0
    };
    at_most(ENTRIES, &format!("{key}.cidrs"), &raw.cidrs, report).map(of_family).collect()
}

fn host_of(raw: &raw::DetectRule, key: &str, ipv4: bool, report: &Report) -> Option<Host> {
    let (host, place) = raw.host.good()?;
    if let Host::Address(address) = &host.0
        && address.is_ipv4() != ipv4
    {
        report.error(place, other_family(address, key, ipv4), "name a host of the rule's family");
    }
    Some(host.0.clone())
}

fn other_family(what: impl std::fmt::Display, key: &str, ipv4: bool) -> String {
    let (own, other) = if ipv4 { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
    format!("{key}: {what} is {other}, the rule is for {own}")
}
