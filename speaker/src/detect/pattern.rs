//! A regular expression over interface names.
//!
//! regex-lite takes time linear in pattern times text whatever the pattern is, as Go's expressions do, whose syntax is
//! the same but for Unicode classes; what a pattern compiles to is bounded here.

use std::fmt;

use regex_lite::{Regex, RegexBuilder};

/// The longest pattern, in octets.
pub const MAX_PATTERN: usize = 128;

/// What a pattern may compile to, in octets.
const MAX_COMPILED: usize = 64 << 10;

/// A regular expression that is found anywhere in a name unless it is anchored.
#[derive(Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// The pattern `text` describes.
    ///
    /// # Errors
    /// When it is no regular expression, or too large a one; in words.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > MAX_PATTERN {
            return Err(format!("has {} octets, 1 to {MAX_PATTERN} are possible", text.len()));
        }
        RegexBuilder::new(text).size_limit(MAX_COMPILED).build().map(Self).map_err(|error| error.to_string())
    }

    /// Whether it is found in `name`.
    pub fn is_in(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.as_str())
    }
}
