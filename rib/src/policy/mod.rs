//! Policy: which paths pass between a peer and the table, and with what changes.
//!
//! A [`Policy`] is a value: rules from top to bottom, the first that accepts or rejects ends the walk, a rule that says
//! [`Action::Next`] changes the path and passes it on. It is shared, compared by value (peers with equal export
//! policies share an update group), and everything the RIB asks of it is [`Policy::evaluate`]; a larger language
//! replaces this module and nothing else.
//!
//! Rules see the changes of the rules above them.

use std::fmt;
use std::sync::Arc;

use bgp_proto::attr::{Community, LargeCommunity, PathAttrs};
use bgp_proto::{Asn, Family, Prefix};

pub use prefix_list::{PrefixList, PrefixListEntry, PrefixRange};

mod prefix_list;

/// A named list of rules. Cloning it is cheap.
#[derive(Clone, PartialEq, Eq)]
pub struct Policy(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    name: String,
    rules: Vec<Rule>,
    default: Verdict,
    per_prefix: bool,
}

/// One rule: if all matches hold, the changes are made and the action taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What must hold; an empty list always does.
    pub matches: Vec<Match>,
    /// The changes, in order. Of no meaning beside [`Action::Reject`].
    pub set: Vec<Set>,
    /// What happens then.
    pub action: Action,
}

/// A condition on a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// The prefix is in the list.
    Prefixes(Arc<PrefixList>),
    /// The prefix is of this family.
    Family(Family),
    /// The path carries the community.
    Community(Community),
    /// The path carries the large community.
    LargeCommunity(LargeCommunity),
    /// The AS stands anywhere in the path.
    AsInPath(Asn),
    /// The condition does not hold.
    Not(Box<Match>),
}

/// What a rule whose matches hold does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The path passes; no further rule is asked.
    Accept,
    /// The path does not pass.
    Reject,
    /// The next rule is asked.
    Next,
}

/// A change to a path's attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Set {
    /// LOCAL_PREF. Towards external peers it is never sent.
    LocalPref(u32),
    /// MULTI_EXIT_DISC. Set on export, it is sent to external peers too.
    Med(u32),
    /// Adds a community.
    AddCommunity(Community),
    /// Removes a community.
    RemoveCommunity(Community),
    /// Replaces all communities.
    Communities(Vec<Community>),
    /// Adds a large community.
    AddLargeCommunity(LargeCommunity),
    /// Puts an AS in front of the path so many times.
    Prepend(Asn, u8),
}

/// Accept or reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The path passes.
    Accept,
    /// It does not.
    Reject,
}

/// What a policy says about one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// Whether it passes.
    pub verdict: Verdict,
    /// The rule that decided, counted from zero; none: the default did.
    pub rule: Option<u16>,
    /// The attributes, if a rule changed them.
    pub changed: Option<PathAttrs>,
    /// A rule set MED, which then survives an AS boundary.
    pub med_set: bool,
}

impl Policy {
    /// A policy of its own. Rules after the 65,535th are out of a report's reach, not out of force.
    pub fn new(name: impl Into<String>, rules: Vec<Rule>, default: Verdict) -> Self {
        let per_prefix = rules.iter().flat_map(|rule| &rule.matches).any(Match::is_per_prefix);
        Self(Arc::new(Inner { name: name.into(), rules, default, per_prefix }))
    }

    /// The built-in policy `accept`.
    pub fn accept() -> Self {
        Self::new("accept", Vec::new(), Verdict::Accept)
    }

    /// The built-in policy `reject`.
    pub fn reject() -> Self {
        Self::new("reject", Vec::new(), Verdict::Reject)
    }

    /// Its name, for people.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether two prefixes with the same attributes may fare differently.
    pub fn is_per_prefix(&self) -> bool {
        self.0.per_prefix
    }

    /// Walks the rules for one path.
    pub fn evaluate(&self, prefix: &Prefix, attrs: &PathAttrs) -> Evaluation {
        let mut evaluation = Evaluation { verdict: self.0.default, rule: None, changed: None, med_set: false };
        for (rule, number) in self.0.rules.iter().zip(0..) {
            let current = evaluation.changed.as_ref().unwrap_or(attrs);
            if !rule.matches.iter().all(|condition| condition.holds(prefix, current)) {
                continue;
            }
            if rule.action == Action::Reject {
                return Evaluation { verdict: Verdict::Reject, rule: Some(number), changed: None, med_set: false };
            }
            for set in &rule.set {
                set.apply(evaluation.changed.get_or_insert_with(|| attrs.clone()));
                evaluation.med_set |= matches!(set, Set::Med(_));
            }
            if rule.action == Action::Accept {
                (evaluation.verdict, evaluation.rule) = (Verdict::Accept, Some(number));
                break;
            }
        }
        if evaluation.verdict == Verdict::Reject || evaluation.changed.as_ref() == Some(attrs) {
            evaluation.changed = None;
        }
        evaluation
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({}, {} rules, {:?})", self.0.name, self.0.rules.len(), self.0.default)
    }
}

impl Match {
    fn is_per_prefix(&self) -> bool {
        match self {
            Self::Prefixes(_) | Self::Family(_) => true,
            Self::Not(inner) => inner.is_per_prefix(),
            _ => false,
        }
    }

    fn holds(&self, prefix: &Prefix, attrs: &PathAttrs) -> bool {
        match self {
            Self::Prefixes(list) => list.contains(prefix),
            Self::Family(family) => prefix.family() == *family,
            Self::Community(community) => attrs.has_community(*community),
            Self::LargeCommunity(community) => attrs.large_communities.binary_search(community).is_ok(),
            Self::AsInPath(asn) => attrs.as_path.count(*asn) > 0,
            Self::Not(inner) => !inner.holds(prefix, attrs),
        }
    }
}

impl Set {
    fn apply(&self, attrs: &mut PathAttrs) {
        match self {
            Self::LocalPref(value) => attrs.local_pref = Some(*value),
            Self::Med(value) => attrs.med = Some(*value),
            Self::AddCommunity(community) => insert_sorted(&mut attrs.communities, *community),
            Self::RemoveCommunity(community) => {
                attrs.communities = attrs.communities.iter().copied().filter(|other| other != community).collect();
            }
            Self::Communities(communities) => {
                let mut communities = communities.clone();
                communities.sort_unstable();
                communities.dedup();
                attrs.communities = communities.into_boxed_slice();
            }
            Self::AddLargeCommunity(community) => insert_sorted(&mut attrs.large_communities, *community),
            Self::Prepend(asn, times) => attrs.as_path = attrs.as_path.prepend(*asn, usize::from(*times)),
        }
    }
}

/// Keeps a list sorted and without duplicates, as [`PathAttrs`] promises.
pub(crate) fn insert_sorted<T: Ord + Copy>(list: &mut Box<[T]>, value: T) {
    if let Err(at) = list.binary_search(&value) {
        let mut grown = std::mem::take(list).into_vec();
        grown.insert(at, value);
        *list = grown.into_boxed_slice();
    }
}

#[cfg(test)]
mod tests;
