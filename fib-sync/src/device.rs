//! Tunnel devices: what one of our making is like, and what the kernel's link of that name is to us.
//!
//! A device of ours carries a mark, its alias: [`MARK`], and after it the address that we gave it. So a later run, or one
//! with another configuration, knows what is left of an earlier one, and what it may change or take away.
//!
//! `tunl0` is special. The `ipip` module makes it in every network namespace, down, and nobody can delete it: so it is
//! taken over as it is, and given back down and without our address.

use crate::far_ends::Mac;
use crate::kernel::{Address, Link, LinkKind};
use crate::view::Links;
use ipnetwork::IpNetwork;
use std::fmt;
use std::net::IpAddr;

/// How the alias of a device of ours begins.
pub(crate) const MARK: &str = "roost";
/// Made by the kernel's module, and never deleted.
pub(crate) const FALLBACK: &str = "tunl0";
/// Of Ethernet, where nobody knows better.
const USUAL_MTU: u32 = 1500;

/// A tunnel device of our making: made where there is none of its name, kept as it should be, and removed when nobody
/// wants it any more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// The node's address, from which packets are sent.
    pub local: IpAddr,
    /// MTU of the packets inside; 0 is that of the interface with the node's address, less what the tunnel adds.
    pub mtu: u32,
    /// What it is.
    pub kind: DeviceKind,
}

/// How a device of ours carries packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// IPv4 in IPv4 (RFC 2003).
    Ipip {
        /// The device's own address: the source of what the node itself sends to pods.
        address: Option<IpNetwork>,
    },
    /// Ethernet in UDP (RFC 7348). Its MAC address is [`Mac::of`] the node's, as the other nodes expect; it neither
    /// learns nor floods (RFC 7348 §4.2).
    Vxlan {
        /// VXLAN Network Identifier, 1 to 16777215; the same on all nodes.
        vni: u32,
        /// UDP port; the same on all nodes. IANA's is 4789.
        port: u16,
    },
}

impl DeviceKind {
    /// Octets of the outer headers on the way from an address like `local`: IP (RFC 2003 §3.1), or Ethernet, VXLAN, UDP
    /// and IP (RFC 7348 §5).
    pub fn overhead(&self, local: IpAddr) -> u32 {
        match self {
            DeviceKind::Ipip { .. } => 20,
            DeviceKind::Vxlan { .. } if local.is_ipv4() => 50,
            DeviceKind::Vxlan { .. } => 70,
        }
    }
}

/// What a link is to the device of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It is the device: ours, or one to take over. What can be changed of it may have to be.
    Ours,
    /// Made by us, and what can't be changed of it is another: to be made anew.
    Leftover,
    /// Another program's.
    Foreign,
}

impl Device {
    /// The MTU it should have now; none where nobody knows.
    pub(crate) fn wanted_mtu(&self, links: &Links) -> Option<u32> {
        match self.mtu {
            0 => room(&self.kind, self.local, links).map(|(mtu, _)| mtu),
            mtu => Some(mtu),
        }
    }

    /// As it is to be made: with an MTU.
    pub(crate) fn complete(&self, links: &Links) -> Device {
        let mtu = self.wanted_mtu(links).unwrap_or_else(|| USUAL_MTU - self.kind.overhead(self.local));
        Device { mtu, ..self.clone() }
    }

    /// The device's own address.
    pub(crate) fn address(&self) -> Option<IpNetwork> {
        match self.kind {
            DeviceKind::Ipip { address } => address,
            DeviceKind::Vxlan { .. } => None,
        }
    }

    /// Its MAC address, where it has one.
    pub(crate) fn mac(&self) -> Option<Mac> {
        matches!(self.kind, DeviceKind::Vxlan { .. }).then(|| Mac::of(self.local))
    }

    /// Its alias.
    pub(crate) fn mark(&self) -> String {
        self.address().map_or_else(|| MARK.to_owned(), |address| format!("{MARK} {address}"))
    }

    pub(crate) fn fit(&self, link: &Link) -> Fit {
        let alike = match (&self.kind, &link.kind) {
            (_, LinkKind::Unknown) => true,
            (DeviceKind::Ipip { .. }, LinkKind::Ipip { local, remote }) => {
                remote.is_none() && local.is_none_or(|local| local == self.local)
            }
            // What carries packets to somebody who tunnels them, where the kernel can't.
            (DeviceKind::Ipip { .. }, LinkKind::Other(kind)) => ["tun", "veth"].contains(&&**kind),
            (DeviceKind::Vxlan { vni, port }, LinkKind::Vxlan { vni: has_vni, port: has_port, local }) => {
                (vni, port, Some(self.local)) == (has_vni, has_port, *local)
            }
            _ => false,
        };
        // One that an earlier version made has no mark, or nobody came to mark it.
        let ours = mark_of(link).is_some() || (alike && self.mac().is_none_or(|mac| link.mac == Some(mac)));
        match (ours, alike) {
            (true, true) => Fit::Ours,
            (true, false) => Fit::Leftover,
            (false, _) => Fit::Foreign,
        }
    }

    /// Whether a link that is the device has all of it.
    pub(crate) fn is_as_wanted(&self, link: &Link, links: &Links) -> bool {
        link.up
            && self.wanted_mtu(links).is_none_or(|mtu| mtu == link.mtu)
            && self.mac().is_none_or(|mac| link.mac == Some(mac))
            && link.alias.as_deref() == Some(&self.mark())
    }
}

/// The options that can't be changed later, as `ip link add` takes them.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            DeviceKind::Ipip { .. } if self.name == FALLBACK => f.write_str("ipip"),
            DeviceKind::Ipip { .. } => write!(f, "ipip local {}", self.local),
            DeviceKind::Vxlan { vni, port } => {
                write!(f, "vxlan id {vni} dstport {port} local {} nolearning", self.local)
            }
        }
    }
}

/// A link's mark, if it has one: what it says of the address that we gave it.
pub(crate) fn mark_of(link: &Link) -> Option<Option<Address>> {
    match link.alias.as_deref()?.strip_prefix(MARK)? {
        "" => Some(None),
        rest => Some(Some(Address { dev: link.index, net: rest.strip_prefix(' ')?.parse().ok()? })),
    }
}

/// Whether a link is a tunnel that we made, or took over.
pub(crate) fn is_ours(link: &Link) -> bool {
    let tunnel = matches!(link.kind, LinkKind::Ipip { .. } | LinkKind::Vxlan { .. }) || link.name == FALLBACK;
    tunnel && mark_of(link).is_some()
}

/// What a tunnel between nodes may be as large as, and the interface that says so.
pub(crate) fn room<'a>(kind: &DeviceKind, local: IpAddr, links: &'a Links) -> Option<(u32, &'a Link)> {
    let underlay = links.with_address(local).filter(|link| link.mtu > 0)?;
    Some((underlay.mtu.saturating_sub(kind.overhead(local)), underlay))
}

#[cfg(test)]
mod tests;
