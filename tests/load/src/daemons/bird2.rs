//! BIRD 2.

use std::fmt::Write as _;

use crate::plan::{ASN, HOLD_SECONDS, NODE, Plan};
use crate::scenario::Shape;

/// The configuration of a plan.
pub fn config(plan: &Plan) -> String {
    let mut out = format!("log stderr {{ error, fatal, bug }};\nrouter id {NODE};\n");
    let family = if plan.scenario.ipv6 { "ipv6" } else { "ipv4" };
    let _ = writeln!(out, "protocol device {{ }}\nprotocol direct {{ {family}; interface \"eth0\"; }}");
    let (session, export) = match plan.scenario.shape {
        Shape::Reflector => ("multihop; rr client;", "where source = RTS_BGP"),
        Shape::Node => ("multihop;", "none"),
        Shape::Exchange => ("multihop 2;", "where source = RTS_BGP"),
    };
    if plan.scenario.shape == Shape::Node {
        let _ = writeln!(out, "protocol kernel {{ {family} {{ import none; export where source = RTS_BGP; }}; }}");
    }
    let _ = writeln!(
        out,
        "template bgp speaker {{\n  local {} as {ASN}; {session} passive; hold time {HOLD_SECONDS};\n  \
         {family} {{ import all; export {export}; }};\n}}",
        plan.daemon()
    );
    for med in plan.groups() {
        let _ = writeln!(out, "filter group{med} {{ if source != RTS_BGP then reject; bgp_med = {med}; accept; }}");
    }
    for (number, speaker) in plan.speakers.iter().enumerate() {
        let (address, asn) = (speaker.address, speaker.asn);
        let export = speaker.group.map(|med| format!(" {family} {{ export filter group{med}; }};")).unwrap_or_default();
        let _ = writeln!(out, "protocol bgp s{number} from speaker {{ neighbor {address} as {asn};{export} }}");
    }
    out
}
