//! The bodies of rib's fuzz targets: any order of events, and members that hold what the RIB says they hold.
//!
//! * [`table`]: UPDATEs of any octets from peers of any kind;
//! * [`played`]: the random model of `tests/model`, its dice thrown by the fuzzer.
//!
//! See bgp-proto's targets for how they are written and run.

use bgp_proto_fuzz as targets;

pub mod played;
pub mod table;

mod dice;
use dice as rng;
#[path = "../../tests/model/naive.rs"]
mod naive;
#[path = "../../tests/model/told.rs"]
mod told;
#[path = "../../tests/model/world.rs"]
mod world;
