//! The bodies of speaker's fuzz targets: files from outside, whatever is in them.
//!
//! * [`config`]: the YAML of a configuration, which may hold a secret;
//! * [`decode`]: what `roost decode` is given: hex text, octets of a session, pcap, pcapng, MRT.
//!
//! See bgp-proto's targets for how they are written and run.

use bgp_proto_fuzz as targets;

pub mod config;
pub mod decode;
