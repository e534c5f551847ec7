//! One speaker's session: what the [engine](crate::engine) knows of it.

use std::time::Instant;

use crate::held::Held;
use crate::link::Link;
use crate::plan::Speaker;

/// One speaker's session.
#[derive(Debug)]
pub(crate) struct Session {
    pub speaker: Speaker,
    pub link: Option<Link>,
    pub state: State,
    pub held: Held,
    /// Listed in the engine as ready, or it has stalled with something to read.
    pub unread: bool,
    pub stalled: bool,
}

impl Session {
    /// A session that may dial from `now` on. It holds nothing of `prefixes` yet.
    pub fn new(speaker: &Speaker, prefixes: usize, now: Instant) -> Session {
        let counted = if speaker.counts || speaker.stalls { prefixes } else { 0 };
        Session {
            speaker: speaker.clone(),
            link: None,
            state: State::Down(now),
            held: Held::new(counted, speaker.sends.clone()),
            unread: false,
            stalled: false,
        }
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It has no connection, and may dial from this moment on.
    Down(Instant),
    Connecting,
    /// The OPEN is sent.
    OpenSent,
    /// The other's OPEN is here.
    OpenConfirm,
    Up,
    /// The session has ended after it was up; it stays so.
    Lost,
}
