//! What is wrong with a file, and where: findings while reading, diagnostics for people afterwards.
//!
//! The reader and the checks note [`Finding`]s with byte ranges in a [`Report`] and go on, so one run shows every
//! mistake. [`Report::into_diagnostics`] sorts them by place, drops repetitions (a mistake in a group would otherwise
//! be told once a member) and quotes the lines. Quoting is the one place where text of the file leaves for a terminal
//! or a log, therefore the only one that has to know about secrets: it writes what [`Secrets`] has blanked.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use super::secrets::Secrets;

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
}

/// How much a diagnostic matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    lines: LineIndex,
}

impl Report {
    /// Beyond this many findings a file is not worth more words (and a hostile one gets no more memory).
    const MAX_FINDINGS: usize = 1_000;

    /// An empty report about `text`.
    pub fn new(text: &str) -> Self {
        Self { findings: RefCell::default(), lines: LineIndex::new(text) }
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
        if findings.len() < Self::MAX_FINDINGS {
            findings.push(Finding { place, severity, message, help: Some(help).filter(|help| !help.is_empty()) });
        }
    }

    /// The findings as people read them: by place, each once.
    pub fn into_diagnostics(self, name: &str, text: &str, secrets: &Secrets) -> Vec<Diagnostic> {
        let mut findings = self.findings.into_inner();
        let mut seen = HashSet::new();
        findings.retain(|finding| seen.insert((finding.place, finding.message.clone())));
        findings.sort_by_key(|finding| (finding.place.start, finding.severity, finding.place.end));
        findings.into_iter().map(|finding| self.lines.diagnose(name, text, secrets, finding)).collect()
    }
}

/// One mistake or doubt, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    quote: Option<Quote>,
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
        let line = text[from..].split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let to = from + line.len();
        let (shown, skip, carets) = secrets.blank(text, from..to, start.min(to)..end.min(to));
        Diagnostic {
            severity: finding.severity,
            file: file.to_owned(),
            line: index + 1,
            column: text[from..start].chars().count() + 1,
            message: finding.message,
            help: finding.help,
            quote: Some(Self::window(&shown, skip, carets.clamp(1, Self::MAX_CARETS))),
        }
    }

    /// Cuts a long line, and shows control characters as `\u{fffd}`: they must not reach a terminal.
    fn window(line: &str, skip: usize, carets: usize) -> Quote {
        let printable = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
        let length = line.chars().count();
        let first = if length > Self::WIDTH { skip.saturating_sub(Self::WIDTH / 2) } else { 0 };
        let cut_front = if first > 0 { "…" } else { "" };
        let shown: String = line.chars().skip(first).take(Self::WIDTH).map(printable).collect();
        let cut_back = if length > first + Self::WIDTH { "…" } else { "" };
        Quote { skip: skip - first + cut_front.chars().count(), line: format!("{cut_front}{shown}{cut_back}"), carets }
    }
}

/// The nearest character boundary at or before `at`.
fn floor_char(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
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

/// The one of `known` that `typed` most likely means: at most a third of its letters differ.
pub(super) fn closest<'k>(typed: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if typed.len() > 64 {
        return None;
    }
    let normal = typed.to_lowercase().replace('-', "_");
    let limit = (normal.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|name| (distance(&normal, &name.to_lowercase().replace('-', "_")), name))
        .filter(|(distance, name)| *distance <= limit && *distance < name.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Edit distance where swapping two neighbours counts one (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let same = usize::from(a[i - 1] != b[j - 1]);
                let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + same);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}
