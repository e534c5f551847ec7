#![no_main]

mod bound;

use bgp_proto_fuzz::message;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bound::check(message::BOUND, data, message::run));
