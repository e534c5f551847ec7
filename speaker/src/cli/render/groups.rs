//! `roost show groups`: peers that are sent the same bytes, and who of them is behind.

use super::Column::{Number, Text};
use super::table;
use crate::api::model::GroupRow;

/// Members named in a row; the rest is counted.
const NAMED: usize = 4;

/// The table.
pub fn groups(rows: &[GroupRow]) -> String {
    if rows.is_empty() {
        return "No peer is up.\n".to_owned();
    }
    let columns = [
        Text("FAMILY"),
        Text("KIND"),
        Text("EXPORT"),
        Text("PATHS"),
        Number("MEMBERS"),
        Number("BEHIND"),
        Number("ANNOUNCED"),
        Number("WRITTEN"),
        Number("REUSED"),
        Text("WHO"),
    ];
    table(
        &columns,
        rows.iter().map(|row| {
            vec![
                row.family.clone(),
                row.kind.clone(),
                row.export.clone(),
                if row.add_path { "several" } else { "best" }.to_owned(),
                row.members.len().to_string(),
                row.behind.to_string(),
                row.announced.to_string(),
                row.written.to_string(),
                row.reused.to_string(),
                who(row),
            ]
        }),
    )
}

fn who(row: &GroupRow) -> String {
    let named = row.members.iter().take(NAMED).cloned().collect::<Vec<_>>().join(" ");
    match row.members.len().checked_sub(NAMED + 1) {
        None => named,
        Some(_) => format!("{named} and {} more", row.members.len() - NAMED),
    }
}
