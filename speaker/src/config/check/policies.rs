//! Prefix lists and policies: ranges that can match, references that exist.

use std::collections::HashMap;
use std::sync::Arc;

use bgp_proto::attr::Community;

use crate::config::at::At;
use crate::config::diagnostic::{Place, Report, closest};
use crate::config::model::{Action, Policy, PolicyRef, PrefixList, PrefixRange, Rule, Set};
use crate::config::raw;
use crate::config::secrets::crop;
use crate::config::values::S;

/// The checked policies. A policy that could not be read is known by name, so that nobody calls it unknown.
pub(super) struct Policies {
    good: Vec<Arc<Policy>>,
    /// Where in `good` a name's policy is; `None` when it could not be read.
    index: HashMap<String, Option<usize>>,
    /// The names in the order of the file.
    names: Vec<String>,
}

impl Policies {
    /// What `accept`, `reject` or a policy's name stands for.
    pub fn resolve(&self, key: &str, name: &str, place: Place, report: &Report) -> PolicyRef {
        match name {
            "accept" => PolicyRef::Accept,
            "reject" => PolicyRef::Reject,
            _ => match self.index.get(name) {
                Some(Some(index)) => PolicyRef::Named(self.good[*index].clone()),
                Some(None) => PolicyRef::Reject,
                None => {
                    if !report.is_full() {
                        let choice = ["accept", "reject"].into_iter().chain(self.names.iter().map(String::as_str));
                        let help = unknown_help("policies", name, choice);
                        report.error(place, format!("{key}: there is no policy `{}`", crop(name)), help);
                    }
                    PolicyRef::Reject
                }
            },
        }
    }

    pub fn into_list(self) -> Vec<Arc<Policy>> {
        self.good
    }
}

/// What to do about a name that is not in `section`.
pub(super) fn unknown_help<'n>(section: &str, name: &str, known: impl Iterator<Item = &'n str> + Clone) -> String {
    match closest(name, known.clone().take(256)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            let names: Vec<&str> = known.take(20).collect();
            match names.is_empty() {
                true => format!("define it in `{section}`"),
                false => format!("define it in `{section}`; known: {}", names.join(", ")),
            }
        }
    }
}

pub(super) fn check(file: &raw::File, report: &Report) -> Policies {
    let lists = prefix_lists(file, report);
    let mut policies = Policies { good: Vec::new(), index: HashMap::new(), names: Vec::new() };
    policies.names.extend(file.policies.names().map(str::to_owned));
    policies.index.extend(policies.names.iter().map(|name| (name.clone(), None)));
    for (name, name_place, raw, _) in file.policies.entries() {
        if matches!(name, "accept" | "reject") {
            let message = format!("a policy cannot be called `{name}`");
            report.error(name_place, message, "the word means every route; choose another name");
        }
        policies.index.insert(name.to_owned(), Some(policies.good.len()));
        policies.good.push(Arc::new(policy(name, raw, &lists, file, report)));
    }
    policies
}

fn policy(name: &str, raw: &raw::Policy, lists: &Lists, file: &raw::File, report: &Report) -> Policy {
    let mut rules = Vec::new();
    for (index, (raw, place)) in raw.rules.items().enumerate() {
        let trail = format!("policies.{}.rules[{index}]", crop(name));
        if raw.action.is_unset() {
            report.error(place, format!("{trail} has no `action`"), "write `action: accept` or `action: reject`");
        }
        let action = raw.action.value().map_or(Action::Reject, action);
        if let (Action::Reject, Some((set, place))) = (action, raw.set.good())
            && raw.action.value().is_some()
            && (set.local_pref.value().is_some() || set.med.value().is_some() || set.communities.value().is_some())
        {
            report.warn(
                place,
                format!("{trail}: `set` changes nothing on a rejected route"),
                "remove it, or accept the route",
            );
        }
        rules.push(Rule {
            prefix_list: raw
                .matches
                .value()
                .and_then(|matches| prefix_list(&matches.prefix_list, &trail, lists, file, report)),
            set: raw.set.value().map(set).unwrap_or_default(),
            action,
        });
    }
    Policy { name: name.to_owned(), rules, default: raw.default.value().map_or(Action::Reject, action) }
}

fn action(raw: &raw::Action) -> Action {
    match raw {
        raw::Action::Accept => Action::Accept,
        raw::Action::Reject => Action::Reject,
    }
}

fn set(raw: &raw::Set) -> Set {
    let communities = |list: &At<Vec<S<Community>>>| list.items().map(|(community, _)| community.0).collect();
    let changes = raw.communities.value();
    Set {
        local_pref: raw.local_pref.get().and_then(|value| u32::try_from(value.0).ok()),
        med: raw.med.get().and_then(|value| u32::try_from(value.0).ok()),
        remove_communities: changes.map(|changes| communities(&changes.remove)).unwrap_or_default(),
        add_communities: changes.map(|changes| communities(&changes.add)).unwrap_or_default(),
    }
}

/// The prefix lists by name; `None` for one that could not be read.
type Lists = HashMap<String, Option<Arc<PrefixList>>>;

fn prefix_list(
    name: &S<String>,
    trail: &str,
    lists: &Lists,
    file: &raw::File,
    report: &Report,
) -> Option<Arc<PrefixList>> {
    let (name, place) = name.good()?;
    let name = &name.0;
    if let Some(list) = lists.get(name) {
        return list.clone();
    }
    if !report.is_full() {
        let known: Vec<&str> = file.prefix_lists.names().collect();
        let help = unknown_help("prefix_lists", name, known.into_iter());
        report.error(place, format!("{trail}: there is no prefix list `{}`", crop(name)), help);
    }
    None
}

fn prefix_lists(file: &raw::File, report: &Report) -> Lists {
    let mut lists: Lists = file.prefix_lists.names().map(|name| (name.to_owned(), None)).collect();
    for (name, _, entries, _) in file.prefix_lists.entries() {
        let mut ranges = Vec::new();
        for (index, (raw, place)) in entries.iter().filter_map(At::good).enumerate() {
            let trail = format!("prefix_lists.{}[{index}]", crop(name));
            ranges.extend(prefix_range(raw, place, &trail, report));
        }
        lists.insert(name.to_owned(), Some(Arc::new(PrefixList { name: name.to_owned(), entries: ranges })));
    }
    lists
}

/// `prefix.len() <= ge <= le <= 32 or 128`, with the defaults every router has: nothing means exactly the prefix, `ge`
/// alone reaches to single addresses.
fn prefix_range(raw: &raw::PrefixRange, place: Place, trail: &str, report: &Report) -> Option<PrefixRange> {
    let Some(prefix) = raw.prefix.get() else {
        if raw.prefix.is_unset() {
            report.error(place, format!("{trail} has no `prefix`"), "write one, such as `prefix: 10.65.0.0/16`");
        }
        return None;
    };
    let length = |bound: u64| u8::try_from(bound).unwrap_or(u8::MAX);
    let (len, max) = (prefix.len(), prefix.family().max_prefix_len());
    let ge = raw.ge.get().map(|ge| length(ge.0));
    let le = raw.le.get().map(|le| length(le.0));
    for (key, bound) in [("ge", &raw.ge), ("le", &raw.le)] {
        if let Some((bound, place)) = bound.good()
            && !(len..=max).contains(&length(bound.0.0))
        {
            let message =
                format!("{trail}: `{key}: {}` does not lie between the prefix's length {len} and {max}", bound.0.0);
            report.error(place, message, "it is the length of the prefixes that match");
            return None;
        }
    }
    let range = PrefixRange { prefix, ge: ge.unwrap_or(len), le: le.unwrap_or(if ge.is_some() { max } else { len }) };
    if range.ge > range.le {
        let place = raw.ge.good().map_or(place, |(_, place)| place);
        let message = format!("{trail}: `ge: {}` is more than `le: {}`, so no prefix matches", range.ge, range.le);
        report.error(place, message, "did you mean them the other way round?");
        return None;
    }
    Some(range)
}
