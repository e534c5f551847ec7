//! What becomes of ranges of dynamic peers: of the peers that are there, the same as of listed ones whose settings have
//! changed; and of those that are to come, nothing yet.

use std::collections::BTreeMap;
use std::fmt;

use super::peers::{Change, Cost, changes};
use super::{DynamicPeers, Step};

/// Ranges that come or stay, and those that go.
pub(super) fn steps(now: &[DynamicPeers], next: &[DynamicPeers]) -> (Vec<Step>, Vec<Step>) {
    let mut before: BTreeMap<_, _> = now.iter().map(|range| (range.prefix, range)).collect();
    let (mut stay, mut come) = (Vec::new(), Vec::new());
    for range in next {
        match before.remove(&range.prefix) {
            None => come.push(Step::AddRange(range.clone())),
            Some(old) => {
                let changes = of_range(old, range);
                if !changes.is_empty() {
                    stay.push(Step::ChangeRange { to: range.clone(), changes });
                }
            }
        }
    }
    come.extend(stay);
    (come, before.into_values().cloned().map(Step::RemoveRange).collect())
}

fn of_range(old: &DynamicPeers, new: &DynamicPeers) -> Vec<Change> {
    // A key that is added to the model does not compile until it has its cost here.
    let DynamicPeers { prefix: _, asn, limit, forget_after, template } = old;
    let mut all = Vec::new();
    let mut note = |key, differs: bool, cost| all.extend(differs.then_some(Change { key, cost }));
    note("asn", *asn != new.asn, Cost::Reset("a session with another AS is another session"));
    // Who is there stays, also beyond the limit.
    note("limit", *limit != new.limit, Cost::Nothing);
    note("forget_after", *forget_after != new.forget_after, Cost::Nothing);
    // Of one AS alone, the template has it too.
    all.extend(changes(template, &new.template).into_iter().filter(|change| change.key != "asn"));
    all
}

pub(super) fn describe(f: &mut fmt::Formatter<'_>, range: &DynamicPeers, changes: &[Change]) -> fmt::Result {
    let all: Vec<_> = changes.iter().map(|change| change.key).collect();
    write!(f, "dynamic peers {}: {} changed; ", range.prefix, all.join(", "))?;
    match changes.iter().find_map(|change| Some((change.key, change.cost.ends()?))) {
        Some((key, why)) => write!(f, "their sessions end, because of {key}: {why}"),
        None => f.write_str("their sessions stay"),
    }
}
