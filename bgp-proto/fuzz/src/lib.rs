//! The bodies of bgp-proto's fuzz targets: what must hold whatever octets come.
//!
//! * [`message`]: any octets as messages of any session;
//! * [`update`]: UPDATEs whose frame and lengths are right, so that the fuzzer gets to the attributes;
//! * [`stream`]: a stream cut anywhere gives the same messages;
//! * [`peer`]: a peer's state machine under any order of bytes, sockets, commands and time.
//!
//! Each is a function of a slice of octets that panics when something does not hold, so the same body is run by libFuzzer
//! (`tests/fuzz`) and, over the committed seeds and mutations of them, by `cargo test`.
//!
//! Why not `arbitrary`: a target that reads octets from the front with [`input::Input`] has seeds people can write and
//! read, and the stable tests need no dependency for it.

pub mod canonical;
pub mod input;
pub mod message;
pub mod peer;
pub mod stream;
pub mod update;
