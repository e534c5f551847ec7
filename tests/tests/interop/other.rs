//! The other daemon, whichever it is: what a scenario tells it and reads from it.
//!
//! A [`Node`] says once who speaks with whom and announces what; each daemon's file turns it into its own language,
//! and what the daemon shows of its table back into [`Seen`], with communities written one way.

use std::collections::BTreeSet;
use std::net::IpAddr;

use roost_tests::{Daemon, Netns};

use crate::features::Feature;

/// One speaker, for any daemon.
#[derive(Debug, Clone)]
pub struct Node {
    pub asn: u32,
    /// Last octet of its addresses, 10.9.0.N and fd00:9::N; also its router id, 10.9.0.N.
    pub n: u8,
    pub sessions: Vec<Session>,
    pub origins: Vec<Origin>,
    /// It will be killed and started again: say so in OPEN.
    pub recover: bool,
    /// Its cluster id; its router id unless said otherwise. For BIRD, FRR and roost.
    pub cluster: Option<&'static str>,
}

/// One session of a [`Node`].
#[derive(Debug, Clone)]
pub struct Session {
    pub peer: IpAddr,
    pub asn: u32,
    /// Wait for the peer to connect.
    pub passive: bool,
    pub v4: bool,
    pub v6: bool,
    pub hold: u16,
    pub password: Option<&'static str>,
    /// The peer is our route reflector client.
    pub client: bool,
    pub add_path_send: bool,
    pub add_path_receive: bool,
    /// Do not offer 4-octet AS numbers.
    pub two_octets: bool,
    pub restart: bool,
}

/// A prefix that a [`Node`] originates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    pub prefix: String,
    /// `A:B`.
    pub communities: Vec<String>,
    /// `A:B:C`.
    pub large: Vec<String>,
    /// Route targets, `A:B`.
    pub targets: Vec<String>,
    pub med: Option<u32>,
    /// Times the own AS is prepended, beyond the once that eBGP asks for.
    pub prepend: usize,
}

/// One path as a daemon shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    pub next_hop: String,
    pub as_path: Vec<String>,
    pub med: Option<u32>,
    pub local_pref: Option<u32>,
    /// `A:B`.
    pub communities: BTreeSet<String>,
    /// `A:B:C`.
    pub large: BTreeSet<String>,
    /// `rt:A:B`.
    pub extended: BTreeSet<String>,
    pub originator: Option<String>,
    pub clusters: Vec<String>,
}

/// A kind of daemon beside roost.
pub trait Other: Sync {
    /// Name of its column.
    fn name(&self) -> &'static str;

    /// What it says about its version.
    fn version(&self) -> String;

    /// Why it cannot take part in this; `None` when it can.
    fn lacks(&self, feature: Feature) -> Option<&'static str>;

    /// Whether TCP MD5 works also where it is the one that is dialled.
    fn takes_signed_connections(&self) -> bool {
        true
    }

    /// Started, and originating what `node` says.
    fn start(&self, ns: &Netns, node: &Node) -> Daemon;

    /// Started again after it was killed; nothing is sent to peers before it knows again what it originates.
    fn relaunch(&self, daemon: &mut Daemon, node: &Node) {
        let _ = node;
        daemon.launch();
    }

    /// Its own word on whether the session with `peer` is up; `Err` is what it says instead.
    fn established(&self, daemon: &Daemon, peer: IpAddr) -> Result<(), String>;

    /// Every prefix of one family in its table.
    fn prefixes(&self, daemon: &Daemon, v6: bool) -> BTreeSet<String>;

    /// Every path of one prefix in its table.
    fn paths(&self, daemon: &Daemon, prefix: &str) -> Vec<Seen>;

    /// Originates `prefix` from now on.
    fn announce(&self, daemon: &Daemon, node: &Node, prefix: &str);

    /// Ends that.
    fn withdraw(&self, daemon: &Daemon, node: &Node, prefix: &str);

    /// Asks the peer for its routes again.
    fn refresh(&self, daemon: &Daemon, peer: IpAddr);

    /// How many ROUTE-REFRESH it has taken from the peer.
    fn refreshes(&self, daemon: &Daemon, peer: IpAddr) -> u64;

    /// Whether an End-of-RIB of IPv4 has come from `peer`.
    fn end_of_rib(&self, daemon: &Daemon, peer: IpAddr) -> bool;

    /// Ends the session as its administrator, with a text when it can send one.
    fn shut(&self, daemon: &Daemon, peer: IpAddr, text: &str);

    /// What it says about the last end of the session with `peer`.
    fn last_error(&self, daemon: &Daemon, peer: IpAddr) -> String;
}

impl Node {
    pub fn new(asn: u32, n: u8) -> Node {
        Node { asn, n, sessions: Vec::new(), origins: Vec::new(), recover: false, cluster: None }
    }

    #[must_use]
    pub fn with(mut self, session: Session) -> Node {
        self.sessions.push(session);
        self
    }

    #[must_use]
    pub fn origin(mut self, prefix: &str) -> Node {
        self.origins.push(Origin { prefix: prefix.to_owned(), ..Origin::default() });
        self
    }

    /// Its IPv4 address, which is its router id too.
    pub fn v4(&self) -> String {
        format!("10.9.0.{}", self.n)
    }

    pub fn v6(&self) -> String {
        format!("fd00:9::{}", self.n)
    }

    /// Its end of a session.
    pub fn local(&self, session: &Session) -> String {
        if session.peer.is_ipv6() { self.v6() } else { self.v4() }
    }
}

impl Origin {
    /// Whether it has no attribute of its own.
    pub fn is_plain(&self) -> bool {
        *self == Origin { prefix: self.prefix.clone(), ..Origin::default() }
    }
}

impl Session {
    /// A session over IPv4 (or IPv6) with node `n` for the routes of that family.
    pub fn v4(n: u8, asn: u32) -> Session {
        Session {
            peer: format!("10.9.0.{n}").parse().expect("an address"),
            asn,
            passive: false,
            v4: true,
            v6: false,
            hold: 90,
            password: None,
            client: false,
            add_path_send: false,
            add_path_receive: false,
            two_octets: false,
            restart: true,
        }
    }

    pub fn v6(n: u8, asn: u32) -> Session {
        Session {
            peer: format!("fd00:9::{n}").parse().expect("an address"),
            v4: false,
            v6: true,
            ..Session::v4(n, asn)
        }
    }
}

/// Words of a text, as a set.
pub fn set(text: &str) -> BTreeSet<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// What a program says to `option`, the first line of it with a number: its version.
pub fn said(program: &dyn roost_tests::Program, option: &str) -> String {
    let files = roost_tests::daemon::Files { config: "".into(), socket: "".into(), dir: "".into() };
    let (path, words) = program.command(&files);
    // With `env` in front, everything up to the program itself stays.
    let kept = words.iter().position(|word| word.starts_with('/')).map_or(0, |at| at + 1);
    let kept = if path.ends_with("env") { kept } else { 0 };
    let output = std::process::Command::new(&path).args(&words[..kept]).arg(option).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {}: {error}", path.display()));
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    text.lines().find(|line| line.chars().any(|c| c.is_ascii_digit())).unwrap_or("").trim().to_owned()
}
