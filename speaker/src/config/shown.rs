//! The text of a configuration as it may be shown: comments and all, without what is secret.

use super::diagnostic::Report;
use super::secrets::Secrets;
use super::tree;

/// The text, line by line, with `***` in place of each password. What it means does not matter here; of one that is no
/// YAML, whatever follows a word like `password` is blanked.
pub fn shown(text: &str) -> String {
    let mut secrets = Secrets::default();
    // The tree tells the secrets; mistakes are said where the text is checked.
    let _ = tree::parse(text, &Report::new(text), &mut secrets);
    secrets.blank_all(text)
}
