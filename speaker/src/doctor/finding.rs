//! What the doctor says: what is wrong, where, why that matters to pods, and what to type.

use schemars::JsonSchema;
use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Note,
    /// Some packets are lost, or will be.
    Warning,
    /// Packets of pods are lost.
    Error,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Serialize, JsonSchema, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub what: String,
    /// What follows for pods.
    pub why: String,
    /// Commands that end it, each a line to type.
    pub remedy: Vec<String>,
    /// What to do where no command does it, or what to know about the commands; empty for nothing.
    pub hint: String,
}

impl Finding {
    /// An error with its consequence.
    pub fn error(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { severity: Severity::Error, what: what.into(), why: why.into(), remedy: Vec::new(), hint: String::new() }
    }

    /// A warning with its consequence.
    pub fn warning(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(what, why) }
    }

    /// A note with its consequence.
    pub fn note(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::error(what, why) }
    }

    /// … with one command more.
    #[must_use]
    pub fn typing(mut self, command: impl Into<String>) -> Self {
        self.remedy.push(command.into());
        self
    }

    /// … with words on what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

/// What one check came to.
#[derive(Clone, Debug, Serialize, JsonSchema, PartialEq, Eq)]
pub struct Outcome {
    /// Which check.
    pub check: &'static str,
    /// What was looked at.
    pub looked_at: String,
    /// What is wrong; nothing, if that is empty.
    pub findings: Vec<Finding>,
    /// Why nothing could be looked at; `null` when it could.
    pub not_checked: Option<String>,
}

impl Outcome {
    /// Looked at, and what was found.
    pub fn of(check: &'static str, looked_at: impl Into<String>, findings: Vec<Finding>) -> Self {
        Self { check, looked_at: looked_at.into(), findings, not_checked: None }
    }

    /// Not looked at.
    pub fn not_checked(check: &'static str, why: impl Into<String>) -> Self {
        Self { check, looked_at: String::new(), findings: Vec::new(), not_checked: Some(why.into()) }
    }
}

/// All of it.
#[derive(Clone, Debug, Serialize, JsonSchema, PartialEq, Eq)]
pub struct Report {
    /// Where the settings come from, and whether a daemon runs.
    pub settings: String,
    /// The network namespace that was looked at, such as `net:[4026531840]`.
    pub netns: String,
    /// Whether that is the daemon's; if not, nothing of it was judged.
    pub looked: bool,
    /// Check by check.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// All findings, in order of the checks.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.outcomes.iter().flat_map(|outcome| &outcome.findings)
    }

    /// Whether somebody should do something.
    pub fn is_well(&self) -> bool {
        self.findings().all(|finding| finding.severity == Severity::Note)
    }
}
