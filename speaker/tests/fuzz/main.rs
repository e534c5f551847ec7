//! The bodies of the fuzz targets, over the committed seeds and some mutations of them. `tests/fuzz` runs the same bodies
//! under libFuzzer.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(dead_code, reason = "the bounds on memory are for fuzz builds, which count")]

#[path = "../../fuzz/src/api.rs"]
mod api;
#[path = "../../fuzz/src/birdc.rs"]
mod birdc;
#[path = "../../fuzz/src/config.rs"]
mod config;
mod config_mutated;
#[path = "../../fuzz/src/decode.rs"]
mod decode;
#[path = "../fake/daemon.rs"]
mod fake;
#[path = "../../../bgp-proto/tests/fuzz/mutate.rs"]
mod mutate;
#[path = "../decode/recordings.rs"]
mod recordings;
mod seeds;
#[path = "../../../bgp-proto/fuzz/src/lib.rs"]
mod targets;

use std::path::Path;

fn run(name: &str, count: usize, target: fn(&[u8])) {
    let (_, seeds) = seeds::all().into_iter().find(|(of, _)| *of == name).unwrap();
    mutate::run(name, &seeds, count, target);
}

#[test]
fn api_target() {
    run("api", 2_000, api::run);
}

#[test]
fn birdc_target() {
    run("birdc", 2_000, birdc::run);
}

#[test]
fn config_target() {
    run("config", 600, config::run);
}

#[test]
fn decode_target() {
    run("decode", 2_000, decode::run);
}

/// `ROOST_WRITE_SEEDS=1 cargo test -p speaker --test fuzz` writes them.
#[test]
fn the_committed_seeds_are_those_of_the_generator() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for (target, seeds) in seeds::all() {
        mutate::committed(&folder.join(target), &seeds);
    }
}
