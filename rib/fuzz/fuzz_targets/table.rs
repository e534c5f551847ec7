#![no_main]

#[path = "../../../bgp-proto/fuzz/fuzz_targets/bound.rs"]
mod bound;

use rib_fuzz::table;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bound::check(table::BOUND, data, table::run));
