//! Pools: ranges that do not overlap, each with a device where its mode needs one.

use bgp_proto::Prefix;
use fib_sync::DeviceKind;

use super::{POOLS, addresses_unread, at_most, has_bad};
use crate::config::at::At;
use crate::config::diagnostic::Report;
use crate::config::model::{ManagedDevice, Node, Pool, PoolMode};
use crate::config::raw;
use crate::config::values::DeviceName;

/// The pools of the file.
pub(super) fn check(file: &raw::File, node: &Node, report: &Report) -> Vec<Pool> {
    let mut pools: Vec<Pool> = Vec::new();
    let (mut places, mut shadowed) = (Vec::new(), 0);
    for (raw, place) in at_most(POOLS, "pools", &file.pools, report) {
        let Some((cidr, cidr_place)) = raw.cidr.good() else {
            if raw.cidr.is_unset() {
                report.error(place, "a pool needs `cidr`", "write its range, such as `cidr: 10.65.0.0/16`");
            }
            continue;
        };
        let cidr = cidr.0;
        let same = pools.iter().position(|other| other.cidr == cidr).filter(|_| place.in_overlay().is_some());
        if let Some(same) = same {
            report.shadow(place, places[same]);
            shadowed += 1;
            continue;
        }
        let mode = match raw.mode.value() {
            None | Some(raw::PoolMode::Direct) => PoolMode::Direct,
            Some(raw::PoolMode::HostGw | raw::PoolMode::None) => PoolMode::HostGw,
            Some(raw::PoolMode::Ipip) => PoolMode::Ipip,
            Some(raw::PoolMode::IpipCrossSubnet) => PoolMode::IpipCrossSubnet,
            Some(raw::PoolMode::Vxlan) => PoolMode::Vxlan,
            Some(raw::PoolMode::VxlanCrossSubnet) => PoolMode::VxlanCrossSubnet,
        };
        if let Some(other) = pools.iter().find(|other| other.cidr.contains(&cidr) || cidr.contains(&other.cidr)) {
            let message = match other.cidr == cidr {
                true => format!("pool {cidr} is given twice"),
                false => format!("pool {cidr} overlaps pool {}", other.cidr),
            };
            report.error(cidr_place, message, "an address belongs to one pool; change or remove one of them");
        }
        let device = match (mode, raw.device.good()) {
            (PoolMode::Direct | PoolMode::HostGw, Some((device, place))) => {
                let message = format!("pool {cidr}: device {} is not used, as its mode has none", device.0);
                report.warn(place, message, "remove it, or choose a mode that has one, such as ipip or vxlan");
                None
            }
            (PoolMode::Direct | PoolMode::HostGw, None) => None,
            (_, Some((device, _))) => Some(device.0.clone()),
            (PoolMode::Vxlan | PoolMode::VxlanCrossSubnet, None) => {
                DeviceName::new(if cidr.addr().is_ipv6() { "vxlan-v6.roost" } else { "vxlan.roost" })
            }
            (PoolMode::Ipip | PoolMode::IpipCrossSubnet, None) => {
                if cidr.addr().is_ipv6() && raw.device.is_unset() {
                    let help =
                        "name a device that carries IPv6, such as `device: ip6tnl0`, or use mode direct or vxlan";
                    report.error(
                        cidr_place,
                        format!("pool {cidr}: tunl0, the default device, carries IPv4 only"),
                        help,
                    );
                }
                DeviceName::new("tunl0")
            }
        };
        let install = raw.install.value().copied().unwrap_or(true);
        let blackholes = raw.blackholes.value().copied().unwrap_or(install);
        let metric = raw.metric.good().map(|(_, place)| ("metric", place));
        let table = raw.table.good().map(|(_, place)| ("table", place));
        for (key, place) in metric.into_iter().chain(table).filter(|_| !install && !blackholes) {
            let message = format!("pool {cidr}: {key} has no effect, as nothing of the pool is installed");
            report.warn(place, message, "remove it, or `install: false`");
        }
        if let Some((_, place)) = raw.far_ends.good().filter(|_| !mode.is_vxlan()) {
            let message = format!("pool {cidr}: `far_ends` is not used in its mode");
            report.warn(place, message, "remove it, or choose mode vxlan or vxlan-cross-subnet");
        }
        let far_ends = raw.far_ends.value().copied().unwrap_or(true);
        if let Some((_, place)) = raw.far_ends.good().filter(|_| !far_ends && raw.manage.value() == Some(&true)) {
            let message = format!("pool {cidr}: nobody writes the far ends of a device that roost makes");
            report.warn(place, message, "remove `far_ends: false`, unless an agent of yours does");
        }
        let managed = managed(raw, cidr, mode, node, addresses_unread(file, node), report);
        if let Some(other) = pools.iter().find(|other| device.is_some() && other.device == device)
            && (other.managed != managed || other.mode.is_vxlan() != mode.is_vxlan() || other.far_ends != far_ends)
        {
            let (device, other) = (device.as_ref().map(ToString::to_string).unwrap_or_default(), other.cidr);
            let message = format!("pools {cidr} and {other} share device {device} and differ about it");
            report.error(
                cidr_place,
                message,
                "give them the same kind of mode, `manage`, `far_ends` and settings, or two devices",
            );
        }
        // Those of IPv4 are others than those of IPv6.
        let network = |managed: Option<ManagedDevice>| match managed {
            Some(ManagedDevice { kind: DeviceKind::Vxlan { vni, port }, local, .. }) => {
                Some((vni, port, local.is_ipv6()))
            }
            _ => None,
        };
        if let Some((vni, port, _)) = network(managed)
            && let Some(other) =
                pools.iter().find(|pool| pool.device != device && network(pool.managed) == network(managed))
        {
            let message = format!("pools {cidr} and {} have two devices for VNI {vni} on port {port}", other.cidr);
            report.error(cidr_place, message, "the kernel takes one: give them one device, or another `vxlan.vni`");
        }
        places.push(cidr_place);
        pools.push(Pool {
            cidr,
            mode,
            device,
            managed,
            far_ends,
            install,
            blackholes,
            protocol: raw.protocol.get().map(|id| id.0),
            metric: raw.metric.get().map(|metric| metric.0),
            table: raw.table.get().map(|table| table.0),
        });
    }
    let blocks = file.node.value().map(|node| &node.blocks);
    if !pools.is_empty() && !has_bad(&file.pools) && file.pools.items().count() == pools.len() + shadowed {
        for (block, place) in blocks.into_iter().flat_map(At::items) {
            if !pools.iter().any(|pool| pool.cidr.contains(&block.0)) {
                report.warn(
                    place,
                    format!("block {} lies in no pool", block.0),
                    "is its address right, or is a pool missing?",
                );
            }
        }
    }
    pools
}

/// The device to make. Its address is the node's, of the pool's family: one device cannot have two.
fn managed(
    raw: &raw::Pool,
    cidr: Prefix,
    mode: PoolMode,
    node: &Node,
    unread: bool,
    report: &Report,
) -> Option<ManagedDevice> {
    let manage = raw.manage.good().filter(|(manage, _)| **manage);
    let settings = [("ipip", raw.ipip.good().map(|(_, place)| place), mode.is_ipip())];
    let settings = settings.into_iter().chain([("vxlan", raw.vxlan.good().map(|(_, place)| place), mode.is_vxlan())]);
    for (key, place, fits) in settings {
        let Some(place) = place.filter(|_| !fits || manage.is_none()) else { continue };
        let (what, help) = match fits {
            true => ("is for a device that roost makes", "remove it, or add `manage: true`".to_owned()),
            false => ("is not used in its mode", format!("remove it, or choose mode {key} or {key}-cross-subnet")),
        };
        report.warn(place, format!("pool {cidr}: `{key}` {what}"), help);
    }
    let (_, place) = manage?;
    if !mode.is_vxlan() && !mode.is_ipip() {
        let message = format!("pool {cidr}: there is no tunnel device to manage");
        report.error(place, message, "remove `manage`, or choose a mode that has one, such as ipip or vxlan");
        return None;
    }
    if mode.is_ipip() && cidr.addr().is_ipv6() {
        let message = format!("pool {cidr}: a managed ipip device carries IPv4 only");
        report.error(place, message, "remove `manage`, or choose mode vxlan or vxlan-cross-subnet");
        return None;
    }
    let family = if cidr.addr().is_ipv6() { "IPv6" } else { "IPv4" };
    let own = node.addresses.iter().map(ipnetwork::IpNetwork::ip).find(|own| own.is_ipv6() == cidr.addr().is_ipv6());
    let Some(local) = own else {
        if !unread {
            let message = format!("pool {cidr}: a managed device needs the node's {family} address");
            report.error(place, message, "write it in `node.addresses`, or remove `manage`");
        }
        return None;
    };
    let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    if mode.is_ipip() {
        let settings = raw.ipip.value();
        let address = settings.and_then(|settings| settings.address.good()).map(|(address, place)| (address.0, place));
        if let Some((address, place)) = address.filter(|(address, _)| address.is_ipv6()) {
            let message = format!("pool {cidr}: {address} is no address for an ipip device, which carries IPv4 only");
            report.error(place, message, "write an IPv4 address, such as 10.65.1.1/32");
        }
        let kind = DeviceKind::Ipip { address: address.map(|(address, _)| address) };
        let mtu = settings.and_then(|settings| settings.mtu.get()).map(|mtu| number(mtu.0));
        return Some(ManagedDevice { kind, local, mtu });
    }
    let settings = raw.vxlan.value();
    let vni = settings.and_then(|settings| settings.vni.get()).map_or(4096, |vni| number(vni.0));
    let port = settings.and_then(|settings| settings.port.get()).map_or(4789, |port| port.0);
    let kind = DeviceKind::Vxlan { vni, port: u16::try_from(port).unwrap_or(u16::MAX) };
    let mtu = settings.and_then(|settings| settings.mtu.get()).map(|mtu| number(mtu.0));
    Some(ManagedDevice { kind, local, mtu })
}
