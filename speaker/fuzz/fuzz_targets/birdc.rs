#![no_main]

#[path = "../../../bgp-proto/fuzz/fuzz_targets/bound.rs"]
mod bound;

use speaker_fuzz::birdc;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bound::check(birdc::BOUND, data, birdc::run));
