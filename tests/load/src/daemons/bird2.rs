//! BIRD 2.

use std::fmt::Write as _;

use crate::plan::{ASN, HOLD_SECONDS, NODE, Plan};
use crate::scenario::Shape;

/// The configuration of a plan.
pub fn config(plan: &Plan) -> String {
    let mut out = format!("log stderr {{ error, fatal, bug }};\nrouter id {NODE};\n");
    out += "protocol device { }\nprotocol direct { ipv4; interface \"eth0\"; }\n";
    let (session, export) = match plan.scenario.shape {
        Shape::Reflector => ("multihop; rr client;", "where source = RTS_BGP"),
        Shape::Node => ("multihop;", "none"),
        Shape::Exchange => ("multihop 2;", "where source = RTS_BGP"),
    };
    if plan.scenario.shape == Shape::Node {
        out += "protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; }\n";
    }
    let _ = writeln!(
        out,
        "template bgp speaker {{\n  local {} as {ASN}; {session} passive; hold time {HOLD_SECONDS};\n  \
         ipv4 {{ import all; export {export}; }};\n}}",
        plan.daemon()
    );
    for med in plan.groups() {
        let _ = writeln!(out, "filter group{med} {{ if source != RTS_BGP then reject; bgp_med = {med}; accept; }}");
    }
    for (number, speaker) in plan.speakers.iter().enumerate() {
        let (address, asn) = (speaker.address, speaker.asn);
        let export = speaker.group.map(|med| format!(" ipv4 {{ export filter group{med}; }};")).unwrap_or_default();
        let _ = writeln!(out, "protocol bgp s{number} from speaker {{ neighbor {address} as {asn};{export} }}");
    }
    out
}
