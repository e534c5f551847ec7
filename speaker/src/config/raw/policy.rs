//! Policies and the lists of prefixes they name, as written.

use bgp_proto::Prefix;
use bgp_proto::attr::Community;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::at::At;
use crate::config::values::{Int, S};

/// Prefixes inside `prefix` with a length from `ge` to `le`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["prefix"]))]
pub(in crate::config) struct PrefixRange {
    /// The covering prefix. Alone, it matches only itself.
    pub prefix: S<Prefix>,
    /// Shortest length that matches. Default: the prefix's own length.
    pub ge: S<Int<0, 128>>,
    /// Longest length that matches. Default: `ge` given, 32 or 128; else the prefix's own length.
    pub le: S<Int<0, 128>>,
}

/// A policy: the first rule that matches a route decides about it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Policy {
    /// The rules, in order.
    pub rules: At<Vec<At<Rule>>>,
    /// What happens to a route that no rule matches. Default: reject.
    pub default: At<Action>,
}

/// One rule of a policy.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["action"]))]
pub(in crate::config) struct Rule {
    /// Routes the rule is for. Default: every route.
    #[serde(rename = "match")]
    pub matches: At<Match>,
    /// What changes on a route the rule accepts.
    pub set: At<Set>,
    /// What happens to a route the rule matches.
    pub action: At<Action>,
}

/// What becomes of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Action {
    /// It passes.
    Accept,
    /// It does not pass.
    Reject,
}

/// Conditions; all of them must hold.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Match {
    /// The route's prefix matches this prefix list.
    pub prefix_list: S<String>,
}

/// Changes to a route.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Set {
    /// LOCAL_PREF.
    pub local_pref: S<Int<0, { u32::MAX as u64 }>>,
    /// MULTI_EXIT_DISC.
    pub med: S<Int<0, { u32::MAX as u64 }>>,
    /// Communities.
    pub communities: At<SetCommunities>,
}

/// Changes to a route's communities.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct SetCommunities {
    /// Communities to add, such as `64512:100` or `no-export`.
    pub add: At<Vec<S<Community>>>,
    /// Communities to take away, before any are added.
    pub remove: At<Vec<S<Community>>>,
}
