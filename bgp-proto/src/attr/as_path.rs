//! AS_PATH: the autonomous systems a path has crossed (RFC 4271 §5.1.2), nearest first.
//!
//! Kept as its wire form with four-octet numbers: one allocation, comparable as bytes, walked lazily.

use std::fmt;

use crate::Asn;

/// An AS_PATH. Always well formed: built by [`AsPathBuilder`] or checked by the decoder.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct AsPath {
    /// Segments as on the wire between four-octet speakers: kind, count, then `count` numbers.
    wire: Box<[u8]>,
}

/// The kind of a segment. RFC 4271 §4.3, RFC 5065 §3
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentKind {
    /// Unordered, the result of aggregation.
    Set = 1,
    /// Ordered.
    Sequence = 2,
    /// Ordered, inside a confederation.
    ConfedSequence = 3,
    /// Unordered, inside a confederation.
    ConfedSet = 4,
}

impl SegmentKind {
    /// The kind of a wire code.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Set,
            2 => Self::Sequence,
            3 => Self::ConfedSequence,
            4 => Self::ConfedSet,
            _ => return None,
        })
    }

    /// Whether the segment belongs to a confederation.
    pub const fn is_confed(self) -> bool {
        matches!(self, Self::ConfedSequence | Self::ConfedSet)
    }
}

/// One segment of a path.
#[derive(Clone, Copy)]
pub struct Segment<'a> {
    /// How its numbers relate.
    pub kind: SegmentKind,
    wire: &'a [u8],
}

impl<'a> Segment<'a> {
    /// The numbers, nearest first.
    pub fn asns(&self) -> impl DoubleEndedIterator<Item = Asn> + ExactSizeIterator + use<'a> {
        self.wire.chunks_exact(4).map(|asn| Asn(u32::from_be_bytes([asn[0], asn[1], asn[2], asn[3]])))
    }
}

impl AsPath {
    /// A path of one AS_SEQUENCE (several when there are more than 255 numbers).
    pub fn sequence(asns: impl IntoIterator<Item = Asn>) -> Self {
        let mut builder = AsPathBuilder::default();
        let asns: Vec<_> = asns.into_iter().collect();
        for chunk in asns.chunks(255) {
            builder.push(SegmentKind::Sequence, chunk.iter().copied());
        }
        builder.build()
    }

    /// Whether there is no segment.
    pub fn is_empty(&self) -> bool {
        self.wire.is_empty()
    }

    /// The segments, nearest first.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let mut rest = &self.wire[..];
        std::iter::from_fn(move || {
            let (&kind, &count) = (rest.first()?, rest.get(1)?);
            let (wire, tail) = rest.get(2..)?.split_at_checked(usize::from(count) * 4)?;
            rest = tail;
            Some(Segment { kind: SegmentKind::from_code(kind)?, wire })
        })
    }

    /// The length the decision compares: a set counts one, confederation segments count nothing.
    /// RFC 4271 §9.1.2.2 a, RFC 5065 §5.3
    pub fn hops(&self) -> usize {
        self.segments()
            .map(|segment| match segment.kind {
                SegmentKind::Sequence => segment.asns().len(),
                SegmentKind::Set => 1,
                SegmentKind::ConfedSequence | SegmentKind::ConfedSet => 0,
            })
            .sum()
    }

    /// How often `asn` stands in the path, in segments of any kind: the loop check counts these. RFC 4271 §9.1.2
    pub fn count(&self, asn: Asn) -> usize {
        self.segments().map(|segment| segment.asns().filter(|&hop| hop == asn).count()).sum()
    }

    /// The numbers of all segments, nearest first.
    pub fn asns(&self) -> impl Iterator<Item = Asn> {
        self.segments().flat_map(|segment| segment.asns())
    }

    /// The neighbouring AS: the first number, if the first non-confederation segment is a sequence. RFC 4271 §9.1.2.2 c
    pub fn neighbor(&self) -> Option<Asn> {
        let first = self.segments().find(|segment| !segment.kind.is_confed())?;
        if first.kind == SegmentKind::Sequence { first.asns().next() } else { None }
    }

    /// The AS nearest to us, as its position in the message has it: the first number, if the first segment is a sequence
    /// of either kind. RFC 4271 §6.3
    pub fn leftmost(&self) -> Option<Asn> {
        let first = self.segments().next()?;
        let ordered = matches!(first.kind, SegmentKind::Sequence | SegmentKind::ConfedSequence);
        first.asns().next().filter(|_| ordered)
    }

    /// The AS the route comes from: the last number, if the last segment is a sequence.
    pub fn origin(&self) -> Option<Asn> {
        let last = self.segments().last()?;
        if last.kind == SegmentKind::Sequence { last.asns().next_back() } else { None }
    }

    /// Whether a segment of a confederation stands in the path.
    pub fn has_confed(&self) -> bool {
        self.segments().any(|segment| segment.kind.is_confed())
    }

    /// Whether an AS_SET or AS_CONFED_SET stands in the path (RFC 9774).
    pub fn has_set(&self) -> bool {
        self.segments().any(|segment| matches!(segment.kind, SegmentKind::Set | SegmentKind::ConfedSet))
    }

    /// The path with `asn` put in front `times` times. RFC 4271 §5.1.2 b
    #[must_use]
    pub fn prepend(&self, asn: Asn, times: usize) -> Self {
        self.put_in_front(SegmentKind::Sequence, asn, times)
    }

    /// The path with `asn` in front for another member of the confederation. RFC 5065 §4.1 b
    #[must_use]
    pub fn prepend_confed(&self, asn: Asn) -> Self {
        self.put_in_front(SegmentKind::ConfedSequence, asn, 1)
    }

    /// The path without what happened inside the confederation. RFC 5065 §4.1 c 1
    #[must_use]
    pub fn without_confed(&self) -> Self {
        let mut builder = AsPathBuilder::default();
        for segment in self.segments().filter(|segment| !segment.kind.is_confed()) {
            builder.push(segment.kind, segment.asns());
        }
        builder.build()
    }

    fn put_in_front(&self, kind: SegmentKind, asn: Asn, times: usize) -> Self {
        // Mostly one segment, which then has the right size at once.
        let mut builder = AsPathBuilder { wire: Vec::with_capacity(self.wire.len() + 4 * times) };
        let mut segments = self.segments().peekable();
        let mut front = Vec::with_capacity(times + segments.peek().map_or(0, |first| first.asns().len()));
        front.resize(times, asn);
        // A sequence has room for 255 numbers: join the first one when the sum fits, else stand before it.
        if let Some(first) = segments.peek()
            && first.kind == kind
            && first.asns().len() + times <= 255
        {
            front.extend(first.asns());
            segments.next();
        }
        for chunk in front.chunks(255) {
            builder.push(kind, chunk.iter().copied());
        }
        for segment in segments {
            builder.push(segment.kind, segment.asns());
        }
        builder.build()
    }

    /// The path with each number replaced by what `change` says, or left out. Segments that end up empty go.
    #[must_use]
    pub fn map_asns(&self, mut change: impl FnMut(Asn) -> Option<Asn>) -> Self {
        let mut builder = AsPathBuilder::default();
        for segment in self.segments() {
            builder.push(segment.kind, segment.asns().filter_map(&mut change));
        }
        builder.build()
    }

    /// From a wire form with four-octet numbers that was checked.
    pub(super) fn from_wire(wire: Box<[u8]>) -> Self {
        Self { wire }
    }

    /// The wire form with four-octet numbers.
    pub fn as_wire(&self) -> &[u8] {
        &self.wire
    }
}

/// Builds an [`AsPath`] segment by segment, nearest first.
#[derive(Default)]
pub struct AsPathBuilder {
    wire: Vec<u8>,
}

impl AsPathBuilder {
    /// Adds a segment of up to 255 numbers; an empty one adds nothing, further numbers start another segment.
    pub fn push(&mut self, kind: SegmentKind, asns: impl IntoIterator<Item = Asn>) {
        let mut asns = asns.into_iter().peekable();
        while asns.peek().is_some() {
            let head = self.wire.len();
            self.wire.extend([kind as u8, 0]);
            let mut count = 0;
            for asn in asns.by_ref().take(255) {
                self.wire.extend(asn.0.to_be_bytes());
                count += 1;
            }
            self.wire[head + 1] = count;
        }
    }

    /// The path.
    pub fn build(self) -> AsPath {
        AsPath { wire: self.wire.into_boxed_slice() }
    }
}

impl fmt::Display for AsPath {
    /// `64512 65001 {1 2}`; confederation sequences in round, sets in square brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, segment) in self.segments().enumerate() {
            if n > 0 {
                f.write_str(" ")?;
            }
            let (open, close) = match segment.kind {
                SegmentKind::Sequence => ("", ""),
                SegmentKind::Set => ("{", "}"),
                SegmentKind::ConfedSequence => ("(", ")"),
                SegmentKind::ConfedSet => ("[", "]"),
            };
            f.write_str(open)?;
            for (n, asn) in segment.asns().enumerate() {
                write!(f, "{}{asn}", if n > 0 { " " } else { "" })?;
            }
            f.write_str(close)?;
        }
        Ok(())
    }
}

impl fmt::Debug for AsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(segments: &[(SegmentKind, &[u32])]) -> AsPath {
        let mut builder = AsPathBuilder::default();
        for (kind, asns) in segments {
            builder.push(*kind, asns.iter().copied().map(Asn));
        }
        builder.build()
    }

    #[test]
    fn hops_count_a_set_once_and_confederations_never() {
        // RFC 4271 §9.1.2.2 a, RFC 5065 §5.3
        use SegmentKind::*;
        let p = path(&[(ConfedSequence, &[65001, 65002]), (Sequence, &[1, 2, 3]), (Set, &[4, 5]), (ConfedSet, &[6])]);
        assert_eq!(p.hops(), 4);
        assert_eq!(p.to_string(), "(65001 65002) 1 2 3 {4 5} [6]");
        assert_eq!(p.neighbor(), Some(Asn(1)));
        assert_eq!(p.origin(), None);
        assert!(p.has_set());
        assert_eq!(p.leftmost(), Some(Asn(65001)));
        assert_eq!(path(&[(Set, &[1]), (Sequence, &[2])]).leftmost(), None);
        assert_eq!(AsPath::default().leftmost(), None);
    }

    #[test]
    fn prepend_joins_the_first_sequence_until_it_is_full() {
        // RFC 4271 §5.1.2 b 1: a segment that is full gets a new one before it.
        let p = AsPath::sequence((0..254).map(Asn)).prepend(Asn(9), 1);
        assert_eq!(p.segments().count(), 1);
        assert_eq!(p.hops(), 255);
        let p = p.prepend(Asn(9), 2);
        assert_eq!(p.segments().map(|s| s.asns().len()).collect::<Vec<_>>(), [2, 255]);
        assert_eq!(p.neighbor(), Some(Asn(9)));
        let set = path(&[(SegmentKind::Set, &[1, 2])]).prepend(Asn(9), 1);
        assert_eq!(set.to_string(), "9 {1 2}");
    }

    #[test]
    fn numbers_are_replaced_and_left_out_segment_by_segment() {
        use SegmentKind::*;
        let p = path(&[(Sequence, &[1, 64512]), (Set, &[65534]), (Sequence, &[4_200_000_000, 2])]);
        let public = p.map_asns(|asn| Some(asn).filter(|asn| !asn.is_private()));
        assert_eq!(public.to_string(), "1 2");
        assert_eq!(public.segments().count(), 2);
        assert_eq!(p.map_asns(|_| Some(Asn(9))).to_string(), "9 9 {9} 9 9");
        // RFC 6996 §5
        let private = |asn| Asn(asn).is_private();
        assert!(!private(64_511) && private(64_512) && private(65_534) && !private(65_535));
        assert!(!private(4_199_999_999) && private(4_294_967_294) && !private(u32::MAX));
    }

    #[test]
    fn loops_are_counted_in_every_segment() {
        let p = path(&[(SegmentKind::Sequence, &[1, 2, 1]), (SegmentKind::Set, &[1])]);
        assert_eq!((p.count(Asn(1)), p.count(Asn(3))), (3, 0));
    }

    #[test]
    fn long_sequences_are_split_at_255() {
        let p = AsPath::sequence((0..600).map(Asn));
        assert_eq!(p.segments().map(|s| s.asns().len()).collect::<Vec<_>>(), [255, 255, 90]);
        assert_eq!(p.hops(), 600);
        assert_eq!(p.prepend(Asn(7), 0), p);
    }
}
