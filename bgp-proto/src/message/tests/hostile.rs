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
        let (octets, held) = (frame.bytes.len(), footprint(&message));
        assert!(held <= 64 * octets + 1024, "{held} octets of memory for a message of {octets}");
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

/// Memory a message holds beside its own octets, by what its lists have room for.
fn footprint(message: &Message) -> usize {
    fn list<T>(items: &[T]) -> usize {
        size_of_val(items)
    }
    match message {
        Message::Open(open) => {
            let value = |capability: &Capability| match capability {
                Capability::ExtendedNextHop(items) => items.capacity() * size_of::<(Family, u16)>(),
                Capability::AddPath(items) => items.capacity() * size_of::<(Family, AddPathDirection)>(),
                Capability::GracefulRestart(graceful) => {
                    graceful.families.capacity() * size_of::<GracefulRestartFamily>()
                }
                Capability::LongLivedGracefulRestart(items) => items.capacity() * size_of::<LlgrFamily>(),
                Capability::Fqdn { hostname, domain } => hostname.capacity() + domain.capacity(),
                Capability::Unknown { value, .. } => value.capacity(),
                _ => 0,
            };
            open.capabilities.capacity() * size_of::<Capability>() + open.capabilities.iter().map(value).sum::<usize>()
        }
        Message::Update(update) => {
            let attrs = |reach: &Reach| {
                let attrs = &*reach.attrs;
                size_of_val(attrs)
                    + attrs.as_path.as_wire().len()
                    + list(&attrs.cluster_list)
                    + list(&attrs.communities)
                    + list(&attrs.ext_communities)
                    + list(&attrs.ipv6_ext_communities)
                    + list(&attrs.large_communities)
                    + list(&attrs.unknown)
                    + attrs.unknown.iter().map(|attr| attr.value.len()).sum::<usize>()
            };
            update.faults.capacity() * size_of::<UpdateFault>() + update.reach.iter().map(attrs).sum::<usize>()
        }
        Message::Notification(_) | Message::Keepalive | Message::RouteRefresh(_) => 0,
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
                    answer(&error);
                }
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
