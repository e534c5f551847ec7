//! The RIB against the naive model, with events of the fuzzer's choice.
//!
//! profile · chunk size · peers · events as `tests/model/world.rs` throws them.

use crate::dice;
use crate::targets::input::Bound;
use crate::world::{Profile, World};

/// A RIB of nine prefixes and at most nine peers, the model, and what members hold.
pub const BOUND: Bound = Bound { fixed: 4 << 20, per_octet: 16 << 10 };

/// More would only be slower.
const MAX_EVENTS: usize = 120;

pub fn run(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    dice::load(rest);
    let profile = match first & 3 {
        0 => Profile::Mixed,
        1 => Profile::Churn,
        2 => Profile::Policies,
        _ => Profile::OneGroup,
    };
    let mut world = World::new(u64::from(first), profile);
    for event in 0..MAX_EVENTS {
        if dice::is_empty() {
            break;
        }
        world.step();
        if event % 40 == 39 {
            world.check();
        }
    }
    world.check();
    world.end();
}
