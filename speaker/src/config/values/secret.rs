//! Passwords.

use std::fmt;

use schemars::{Schema, json_schema};

use super::{Refusal, Scalar};

/// Text nobody may see: `Debug` prints `***`, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The kernel takes TCP-MD5 keys of 1 to 80 bytes (`TCP_MD5SIG_MAXKEYLEN`), what RFC 2385 §4.5 asks for.
    pub const MAX_LEN: usize = 80;

    /// A secret of 1 to [`Self::MAX_LEN`] bytes.
    pub fn new(text: &str) -> Option<Self> {
        (1..=Self::MAX_LEN).contains(&text.len()).then(|| Self(text.to_owned()))
    }

    /// The password in a file's content: all of it but the line break at its end.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn in_file(content: &str) -> Result<Self, String> {
        let text = content.strip_suffix('\n').map_or(content, |line| line.strip_suffix('\r').unwrap_or(line));
        Self::new(text)
            .ok_or_else(|| format!("expected 1 to {} bytes in the file, found {}", Self::MAX_LEN, text.len()))
    }

    /// The text itself, for the one who has to use it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Scalar for Secret {
    const WHAT: &'static str = "a password";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 80 })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        Self::new(text).ok_or_else(|| Refusal {
            message: format!("expected a password of 1 to {} bytes, found {} bytes", Self::MAX_LEN, text.len()),
            help: "the kernel takes no other TCP-MD5 key".to_owned(),
        })
    }
}
