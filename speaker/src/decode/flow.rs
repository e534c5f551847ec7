//! One direction of a TCP connection: segments in any order in, the octets the sender wrote out.
//!
//! What is missing is waited for while later segments keep coming, up to a limit; then it counts as not captured, and
//! the stream finds its way again at the next message. Segments overlap when they are sent again; the first wins.

use std::collections::BTreeMap;

use super::output::Time;
use super::stream::Stream;

/// Octets kept behind a gap: several times what a sender has under way to a BGP peer.
const WAITING: usize = 256 << 10;
/// Segments kept behind a gap, as small ones cost more than their octets.
const WAITING_SEGMENTS: usize = 4_096;
/// A jump that no window explains: the ports are used again by a connection whose beginning was not captured.
const JUMP: u64 = 1 << 30;
/// Where positions start, so that they can also go down.
const MIDDLE: u64 = 1 << 40;

/// One direction.
#[derive(Debug)]
pub(super) struct Flow {
    /// Sequence number of the first octet, when the SYN was captured.
    first: Option<u32>,
    /// Position of the next octet. Sequence numbers are the lower 32 bits of positions.
    next: Option<u64>,
    waiting: BTreeMap<u64, Held>,
    held: usize,
    pub stream: Stream,
}

#[derive(Debug)]
struct Held {
    time: Option<Time>,
    octets: Vec<u8>,
}

/// What becomes of a segment.
pub(super) enum Piece {
    /// Octets that follow the ones before.
    Octets(Option<Time>, Vec<u8>),
    /// So many octets were not captured.
    Gap(u64),
}

impl Flow {
    pub fn new() -> Self {
        Self { first: None, next: None, waiting: BTreeMap::new(), held: 0, stream: Stream::midway() }
    }

    /// Octets kept, of the stream and behind a gap.
    pub fn size(&self) -> usize {
        self.held + self.stream.len()
    }

    /// A connection begins: the sender's first octet follows its SYN. Says whether it is another connection than before.
    pub fn begin(&mut self, sequence: u32) -> bool {
        let first = sequence.wrapping_add(1);
        if self.first == Some(first) {
            return false; // a SYN sent again must not forget what came behind it
        }
        let again = self.next.is_some();
        let next = Some(MIDDLE + u64::from(first));
        *self = Self { first: Some(first), next, stream: Stream::default(), ..Self::new() };
        again
    }

    /// Takes a segment, and hands over what can be read now.
    pub fn take(&mut self, time: Option<Time>, sequence: u32, octets: &[u8]) -> Vec<Piece> {
        if octets.is_empty() {
            return Vec::new(); // an ACK, or a keepalive probe
        }
        let mut position = self.position(sequence);
        if self.next.is_some_and(|next| position.abs_diff(next) > JUMP) {
            *self = Self::new();
            position = self.position(sequence);
        }
        let next = *self.next.get_or_insert(position);
        if position <= next {
            let known = usize::try_from(next - position).unwrap_or(usize::MAX);
            let Some(new) = octets.get(known..).filter(|new| !new.is_empty()) else { return Vec::new() };
            self.next = Some(next + new.len() as u64);
            let mut pieces = vec![Piece::Octets(time, new.to_vec())];
            self.release(&mut pieces);
            return pieces;
        }
        self.hold(time, position, octets);
        if self.held > WAITING || self.waiting.len() > WAITING_SEGMENTS { self.give_up() } else { Vec::new() }
    }

    /// Nothing more will fill the gap: hands over what is behind it.
    pub fn give_up(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        while let Some((&position, _)) = self.waiting.first_key_value() {
            let next = self.next.unwrap_or(position);
            pieces.push(Piece::Gap(position.saturating_sub(next)));
            self.next = Some(position);
            self.release(&mut pieces);
        }
        pieces
    }

    /// Where a sequence number is, next to where we are.
    fn position(&self, sequence: u32) -> u64 {
        match self.next {
            None => MIDDLE + u64::from(sequence),
            // The nearest position with these lower 32 bits: RFC 9293 §3.4 compares the same way.
            Some(next) => next.wrapping_add_signed(i64::from(sequence.wrapping_sub(next as u32) as i32)),
        }
    }

    fn hold(&mut self, time: Option<Time>, position: u64, octets: &[u8]) {
        let longer = self.waiting.get(&position).is_none_or(|held| held.octets.len() < octets.len());
        if longer {
            self.held += octets.len();
            if let Some(old) = self.waiting.insert(position, Held { time, octets: octets.to_vec() }) {
                self.held -= old.octets.len();
            }
        }
    }

    /// Hands over what is held and no longer behind a gap.
    fn release(&mut self, pieces: &mut Vec<Piece>) {
        while let (Some(next), Some(entry)) = (self.next, self.waiting.first_entry()) {
            if *entry.key() > next {
                return;
            }
            let (position, held) = entry.remove_entry();
            self.held -= held.octets.len();
            let known = usize::try_from(next - position).unwrap_or(usize::MAX);
            if let Some(new) = held.octets.get(known..).filter(|new| !new.is_empty()) {
                self.next = Some(next + new.len() as u64);
                pieces.push(Piece::Octets(held.time, new.to_vec()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn octets(pieces: Vec<Piece>) -> Vec<u8> {
        let octets = pieces.into_iter().filter_map(|piece| match piece {
            Piece::Octets(_, octets) => Some(octets),
            Piece::Gap(_) => None,
        });
        octets.flatten().collect()
    }

    #[test]
    fn a_gap_is_waited_for_and_then_given_up() {
        let mut flow = Flow::new();
        flow.begin(9);
        assert_eq!(octets(flow.take(None, 10, &[0; 5])).len(), 5);
        for (sequence, size) in (16_u32..).step_by(1_000).zip([1_000; 262]) {
            assert!(flow.take(None, sequence, &vec![1; size]).is_empty());
        }
        assert!(flow.size() <= WAITING);
        let pieces = flow.take(None, 16 + 262_000, &[2; 1_000]);
        assert!(matches!(pieces[0], Piece::Gap(1)));
        assert_eq!((octets(pieces).len(), flow.size()), (263_000, 0));
    }

    #[test]
    fn a_syn_sent_again_changes_nothing_and_a_new_one_begins_anew() {
        let mut flow = Flow::new();
        flow.begin(9);
        flow.take(None, 12, &[3]);
        flow.begin(9);
        assert_eq!(octets(flow.take(None, 10, &[1, 2])), [1, 2, 3]);
        flow.begin(500_000);
        assert_eq!(octets(flow.take(None, 500_001, &[7])), [7]);
    }

    proptest! {
        /// Whatever the order, the overlaps and the repetitions: what comes out is what was written, also where sequence
        /// numbers begin anew. RFC 9293 §3.4
        #[test]
        fn segments_in_any_order_give_what_was_written(
            start in any::<u32>(),
            length in 1_usize..400,
            cuts in proptest::collection::vec((0_usize..400, 1_usize..80), 0..60),
            order in any::<u64>(),
        ) {
            let written: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let mut segments: Vec<(usize, usize)> =
                cuts.into_iter().map(|(at, size)| (at.min(length), (at + size).min(length))).collect();
            segments.extend((0..length).step_by(37).map(|at| (at, (at + 37).min(length)))); // each octet at least once
            let mut seed = order;
            segments.sort_by_cached_key(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                seed >> 33
            });
            let mut flow = Flow::new();
            flow.begin(start);
            let mut read = Vec::new();
            for (from, to) in segments {
                let sequence = start.wrapping_add(1).wrapping_add(from as u32);
                read.extend(octets(flow.take(None, sequence, &written[from..to])));
            }
            prop_assert_eq!(read, written);
            prop_assert_eq!(flow.size(), 0);
        }
    }
}
