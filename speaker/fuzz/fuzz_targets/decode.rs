#![no_main]

#[path = "../../../bgp-proto/fuzz/fuzz_targets/bound.rs"]
mod bound;

use speaker_fuzz::decode;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bound::check(decode::BOUND, data, decode::run));
