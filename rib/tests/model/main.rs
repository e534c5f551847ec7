//! The RIB against a naive model: after any sequence of events, what is decided, what the kernel is to have and what
//! every member holds must be what a few lines of straightforward code over `BTreeMap`s say.
//!
//! Members hold what was decoded from the bytes they fetched, so the log, the cached slices, split horizon, packing and
//! the codec are all under test. A failing run prints its seed. Beside it, short stories with a known end.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod limits;
mod long_lived;
mod made;
mod naive;
mod restart;
mod rng;
mod rules;
mod scenario;
mod told;
mod walks;
mod world;

use world::{Profile, World};

/// `RIB_MODEL_RUNS=50 cargo test -p rib --test model` walks fifty times as many worlds.
fn run(profile: Profile, seeds: std::ops::Range<u64>, steps: usize) {
    let times = std::env::var("RIB_MODEL_RUNS").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    let count = (seeds.end - seeds.start) * times;
    for seed in seeds.start..seeds.start + count {
        let mut world = World::new(seed, profile);
        for step in 0..steps {
            world.step();
            if step % 40 == 39 {
                world.check();
            }
        }
        world.check();
        world.end();
    }
}

#[test]
fn a_mesh_of_all_kinds_of_peers() {
    run(Profile::Mixed, 0..120, 200);
    run(Profile::Mixed, 6473..6474, 200); // once told the identifier of the router before
}

#[test]
fn a_reflector_whose_members_stall_and_come_back() {
    run(Profile::Churn, 1000..1120, 300);
}

#[test]
fn policies_and_settings_change_under_way() {
    run(Profile::Policies, 2000..2100, 200);
}

#[test]
fn one_group_whose_members_come_go_and_stall() {
    run(Profile::OneGroup, 3000..3300, 400);
    run(Profile::OneGroup, 4243..4244, 400); // once told its own path
    run(Profile::OneGroup, 7296..7297, 400); // once kept another's path beside its own, after a refresh
}
