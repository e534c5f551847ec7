//! What has changed lately, for whoever watches: which prefix, which peer, what happened. `api::watch` reads it.
//!
//! A note names what changed, never how: the watcher asks for the row as it is when its turn comes. So a note is a few
//! octets, a change that was overtaken costs a row less, and nobody's speed is anybody else's business. Only events are
//! kept whole, as they are no state that could be asked for.
//!
//! Notes stand in fixed rings under one sequence. A watcher is a number in it. One whose number has left a ring has missed
//! something and is given the whole table again: that is the bound on what a slow watcher costs.
//!
//! Routes and kernel routes are noted only while somebody watches, and for [`LINGER`] afterwards, so that one who comes
//! back has missed nothing; otherwise it costs their owners a look at a flag. Peers and events are few, and always noted.
//!
//! Why not a channel per watcher: it holds either a copy of the same news for each of them or, when full, the owner.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bgp_proto::Prefix;
use ipnetwork::IpNetwork;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::api::model::EventRow;
use ring::Ring;

mod events;
mod ring;

pub use events::EventLayer;

/// Prefixes in the ring of routes, and in that of the kernel's: a megabyte each, while somebody watches.
const PREFIXES: usize = 32_768;
/// Notes of peers.
const PEERS: usize = 4096;
/// Events that are kept.
const EVENTS: usize = 1024;
/// Before the first note. No note has this number or a lower one: behind 0, something is always missing.
const BEGIN: u64 = 1;
/// How long routes are noted for watchers that may come back.
const LINGER: Duration = Duration::from_secs(60);
/// Watchers at once: each holds a connection and up to three slices of rows.
pub const WATCHERS: usize = 16;

/// What can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the tables of `roost show`, by name")]
pub enum Topic {
    Peers,
    Routes,
    Fib,
    Events,
}

impl Topic {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Peers, Self::Routes, Self::Fib, Self::Events];

    /// As the API and the command line have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Peers => "peers",
            Self::Routes => "routes",
            Self::Fib => "fib",
            Self::Events => "events",
        }
    }
}

/// What a note names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// The paths of a prefix.
    Route(Prefix),
    /// What is wanted of the kernel for a prefix, and what it has.
    Fib(Prefix),
    /// A peer, by its name.
    Peer(Arc<str>),
    /// Something that happened, by its number.
    Event(Arc<EventRow>),
}

/// What has changed lately. One for all tasks of a daemon.
#[derive(Debug)]
pub struct Journal {
    state: Mutex<State>,
    /// The number of the last note: what watchers wait for.
    head: watch::Sender<u64>,
    run: String,
}

#[derive(Debug)]
struct State {
    routes: Ring<Prefix>,
    fib: Ring<Prefix>,
    peers: Ring<Arc<str>>,
    events: Ring<Arc<EventRow>>,
    /// Watchers of now, and when the last one left.
    watchers: usize,
    left: Option<Instant>,
    resyncs: u64,
}

/// Who watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watching {
    /// Watchers of now.
    pub watchers: usize,
    /// How often one was too late for what had changed, and was given the whole table again.
    pub resyncs: u64,
}

impl Default for Journal {
    fn default() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut state = State {
            routes: Ring::new(PREFIXES),
            fib: Ring::new(PREFIXES),
            peers: Ring::new(PEERS),
            events: Ring::new(EVENTS),
            watchers: 0,
            left: None,
            resyncs: 0,
        };
        state.peers.start(BEGIN);
        state.events.start(BEGIN);
        // Two runs of one daemon never begin in the same nanosecond.
        Self { state: state.into(), head: watch::Sender::new(BEGIN), run: format!("{:x}", since.as_nanos()) }
    }
}

/// A watcher's place; given back when it is dropped.
#[derive(Debug)]
pub struct Place(Arc<Journal>);

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.watchers -= 1;
        state.left = Some(Instant::now());
    }
}

/// Notes behind a number, and the number up to which they are all.
#[derive(Debug, PartialEq, Eq)]
pub struct Notes {
    /// In order, each with its number.
    pub notes: Vec<(u64, Key)>,
    /// From here on it goes on.
    pub upto: u64,
}

impl Journal {
    /// Another watcher, of [`WATCHERS`]. `None`: there is no place.
    pub fn place(self: &Arc<Self>) -> Option<Place> {
        let mut state = self.lock();
        if state.watchers == WATCHERS {
            return None;
        }
        state.watchers += 1;
        Some(Place(self.clone()))
    }

    /// From now on routes and kernel routes have a ring. To be called when both sides note what changes, and not before: a
    /// number must not be good for what nobody noted.
    pub fn begin_routes(&self) {
        let mut state = self.lock();
        let head = *self.head.borrow();
        state.routes.start(head);
        state.fib.start(head);
    }

    /// The paths of these prefixes have changed; `None`: of more than can be named. Says whether to go on noting routes.
    pub fn routes(&self, prefixes: Option<impl IntoIterator<Item = Prefix>>) -> bool {
        self.note(|state, head| {
            let watched = state.is_watched();
            state.routes.take_in(head, prefixes, watched);
            watched
        })
    }

    /// What is wanted of the kernel for these prefixes, or what it has, has changed. Likewise.
    pub fn fib(&self, prefixes: Option<impl IntoIterator<Item = Prefix>>) -> bool {
        self.note(|state, head| {
            let watched = state.is_watched();
            state.fib.take_in(head, prefixes, watched);
            watched
        })
    }

    /// A peer has another state, or has come or gone.
    pub fn peer(&self, name: &str) {
        self.note(|state, head| state.peers.push(head, name.into()));
    }

    /// Something has happened.
    pub fn event(&self, event: EventRow) {
        self.note(|state, head| state.events.push(head, Arc::new(event)));
    }

    /// The events that are kept, oldest first.
    pub fn events(&self) -> Vec<Arc<EventRow>> {
        self.lock().events.after(0).map(|(_, event)| event.clone()).collect()
    }

    /// Notes of these topics behind a number, some `max` at most; `None` when not all of them are there any more, or never
    /// were.
    pub fn read(&self, topics: &[Topic], after: u64, max: usize) -> Option<Notes> {
        let state = self.lock();
        let head = *self.head.borrow();
        if after > head || topics.iter().any(|topic| !state.knows(*topic, after)) {
            return None;
        }
        let mut notes: Vec<(u64, Key)> = Vec::new();
        for topic in topics {
            match topic {
                Topic::Peers => {
                    notes.extend(state.peers.after(after).take(max).map(|(at, name)| (at, Key::Peer(name.clone()))))
                }
                Topic::Routes => {
                    notes.extend(state.routes.after(after).take(max).map(|(at, prefix)| (at, Key::Route(*prefix))))
                }
                Topic::Fib => {
                    notes.extend(state.fib.after(after).take(max).map(|(at, prefix)| (at, Key::Fib(*prefix))))
                }
                Topic::Events => {
                    notes.extend(state.events.after(after).take(max).map(|(at, event)| (at, Key::Event(event.clone()))))
                }
            }
        }
        notes.sort_unstable_by_key(|(at, _)| *at);
        // Behind the first `max` of all, one topic may have notes that were not fetched.
        let upto = if notes.len() < max { head } else { notes[max - 1].0 };
        notes.truncate(max);
        Some(Notes { notes, upto })
    }

    /// A watcher was too late.
    pub fn resynced(&self) {
        self.lock().resyncs += 1;
    }

    /// Who watches.
    pub fn watching(&self) -> Watching {
        let State { watchers, resyncs, .. } = &*self.lock();
        Watching { watchers: *watchers, resyncs: *resyncs }
    }

    /// What the rings take: notes, and octets with those of the events' texts.
    pub fn memory(&self) -> (usize, usize) {
        let State { routes, fib, peers, events, .. } = &*self.lock();
        let name = |name: &Arc<str>| name.len();
        let rings = [routes.memory(|_| 0), fib.memory(|_| 0), peers.memory(name), events.memory(|row| row.bytes())];
        rings.iter().fold((0, 0), |(notes, bytes), (more, taken)| (notes + more, bytes + taken))
    }

    /// The number of the last note, to wait for the next.
    pub fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// A number as others keep it: it means nothing to another run of the daemon.
    pub fn token(&self, at: u64) -> String {
        format!("{}-{at}", self.run)
    }

    /// A token's number; `None` within when it is another run's.
    ///
    /// # Errors
    /// When it was never a token.
    pub fn parse(&self, token: &str) -> Result<Option<u64>, String> {
        let number = token.rsplit_once('-').and_then(|(run, at)| Some((run, at.parse().ok()?)));
        let wrong = || format!("{:?} is no token; write `now`, or the token of a line", short(token));
        let (run, at) = number.ok_or_else(wrong)?;
        Ok((run == self.run).then_some(at))
    }

    /// Carries out `add`, which counts the number of the last note on.
    fn note<R>(&self, add: impl FnOnce(&mut State, &mut u64) -> R) -> R {
        let mut state = self.lock();
        let mut head = *self.head.borrow();
        let answer = add(&mut state, &mut head);
        self.head.send_if_modified(|last| std::mem::replace(last, head) != head);
        answer
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_watched(&self) -> bool {
        self.watchers > 0 || self.left.is_some_and(|left| left.elapsed() < LINGER)
    }

    /// Whether all notes of the topic behind a number are there.
    fn knows(&self, topic: Topic, after: u64) -> bool {
        let since = match topic {
            Topic::Peers => self.peers.since(),
            Topic::Routes => self.routes.since(),
            Topic::Fib => self.fib.since(),
            Topic::Events => self.events.since(),
        };
        since.is_some_and(|since| after >= since)
    }
}

/// The kernel's side says what changes there, when it is asked to.
impl fib_sync::Watcher for Journal {
    fn changed(&self, prefixes: Option<&[IpNetwork]>) -> bool {
        self.fib(prefixes.map(|prefixes| prefixes.iter().copied().map(Prefix::from)))
    }
}

/// As much of a text as an error shows.
fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests;
