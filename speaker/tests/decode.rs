//! `roost decode` over made-up recordings: every format, every way a recording can be incomplete.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "decode/any_input.rs"]
mod any_input;
#[path = "decode/captures.rs"]
mod captures;
#[path = "decode/hex.rs"]
mod hex;
#[path = "decode/mrt.rs"]
mod mrt;
#[path = "decode/recordings.rs"]
mod recordings;
