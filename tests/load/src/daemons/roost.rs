//! roost.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::plan::{ASN, HOLD_SECONDS, NODE, NODE_SUBNET, NODE_SUBNET_6, Plan};
use crate::scenario::Shape;

/// The configuration of a plan.
pub fn config(plan: &Plan, socket: &Path) -> String {
    let group = match plan.scenario.shape {
        Shape::Reflector => "route_reflector_client: true",
        Shape::Node => "description: a node of the mesh",
        Shape::Exchange => "import: accept, export: accept, ebgp_multihop: 2",
    };
    let daemon = plan.daemon();
    let families = if plan.scenario.ipv6 { "families: [ipv6]" } else { "families: [ipv4]" };
    let mut out = format!(
        "router: {{ asn: {ASN}, router_id: {NODE}, listen: [\"{daemon}:179\"] }}\n\
         node: {{ name: bench, addresses: [{NODE_SUBNET}, \"{NODE_SUBNET_6}\"] }}\n\
         peer_groups: {{ bench: {{ passive: true, source: {daemon}, hold_time: {HOLD_SECONDS}s, {families}, {group} }} }}\n\
         fib: {{ enabled: {} }}\n\
         api: {{ socket: {}, bird_socket: {} }}\n\
         log: {{ level: warn, format: text }}\n\
         policies: {{ {} }}\n\
         peers:\n",
        plan.scenario.shape == Shape::Node,
        socket.display(),
        bird_socket(socket).display(),
        plan.groups().map(policy).collect::<Vec<_>>().join(", "),
    );
    for speaker in &plan.speakers {
        let export = speaker.group.map(|med| format!(", export: group-{med}")).unwrap_or_default();
        let _ = writeln!(out, "  - {{ address: {}, asn: {}, group: bench{export} }}", speaker.address, speaker.asn);
    }
    out
}

/// BIRD's control socket, beside roost's own.
pub fn bird_socket(socket: &Path) -> PathBuf {
    socket.with_extension("bird")
}

/// The export policy of a group, which sets its MED.
fn policy(med: u32) -> String {
    format!("group-{med}: {{ rules: [{{ set: {{ med: {med} }}, action: accept }}] }}")
}
