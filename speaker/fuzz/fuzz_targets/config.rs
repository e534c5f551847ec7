#![no_main]

#[path = "../../../bgp-proto/fuzz/fuzz_targets/bound.rs"]
mod bound;

use speaker_fuzz::config;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bound::check(config::BOUND, data, config::run));
