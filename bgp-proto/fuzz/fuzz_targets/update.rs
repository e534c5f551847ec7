#![no_main]

mod bound;

use bgp_proto_fuzz::update;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bound::check(update::BOUND, data, update::run));
