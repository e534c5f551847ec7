//! The wrong fields of a request: each with its place as a JSON pointer, all of them in one answer.

use std::fmt::Write;

use bgp_proto::Prefix;

use super::model::{FieldProblem, Problem};
use super::prefixes::{parse, shown};

/// Wrong fields named in one answer; the rest is counted.
const NAMED: usize = 20;

/// What is wrong so far.
#[derive(Debug, Default)]
pub(super) struct Fields {
    wrong: Vec<FieldProblem>,
    more: usize,
}

impl Fields {
    /// One more. The pointer is RFC 6901's, such as `/prefixes/1`.
    pub fn wrong(&mut self, pointer: String, detail: String) {
        if self.wrong.len() < NAMED {
            self.wrong.push(FieldProblem { pointer, detail });
        } else {
            self.more += 1;
        }
    }

    /// The good ones of a list of prefixes, with their places; a bare address counts as /32 or /128. Host bits are an
    /// error: a block with host bits is more often a mistyped address than a block.
    pub fn prefixes(&mut self, field: &str, texts: &[String]) -> Vec<(usize, Prefix)> {
        let mut prefixes = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            match parse(text) {
                Ok(prefix) => prefixes.push((index, prefix)),
                Err(reason) => self.wrong(format!("/{field}/{index}"), format!("{}: {reason}", shown(text))),
            }
        }
        prefixes
    }

    /// 400 with all of it, if there is anything.
    pub fn problem(self) -> Option<Problem> {
        if self.wrong.is_empty() {
            return None;
        }
        let each: Vec<_> =
            self.wrong.iter().map(|FieldProblem { pointer, detail }| format!("{}: {detail}", path(pointer))).collect();
        let mut detail = each.join("; ");
        if self.more > 0 {
            let _ = write!(detail, "; and {} more", self.more); // writing to a String cannot fail
        }
        Some(Problem { errors: self.wrong, ..Problem::bad_request(detail) })
    }
}

/// A pointer as people write it: `prefixes[1]`.
fn path(pointer: &str) -> String {
    let mut path = String::new();
    for step in pointer.trim_start_matches('/').split('/') {
        let _ = match step.parse::<usize>() {
            Ok(index) => write!(path, "[{index}]"),
            Err(_) if path.is_empty() => write!(path, "{step}"),
            Err(_) => write!(path, ".{step}"),
        };
    }
    path
}
