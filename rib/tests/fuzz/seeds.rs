//! Small inputs to begin with: events by their numbers, as the targets read them.
//!
//! They are committed under `fuzz/seeds/`; `cargo test` sees to it that the files are what this says.

use crate::mutate::Seed;

/// Targets with their seeds.
pub fn all() -> [(&'static str, Vec<Seed>); 2] {
    [("table", table()), ("world", world())]
}

/// A session of all families for peer `n`, internal or external.
fn up(n: u8, session: u8, bits: u8) -> [u8; 3] {
    [n << 4 | 3, session, bits]
}

/// An announcement of 10.0.0.0/8 with attributes as the target of UPDATEs writes them.
fn announce(n: u8, attrs: &[u8]) -> Vec<u8> {
    let body = [&[0, 2, 8, 10, 0x0f][..], attrs].concat();
    [&[n << 4, body.len() as u8], &body[..]].concat()
}

fn table() -> Vec<Seed> {
    const CHECK: &[u8] = &[15];
    let two = [up(0, 0, 0), up(1, 0x80, 0)].concat();
    let all = [up(0, 0, 0), up(1, 0x80, 0), up(2, 0x10, 1), up(3, 0x01, 4)].concat();
    let start: &[u8] = &[1, 0];
    let communities = announce(1, &[0, 7, 4, 0xff, 0xff, 0xff, 1]);
    let withdraw = [0x10, 4, 2, 8, 10, 0];
    vec![
        ("reflected", [start, &all, &announce(0, &[]), CHECK].concat()),
        ("withdrawn", [start, &two, &announce(1, &[]), &[7, 9, 0x08, 2], &withdraw, CHECK].concat()),
        ("tagged", [start, &all, &communities, CHECK, &[5, 0x0a, 0x35, 0x04], CHECK].concat()),
        ("reset", [start, &two, &announce(0, &[]), CHECK, &[4, 1], &up(0, 0, 0), &[11, 0], CHECK].concat()),
        ("originated", [start, &all, &[6, 0x80, 1, 6, 0x81, 2], CHECK, &[6, 0x82, 1, 13, 3]].concat()),
        ("refreshed", [&[0, 0][..], &all, &announce(2, &[]), &[7, 9, 0x19, 0x18, 3, 10, 12, 20, 1], CHECK].concat()),
    ]
}

/// Throws that mean a bit of everything.
fn world() -> Vec<Seed> {
    let throws = |first: u8, step: u8| -> Vec<u8> {
        [first].into_iter().chain((0..200_u8).map(|n| n.wrapping_mul(step).wrapping_add(n >> 3))).collect()
    };
    vec![
        ("mixed", throws(0, 37)),
        ("churn", throws(1, 41)),
        ("policies", throws(2, 43)),
        ("one-group", throws(3, 47)),
        ("one-group-add-path", throws(7, 53)),
    ]
}
