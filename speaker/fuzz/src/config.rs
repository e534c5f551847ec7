//! A configuration's YAML: it is read, or refused with places that are in the file, and nothing tells a secret.
//!
//! The first octet says whether and how a secret stands in the file, on a line of its own; the rest is the text before
//! and behind it, parted by an octet that YAML refuses.

use crate::targets::input::Bound;
use speaker::config::{Config, parse};

/// A node for every few octets, a finding for many of them, at most 1,000 findings with their lines.
pub const BOUND: Bound = Bound { fixed: 2 << 20, per_octet: 1024 };

const SECRET: &str = "hunter2hunter2";

/// How a secret may stand in a file. The key is one that names a secret, or nearly does.
const LINES: [&str; 8] = [
    "    password: SECRET\n",
    "    password: \"SECRET\"\n",
    "    password: 'SECRET'\n",
    "    \"password\": SECRET # SECRET\n",
    "  - { address: 172.16.9.9, asn: 64512, password: SECRET, colour: red }\n",
    "# password: SECRET\n",
    "password: SECRET\n",
    "    pasword: SECRET\n",
];

/// What parts the text before the secret from the text behind it.
const PARTED: char = '\u{1}';

pub fn run(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    let line = if how & 1 == 0 { String::new() } else { LINES[usize::from(how >> 1) % 8].replace("SECRET", SECRET) };
    let text = match text.split_once(PARTED) {
        Some((before, behind)) if line.is_empty() => format!("{before}{behind}"),
        Some((before, behind)) => format!("{before}\n{line}{behind}"),
        None => format!("{text}\n{line}"),
    };
    let told = told(&text);
    // Shorter parts of it may stand in the text by themselves.
    assert!(!told.contains("hunter2h") || text.matches("hunter2h").count() > secrets(&line), "told: {told}");
}

fn secrets(line: &str) -> usize {
    line.matches("hunter2h").count()
}

/// Reads a text; every place must be in it. Returns all that was told.
pub fn told(text: &str) -> String {
    let diagnostics = match parse("fuzzed.yaml", text) {
        Ok(loaded) => {
            shown(&loaded.config);
            loaded.warnings
        }
        Err(errors) => {
            assert!(!errors.0.is_empty(), "refused without a reason");
            errors.0
        }
    };
    let lines: Vec<&str> = text.split('\n').collect();
    let mut told = String::new();
    for diagnostic in diagnostics {
        assert!((1..=lines.len()).contains(&diagnostic.line), "line outside of the file: {diagnostic}");
        let width = lines[diagnostic.line - 1].chars().count();
        assert!((1..=width + 1).contains(&diagnostic.column), "column outside of the line ({width}): {diagnostic}");
        told += &format!("{diagnostic}\n{diagnostic:#}\n{diagnostic:?}\n{}\n", diagnostic.to_json());
    }
    told
}

/// What can be run can be shown, without its secrets.
fn shown(config: &Config) {
    assert!(!format!("{config:?}").contains(SECRET));
}
