//! A node to which everything happens that can happen, for a thousand rounds: links, addresses and devices go and come,
//! hands and other programs delete, replace and add routes, the kernel says more than can be heard, peers talk, vanish
//! and return, settings change, roost is killed and started again. After each round the kernel holds what it should, what
//! roost says of it is so, and nothing of anybody else's was touched.
//!
//! What should be there is worked out by the module `model`, which knows nothing of roost's own ways and remembers
//! nothing. The kernel is the machine's; so are the faults.
//!
//! `ROOST_CHAOS_SEED` repeats a run, as far as the machine's timing lets it; `ROOST_CHAOS_ROUNDS` makes it longer.

mod faults;
#[path = "../battery/harness/mod.rs"]
mod harness;
mod model;
mod peers;
mod seen;
mod settings;
mod world;

use std::time::Instant;

use fastrand::Rng;
use roost_tests::Lab;

use faults::Fault;
use world::World;

const ROUNDS: u32 = 1000;

#[test]
fn after_each_of_a_thousand_rounds_of_faults_the_kernel_holds_what_is_wanted() {
    let number = |key: &str| std::env::var(key).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("ROOST_CHAOS_SEED").unwrap_or_else(|| fastrand::u64(..));
    let rounds = number("ROOST_CHAOS_ROUNDS").map_or(ROUNDS, |rounds| rounds as u32);
    println!("ROOST_CHAOS_SEED={seed}");
    let lab = Lab::new("chaos");
    let around = lab.netns("world");
    around.clone().enter(move || run(World::new(lab, around), seed, rounds));
}

#[expect(clippy::print_stdout, reason = "the seed is for whoever reads what a test has said")]
fn run(mut world: World, seed: u64, rounds: u32) {
    let mut rng = Rng::with_seed(seed);
    let began = Instant::now();
    world.settle().unwrap_or_else(|difference| panic!("before any fault:\n{difference}\n{}", world.describe()));
    let mut count = 0;
    for round in 1..=rounds {
        let faults: Vec<Fault> = (0..rng.u32(1..=5)).map(|_| Fault::draw(&mut rng)).collect();
        let start = Instant::now();
        faults.iter().for_each(|fault| fault.happen(&mut world));
        count += faults.len();
        let happened = start.elapsed();
        if let Err(difference) = world.settle() {
            panic!(
                "ROOST_CHAOS_SEED={seed}, round {round}, after {faults:#?}\n{difference}\n--- the world\n{}",
                world.describe()
            );
        }
        if std::env::var_os("ROOST_CHAOS_VERBOSE").is_some() {
            println!("{round}: {happened:?} + {:?} {faults:?}", start.elapsed() - happened);
        }
    }
    let took = began.elapsed().as_secs_f64();
    println!("{rounds} rounds, {count} faults, 0 differences, {took:.0} s, ROOST_CHAOS_SEED={seed}");
}
