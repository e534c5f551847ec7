//! Random and damaged octets: a value or an error comes out, never a panic, and what comes out can be written again.

use proptest::collection::vec;
use proptest::prelude::*;

use super::roundtrip::{attrs, codec, family, prefix};
use super::*;

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Reads whatever it is, walks all of it, writes it, and reads that without a fault.
fn survive(bytes: &[u8], codec: &Codec) {
    let mut buf = BytesMut::from(bytes);
    loop {
        let frame = match split_frame(&mut buf, codec.max_len()) {
            Ok(Some(frame)) => frame,
            Ok(None) => return,
            Err(error) => return answer(&error),
        };
        let message = match Message::decode(&frame, codec) {
            Ok(message) => message,
            Err(error) => {
                assert!(error.offset <= frame.bytes.len(), "{error} in a message of {} octets", frame.bytes.len());
                answer(&error);
                continue;
            }
        };
        assert!(!text::text(&message).is_empty());
        if let Message::Update(update) = &message {
            let octets: usize =
                update.reach.iter().map(|r| &r.nlri).chain(&update.unreach).map(|n| n.as_wire().len()).sum();
            assert!(octets <= frame.bytes.len(), "more prefixes than octets");
            for nlri in update.reach.iter().map(|reach| &reach.nlri).chain(&update.unreach) {
                let again = Nlri::from_prefixes(nlri.family(), nlri.add_path(), nlri.iter());
                assert_eq!(again.as_wire().len(), nlri.as_wire().len(), "a prefix was lost");
            }
            update.faults.iter().for_each(|fault| answer(&fault.error));
        }
        // Path ids are written where they are sent, not where they are received.
        let codec = Codec { add_path_tx: codec.add_path_rx, ..*codec };
        for message in decode_all(&message.encode(&codec), &codec) {
            if let Message::Update(update) = message {
                assert!(update.faults.is_empty(), "what we write has faults: {:?}", update.faults);
            }
        }
    }
}

/// Every error has a text and an answer that fits a message.
fn answer(error: &MessageError) {
    assert!(!error.to_string().is_empty());
    let encoded = Message::Notification(Notification::from(error)).encode(&Codec::INITIAL);
    assert!(encoded.len() <= MAX_LEN);
    assert!(decode(&encoded, &Codec::INITIAL).is_ok());
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn random_bodies(kind in 0..7_u8, body in vec(any::<u8>(), 0..200), codec in codec(), external in any::<bool>()) {
        let codec = Codec { external, ..codec };
        survive(&message(kind, &body), &codec);
    }

    /// Random values, but a frame that is right: more of them get through to the attributes.
    #[test]
    fn random_attributes(
        items in vec((any::<u8>(), prop_oneof![0..36_u8, any::<u8>()], vec(any::<u8>(), 0..40)), 0..8),
        withdrawn in vec(any::<u8>(), 0..6),
        nlri in vec(any::<u8>(), 0..12),
        codec in codec(),
        external in any::<bool>(),
    ) {
        let mut attrs = Vec::new();
        for (flags, code, value) in items {
            attrs.extend([flags & !0x10, code, value.len() as u8]);
            attrs.extend(value);
        }
        survive(&update(&withdrawn, &attrs, &nlri), &Codec { external, ..codec });
    }

    /// Real messages with a few octets changed, and cut or run together.
    #[test]
    fn damaged_messages(
        (family, attrs, prefixes) in family().prop_flat_map(|family| (Just(family), attrs(family), vec(prefix(family), 1..20))),
        codec in codec(),
        external in any::<bool>(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let codec = Codec { external, ..codec };
        let mut out = BytesMut::new();
        pack_unreach(&mut out, &codec, family, prefixes.clone());
        let _ = pack_reach(&mut out, &codec, family, &attrs, prefixes);
        for (index, octet) in damage {
            // Behind the first marker: a broken one is found at once.
            let at = 16 + index.index(out.len() - 16);
            out[at] = octet;
        }
        survive(&out, &codec);
        survive(&out[..cut.index(out.len())], &codec);
    }
}
