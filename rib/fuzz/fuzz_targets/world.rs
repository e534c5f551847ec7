#![no_main]

#[path = "../../../bgp-proto/fuzz/fuzz_targets/bound.rs"]
mod bound;

use rib_fuzz::played;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bound::check(played::BOUND, data, played::run));
