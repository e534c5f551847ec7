//! What the API says of the configuration: which one is in force, and what leads to another one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// What is doubtful about the file.
    pub warnings: Vec<String>,
}

/// One step.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct StepRow {
    /// The step in words.
    pub text: String,
    /// The peer it is about.
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
