//! `roost show overlay`: peers and pools that were set at run time; `roost show config`: with the file they lie over.

use serde_json::{Map, Value};

use super::Column::Text;
use super::table;
use crate::api::configuration::{ConfigText, OverlayRow};

/// The table, in the order in which they were set.
pub fn overlay(rows: &[OverlayRow]) -> String {
    if rows.is_empty() {
        return "No peer and no pool was set at run time.\n".to_owned();
    }
    let columns = [Text("KIND"), Text("NAME"), Text("BY"), Text("IN FORCE"), Text("SETTINGS")];
    let row = |row: &OverlayRow| {
        let by = row.uid.map_or_else(|| "-".to_owned(), |uid| format!("uid {uid}"));
        let in_force = row.idle.as_ref().map_or_else(|| "yes".to_owned(), |why| format!("no: {why}"));
        vec![row.kind.clone(), row.name.clone(), by, in_force, settings(&row.settings)]
    };
    table(&columns, rows.iter().map(row))
}

/// The text as it is written; what lies over it follows as comments, so that all of it is a configuration still.
pub fn config(config: &ConfigText) -> String {
    let mut text = config.text.clone();
    if !config.overlay.is_empty() {
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        text.push_str(end);
        text.push_str("# Set at run time:\n");
        text.extend(overlay(&config.overlay).lines().map(|line| format!("# {line}\n")));
    }
    text
}

/// As they could be written into the file, in one line.
fn settings(settings: &Map<String, Value>) -> String {
    let setting = |(key, value): (&String, &Value)| match value {
        Value::String(text) => format!("{key}: {text}"),
        value => format!("{key}: {value}"),
    };
    super::or_dash(&settings.iter().map(setting).collect::<Vec<_>>().join(", "))
}
