//! What was done to put another configuration in force, and which one is.

use crate::api::configuration::{ConfigStatus, ConfigSteps};

/// The answer of `roost reload`; with `check` nothing was done.
pub fn config_steps(steps: &ConfigSteps, check: bool) -> String {
    let mut text: String = steps.lines().into_iter().map(|line| line + "\n").collect();
    if steps.steps.is_empty() {
        text.push_str("nothing that is in force is different\n");
    }
    let ended: Vec<_> = steps.steps.iter().filter(|step| step.ends).filter_map(|step| step.peer.as_deref()).collect();
    if !check {
        let sessions = match ended.as_slice() {
            [] => "no session was ended".to_owned(),
            [one] => format!("one session was ended: {one}"),
            more => format!("{} sessions were ended: {}", more.len(), more.join(", ")),
        };
        text.push_str(&format!("generation {} of the configuration is in force; {sessions}\n", steps.generation));
    }
    text
}

/// The facts of `roost show status`.
pub(super) fn facts(status: &ConfigStatus) -> Vec<(&'static str, String)> {
    let ConfigStatus { file, generation, error, needs_restart, .. } = status;
    let mut facts = vec![("configuration", format!("{file}, generation {generation}"))];
    if let Some(error) = error {
        facts.push(("not in force", format!("the file as it is now, and nothing of it: {error}")));
    }
    if !needs_restart.is_empty() {
        facts.push(("needs a restart", needs_restart.join(", ")));
    }
    facts
}
