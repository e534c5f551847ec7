//! As much of BGP's format as counting needs: messages split, an UPDATE's three parts, prefixes, the MED.
//!
//! Why not bgp-proto's decoder: it validates every attribute as a router must. Twelve receivers of a full table would cost
//! the generator more than the daemon. What is written by the generator comes from bgp-proto.

use std::net::{IpAddr, Ipv4Addr};

use bgp_proto::message::{Capability, Codec, Message, Open};
use bgp_proto::{Asn, Family, RouterId};
use bytes::Bytes;

use crate::plan::{HOLD_SECONDS, Speaker};

/// Octets of the header. RFC 4271 §4.1
pub const HEADER: usize = 19;
/// Octets of the longest message; the generator does not offer longer ones.
pub const LONGEST: usize = 4096;

/// Types of messages.
pub mod kind {
    /// OPEN.
    pub const OPEN: u8 = 1;
    /// UPDATE.
    pub const UPDATE: u8 = 2;
    /// NOTIFICATION.
    pub const NOTIFICATION: u8 = 3;
    /// KEEPALIVE.
    pub const KEEPALIVE: u8 = 4;
}

/// The OPEN of a speaker of this family.
pub fn open(speaker: &Speaker, family: Family) -> Bytes {
    open_of(Asn(speaker.asn), RouterId(speaker.next_hop.into()), family)
}

/// An OPEN with what every session of the bench has.
pub fn open_of(asn: Asn, router_id: RouterId, family: Family) -> Bytes {
    let capabilities = vec![Capability::Multiprotocol(family), Capability::RouteRefresh, Capability::FourOctetAs(asn)];
    let open = Open { version: 4, asn, hold_time: HOLD_SECONDS, router_id, capabilities };
    Message::Open(open).encode(&Codec::INITIAL)
}

/// A KEEPALIVE.
pub fn keepalive() -> Bytes {
    Message::Keepalive.encode(&Codec::INITIAL)
}

/// The first message of `bytes`, header included; `None` when it is not complete.
///
/// # Errors
/// The length a message cannot have.
pub fn first_message(bytes: &[u8]) -> Result<Option<&[u8]>, usize> {
    let Some(&[high, low, _]) = bytes.get(16..HEADER) else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if !(HEADER..=LONGEST).contains(&length) {
        return Err(length);
    }
    Ok(bytes.get(..length))
}

/// An UPDATE's parts. RFC 4271 §4.3
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Update<'m> {
    /// Withdrawn prefixes.
    pub withdrawn: &'m [u8],
    /// Path attributes.
    pub attributes: &'m [u8],
    /// Announced prefixes.
    pub announced: &'m [u8],
}

impl<'m> Update<'m> {
    /// Of a whole message; `None` when a length in it is wrong.
    pub fn of(message: &'m [u8]) -> Option<Self> {
        let (withdrawn, rest) = with_length(message.get(HEADER..)?)?;
        let (attributes, announced) = with_length(rest)?;
        Some(Self { withdrawn, attributes, announced })
    }

    /// The MED.
    pub fn med(&self) -> Option<u32> {
        let mut rest = self.attributes;
        while let &[flags, code, ref tail @ ..] = rest {
            let (length, value) = match *tail {
                [high, low, ref value @ ..] if flags & 0x10 != 0 => (u16::from_be_bytes([high, low]).into(), value),
                [length, ref value @ ..] if flags & 0x10 == 0 => (usize::from(length), value),
                _ => return None,
            };
            let (value, next) = value.split_at_checked(length)?;
            if code == 4 {
                return value.try_into().ok().map(u32::from_be_bytes);
            }
            rest = next;
        }
        None
    }
}

/// IPv4 prefixes: address and length. Ends at one that is cut off or too long.
pub fn prefixes(mut list: &[u8]) -> impl Iterator<Item = (IpAddr, u8)> {
    std::iter::from_fn(move || {
        let (&len, rest) = list.split_first()?;
        let octets = usize::from(len.div_ceil(8));
        let mut address = [0; 4];
        address.get_mut(..octets)?.copy_from_slice(rest.get(..octets)?);
        list = &rest[octets..];
        Some((Ipv4Addr::from(address).into(), len))
    })
}

/// A list behind its two octets of length, and what follows.
fn with_length(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

/// What a NOTIFICATION says, for people.
pub fn notification(message: &[u8]) -> String {
    let data = message.get(HEADER..).unwrap_or_default();
    match data {
        [code, subcode, ..] => format!("NOTIFICATION {code}/{subcode}"),
        _ => "a NOTIFICATION without a code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::scenario::named;

    fn messages(mut bytes: &[u8]) -> Vec<&[u8]> {
        let mut all = Vec::new();
        while let Some(message) = first_message(bytes).expect("a good length") {
            all.push(message);
            bytes = &bytes[message.len()..];
        }
        assert!(bytes.is_empty(), "{} octets left", bytes.len());
        all
    }

    #[test]
    fn what_a_speaker_announces_and_withdraws_is_counted_once_each() {
        for name in ["R1", "R4"] {
            let plan = Plan::new(named(name).expect("a scenario").scaled(0.1));
            let speaker = &plan.speakers[1];
            let mut seen = vec![0; plan.space.count];
            for message in messages(&plan.announcement(speaker)) {
                let update = Update::of(message).expect("an UPDATE");
                assert_eq!((message[18], update.withdrawn.len(), update.med()), (kind::UPDATE, 0, None));
                for (address, len) in prefixes(update.announced) {
                    seen[plan.space.index(address, len).expect("a prefix of the plan")] += 1;
                }
            }
            for (index, count) in seen.into_iter().enumerate() {
                assert_eq!(count, i32::from(speaker.sends.contains(&index)), "{name} {index}");
            }
            let gone = plan.withdrawal(speaker.sends.clone());
            let withdrawn: Vec<_> = messages(&gone)
                .into_iter()
                .flat_map(|message| prefixes(Update::of(message).expect("an UPDATE").withdrawn))
                .filter_map(|(address, len)| plan.space.index(address, len))
                .collect();
            assert_eq!(withdrawn, speaker.sends.clone().collect::<Vec<_>>(), "{name}");
        }
    }

    #[test]
    fn a_tag_comes_back_as_med() {
        let plan = Plan::new(named("R5").expect("a scenario"));
        let bytes = plan.announce_one(&plan.speakers[3], 77, 1234);
        assert_eq!(Update::of(&bytes).expect("an UPDATE").med(), Some(1234));
    }

    #[test]
    fn cut_off_bytes_are_no_message_and_wrong_lengths_no_update() {
        let message = keepalive();
        assert_eq!(first_message(&message[..18]), Ok(None));
        assert_eq!(first_message(&message).map(|m| m.map(<[u8]>::len)), Ok(Some(19)));
        let mut long = message.to_vec();
        long[16] = 0xff;
        assert_eq!(first_message(&long), Err(0xff13));
        let mut update = [&[0xff; 16][..], &[0, 23, 2, 0, 9, 0, 0]].concat();
        assert_eq!(Update::of(&update), None);
        update[20] = 0;
        assert!(Update::of(&update).is_some());
        assert_eq!(prefixes(&[24, 10, 1]).count(), 0, "cut off");
        assert_eq!(prefixes(&[33, 10, 1, 1, 1, 1]).count(), 0, "too long");
    }
}
