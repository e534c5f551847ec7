//! How people and programs look at the daemon: sockets, metrics, readiness, logs.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::values::{SocketGroup, SocketMode};

/// The control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// Path of the Unix socket, absolute.
    pub socket: PathBuf,
    /// Its permissions, and those of the sockets below.
    pub mode: SocketMode,
    /// The group of its file, and of those of the sockets below; `None`: the process's own.
    pub group: Option<SocketGroup>,
    /// Path of the socket on which BIRD's control protocol is spoken, absolute.
    pub bird_socket: Option<PathBuf>,
    /// Path of the one for IPv6 peers and routes, absolute.
    pub bird6_socket: Option<PathBuf>,
}

/// The read-only HTTP listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Peers that have series of their own beside the sums of all.
    pub peers: PeerSeries,
    /// Of so many peers at most.
    pub max_peers: usize,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { listen: (Ipv4Addr::LOCALHOST, 9179).into(), peers: PeerSeries::Unhealthy, max_peers: 100 }
    }
}

/// Peers that have series of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerSeries {
    /// Those without a session that should have one.
    Unhealthy,
    /// All.
    All,
    /// None.
    None,
}

/// When the node can be counted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Whose sessions count.
    pub peers: ReadyPeers,
    /// How many of them must be up and have sent everything once the startup is over: percent, 1 to 100.
    pub quorum: u8,
}

/// Whose sessions say that the node can be counted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadyPeers {
    /// Every peer that is listed, and every node of the mesh.
    All,
    /// Internal peers of `peers` that are no clients of ours.
    Reflectors,
    /// Nobody's.
    None,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least severe events that are logged.
    pub level: LogLevel,
    /// Text for people or JSON for machines.
    pub format: LogFormat,
}

/// Severity of a log event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Only what needs a person.
    Error,
    /// What may need one.
    Warn,
    /// What has changed.
    Info,
    /// Every message.
    Debug,
    /// Every step.
    Trace,
}

impl LogLevel {
    /// All of them, the most severe first.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The level's name, as tracing's filters read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// Text.
    Text,
    /// One JSON object a line.
    Json,
}
