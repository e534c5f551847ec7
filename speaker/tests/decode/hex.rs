//! Hex text, and what one message becomes.

use bgp_proto::message::{AddPathDirection, Capability, cease};
use bgp_proto::message::{Message, Notification};
use bgp_proto::{Asn, Family};
use serde_json::json;
use speaker::decode::DecodeArgs;

use crate::recordings::*;

fn lines(messages: &[Vec<u8>]) -> Vec<u8> {
    messages.iter().map(|message| hex_line(message)).collect::<String>().into_bytes()
}

#[test]
fn each_message_is_an_object_on_a_line() {
    let capabilities = vec![
        Capability::Multiprotocol(Family::IPV4_UNICAST),
        Capability::FourOctetAs(Asn(64512)),
        Capability::AddPath(vec![(Family::IPV4_UNICAST, AddPathDirection::Receive)]),
        Capability::Unknown { code: 200, value: vec![1, 2] },
    ];
    let notification = Notification::cease(cease::ADMINISTRATIVE_SHUTDOWN, Some("until six"));
    let input = lines(&[
        open(64512, capabilities),
        keepalive(),
        update(&CODEC, &[("10.65.1.0/26", 0), ("10.65.2.0/26", 0)]),
        Message::Notification(notification).encode(&CODEC).to_vec(),
    ]);
    assert_eq!(
        objects(&input),
        [
            json!({"line": 1, "type": "OPEN", "version": 4, "asn": 64512, "hold_time": 90, "router_id": "10.0.0.1",
            "capabilities": [
                {"name": "multiprotocol", "family": "ipv4"},
                {"name": "four_octet_as", "asn": 64512},
                {"name": "add_path", "families": [{"family": "ipv4", "direction": "receive"}]},
                {"name": "unknown", "code": 200, "value": "0102"},
            ]}),
            json!({"line": 2, "type": "KEEPALIVE"}),
            json!({"line": 3, "type": "UPDATE", "announce": [{
                "family": "ipv4", "next_hop": "172.16.1.2", "origin": "igp", "as_path": "64513 64514 64515",
                "prefixes": ["10.65.1.0/26", "10.65.2.0/26"],
            }]}),
            json!({"line": 4, "type": "NOTIFICATION", "code": 6, "subcode": 2, "name": "Cease/Administrative Shutdown",
                "text": "until six", "data": "09756e74696c20736978"}),
        ]
    );
}

#[test]
fn communities_of_a_tunnel_are_named() {
    // RFC 9012 §4.1, RFC 9135 §8.1
    let line = b"ffffffffffffffffffffffffffffffff003d020000002140010100400200400304ac100203c01010030c0000\
                 000000080603aa77000000011a0a440200";
    let read = &objects(line)[0]["announce"][0];
    assert_eq!(read["extended_communities"], json!(["encap:vxlan", "router-mac:aa:77:00:00:00:01"]), "{read}");
}

#[test]
fn the_first_fields_say_when_and_where() {
    let mut out = Vec::new();
    speaker::decode::decode(&lines(&[keepalive()])[..], &mut out, &args()).unwrap();
    assert_eq!(out, b"{\"line\":1,\"type\":\"KEEPALIVE\"}\n");
}

#[test]
fn the_width_of_as_numbers_is_found_without_an_open() {
    for codec in [CODEC, TWO_OCTETS] {
        let objects = objects(&lines(&[update(&codec, &[("10.65.1.0/26", 0)])]));
        assert_eq!(objects[0]["announce"][0]["as_path"], "64513 64514 64515", "{codec:?}");
        assert!(objects[0]["error"].is_null());
    }
}

#[test]
fn path_ids_are_found_without_an_open() {
    let objects = objects(&lines(&[update(&ADD_PATH, &[("10.65.1.0/26", 7), ("10.65.2.0/26", 8)])]));
    assert_eq!(objects[0]["announce"][0]["prefixes"][1], json!({"prefix": "10.65.2.0/26", "path_id": 8}));
}

#[test]
fn the_opens_decide_where_there_are_two() {
    let four = |asn| vec![Capability::FourOctetAs(Asn(asn))];
    let input = lines(&[
        open(64512, four(64512)),
        open(64513, Vec::new()), // knows two octets only, so both use them
        update(&TWO_OCTETS, &[("10.65.1.0/26", 0)]),
        update(&CODEC, &[("10.65.1.0/26", 0)]),
    ]);
    let objects = objects(&input);
    assert_eq!(types(&objects), ["OPEN", "OPEN", "UPDATE", "UPDATE!"]);
    assert_eq!(objects[2]["announce"][0]["as_path"], "64513 64514 64515");
}

#[test]
fn the_command_line_overrules_what_would_be_tried() {
    let input = lines(&[update(&TWO_OCTETS, &[("10.65.1.0/26", 0)])]);
    let (objects, _) = read(&input, &DecodeArgs { as4: true, ..args() });
    assert_eq!(types(&objects), ["UPDATE!"]);
    let (objects, _) = read(&input, &DecodeArgs { as2: true, ..args() });
    assert_eq!(types(&objects), ["UPDATE"]);
    let input = lines(&[update(&ADD_PATH, &[("10.65.1.0/26", 7)])]);
    let (objects, _) = read(&input, &DecodeArgs { add_path: true, ..args() });
    assert_eq!(objects[0]["announce"][0]["prefixes"][0]["path_id"], 7);
}

#[test]
fn an_error_has_its_offset_and_the_rest_goes_on() {
    let mut bad_origin = update(&CODEC, &[("10.65.1.0/26", 0)]);
    let origin = bad_origin.windows(4).position(|octets| octets == [0x40, 1, 1, 0]).unwrap() + 3;
    bad_origin[origin] = 7;
    let mut bad_length = update(&CODEC, &[("10.65.1.0/26", 0)]);
    bad_length[19] = 0xff; // withdrawn routes length
    let input = lines(&[bad_origin, bad_length, keepalive()]);
    let objects = objects(&input);
    assert_eq!(types(&objects), ["UPDATE!", "UPDATE!", "KEEPALIVE"]);

    assert_eq!(objects[0]["error"]["treatment"], "the prefixes are withdrawn");
    assert_eq!(objects[0]["withdraw"][0]["prefixes"], json!(["10.65.1.0/26"]));
    let offset = objects[0]["error"]["offset"].as_u64().unwrap() as usize;
    assert!((origin - 3..=origin).contains(&offset), "{offset} of {origin}");

    assert_eq!(objects[1]["error"]["offset"], 19);
    assert_eq!(objects[1]["error"]["notification"], "UPDATE Message Error/Malformed Attribute List");
    assert_eq!(objects[1]["bytes"].as_str().unwrap().len(), 2 * objects[1]["length"].as_u64().unwrap() as usize);
}

#[test]
fn lines_that_are_no_message_are_errors_of_their_own() {
    let good = hex_line(&keepalive());
    let input = format!("# what follows is broken\n\nzz\n{}{}{good}", "ff".repeat(10) + "\n", "55".repeat(30) + "\n");
    let objects = objects(input.as_bytes());
    assert_eq!(types(&objects), ["INCOMPLETE!", "INCOMPLETE!", "INCOMPLETE!", "KEEPALIVE"]);
    let places: Vec<_> = objects.iter().map(|object| object["line"].as_u64().unwrap()).collect();
    assert_eq!(places, [3, 4, 5, 6]);
}

#[test]
fn a_line_without_end_is_one_error_and_the_next_line_is_read() {
    let input = format!("{}\n{}", "f".repeat(5 << 20), hex_line(&keepalive()));
    assert_eq!(types(&objects(input.as_bytes())), ["INCOMPLETE!", "KEEPALIVE"]);
}

#[test]
fn octets_as_they_are_on_the_wire_are_read_too() {
    let input = [keepalive(), update(&CODEC, &[("10.65.1.0/26", 0)]), vec![0xff; 20]].concat();
    assert_eq!(types(&objects(&input)), ["KEEPALIVE", "UPDATE", "INCOMPLETE!"]);
}

#[test]
fn nothing_in_is_nothing_out() {
    assert!(objects(b"").is_empty());
    assert!(objects(b"\n\n# only a comment\n").is_empty());
}
