//! `roost log`: how much is logged.

use super::Facts;
use crate::api::model::LogLevels;

/// What is in force, and what of it the configuration says.
pub fn log(levels: &LogLevels) -> String {
    let mut text = String::new();
    let mut facts = Facts::new(0);
    facts.add("level", levels.level.map_or(&*levels.configured, |level| level.as_str()));
    for (target, level) in &levels.targets {
        facts.add(target, level.as_str());
    }
    let back = if levels.is_changed() { "; `roost log --reset` goes back to that" } else { "" };
    facts.add("configured", format!("{} ({}){back}", levels.configured, levels.by));
    facts.write(&mut text);
    text
}
