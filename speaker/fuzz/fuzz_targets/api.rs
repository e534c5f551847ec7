#![no_main]

#[path = "../../../bgp-proto/fuzz/fuzz_targets/bound.rs"]
mod bound;

use speaker_fuzz::api;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bound::check(api::BOUND, data, api::run));
