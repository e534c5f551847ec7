//! Random and damaged octets: a value or an error comes out, never a panic, and what comes out can be written again.

use proptest::collection::vec;
use proptest::prelude::*;

use super::roundtrip::{attrs, codec, family, prefix};
use super::*;

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Reads whatever it is, walks all of it, writes it, and reads the same again.
fn survive(bytes: &[u8], codec: &Codec) {
    // Path ids are written where they are sent: what was read can be written with the same codec.
    let codec = Codec { add_path_tx: codec.add_path_rx, ..*codec };
    let mut buf = BytesMut::from(bytes);
    loop {
        let frame = match split_frame(&mut buf, codec.max_len()) {
            Ok(Some(frame)) => frame,
            Ok(None) => return,
            Err(error) => return canonical::answerable(&error),
        };
        let result = Message::decode(&frame, &codec);
        canonical::judge(&frame, &codec, &result);
        assert!(result.iter().all(|message| !text::text(message).is_empty()));
    }
}

/// Messages made to hold as much as they can for their length.
#[test]
fn memory_is_bounded_by_the_message_s_length() {
    let base = "400101 00 400304 0a000001";
    let extended = |code: &str, item: &str, count: usize| {
        let value = item.replace(' ', "").repeat(count);
        format!("d0{code}{:04x}{value}", value.len() / 2)
    };
    let path = |item: &str, count| extended("02", item, count).replacen("d0", "50", 1);
    let unknown: String = (36..=255_u8).map(|code| format!("c0{code:02x}00")).collect();
    for (attrs, nlri) in [
        (format!("{base} {}", path("0201 00000001", 600)), "08 0a".into()),
        (format!("{base} {}", path("0101 00000001", 600)), "00".to_string()),
        (format!("{base} 400200 {}", extended("08", "00000001", 1000)), "00".to_string()),
        (format!("{base} 400200 {}", extended("20", "000000000000000000000001", 300)), "00".to_string()),
        (format!("{base} 400200 {unknown}"), "00".to_string()),
        (format!("{base} 400200 {}", "c0c800".repeat(1200)), "00".to_string()),
        (format!("{base} 400200"), "00".repeat(4000)),
    ] {
        let bytes = update(&[], &hex(&attrs), &hex(&nlri));
        assert!(matches!(decode(&bytes, &MODERN), Ok(Message::Update(update)) if !update.reach.is_empty()), "{attrs}");
        survive(&bytes, &MODERN);
        survive(&bytes, &TWO_OCTET);
    }
    for capability in ["0200", "c800", "4500", "490200 00", "40020078"] {
        let octets = hex(capability);
        let capabilities = octets.repeat(4000 / octets.len());
        let len = capabilities.len() as u16;
        let head = format!("04 0001 005a 01010101 ff ff {:04x} 02 {len:04x}", len + 3);
        let bytes = message(kind::OPEN, &[hex(&head), capabilities].concat());
        assert!(matches!(decode(&bytes, &MODERN), Ok(Message::Open(open)) if open.capabilities.len() >= 1000));
        survive(&bytes, &MODERN);
    }
}

/// A frame made by hand may be shorter than its header says.
#[test]
fn frames_that_end_early_are_errors_or_values() {
    let attrs = hex("400101 00 400200 400304 0a000001 800f03 0002 01");
    let open = hex("04 0001 005a 01010101 ff ff 0007 02 0004 0200 4600");
    for whole in [
        update(&hex("08 0a"), &attrs, &hex("08 0b")),
        message(kind::OPEN, &open),
        message(kind::NOTIFICATION, &[6, 9, 6, 2, 1, 97]),
    ] {
        for len in 0..=whole.len() {
            for kind in 0..7 {
                let frame = Frame { kind, bytes: whole.slice(..len) };
                if let Err(error) = Message::decode(&frame, &MODERN) {
                    canonical::answerable(&error);
                }
            }
        }
    }
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
