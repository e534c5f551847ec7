//! Octets ⇄ text, run through decode *and* encode: a message of every kind, every capability, every attribute (RFC 4271 §4).

use super::text::text;
use super::*;

/// Each row is decoded and shown, and what was decoded is encoded and must give the same octets. A `codec` of its own stands
/// before `:`; rows are the type and the body, the header is built around them.
macro_rules! vectors {
    ($name:ident, $codec:expr; $($kind:literal $body:expr => $text:expr;)+) => {
        #[test]
        fn $name() {
            for (kind, body, expected) in [$(($kind, $body, $text)),+] {
                let bytes = message(kind, &hex(body));
                let decoded = decode(&bytes, &$codec).unwrap_or_else(|error| panic!("{expected}: {error}"));
                assert_eq!(text(&decoded), expected);
                assert_eq!(to_hex(&decoded.encode(&$codec)[19..]), to_hex(&hex(body)), "{expected}");
            }
        }
    };
}

// RFC 4271 §4.2–4.5, RFC 2918 §3, RFC 7313 §3.2
vectors! { messages, MODERN;
    4 "" => "keepalive";
    5 "0001 00 01" => "refresh ipv4 request";
    5 "0002 01 01" => "refresh ipv6 begin";
    5 "0002 02 01" => "refresh ipv6 end";
    5 "0019 07 41" => "refresh afi 25 safi 65 subtype 7";
    1 "04 0001 00b4 01010101 00" => "open v4 as=1 hold=180 id=1.1.1.1";
    2 "0000 0000" => "update end-of-rib ipv4";
    2 "0000 0006 800f03 0002 01" => "update end-of-rib ipv6";
    2 "0004 08 0a 08 0b 0000" => "update unreach 10.0.0.0/8,11.0.0.0/8";
}

// RFC 4271 §4.5, RFC 9003 §2, RFC 8538 §3.1
vectors! { notifications, MODERN;
    3 "01 02 0012" => "notification Message Header Error/Bad Message Length [0012]";
    3 "02 01 0004" => "notification OPEN Message Error/Unsupported Version Number [0004]";
    3 "02 0b" => "notification OPEN Message Error/Role Mismatch";
    3 "03 0b" => "notification UPDATE Message Error/Malformed AS_PATH";
    3 "04 00" => "notification Hold Timer Expired";
    3 "05 02 02" => "notification Finite State Machine Error/Receive Unexpected Message in OpenConfirm State [02]";
    // RFC 4486 §3
    3 "06 02" => "notification Cease/Administrative Shutdown";
    3 "06 02 04 62796521" => "notification Cease/Administrative Shutdown: \"bye!\"";
    3 "06 04 02 c3a9" => "notification Cease/Administrative Reset: \"é\"";
    3 "06 09 06 02 02 6f6b" => "notification Cease/Hard Reset (Cease/Administrative Shutdown): \"ok\"";
    3 "06 09 04 00" => "notification Cease/Hard Reset (Hold Timer Expired)";
    3 "06 0a" => "notification Cease/BFD Down"; // RFC 9384 §3
    3 "06 63" => "notification Cease/99";
    3 "07 01" => "notification ROUTE-REFRESH Message Error/Invalid Message Length";
    3 "08 00" => "notification Send Hold Timer Expired"; // RFC 9687 §3.2
    3 "c8 01" => "notification error 200/1";
}

// RFC 5492 §4, and for each capability its own RFC
vectors! { capabilities, MODERN;
    1 "04 0001 005a 01010101 08 02 06 01 04 0001 00 01" => "open v4 as=1 hold=90 id=1.1.1.1 [multiprotocol ipv4]";
    1 "04 0001 005a 01010101 08 02 06 01 04 0019 00 41"
        => "open v4 as=1 hold=90 id=1.1.1.1 [multiprotocol afi 25 safi 65]";
    1 "04 0001 005a 01010101 0a 02 08 02 00 46 00 06 00 80 00"
        => "open v4 as=1 hold=90 id=1.1.1.1 [route refresh] [enhanced route refresh] [extended message] [capability 128]";
    1 "04 0001 005a 01010101 10 02 0e 05 0c 0001 0001 0002 0001 0002 0002"
        => "open v4 as=1 hold=90 id=1.1.1.1 [extended next hop ipv4 via afi 2 afi 1 safi 2 via afi 2]";
    1 "04 0001 005a 01010101 08 02 06 09 01 03 09 01 07"
        => "open v4 as=1 hold=90 id=1.1.1.1 [role customer] [role role 7]";
    1 "04 0001 005a 01010101 06 02 04 40 02 0078" => "open v4 as=1 hold=90 id=1.1.1.1 [graceful restart 120 s]";
    1 "04 0001 005a 01010101 0e 02 0c 40 0a cfff 0001 01 80 0002 01 00"
        => "open v4 as=1 hold=90 id=1.1.1.1 [graceful restart 4095 s, restarted, notification, ipv4 preserved, ipv6]";
    1 "04 5ba0 005a 01010101 08 02 06 41 04 fffffffe"
        => "open v4 as=4294967294 hold=90 id=1.1.1.1 [four-octet AS 4294967294]";
    1 "04 0001 005a 01010101 0c 02 0a 45 08 0001 01 03 0002 01 01"
        => "open v4 as=1 hold=90 id=1.1.1.1 [add-path ipv4 both ipv6 receive]";
    1 "04 0001 005a 01010101 0b 02 09 47 07 0001 01 80 015180"
        => "open v4 as=1 hold=90 id=1.1.1.1 [long-lived graceful restart ipv4 86400 s preserved]";
    1 "04 0001 005a 01010101 0a 02 08 49 06 03 747472 01 78"
        => "open v4 as=1 hold=90 id=1.1.1.1 [host \"ttr\" domain \"x\"]";
    1 "04 0001 005a 01010101 09 02 07 c8 05 0102030405" => "open v4 as=1 hold=90 id=1.1.1.1 [capability 200 0102030405]";
    // RFC 5492 §4: the same one twice stays twice; sorting it out is for the session.
    1 "04 0001 005a 01010101 06 02 04 02 00 02 00" => "open v4 as=1 hold=90 id=1.1.1.1 [route refresh] [route refresh]";
    // RFC 7911 §4: a direction that does not exist makes the capability one we do not know.
    1 "04 0001 005a 01010101 08 02 06 45 04 0001 01 04" => "open v4 as=1 hold=90 id=1.1.1.1 [capability 69 00010104]";
}

/// Rows of UPDATEs: withdrawn routes, attributes, NLRI. `base` stands for ORIGIN IGP, AS_PATH 1 and NEXT_HOP 10.0.0.1, with
/// four-octet numbers.
macro_rules! updates {
    ($name:ident, $codec:expr; $([$withdrawn:literal, $attrs:literal, $nlri:literal] => $text:expr;)+) => {
        #[test]
        fn $name() {
            for (withdrawn, attrs, nlri, expected) in [$(($withdrawn, $attrs, $nlri, $text)),+] {
                let attrs = attrs.replace("base", "400101 00 400206 0201 00000001 400304 0a000001");
                let bytes = update(&hex(withdrawn), &hex(&attrs), &hex(nlri));
                let decoded = decode(&bytes, &$codec).unwrap_or_else(|error| panic!("{expected}: {error}"));
                assert_eq!(text(&decoded), expected);
                assert_eq!(to_hex(&decoded.encode(&$codec)), to_hex(&bytes), "{expected}");
            }
        }
    };
}

updates! { attributes_of_an_internal_peer, MODERN;
    ["", "base", "08 0a"] => "update reach 10.0.0.0/8 {igp path=1 via=10.0.0.1}";
    ["", "base", "00 20 ffffffff 01 80"] =>
        "update reach 0.0.0.0/0,255.255.255.255/32,128.0.0.0/1 {igp path=1 via=10.0.0.1}";
    ["", "400101 01 400200 400304 0a000001", "08 0a"] => "update reach 10.0.0.0/8 {egp path= via=10.0.0.1}";
    // RFC 4271 §5.1.2, RFC 5065 §3: segments of all kinds
    ["", "400101 02 40021c 0301 0000fde9 0201 00010000 0102 00000002 00000003 0401 0000fdea 400304 0a000001", "08 0a"] =>
        "update reach 10.0.0.0/8 {incomplete path=(65001) 65536 {2 3} [65002] via=10.0.0.1}";
    // RFC 4271 §5.1.4–5.1.7
    ["", "base 800404 00000007 400504 00000064 400600 c00708 00010000 01010101", "08 0a"] =>
        "update reach 10.0.0.0/8 {igp path=1 via=10.0.0.1 med=7 pref=100 atomic=yes aggregator=65536@1.1.1.1}";
    // RFC 1997
    ["", "base c00808 fc000064 ffffff01", "08 0a"] =>
        "update reach 10.0.0.0/8 {igp path=1 via=10.0.0.1 communities=64512:100,no-export}";
    // RFC 4456 §8
    ["", "base 800904 02020202 800a08 04040404 03030303", "08 0a"] =>
        "update reach 10.0.0.0/8 {igp path=1 via=10.0.0.1 originator=2.2.2.2 clusters=4.4.4.4,3.3.3.3}";
    // RFC 4360
    ["", "base c01010 0002fc0000000001 4300000000000001", "08 0a"] =>
        "update reach 10.0.0.0/8 {igp path=1 via=10.0.0.1 ext=rt:64512:1,4300000000000001}";
    // RFC 9012 §4.1, RFC 9135 §8.1
    ["", "base c01010 030c000000000008 06030272ac100101", "08 0a"] =>
        "update reach 10.0.0.0/8 {igp path=1 via=10.0.0.1 ext=encap:vxlan,router-mac:02:72:ac:10:01:01}";
    // RFC 5701
    ["", "base c01914 0002 20010db8000000000000000000000001 0007", "08 0a"] =>
        "update reach 10.0.0.0/8 {igp path=1 via=10.0.0.1 ipv6ext=0002:[2001:db8::1]:7}";
    // RFC 8092
    ["", "base c0200c 00010000 00000001 00000002", "08 0a"] =>
        "update reach 10.0.0.0/8 {igp path=1 via=10.0.0.1 large=65536:1:2}";
    // RFC 9234 §5
    ["", "base c02304 00010000", "08 0a"] => "update reach 10.0.0.0/8 {igp path=1 via=10.0.0.1 otc=65536}";
    // RFC 4271 §5: unknown ones go on with the Partial bit, in their place; known ones keep theirs
    ["", "base e00b02 abcd e02304 00010000 e0c801 ff", "08 0a"] =>
        "update reach 10.0.0.0/8 {igp path=1 via=10.0.0.1 otc=65536 attribute 11/e0=abcd attribute 200/e0=ff}";
}

// RFC 4760 §3, §4, RFC 2545 §3, RFC 8950 §3
updates! { prefixes_in_attributes, Codec { ipv4_over_ipv6: true, ..MODERN };
    ["", "900e0020 0002 01 10 20010db8000000000000000000000001 00 20 20010db8 2020010db9 00 400101 00 400200", ""] =>
        "update reach 2001:db8::/32,2001:db9::/32,::/0 {igp path= via=2001:db8::1}";
    ["", "900e002a 0002 01 20 20010db8000000000000000000000001 fe800000000000000000000000000001 00 20 20010db8
          400101 00 400200", ""] =>
        "update reach 2001:db8::/32 {igp path= via=2001:db8::1+fe80::1}";
    ["", "900e0017 0001 01 10 20010db8000000000000000000000001 00 08 0a 400101 00 400200", ""] =>
        "update reach 10.0.0.0/8 {igp path= via=2001:db8::1}";
    ["", "900f0008 0002 01 20 20010db8", ""] => "update unreach 2001:db8::/32";
}

// RFC 7911 §3
updates! { path_ids, Codec { add_path_rx: FamilySet::ALL, add_path_tx: FamilySet::ALL, ..MODERN };
    ["00000001 08 0a 00000002 08 0a", "", ""] => "update unreach 10.0.0.0/8#1,10.0.0.0/8#2";
    ["", "base", "00000007 18 0a0000"] => "update reach 10.0.0.0/24#7 {igp path=1 via=10.0.0.1}";
    ["", "900f0011 0002 01 ffffffff 20 20010db8 00000000 00", ""] => "update unreach 2001:db8::/32#4294967295,::/0";
}

// RFC 6793 §4, §4.2: what stands where two octets do not fit, and how it comes back
updates! { two_octet_as_numbers, TWO_OCTET;
    ["", "400101 00 400206 0202 0001 fde8 400304 0a000001", "08 0a"] =>
        "update reach 10.0.0.0/8 {igp path=1 65000 via=10.0.0.1}";
    ["", "400101 00 400206 0202 0001 5ba0 400304 0a000001 c0110a 0202 00000001 00010000", "08 0a"] =>
        "update reach 10.0.0.0/8 {igp path=1 65536 via=10.0.0.1}";
    ["", "400101 00 400204 0201 0001 400304 0a000001 c00706 fde8 01010101", "08 0a"] =>
        "update reach 10.0.0.0/8 {igp path=1 via=10.0.0.1 aggregator=65000@1.1.1.1}";
    ["", "400101 00 400204 0201 0001 400304 0a000001 c00706 5ba0 01010101 c01208 00010000 01010101", "08 0a"] =>
        "update reach 10.0.0.0/8 {igp path=1 via=10.0.0.1 aggregator=65536@1.1.1.1}";
}

/// What others write in another way than we do: it says the same, and we write it our way.
#[test]
fn other_ways_to_say_the_same() {
    for (withdrawn, attrs, nlri, expected, ours) in [
        // order of attributes, an extended length that was not needed, low flag bits, a repeated community, host bits
        (
            "",
            "c00808 00020002 00010001 400304 0a000001 50020006 0201 00000001 4f0101 00",
            "09 0aff",
            "update reach 10.128.0.0/9 {igp path=1 via=10.0.0.1 communities=1:1,2:2}",
            "400101 00 400206 0201 00000001 400304 0a000001 c00808 00010001 00020002",
        ),
        // RFC 9135 §8.1: of several routers' MACs the first, whatever their order by octets
        (
            "",
            "400101 00 400200 400304 0a000001 c01018 0603 02aa00000002 0603 02aa00000001 030c 00000000 0008",
            "08 0a",
            "update reach 10.0.0.0/8 {igp path= via=10.0.0.1 ext=encap:vxlan,router-mac:02:aa:00:00:00:02}",
            "400101 00 400200 400304 0a000001 c01010 030c 00000000 0008 0603 02aa00000002",
        ),
        // RFC 4760 §3: NEXT_HOP beside MP_REACH_NLRI is ignored, even a wrong one; a link-local address that is none, too
        (
            "",
            "400101 00 400200 400303 0a0000 800e2a 0002 01 20 20010db8000000000000000000000001
             00000000000000000000000000000000 00 20 20010db8",
            "",
            "update reach 2001:db8::/32 {igp path= via=2001:db8::1}",
            "900e001a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8 400101 00 400200",
        ),
        // RFC 4271 §5: optional, not transitive, unknown
        (
            "",
            "400101 00 400200 400304 0a000001 80c802 0102",
            "08 0a",
            "update reach 10.0.0.0/8 {igp path= via=10.0.0.1}",
            "400101 00 400200 400304 0a000001",
        ),
    ] {
        let bytes = update(&hex(withdrawn), &hex(attrs), &hex(nlri));
        let decoded = decode(&bytes, &MODERN).unwrap();
        assert_eq!(text(&decoded), expected);
        let Message::Update(update) = &decoded else { panic!("{decoded:?}") };
        let encoded = decoded.encode(&MODERN);
        assert!(to_hex(&encoded).contains(&to_hex(&hex(ours))), "{expected}\n{}", to_hex(&encoded));
        assert_eq!(decode(&encoded, &MODERN).unwrap(), Message::Update(same_prefixes(update)), "{expected}");
    }
}

/// The update with the prefixes written without host bits.
fn same_prefixes(update: &Update) -> Update {
    let mut update = update.clone();
    for reach in &mut update.reach {
        reach.nlri = Nlri::from_prefixes(reach.nlri.family(), reach.nlri.add_path(), reach.nlri.iter());
    }
    update
}

#[test]
fn announcements_and_withdrawals_of_both_families_stand_in_one_message() {
    // RFC 4271 §4.3, RFC 4760 §3
    let attrs = "800f08 0002 01 20 20010db7 800e1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8
                 400101 00 400200 400304 0a000001";
    let bytes = update(&hex("08 0b"), &hex(attrs), &hex("08 0a"));
    let decoded = decode(&bytes, &MODERN).unwrap();
    let expected = "update unreach 11.0.0.0/8 unreach 2001:db7::/32 \
                    reach 2001:db8::/32 {igp path= via=2001:db8::1} reach 10.0.0.0/8 {igp path= via=10.0.0.1}";
    assert_eq!(text(&decoded), expected);
    let again = decode_all(&decoded.encode(&MODERN), &MODERN);
    let texts: Vec<_> = again.iter().map(|message| text(message).replace("update ", "")).collect();
    assert_eq!(texts.join(" "), expected.replace("update ", ""));
}

#[test]
fn as4_attributes_are_merged_by_the_rules_of_rfc_6793() {
    // RFC 6793 §4.2.3
    for (attrs, expected) in [
        // two-octet speakers in front of a four-octet one
        ("400208 0203 0009 5ba0 0002 c0110a 0202 00010000 00000002", "path=9 65536 2 via=10.0.0.1"),
        // AS_PATH is shorter: the AS4_PATH is of another path
        ("400204 0201 0009 c0110a 0202 00010000 00000002", "path=9 via=10.0.0.1"),
        // a set counts one
        (
            "40020a 0201 5ba0 0102 0007 0008 c01110 0201 00010000 0102 00010007 00000008",
            "path=65536 {65543 8} via=10.0.0.1",
        ),
        // confederation segments in AS4_PATH are dropped
        ("400206 0202 0009 5ba0 c0110c 0301 0000fde8 0201 00010000", "path=9 65536 via=10.0.0.1"),
        // an AGGREGATOR that is not AS_TRANS: both AS4 attributes are of the past
        (
            "400206 0202 0009 5ba0 c00706 0009 01010101 c01106 0201 00010000 c01208 00010001 02020202",
            "path=9 23456 via=10.0.0.1 aggregator=9@1.1.1.1",
        ),
        (
            "400204 0201 0009 c00706 5ba0 01010101 c01208 00010001 02020202",
            "path=9 via=10.0.0.1 aggregator=65537@2.2.2.2",
        ),
    ] {
        let attrs = format!("400101 00 400304 0a000001 {attrs}");
        let decoded = decode(&update(&[], &hex(&attrs), &hex("08 0a")), &TWO_OCTET).unwrap();
        assert_eq!(text(&decoded), format!("update reach 10.0.0.0/8 {{igp {expected}}}"));
    }
}

#[test]
fn a_leading_confederation_segment_survives_the_merge() {
    // RFC 6793 §4.2.3: "either leading or adjacent to a path segment that is prepended"
    let codec = Codec { external: false, ..TWO_OCTET };
    let attrs = "400101 00 400304 0a000001 40020a 0301 fde9 0202 0009 5ba0 c01106 0201 00010000";
    let decoded = decode(&update(&[], &hex(attrs), &hex("08 0a")), &codec).unwrap();
    assert_eq!(text(&decoded), "update reach 10.0.0.0/8 {igp path=(65001) 9 65536 via=10.0.0.1}");
}

#[test]
fn shutdown_texts_are_read_leniently_and_written_strictly() {
    // RFC 9003 §2, §4
    let text_of = |body: &str| match decode(&message(kind::NOTIFICATION, &hex(body)), &MODERN).unwrap() {
        Message::Notification(notification) => notification.shutdown_text(),
        other => panic!("{other:?}"),
    };
    assert_eq!(text_of("06 02 ff 6162").as_deref(), Some("ab"), "longer than what is there");
    assert_eq!(text_of("06 02 03 61ff62").as_deref(), Some("a\u{fffd}b"), "no UTF-8");
    assert_eq!(text_of("06 02 00"), None);
    assert_eq!(text_of("06 02 01 6162").as_deref(), Some("a"), "more than the text");
    assert_eq!(text_of("06 01 01 61"), None, "a subcode without text");
    assert_eq!(text_of("06 09 06 09 06 02 01 61"), None, "a Hard Reset in a Hard Reset");
    let long = Notification::cease(cease::ADMINISTRATIVE_SHUTDOWN, Some(&"é".repeat(200)));
    assert_eq!((long.data[0], long.data.len()), (254, 255), "cut between characters");
    assert_eq!(Notification::cease(cease::BFD_DOWN, Some("text")).data.len(), 0);
    let hard = Notification::cease(cease::ADMINISTRATIVE_SHUTDOWN, Some("x")).into_hard_reset();
    assert_eq!(hard.to_string(), "Cease/Hard Reset (Cease/Administrative Shutdown): \"x\"");
    assert_eq!(hard.hard_reset(), Some(Notification::cease(cease::ADMINISTRATIVE_SHUTDOWN, Some("x"))));
}

#[test]
fn extended_optional_parameters_are_read_always_and_written_when_they_must_be() {
    // RFC 9072 §2: accepted even when the plain form would do, whatever the plain length says.
    for length in ["ff", "01"] {
        let body = format!("04 0001 005a 01010101 {length} ff 0007 02 0004 0200 4600");
        let decoded = decode(&message(kind::OPEN, &hex(&body)), &MODERN).unwrap();
        assert_eq!(text(&decoded), "open v4 as=1 hold=90 id=1.1.1.1 [route refresh] [enhanced route refresh]");
    }
    // Several parameters, in both forms. RFC 5492 §4
    for body in
        ["04 0001 005a 01010101 08 02 02 0200 02 02 4600", "04 0001 005a 01010101 ff ff 000a 02 0002 0200 02 0002 4600"]
    {
        let decoded = decode(&message(kind::OPEN, &hex(body)), &MODERN).unwrap();
        assert_eq!(text(&decoded), "open v4 as=1 hold=90 id=1.1.1.1 [route refresh] [enhanced route refresh]");
    }
    // 253 octets of capabilities fit the plain form, one more does not.
    let open = |len: usize| {
        let value = |len: usize| Capability::Unknown { code: 200, value: vec![7; len - 2] };
        let capabilities = vec![value(100), value(len - 100)];
        Open { version: 4, asn: Asn(1), hold_time: 90, router_id: RouterId(1), capabilities }
    };
    for (len, head) in [(253, "ff02fdc8"), (254, "ffff01010200fec8"), (300, "ffff012f02012cc8")] {
        let encoded = Message::Open(open(len)).encode(&MODERN);
        assert_eq!(to_hex(&encoded[28..28 + head.len() / 2]), head, "{len}");
        assert_eq!(decode(&encoded, &MODERN).unwrap(), Message::Open(open(len)), "{len}");
    }
    // What does not fit 4,096 octets is left out. RFC 8654 §4
    let mut huge = open(253);
    huge.capabilities = vec![huge.capabilities[0].clone(); 100];
    let encoded = Message::Open(huge).encode(&MODERN);
    assert!((3900..=4096).contains(&encoded.len()), "{}", encoded.len());
    assert!(decode(&encoded, &MODERN).is_ok());
}
