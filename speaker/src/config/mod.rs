//! The configuration: one YAML file, read with all its mistakes at once.
//!
//! ```text
//! text ─ tree ─► nodes with places ─ read ─► raw (what is written) ─ check ─► Config (what can be run)
//!                        └──────────────── Report: findings with places ───────────┘
//! ```
//!
//! * [`tree`] folds the YAML library's events into nodes that remember where they stand;
//! * [`raw`] is the one definition of the keys, for reader and JSON Schema alike;
//! * [`read`] fills it in and goes on after a mistake, as every field is an [`at::At`]; [`values`] reads single values;
//! * [`check`] resolves references and defaults, and turns it into the [`Config`] of [`model`];
//! * [`overlay`] is what was set over the API, and lies over the file where it fits;
//! * [`steps`] says what leads from one configuration to another while roost runs;
//! * [`diagnostic`] sorts and shows what was found, without what [`secrets`] hides; so is the text itself [`shown()`].
//!
//! The daemon calls [`load`], `roost check` [`check_command`], `roost schema` [`schema()`]. [`parse`] touches no file,
//! for tests and for whoever has the text already.

mod at;
mod check;
mod command;
mod diagnostic;
mod model;
pub mod overlay;
mod raw;
mod read;
mod rules;
mod schema;
mod secrets;
mod shown;
pub mod steps;
mod tree;
mod values;

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

pub use command::check_command;
pub(crate) use diagnostic::closest;
pub use diagnostic::{ConfigErrors, Diagnostic, Severity};
pub use model::{
    Action, AddPath, Api, Config, DynamicPeers, Fib, GracefulRestart, Limits, Log, LogFormat, LogLevel, ManagedDevice,
    MaxPrefix, MaxPrefixAction, Metrics, Node, Password, PeerOrigin, PeerSeries, PeerSettings, Policy, PolicyRef, Pool,
    PoolMode, PrefixList, PrefixRange, Readiness, ReadyPeers, ReloadBy, Router, Rule, Set, Ttl,
};
pub use rules::{Confederation, LocalAs, PathRules, PrivateAs};
pub use schema::schema;
pub use shown::shown;
pub(crate) use values::duration;
pub use values::{DeviceName, HoldTime, Secret, SocketGroup, SocketMode};

use crate::detect::{self, Detect, Pick};
use diagnostic::Report;
use overlay::{Idle, Overlay};
use secrets::Secrets;

/// The largest configuration file that is read, in bytes.
pub const MAX_FILE_SIZE: usize = 16 << 20;

/// The largest password file that is read, in bytes.
const MAX_PASSWORD_FILE_SIZE: usize = 4_096;

/// A configuration that can be run, and what is doubtful about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Doubts, by place. They keep nothing from running.
    pub warnings: Vec<Diagnostic>,
    /// What of the overlay is not in force; each has a warning, too.
    pub idle: Vec<Idle>,
    /// The file's text.
    pub text: Arc<str>,
}

/// Reads and checks the file at `path`, and the password files it names (relative to its folder), and looks for the
/// node's addresses on this machine by the rules of `node.detect`. That may take as long as the resolver does.
///
/// # Errors
/// Everything that is wrong, by place; a single diagnostic of line 0 when the file cannot be read. An address that is
/// not found is a warning.
pub fn load(path: &Path) -> Result<Loaded, ConfigErrors> {
    load_or(path, Severity::Warning)
}

/// As [`load`], but an address that is not found is an error.
///
/// # Errors
/// As [`load`].
pub fn load_detected(path: &Path) -> Result<Loaded, ConfigErrors> {
    load_or(path, Severity::Error)
}

fn load_or(path: &Path, not_found: Severity) -> Result<Loaded, ConfigErrors> {
    let name = path.display().to_string();
    let text = read_text(std::fs::File::open(path), &name)?;
    examine(&name, &text, Some((path.parent().unwrap_or(Path::new("")), not_found)))
}

/// As [`load`], with what was set over the API laid over the file.
///
/// # Errors
/// As [`load`]; what does not fit the file is no error, but idle.
pub fn load_over(path: &Path, overlay: &Overlay) -> Result<Loaded, ConfigErrors> {
    let name = path.display().to_string();
    let text = read_text(std::fs::File::open(path), &name)?;
    load_text_over(&name, &text, path.parent().unwrap_or(Path::new("")), overlay, &[])
}

/// As [`load_over`], of a text that would stand in `folder`; `name` is what diagnostics call it. Rules of `node.detect`
/// pick what they have `picked` before.
///
/// # Errors
/// As [`load_over`].
pub fn load_text_over(
    name: &str,
    text: &str,
    folder: &Path,
    overlay: &Overlay,
    picked: &[Pick],
) -> Result<Loaded, ConfigErrors> {
    let again = |detect: &Detect, rule: &detect::Rule| match picked.iter().find(|pick| pick.rule == *rule) {
        Some(pick) => Ok(pick.clone()),
        None => detect::pick(detect, rule),
    };
    let read_password = |path: &Path| read_password_file(&folder.join(path));
    let outside = check::Outside { read_password: &read_password, pick: &again, not_found: Severity::Warning };
    overlay::lay(name, text, overlay, Some(outside))
}

/// Checks a configuration; `name` is what diagnostics call the file. Password files are left alone, and no address is
/// looked for.
///
/// # Errors
/// Everything that is wrong, by place.
pub fn parse(name: &str, text: &str) -> Result<Loaded, ConfigErrors> {
    examine(name, text, None)
}

/// The text of a configuration.
fn read_text<R: std::io::Read>(source: std::io::Result<R>, name: &str) -> Result<String, ConfigErrors> {
    let mut bytes = Vec::new();
    let limit = MAX_FILE_SIZE as u64 + 1;
    if let Err(error) = source.and_then(|source| source.take(limit).read_to_end(&mut bytes)) {
        let help = "name a readable YAML file; - is standard input";
        return Err(ConfigErrors(vec![Diagnostic::whole_file(name, format!("cannot be read: {error}"), help)]));
    }
    String::from_utf8(bytes).map_err(|error| {
        // What stands before the bad byte is text, and tells its line.
        let valid = error.utf8_error().valid_up_to();
        let mut text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        text.truncate(text.len().min(MAX_FILE_SIZE));
        let report = Report::new(&text);
        report.error(diagnostic::Place::new(valid, valid + 1), "not text: this byte is no UTF-8", "YAML is UTF-8");
        ConfigErrors(report.into_diagnostics(name, &text, &Secrets::distrusted()))
    })
}

/// Checks a text. Only with a folder, relative to which password files are read, is anything asked but the text; then
/// the severity is that of an address that is not found.
fn examine(name: &str, text: &str, outside: Option<(&Path, Severity)>) -> Result<Loaded, ConfigErrors> {
    let folder = outside.map_or(Path::new(""), |(folder, _)| folder);
    let read_password = |path: &Path| read_password_file(&folder.join(path));
    let outside = outside.map(|(_, not_found)| check::Outside {
        read_password: &read_password,
        pick: &crate::detect::pick,
        not_found,
    });
    overlay::lay(name, text, &Overlay::default(), outside)
}

/// The password in the file at `path`, as a daemon reads it again while it runs.
///
/// # Errors
/// What is wrong with the file, in words; never any of its content.
pub fn read_password(path: &Path) -> Result<Secret, String> {
    Secret::in_file(&read_password_file(path)?)
}

/// The content of a password file. Only a regular file: reading a pipe could wait for ever.
fn read_password_file(path: &Path) -> Result<String, String> {
    let wrong = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    if !std::fs::metadata(path).map_err(wrong)?.is_file() {
        return Err(format!("{} is no regular file", path.display()));
    }
    let mut content = Vec::new();
    let file = std::fs::File::open(path).map_err(wrong)?;
    file.take(MAX_PASSWORD_FILE_SIZE as u64 + 1).read_to_end(&mut content).map_err(wrong)?;
    String::from_utf8(content).map_err(|_| format!("{} is no text", path.display()))
}
