//! `roost show overlay`: peers and pools that were set at run time.

use serde_json::{Map, Value};

use super::Column::Text;
use super::table;
use crate::api::configuration::OverlayRow;

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

/// As they could be written into the file, in one line.
fn settings(settings: &Map<String, Value>) -> String {
    let setting = |(key, value): (&String, &Value)| match value {
        Value::String(text) => format!("{key}: {text}"),
        value => format!("{key}: {value}"),
    };
    super::or_dash(&settings.iter().map(setting).collect::<Vec<_>>().join(", "))
}
