//! The bodies of the fuzz targets, over the committed seeds and some mutations of them. `tests/fuzz` runs the same bodies
//! under libFuzzer.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(dead_code, reason = "the bounds on memory are for fuzz builds, which count")]

#[path = "../../fuzz/src/dice.rs"]
mod dice;
#[path = "../../../bgp-proto/tests/fuzz/mutate.rs"]
mod mutate;
#[path = "../model/naive.rs"]
mod naive;
#[path = "../../fuzz/src/played.rs"]
mod played;
mod seeds;
#[path = "../../fuzz/src/table.rs"]
mod table;
#[path = "../../../bgp-proto/fuzz/src/lib.rs"]
mod targets;
#[path = "../model/told.rs"]
mod told;
#[path = "../model/world.rs"]
mod world;

use dice as rng;
use std::path::Path;

fn run(name: &str, count: usize, target: fn(&[u8])) {
    let (_, seeds) = seeds::all().into_iter().find(|(of, _)| *of == name).unwrap();
    mutate::run(name, &seeds, count, target);
}

#[test]
fn table_target() {
    run("table", 2_000, table::run);
}

#[test]
fn world_target() {
    run("world", 300, played::run);
}

/// `ROOST_WRITE_SEEDS=1 cargo test -p rib --test fuzz` writes them.
#[test]
fn the_committed_seeds_are_those_of_the_generator() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for (target, seeds) in seeds::all() {
        mutate::committed(&folder.join(target), &seeds);
    }
}
