//! From the configuration's policies to the RIB's.
//!
//! Two types on purpose: the configuration's is what a file can say, the RIB's what it can evaluate; a policy language
//! will be a third way to make the latter.

use std::sync::Arc;

use rib::policy;

use crate::config::{Action, Policy, PolicyRef, PrefixList, Rule, Set};

/// The policy a peer's `import` or `export` names.
pub fn policy(reference: &PolicyRef) -> policy::Policy {
    match reference {
        PolicyRef::Accept => policy::Policy::accept(),
        PolicyRef::Reject => policy::Policy::reject(),
        PolicyRef::Named(named) => from_named(named),
    }
}

fn from_named(named: &Policy) -> policy::Policy {
    let default = match named.default {
        Action::Accept => policy::Verdict::Accept,
        Action::Reject => policy::Verdict::Reject,
    };
    policy::Policy::new(named.name.clone(), named.rules.iter().map(rule).collect(), default)
}

fn rule(rule: &Rule) -> policy::Rule {
    policy::Rule {
        matches: rule.prefix_list.iter().map(|list| policy::Match::Prefixes(Arc::new(prefix_list(list)))).collect(),
        set: changes(&rule.set),
        action: match rule.action {
            Action::Accept => policy::Action::Accept,
            Action::Reject => policy::Action::Reject,
        },
    }
}

fn changes(set: &Set) -> Vec<policy::Set> {
    let mut changes = Vec::new();
    changes.extend(set.local_pref.map(policy::Set::LocalPref));
    changes.extend(set.med.map(policy::Set::Med));
    changes.extend(set.remove_communities.iter().copied().map(policy::Set::RemoveCommunity));
    changes.extend(set.add_communities.iter().copied().map(policy::Set::AddCommunity));
    changes
}

fn prefix_list(list: &PrefixList) -> policy::PrefixList {
    let entries = list.entries.iter().map(|entry| policy::PrefixListEntry {
        prefix: entry.prefix,
        ge: Some(entry.ge),
        le: Some(entry.le),
    });
    policy::PrefixList::new(list.name.clone(), entries)
}
