//! What is accepted, announced and changed on the way.

use std::sync::Arc;

use bgp_proto::Prefix;
use bgp_proto::attr::Community;

/// A named list of prefix ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixList {
    /// Its name in the file.
    pub name: String,
    /// A prefix matches the list when it matches one of these.
    pub entries: Vec<PrefixRange>,
}

/// Prefixes inside `prefix` whose length is from `ge` to `le`. Always `prefix.len() <= ge <= le <= 32 or 128`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixRange {
    /// The covering prefix.
    pub prefix: Prefix,
    /// Shortest length that matches.
    pub ge: u8,
    /// Longest length that matches.
    pub le: u8,
}

impl PrefixRange {
    /// Whether `prefix` lies in the range.
    pub fn matches(&self, prefix: &Prefix) -> bool {
        (self.ge..=self.le).contains(&prefix.len()) && self.prefix.contains(prefix)
    }
}

/// What a peer's `import` or `export` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyRef {
    /// Every route passes unchanged.
    Accept,
    /// No route passes.
    Reject,
    /// The named policy decides.
    Named(Arc<Policy>),
}

/// A named policy: the first rule that matches decides, else the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name in the file.
    pub name: String,
    /// The rules, in order.
    pub rules: Vec<Rule>,
    /// What happens to a route no rule matches.
    pub default: Action,
}

/// One rule of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Prefixes the rule is for; `None` is every prefix.
    pub prefix_list: Option<Arc<PrefixList>>,
    /// What to change on a matching route; changes nothing when `action` is [`Action::Reject`].
    pub set: Set,
    /// What happens to a matching route.
    pub action: Action,
}

/// What becomes of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It passes.
    Accept,
    /// It does not.
    Reject,
}

/// Changes to the attributes of an accepted route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// New LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// New MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// Communities to take away, before any are added.
    pub remove_communities: Vec<Community>,
    /// Communities to add.
    pub add_communities: Vec<Community>,
}
