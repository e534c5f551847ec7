//! What a watch is asked for: the fields of its query, read, and which rows pass.
//!
//! Rows are narrowed by the filters of the lists, so that a watch tells of what `roost show` would show.

use std::time::Duration;

use bgp_proto::Prefix;

use super::{is_among, names};
use crate::api::backend::Backend;
use crate::api::model::{
    EventRow, FibFilter, FibRow, PeerFilter, PeerRow, Problem, RouteFilter, RouteRow, WatchQuery, WatchState,
};
use crate::api::prefixes::parse_prefixes;
use crate::journal::{Key, Topic};

/// Longest time a watch can be asked to last, in seconds: a day.
const LONGEST: u32 = 86_400;

/// A query with its texts read.
pub(super) struct Wanted {
    pub topics: Vec<Topic>,
    pub start: Start,
    within: Option<Within>,
    /// The names of the peers that are wanted; `None`: all.
    peers: Option<Vec<String>>,
    pub peer_filter: PeerFilter,
    pub routes: RouteFilter,
    pub fib: FibFilter,
    pub timeout: Option<Duration>,
}

/// What comes first.
pub(super) enum Start {
    /// Nothing.
    Now,
    /// All there is, for this reason.
    All(&'static str),
    /// What has changed behind this number.
    Behind(u64),
}

/// Which prefixes are wanted.
#[derive(Clone, Copy)]
struct Within {
    prefix: Prefix,
    longer: bool,
}

impl Within {
    fn has(&self, other: &Prefix) -> bool {
        *other == self.prefix || (self.longer && self.prefix.contains(other))
    }
}

impl Wanted {
    pub async fn read<B: Backend>(query: WatchQuery, backend: &B) -> Result<Self, Problem> {
        let topics = topics(&query)?;
        let WatchQuery { topics: _, from, prefix, longer, peer, community, state, timeout } = query;
        if longer && prefix.is_none() {
            return Err(Problem::bad_request("longer: means what lies inside `prefix`, which is not given"));
        }
        if timeout.is_some_and(|seconds| seconds == 0 || seconds > LONGEST) {
            return Err(Problem::bad_request(format!("timeout: wants 1 to {LONGEST} seconds")));
        }
        let read = prefix.clone().map(|text| parse_prefixes(&[text])).transpose()?;
        let within = read.and_then(|read| read.first().copied()).map(|prefix| Within { prefix, longer });
        let prefix = within.map(|within| within.prefix.to_string());
        let mut wanted = Self {
            topics,
            start: Start::read(from.as_deref(), backend)?,
            within,
            peers: names(peer.clone(), backend).await?,
            peer_filter: PeerFilter { peer: None, state: state.and_then(WatchState::of_peer) },
            fib: FibFilter { prefix: prefix.clone(), longer, state: state.and_then(WatchState::of_fib) },
            routes: RouteFilter {
                prefix,
                longer,
                peer,
                community,
                state: state.and_then(WatchState::of_route),
                ..RouteFilter::default()
            },
            timeout: timeout.map(|seconds| Duration::from_secs(u64::from(seconds))),
        };
        let picks = wanted.topics.iter().any(|topic| wanted.picks(*topic));
        if picks && matches!(wanted.start, Start::Behind(_)) {
            let reason = "rows are picked by what they say, and which of them were told is not known any more";
            wanted.start = Start::All(reason);
        }
        Ok(wanted)
    }

    /// Whether rows of this topic are wanted or not by what they say, and not only by whom or what they are about.
    pub fn picks(&self, topic: Topic) -> bool {
        let RouteFilter { peer, community, state, .. } = &self.routes;
        match topic {
            Topic::Peers => self.peer_filter.state.is_some(),
            Topic::Routes => peer.is_some() || community.is_some() || state.is_some(),
            Topic::Fib => self.fib.state.is_some(),
            Topic::Events => false,
        }
    }

    pub fn key(&self, key: &Key) -> bool {
        match key {
            Key::Route(prefix) | Key::Fib(prefix) => self.within.is_none_or(|within| within.has(prefix)),
            Key::Peer(name) => is_among(self.peers.as_deref(), Some(name)),
            Key::Event(event) => self.event(event),
        }
    }

    pub fn event(&self, event: &EventRow) -> bool {
        is_among(self.peers.as_deref(), event.subject.as_deref())
    }

    pub fn peer(&self, row: &PeerRow) -> bool {
        is_among(self.peers.as_deref(), Some(&row.name())) && self.peer_filter.passes(row)
    }

    pub fn path(&self, row: &RouteRow) -> bool {
        is_among(self.peers.as_deref(), Some(&row.from)) && self.routes.passes(row)
    }

    pub fn kernel(&self, row: &FibRow) -> bool {
        self.fib.passes(row)
    }
}

impl Start {
    fn read<B: Backend>(from: Option<&str>, backend: &B) -> Result<Self, Problem> {
        Ok(match from {
            None => Self::All("the watch begins"),
            Some("now") => Self::Now,
            Some(token) => match backend.journal().parse(token) {
                Ok(Some(number)) => Self::Behind(number),
                Ok(None) => Self::All("the token is of another run of the daemon"),
                Err(wrong) => return Err(Problem::bad_request(format!("from: {wrong}"))),
            },
        })
    }
}

/// Those that are named, or those that all fields narrow; each field has to narrow one of them.
fn topics(query: &WatchQuery) -> Result<Vec<Topic>, Problem> {
    use Topic::{Events, Fib, Peers, Routes};
    let of_state = query.state.map(|state| match (state.of_peer(), state.of_fib()) {
        (Some(_), _) => Peers,
        (None, Some(_)) => Fib,
        (None, None) => Routes,
    });
    let fields: [(&str, Option<&[Topic]>); 4] = [
        ("prefix", query.prefix.as_ref().map(|_| [Routes, Fib].as_slice())),
        ("peer", query.peer.as_ref().map(|_| [Peers, Routes, Events].as_slice())),
        ("community", query.community.as_ref().map(|_| [Routes].as_slice())),
        ("state", of_state.as_ref().map(std::slice::from_ref)),
    ];
    let given = fields.iter().filter_map(|(field, of)| Some((*field, (*of)?)));
    let Some(text) = &query.topics else {
        let all = Topic::ALL.into_iter().filter(|topic| given.clone().all(|(_, of)| of.contains(topic)));
        let all: Vec<_> = all.collect();
        let none = || {
            let given: Vec<_> = given.map(|(field, _)| field).collect();
            Problem::bad_request(format!(
                "topics: none is narrowed by all of {}; name those to watch",
                given.join(", ")
            ))
        };
        return if all.is_empty() { Err(none()) } else { Ok(all) };
    };
    let topics = read_topics(text)?;
    for (field, of) in given {
        if !of.iter().any(|topic| topics.contains(topic)) {
            let of: Vec<_> = of.iter().map(|topic| format!("`{}`", topic.name())).collect();
            let detail = format!("{field}: narrows {}, which the topics don't have", of.join(" and "));
            return Err(Problem::bad_request(detail));
        }
    }
    Ok(topics)
}

fn read_topics(text: &str) -> Result<Vec<Topic>, Problem> {
    let topic = |name: &str| {
        let wrong = || {
            let shown: String = name.chars().take(64).collect();
            Problem::bad_request(format!("topics: {shown:?} is none of peers, routes, fib and events"))
        };
        Topic::ALL.into_iter().find(|topic| topic.name() == name).ok_or_else(wrong)
    };
    let mut topics = text.split(',').take(Topic::ALL.len() + 1).map(topic).collect::<Result<Vec<_>, _>>()?;
    topics.sort_unstable();
    topics.dedup();
    Ok(topics)
}
