#![no_main]

#[path = "../../../bgp-proto/fuzz/fuzz_targets/bound.rs"]
mod bound;

use speaker_fuzz::api;

libfuzzer_sys::fuzz_target!(
    // The document is made once, at its first request, whatever the input is, and takes 3 MB meanwhile.
    init: api::run(b"\0GET /openapi.json HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n"),
    |data: &[u8]| bound::check(api::BOUND, data, api::run)
);
