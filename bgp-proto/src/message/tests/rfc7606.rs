//! One row an error of RFC 7606 (and of what it refers to): what the message costs, and what a reset answers.

use super::*;
use crate::PathId;
use crate::attr::{AttrCode, AttrFault};

/// What becomes of a message.
#[derive(Debug, PartialEq)]
enum Cost {
    /// Its routes are used, and nothing is reported.
    Nothing,
    /// Its routes are used without this attribute.
    Discard(AttrCode),
    /// Its routes are withdrawn, because of this.
    Withdraw(String),
    /// The session ends: subcode of the UPDATE Message Error, data.
    Reset(u8, String),
}

const ORIGIN: &str = "400101 00";
const PATH: &str = "400206 0201 00000001";
const HOP: &str = "400304 0a000001";
const V6: &str = "800e1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8";

fn base() -> String {
    [ORIGIN, PATH, HOP].join(" ")
}

/// What an UPDATE with these attributes costs. Prefixes that are withdrawn must be those that were announced.
fn cost(codec: &Codec, withdrawn: &str, attrs: &str, nlri: &str) -> Cost {
    let bytes = update(&hex(withdrawn), &hex(attrs), &hex(nlri));
    let update = match decode(&bytes, codec) {
        Ok(Message::Update(update)) => update,
        Ok(other) => panic!("{other:?}"),
        Err(error) => {
            let answer = Notification::from(&error);
            assert_eq!(answer.code, ErrorCode::UPDATE_MESSAGE, "{error}");
            return Cost::Reset(answer.subcode, to_hex(&answer.data));
        }
    };
    assert!(update.faults.is_sorted_by_key(|fault| std::cmp::Reverse(fault.treatment)));
    let Some(strongest) = update.faults.first() else { return Cost::Nothing };
    match strongest.treatment {
        Treatment::Discard => match &strongest.error.kind {
            MessageErrorKind::Attribute { code, .. } => Cost::Discard(*code),
            other => panic!("{other}"),
        },
        Treatment::Withdraw => {
            assert!(update.reach.is_empty(), "withdrawn and announced");
            assert!(!update.unreach.is_empty(), "nothing withdrawn");
            Cost::Withdraw(strongest.error.kind.to_string())
        }
        Treatment::Reset => panic!("a session that goes on after {strongest:?}"),
    }
}

fn withdraw(text: &str) -> Cost {
    Cost::Withdraw(text.into())
}

fn reset(subcode: u8, data: &str) -> Cost {
    Cost::Reset(subcode, to_hex(&hex(data)))
}

#[test]
fn errors_of_single_attributes() {
    use Cost::{Discard, Nothing};
    let with = |attrs: &str| format!("{} {attrs}", base());
    let path = |path: &str| format!("{ORIGIN} {HOP} {path}");
    let rows: Vec<(&str, Codec, String, Cost)> = vec![
        ("nothing wrong", EXTERNAL, base(), Nothing),
        // §3 c: flags. Only Optional and Transitive count.
        (
            "ORIGIN optional",
            MODERN,
            format!("c00101 00 {PATH} {HOP}"),
            withdraw("ORIGIN: flags 0xc0, expected 0x40 (well-known)"),
        ),
        (
            "MED well-known",
            MODERN,
            with("400404 00000000"),
            withdraw("MULTI_EXIT_DISC: flags 0x40, expected 0x80 (optional non-transitive)"),
        ),
        (
            "COMMUNITIES not transitive",
            MODERN,
            with("800804 00010001"),
            withdraw("COMMUNITIES: flags 0x80, expected 0xc0 (optional transitive)"),
        ),
        (
            "AGGREGATOR not transitive",
            MODERN,
            with("800708 00000001 01010101"),
            withdraw("AGGREGATOR: flags 0x80, expected 0xc0 (optional transitive)"),
        ),
        ("ORIGIN partial and low bits", MODERN, format!("6f0101 00 {PATH} {HOP}"), Nothing),
        // §3 d: missing
        ("no ORIGIN", MODERN, format!("{PATH} {HOP}"), withdraw("ORIGIN is missing")),
        ("no AS_PATH", MODERN, format!("{ORIGIN} {HOP}"), withdraw("AS_PATH is missing")),
        ("no NEXT_HOP", MODERN, format!("{ORIGIN} {PATH}"), withdraw("NEXT_HOP is missing")),
        ("no attribute at all", MODERN, String::new(), withdraw("ORIGIN is missing")),
        // §3 g: twice, the first one counts
        ("ORIGIN twice", MODERN, with("400101 07"), Discard(AttrCode::ORIGIN)),
        ("unknown twice", MODERN, with("c0c800 c0c800"), Discard(AttrCode(200))),
        // RFC 4271 §6.3: unknown and well-known
        ("unknown well-known", MODERN, with("40c802 0102"), reset(2, "40c802 0102")),
        ("unknown optional, not transitive", MODERN, with("80c802 0102"), Nothing),
        ("unknown optional transitive", MODERN, with("c0c802 0102"), Nothing),
        // §4: lengths within the attributes
        (
            "one octet behind",
            MODERN,
            with("c0"),
            withdraw("1 octets behind the last path attribute, expected none or a whole attribute"),
        ),
        (
            "half an extended header",
            MODERN,
            with("d0c800"),
            withdraw("3 octets behind the last path attribute, expected none or a whole attribute"),
        ),
        (
            "the last attribute too long",
            MODERN,
            with("c00809 0001"),
            withdraw("COMMUNITIES: length 9 where 2 octets are left"),
        ),
        // §7.1 ORIGIN
        (
            "ORIGIN 3",
            MODERN,
            format!("400101 03 {PATH} {HOP}"),
            withdraw("ORIGIN: value 3, expected 0 (IGP), 1 (EGP) or 2 (INCOMPLETE)"),
        ),
        ("ORIGIN of 2", MODERN, format!("400102 0000 {PATH} {HOP}"), withdraw("ORIGIN: length 2, expected 1")),
        ("ORIGIN of 0", MODERN, format!("400100 {PATH} {HOP}"), withdraw("ORIGIN: length 0, expected 1")),
        // §7.2 AS_PATH
        ("segment type 5", MODERN, path("400206 0501 00000001"), withdraw("AS_PATH: segment type 5, expected 1 to 4")),
        ("segment type 0", MODERN, path("400206 0001 00000001"), withdraw("AS_PATH: segment type 0, expected 1 to 4")),
        ("segment of none", MODERN, path("400202 0200"), withdraw("AS_PATH: a segment of no AS")),
        (
            "segment too long",
            MODERN,
            path("400206 0202 00000001"),
            withdraw("AS_PATH: a segment of 2 ASes where 4 octets are left"),
        ),
        (
            "one octet behind the segment",
            MODERN,
            path("400207 0201 00000001 02"),
            withdraw("AS_PATH: one octet behind the last segment"),
        ),
        (
            "two-octet numbers on a four-octet session",
            MODERN,
            path("400206 0202 0001 0002"),
            withdraw("AS_PATH: a segment of 2 ASes where 4 octets are left"),
        ),
        // RFC 7607 §2
        ("AS 0 in AS_PATH", MODERN, path("40020a 0202 00000001 00000000"), withdraw("AS_PATH: AS 0 stands in it")),
        ("AS 0 in AGGREGATOR", MODERN, with("c00708 00000000 01010101"), Discard(AttrCode::AGGREGATOR)),
        // RFC 5065 §5
        (
            "confederation from outside",
            EXTERNAL,
            path("400206 0301 00000001"),
            withdraw("AS_PATH: a confederation segment from an external peer"),
        ),
        ("confederation from inside", MODERN, path("400206 0301 00000001"), Nothing),
        // §7.3 NEXT_HOP: only the length
        ("NEXT_HOP of 3", MODERN, format!("{ORIGIN} {PATH} 400303 0a0000"), withdraw("NEXT_HOP: length 3, expected 4")),
        (
            "NEXT_HOP of 16",
            MODERN,
            format!("{ORIGIN} {PATH} 400310 20010db8000000000000000000000001"),
            withdraw("NEXT_HOP: length 16, expected 4"),
        ),
        ("NEXT_HOP 0.0.0.0", MODERN, format!("{ORIGIN} {PATH} 400304 00000000"), Nothing),
        // §7.4 MULTI_EXIT_DISC
        ("MED of 3", MODERN, with("800403 000000"), withdraw("MULTI_EXIT_DISC: length 3, expected 4")),
        // §7.5 LOCAL_PREF
        ("LOCAL_PREF of 3", MODERN, with("400503 000000"), withdraw("LOCAL_PREF: length 3, expected 4")),
        ("LOCAL_PREF from outside", EXTERNAL, with("400504 00000064"), Discard(AttrCode::LOCAL_PREF)),
        ("wrong LOCAL_PREF from outside", EXTERNAL, with("c00503 000064"), Discard(AttrCode::LOCAL_PREF)),
        // §7.6 ATOMIC_AGGREGATE
        ("ATOMIC_AGGREGATE of 1", MODERN, with("400601 00"), Discard(AttrCode::ATOMIC_AGGREGATE)),
        // §7.7 AGGREGATOR
        ("AGGREGATOR of 6 between new speakers", MODERN, with("c00706 0001 01010101"), Discard(AttrCode::AGGREGATOR)),
        // §7.8 COMMUNITIES
        (
            "COMMUNITIES of 0",
            MODERN,
            with("c00800"),
            withdraw("COMMUNITIES: length 0, expected a multiple of 4, not 0"),
        ),
        (
            "COMMUNITIES of 5",
            MODERN,
            with("c00805 0000000001"),
            withdraw("COMMUNITIES: length 5, expected a multiple of 4, not 0"),
        ),
        // §7.9 ORIGINATOR_ID
        ("ORIGINATOR_ID of 5", MODERN, with("800905 0101010101"), withdraw("ORIGINATOR_ID: length 5, expected 4")),
        ("ORIGINATOR_ID from outside", EXTERNAL, with("800904 01010101"), Discard(AttrCode::ORIGINATOR_ID)),
        // §7.10 CLUSTER_LIST
        (
            "CLUSTER_LIST of 0",
            MODERN,
            with("800a00"),
            withdraw("CLUSTER_LIST: length 0, expected a multiple of 4, not 0"),
        ),
        (
            "CLUSTER_LIST of 6",
            MODERN,
            with("800a06 010101010101"),
            withdraw("CLUSTER_LIST: length 6, expected a multiple of 4, not 0"),
        ),
        ("CLUSTER_LIST from outside", EXTERNAL, with("800a04 01010101"), Discard(AttrCode::CLUSTER_LIST)),
        // §7.14 EXTENDED_COMMUNITIES, §7.15 the IPv6 ones
        (
            "EXTENDED_COMMUNITIES of 7",
            MODERN,
            with("c01007 00000000000000"),
            withdraw("EXTENDED_COMMUNITIES: length 7, expected a multiple of 8, not 0"),
        ),
        (
            "EXTENDED_COMMUNITIES of 0",
            MODERN,
            with("c01000"),
            withdraw("EXTENDED_COMMUNITIES: length 0, expected a multiple of 8, not 0"),
        ),
        (
            "IPV6_EXTENDED_COMMUNITIES of 8",
            MODERN,
            with("c01908 0000000000000000"),
            withdraw("IPV6_EXTENDED_COMMUNITIES: length 8, expected a multiple of 20, not 0"),
        ),
        // RFC 8092 §6
        (
            "LARGE_COMMUNITY of 8",
            MODERN,
            with("c02008 0000000000000000"),
            withdraw("LARGE_COMMUNITY: length 8, expected a multiple of 12, not 0"),
        ),
        // RFC 9234 §5
        ("ONLY_TO_CUSTOMER of 2", MODERN, with("c02302 0001"), withdraw("ONLY_TO_CUSTOMER: length 2, expected 4")),
        // RFC 6793 §6
        ("AS4_PATH from a new speaker", MODERN, with("c01106 0201 00000001"), Discard(AttrCode::AS4_PATH)),
        (
            "AS4_AGGREGATOR from a new speaker",
            MODERN,
            with("c01208 00000001 01010101"),
            Discard(AttrCode::AS4_AGGREGATOR),
        ),
        (
            "AGGREGATOR of 8 from an old speaker",
            TWO_OCTET,
            format!("{ORIGIN} 400204 0201 0001 {HOP} c00708 00000001 01010101"),
            Discard(AttrCode::AGGREGATOR),
        ),
        (
            "AS4_PATH of 5",
            TWO_OCTET,
            format!("{ORIGIN} 400204 0201 0001 {HOP} c01105 0201 000000"),
            Discard(AttrCode::AS4_PATH),
        ),
        (
            "AS4_PATH of a bad segment",
            TWO_OCTET,
            format!("{ORIGIN} 400204 0201 0001 {HOP} c01106 0901 00000001"),
            Discard(AttrCode::AS4_PATH),
        ),
        (
            "AS4_AGGREGATOR of 6",
            TWO_OCTET,
            format!("{ORIGIN} 400204 0201 0001 {HOP} c01206 0001 01010101"),
            Discard(AttrCode::AS4_AGGREGATOR),
        ),
        // §3 h: the strongest of several
        (
            "discard and withdraw",
            MODERN,
            with("400601 00 c00800"),
            withdraw("COMMUNITIES: length 0, expected a multiple of 4, not 0"),
        ),
        ("withdraw and reset", MODERN, with("c00800 40c800"), reset(2, "40c800")),
    ];
    for (what, codec, attrs, expected) in rows {
        assert_eq!(cost(&codec, "", &attrs, "08 0a"), expected, "{what}");
        // §5.2: without a prefix to withdraw, what would have been withdrawn is a reset. (Nothing is missing then.)
        let alone = cost(&codec, "", &attrs, "");
        match expected {
            Cost::Withdraw(text) if text.ends_with("is missing") => assert_eq!(alone, Nothing, "{what}, no prefix"),
            Cost::Withdraw(_) => assert!(matches!(alone, Cost::Reset(..)), "{what}, no prefix: {alone:?}"),
            other => assert_eq!(alone, other, "{what}, no prefix"),
        }
    }
}

/// §5.2: the answer when an error that would have withdrawn has nothing to withdraw.
#[test]
fn errors_without_prefixes_end_the_session_with_the_code_of_rfc_4271() {
    for (attrs, subcode, data) in [
        ("400101 03", 6, "400101 03"),
        ("400102 0000", 5, "400102 0000"),
        ("c00101 00", 4, "c00101 00"),
        ("400202 0200", 11, ""),
        ("400206 0201 00000000", 11, ""),
        ("400303 0a0000", 5, "400303 0a0000"),
        ("c00805 0001", 1, ""),
        ("c0", 1, ""),
    ] {
        assert_eq!(cost(&MODERN, "", attrs, ""), reset(subcode, data), "{attrs}");
        assert_eq!(cost(&MODERN, "08 0a", attrs, ""), reset(subcode, data), "{attrs}, with a withdrawn route");
    }
    // Attributes beside withdrawals are of no use, but no error.
    assert_eq!(cost(&MODERN, "08 0a", ORIGIN, ""), Cost::Nothing);
}

#[test]
fn lengths_of_the_message_s_parts_must_fit_it() {
    // RFC 4271 §6.3, RFC 7606 §3 b, §5.3
    let answer = |body: &str| {
        let error = decode(&message(kind::UPDATE, &hex(body)), &MODERN).expect_err(body);
        let answer = Notification::from(&error);
        (answer.subcode, to_hex(&answer.data), error.offset)
    };
    for (what, body, subcode, offset) in [
        ("withdrawn routes longer than the message", "0001 0000", 1, 19),
        ("withdrawn routes that leave no attribute length", "0003 08 0a 00", 1, 19),
        ("attributes longer than the message", "0000 0001", 1, 21),
        ("attributes longer than the rest", "0002 08 0a 0005 40010100", 1, 23),
        ("a withdrawn route of 33 bits", "0006 21 0a00000000 0000", 10, 21),
        ("a withdrawn route cut short", "0002 18 0a 0000", 10, 21),
        ("NLRI of 33 bits", "0000 0000 21 0a00000000", 10, 23),
        ("NLRI cut short", "0000 0000 08 0a 18 0b00", 10, 25),
    ] {
        assert_eq!(answer(body), (subcode, String::new(), offset), "{what}");
    }
}

#[test]
fn errors_of_prefixes_in_attributes_end_the_session() {
    // RFC 7606 §5.3, §7.11, §7.12, RFC 4760 §7
    let hop = "20010db8000000000000000000000001";
    for (what, attr, subcode) in [
        ("MP_REACH_NLRI of 4", "800e04 0002 01 00".to_string(), 9),
        ("no reserved octet", format!("800e14 0002 01 10 {hop}"), 9),
        ("next hop longer than the attribute", "800e06 0002 01 10 0000".to_string(), 9),
        ("next hop of 4 for IPv6", "800e09 0002 01 04 0a000001 00".to_string(), 9),
        ("next hop of 24", format!("800e1d 0002 01 18 0000000000000000 {hop} 00"), 9),
        ("next hop of 0", "800e05 0002 01 00 00".to_string(), 9),
        ("next hop of 16 for IPv4, not negotiated", format!("800e15 0001 01 10 {hop} 00"), 9),
        ("prefix of 129 bits", format!("800e27 0002 01 10 {hop} 00 81 {hop} 80"), 9),
        ("prefix cut short", format!("800e17 0002 01 10 {hop} 00 20 20"), 9),
        ("MP_UNREACH_NLRI of 2", "800f02 0002".to_string(), 9),
        ("withdrawn prefix of 129 bits", format!("800f15 0002 01 81 {hop} 80"), 9),
        ("withdrawn prefix cut short", "800f05 0002 01 20 20".to_string(), 9),
        ("MP_REACH_NLRI longer than the attributes", "800e40 0002 01 10".to_string(), 9),
        ("MP_UNREACH_NLRI longer than the attributes", "800f40 0002 01".to_string(), 9),
    ] {
        let data = if subcode == 9 { attr.as_str() } else { "" };
        assert_eq!(cost(&MODERN, "", &attr, ""), reset(subcode, data), "{what}");
        // The attributes before it, and prefixes in the classic field, change nothing.
        let attrs = format!("{} {attr}", base());
        assert_eq!(cost(&MODERN, "", &attrs, "08 0a"), reset(subcode, data), "{what}, behind others");
    }
    // §3 g: twice
    for attr in [V6, "800f08 0002 01 20 20010db8"] {
        assert_eq!(cost(&MODERN, "", &format!("{attr} {attr} {}", base()), ""), reset(1, ""));
    }
}

#[test]
fn an_attribute_error_withdraws_the_prefixes_of_every_place_and_no_others() {
    // RFC 7606 §2, §3
    let attrs = format!("800f08 0002 01 20 20010db7 {V6} {} c00800", base());
    let bytes = update(&hex("08 0b"), &hex(&attrs), &hex("08 0a"));
    let Message::Update(update) = decode(&bytes, &MODERN).unwrap() else { panic!() };
    assert!(update.reach.is_empty());
    let prefixes: Vec<_> = update.unreach.iter().flatten().map(|(id, prefix)| (id, prefix.to_string())).collect();
    let expected = ["11.0.0.0/8", "2001:db7::/32", "2001:db8::/32", "10.0.0.0/8"];
    assert_eq!(prefixes, expected.map(|prefix| (PathId::NONE, prefix.to_string())));
}

#[test]
fn wrong_flags_of_the_attributes_with_prefixes_withdraw_the_prefixes() {
    // RFC 7606 §3 c: the prefixes can be read, so they can be withdrawn.
    let reach = V6.replacen("80", "c0", 1);
    let expected = "MP_REACH_NLRI: flags 0xc0, expected 0x80 (optional non-transitive)";
    assert_eq!(cost(&MODERN, "", &format!("{reach} {ORIGIN} {PATH}"), ""), withdraw(expected));
    let unreach = "c00f08 0002 01 20 20010db8";
    let expected = "MP_UNREACH_NLRI: flags 0xc0, expected 0x80 (optional non-transitive)";
    assert_eq!(cost(&MODERN, "", unreach, ""), withdraw(expected));
    assert_eq!(cost(&MODERN, "", &format!("{unreach} {ORIGIN}"), ""), reset(4, unreach)); // §5.2
}

#[test]
fn families_the_session_does_not_carry_are_ignored_and_reported() {
    // RFC 4760 §7
    let ipv4 = Codec { families: [Family::IPV4_UNICAST].into_iter().collect(), ..MODERN };
    let ipv6 = Codec { families: [Family::IPV6_UNICAST].into_iter().collect(), ..MODERN };
    // A family nobody knows, with a next hop and prefixes of its own form.
    let flowspec = "800e09 0001 85 00 00 03010a02";
    for (codec, withdrawn, attrs, nlri, fault) in [
        (&ipv4, "", V6, "", "MP_REACH_NLRI: ipv6 on a session that does not carry it"),
        (&ipv4, "", "800f03 0002 01", "", "MP_UNREACH_NLRI: ipv6 on a session that does not carry it"),
        (&MODERN, "", flowspec, "", "MP_REACH_NLRI: afi 1 safi 133 on a session that does not carry it"),
        (&ipv6, "08 0a", "", "", "Withdrawn Routes: ipv4 prefixes on a session that does not carry them"),
        (&ipv6, "", ORIGIN, "08 0a", "NLRI: ipv4 prefixes on a session that does not carry them"),
    ] {
        let bytes = update(&hex(withdrawn), &hex(attrs), &hex(nlri));
        let Message::Update(update) = decode(&bytes, codec).unwrap() else { panic!() };
        assert_eq!(update.faults.len(), 1, "{fault}");
        assert_eq!(update.faults[0].error.kind.to_string(), fault);
        assert_eq!(update.faults[0].treatment, Treatment::Discard);
        assert!(update.reach.is_empty() && update.unreach.is_empty() && update.end_of_rib.is_none(), "{fault}");
    }
    let end = update(&[], &[], &[]);
    assert_eq!(decode(&end, &ipv6).unwrap(), Message::Update(Update::default()), "an End-of-RIB of no family of ours");
}

#[test]
fn a_thousand_faults_cost_no_more_memory_than_a_few_and_hide_nothing() {
    // Bounded, and the strongest is among those that are kept. RFC 7606 §3 h
    let attrs = format!("{} {} c00800", base(), "400101 00 ".repeat(500));
    let Message::Update(update) = decode(&update(&[], &hex(&attrs), &hex("08 0a")), &MODERN).unwrap() else { panic!() };
    assert_eq!(update.faults.len(), 16);
    let fault = AttrFault::Length { got: 0, expected: "a multiple of 4, not 0" };
    let kind = &update.faults[0].error.kind;
    assert!(
        matches!(kind, MessageErrorKind::Attribute { code, fault: got, .. }
        if *code == AttrCode::COMMUNITIES && *got == fault),
        "{kind}"
    );
    assert!(update.reach.is_empty() && update.unreach.len() == 1);
}
