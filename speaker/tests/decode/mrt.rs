//! MRT files.

use serde_json::json;

use crate::recordings::*;

const BGP4MP: u16 = 16;
const BGP4MP_ET: u16 = 17;

#[test]
fn each_kind_of_message_record_is_read_as_it_says() {
    // RFC 6396 §4.4.2, RFC 8050 §3
    let message = |codec| update(codec, &[("10.65.1.0/26", 0)]);
    let with_ids = update(&ADD_PATH, &[("10.65.1.0/26", 7)]);
    let two_with_ids = update(&bgp_proto::message::Codec { four_octet_as: false, ..ADD_PATH }, &[("10.65.1.0/26", 7)]);
    for (subtype, four_octets, message, from) in [
        (1, false, message(&TWO_OCTETS), "172.16.1.2"),
        (4, true, message(&CODEC), "172.16.1.2"),
        (6, false, message(&TWO_OCTETS), "172.16.1.1"), // sent by the recorder
        (7, true, message(&CODEC), "172.16.1.1"),
        (8, false, two_with_ids, "172.16.1.2"),
        (9, true, with_ids, "172.16.1.2"),
    ] {
        let objects = objects(&record(BGP4MP, subtype, &bgp4mp(four_octets, 64513, 64512, &message)));
        assert_eq!(types(&objects), ["UPDATE"], "subtype {subtype}");
        assert_eq!((&objects[0]["time"], &objects[0]["from"]), (&json!("2019-01-01T00:00:00Z"), &json!(from)));
        assert_eq!(objects[0]["announce"][0]["as_path"], "64513 64514 64515", "subtype {subtype}");
        let prefix = &objects[0]["announce"][0]["prefixes"][0];
        assert_eq!(prefix["path_id"].is_number(), subtype >= 8, "subtype {subtype}");
    }
}

#[test]
fn the_extended_timestamp_has_microseconds() {
    // RFC 6396 §3
    let body = [&250_000_u32.to_be_bytes()[..], &bgp4mp(true, 64513, 64512, &keepalive())].concat();
    let objects = objects(&record(BGP4MP_ET, 4, &body));
    assert_eq!(
        objects,
        [json!({"time": "2019-01-01T00:00:00.250000Z", "from": "172.16.1.2", "from_as": 64513, "to": "172.16.1.1",
            "to_as": 64512, "type": "KEEPALIVE"})]
    );
}

#[test]
fn state_changes_are_named() {
    // RFC 6396 §4.4.1
    let objects = objects(&record(BGP4MP, 5, &bgp4mp(true, 64513, 64512, &[0, 5, 0, 6])));
    assert_eq!((&objects[0]["type"], &objects[0]["new_state"]), (&json!("STATE-CHANGE"), &json!("established")));
    assert_eq!(objects[0]["old_state"], "open-confirm");
}

#[test]
fn records_without_messages_are_named_and_passed_by() {
    let file = [
        record(13, 2, &[0; 5_000]),
        record(BGP4MP, 99, &[0; 30]),
        record(BGP4MP, 4, &[0; 3]),
        record(13, 1, &vec![7; 300_000]),
        record(BGP4MP, 4, &vec![7; 300_000]),
        record(BGP4MP, 4, &bgp4mp(true, 1, 2, &keepalive())),
    ]
    .concat();
    let objects = objects(&file);
    assert_eq!(types(&objects), ["MRT!", "MRT!", "MRT!", "MRT!", "MRT!", "KEEPALIVE"]);
    assert_eq!((&objects[0]["name"], &objects[0]["subtype"]), (&json!("TABLE_DUMP_V2"), &json!(2)));
    assert_eq!(objects[1]["error"]["offset"], 5_012);
}

#[test]
fn a_message_with_an_error_does_not_stop_the_file() {
    let mut broken = update(&CODEC, &[("10.65.1.0/26", 0)]);
    broken[19] = 0xff;
    let mut short = keepalive();
    short.pop();
    let file: Vec<u8> = [broken, short, keepalive()]
        .iter()
        .flat_map(|message| record(BGP4MP, 4, &bgp4mp(true, 64513, 64512, message)))
        .collect();
    let objects = objects(&file);
    assert_eq!(types(&objects), ["UPDATE!", "INCOMPLETE!", "KEEPALIVE"]);
}

#[test]
fn a_file_that_ends_early_gives_what_it_has_and_says_where() {
    let one = record(BGP4MP, 4, &bgp4mp(true, 64513, 64512, &keepalive()));
    for keep in [1, 11, 12, 20, one.len() - 1] {
        let (objects, result) = read(&[&one[..], &one[..keep]].concat(), &args());
        assert_eq!(types(&objects), ["KEEPALIVE"], "{keep}");
        let error = result.unwrap_err().to_string();
        assert!(error.contains(&format!("damaged at octet {}", one.len())), "{keep}: {error}");
    }
}
