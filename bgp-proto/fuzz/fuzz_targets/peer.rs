#![no_main]

mod bound;

use bgp_proto_fuzz::peer;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bound::check(peer::BOUND, data, peer::run));
