//! OPENs and ROUTE-REFRESHes that cannot be read, and the answer to them (RFC 4271 §6.2, RFC 7313 §5).

use super::*;

/// Rows: what is wrong, type, body, subcode and data of the NOTIFICATION, offset of the error.
#[test]
fn the_answer_names_the_error() {
    let open = |parameters: &str| format!("04 0001 005a 01010101 {parameters}");
    let rows = [
        ("version 3", "03 0001 005a 01010101 00".to_string(), 1, "0004", 19),
        ("version 5", "05 0001 005a 01010101 00".to_string(), 1, "0004", 19),
        // RFC 4271 §6.2, RFC 5492 §4
        ("parameter 1 (authentication)", open("03 01 01 00"), 4, "", 29),
        ("parameter 255 behind another", open("07 02 02 0200 ff 01 00"), 4, "", 33),
        ("parameters longer than the message", open("05 02 02 0200"), 0, "", 28),
        ("parameters shorter than the message", open("03 02 02 0200"), 0, "", 28),
        ("no length, but parameters", open("00 02 02 0200"), 0, "", 28),
        ("half a parameter header", open("05 02 02 0200 02"), 0, "", 33),
        ("a parameter longer than the parameters", open("04 02 03 0200"), 0, "", 29),
        ("a capability longer than its parameter", open("04 02 02 0201"), 0, "", 31),
        ("half a capability header", open("05 02 03 0200 46"), 0, "", 33),
        // RFC 9072 §2
        ("extended, but no length", open("02 ff 00"), 0, "", 29),
        ("extended, longer than the message", open("ff ff 0006 02 0002 0200"), 0, "", 31),
        ("extended, half a parameter header", open("ff ff 0002 02 00"), 0, "", 32),
        // "recognized, but is malformed"
        ("multiprotocol of 3", open("07 02 05 01 03 000101"), 0, "", 31),
        ("route refresh of 1", open("05 02 03 02 01 00"), 0, "", 31),
        ("four-octet AS of 2", open("06 02 04 41 02 0001"), 0, "", 31),
        ("role of 0", open("04 02 02 09 00"), 0, "", 31),
        ("graceful restart of 1", open("05 02 03 40 01 00"), 0, "", 31),
        ("graceful restart of 5", open("09 02 07 40 05 0078 000101"), 0, "", 31),
        ("add-path of 3", open("07 02 05 45 03 000101"), 0, "", 31),
        ("extended next hop of 4", open("08 02 06 05 04 00010001"), 0, "", 31),
        ("long-lived graceful restart of 6", open("0a 02 08 47 06 000101000000"), 0, "", 31),
        ("extended message of 1", open("05 02 03 06 01 00"), 0, "", 31),
        ("enhanced route refresh of 1", open("05 02 03 46 01 00"), 0, "", 31),
        // RFC 6793 §4.2.2, §9
        ("two ASes of two octets", open("08 02 06 41 04 00000002"), 2, "", 20),
        ("AS_TRANS as a number of its own", open("08 02 06 41 04 00005ba0"), 2, "", 20),
        ("AS 0 beside a real one", "04 0000 005a 01010101 08 02 06 41 04 00010000".to_string(), 2, "", 20),
    ];
    for (what, body, subcode, data, offset) in rows {
        let error = decode(&message(kind::OPEN, &hex(&body)), &Codec::INITIAL).expect_err(what);
        let answer = Notification::from(&error);
        assert_eq!((answer.code, answer.subcode), (ErrorCode::OPEN_MESSAGE, subcode), "{what}: {error}");
        assert_eq!(to_hex(&answer.data), data, "{what}");
        assert_eq!(error.offset, offset, "{what}: {error}");
    }
}

#[test]
fn a_number_that_does_not_fit_may_stand_behind_any_other() {
    // RFC 6793 §4.2.2
    for (field, capability, asn) in [("5ba0", "00010000", 65536), ("0007", "00010000", 65536), ("5ba0", "00000007", 7)]
    {
        let body = format!("04 {field} 005a 01010101 08 02 06 41 04 {capability}");
        let Message::Open(open) = decode(&message(kind::OPEN, &hex(&body)), &MODERN).unwrap() else { panic!() };
        assert_eq!(open.asn, Asn(asn));
    }
}

#[test]
fn a_capability_that_is_only_for_people_is_never_an_error() {
    for value in ["00", "05 6162", "02 ff00 00", "01 61 01 62 63"] {
        let value = hex(value);
        let mut body = hex("04 0001 005a 01010101");
        let len = value.len() as u8;
        body.extend([len + 4, 2, len + 2, 73, len]);
        body.extend(&value);
        let Message::Open(open) = decode(&message(kind::OPEN, &body), &MODERN).unwrap() else { panic!() };
        assert_eq!(open.capabilities, [Capability::Unknown { code: 73, value }]);
    }
}

#[test]
fn a_mark_of_another_length_is_returned_whole() {
    // RFC 7313 §5
    for body in ["0001 01", "0001 02", "0001 01 01 00", "0001 02 01 0000"] {
        let bytes = message(kind::ROUTE_REFRESH, &hex(body));
        let error = decode(&bytes, &MODERN).unwrap_err();
        assert_eq!(Notification::from(&error), ErrorCode::ROUTE_REFRESH_MESSAGE.with(1, bytes.clone()), "{body}");
    }
}

#[test]
fn any_other_route_refresh_may_be_too_short_but_not_too_long() {
    // RFC 4271 §6.1, RFC 5291 §4
    for (body, length) in [("", 19), ("00", 20), ("0001 00", 22), ("0001 07", 22)] {
        let error = decode(&message(kind::ROUTE_REFRESH, &hex(body)), &MODERN).unwrap_err();
        let want = ErrorCode::MESSAGE_HEADER.with(2, Bytes::copy_from_slice(&[0, length]));
        assert_eq!(Notification::from(&error), want, "{body}");
    }
    let long = decode(&message(kind::ROUTE_REFRESH, &hex("0001 00 01 01 80 0002 0000")), &MODERN).unwrap();
    let request = RouteRefresh { family: Family::IPV4_UNICAST, kind: RefreshKind::Request };
    assert_eq!(long, Message::RouteRefresh(request));
}
