//! A route's key: an address block with its host bits cleared.
//!
//! `ipnetwork` stands at the edges (configuration, API, kernel); inside, a prefix is 18 bytes with an alignment of one,
//! always masked, so that equality and hashing are those of the route it names.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};

use crate::Family;

/// An IPv4 or IPv6 block. Bits behind `len` are zero. Sorts IPv4 before IPv6, then by address, then by length.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prefix {
    /// IPv4: `len` is 0–32.
    V4 {
        /// The first address of the block, in network order.
        addr: [u8; 4],
        /// Length in bits.
        len: u8,
    },
    /// IPv6: `len` is 0–128.
    V6 {
        /// The first address of the block, in network order.
        addr: [u8; 16],
        /// Length in bits.
        len: u8,
    },
}

/// Why a text or a pair of address and length is no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// The length is more than the address has bits.
    #[error("prefix length {len} is more than {max}")]
    Length {
        /// What was given.
        len: u8,
        /// 32 or 128.
        max: u8,
    },
    /// Not `ADDRESS/LENGTH`.
    #[error("expected ADDRESS/LENGTH, such as 10.65.1.0/26")]
    Syntax,
}

impl Prefix {
    /// A prefix of `len` bits; host bits are cleared.
    pub fn new(addr: IpAddr, len: u8) -> Result<Self, PrefixError> {
        let max = if addr.is_ipv4() { 32 } else { 128 };
        if len > max {
            return Err(PrefixError::Length { len, max });
        }
        Ok(match addr {
            IpAddr::V4(addr) => Self::from_v4_octets(addr.octets(), len),
            IpAddr::V6(addr) => Self::from_v6_octets(addr.octets(), len),
        })
    }

    /// The block of one address: /32 or /128.
    pub fn host(addr: IpAddr) -> Self {
        match addr {
            IpAddr::V4(addr) => Self::V4 { addr: addr.octets(), len: 32 },
            IpAddr::V6(addr) => Self::V6 { addr: addr.octets(), len: 128 },
        }
    }

    /// IPv4 from octets; `len` over 32 counts as 32; host bits are cleared.
    pub(crate) fn from_v4_octets(addr: [u8; 4], len: u8) -> Self {
        let len = len.min(32);
        let mask = u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0);
        Self::V4 { addr: (u32::from_be_bytes(addr) & mask).to_be_bytes(), len }
    }

    /// IPv6 from octets; `len` over 128 counts as 128; host bits are cleared.
    pub(crate) fn from_v6_octets(addr: [u8; 16], len: u8) -> Self {
        let len = len.min(128);
        let mask = u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
        Self::V6 { addr: (u128::from_be_bytes(addr) & mask).to_be_bytes(), len }
    }

    /// The first address of the block.
    pub fn addr(&self) -> IpAddr {
        match *self {
            Self::V4 { addr, .. } => Ipv4Addr::from(addr).into(),
            Self::V6 { addr, .. } => Ipv6Addr::from(addr).into(),
        }
    }

    /// Length in bits.
    #[expect(clippy::len_without_is_empty, reason = "a length in bits: 0.0.0.0/0 is not empty")]
    pub const fn len(&self) -> u8 {
        match *self {
            Self::V4 { len, .. } | Self::V6 { len, .. } => len,
        }
    }

    /// The unicast family the prefix belongs to.
    pub const fn family(&self) -> Family {
        match self {
            Self::V4 { .. } => Family::IPV4_UNICAST,
            Self::V6 { .. } => Family::IPV6_UNICAST,
        }
    }

    /// Whether the block is a single address (/32 or /128).
    pub const fn is_host(&self) -> bool {
        self.len() == self.family().max_prefix_len()
    }

    /// Whether packets can be routed by it: it lies not inside a block that means "this network", loopback, link-local,
    /// multicast or class E (RFC 1122 §3.2.1.3, RFC 4291 §2.4, RFC 6890 §2.2). The default route is one, and so is any
    /// block that is larger than those.
    pub const fn is_unicast(&self) -> bool {
        match *self {
            Self::V4 { addr: [first, ..], len } => first < 224 && (len < 8 || (first != 0 && first != 127)),
            Self::V6 { addr, len } => match addr {
                [0xff, ..] => false,
                [0xfe, second, ..] => len < 10 || second & 0xc0 != 0x80,
                [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 | 1] => len < 127,
                _ => true,
            },
        }
    }

    /// Whether every address of `other` is one of this block's. Equal prefixes contain each other.
    pub fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::V4 { addr, len }, Self::V4 { addr: inner, len: inner_len }) => {
                len <= inner_len && Self::from_v4_octets(*inner, *len) == Self::V4 { addr: *addr, len: *len }
            }
            (Self::V6 { addr, len }, Self::V6 { addr: inner, len: inner_len }) => {
                len <= inner_len && Self::from_v6_octets(*inner, *len) == Self::V6 { addr: *addr, len: *len }
            }
            _ => false,
        }
    }

    /// Whether `address` lies in the block.
    pub fn contains_addr(&self, address: IpAddr) -> bool {
        self.contains(&Self::host(address))
    }
}

impl From<IpNetwork> for Prefix {
    /// Host bits are cleared.
    fn from(network: IpNetwork) -> Self {
        match network {
            IpNetwork::V4(network) => Self::from_v4_octets(network.ip().octets(), network.prefix()),
            IpNetwork::V6(network) => Self::from_v6_octets(network.ip().octets(), network.prefix()),
        }
    }
}

impl From<Prefix> for IpNetwork {
    fn from(prefix: Prefix) -> Self {
        match prefix {
            Prefix::V4 { addr, len } => {
                Self::V4(Ipv4Network::new(addr.into(), len).expect("a V4 prefix has at most 32 bits"))
            }
            Prefix::V6 { addr, len } => {
                Self::V6(Ipv6Network::new(addr.into(), len).expect("a V6 prefix has at most 128 bits"))
            }
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.addr(), self.len()))
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    /// Reads `10.65.1.0/26`; host bits are cleared, a bare address is refused.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (addr, len) = text.split_once('/').ok_or(PrefixError::Syntax)?;
        let addr = addr.parse::<IpAddr>().map_err(|_| PrefixError::Syntax)?;
        let digits = !len.is_empty() && len.bytes().all(|digit| digit.is_ascii_digit());
        let len = len.parse::<u8>().ok().filter(|_| digits).ok_or(PrefixError::Syntax)?;
        Self::new(addr, len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(text: &str) -> Prefix {
        text.parse().expect("a test's prefix is valid")
    }

    #[test]
    fn blocks_that_cannot_be_routed_are_told_by_their_address() {
        // RFC 1122 §3.2.1.3, RFC 4291 §2.4, RFC 6890 §2.2
        for bad in [
            "0.0.0.0/8",
            "0.1.0.0/16",
            "127.0.0.0/8",
            "127.0.0.1/32",
            "224.0.0.0/4",
            "239.1.1.1/32",
            "240.0.0.0/4",
            "255.255.255.255/32",
            "224.0.0.0/3",
            "::/128",
            "::1/128",
            "ff00::/8",
            "ff02::1/128",
            "fe80::/10",
            "fe80::/64",
        ] {
            assert!(!p(bad).is_unicast(), "{bad}");
        }
        for good in [
            "0.0.0.0/0",
            "0.0.0.0/1",
            "10.0.0.0/8",
            "126.0.0.0/7",
            "128.0.0.0/1",
            "223.255.255.0/24",
            "::/0",
            "::/1",
            "2001:db8::/32",
            "fd00::/8",
            "fe00::/9",
            "::2/128",
            "8000::/1",
        ] {
            assert!(p(good).is_unicast(), "{good}");
        }
    }

    #[test]
    fn host_bits_are_cleared_so_that_equal_routes_are_equal_keys() {
        assert_eq!(p("10.65.1.77/26"), p("10.65.1.64/26"));
        assert_eq!(p("fd00::1:77/122"), p("fd00::1:40/122"));
        assert_eq!(p("255.255.255.255/0"), p("0.0.0.0/0"));
        assert_eq!(p("ffff::/0").to_string(), "::/0");
    }

    #[test]
    fn containment_holds_within_a_family_only() {
        assert!(p("10.0.0.0/8").contains(&p("10.65.1.0/26")));
        assert!(p("0.0.0.0/0").contains(&p("10.65.1.0/26")));
        assert!(p("10.65.1.0/26").contains(&p("10.65.1.0/26")));
        assert!(!p("10.65.1.0/26").contains(&p("10.65.1.0/25")));
        assert!(!p("0.0.0.0/0").contains(&p("::/0")));
        assert!(p("fd00::/16").contains_addr("fd00::1".parse().expect("valid")));
    }

    #[test]
    fn text_that_is_no_prefix_is_refused_with_the_reason() {
        assert_eq!("10.0.0.0/33".parse::<Prefix>(), Err(PrefixError::Length { len: 33, max: 32 }));
        assert_eq!("::/129".parse::<Prefix>(), Err(PrefixError::Length { len: 129, max: 128 }));
        for bad in ["", "/", "10.0.0.0", "10.0.0.0/", "10.0.0/8", "10.0.0.0/+8", "10.0.0.0/256", "x/8"] {
            assert_eq!(bad.parse::<Prefix>(), Err(PrefixError::Syntax), "{bad:?}");
        }
    }

    #[test]
    fn a_prefix_is_18_bytes() {
        assert_eq!(std::mem::size_of::<Prefix>(), 18);
    }
}
