//! Addresses of tunnel ends, and the kernel's entries for them.

use crate::view::Links;
use std::fmt;
use std::net::IpAddr;

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Whether it can be a node's: the group bit is not set (IEEE 802 §8.2), and it is not all zeros.
    pub fn is_unicast(self) -> bool {
        self.0[0] & 1 == 0 && self.0 != [0; 6]
    }

    /// What a node's end of a tunnel is called where nobody says otherwise: every node works it out alike from the node's
    /// address. Locally administered and unicast (IEEE 802 §8.2); 0x72 is "r", for an IPv6 address it is 0x76.
    pub fn of(node: IpAddr) -> Mac {
        match node {
            IpAddr::V4(node) => {
                let [a, b, c, d] = node.octets();
                Mac([0x02, 0x72, a, b, c, d])
            }
            IpAddr::V6(node) => {
                // FNV-1a: nodes of one subnet differ in their last octets only.
                let mix = |hash: u32, octet: u8| (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193);
                let [a, b, c, d] = node.octets().into_iter().fold(0x811c_9dc5, mix).to_be_bytes();
                Mac([0x02, 0x76, a, b, c, d])
            }
        }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which of the two entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// From the next hop to its MAC address.
    Neighbour,
    /// From the MAC address to the node.
    Forwarding,
}

/// A permanent entry of a VXLAN device for a far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FarEntry {
    /// Which one.
    pub part: Part,
    /// The device's index.
    pub dev: u32,
    /// The node: next hop of the routes and outer destination of the packets.
    pub node: IpAddr,
    /// Its end of the tunnel.
    pub mac: Mac,
}

impl FarEntry {
    /// As a command that does this to it.
    pub(crate) fn text<'a>(&'a self, verb: &'a str, links: &'a Links) -> impl fmt::Display + 'a {
        struct Text<'a>(&'a FarEntry, &'a str, &'a Links);
        impl fmt::Display for Text<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let Text(FarEntry { part, dev, node, mac }, verb, links) = self;
                let dev = links.name(*dev).unwrap_or("?");
                match part {
                    Part::Neighbour => write!(f, "neigh {verb} {node} lladdr {mac} dev {dev} nud permanent"),
                    Part::Forwarding => write!(f, "fdb {verb} {mac} dst {node} dev {dev} self permanent"),
                }
            }
        }
        Text(self, verb, links)
    }
}
