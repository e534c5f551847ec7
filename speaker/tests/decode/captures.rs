//! pcap and pcapng: link types, and what TCP and a capture do to a stream.

use bgp_proto::Asn;
use bgp_proto::message::Capability;
use serde_json::{Value, json};
use speaker::decode::DecodeArgs;

use crate::recordings::*;

/// Segments of one direction, each with a part of `stream`.
fn segments(start: u32, stream: &[u8], size: usize) -> Vec<Tcp> {
    let part = |(index, part): (usize, &[u8])| Tcp::new(true, start.wrapping_add((index * size) as u32), 0, part);
    stream.chunks(size).enumerate().map(part).collect()
}

fn session() -> Vec<u8> {
    [
        open(64512, vec![Capability::FourOctetAs(Asn(64512))]),
        keepalive(),
        update(&CODEC, &[("10.65.1.0/26", 0)]),
        update(&CODEC, &[("10.65.2.0/26", 0)]),
        keepalive(),
    ]
    .concat()
}

const SESSION: [&str; 5] = ["OPEN", "KEEPALIVE", "UPDATE", "UPDATE", "KEEPALIVE"];

#[test]
fn every_link_type_order_and_resolution_gives_the_same_objects() {
    for link in [0, 1, 12, 101, 104, 108, 113, 228, 276, 1001] {
        for (big_endian, nanos) in [(false, false), (false, true), (true, false), (true, true)] {
            let pcap = Pcap { big_endian, nanos, link };
            let objects = objects(&pcap.file(&segments(1, &session(), 4096)));
            assert_eq!(types(&objects), SESSION, "{pcap:?}");
            let time = if nanos { "2019-01-01T00:00:00.005000000Z" } else { "2019-01-01T00:00:00.005000Z" };
            assert_eq!(
                objects[1],
                json!({"time": time, "from": "172.16.1.1:40000", "to": "172.16.1.2:179", "type": "KEEPALIVE"}),
                "{pcap:?}"
            );
        }
    }
}

#[test]
fn ipv6_is_read() {
    let mut segments = segments(1, &session(), 4096);
    for segment in &mut segments {
        segment.from = "[fd00::1]:179".parse().unwrap();
        segment.to = "[fd00::2]:40000".parse().unwrap();
    }
    for link in [0, 1, 101, 113, 229, 276] {
        let objects = objects(&Pcap { link, ..PCAP }.file(&segments));
        assert_eq!(types(&objects), SESSION, "{link}");
        assert_eq!(objects[0]["from"], "[fd00::1]:179");
    }
}

#[test]
fn pcapng_is_read_with_its_time_resolution() {
    let segments = segments(1, &session(), 4096);
    for (resolution, units, time) in [
        (6, 1_546_300_800_000_001, json!("2019-01-01T00:00:00.000001Z")),
        (9, 1_546_300_800_000_000_001, json!("2019-01-01T00:00:00.000000001Z")),
        (0, 1_546_300_800, json!("2019-01-01T00:00:00Z")),
        (0x80 | 1, 1_546_300_800 * 2 + 1, json!("2019-01-01T00:00:00.500000000Z")),
        (127, 1, Value::Null), // no such power: frames are read, times are not
        (0x80 | 127, 1, json!("1970-01-01T00:00:00.000000000Z")),
        (0, u64::MAX, Value::Null),
    ] {
        let objects = objects(&pcapng(resolution, units, &segments));
        assert_eq!(types(&objects), SESSION, "{resolution}");
        assert_eq!(objects[0]["time"], time, "{resolution}");
    }
}

#[test]
fn segments_of_any_size_in_any_order_are_put_together() {
    let session = session();
    for size in [1, 7, 19, 20, 100] {
        for start in [1, u32::MAX - 40] {
            let mut file = vec![Tcp::new(true, start.wrapping_sub(1), 2, &[])]; // SYN
            let mut parts = segments(start, &session, size);
            parts.reverse();
            file.extend(parts.iter().cloned().chain(parts.iter().take(3).cloned())); // some are sent again
            assert_eq!(types(&objects(&PCAP.file(&file))), SESSION, "size {size}, start {start}");
        }
    }
}

#[test]
fn a_capture_that_begins_within_a_message_finds_the_next_one() {
    let stream = [update(&CODEC, &[("10.65.1.0/26", 0)]), keepalive(), update(&CODEC, &[("10.65.2.0/26", 0)])].concat();
    for cut in [1, 17, 30] {
        let objects = objects(&PCAP.file(&segments(5, &stream[cut..], 10)));
        assert_eq!(types(&objects), ["KEEPALIVE", "UPDATE"], "cut at {cut}");
        assert_eq!(objects[1]["announce"][0]["prefixes"], json!(["10.65.2.0/26"]));
    }
}

#[test]
fn what_was_not_captured_is_said_and_the_rest_is_read() {
    let one = update(&CODEC, &[("10.65.1.0/26", 0)]);
    let stream = one.repeat(4);
    let mut parts = segments(1, &stream, one.len());
    parts.remove(1);
    parts.insert(0, Tcp::new(true, 0, 2, &[]));
    let objects = objects(&PCAP.file(&parts));
    assert_eq!(types(&objects), ["UPDATE", "INCOMPLETE!", "UPDATE", "UPDATE"]);
    assert_eq!(objects[1]["error"]["message"], format!("{} octets of the connection were not captured", one.len()));
}

#[test]
fn a_capture_with_cut_off_packets_says_what_is_missing() {
    let mut file = PCAP.file(&[]);
    let frame = Tcp::new(true, 1, 0, &session()).frame(1);
    let captured = frame.len() - 10;
    for field in [1_546_300_800_u32, 0, captured as u32, frame.len() as u32] {
        file.extend(field.to_le_bytes());
    }
    file.extend(&frame[..captured]);
    assert_eq!(types(&objects(&file)), ["OPEN", "KEEPALIVE", "UPDATE", "UPDATE", "INCOMPLETE!"]);
}

#[test]
fn both_directions_and_all_connections_are_kept_apart() {
    let session = session();
    let mut file = Vec::new();
    for (index, part) in session.chunks(11).enumerate() {
        for port in 0..50 {
            for forth in [true, false] {
                let mut segment = Tcp::new(forth, 1 + 11 * index as u32, 0, part);
                let end = if forth { &mut segment.from } else { &mut segment.to };
                end.set_port(40_000 + port);
                file.push(segment);
            }
        }
    }
    let objects = objects(&PCAP.file(&file));
    assert_eq!(objects.len(), 100 * SESSION.len());
    assert!(objects.iter().all(|object| object["error"].is_null()));
}

#[test]
fn ports_used_again_are_a_new_session() {
    let old = [open(64512, Vec::new()), update(&TWO_OCTETS, &[("10.65.1.0/26", 0)])].concat();
    let mut file = vec![Tcp::new(true, 99, 2, &[]), Tcp::new(true, 100, 0, &old)];
    file.extend([Tcp::new(true, 5_000, 2, &[]), Tcp::new(true, 5_001, 0, &session())]);
    let objects = objects(&PCAP.file(&file));
    assert_eq!(types(&objects)[..2], ["OPEN", "UPDATE"]);
    assert_eq!(types(&objects)[2..], SESSION);
}

#[test]
fn only_the_port_of_bgp_is_read() {
    let file = PCAP.file(&segments(1, &session(), 4096));
    let (objects, result) = read(&file, &DecodeArgs { port: 1790, ..args() });
    assert!(objects.is_empty() && matches!(result, Ok(0)));
    let (objects, _) = read(&file, &DecodeArgs { port: 40_000, ..args() });
    assert_eq!(types(&objects), SESSION);
}

#[test]
fn a_file_that_ends_early_gives_what_it_has_and_says_where_it_is_damaged() {
    let file = PCAP.file(&segments(1, &session(), 50));
    let (objects, result) = read(&file[..file.len() - 5], &args());
    assert_eq!(types(&objects)[..3], SESSION[..3]);
    let error = result.unwrap_err().to_string();
    assert!(error.contains("capture is damaged at octet") && error.contains("ends within a block"), "{error}");
}

#[test]
fn a_block_shorter_than_its_own_frame_is_damage() {
    // Of every type, in both orders: not every type is checked by the parser.
    type Octets = fn(u32) -> [u8; 4];
    for (order, octets) in [("little", u32::to_le_bytes as Octets), ("big", u32::to_be_bytes)] {
        for kind in [1, 2, 3, 5, 6, 9, 10, 0xbad, 0x4000_0bad, 0x8000_0001, 0xffff] {
            let section = [0x0a0d_0d0a, 28, 0x1a2b_3c4d, 0x0001_0000, u32::MAX, u32::MAX, 28].map(octets).concat();
            let file = [section, [kind, 4, 4, 0, 0].map(octets).concat()].concat();
            let (_, result) = read(&file, &args());
            let error = result.unwrap_err().to_string();
            assert!(error.contains("at octet 28: a block of 4 octets"), "{order}, {kind:#x}: {error}");
        }
    }
}

#[test]
fn a_link_type_nobody_knows_is_named() {
    let (_, result) = read(&Pcap { link: 147, ..PCAP }.file(&[]), &args());
    let error = result.unwrap_err().to_string();
    assert!(error.contains("link type 147"), "{error}");
}
