//! Extended communities: what is known of eight octets, or of twenty.
//!
//! They are carried as they are; types that roost uses have a view. As text each is what [`ExtCommunity`]'s `FromStr`
//! reads back: `rt:64512:1`, `ro:10.0.0.1:1`, `encap:vxlan`, `router-mac:02:72:ac:10:01:01`, and any other its octets in
//! hex.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::value::CommunityError;

/// An extended community of eight octets (RFC 4360), carried as it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtCommunity(pub [u8; 8]);

impl ExtCommunity {
    /// The Encapsulation Extended Community (RFC 9012 §4.1): packets may be sent to the next hop in such a tunnel.
    pub const fn encapsulation(TunnelType(tunnel): TunnelType) -> Self {
        let [high, low] = tunnel.to_be_bytes();
        Self([0x03, 0x0c, 0, 0, 0, 0, high, low])
    }

    /// The EVPN Router's MAC Extended Community (RFC 9135 §8.1): the inner destination address of packets in an Ethernet
    /// tunnel to the next hop.
    pub const fn router_mac([a, b, c, d, e, f]: [u8; 6]) -> Self {
        Self([0x06, 0x03, a, b, c, d, e, f])
    }

    /// The tunnel type of an Encapsulation Extended Community; reserved octets say nothing (RFC 9012 §4.1).
    pub const fn tunnel_type(&self) -> Option<TunnelType> {
        match self.0 {
            [0x03, 0x0c, _, _, _, _, high, low] => Some(TunnelType(u16::from_be_bytes([high, low]))),
            _ => None,
        }
    }

    /// The address of an EVPN Router's MAC Extended Community, whatever it is (RFC 9135 §8.1).
    pub const fn as_router_mac(&self) -> Option<[u8; 6]> {
        match self.0 {
            [0x06, 0x03, a, b, c, d, e, f] => Some([a, b, c, d, e, f]),
            _ => None,
        }
    }

    /// Whether it speaks of the tunnel to the next hop, and so means nothing with another next hop.
    pub const fn is_of_tunnel(&self) -> bool {
        matches!(self.0, [0x03, 0x0c, ..] | [0x06, 0x03, ..])
    }

    /// Whether it may cross an AS boundary (RFC 4360 §2, the T bit is zero).
    pub const fn is_transitive(&self) -> bool {
        self.0[0] & 0x40 == 0
    }
}

impl fmt::Display for ExtCommunity {
    /// See the module.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [kind, sub, v @ ..] = self.0;
        match (kind, sub, v) {
            (0x03, 0x0c, [0, 0, 0, 0, high, low]) => {
                return write!(f, "encap:{}", TunnelType(u16::from_be_bytes([high, low])));
            }
            (0x06, 0x03, [a, b, c, d, e, g]) => {
                return write!(f, "router-mac:{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}");
            }
            _ => {}
        }
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

impl FromStr for ExtCommunity {
    type Err = CommunityError;

    /// What is displayed, and transitive: of a route target or origin, an AS of four octets only where two are too few.
    fn from_str(text: &str) -> Result<Self, CommunityError> {
        let read = || match text.split_once(':') {
            Some(("encap", tunnel)) => tunnel.parse().ok().map(Self::encapsulation),
            Some(("router-mac", mac)) => octets(mac.split(':')).map(Self::router_mac),
            Some(("rt", rest)) => administered(0x02, rest),
            Some(("ro", rest)) => administered(0x03, rest),
            Some(_) => None,
            None if text.len() == 16 && text.is_ascii() => {
                octets((0..8).map(|octet| &text[octet * 2..octet * 2 + 2])).map(Self)
            }
            None => None,
        };
        read().ok_or(CommunityError::Extended)
    }
}

/// `GLOBAL:LOCAL` of a route target or origin. RFC 4360 §3, RFC 5668 §2
fn administered(sub: u8, text: &str) -> Option<ExtCommunity> {
    let (global, local) = text.split_once(':')?;
    let (kind, value): (u8, u64) = match (global.parse::<Ipv4Addr>(), global.parse::<u32>()) {
        (Ok(address), _) => (1, u64::from(u32::from(address)) << 16 | u64::from(local.parse::<u16>().ok()?)),
        (_, Ok(asn)) if asn <= 0xffff => (0, u64::from(asn) << 32 | u64::from(local.parse::<u32>().ok()?)),
        (_, Ok(asn)) => (2, u64::from(asn) << 16 | u64::from(local.parse::<u16>().ok()?)),
        _ => return None,
    };
    let [_, _, v @ ..] = value.to_be_bytes();
    let [a, b, c, d, e, f] = v;
    Some(ExtCommunity([kind, sub, a, b, c, d, e, f]))
}

/// As many octets as are asked for, of two hexadecimal digits each.
fn octets<'a, const N: usize>(texts: impl Iterator<Item = &'a str>) -> Option<[u8; N]> {
    let two_digits = |text: &str| text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let octet = |text| if two_digits(text) { u8::from_str_radix(text, 16).ok() } else { None };
    texts.map(octet).collect::<Option<Vec<u8>>>()?.try_into().ok()
}

/// What an Encapsulation Extended Community says packets may be sent in. Types are open: IANA's registry "BGP Tunnel
/// Encapsulation Attribute Tunnel Types".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TunnelType(pub u16);

impl TunnelType {
    /// IP in IP (RFC 9012).
    pub const IP_IN_IP: Self = Self(7);
    /// VXLAN (RFC 8365).
    pub const VXLAN: Self = Self(8);

    const NAMES: [(Self, &str); 5] = [
        (Self(2), "gre"),
        (Self::IP_IN_IP, "ip-in-ip"),
        (Self::VXLAN, "vxlan"),
        (Self(9), "nvgre"),
        (Self(12), "vxlan-gpe"),
    ];
}

impl fmt::Display for TunnelType {
    /// `vxlan`, or the number of one that has no name here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(known, _)| known == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for TunnelType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TunnelType {
    type Err = CommunityError;

    fn from_str(text: &str) -> Result<Self, CommunityError> {
        let named = Self::NAMES.iter().find(|(_, name)| *name == text).map(|(known, _)| *known);
        named.or_else(|| text.parse().ok().map(Self)).ok_or(CommunityError::Extended)
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

#[cfg(test)]
mod tests;
