//! Which parts of a file must never be shown.
//!
//! Two sources, because neither is enough. The parsed tree knows exactly where the value of a `password` key stands,
//! over several lines or behind an alias. The text scan knows nothing of YAML, but works where there is no tree: in
//! comments, in a file with a syntax error, and for a misspelt key. Both think of any key that looks like a password,
//! since a typo in the key is exactly when the line gets quoted.

use std::borrow::Cow;
use std::ops::Range;

use super::diagnostic::{Place, closest};

/// Byte ranges to blank.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    ranges: Vec<Place>,
    scan_all: bool,
}

/// What stands for a secret, however long it is.
const BLANK: &str = "***";

/// A line as it is shown, and the marked part of it.
struct Shown {
    text: String,
    mark: Range<usize>,
    skip: usize,
    carets: usize,
}

impl Shown {
    fn plain(&mut self, source: &str, range: Range<usize>) {
        for (at, c) in source.get(range.clone()).unwrap_or_default().char_indices() {
            self.text.push(c);
            let at = range.start + at;
            self.skip += usize::from(at < self.mark.start);
            self.carets += usize::from(self.mark.contains(&at));
        }
    }

    fn blank(&mut self, range: Range<usize>) {
        let width = if self.text.ends_with(BLANK) { 0 } else { BLANK.len() };
        self.text.push_str(&BLANK[..width]);
        if range.end <= self.mark.start {
            self.skip += width;
        } else if range.start < self.mark.end {
            self.carets += width;
        }
    }
}

impl Secrets {
    /// Blanks `place`.
    pub fn hide(&mut self, place: Place) {
        self.ranges.push(place);
    }

    /// Secrets of a text that is not even YAML.
    pub fn distrusted() -> Self {
        Self { scan_all: true, ..Self::default() }
    }

    /// There is no complete tree: whatever follows a password-like word is blanked, to its very end.
    pub fn distrust_tree(&mut self) {
        self.scan_all = true;
    }

    /// Whether values of this key are secrets: `password` and what may be meant by it.
    pub fn is_secret_key(key: &str) -> bool {
        let key = key.to_lowercase();
        if key.ends_with("file") {
            return false;
        }
        let named = ["passw", "passphrase", "secret", "md5", "auth"].iter().any(|part| key.contains(part));
        named || key == "pass" || ((6..=10).contains(&key.len()) && closest(&key, ["password"]).is_some())
    }

    /// The text of `line` with every secret in it blanked, and where the characters of `mark` stand in it: how many
    /// come before, and how many they are.
    pub fn blank(&self, text: &str, line: Range<usize>, mark: Range<usize>) -> (String, usize, usize) {
        let mut hidden: Vec<Range<usize>> = self.ranges.iter().map(|place| place.range()).collect();
        hidden.extend(self.scan(text, line.clone()));
        hidden.retain(|range| range.start < line.end && range.end > line.start && !range.is_empty());
        hidden.sort_by_key(|range| range.start);
        let mut shown = Shown { text: String::with_capacity(line.len()), mark, skip: 0, carets: 0 };
        let mut at = line.start;
        for range in hidden {
            if range.end > at {
                shown.plain(text, at..range.start);
                shown.blank(range.start.max(at)..range.end);
                at = range.end.min(line.end);
            }
        }
        shown.plain(text, at..line.end);
        (shown.text, shown.skip, shown.carets)
    }

    /// The whole text with every secret in it blanked.
    pub fn blank_all(&self, text: &str) -> String {
        // That of a block ends where the next key begins, whose indentation is not secret.
        let cut = |place: &Place| {
            let range = place.range();
            Place::new(range.start, range.start + text.get(range).unwrap_or_default().trim_end().len())
        };
        let mut places: Vec<Place> = self.ranges.iter().map(cut).collect();
        places.sort_by_key(|place| place.range().start);
        let mut shown = String::with_capacity(text.len());
        let (mut at, mut first) = (0, 0);
        for line in text.split_inclusive('\n') {
            let end = at + line.trim_end_matches(['\n', '\r']).len();
            // Those of this line alone, as a large file may have many; one behind its end is the value of its last key.
            first += places[first..].iter().take_while(|place| place.range().end < at).count();
            let here = places[first..].iter().take_while(|place| place.range().start <= end).copied().collect();
            shown.push_str(&Self { ranges: here, scan_all: self.scan_all }.blank(text, at..end, end..end).0);
            at += line.len();
            shown.push_str(&text[end..at]);
        }
        shown
    }

    /// Ranges a reader of the bare text takes for secrets.
    fn scan(&self, text: &str, line: Range<usize>) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for word in words(text, line.clone()) {
            let value = value_start(text, word.end, line.end);
            // In `[secret, x]` nothing is called secret.
            let bare = !self.scan_all
                && text[word.end..value].find([':', '=']).is_none()
                && text[value..line.end].chars().next().is_none_or(|next| matches!(next, ',' | '}' | ']'));
            if !bare && Self::is_secret_key(&text[word.clone()]) && !self.knows(text, word) {
                found.push(value..line.end);
            }
        }
        if self.scan_all && continues_secret(text, line.start) {
            found.push(line);
        }
        found
    }

    /// Whether the tree has told about the value behind a key, or the key is part of a secret itself.
    fn knows(&self, text: &str, key: Range<usize>) -> bool {
        let value = value_start(text, key.end, text.len());
        let known = |range: Range<usize>| range.contains(&key.start) || range.contains(&value) || range.start == value;
        !self.scan_all && self.ranges.iter().any(|place| known(place.range()))
    }
}

/// Words of a line: what could be a key.
fn words(text: &str, line: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let part = &text[line.clone()];
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + part[at..].find(is_word)?;
        let end = part[start..].find(|c| !is_word(c)).map_or(part.len(), |length| start + length);
        at = end;
        Some(line.start + start..line.start + end)
    })
}

/// Where the value of a key that ends at `at` begins: behind a closing quote, blanks, a colon and blanks.
pub(super) fn value_start(text: &str, at: usize, limit: usize) -> usize {
    let rest = &text[at..limit];
    let behind = rest.trim_start_matches(['"', '\'']).trim_start_matches([' ', '\t']);
    let behind = behind.strip_prefix([':', '=']).unwrap_or(behind).trim_start_matches([' ', '\t']);
    limit - behind.len()
}

/// Whether the line at `line_start` may be the rest of a secret that began on an earlier line: going up, a line with a
/// password-like word comes before any line that is a sibling or parent of it.
fn continues_secret(text: &str, line_start: usize) -> bool {
    const FAR: usize = 16 << 10;
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let own = text[line_start..].split('\n').next().unwrap_or_default();
    let mut deepest = if own.trim().is_empty() { usize::MAX } else { indent(own) };
    let near = floor_char(text, line_start.saturating_sub(FAR));
    for line in text[near..line_start].trim_end_matches('\n').rsplit('\n') {
        if line.trim().is_empty() {
            continue;
        }
        let secret = words(line, 0..line.len()).any(|word| Secrets::is_secret_key(&line[word]));
        let open_quote = line.matches('"').count() % 2 == 1 || line.matches('\'').count() % 2 == 1;
        if secret && (open_quote || indent(line) < deepest) {
            return true;
        }
        if !secret && indent(line) < deepest && line.contains(':') {
            return false;
        }
        deepest = deepest.min(indent(line));
    }
    false
}

/// Text of the file as a message may quote it: short, on one line, and cut behind a password-like word. (A quote that
/// is never closed can swallow the rest of a line, and then a value is no longer only what its key stands for.)
pub(super) fn crop(text: &str) -> Cow<'_, str> {
    const MAX: usize = 48;
    let start = text.char_indices().nth(MAX).map_or(text.len(), |(at, _)| at);
    let start = text[..start].find(['\n', '\r']).unwrap_or(start);
    let end =
        words(text, 0..start).find(|word| Secrets::is_secret_key(&text[word.clone()])).map_or(start, |word| word.end);
    match end == text.len() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("{}…", &text[..end])),
    }
}

/// The nearest character boundary at or before `at`.
pub(super) fn floor_char(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
