//! The bodies of the fuzz targets, over the committed seeds and some thousand mutations of them. `tests/fuzz` runs the
//! same bodies under libFuzzer.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(dead_code, reason = "the bounds on memory are for fuzz builds, which count")]

mod mutate;
mod seeds;
#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::path::Path;

use targets::{message, peer, stream, update};

fn run(name: &str, target: fn(&[u8])) {
    let (_, seeds) = seeds::all().into_iter().find(|(of, _)| *of == name).unwrap();
    mutate::run(name, &seeds, 4_000, target);
}

#[test]
fn message_target() {
    run("message", message::run);
}

#[test]
fn update_target() {
    run("update", update::run);
}

#[test]
fn stream_target() {
    run("stream", stream::run);
}

#[test]
fn peer_target() {
    run("peer", peer::run);
}

/// `ROOST_WRITE_SEEDS=1 cargo test -p bgp-proto --test fuzz` writes them.
#[test]
fn the_committed_seeds_are_those_of_the_generator() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for (target, seeds) in seeds::all() {
        mutate::committed(&folder.join(target), &seeds);
    }
}
