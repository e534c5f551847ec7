//! Address families: which kind of routes a session carries (RFC 4760 §3).

use std::fmt;

/// An AFI and SAFI as they stand on the wire. Any pair can be carried; [`FamilySet`] holds those roost speaks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Family {
    /// Address Family Identifier (1 is IPv4, 2 is IPv6).
    pub afi: u16,
    /// Subsequent Address Family Identifier (1 is unicast).
    pub safi: u8,
}

impl Family {
    /// IPv4 unicast.
    pub const IPV4_UNICAST: Self = Self { afi: 1, safi: 1 };
    /// IPv6 unicast.
    pub const IPV6_UNICAST: Self = Self { afi: 2, safi: 1 };
    /// The families roost holds routes of, in the order in which they are announced.
    pub const SUPPORTED: [Self; 2] = [Self::IPV4_UNICAST, Self::IPV6_UNICAST];

    const fn bit(self) -> u8 {
        match self {
            Self::IPV4_UNICAST => 1,
            Self::IPV6_UNICAST => 2,
            _ => 0,
        }
    }

    /// Whether roost holds routes of this family.
    pub const fn is_supported(self) -> bool {
        self.bit() != 0
    }

    /// Length of an address of this family in bits, for the families roost holds.
    pub const fn max_prefix_len(self) -> u8 {
        if self.afi == 2 { 128 } else { 32 }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::IPV4_UNICAST => f.write_str("ipv4"),
            Self::IPV6_UNICAST => f.write_str("ipv6"),
            Self { afi, safi } => write!(f, "afi {afi} safi {safi}"),
        }
    }
}

impl fmt::Debug for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A set of [`Family::SUPPORTED`] families, one byte large. Families roost does not speak cannot be members.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FamilySet(u8);

impl FamilySet {
    /// No family.
    pub const EMPTY: Self = Self(0);
    /// Every family roost speaks.
    pub const ALL: Self = Self(3);

    /// Adds a family; says whether it is one roost speaks.
    pub fn insert(&mut self, family: Family) -> bool {
        self.0 |= family.bit();
        family.is_supported()
    }

    /// Removes a family.
    pub fn remove(&mut self, family: Family) {
        self.0 &= !family.bit();
    }

    /// Whether the family is a member.
    pub const fn contains(self, family: Family) -> bool {
        self.0 & family.bit() != 0
    }

    /// Members of both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether there is no member.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, IPv4 first.
    pub fn iter(self) -> impl Iterator<Item = Family> {
        Family::SUPPORTED.into_iter().filter(move |family| self.contains(*family))
    }
}

impl FromIterator<Family> for FamilySet {
    fn from_iter<I: IntoIterator<Item = Family>>(families: I) -> Self {
        let mut set = Self::EMPTY;
        for family in families {
            set.insert(family);
        }
        set
    }
}

impl fmt::Debug for FamilySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
