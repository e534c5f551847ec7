//! The bodies of speaker's fuzz targets: files and requests from outside, whatever is in them.
//!
//! * [`api`]: what a client of the API sends;
//! * [`birdc`]: what a client of BIRD's control socket sends;
//! * [`config`]: the YAML of a configuration, which may hold a secret;
//! * [`decode`]: what `roost decode` is given: hex text, octets of a session, pcap, pcapng, MRT.
//!
//! See bgp-proto's targets for how they are written and run.

use bgp_proto_fuzz as targets;

pub mod api;
pub mod birdc;
pub mod config;
pub mod decode;

#[path = "../../tests/fake/daemon.rs"]
mod fake;
