//! The numbers that name things in BGP: autonomous systems, routers and paths.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// An autonomous system number of four octets (RFC 6793). Zero never names an AS (RFC 7607).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Asn(pub u32);

/// What a speaker with a four-octet number writes where only two octets fit (RFC 6793 §9).
pub const AS_TRANS: Asn = Asn(23456);

impl Asn {
    /// Whether the number fits the two octets of the OPEN's "My Autonomous System" field.
    pub const fn is_two_octet(self) -> bool {
        self.0 <= 0xffff
    }

    /// The two-octet form: the number itself, or [`AS_TRANS`] when it does not fit. RFC 6793 §4.2.2
    pub const fn to_two_octet(self) -> u16 {
        if self.is_two_octet() { self.0 as u16 } else { AS_TRANS.0 as u16 }
    }

    /// Private use: 64512–65534 and 4200000000–4294967294 (RFC 6996 §5).
    pub const fn is_private(self) -> bool {
        matches!(self.0, 64512..=65534 | 4_200_000_000..=4_294_967_294)
    }
}

impl fmt::Display for Asn {
    /// asplain (RFC 5396).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AS{}", self.0)
    }
}

impl FromStr for Asn {
    type Err = std::num::ParseIntError;

    /// Reads asplain (`65536`) and asdot (`1.0`), RFC 5396.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('.') {
            Some((high, low)) => Ok(Self(u32::from(high.parse::<u16>()?) << 16 | u32::from(low.parse::<u16>()?))),
            None => text.parse().map(Self),
        }
    }
}

/// The BGP Identifier: four octets, written like an IPv4 address, not zero (RFC 6286 §2.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouterId(pub u32);

impl RouterId {
    /// Whether the identifier may stand in an OPEN (RFC 6286 §2.1: any value but zero).
    pub const fn is_valid(self) -> bool {
        self.0 != 0
    }
}

impl From<Ipv4Addr> for RouterId {
    fn from(address: Ipv4Addr) -> Self {
        Self(address.into())
    }
}

impl fmt::Display for RouterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ipv4Addr::from(self.0).fmt(f)
    }
}

impl fmt::Debug for RouterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RouterId {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<Ipv4Addr>().map(Self::from)
    }
}

/// The identifier that tells several paths of one peer for one prefix apart (RFC 7911 §3).
/// Zero stands for "the session carries none".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct PathId(pub u32);

impl PathId {
    /// What a path has when ADD-PATH was not negotiated.
    pub const NONE: Self = Self(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asn_reads_asplain_and_asdot() {
        assert_eq!("65536".parse(), Ok(Asn(65536)));
        assert_eq!("1.0".parse(), Ok(Asn(65536)));
        assert_eq!("65535.65535".parse(), Ok(Asn(u32::MAX)));
        for bad in ["", "x", "1.", ".1", "1.65536", "4294967296", "1.2.3", "-1"] {
            assert!(bad.parse::<Asn>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn an_asn_that_does_not_fit_two_octets_becomes_as_trans() {
        // RFC 6793 §4.2.2
        assert_eq!(Asn(65535).to_two_octet(), 65535);
        assert_eq!(Asn(65536).to_two_octet(), 23456);
    }
}
