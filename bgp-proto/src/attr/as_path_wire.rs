//! AS_PATH and AS4_PATH on the wire, with AS numbers of two or four octets (RFC 4271 §4.3, RFC 6793 §4).

use bytes::{BufMut, BytesMut};

use super::{AsPath, AsPathBuilder, AttrFault, SegmentFault, SegmentKind};
use crate::Asn;

impl AsPath {
    /// Reads an AS_PATH with numbers of four or two octets. `external`: confederation segments are an error (RFC 5065 §5).
    /// RFC 7606 §7.2, RFC 7607 §2
    pub(super) fn decode(value: &[u8], four_octet: bool, external: bool) -> Result<Self, AttrFault> {
        let width = if four_octet { 4 } else { 2 };
        let mut rest = value;
        while let Some((&kind, tail)) = rest.split_first() {
            let (&count, tail) = tail.split_first().ok_or(SegmentFault::Underrun)?;
            let kind = SegmentKind::from_code(kind).ok_or(SegmentFault::Kind(kind))?;
            if count == 0 {
                return Err(SegmentFault::Empty.into());
            }
            let Some((asns, tail)) = tail.split_at_checked(usize::from(count) * width) else {
                return Err(SegmentFault::Overrun { count, left: tail.len() }.into());
            };
            if external && kind.is_confed() {
                return Err(SegmentFault::Confed.into());
            }
            if asns.chunks_exact(width).any(|asn| asn.iter().all(|&octet| octet == 0)) {
                return Err(AttrFault::ZeroAs);
            }
            rest = tail;
        }
        Ok(Self::from_wire(if four_octet { value.into() } else { widen(value) }))
    }

    /// Reads an AS4_PATH: confederation segments have no place in it and are dropped. RFC 6793 §6
    pub(super) fn decode_as4(value: &[u8]) -> Result<Self, AttrFault> {
        let path = Self::decode(value, true, false)?;
        let mut builder = AsPathBuilder::default();
        for segment in path.segments().filter(|segment| !segment.kind.is_confed()) {
            builder.push(segment.kind, segment.asns());
        }
        Ok(builder.build())
    }

    /// Writes the path with numbers of two octets, AS_TRANS for those that do not fit. RFC 6793 §4.2.2
    pub(super) fn encode_two_octet(&self, out: &mut BytesMut) {
        for segment in self.segments() {
            out.put_slice(&[segment.kind as u8, segment.asns().len() as u8]);
            segment.asns().for_each(|asn| out.put_u16(asn.to_two_octet()));
        }
    }

    /// Writes the AS4_PATH that goes beside the two-octet form, unless that says everything. RFC 6793 §4.2.2
    pub(super) fn encode_as4(&self, out: &mut BytesMut) -> bool {
        let mut segments = self.segments().filter(|segment| !segment.kind.is_confed());
        if segments.all(|segment| segment.asns().all(|asn| asn.is_two_octet())) {
            return false;
        }
        for segment in self.segments().filter(|segment| !segment.kind.is_confed()) {
            out.put_slice(&[segment.kind as u8, segment.asns().len() as u8]);
            segment.asns().for_each(|asn| out.put_u32(asn.0));
        }
        true
    }

    /// The real path behind a two-octet AS_PATH (`self`) and its AS4_PATH: what the AS_PATH has in front of the AS4_PATH,
    /// then the AS4_PATH. An AS4_PATH that is longer is not of this path and is ignored. RFC 6793 §4.2.3
    pub(super) fn merge_as4(self, as4: &Self) -> Self {
        let Some(mut excess) = self.hops().checked_sub(as4.hops()) else { return self };
        let mut merged: Vec<(SegmentKind, Vec<Asn>)> = Vec::new();
        for segment in self.segments() {
            let take = match segment.kind {
                // Confederation segments count nothing; those in front of, and next to, what is taken are taken, too.
                SegmentKind::ConfedSequence | SegmentKind::ConfedSet => segment.asns().len(),
                _ if excess == 0 => break,
                SegmentKind::Set => {
                    excess -= 1;
                    segment.asns().len()
                }
                SegmentKind::Sequence => {
                    let take = excess.min(segment.asns().len());
                    excess -= take;
                    take
                }
            };
            merged.push((segment.kind, segment.asns().take(take).collect()));
            if take < segment.asns().len() {
                break;
            }
        }
        for (n, segment) in as4.segments().enumerate() {
            match merged.last_mut() {
                // At the seam, one sequence again, as the four-octet speaker before the seam wrote it.
                Some((SegmentKind::Sequence, asns))
                    if n == 0 && segment.kind == SegmentKind::Sequence && asns.len() + segment.asns().len() <= 255 =>
                {
                    asns.extend(segment.asns());
                }
                _ => merged.push((segment.kind, segment.asns().collect())),
            }
        }
        let mut builder = AsPathBuilder::default();
        for (kind, asns) in merged {
            builder.push(kind, asns);
        }
        builder.build()
    }
}

/// The four-octet form of a checked two-octet one.
fn widen(value: &[u8]) -> Box<[u8]> {
    let mut wire = Vec::with_capacity(value.len() * 2);
    let mut rest = value;
    while let [kind, count, tail @ ..] = rest {
        let (asns, tail) = tail.split_at(tail.len().min(usize::from(*count) * 2));
        wire.extend([*kind, *count]);
        for asn in asns.chunks_exact(2) {
            wire.extend([0, 0, asn[0], asn[1]]);
        }
        rest = tail;
    }
    wire.into_boxed_slice()
}
