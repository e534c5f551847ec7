//! What has happened, and what changes while somebody watches.

use std::time::{SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FibRow, PeerRow, RouteRow, WatchState};

/// `GET /v1/events`: something that has happened.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq, Eq, Hash)]
pub struct EventRow {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// What kind of thing: `peer-up`, `peer-down`, `peer-limit`, `peer-stale`, `peer-order`, `peer-known`, `peer-gone`,
    /// `reload`, `reload-refused`, `password`, `drain`, `kernel-route`, `repair`, `kernel`, `address`, `announced`,
    /// `ready`, `not-ready`, `start`, `damaged`, `refused`, `fault`. There may be more.
    pub kind: String,
    /// Whom or what it is about: a peer's address, a prefix, or an owner; `null` for the daemon as a whole.
    pub subject: Option<String>,
    /// What happened, in words.
    pub text: String,
}

impl EventRow {
    /// What it takes, with its texts.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.kind.len() + self.subject.as_ref().map_or(0, String::len) + self.text.len()
    }
}

/// Which events to list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct EventFilter {
    /// Only those about the peers of this name: an address, `ADDRESS%INTERFACE`, a node of the mesh, or a description.
    pub peer: Option<String>,
    /// Only those of this kind.
    pub kind: Option<String>,
}

/// What to watch, and from where on.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct WatchQuery {
    /// `peers`, `routes`, `fib` and `events`, with commas between them. By default those that all other fields narrow.
    pub topics: Option<String>,
    /// The token of the last line that was read: what has changed since follows, or all there is where rows are narrowed
    /// by `community`, `state`, or routes by `peer`. `now`: what changes from now on. By default all there is comes first.
    pub from: Option<String>,
    /// Of routes and kernel routes only this prefix.
    pub prefix: Option<String>,
    /// With `prefix`: also what lies inside it.
    #[serde(default)]
    pub longer: bool,
    /// Only peers of this name, their events and their paths.
    pub peer: Option<String>,
    /// Of routes only paths with this community, written as a path's row has it.
    pub community: Option<String>,
    /// Of the rows that have such a state only those in it. A row that leaves it is told as one that is gone.
    pub state: Option<WatchState>,
    /// Seconds after which the answer ends, 1 to 86,400. By default it does not.
    #[schemars(range(min = 1, max = 86_400))]
    pub timeout: Option<u32>,
}

/// `GET /v1/watch`: one line of the answer, which is one such object a line (`application/x-ndjson`).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
pub struct WatchLine {
    /// Where to go on from (`from`) when the connection ends behind this line. It means nothing to another run of the
    /// daemon, which begins with all there is.
    pub token: String,
    /// When the line was written, in milliseconds since 1970.
    pub at: u64,
    /// What is new.
    #[serde(flatten)]
    pub news: WatchNews,
}

/// What is new: a row as it is when the line is written. What has changed twice until then is told once.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum WatchNews {
    /// Something was missed, or nothing was known: all there is follows, until `synced`. What is not in it is gone.
    Resync {
        /// Why.
        reason: String,
    },
    /// Up to here all is told; what follows are changes.
    Synced,
    /// Nothing has changed for a while, and the connection is good.
    Alive,
    /// The paths of a prefix.
    Route {
        /// The prefix.
        prefix: String,
        /// Its paths that are asked for, the best first, without `kernel`, which is watched as `fib`. None: they are gone.
        paths: Vec<RouteRow>,
    },
    /// A peer has come, gone, or got another state. What it counts is as of then.
    Peer {
        /// Its address, with the interface of a link-local one.
        peer: String,
        /// Its row; `null`: it is gone, or not in the state that is asked for.
        row: Option<Box<PeerRow>>,
    },
    /// What is wanted of the kernel, and what it has.
    Fib {
        /// The prefix.
        prefix: String,
        /// Its row; `null`: it is neither wanted nor there, or not in the state that is asked for.
        row: Option<FibRow>,
    },
    /// Something has happened.
    Event {
        /// What.
        event: EventRow,
    },
}

/// Milliseconds since 1970.
pub(crate) fn millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
