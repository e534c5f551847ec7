//! UPDATE: prefixes announced and withdrawn (RFC 4271 §4.3), read so that a bad attribute costs no session (RFC 7606).
//!
//! The order matters: first the frame of the message and every run of prefixes, then the attributes. Prefixes that can
//! be found can be withdrawn, so an error in an attribute turns what the message announces into what it withdraws;
//! prefixes that cannot be found end the session.
//!
//! A prefix in both lists of one message is announced: withdraw first, then announce (RFC 4271 §4.3).

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use super::mp::{Mp, MpReach, decode_unreach};
use super::nlri::NlriFault;
use super::pack::{end_of_rib, pack_reach, pack_unreach};
use super::{Codec, HEADER_LEN, MessageError, MessageErrorKind, Nlri};
use crate::Family;
use crate::attr::{AttrBlock, AttrCache, AttrCode, CacheKey, Draft, Faults, NextHop, PathAttrs, RawItem, check_flags};

/// A decoded UPDATE. Prefixes stay in wire form, checked, and are walked lazily.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// Prefixes announced: at most one entry for classic NLRI and one for MP_REACH_NLRI.
    pub reach: SmallVec<[Reach; 1]>,
    /// Prefixes withdrawn, including those of a treat-as-withdraw (RFC 7606 §2).
    pub unreach: SmallVec<[Nlri; 1]>,
    /// The family whose initial dump this message ends (RFC 4724 §2).
    pub end_of_rib: Option<Family>,
    /// What was wrong but does not end the session, strongest first (RFC 7606).
    pub faults: SmallVec<[UpdateFault; 0]>,
}

/// Prefixes announced with one set of attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Reach {
    /// The attributes, next hop included.
    pub attrs: Arc<PathAttrs>,
    /// The prefixes.
    pub nlri: Nlri,
}

/// An error in an UPDATE which RFC 7606 lets the session survive.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateFault {
    /// What is wrong, and where.
    pub error: MessageError,
    /// What was done about it.
    pub treatment: Treatment,
}

/// What an error costs (RFC 7606 §2), weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Treatment {
    /// The attribute is ignored, the route is used.
    Discard,
    /// The prefixes of the message are withdrawn.
    Withdraw,
    /// The session is reset with a NOTIFICATION.
    Reset,
}

impl fmt::Display for Treatment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discard => "attribute discarded",
            Self::Withdraw => "treated as withdraw",
            Self::Reset => "session reset",
        })
    }
}

impl Update {
    /// Reads the message; [`split_frame`](super::split_frame) has checked that it has 23 octets. An error is one that ends
    /// the session.
    pub(super) fn decode(message: &Bytes, codec: &Codec, cache: &mut AttrCache) -> Result<Self, MessageError> {
        let Layout { withdrawn, attrs, nlri } = Layout::decode(message)?;
        let empty = withdrawn.is_empty() && nlri.is_empty();
        if empty && attrs.is_empty() {
            // RFC 4724 §2
            let family = Some(Family::IPV4_UNICAST).filter(|family| codec.families.contains(*family));
            return Ok(Self { end_of_rib: family, ..Self::default() });
        }
        let mut update = Self::default();
        let mut faults = Faults::default();
        // Prefixes we do not look at are prefixes all the same.
        let mut found_reach = !nlri.is_empty();
        update.unreach.extend(decode_classic(message, withdrawn, "Withdrawn Routes", codec, &mut faults)?);
        let classic = decode_classic(message, nlri, "NLRI", codec, &mut faults)?;

        // The straight way: a block of attributes we know, and none of them holds prefixes.
        if let Some(nlri) = &classic {
            let key = CacheKey::new(message, [attrs.clone(), 0..0, 0..0], None, codec);
            if let Some(attrs) = cache.find(&key) {
                update.reach.push(Reach { attrs, nlri: nlri.clone() });
                return Ok(update);
            }
        }

        let mut block = AttrBlock::split(message, attrs.clone(), &mut faults)?;
        if classic.is_none() && block.mp_reach.is_some() {
            // RFC 4760 §3: without prefixes of its own, NEXT_HOP is ignored.
            block.items.retain(|item| item.code != AttrCode::NEXT_HOP);
        }
        let mut reading = Reading { message, attrs, block: &block, codec, cache, draft: None, faults };

        if let Some(item) = &block.mp_unreach {
            reading.check_flags(item);
            match decode_unreach(message, item, codec)? {
                Mp::Ignored(error) => reading.fault(error, Treatment::Discard),
                Mp::Known(nlri) if !nlri.is_empty() => update.unreach.push(nlri),
                Mp::Known(nlri) if empty && block.items.is_empty() && block.mp_reach.is_none() => {
                    update.end_of_rib = Some(nlri.family());
                }
                Mp::Known(_) => {}
            }
        }
        let mut mp_reach = None;
        if let Some(item) = &block.mp_reach {
            reading.check_flags(item);
            match MpReach::decode(message, item, codec)? {
                Mp::Ignored(error) => {
                    found_reach = true;
                    reading.fault(error, Treatment::Discard);
                }
                Mp::Known(reach) if reach.nlri.is_empty() => {}
                Mp::Known(reach) => mp_reach = Some(reach),
            }
        }
        found_reach |= mp_reach.is_some();

        let mut reach = SmallVec::<[(Option<Arc<PathAttrs>>, Nlri); 2]>::new();
        if let Some(MpReach { next_hop, nlri }) = mp_reach {
            reach.push((reading.path_attrs(Some(next_hop), classic.is_none())?, nlri));
        }
        if let Some(nlri) = classic {
            reach.push((reading.path_attrs(None, true)?, nlri));
        }
        if reach.is_empty() && !block.items.is_empty() {
            reading.draft()?; // nothing to announce, but an error is an error
        }

        update.faults = reading.faults.into_sorted();
        let faults = &mut update.faults;
        let withdraw = faults.first().is_some_and(|fault| fault.treatment >= Treatment::Withdraw);
        // RFC 7606 §5.2: attributes and no prefix they belong to. One of them is wrong: perhaps that is where they are.
        let nothing_else = block.items.is_empty() && block.mp_reach.is_none() && block.mp_unreach.is_some();
        if withdraw && !found_reach && !(nothing_else && faults.iter().all(|fault| is_of_unreach(&fault.error))) {
            return Err(faults.swap_remove(0).error);
        }
        for (attrs, nlri) in reach {
            match attrs {
                Some(attrs) if !withdraw => update.reach.push(Reach { attrs, nlri }),
                _ => update.unreach.push(nlri),
            }
        }
        Ok(update)
    }

    /// Writes what the update says, in as many messages as it takes. Prefixes whose attributes do not fit the session's
    /// messages are withdrawn: that is what is left to say of them (RFC 8654 §4).
    pub(super) fn encode(&self, out: &mut BytesMut, codec: &Codec) {
        for nlri in &self.unreach {
            pack_unreach(out, codec, nlri.family(), nlri);
        }
        for Reach { attrs, nlri } in &self.reach {
            if pack_reach(out, codec, nlri.family(), attrs, nlri).is_err() {
                pack_unreach(out, codec, nlri.family(), nlri);
            }
        }
        if let Some(family) = self.end_of_rib {
            out.extend_from_slice(&end_of_rib(family));
        }
    }
}

/// A run of prefixes outside the attributes: IPv4 unicast, once that is negotiated. RFC 7606 §3 i, §5.3: what cannot be
/// read ends the session. `None`: there is none, or it is not for this session, which a fault says.
fn decode_classic(
    message: &Bytes,
    range: Range<usize>,
    field: &'static str,
    codec: &Codec,
    faults: &mut Faults,
) -> Result<Option<Nlri>, MessageError> {
    if range.is_empty() {
        return Ok(None);
    }
    let family = Family::IPV4_UNICAST;
    let wrong = |(at, fault): (usize, NlriFault)| MessageErrorKind::Nlri { field, fault }.at(range.start + at);
    let wire = message.slice(range.clone());
    let nlri = Nlri::decode(family, codec.add_path_rx.contains(family), wire).map_err(wrong)?;
    if codec.families.contains(family) {
        return Ok(Some(nlri));
    }
    faults.note(MessageErrorKind::NotNegotiated { field, family }.at(range.start), Treatment::Discard);
    Ok(None)
}

/// Where the three parts of the message are.
struct Layout {
    withdrawn: Range<usize>,
    attrs: Range<usize>,
    nlri: Range<usize>,
}

impl Layout {
    /// RFC 4271 §6.3, RFC 7606 §3 b: lengths that point behind the message end the session.
    fn decode(message: &[u8]) -> Result<Self, MessageError> {
        let field = |at: usize| {
            let octets = message.get(at..at + 2).and_then(|octets| octets.first_chunk::<2>());
            octets.map(|octets| usize::from(u16::from_be_bytes(*octets)))
        };
        let withdrawn = HEADER_LEN + 2;
        let length = field(HEADER_LEN).unwrap_or(usize::MAX);
        // Behind the withdrawn routes there are two octets more.
        let room = message.len().saturating_sub(withdrawn + 2);
        if length > room {
            return Err(MessageErrorKind::WithdrawnLength { length, room }.at(HEADER_LEN));
        }
        let attrs_length = withdrawn + length;
        let attrs = attrs_length + 2;
        let length = field(attrs_length).unwrap_or(usize::MAX);
        let room = message.len().saturating_sub(attrs);
        if length > room {
            return Err(MessageErrorKind::AttributesLength { length, room }.at(attrs_length));
        }
        Ok(Self {
            withdrawn: withdrawn..attrs_length,
            attrs: attrs..attrs + length,
            nlri: attrs + length..message.len(),
        })
    }
}

/// The attributes of one message, read at most once, and only when the cache does not know them.
struct Reading<'a> {
    message: &'a Bytes,
    attrs: Range<usize>,
    block: &'a AttrBlock,
    codec: &'a Codec,
    cache: &'a mut AttrCache,
    draft: Option<Draft>,
    faults: Faults,
}

impl Reading<'_> {
    fn fault(&mut self, error: MessageError, treatment: Treatment) {
        self.faults.note(error, treatment);
    }

    fn check_flags(&mut self, item: &RawItem) {
        if let Err(fault) = check_flags(item) {
            self.fault(item.error(self.message, fault), Treatment::Withdraw);
        }
    }

    /// The attributes as they are, faults noted.
    fn draft(&mut self) -> Result<&Draft, MessageError> {
        let draft = match self.draft.take() {
            Some(draft) => draft,
            None => Draft::decode(self.message, &self.block.items, self.codec, &mut self.faults)?,
        };
        Ok(self.draft.insert(draft))
    }

    /// The attributes of the prefixes in MP_REACH_NLRI, which has a next hop of its own, or of those in the classic field.
    /// `None` when there is a fault that says why. `last`: nobody asks again.
    fn path_attrs(&mut self, mp: Option<NextHop>, last: bool) -> Result<Option<Arc<PathAttrs>>, MessageError> {
        let message = self.message;
        let key = CacheKey::new(message, self.parts(), mp, self.codec);
        // With a fault, the block is not in the cache; without other prefixes, it was asked for already.
        let asked = mp.is_none() && self.block.mp_reach.is_none() && self.block.mp_unreach.is_none();
        if self.faults.is_empty()
            && !asked
            && let Some(attrs) = self.cache.find(&key)
        {
            return Ok(Some(attrs));
        }
        let draft = self.draft()?;
        let next_hop = mp.or(draft.next_hop);
        let missing = [
            (AttrCode::ORIGIN, draft.origin.is_none()),
            (AttrCode::AS_PATH, draft.as_path.is_none()),
            (AttrCode::NEXT_HOP, next_hop.is_none()),
        ];
        let draft = if last { self.draft.take() } else { self.draft.clone() };
        let attrs = draft.zip(next_hop).and_then(|(draft, next_hop)| draft.finish(next_hop));
        // RFC 7606 §3 d. One that is there, but wrong, has its fault already.
        for (code, is_missing) in missing {
            if is_missing && !self.block.items.iter().any(|item| item.code == code) {
                self.fault(MessageErrorKind::Missing(code).at(self.attrs.start), Treatment::Withdraw);
            }
        }
        let attrs = attrs.map(Arc::new);
        if let (Some(attrs), true) = (&attrs, self.faults.is_empty()) {
            self.cache.insert(&key, attrs);
        }
        Ok(attrs)
    }

    /// The block without the two attributes that hold prefixes.
    fn parts(&self) -> [Range<usize>; 3] {
        let mut cuts = [&self.block.mp_reach, &self.block.mp_unreach]
            .map(|item| item.as_ref().map_or(self.attrs.end..self.attrs.end, |item| item.whole.clone()));
        cuts.sort_by_key(|cut| cut.start);
        let [first, second] = cuts;
        [self.attrs.start..first.start, first.end..second.start, second.end..self.attrs.end]
    }
}

fn is_of_unreach(error: &MessageError) -> bool {
    matches!(error.kind, MessageErrorKind::Attribute { code: AttrCode::MP_UNREACH_NLRI, .. })
}
