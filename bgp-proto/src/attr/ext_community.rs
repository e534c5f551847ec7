//! Extended communities: what is known of eight octets, or of twenty.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// An extended community of eight octets (RFC 4360), carried as it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtCommunity(pub [u8; 8]);

impl ExtCommunity {
    /// Whether it may cross an AS boundary (RFC 4360 §2, the T bit is zero).
    pub const fn is_transitive(&self) -> bool {
        self.0[0] & 0x40 == 0
    }
}

impl fmt::Display for ExtCommunity {
    /// `rt:64512:1`, `ro:10.0.0.1:1`, else the octets in hex.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [kind, sub, v @ ..] = self.0;
        let name = match sub {
            2 => "rt",
            3 => "ro",
            _ => "",
        };
        let two = u16::from_be_bytes([v[0], v[1]]);
        let four = u32::from_be_bytes([v[0], v[1], v[2], v[3]]);
        let low = u16::from_be_bytes([v[4], v[5]]);
        match (kind & 0xbf, name) {
            (0, "rt" | "ro") => write!(f, "{name}:{two}:{}", u32::from_be_bytes([v[2], v[3], v[4], v[5]])),
            (1, "rt" | "ro") => write!(f, "{name}:{}:{low}", Ipv4Addr::from(four)),
            (2, "rt" | "ro") => write!(f, "{name}:{four}:{low}"),
            _ => self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}")),
        }
    }
}

impl fmt::Debug for ExtCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An IPv6 Address Specific Extended Community (RFC 5701 §2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ipv6ExtCommunity(pub [u8; 20]);

impl Ipv6ExtCommunity {
    /// Whether it may cross an AS boundary.
    pub const fn is_transitive(&self) -> bool {
        self.0[0] & 0x40 == 0
    }
}

impl fmt::Display for Ipv6ExtCommunity {
    /// `TTSS:ADDRESS:LOCAL`: type and sub-type in hex, the global administrator, the local one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [kind, sub, rest @ ..] = self.0;
        let mut address = [0; 16];
        address.copy_from_slice(&rest[..16]);
        let local = u16::from_be_bytes([rest[16], rest[17]]);
        write!(f, "{kind:02x}{sub:02x}:[{}]:{local}", Ipv6Addr::from(address))
    }
}

impl fmt::Debug for Ipv6ExtCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
