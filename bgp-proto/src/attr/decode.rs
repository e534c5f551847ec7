//! A block of path attributes: cut into items, then read by the rows of the [attribute table](super::table).
//!
//! Two steps, because prefixes in MP_REACH_NLRI and MP_UNREACH_NLRI must be found whatever else is wrong (RFC 7606 §5),
//! and because a block that was seen before need not be read at all. An error does not stop the walk: all are collected
//! with what each costs, and the strongest decides (RFC 7606 §3 h). Only one that costs the session ends it at once.

use std::ops::Range;

use bytes::Bytes;
use nom::Parser;
use nom::number::complete::{be_u8, be_u16};
use smallvec::SmallVec;

use super::table::{self, Place, Sender};
use super::{Aggregator, AsPath, AttrCode, AttrFault, AttrFlags, Community, ExtCommunity, Ipv6ExtCommunity};
use super::{LargeCommunity, NextHop, Origin, PartialBits, PathAttrs, RawAttr};
use crate::message::{Codec, MessageError, MessageErrorKind, Treatment, UpdateFault};
use crate::{AS_TRANS, Asn, RouterId};

/// One attribute in a message, unread.
#[derive(Clone, Debug)]
pub(crate) struct RawItem {
    pub flags: AttrFlags,
    pub code: AttrCode,
    /// The whole attribute in the message.
    pub whole: Range<usize>,
    /// Its value in the message.
    pub value: Range<usize>,
}

impl RawItem {
    /// An error of this attribute.
    pub fn error(&self, message: &Bytes, fault: AttrFault) -> MessageError {
        let kind = MessageErrorKind::Attribute { code: self.code, fault, attr: message.slice(self.whole.clone()) };
        kind.at(self.whole.start)
    }
}

/// Faults reported of one message; a message may have a thousand, and nobody reads them all.
const MAX_FAULTS: usize = 16;

/// Faults with their treatment, in the order in which they were found: the first ones, and always one of the strongest.
#[derive(Debug, Default)]
pub(crate) struct Faults(SmallVec<[UpdateFault; 0]>);

impl Faults {
    pub fn note(&mut self, error: MessageError, treatment: Treatment) {
        let fault = UpdateFault { error, treatment };
        if self.0.len() < MAX_FAULTS {
            self.0.push(fault);
        } else if self.0.iter().all(|known| known.treatment < treatment) {
            self.0[MAX_FAULTS - 1] = fault;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Strongest first. RFC 7606 §3 h
    pub fn into_sorted(mut self) -> SmallVec<[UpdateFault; 0]> {
        self.0.sort_by_key(|fault| std::cmp::Reverse(fault.treatment));
        self.0
    }
}

/// The attributes of a message, cut apart. Those that are there twice are gone (RFC 7606 §3 g).
#[derive(Debug, Default)]
pub(crate) struct AttrBlock {
    pub items: SmallVec<[RawItem; 12]>,
    pub mp_reach: Option<RawItem>,
    pub mp_unreach: Option<RawItem>,
}

impl AttrBlock {
    /// Cuts the attributes at `range` of the message apart. An error is one that ends the session.
    pub fn split(message: &Bytes, range: Range<usize>, faults: &mut Faults) -> Result<Self, MessageError> {
        let mut block = Self::default();
        let mut seen = [0_u64; 4];
        let mut at = range.start;
        while at < range.end {
            let rest = &message[at..range.end];
            let Ok((tail, (flags, code, length))) = header(rest) else {
                // RFC 7606 §4: what is left is too short for an attribute.
                let error = MessageErrorKind::AttributeHeader { left: rest.len() }.at(at);
                faults.note(error, Treatment::Withdraw);
                break;
            };
            let start = range.end - tail.len();
            let end = start + length.min(tail.len());
            let item = RawItem { flags, code, whole: at..end, value: start..end };
            let multiprotocol = matches!(code, AttrCode::MP_REACH_NLRI | AttrCode::MP_UNREACH_NLRI);
            if length > tail.len() {
                let error = item.error(message, AttrFault::Overrun { length, room: tail.len() });
                // RFC 7606 §4: treat-as-withdraw. But prefixes that cannot be found cannot be withdrawn (§3 j).
                if multiprotocol {
                    return Err(error);
                }
                faults.note(error, Treatment::Withdraw);
                break;
            }
            at = end;
            // RFC 7606 §3 g: the first one counts, except where prefixes are at stake.
            let (word, bit) = (&mut seen[usize::from(code.0) / 64], 1_u64 << (code.0 % 64));
            let again = *word & bit != 0;
            *word |= bit;
            if again {
                let error = item.error(message, AttrFault::Duplicate);
                if multiprotocol {
                    return Err(error);
                }
                faults.note(error, Treatment::Discard);
                continue;
            }
            match code {
                AttrCode::MP_REACH_NLRI => block.mp_reach = Some(item),
                AttrCode::MP_UNREACH_NLRI => block.mp_unreach = Some(item),
                _ => block.items.push(item),
            }
        }
        Ok(block)
    }
}

/// Flags, type code and length. RFC 4271 §4.3
fn header(input: &[u8]) -> nom::IResult<&[u8], (AttrFlags, AttrCode, usize), ()> {
    let (rest, (flags, code)) = (be_u8.map(AttrFlags), be_u8.map(AttrCode)).parse(input)?;
    let (rest, length) = if flags.has(AttrFlags::EXTENDED_LENGTH) {
        be_u16.map(usize::from).parse(rest)?
    } else {
        be_u8.map(usize::from).parse(rest)?
    };
    Ok((rest, (flags, code, length)))
}

/// Attributes as they are read: what is not there, or wrong, is `None`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub origin: Option<Origin>,
    pub as_path: Option<AsPath>,
    pub next_hop: Option<NextHop>,
    pub med: Option<u32>,
    pub local_pref: Option<u32>,
    pub atomic_aggregate: bool,
    pub aggregator: Option<Aggregator>,
    pub originator_id: Option<RouterId>,
    pub cluster_list: Box<[RouterId]>,
    pub communities: Box<[Community]>,
    pub ext_communities: Box<[ExtCommunity]>,
    pub ipv6_ext_communities: Box<[Ipv6ExtCommunity]>,
    pub large_communities: Box<[LargeCommunity]>,
    pub otc: Option<Asn>,
    pub as4_path: Option<AsPath>,
    pub as4_aggregator: Option<Aggregator>,
    pub unknown: Vec<RawAttr>,
    pub partial: PartialBits,
}

impl Draft {
    /// Reads the attributes of a block. An error is one that ends the session.
    pub fn decode(
        message: &Bytes,
        items: &[RawItem],
        codec: &Codec,
        faults: &mut Faults,
    ) -> Result<Self, MessageError> {
        let mut draft = Self::default();
        for item in items {
            match draft.decode_item(message, item, codec) {
                Ok(()) => {}
                Err((fault, Treatment::Reset)) => return Err(item.error(message, fault)),
                Err((fault, treatment)) => faults.note(item.error(message, fault), treatment),
            }
        }
        draft.unknown.sort_by_key(|attr| attr.code);
        if !codec.four_octet_as {
            draft.merge_as4();
        }
        Ok(draft)
    }

    fn decode_item(&mut self, message: &Bytes, item: &RawItem, codec: &Codec) -> Result<(), (AttrFault, Treatment)> {
        let value = &message[item.value.clone()];
        let Some(row) = table::find(item.code) else { return self.unknown(item, value) };
        let Place::Attrs { decode, .. } = row.place else { return Ok(()) };
        // First whose it is: what is discarded need not be right. RFC 7606 §7.5, §7.9, §7.10, RFC 6793 §6
        match row.from {
            Sender::Internal if codec.external => return Err((AttrFault::FromExternal, Treatment::Discard)),
            Sender::TwoOctet if codec.four_octet_as => return Err((AttrFault::FromFourOctet, Treatment::Discard)),
            _ => {}
        }
        check_flags(item).map_err(|fault| (fault, Treatment::Withdraw))?;
        decode(self, value, codec).map_err(|fault| (fault, row.bad))?;
        if item.flags.has(AttrFlags::PARTIAL) {
            self.partial.insert(item.code);
        }
        Ok(())
    }

    /// RFC 4271 §5: unknown and well-known is an error of the session; optional and transitive is passed on, with the
    /// Partial bit, since a speaker on the way, we, did not know it; optional and not transitive is quietly ignored.
    fn unknown(&mut self, item: &RawItem, value: &[u8]) -> Result<(), (AttrFault, Treatment)> {
        const PASSED_ON: u8 = AttrFlags::OPTIONAL | AttrFlags::TRANSITIVE;
        if !item.flags.has(AttrFlags::OPTIONAL) {
            return Err((AttrFault::NotWellKnown, Treatment::Reset));
        }
        if item.flags.has(PASSED_ON) {
            let flags = AttrFlags(PASSED_ON | AttrFlags::PARTIAL);
            self.unknown.push(RawAttr { flags, code: item.code, value: value.into() });
        }
        Ok(())
    }

    /// What two-octet speakers could not say in AS_PATH and AGGREGATOR. RFC 6793 §4.2.3
    fn merge_as4(&mut self) {
        let (path, aggregator) = (self.as4_path.take(), self.as4_aggregator.take());
        // An AGGREGATOR with a real number was set by a two-octet speaker which did not know the other two attributes
        // and passed on those of another aggregate.
        if self.aggregator.is_some_and(|it| it.asn != AS_TRANS) && aggregator.is_some() {
            return;
        }
        if self.aggregator.is_some() && aggregator.is_some() {
            self.aggregator = aggregator;
        }
        if let (Some(short), Some(path)) = (self.as_path.take_if(|_| path.is_some()), path) {
            self.as_path = Some(short.merge_as4(&path));
        }
    }

    /// The attributes, if ORIGIN and AS_PATH are there.
    pub fn finish(self, next_hop: NextHop) -> Option<PathAttrs> {
        Some(PathAttrs {
            origin: self.origin?,
            as_path: self.as_path?,
            next_hop,
            med: self.med,
            local_pref: self.local_pref,
            atomic_aggregate: self.atomic_aggregate,
            aggregator: self.aggregator,
            originator_id: self.originator_id,
            cluster_list: self.cluster_list,
            communities: self.communities,
            ext_communities: self.ext_communities,
            ipv6_ext_communities: self.ipv6_ext_communities,
            large_communities: self.large_communities,
            otc: self.otc,
            unknown: self.unknown.into_boxed_slice(),
            partial: self.partial,
        })
    }
}

/// RFC 7606 §3 c: the Optional and Transitive bits must be those of the attribute; the others are ignored.
pub(crate) fn check_flags(item: &RawItem) -> Result<(), AttrFault> {
    const CATEGORY: u8 = AttrFlags::OPTIONAL | AttrFlags::TRANSITIVE;
    match table::find(item.code) {
        Some(row) if (item.flags.0 ^ row.flags) & CATEGORY != 0 => {
            Err(AttrFault::Flags { got: item.flags, expected: row.flags })
        }
        _ => Ok(()),
    }
}
