//! What people read: pure functions from the API's types to text.
//!
//! Rules for all of it: columns are aligned and never cut (a terminal wraps, `awk` counts fields), headers are upper
//! case, numbers stand to the right, a value that is not there is `-`, and a state that is not good says why in words.

use std::fmt::Write;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

mod configuration;
mod doctor;
mod fib;
mod groups;
mod log;
mod memory;
mod overlay;
mod owners;
mod peer;
mod peers;
mod pools;
mod routes;
mod status;
mod watch;
mod why;

pub use configuration::{applied, config_steps, confirmed, plan};
pub use doctor::doctor;
pub use fib::fib;
pub use groups::groups;
pub use log::log;
pub use memory::memory;
pub use overlay::{config, overlay};
pub use owners::owners;
pub use peer::{each_peer, peer};
pub use peers::{peers, peers_wide};
pub use pools::{pools, pools_wide};
pub use routes::{route, routes, routes_wide};
pub use status::{drain, status};
pub use watch::{events, watch_line};
pub use why::why;

/// How a column stands.
#[derive(Clone, Copy)]
enum Column {
    Text(&'static str),
    Number(&'static str),
}

/// Columns two spaces apart, without lines; nothing but the header when there is no row.
fn table(columns: &[Column], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|column| match column {
        Column::Text(name) | Column::Number(name) => *name,
    }));
    table.add_rows(rows);
    for (index, column) in columns.iter().enumerate() {
        if let Some(styled) = table.column_mut(index) {
            styled.set_padding((0, 2));
            if matches!(column, Column::Number(_)) {
                styled.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

/// Names to the left, values to the right of them, aligned; names without a value are left out.
struct Facts<'a> {
    indent: usize,
    rows: Vec<(&'a str, String)>,
}

impl<'a> Facts<'a> {
    fn new(indent: usize) -> Self {
        Self { indent, rows: Vec::new() }
    }

    fn add(&mut self, name: &'a str, value: impl ToString) -> &mut Self {
        self.rows.push((name, value.to_string()));
        self
    }

    fn add_some(&mut self, name: &'a str, value: Option<impl ToString>) -> &mut Self {
        if let Some(value) = value {
            self.add(name, value);
        }
        self
    }

    fn add_list(&mut self, name: &'a str, values: &[String]) -> &mut Self {
        if !values.is_empty() {
            self.add(name, values.join(", "));
        }
        self
    }

    fn write(&self, out: &mut String) {
        let width = self.rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in &self.rows {
            let _ = writeln!(out, "{:indent$}{name:width$}  {value}", "", indent = self.indent); // a String takes all
        }
    }
}

/// `12s`, `3m12s`, `5h03m`, `2d04h`: two units, so that a column stays narrow.
pub fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}s", seconds % 60),
        3600..86_400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// `1 path`, `2 paths`.
fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// `1 prefix`, `2 prefixes`.
fn prefixes(number: usize) -> String {
    if number == 1 { "1 prefix".to_owned() } else { format!("{number} prefixes") }
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

fn number_or_dash(number: Option<u32>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_show_two_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m00s"),
            (192, "3m12s"),
            (3_599, "59m59s"),
            (3_600, "1h00m"),
            (86_399, "23h59m"),
            (86_400, "1d00h"),
            (187_200, "2d04h"),
            (u64::MAX, "213503982334601d07h"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }
}
