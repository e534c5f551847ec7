//! Several reflectors with several kinds of clients in one lab: what one of them alone cannot show.
//!
//! | module | what |
//! |---|---|
//! | [`pair`] | two reflectors of the same clients, in one cluster or in two |
//! | [`hierarchy`] | reflectors that are clients of other reflectors |
//!
//! No session here asks for graceful restart: when a reflector is killed, its peers forget its paths at once, and what
//! stays has come from another one.

use std::collections::BTreeMap;
use std::time::Duration;

use roost_tests::{Daemon, until, wait::throughout};

use crate::lan::Wired;
use crate::other::{Node, Other, Seen, Session};
use crate::{LIMIT, bird, frr, roost};

pub mod hierarchy;
pub mod pair;

/// Which program a speaker is.
#[derive(Clone, Copy)]
pub enum Kind {
    Roost,
    Other(&'static dyn Other),
}

pub const BIRD: Kind = Kind::Other(&bird::Bird::TWO);
pub const FRR: Kind = Kind::Other(&frr::Frr);

/// One speaker of the lab.
struct Speaker {
    kind: Kind,
    node: Node,
    daemon: Daemon,
}

impl Speaker {
    /// Starts `node` as node N of the LAN. A reflector leaves its kernel alone.
    fn start(wired: &Wired, kind: Kind, node: Node) -> Speaker {
        let ns = wired.plug(&format!("n{}", node.n), node.n);
        let reflects = node.sessions.iter().any(|session| session.client);
        let fib = if reflects { "fib: { enabled: false }\n" } else { "" };
        let no_restart = |_| ", graceful_restart: { enabled: false }".to_owned();
        let daemon = match kind {
            Kind::Roost => roost::start(&ns, &node, no_restart, fib),
            Kind::Other(other) => other.start(&ns, &node),
        };
        Speaker { kind, node, daemon }
    }

    fn paths(&self, prefix: &str) -> Vec<Seen> {
        match self.kind {
            Kind::Roost => roost::paths(&self.daemon, prefix).iter().map(seen).collect(),
            Kind::Other(other) => other.paths(&self.daemon, prefix),
        }
    }

    /// The CLUSTER_LISTs of a prefix, in order; fails when a path is not what `from` has announced.
    #[track_caller]
    fn clusters(&self, prefix: &str, from: u8) -> Vec<Vec<String>> {
        let from = Some(format!("10.9.0.{from}"));
        let paths = self.paths(prefix);
        for path in &paths {
            let by = if path.clusters.is_empty() { &from } else { &path.originator };
            assert!(
                *by == from && Some(&path.next_hop) == from.as_ref(),
                "{prefix} at {}: {path:?}",
                self.daemon.ns().name()
            );
        }
        let mut clusters: Vec<Vec<String>> = paths.into_iter().map(|path| path.clusters).collect();
        clusters.sort();
        clusters
    }

    fn announce(&self, prefix: &str) {
        match self.kind {
            Kind::Roost => drop(self.daemon.ask(&format!("announce {prefix}"))),
            Kind::Other(other) => other.announce(&self.daemon, &self.node, prefix),
        }
    }

    fn withdraw(&self, prefix: &str) {
        match self.kind {
            Kind::Roost => drop(self.daemon.ask(&format!("withdraw {prefix}"))),
            Kind::Other(other) => other.withdraw(&self.daemon, &self.node, prefix),
        }
    }
}

/// A path as roost shows it.
fn seen(row: &serde_json::Value) -> Seen {
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    Seen {
        next_hop: text(&row["next_hop"]).unwrap_or_default(),
        originator: text(&row["originator_id"]),
        clusters: row["cluster_list"].as_array().into_iter().flatten().filter_map(text).collect(),
        ..Seen::default()
    }
}

/// The speakers by their number.
type Speakers = BTreeMap<u8, Speaker>;

/// A session that is over when its connection is.
fn plain(n: u8) -> Session {
    Session { restart: false, ..Session::v4(n, roost::ASN) }
}

/// The same with a client.
fn client(n: u8) -> Session {
    Session { client: true, ..plain(n) }
}

/// What node N announces.
fn block(n: u8) -> String {
    format!("10.65.{n}.0/24")
}

/// New prefixes of these speakers come to everybody; withdrawn, they are nowhere any more, and nobody goes on talking.
fn news_come_and_go_without_a_trace(speakers: &Speakers, from: [u8; 2]) {
    let news = from.map(|n| (n, format!("10.66.{n}.0/24")));
    let everywhere = |what: &str, wanted: fn(usize) -> bool| {
        until(what, LIMIT, || {
            let counts = speakers.iter().flat_map(|(n, speaker)| {
                news.iter().map(move |(_, prefix)| (*n, prefix.clone(), speaker.paths(prefix).len()))
            });
            let wrong: Vec<_> = counts.filter(|(.., count)| !wanted(*count)).collect();
            if wrong.is_empty() { Ok(()) } else { Err(format!("{wrong:?}")) }
        });
    };
    news.iter().for_each(|(n, prefix)| speakers[n].announce(prefix));
    everywhere("the news are everywhere", |count| count > 0);
    news.iter().for_each(|(n, prefix)| speakers[n].withdraw(prefix));
    everywhere("the news are nowhere", |count| count == 0);
    let updates = || -> Vec<String> {
        let roosts = speakers.values().filter(|speaker| matches!(speaker.kind, Kind::Roost));
        let rows = roosts.flat_map(|speaker| roost::ask(&speaker.daemon, "show peers").as_array().cloned().unwrap());
        rows.map(|row| format!("{} {}", row["messages"]["update_in"], row["messages"]["update_out"])).collect()
    };
    let before = updates();
    throughout("no UPDATE goes round", Duration::from_secs(2), || {
        let now = updates();
        if now == before { Ok(()) } else { Err(format!("{before:?}\n{now:?}")) }
    });
}
