//! roost.

use std::fmt::Write as _;
use std::path::Path;

use crate::plan::{ASN, HOLD_SECONDS, NODE, NODE_SUBNET, Plan};
use crate::scenario::Shape;

/// The configuration of a plan.
pub fn config(plan: &Plan, socket: &Path) -> String {
    let group = match plan.scenario.shape {
        Shape::Reflector => "route_reflector_client: true",
        Shape::Node => "description: a node of the mesh",
        Shape::Exchange => "import: accept, export: accept, ebgp_multihop: 2",
    };
    let daemon = plan.daemon();
    let mut out = format!(
        "router: {{ asn: {ASN}, router_id: {NODE}, listen: [\"{daemon}:179\"] }}\n\
         node: {{ name: bench, addresses: [{NODE_SUBNET}] }}\n\
         peer_groups: {{ bench: {{ passive: true, source: {daemon}, hold_time: {HOLD_SECONDS}s, {group} }} }}\n\
         fib: {{ enabled: {} }}\n\
         api: {{ socket: {} }}\n\
         log: {{ level: warn, format: text }}\n\
         peers:\n",
        plan.scenario.shape == Shape::Node,
        socket.display(),
    );
    for speaker in &plan.speakers {
        let _ = writeln!(out, "  - {{ address: {}, asn: {}, group: bench }}", speaker.address, speaker.asn);
    }
    out
}
