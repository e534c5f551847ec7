//! Packing: messages are full, none is too long, nothing is lost.

use std::net::Ipv4Addr;

use super::*;
use crate::attr::{AttrCode, AttrFlags, NextHop, PathAttrs, RawAttr};
use crate::{PathId, Prefix};

/// Attributes whose block has 20 octets and an unknown attribute that makes it `len` long.
fn attrs(len: usize) -> PathAttrs {
    let mut attrs = PathAttrs::originated(NextHop::Addr(Ipv4Addr::new(10, 0, 0, 1).into()));
    let rest = len - 14;
    let value = vec![0; rest.checked_sub(if rest > 258 { 4 } else { 3 }).unwrap()].into_boxed_slice();
    let flags = AttrFlags(AttrFlags::OPTIONAL | AttrFlags::TRANSITIVE | AttrFlags::PARTIAL);
    attrs.unknown = Box::new([RawAttr { flags, code: AttrCode(200), value }]);
    attrs
}

fn prefixes(n: u32, len: u8) -> impl Iterator<Item = (PathId, Prefix)> {
    (0..n).map(move |n| (PathId(n), Prefix::new(Ipv4Addr::from(n << (32 - u32::from(len))).into(), len).unwrap()))
}

fn lengths(out: &[u8], codec: &Codec) -> Vec<usize> {
    let (mut buf, mut lengths) = (BytesMut::from(out), Vec::new());
    while let Some(frame) = split_frame(&mut buf, codec.max_len()).unwrap() {
        lengths.push(frame.bytes.len());
    }
    lengths
}

#[test]
fn messages_are_filled_to_the_last_octet() {
    let (v4, v6) = (Family::IPV4_UNICAST, Family::IPV6_UNICAST);
    let extended = Codec { extended_message: true, ..MODERN };
    let add_path = Codec { add_path_tx: FamilySet::ALL, ..MODERN };
    // A message has 23 octets without attributes and prefixes; a /24 takes 4, with a path id 8.
    for (codec, block, per_prefix, what) in [
        (&MODERN, 25, 4, "classic"),
        (&extended, 25, 4, "extended"),
        (&add_path, 25, 8, "path ids"),
        (&MODERN, 4000, 4, "large"),
    ] {
        let full = (codec.max_len() - 23 - block) / per_prefix;
        for (count, messages) in [(1, 1), (full, 1), (full + 1, 2), (3 * full, 3)] {
            let mut out = BytesMut::new();
            let packed = pack_reach(&mut out, codec, v4, &attrs(block), prefixes(count as u32, 24));
            assert_eq!(packed, Ok(messages), "{what} {count}");
            let lengths = lengths(&out, codec);
            assert_eq!(lengths.len(), messages);
            for len in &lengths[..messages - 1] {
                assert!(codec.max_len() - len < per_prefix, "{what}: {len} octets, there was room");
            }
        }
    }
    // MP_UNREACH_NLRI: 23 + 7 octets, a /64 takes 9.
    let v6_prefixes = (0..4066 / 9 + 1)
        .map(|n: u128| (PathId::NONE, Prefix::new(std::net::Ipv6Addr::from(n << 64).into(), 64).unwrap()));
    let mut out = BytesMut::new();
    assert_eq!(pack_unreach(&mut out, &MODERN, v6, v6_prefixes), 2);
    assert_eq!(lengths(&out, &MODERN), [30 + 9 * 451, 30 + 9]);
}

#[test]
fn the_last_prefix_that_fits_fits_and_the_next_is_an_error_that_leaves_nothing() {
    // RFC 8654 §4
    let room = MAX_LEN - 23;
    let mut out = BytesMut::from(&b"before"[..]);
    let family = Family::IPV4_UNICAST;
    assert_eq!(pack_reach(&mut out, &MODERN, family, &attrs(room - 4), prefixes(3, 24)), Ok(3));
    assert_eq!(lengths(&out[6..], &MODERN), [MAX_LEN; 3]);
    let mut out = BytesMut::from(&b"before"[..]);
    // The first prefix fits, the second does not.
    let mixed = prefixes(1, 16).chain(prefixes(1, 24));
    let error = pack_reach(&mut out, &MODERN, family, &attrs(room - 3), mixed).unwrap_err();
    assert_eq!(error.to_string(), "attributes of 4070 octets leave no room for 0.0.0.0/24 in a message of 4096 octets");
    assert_eq!(&out[..], b"before");
    for block in [room, room + 1, 70_000] {
        assert!(pack_reach(&mut out, &MODERN, family, &attrs(block), prefixes(1, 8)).is_err(), "{block}");
        let nothing = pack_reach(&mut out, &MODERN, family, &attrs(block), prefixes(0, 8));
        assert_eq!(nothing, Ok(0), "no prefix needs no room");
    }
    let extended = Codec { extended_message: true, ..MODERN };
    assert_eq!(pack_reach(&mut out, &extended, family, &attrs(room + 1), prefixes(1, 8)), Ok(1));
}

#[test]
fn an_update_whose_attributes_do_not_fit_is_encoded_as_a_withdrawal() {
    // RFC 8654 §4
    let nlri = Nlri::from_prefixes(Family::IPV4_UNICAST, false, prefixes(2, 24));
    let reach = Reach { attrs: attrs(5000).into(), nlri: nlri.clone() };
    let mut update = Update::default();
    update.reach.push(reach);
    let [Message::Update(back)] = &decode_all(&Message::Update(update).encode(&MODERN), &MODERN)[..] else { panic!() };
    assert_eq!(back.unreach[..], [nlri]);
    assert!(back.reach.is_empty());
}

#[test]
fn prefixes_of_another_family_are_passed_over() {
    let mut out = BytesMut::new();
    let v6 = Prefix::new("2001:db8::".parse().unwrap(), 32).unwrap();
    assert_eq!(pack_unreach(&mut out, &MODERN, Family::IPV4_UNICAST, [(PathId::NONE, v6)]), 0);
    assert!(out.is_empty());
    assert!(Nlri::from_prefixes(Family::IPV4_UNICAST, false, [(PathId::NONE, v6)]).is_empty());
}
