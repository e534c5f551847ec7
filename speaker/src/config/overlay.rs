//! Peers and pools that were set over the API: laid over the file, and checked by the same code.
//!
//! An entry has the keys that a peer or a pool has in the file. It is read and checked as if it stood there, behind what
//! does stand there: what is wrong with it is said in the same words, with the place as a field instead of a line. Its
//! values have numbers for places, so that no text has to be made of them and read again.
//!
//! The file is always in force as it is. Of the overlay an entry is in force that the file does not have, too, and that
//! fits: other entries are idle, until the file or the entry is another one. Why not an error: a file that is fine could
//! then not be put in force, and a node not be started, because of something that stands nowhere in it. Entries are laid
//! in the order in which they were set, so that a new one never makes an old one idle.

mod nodes;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use bgp_proto::Prefix;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::at::At;
use super::diagnostic::{ConfigErrors, Diagnostic, Report, Severity};
use super::secrets::Secrets;
use super::values::{DeviceName, PeerAddress, Scalar};
use super::{Loaded, MAX_FILE_SIZE, check, raw, read, tree};
use crate::net::zone::zoned;

/// Entries: more than a node has peers and pools that stand in no file.
pub const ENTRIES: usize = 1_024;
/// Octets of one entry's settings in JSON: more than all keys of a peer take.
pub const ENTRY: usize = 16 << 10;

/// What an entry sets. Of each there is one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The peer there; a link-local address has its interface.
    Peer(IpAddr, Option<DeviceName>),
    /// The pool of this range.
    Pool(Prefix),
}

impl Key {
    /// The key of the peer at an address, `fe80::1%eth0` for a link-local one.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn peer(text: &str) -> Result<Self, String> {
        let PeerAddress { address, interface } = PeerAddress::from_text(text).map_err(|refusal| refusal.in_a_line())?;
        Ok(Self::Peer(address, interface))
    }

    /// The key of a pool.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn pool(text: &str) -> Result<Self, String> {
        Prefix::from_text(text).map(Self::Pool).map_err(|refusal| refusal.in_a_line())
    }

    /// What identifies it among its kind.
    pub fn name(&self) -> String {
        match self {
            Self::Peer(address, interface) => zoned(*address, interface.as_ref().map(DeviceName::as_str)),
            Self::Pool(cidr) => cidr.to_string(),
        }
    }

    /// The key of the file's that says this.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Peer(..) => "address",
            Self::Pool(_) => "cidr",
        }
    }

    /// The command that takes it back.
    pub fn remedy(&self) -> String {
        match self {
            Self::Peer(..) => format!("`roost peer remove {}`", self.name()),
            Self::Pool(_) => format!("`roost pool remove {}`", self.name()),
        }
    }

    fn same(&self, text: &str) -> bool {
        let other = match self {
            Self::Peer(..) => Self::peer(text),
            Self::Pool(_) => Self::pool(text),
        };
        other.as_ref() == Ok(self)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(..) => write!(f, "peer {}", self.name()),
            Self::Pool(_) => write!(f, "pool {}", self.name()),
        }
    }
}

/// A value of an entry: what a diagnostic is about instead of a line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// The entry.
    pub key: Key,
    /// The place in its settings, as RFC 6901 has it: `/hold_time`.
    pub pointer: String,
}

/// A peer or a pool that was set over the API. `Debug` shows no settings: there may be a password in them.
#[derive(Clone, PartialEq)]
pub struct Entry {
    /// Which.
    pub key: Key,
    /// Its keys as in the file, but for the one that identifies it.
    pub settings: Map<String, Value>,
    /// The user who set it, where the kernel says so.
    pub uid: Option<u32>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key).field("uid", &self.uid).finish_non_exhaustive()
    }
}

impl Entry {
    /// An entry with these settings. They may repeat what identifies it.
    ///
    /// # Errors
    /// The field that is wrong, as a JSON pointer, and why: they name another peer or pool, or are too long.
    pub fn new(key: Key, mut settings: Map<String, Value>, uid: Option<u32>) -> Result<Self, (String, String)> {
        let field = key.field();
        match settings.remove(field) {
            Some(Value::String(text)) if key.same(&text) => {}
            Some(_) => return Err((format!("/{field}"), format!("is not {}, which the path names", key.name()))),
            None => {}
        }
        let length = Value::Object(settings.clone()).to_string().len();
        if length > ENTRY {
            return Err((String::new(), format!("{length} octets of settings, at most {ENTRY} are read")));
        }
        Ok(Self { key, settings, uid })
    }

    /// The settings without what nobody may see.
    pub fn shown(&self) -> Map<String, Value> {
        let mut shown = self.settings.clone();
        blank(&mut shown);
        shown
    }
}

fn blank(settings: &mut Map<String, Value>) {
    for (key, value) in settings {
        match value {
            value if Secrets::is_secret_key(key) => *value = Value::from("***"),
            Value::Object(inner) => blank(inner),
            _ => {}
        }
    }
}

/// What was set over the API, in the order in which it was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlay(Vec<Entry>);

impl Overlay {
    /// The entries.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The entry of this key.
    pub fn get(&self, key: &Key) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.key == *key)
    }

    /// One more, or another one for the same; it is the newest then.
    pub fn put(&mut self, entry: Entry) {
        self.remove(&entry.key);
        self.0.push(entry);
    }

    /// One less. Says whether there was one.
    pub fn remove(&mut self, key: &Key) -> bool {
        let before = self.0.len();
        self.0.retain(|entry| entry.key != *key);
        self.0.len() < before
    }

    /// As it is kept over a restart. With the passwords.
    pub fn to_json(&self) -> String {
        let kept = self.0.iter().map(|Entry { key, settings, uid }| Kept {
            peer: matches!(key, Key::Peer(..)).then(|| key.name()),
            pool: matches!(key, Key::Pool(_)).then(|| key.name()),
            uid: *uid,
            settings: settings.clone(),
        });
        let file = File { version: VERSION, entries: kept.collect() };
        serde_json::to_string_pretty(&file).expect("keys that are texts can be written") + "\n"
    }

    /// As it was kept.
    ///
    /// # Errors
    /// What is wrong with the text; never any of its content.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let place = |error: serde_json::Error| format!("it is not whole, from line {} on", error.line());
        let File { version, entries } = serde_json::from_str(text).map_err(place)?;
        if version != VERSION || entries.len() > ENTRIES {
            return Err(format!("it is of version {version} with {} entries, so it is none of ours", entries.len()));
        }
        let mut overlay = Self::default();
        for (number, Kept { peer, pool, uid, settings }) in entries.into_iter().enumerate() {
            let key = match (&peer, &pool) {
                (Some(peer), None) => Key::peer(peer),
                (None, Some(pool)) => Key::pool(pool),
                _ => Err("it names neither a peer nor a pool".to_owned()),
            };
            let entry = key.and_then(|key| Entry::new(key, settings, uid).map_err(|(_, why)| why));
            overlay.put(entry.map_err(|why| format!("entry {}: {why}", number + 1))?);
        }
        Ok(overlay)
    }
}

const VERSION: u32 = 1;

/// The overlay on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    entries: Vec<Kept>,
}

/// An entry on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<String>,
    uid: Option<u32>,
    settings: Map<String, Value>,
}

/// An entry that is not in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Idle {
    /// Which.
    pub key: Key,
    /// Why.
    pub why: Why,
}

/// Why an entry is not in force.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// The file has it, too, in this line.
    InFile(usize),
    /// It does not fit the file.
    Wrong(Vec<Diagnostic>),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InFile(line) => write!(f, "the file has it, too, in line {line}, and counts"),
            Self::Wrong(mistakes) => {
                f.write_str(&mistakes.iter().map(Diagnostic::in_words).collect::<Vec<_>>().join("; "))
            }
        }
    }
}

impl Idle {
    fn warning(&self) -> Diagnostic {
        let field = Field { key: self.key.clone(), pointer: String::new() };
        let help = format!("{} takes it back", self.key.remedy());
        Diagnostic::of_entry(field, Severity::Warning, format!("not in force: {}", self.why), Some(help))
    }
}

/// Reads and checks `text` with what fits of `overlay` laid over it.
///
/// # Errors
/// What is wrong with the text.
pub(super) fn lay(
    name: &str,
    text: &str,
    overlay: &Overlay,
    outside: Option<check::Outside<'_>>,
) -> Result<Loaded, ConfigErrors> {
    if text.len() > MAX_FILE_SIZE {
        let message = format!("has more than {} MiB", MAX_FILE_SIZE >> 20);
        return Err(ConfigErrors(vec![Diagnostic::whole_file(name, message, "is it a configuration?")]));
    }
    let mut idle: Vec<Idle> = Vec::new();
    // Each round but the last finds an entry that does not fit.
    loop {
        let used: Vec<_> =
            overlay.entries().iter().filter(|entry| idle.iter().all(|idle| idle.key != entry.key)).collect();
        let report = Report::new(text).and_overlay(nodes::fields(&used));
        let mut secrets = Secrets::default();
        let config = tree::parse(text, &report, &mut secrets).map(|root| {
            let mut file = read::read(&root, &report);
            add(&used, &mut file, &report);
            check::check(&file, &report, outside)
        });
        let shadowed = report.shadowed().into_iter().map(|(key, line)| Idle { key, why: Why::InFile(line) });
        let shadowed: Vec<_> = shadowed.collect();
        let diagnostics = report.into_diagnostics(name, text, &secrets);
        let mut wrong: BTreeMap<Key, Vec<Diagnostic>> = BTreeMap::new();
        let mut errors_of_file = false;
        for error in diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error) {
            match &error.field {
                Some(field) => wrong.entry(field.key.clone()).or_default().push(error.clone()),
                None => errors_of_file = true,
            }
        }
        let config = match config {
            Some(config) if !errors_of_file => config,
            _ => {
                let of_file = diagnostics.into_iter().filter(|diagnostic| diagnostic.field.is_none());
                return Err(ConfigErrors(of_file.collect()));
            }
        };
        if wrong.is_empty() {
            idle.extend(shadowed);
            let warnings = diagnostics.into_iter().chain(idle.iter().map(Idle::warning)).collect();
            return Ok(Loaded { config, warnings, idle, text: text.into() });
        }
        idle.extend(wrong.into_iter().map(|(key, mistakes)| Idle { key, why: Why::Wrong(mistakes) }));
    }
}

/// Puts the entries behind what the file has of their kind.
fn add(entries: &[&Entry], file: &mut At<raw::File>, report: &Report) {
    let At::Good(file, place) = file else { return };
    for (entry, node) in entries.iter().zip(nodes::nodes(entries)) {
        match entry.key {
            Key::Peer(..) => push(&mut file.peers, read::read(&node, report), *place),
            Key::Pool(_) => push(&mut file.pools, read::read(&node, report), *place),
        }
    }
}

/// One more item of a list that may not be there. What could not be read has been reported.
fn push<T>(list: &mut At<Vec<At<T>>>, item: At<T>, place: super::diagnostic::Place) {
    match list {
        At::Good(items, _) => items.push(item),
        At::Absent | At::Null(_) => *list = At::Good(vec![item], place),
        At::Bad => {}
    }
}

/// What a body can hold that sets a peer: its path names the address.
pub fn peer_schema(generator: &mut SchemaGenerator) -> Schema {
    without_required(raw::Peer::json_schema(generator))
}

/// What a body can hold that sets a pool: its path names the range.
pub fn pool_schema(generator: &mut SchemaGenerator) -> Schema {
    without_required(raw::Pool::json_schema(generator))
}

fn without_required(mut schema: Schema) -> Schema {
    schema.remove("required");
    schema
}

#[cfg(test)]
mod tests;
