//! Chunks of encoded UPDATEs on their way from the owner to one session.
//!
//! The owner *offers* while there is room and stops: what the session has not taken stays in the update group's log,
//! where it is compressed by state. So the queue never holds more than [`ROOM`] bytes and one chunk, however slow the
//! peer reads, and a peer that stops reading costs a constant.
//!
//! Why not a tokio channel of chunks: its bound counts messages, not bytes, and the owner needs to know *when* there is
//! room again without waiting for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bgp_proto::message::HEADER_LEN;
use bytes::Bytes;
use rib::{LimitEvent, PeerId};
use tokio::sync::Notify;

use super::stamps::earlier;
use super::tally::Tally;
use crate::journal::Journal;

/// Bytes up to which another chunk is taken.
const ROOM: usize = 128 * 1024;

/// One session's queue. A new session gets a new one, so no chunk can cross from one session into the next.
pub struct OutQueue {
    peer: PeerId,
    state: Mutex<State>,
    filled: Notify,
    wanted: Arc<Wanted>,
}

#[derive(Default)]
struct State {
    chunks: VecDeque<Bytes>,
    bytes: usize,
    /// The owner found no room and is to be told when there is some.
    starved: bool,
    /// Since when the oldest of it is news.
    since: Option<Instant>,
    /// Limits the peer has reached and the session was not told of yet, each kind of news once a family, in the order of
    /// its last time.
    limits: Vec<LimitEvent>,
}

/// The sessions that have room again: what the owner wakes up for. With what they all count together.
#[derive(Default)]
pub struct Wanted {
    peers: Mutex<Vec<PeerId>>,
    notify: Notify,
    /// Sums.
    pub tally: Tally,
    /// What has changed lately.
    pub journal: Arc<Journal>,
}

/// What a session has got.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Number of messages.
    pub messages: u64,
    /// Since when the oldest was news, when nothing of it is left behind.
    pub since: Option<Instant>,
}

impl Wanted {
    /// Nobody yet; what changes goes into this journal.
    pub fn new(journal: Arc<Journal>) -> Self {
        Self { journal, ..Self::default() }
    }

    /// Completes when some session has room again.
    pub async fn notified(&self) {
        self.notify.notified().await;
    }

    /// The sessions that have room again; each is named once.
    pub fn take(&self) -> Vec<PeerId> {
        std::mem::take(&mut self.peers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, peer: PeerId) {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner).push(peer);
        self.notify.notify_one();
    }
}

impl OutQueue {
    /// An empty queue for a session of `peer`.
    pub fn new(peer: PeerId, wanted: Arc<Wanted>) -> Arc<Self> {
        Arc::new(Self { peer, state: Mutex::default(), filled: Notify::new(), wanted })
    }

    /// Owner: fills the queue from `next` while there is room. Says whether it stopped for lack of room; the owner is
    /// then woken by [`Wanted`]. What it brings has been news since that moment, if it is told.
    pub fn fill(&self, since: Option<Instant>, mut next: impl FnMut() -> Option<Bytes>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.since = earlier(state.since, since);
        let mut filled = false;
        while state.bytes < ROOM {
            let Some(chunk) = next() else {
                if state.chunks.is_empty() {
                    state.since = None; // there was nothing to tell
                }
                drop(state);
                if filled {
                    self.filled.notify_one();
                }
                return false;
            };
            state.bytes += chunk.len();
            state.chunks.push_back(chunk);
            filled = true;
        }
        state.starved = true;
        drop(state);
        if filled {
            self.filled.notify_one();
        }
        true
    }

    /// Session: moves chunks into `out` until it holds about `want` bytes more.
    pub fn take(&self, out: &mut VecDeque<Bytes>, want: usize) -> Taken {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut moved, mut count) = (0, 0);
        while moved < want {
            let Some(chunk) = state.chunks.pop_front() else { break };
            moved += chunk.len();
            count += messages(&chunk);
            out.push_back(chunk);
        }
        state.bytes -= moved;
        let since = if state.starved || !state.chunks.is_empty() { None } else { state.since.take() };
        if state.starved && state.bytes <= ROOM / 2 {
            state.starved = false;
            drop(state);
            self.wanted.add(self.peer);
        }
        Taken { messages: count, since }
    }

    /// Octets in it.
    pub fn bytes(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }

    /// Owner: the peer reached a limit on its prefixes.
    pub fn limit(&self, event: LimitEvent) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.limits.retain(|known| *known != event);
        state.limits.push(event);
        drop(state);
        self.filled.notify_one();
    }

    /// Session: the limits that were reached since the last call.
    pub fn take_limits(&self) -> Vec<LimitEvent> {
        std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).limits)
    }

    /// Session: completes when the owner has put something in.
    pub async fn filled(&self) {
        self.filled.notified().await;
    }
}

/// Messages in a chunk, by their length fields. RFC 4271 §4.1
fn messages(chunk: &[u8]) -> u64 {
    let mut rest = chunk;
    let mut count = 0;
    while let Some(length) = rest.get(16..18) {
        let length = usize::from(u16::from_be_bytes([length[0], length[1]])).max(HEADER_LEN);
        rest = rest.get(length..).unwrap_or_default();
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use bgp_proto::Family;
    use bgp_proto::message::end_of_rib;

    use super::*;

    fn chunks(count: usize, size: usize) -> impl FnMut() -> Option<Bytes> {
        let mut left = count;
        move || {
            left = left.checked_sub(1)?;
            Some(Bytes::from(vec![0; size]))
        }
    }

    #[test]
    fn a_session_that_does_not_take_costs_a_constant() {
        let queue = OutQueue::new(PeerId(1), Arc::default());
        assert!(queue.fill(None, chunks(1_000, 64 * 1024)));
        assert!(queue.fill(None, chunks(1_000, 64 * 1024)), "a full queue takes nothing more");
        let mut out = VecDeque::new();
        queue.take(&mut out, usize::MAX);
        assert_eq!(out.iter().map(Bytes::len).sum::<usize>(), 2 * 64 * 1024);
    }

    #[test]
    fn messages_are_counted_not_chunks() {
        let queue = OutQueue::new(PeerId(1), Arc::default());
        let mut two = end_of_rib(Family::IPV4_UNICAST).to_vec();
        two.extend(end_of_rib(Family::IPV6_UNICAST));
        let mut chunk = Some(Bytes::from(two));
        assert!(!queue.fill(None, || chunk.take()));
        assert_eq!(queue.take(&mut VecDeque::new(), usize::MAX).messages, 2);
    }

    #[test]
    fn the_age_of_news_is_told_when_the_last_of_it_is_taken() {
        let queue = OutQueue::new(PeerId(1), Arc::default());
        let (old, new) = (Instant::now(), Instant::now() + std::time::Duration::from_secs(1));
        let mut out = VecDeque::new();
        assert!(!queue.fill(Some(new), chunks(1, 100)));
        assert!(queue.fill(Some(old), chunks(9, 32 * 1024)));
        assert_eq!(queue.take(&mut out, 1).since, None);
        assert_eq!(queue.take(&mut out, usize::MAX).since, None, "the owner has more of it");
        assert!(!queue.fill(None, chunks(1, 100)));
        assert_eq!(queue.take(&mut out, usize::MAX).since, Some(old));
        assert_eq!(queue.take(&mut out, usize::MAX).since, None);
    }

    #[test]
    fn the_owner_is_woken_once_when_half_is_taken_and_only_if_it_was_refused() {
        let wanted = Arc::new(Wanted::default());
        let queue = OutQueue::new(PeerId(7), wanted.clone());
        let mut out = VecDeque::new();
        assert!(!queue.fill(None, chunks(1, 100)));
        queue.take(&mut out, usize::MAX);
        assert!(wanted.take().is_empty());
        assert!(queue.fill(None, chunks(9, 32 * 1024)));
        queue.take(&mut out, 1);
        assert!(wanted.take().is_empty(), "three quarters full");
        queue.take(&mut out, 1);
        queue.take(&mut out, usize::MAX);
        assert_eq!(wanted.take(), [PeerId(7)]);
    }

    #[tokio::test]
    async fn a_waiting_session_sees_what_is_put_in() {
        let queue = OutQueue::new(PeerId(1), Arc::default());
        let (woken, ()) = tokio::join!(queue.filled(), async { assert!(!queue.fill(None, chunks(1, 10))) });
        let () = woken;
        let mut out = VecDeque::new();
        queue.take(&mut out, 100);
        assert_eq!(out.len(), 1);
    }
}
