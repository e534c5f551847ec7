//! Whatever is done to a configuration, reading it ends in a configuration or in errors with a place in the file, and
//! no error shows a secret.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::config::told;
use crate::seeds::EXAMPLES;

/// What YAML, and this configuration, take seriously.
const TOKENS: &[&str] = &[
    ":",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\t",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"",
    "'",
    "#",
    " #",
    "&a ",
    "*a",
    "!x ",
    "!!str ",
    "|\n",
    ">\n",
    "? ",
    "<<: *a",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "~",
    "null",
    "true",
    "yes",
    "0",
    "-1",
    "65536",
    "4294967296",
    "1e9",
    "0x10",
    ".inf",
    "10.65.0.0/16",
    "10.65.1.1/26",
    "172.16.1.1",
    "fd00::1",
    "fe80::1%eth0",
    "::/0",
    "99999999999999999999d",
    "90s",
    "asn",
    "peers",
    "password_file: x",
    "mesh",
    "accept",
    "\u{0}",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "é",
    "🦤",
];

/// Something done to a text at a place, a fraction of its length.
#[derive(Clone, Debug)]
enum Edit {
    Insert(f64, &'static str),
    Bytes(f64, Vec<u8>),
    Cut(f64, usize),
    Repeat(f64, usize, usize),
    Swap(f64, f64),
    DropLine(f64),
    Indent(f64, bool),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = || 0.0..1.0_f64;
    prop_oneof![
        4 => (at(), proptest::sample::select(TOKENS)).prop_map(|(at, token)| Edit::Insert(at, token)),
        2 => (at(), vec(any::<u8>(), 1..4)).prop_map(|(at, bytes)| Edit::Bytes(at, bytes)),
        3 => (at(), 1..40_usize).prop_map(|(at, length)| Edit::Cut(at, length)),
        1 => (at(), 1..40_usize, 1..30_usize).prop_map(|(at, length, times)| Edit::Repeat(at, length, times)),
        2 => (at(), at()).prop_map(|(a, b)| Edit::Swap(a, b)),
        2 => at().prop_map(Edit::DropLine),
        2 => (at(), any::<bool>()).prop_map(|(at, deeper)| Edit::Indent(at, deeper)),
    ]
}

/// The text after an edit. Lines that hold the secret stay whole: a secret without its key is only a text.
fn apply(text: &str, edit: &Edit, secret: Option<&str>) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let line_at = |at: f64| ((lines.len() as f64 * at) as usize).min(lines.len().saturating_sub(1));
    let guarded = |line: usize| secret.is_some_and(|secret| lines.get(line).is_some_and(|line| line.contains(secret)));
    let byte_at =
        |at: f64| (0..=(text.len() as f64 * at) as usize).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let line_of = |byte: usize| text[..byte].matches('\n').count();
    let swapped = |a: usize, b: usize| {
        let mut lines = lines.clone();
        lines.swap(a, b);
        lines.concat()
    };
    match edit {
        Edit::Insert(at, token) if !guarded(line_of(byte_at(*at))) => {
            let at = byte_at(*at);
            format!("{}{token}{}", &text[..at], &text[at..])
        }
        Edit::Bytes(at, bytes) if !guarded(line_of(byte_at(*at))) => {
            let at = byte_at(*at);
            format!("{}{}{}", &text[..at], String::from_utf8_lossy(bytes), &text[at..])
        }
        Edit::Cut(at, length) | Edit::Repeat(at, length, _) => {
            let start = byte_at(*at);
            let end =
                (start..=(start + length).min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(start);
            if (line_of(start)..=line_of(end)).any(guarded) {
                return text.to_owned();
            }
            let times = if let Edit::Repeat(_, _, times) = edit { *times } else { 0 };
            format!("{}{}{}", &text[..start], text[start..end].repeat(times), &text[end..])
        }
        Edit::Swap(a, b) if !lines.is_empty() => swapped(line_at(*a), line_at(*b)),
        Edit::DropLine(at) if !lines.is_empty() => {
            let mut lines = lines.clone();
            lines.remove(line_at(*at));
            lines.concat()
        }
        Edit::Indent(at, deeper) if !lines.is_empty() => {
            let index = line_at(*at);
            let changed =
                if *deeper { format!("  {}", lines[index]) } else { lines[index].trim_start_matches(' ').to_owned() };
            [&lines[..index].concat(), &*changed, &lines[index + 1..].concat()].concat()
        }
        _ => text.to_owned(),
    }
}

/// How a secret may stand in a file, on a line of its own. `KEY` is the key.
const PLACES: &[&str] = &[
    "    KEY: SECRET\n",
    "    KEY: \"SECRET\"\n",
    "    KEY: 'SECRET'\n",
    "    \"KEY\": SECRET # SECRET\n",
    "    KEY:   SECRET, SECRET } ]\n",
    "  - { address: 172.16.9.9, asn: 64512, KEY: SECRET, colour: red }\n",
    "# KEY: SECRET\n",
    "KEY: SECRET\n",
];

const KEYS: &[&str] =
    &["password", "Password", "pasword", "passwrd", "passwords", "pass_word", "password_", "secret", "md5_password"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_file_is_read_or_refused_with_places(
        (_, example) in proptest::sample::select(&EXAMPLES[..]),
        edits in vec(edit(), 1..6),
    ) {
        let text = edits.iter().fold(example.to_owned(), |text, edit| apply(&text, edit, None));
        told(&text);
    }

    #[test]
    fn any_text_is_read_or_refused_with_places(text in "(\\PC|[\n\t :{}\\[\\],\"'#&*!|>?-]){0,200}") {
        told(&text);
    }

    #[test]
    fn a_secret_is_never_told(
        (_, example) in proptest::sample::select(&EXAMPLES[..]),
        place in proptest::sample::select(PLACES),
        key in proptest::sample::select(KEYS),
        at in 0.0..1.0_f64,
        edits in vec(edit(), 0..6),
    ) {
        let secret = "hunter2hunter2";
        let line = place.replace("KEY", key).replace("SECRET", secret);
        let lines: Vec<&str> = example.split_inclusive('\n').collect();
        let index = (lines.len() as f64 * at) as usize;
        let text = [&lines[..index].concat(), &*line, &lines[index..].concat()].concat();
        let text = edits.iter().fold(text, |text, edit| apply(&text, edit, Some(secret)));
        let told = told(&text);
        prop_assert!(!told.contains("hunter2"), "{text}\n{told}");
    }
}
