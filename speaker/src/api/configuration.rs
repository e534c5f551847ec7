//! What the API says of the configuration: which one is in force, and what leads to another one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::apply::Unconfirmed;

/// The configuration in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct ConfigStatus {
    /// The file.
    pub file: String,
    /// 1 at start, and one more whenever another configuration is put in force.
    pub generation: u64,
    /// When the file was last read, in milliseconds since 1970 by the node's clock of now.
    pub read_at: u64,
    /// Why what was read then is not in force; nothing when it is.
    pub error: Option<String>,
    /// Keys of the file whose new value waits for the next start.
    #[serde(default)]
    pub needs_restart: Vec<String>,
    /// It is not the file's, and waits to be confirmed.
    #[serde(default)]
    pub unconfirmed: Option<Unconfirmed>,
    /// Which one is not in force any more because nobody confirmed it, and why; until another one is put in force.
    #[serde(default)]
    pub gone_back: Option<String>,
    /// What was set over the API and is not in force, each with the reason.
    #[serde(default)]
    pub idle: Vec<String>,
}

/// A peer or a pool that was set over the API.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct OverlayRow {
    /// `peer` or `pool`.
    pub kind: String,
    /// The peer's address, or the pool's range.
    pub name: String,
    /// Its keys as in the file; passwords are `***`.
    pub settings: Map<String, Value>,
    /// The user who set it, where the kernel says so.
    pub uid: Option<u32>,
    /// Why it is not in force; nothing when it is.
    pub idle: Option<String>,
}

/// The configuration in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct ConfigText {
    /// The configuration file.
    pub file: String,
    /// The generation in force.
    pub generation: u64,
    /// What was read, comments and all; passwords are `***`. While it waits to be confirmed, the file says something else.
    pub text: String,
    /// What was set over the API, and lies over it.
    pub overlay: Vec<OverlayRow>,
}

/// Which file to read again.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ReloadRequest {
    /// Only say what would be done.
    #[serde(default)]
    pub check: bool,
}

/// What was done to put another configuration in force, or would be.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct ConfigSteps {
    /// The generation in force.
    pub generation: u64,
    /// The steps, in order; none when nothing in force is different.
    pub steps: Vec<StepRow>,
    /// Keys whose new value waits for the next start.
    pub needs_restart: Vec<String>,
    /// What is doubtful about the file; of what was done, what was not doubtful in the one before.
    pub warnings: Vec<String>,
}

/// A configuration that could be put in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// What mistakes call it.
    pub name: String,
    /// The file's whole text. Password files that it names are looked for on the node, beside the file in force.
    pub text: String,
}

/// What would be done to put a configuration in force, and what would come of that.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct Plan {
    /// The steps; `ends` says whether the peer has a session now that would be ended.
    #[serde(flatten)]
    pub steps: ConfigSteps,
    /// Routes that would appear, vanish or take another way, in order of prefix: the first 1,000.
    pub routes: Vec<RouteFate>,
    /// How many there are.
    pub routes_total: usize,
    /// Peers that would be told something else, of those whose session goes on: the first 1,000, in order of name.
    #[serde(default)]
    pub exports: Vec<ExportChanges>,
    /// How many there are.
    #[serde(default)]
    pub exports_total: usize,
    /// What would become of the kernel's routes; nothing where roost writes none (`fib.enabled: false`).
    #[serde(default)]
    pub kernel: Option<KernelPlan>,
    /// What nobody can know before it is done, in words.
    #[serde(default)]
    pub unknown: Vec<String>,
}

/// What would become of a route.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct RouteFate {
    /// The prefix.
    pub prefix: String,
    /// Its next hops now, `local` for what the node itself announces; nothing: there is no route.
    pub before: Option<String>,
    /// The same for then; nothing: there would be no route.
    pub after: Option<String>,
    /// Whether it would come back with the session, which only begins anew.
    pub for_a_moment: bool,
    /// Whether the kernel's route would change with it.
    pub kernel: bool,
    /// Whether that is so only if none of the new peers announces it, which nobody can know.
    #[serde(default)]
    pub unless_new: bool,
}

/// What a peer would be told otherwise, in prefixes; in paths where it is told several of a prefix (RFC 7911).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct ExportChanges {
    /// The peer.
    pub peer: String,
    /// Announced to it then, and not now.
    pub announced: usize,
    /// Announced with other attributes.
    pub changed: usize,
    /// Withdrawn.
    pub withdrawn: usize,
    /// Otherwise only until sessions that begin anew are back.
    pub for_a_moment: usize,
}

/// What would become of the kernel's routes, if the kernel refuses nothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct KernelPlan {
    /// How many, by pool of the new configuration; pools where nothing changes are left out.
    pub changes: Vec<KernelChanges>,
    /// Those routes, in order of prefix: the first 1,000.
    pub routes: Vec<KernelFate>,
    /// Of how many prefixes the routes would be others.
    pub routes_total: usize,
    /// Learned routes that would wait then, as `fib.max_routes` others are installed. They are counted above as if each
    /// were written: which of them wait, the order in which they come says.
    #[serde(default)]
    pub over_limit: usize,
}

/// Prefixes of a pool by what would become of their kernel routes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct KernelChanges {
    /// The pool's range; nothing: prefixes in no pool.
    pub pool: Option<String>,
    /// Without a route now, with one then.
    pub added: usize,
    /// With a route now, without one then.
    pub removed: usize,
    /// With another route then: next hop, device, metric, table or protocol.
    pub changed: usize,
    /// With another route, or none, only until sessions that begin anew are back.
    pub for_a_moment: usize,
}

/// What would become of a prefix in the kernel.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct KernelFate {
    /// The prefix.
    pub prefix: String,
    /// Its routes now, as `ip route` prints them; nothing: it has none.
    pub before: Vec<String>,
    /// The same for then.
    pub after: Vec<String>,
    /// Whether it would come back with the session, which only begins anew.
    pub for_a_moment: bool,
}

/// One step.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct StepRow {
    /// The step in words.
    pub text: String,
    /// The peer it is about, or the range of dynamic peers.
    pub peer: Option<String>,
    /// What becomes of the session with the peer.
    pub session: Option<SessionEffect>,
    /// Whether a session that was up is ended by it.
    pub ends: bool,
}

/// What becomes of a session.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum SessionEffect {
    /// It goes on.
    Stays,
    /// It ends, and another one follows.
    Resets,
    /// It ends.
    Ends,
    /// There is to be one.
    Begins,
}

impl ConfigSteps {
    /// The same for people, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.warnings.clone();
        lines.extend(self.steps.iter().map(|step| step.text.clone()));
        if !self.needs_restart.is_empty() {
            lines.push(format!("needs a restart, and stays as it was until then: {}", self.needs_restart.join(", ")));
        }
        lines
    }
}
