#![no_main]

mod bound;

use bgp_proto_fuzz::stream;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bound::check(stream::BOUND, data, stream::run));
