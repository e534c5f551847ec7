//! OpenBGPD.

use std::fmt::Write as _;
use std::path::Path;

use crate::plan::{ASN, HOLD_SECONDS, NODE, Plan};
use crate::scenario::Shape;

/// The configuration of a plan.
pub fn config(plan: &Plan, socket: &Path) -> String {
    let mut out = format!(
        "AS {ASN}\nrouter-id {NODE}\nsocket \"{}\"\nfib-update no\nlisten on 127.0.0.1\nnexthop qualify via default\n",
        socket.display()
    );
    let session = match plan.scenario.shape {
        Shape::Reflector => "route-reflector",
        Shape::Node => "",
        Shape::Exchange => "multihop 2",
    };
    let _ = write!(
        out,
        "group \"speakers\" {{\n  local-address 127.0.0.1\n  passive\n  holdtime {HOLD_SECONDS}\n  \
         announce IPv4 unicast\n  {session}\n"
    );
    for speaker in &plan.speakers {
        let _ = writeln!(out, "  neighbor {} {{ remote-as {} }}", speaker.address, speaker.asn);
    }
    out += "}\nallow from any\nallow to any\n";
    out
}
