//! The values single attributes hold.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::Asn;

/// An attribute type code. Codes are open: an unknown one is a value to carry, never an error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttrCode(pub u8);

#[expect(missing_docs, reason = "the RFCs' own names")]
impl AttrCode {
    pub const ORIGIN: Self = Self(1);
    pub const AS_PATH: Self = Self(2);
    pub const NEXT_HOP: Self = Self(3);
    pub const MULTI_EXIT_DISC: Self = Self(4);
    pub const LOCAL_PREF: Self = Self(5);
    pub const ATOMIC_AGGREGATE: Self = Self(6);
    pub const AGGREGATOR: Self = Self(7);
    pub const COMMUNITIES: Self = Self(8);
    pub const ORIGINATOR_ID: Self = Self(9);
    pub const CLUSTER_LIST: Self = Self(10);
    pub const MP_REACH_NLRI: Self = Self(14);
    pub const MP_UNREACH_NLRI: Self = Self(15);
    pub const EXTENDED_COMMUNITIES: Self = Self(16);
    pub const AS4_PATH: Self = Self(17);
    pub const AS4_AGGREGATOR: Self = Self(18);
    pub const IPV6_EXTENDED_COMMUNITIES: Self = Self(25);
    pub const LARGE_COMMUNITY: Self = Self(32);
    pub const ONLY_TO_CUSTOMER: Self = Self(35);
}

impl fmt::Display for AttrCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::ORIGIN => "ORIGIN",
            Self::AS_PATH => "AS_PATH",
            Self::NEXT_HOP => "NEXT_HOP",
            Self::MULTI_EXIT_DISC => "MULTI_EXIT_DISC",
            Self::LOCAL_PREF => "LOCAL_PREF",
            Self::ATOMIC_AGGREGATE => "ATOMIC_AGGREGATE",
            Self::AGGREGATOR => "AGGREGATOR",
            Self::COMMUNITIES => "COMMUNITIES",
            Self::ORIGINATOR_ID => "ORIGINATOR_ID",
            Self::CLUSTER_LIST => "CLUSTER_LIST",
            Self::MP_REACH_NLRI => "MP_REACH_NLRI",
            Self::MP_UNREACH_NLRI => "MP_UNREACH_NLRI",
            Self::EXTENDED_COMMUNITIES => "EXTENDED_COMMUNITIES",
            Self::AS4_PATH => "AS4_PATH",
            Self::AS4_AGGREGATOR => "AS4_AGGREGATOR",
            Self::IPV6_EXTENDED_COMMUNITIES => "IPV6_EXTENDED_COMMUNITIES",
            Self::LARGE_COMMUNITY => "LARGE_COMMUNITY",
            Self::ONLY_TO_CUSTOMER => "ONLY_TO_CUSTOMER",
            Self(code) => return write!(f, "attribute {code}"),
        })
    }
}

impl fmt::Debug for AttrCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The flags octet of an attribute (RFC 4271 §4.3). The lower four bits are unused and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttrFlags(pub u8);

impl AttrFlags {
    /// Not every implementation must know the attribute.
    pub const OPTIONAL: u8 = 0x80;
    /// Passed on to other peers.
    pub const TRANSITIVE: u8 = 0x40;
    /// Some speaker on the way did not know the attribute.
    pub const PARTIAL: u8 = 0x20;
    /// The length field is two octets wide.
    pub const EXTENDED_LENGTH: u8 = 0x10;

    /// Whether all bits of `mask` are set.
    pub const fn has(self, mask: u8) -> bool {
        self.0 & mask == mask
    }
}

/// ORIGIN (RFC 4271 §5.1.1). Sorts by preference: IGP first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Interior to the originating AS.
    Igp = 0,
    /// Learned by EGP.
    Egp = 1,
    /// Learned by other means.
    Incomplete = 2,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Igp => "igp",
            Self::Egp => "egp",
            Self::Incomplete => "incomplete",
        })
    }
}

/// AGGREGATOR (RFC 4271 §5.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Aggregator {
    /// The AS that formed the aggregate.
    pub asn: Asn,
    /// The speaker that formed it.
    pub address: Ipv4Addr,
}

/// A COMMUNITIES value (RFC 1997).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Community(pub u32);

impl Community {
    /// Planned maintenance: prefer any other path (RFC 8326).
    pub const GRACEFUL_SHUTDOWN: Self = Self(0xffff_0000);
    /// Stale by long-lived graceful restart (RFC 9494).
    pub const LLGR_STALE: Self = Self(0xffff_0006);
    /// Must not be kept by long-lived graceful restart (RFC 9494).
    pub const NO_LLGR: Self = Self(0xffff_0007);
    /// Discard the traffic (RFC 7999).
    pub const BLACKHOLE: Self = Self(0xffff_029a);
    /// Not outside the confederation, or the AS where there is none (RFC 1997).
    pub const NO_EXPORT: Self = Self(0xffff_ff01);
    /// To no other peer (RFC 1997).
    pub const NO_ADVERTISE: Self = Self(0xffff_ff02);
    /// To no external peer (RFC 1997).
    pub const NO_EXPORT_SUBCONFED: Self = Self(0xffff_ff03);

    /// Not to bilateral peers (RFC 3765).
    pub const NO_PEER: Self = Self(0xffff_ff04);

    const NAMES: [(Self, &'static str); 8] = [
        (Self::GRACEFUL_SHUTDOWN, "graceful-shutdown"),
        (Self::LLGR_STALE, "llgr-stale"),
        (Self::NO_LLGR, "no-llgr"),
        (Self::BLACKHOLE, "blackhole"),
        (Self::NO_EXPORT, "no-export"),
        (Self::NO_ADVERTISE, "no-advertise"),
        (Self::NO_EXPORT_SUBCONFED, "no-export-subconfed"),
        (Self::NO_PEER, "no-peer"),
    ];
}

impl fmt::Display for Community {
    /// `64512:100`, or the name of a well-known one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(known, _)| known == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "{}:{}", self.0 >> 16, self.0 & 0xffff),
        }
    }
}

impl fmt::Debug for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no community.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommunityError {
    /// For COMMUNITIES.
    #[error("expected AS:VALUE with two numbers of at most 65535, or a name such as no-export")]
    Standard,
    /// For LARGE_COMMUNITY.
    #[error("expected GLOBAL:LOCAL1:LOCAL2 with three numbers of at most 4294967295")]
    Large,
    /// For EXTENDED COMMUNITIES.
    #[error(
        "expected rt:GLOBAL:LOCAL, ro:GLOBAL:LOCAL, a tunnel type as in encap:vxlan, an address as in \
         router-mac:02:72:ac:10:01:01, or 16 hexadecimal digits"
    )]
    Extended,
}

impl FromStr for Community {
    type Err = CommunityError;

    fn from_str(text: &str) -> Result<Self, CommunityError> {
        if let Some((known, _)) = Self::NAMES.iter().find(|(_, name)| *name == text) {
            return Ok(*known);
        }
        let (high, low) = text.split_once(':').ok_or(CommunityError::Standard)?;
        match (high.parse::<u16>(), low.parse::<u16>()) {
            (Ok(high), Ok(low)) => Ok(Self(u32::from(high) << 16 | u32::from(low))),
            _ => Err(CommunityError::Standard),
        }
    }
}

/// A LARGE_COMMUNITY value (RFC 8092 §3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LargeCommunity {
    /// Global Administrator, usually an AS number.
    pub global: u32,
    /// Local Data Part 1.
    pub local1: u32,
    /// Local Data Part 2.
    pub local2: u32,
}

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.global, self.local1, self.local2)
    }
}

impl fmt::Debug for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for LargeCommunity {
    type Err = CommunityError;

    fn from_str(text: &str) -> Result<Self, CommunityError> {
        let mut parts = text.split(':').map(str::parse::<u32>);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(global)), Some(Ok(local1)), Some(Ok(local2)), None) => Ok(Self { global, local1, local2 }),
            _ => Err(CommunityError::Large),
        }
    }
}

/// An attribute roost does not interpret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RawAttr {
    /// Its flags as received.
    pub flags: AttrFlags,
    /// Its type code.
    pub code: AttrCode,
    /// Its value.
    pub value: Box<[u8]>,
}

/// Which optional transitive attributes came with the Partial bit. RFC 4271 §5
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct PartialBits(pub(super) u8);

impl PartialBits {
    /// The attributes that can have the bit and that roost reads; AS4_PATH and AS4_AGGREGATOR end in others.
    const CODES: [AttrCode; 6] = [
        AttrCode::AGGREGATOR,
        AttrCode::COMMUNITIES,
        AttrCode::EXTENDED_COMMUNITIES,
        AttrCode::IPV6_EXTENDED_COMMUNITIES,
        AttrCode::LARGE_COMMUNITY,
        AttrCode::ONLY_TO_CUSTOMER,
    ];

    /// Sets the bit of an attribute; of others than optional transitive ones it means nothing.
    pub fn insert(&mut self, code: AttrCode) {
        if let Some(bit) = Self::CODES.iter().position(|known| *known == code) {
            self.0 |= 1 << bit;
        }
    }

    /// Whether the attribute has the bit.
    pub fn contains(self, code: AttrCode) -> bool {
        Self::CODES.iter().position(|known| *known == code).is_some_and(|bit| self.0 & (1 << bit) != 0)
    }
}
