//! A fixed number of notes, the oldest of which go.

use std::collections::VecDeque;

/// Notes with their numbers, in order.
#[derive(Debug)]
pub(super) struct Ring<K> {
    notes: VecDeque<(u64, K)>,
    room: usize,
    /// All notes behind this number are here; `None`: nothing is noted.
    since: Option<u64>,
}

impl<K> Ring<K> {
    /// For so many notes; none is taken before the start.
    pub fn new(room: usize) -> Self {
        Self { notes: VecDeque::new(), room, since: None }
    }

    /// Takes notes behind this number, if it does not already.
    pub fn start(&mut self, head: u64) {
        self.since.get_or_insert(head);
    }

    /// More notes, of which there may be too many to name; or none from here on, and what there is goes.
    pub fn take_in(&mut self, head: &mut u64, keys: Option<impl IntoIterator<Item = K>>, go_on: bool) {
        match keys {
            Some(keys) if go_on => keys.into_iter().for_each(|key| self.push(head, key)),
            None if go_on => {
                *head += 1;
                (self.notes, self.since) = (VecDeque::new(), Some(*head));
            }
            _ => (self.notes, self.since) = (VecDeque::new(), None),
        }
    }

    /// The number behind which nothing is missing.
    pub fn since(&self) -> Option<u64> {
        self.since
    }

    /// One more note, with the number behind `head`, which is then the last.
    pub fn push(&mut self, head: &mut u64, key: K) {
        if self.since.is_none() {
            return;
        }
        if self.notes.len() == self.room {
            self.since = self.notes.pop_front().map(|(at, _)| at);
        }
        *head += 1;
        self.notes.push_back((*head, key));
    }

    /// How many notes there are, and what they and the room for them take; `of` says what one has elsewhere.
    pub fn memory(&self, of: impl Fn(&K) -> usize) -> (usize, usize) {
        let elsewhere: usize = self.notes.iter().map(|(_, key)| of(key)).sum();
        (self.notes.len(), self.notes.capacity() * size_of::<(u64, K)>() + elsewhere)
    }

    /// Those behind a number.
    pub fn after(&self, number: u64) -> impl Iterator<Item = (u64, &K)> {
        let from = self.notes.partition_point(|(at, _)| *at <= number);
        self.notes.range(from..).map(|(at, key)| (*at, key))
    }
}
