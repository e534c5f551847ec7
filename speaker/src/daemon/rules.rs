//! What the RIB is told of a peer's AS paths, role and communities.

use std::sync::Arc;

use bgp_proto::Prefix;
use bgp_proto::fsm::PeerConfig;
use ipnetwork::IpNetwork;
use rib::{LocalAs, PathRules};

use crate::config::{Config, PeerSettings};

/// See the module.
pub fn of(config: &Config, peer: &PeerSettings) -> PathRules {
    let rules = &peer.rules;
    PathRules {
        enforce_first_as: rules.enforce_first_as,
        graceful_shutdown: rules.graceful_shutdown,
        blackhole: rules.blackhole,
        as_sets: rules.accept_as_set,
        confederation: rules.confederation,
        role: rules.role,
        local_as: rules.local_as.map(|local| LocalAs { no_prepend: local.no_prepend, replace: local.replace_as }),
        private_as: rules.remove_private_as,
        own_addresses: config.node.addresses.iter().map(IpNetwork::ip).collect(),
        on_link: on_link(config, peer).filter(|_| rules.connected_check),
    }
}

/// What the state machine is told of it.
pub fn in_open(config: &Config, peer: &PeerSettings, machine: &mut PeerConfig) {
    machine.confederation = peer.rules.confederation;
    // RFC 5065 §4: to the world we are the confederation.
    if let (Some(confederation), false) = (&config.router.confederation, peer.rules.confederation)
        && peer.asn != config.router.asn
    {
        machine.local_asn = confederation.id;
    }
    if let Some(local) = peer.rules.local_as {
        machine.local_asn = local.asn;
    }
    (machine.role, machine.strict_role) = (peer.rules.role, peer.rules.strict_role);
}

/// Our subnets of the peer's family, if the peer is on one of them. A reflector that puts nothing into the kernel does
/// not care where a next hop is, and a node whose addresses come without subnets cannot say.
fn on_link(config: &Config, peer: &PeerSettings) -> Option<Arc<[Prefix]>> {
    let subnets: Arc<[Prefix]> = config
        .node
        .addresses
        .iter()
        .filter(|own| own.is_ipv4() == peer.address.is_ipv4() && own.prefix() < if own.is_ipv4() { 32 } else { 128 })
        .map(|own| Prefix::from(*own))
        .collect();
    let shared = subnets.iter().any(|subnet| subnet.contains_addr(peer.address));
    Some(subnets).filter(|_| shared && config.fib.enabled)
}
