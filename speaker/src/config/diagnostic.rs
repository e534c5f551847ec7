//! What is wrong with a file, and where: findings while reading, diagnostics for people afterwards.
//!
//! The reader and the checks note [`Finding`]s with byte ranges in a [`Report`] and go on, so one run shows every
//! mistake. [`Report::into_diagnostics`] sorts them by place, drops repetitions (a mistake in a group would otherwise
//! be told once a member) and quotes the lines. Quoting is the one place where text of the file leaves for a terminal
//! or a log, therefore the only one that has to know about secrets: it writes what [`Secrets`] has blanked.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use serde::Serialize;

use super::overlay::{Field, Key};
use super::secrets::{Secrets, floor_char};

/// A range of bytes of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub start: u32,
    pub end: u32,
}

impl Place {
    pub fn new(start: usize, end: usize) -> Self {
        let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { start: clamp(start), end: clamp(end.max(start)) }
    }

    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The `index`th value of the overlay. It stands in no text: a file is far shorter than this offset.
    pub fn of_overlay(index: usize) -> Self {
        Self::new(OVERLAY + index, OVERLAY + index + 1)
    }

    /// Which value of the overlay it is; `None` for a place in the file.
    pub fn in_overlay(self) -> Option<usize> {
        (self.start as usize).checked_sub(OVERLAY)
    }
}

/// Where places of the overlay begin.
const OVERLAY: usize = 1 << 31;

/// How much a diagnostic matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot be run.
    Error,
    /// The file can be run, but hardly means what it says.
    Warning,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Finding {
    place: Place,
    severity: Severity,
    message: String,
    help: Option<String>,
}

/// Collects findings; shared by reader and checks.
#[derive(Debug)]
pub(super) struct Report {
    findings: RefCell<Vec<Finding>>,
    /// How many errors and warnings there were, those that are not kept included.
    counts: [Cell<usize>; 2],
    lines: LineIndex,
    /// What stands at the places of the overlay.
    fields: Vec<Field>,
    /// Entries of the overlay that the file has, too: by place, with the file's line.
    shadowed: RefCell<Vec<(Place, usize)>>,
}

impl Report {
    /// Beyond this many errors (and as many warnings) a file is not worth more words, nor memory.
    pub const MAX_FINDINGS: usize = 1_000;

    /// An empty report about `text`.
    pub fn new(text: &str) -> Self {
        Self {
            findings: RefCell::default(),
            counts: Default::default(),
            lines: LineIndex::new(text),
            fields: Vec::new(),
            shadowed: RefCell::default(),
        }
    }

    /// The same about an overlay, too, whose values are these.
    pub fn and_overlay(self, fields: Vec<Field>) -> Self {
        Self { fields, ..self }
    }

    /// The file has what this entry of the overlay sets, in the line of `first`.
    pub fn shadow(&self, place: Place, first: Place) {
        self.shadowed.borrow_mut().push((place, self.line(first)));
    }

    /// What the file has of the overlay, and in which line.
    pub fn shadowed(&self) -> Vec<(Key, usize)> {
        let shadowed = self.shadowed.borrow();
        shadowed.iter().filter_map(|(place, line)| Some((self.field(*place)?.key.clone(), *line))).collect()
    }

    fn field(&self, place: Place) -> Option<&Field> {
        self.fields.get(place.in_overlay()?)
    }

    /// The line of a place, from 1.
    pub fn line(&self, place: Place) -> usize {
        self.lines.index(place.start as usize) + 1
    }

    pub fn error(&self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        self.note(Severity::Error, place, message.into(), help.into());
    }

    pub fn warn(&self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        self.note(Severity::Warning, place, message.into(), help.into());
    }

    fn note(&self, severity: Severity, place: Place, message: String, help: String) {
        let mut findings = self.findings.borrow_mut();
        let count = &self.counts[severity as usize];
        count.set(count.get() + 1);
        if count.get() <= Self::MAX_FINDINGS {
            findings.push(Finding { place, severity, message, help: Some(help).filter(|help| !help.is_empty()) });
        }
    }

    /// Whether one more error would not be shown: then it is not worth searching what may have been meant.
    pub fn is_full(&self) -> bool {
        self.counts[Severity::Error as usize].get() >= Self::MAX_FINDINGS
    }

    /// The findings as people read them: by place, each once.
    pub fn into_diagnostics(self, name: &str, text: &str, secrets: &Secrets) -> Vec<Diagnostic> {
        let mut findings = self.findings.into_inner();
        let mut seen = HashSet::new();
        findings.retain(|finding| seen.insert((finding.place, finding.message.clone())));
        findings.sort_by_key(|finding| (finding.place.start, finding.severity, finding.place.end));
        let diagnose = |finding: Finding| match self.fields.get(finding.place.in_overlay().unwrap_or(usize::MAX)) {
            Some(field) => Diagnostic::of_entry(field.clone(), finding.severity, finding.message, finding.help),
            None => self.lines.diagnose(name, text, secrets, finding),
        };
        findings.into_iter().map(diagnose).collect()
    }
}

/// One mistake or doubt, with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The file's name as it was given.
    pub file: String,
    /// Line from 1; 0 when the file as a whole is meant (it cannot be read).
    pub line: usize,
    /// Column in characters from 1; 0 when the file as a whole is meant.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What was expected, and what to do.
    pub help: Option<String>,
    /// The source line, secrets blanked, with the characters to underline.
    #[serde(skip)]
    quote: Option<Quote>,
    /// The field that is meant of what was set over the API; then there is no line.
    #[serde(skip)]
    pub field: Option<Field>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Quote {
    line: String,
    skip: usize,
    carets: usize,
}

impl Diagnostic {
    /// A diagnostic about a file as a whole.
    pub(super) fn whole_file(file: &str, message: impl Into<String>, help: &str) -> Self {
        Self {
            severity: Severity::Error,
            file: file.to_owned(),
            line: 0,
            column: 0,
            message: message.into(),
            help: Some(help.to_owned()),
            quote: None,
            field: None,
        }
    }

    /// A diagnostic about something that was set over the API.
    pub(super) fn of_entry(field: Field, severity: Severity, message: String, help: Option<String>) -> Self {
        let file = format!("{}, set over the API", field.key);
        Self { severity, file, line: 0, column: 0, message, help, quote: None, field: Some(field) }
    }

    /// What is wrong, and what to do, in a line without the place.
    pub fn in_words(&self) -> String {
        match &self.help {
            Some(help) => format!("{} ({help})", self.message),
            None => self.message.clone(),
        }
    }

    /// The diagnostic as JSON, for tools. Holds no text of the file but what the message names.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "severity": match self.severity { Severity::Error => "error", Severity::Warning => "warning" },
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "help": self.help,
        })
    }
}

impl fmt::Display for Diagnostic {
    /// Place and message, then the line with carets, then the help. The alternate form (`{:#}`) is one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        let warning = if self.severity == Severity::Warning { "warning: " } else { "" };
        write!(f, ": {warning}{}", self.message)?;
        if f.alternate() {
            return self.help.iter().try_for_each(|help| write!(f, " ({help})"));
        }
        if let Some(Quote { line, skip, carets }) = &self.quote {
            // A tab before the caret stays a tab, so that both lines are equally wide on any terminal.
            let indent: String = line.chars().take(*skip).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            write!(f, "\n{:>5} | {line}\n      | {indent}{}", self.line, "^".repeat(*carets))?;
        }
        self.help.iter().try_for_each(|help| write!(f, "\n      = {help}"))
    }
}

/// Where the lines of a text begin.
#[derive(Debug)]
struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    /// Longer lines are cut to a window around the caret.
    const WIDTH: usize = 120;
    /// How far around the caret secrets are looked for, in bytes: a line may be as long as the file.
    const NEAR: usize = 2_048;
    const MAX_CARETS: usize = 60;

    fn new(text: &str) -> Self {
        Self { starts: std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect() }
    }

    /// The line of a byte, from 0.
    fn index(&self, at: usize) -> usize {
        self.starts.partition_point(|line| *line <= at).saturating_sub(1)
    }

    fn diagnose(&self, file: &str, text: &str, secrets: &Secrets, finding: Finding) -> Diagnostic {
        let start = floor_char(text, finding.place.start as usize);
        let end = floor_char(text, finding.place.end as usize).max(start);
        let index = self.index(start);
        let from = self.starts[index];
        let next = self.starts.get(index + 1).map_or(text.len(), |next| next - 1);
        let line = text[from..next].trim_end_matches('\r');
        Diagnostic {
            severity: finding.severity,
            file: file.to_owned(),
            line: index + 1,
            column: text[from..start].chars().count() + 1,
            message: finding.message,
            help: finding.help,
            quote: Some(Self::quote(text, secrets, from..from + line.len(), start..end)),
            field: None,
        }
    }

    /// The part of a line around `mark`: at most [`Self::WIDTH`] characters of it, secrets blanked, and control
    /// characters as `\u{fffd}`, since they must not reach a terminal.
    fn quote(text: &str, secrets: &Secrets, line: Range<usize>, mark: Range<usize>) -> Quote {
        let near = floor_char(text, mark.start.saturating_sub(Self::NEAR)).max(line.start)
            ..floor_char(text, mark.start + Self::NEAR).min(line.end);
        let mark = mark.start.min(line.end)..mark.end.min(line.end);
        let (blanked, skip, carets) = secrets.blank(text, near.clone(), mark);
        let printable = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
        let length = blanked.chars().count();
        let first = if length > Self::WIDTH { skip.saturating_sub(Self::WIDTH / 2) } else { 0 };
        let shown: String = blanked.chars().skip(first).take(Self::WIDTH).map(printable).collect();
        let cut_front = if first > 0 || near.start > line.start { "…" } else { "" };
        let cut_back = if length > first + Self::WIDTH || near.end < line.end { "…" } else { "" };
        Quote {
            line: format!("{cut_front}{shown}{cut_back}"),
            skip: skip - first + cut_front.chars().count(),
            carets: carets.clamp(1, Self::MAX_CARETS),
        }
    }
}

/// Everything that keeps a file from being run. `Display` is the full text for people, `{:#}` one line a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Diagnostic>);

impl ConfigErrors {
    /// The diagnostics as a JSON array.
    pub fn to_json(&self) -> serde_json::Value {
        self.0.iter().map(Diagnostic::to_json).collect()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(diagnostic, f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// The one of `known` that `typed` most likely means: the same but for a third of its letters, the same thing in
/// another program's words, or a longer or shorter form of it.
pub(crate) fn closest<'k>(typed: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> Option<&'k str> {
    if typed.len() > 64 {
        return None;
    }
    let normal = |name: &str| name.to_lowercase().replace('-', "_");
    let typed = normal(typed);
    let limit = (typed.chars().count() / 3).clamp(1, 3);
    let near = known.clone().into_iter().map(|name| (distance(&typed, &normal(name)), name));
    let near = near
        .filter(|(distance, name)| *distance <= limit && *distance < name.len())
        .min_by_key(|(distance, _)| *distance);
    let synonym = |name: &str| SYNONYMS.iter().any(|(word, key)| *word == typed && *key == name);
    let form = |name: &str| name.len().min(typed.len()) >= 4 && (name.starts_with(&*typed) || typed.starts_with(name));
    near.map(|(_, name)| name)
        .or_else(|| known.clone().into_iter().find(|name| synonym(name)))
        .or_else(|| known.into_iter().find(|name| form(&normal(name))))
}

/// What keys are called elsewhere: in BIRD, FRR, GoBGP and Kubernetes' resources.
const SYNONYMS: &[(&str, &str)] = &[
    ("remote_as", "asn"),
    ("local_as", "asn"),
    ("peer_as", "asn"),
    ("as_number", "asn"),
    ("asnumber", "asn"),
    ("neighbor", "address"),
    ("neighbor", "peers"),
    ("neighbors", "peers"),
    ("neighbour", "address"),
    ("neighbours", "peers"),
    ("peerip", "address"),
    ("ip", "address"),
    ("update_source", "source"),
    ("source_address", "source"),
    ("local_address", "source"),
    ("rr_client", "route_reflector_client"),
    ("multihop", "ebgp_multihop"),
    ("gtsm", "ttl_security"),
    ("filters", "policies"),
    ("route_maps", "policies"),
    ("route_map", "policies"),
    ("ippools", "pools"),
    ("kernel", "fib"),
    ("auth_password", "password"),
    ("restart_wait", "startup_wait"),
];

/// Edit distance where swapping two neighbours counts one (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // Row i holds the distances from the first i characters of a; only the last two rows are looked at again.
    let mut before = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}
