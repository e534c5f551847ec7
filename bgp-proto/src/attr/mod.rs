//! Path attributes: what a peer says about a set of prefixes, as values.
//!
//! [`PathAttrs`] is the canonical form that the RIB interns: equal attributes are equal values, whatever the session
//! they came over (AS numbers are four octets wide, AS4_PATH is merged, attribute order and flags' unused bits are
//! gone). The next hop is part of it, because prefixes share an UPDATE only when it is the same.
//!
//! `value` and `ext_community` have the types of single attributes, `table` the row that says for each code how it is
//! read, written and what an error in it costs (RFC 7606), `decode` and `encode` walk a whole block, `cache` remembers
//! blocks. MP_REACH_NLRI and MP_UNREACH_NLRI are attributes by their header only: what they say is
//! [`Update`](crate::message::Update)'s.

use std::net::{IpAddr, Ipv6Addr};

use crate::{Asn, RouterId};

pub use as_path::{AsPath, AsPathBuilder, Segment, SegmentKind};
pub use cache::AttrCache;
pub use ext_community::{ExtCommunity, Ipv6ExtCommunity, TunnelType};
pub use fault::{AttrFault, SegmentFault};
pub use value::{Aggregator, AttrCode, AttrFlags, Community, LargeCommunity, Origin, PartialBits, RawAttr};

pub(crate) use cache::Key as CacheKey;
pub(crate) use decode::{AttrBlock, Draft, Faults, RawItem, check_flags};
pub(crate) use encode::encode_attrs;

mod as_path;
mod as_path_wire;
mod cache;
mod decode;
mod encode;
pub mod ext_community;
mod fault;
mod packed;
mod table;
pub mod value;

/// The attributes of a path. RFC 4271 §5 and the RFCs named at each field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PathAttrs {
    /// ORIGIN.
    pub origin: Origin,
    /// AS_PATH, with AS4_PATH merged (RFC 6793 §4.2.3).
    pub as_path: AsPath,
    /// NEXT_HOP, or the next hop of the MP_REACH_NLRI the prefixes came in.
    pub next_hop: NextHop,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// LOCAL_PREF; only ever present on paths from internal peers or set by policy.
    pub local_pref: Option<u32>,
    /// ATOMIC_AGGREGATE.
    pub atomic_aggregate: bool,
    /// AGGREGATOR, with AS4_AGGREGATOR merged.
    pub aggregator: Option<Aggregator>,
    /// ORIGINATOR_ID (RFC 4456 §8).
    pub originator_id: Option<RouterId>,
    /// CLUSTER_LIST, nearest cluster first (RFC 4456 §8).
    pub cluster_list: Box<[RouterId]>,
    /// COMMUNITIES (RFC 1997), sorted, without duplicates.
    pub communities: Box<[Community]>,
    /// EXTENDED COMMUNITIES (RFC 4360), sorted, without duplicates.
    pub ext_communities: Box<[ExtCommunity]>,
    /// IPv6 Address Specific Extended Communities (RFC 5701), sorted, without duplicates.
    pub ipv6_ext_communities: Box<[Ipv6ExtCommunity]>,
    /// LARGE_COMMUNITY (RFC 8092), sorted, without duplicates.
    pub large_communities: Box<[LargeCommunity]>,
    /// Only to Customer (RFC 9234 §5).
    pub otc: Option<Asn>,
    /// Optional transitive attributes roost does not know, in order of code, passed on with the Partial bit set.
    pub unknown: Box<[RawAttr]>,
    /// Which of the attributes above a speaker on the way did not know. RFC 4271 §5: that is passed on.
    pub partial: PartialBits,
}

/// Where packets for a prefix go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NextHop {
    /// One address, of either family (an IPv6 address for IPv4 prefixes is RFC 8950).
    Addr(IpAddr),
    /// A global and a link-local IPv6 address (RFC 2545 §3).
    WithLinkLocal {
        /// The global address.
        global: Ipv6Addr,
        /// The link-local address, meaningful on the link shared with the peer.
        link_local: Ipv6Addr,
    },
    /// A link-local address with the link it is meant for: what [`NextHop::on_interface`] makes of one that came alone.
    /// On the wire it is the address.
    OnInterface {
        /// The link-local address.
        addr: Ipv6Addr,
        /// The kernel's number of the interface, not zero.
        interface: u32,
    },
}

impl NextHop {
    /// The address that names the next hop: the global one.
    pub const fn addr(&self) -> IpAddr {
        match *self {
            Self::Addr(addr) => addr,
            Self::WithLinkLocal { global, .. } => IpAddr::V6(global),
            Self::OnInterface { addr, .. } => IpAddr::V6(addr),
        }
    }

    /// What packets are sent to: without the link-local address that came beside a global one.
    pub const fn resolved(&self) -> Self {
        match *self {
            Self::WithLinkLocal { global, .. } => Self::Addr(IpAddr::V6(global)),
            Self::Addr(_) | Self::OnInterface { .. } => *self,
        }
    }

    /// The number of the interface the address is meant for, where that is known.
    pub const fn interface(&self) -> Option<u32> {
        match *self {
            Self::OnInterface { interface, .. } => Some(interface),
            Self::Addr(_) | Self::WithLinkLocal { .. } => None,
        }
    }

    /// What a next hop from a peer on this interface says: without a global address it is the link-local one on that
    /// very link (RFC 2545 §3; the field sends it alone, twice, or behind `::`). `None`: nothing more than before.
    pub const fn on_interface(&self, interface: u32) -> Option<Self> {
        let addr = match *self {
            Self::Addr(IpAddr::V6(addr)) if addr.is_unicast_link_local() => addr,
            Self::WithLinkLocal { global, link_local } if global.is_unspecified() || global.is_unicast_link_local() => {
                link_local
            }
            _ => return None,
        };
        Some(Self::OnInterface { addr, interface })
    }

    /// Whether packets could be sent to it, by the address alone: not 0.0.0.0 or `::`, not loopback, multicast, class E
    /// or broadcast.
    ///
    /// The decoder lets such next hops pass: RFC 7606 §7.3 makes only a wrong *length* an error of the message. Whether a
    /// path can be used is the RIB's to say (RFC 4271 §6.3 "semantic correctness": log, and ignore the route), which
    /// also knows the other half: our own addresses and what is on the peer's link.
    pub const fn is_usable(&self) -> bool {
        let addr = match *self {
            Self::Addr(IpAddr::V6(addr)) => match addr.to_ipv4_mapped() {
                Some(addr) => IpAddr::V4(addr),
                None => IpAddr::V6(addr),
            },
            Self::Addr(addr) => addr,
            Self::OnInterface { addr, .. } => IpAddr::V6(addr),
            // RFC 2545 §3: the link-local address is the one packets go to on a shared link.
            Self::WithLinkLocal { link_local, global } => {
                if global.is_unspecified() {
                    IpAddr::V6(link_local)
                } else {
                    IpAddr::V6(global)
                }
            }
        };
        match addr {
            // 0.0.0.0/8 is "this network" (RFC 1122 §3.2.1.3), 240.0.0.0/4 class E with the broadcast address.
            IpAddr::V4(addr) => {
                let first = addr.octets()[0];
                first != 0 && !addr.is_loopback() && first < 224
            }
            IpAddr::V6(addr) => !(addr.is_unspecified() || addr.is_loopback() || addr.is_multicast()),
        }
    }
}

impl From<IpAddr> for NextHop {
    fn from(addr: IpAddr) -> Self {
        Self::Addr(addr)
    }
}

impl PathAttrs {
    /// The attributes of a route this speaker originates: ORIGIN IGP, an empty AS_PATH, nothing else.
    pub fn originated(next_hop: NextHop) -> Self {
        Self {
            origin: Origin::Igp,
            as_path: AsPath::default(),
            next_hop,
            med: None,
            local_pref: None,
            atomic_aggregate: false,
            aggregator: None,
            originator_id: None,
            cluster_list: Box::default(),
            communities: Box::default(),
            ext_communities: Box::default(),
            ipv6_ext_communities: Box::default(),
            large_communities: Box::default(),
            otc: None,
            unknown: Box::default(),
            partial: PartialBits::default(),
        }
    }

    /// Whether a COMMUNITIES value is present. RFC 1997
    pub fn has_community(&self, community: Community) -> bool {
        self.communities.binary_search(&community).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_hops_that_packets_cannot_be_sent_to_are_told_by_their_address() {
        // RFC 4271 §6.3 (a valid host address), RFC 1122 §3.2.1.3
        let hop = |text: &str| NextHop::Addr(text.parse().expect("an address"));
        for bad in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "224.0.0.5",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "ff02::1",
            "::ffff:0.0.0.0",
            "::ffff:127.0.0.1",
            "::ffff:224.0.0.1",
        ] {
            assert!(!hop(bad).is_usable(), "{bad}");
        }
        for good in ["10.0.0.1", "169.254.0.1", "223.255.255.255", "2001:db8::1", "fe80::1", "::ffff:10.0.0.1"] {
            assert!(hop(good).is_usable(), "{good}");
        }
        let pair = |global: &str| NextHop::WithLinkLocal {
            global: global.parse().expect("an address"),
            link_local: "fe80::1".parse().expect("an address"),
        };
        assert!(pair("2001:db8::1").is_usable());
        assert!(pair("::").is_usable(), "only the link-local address is known");
        assert!(!pair("ff02::1").is_usable());
    }

    #[test]
    fn a_link_local_next_hop_that_came_alone_belongs_to_the_interface() {
        // RFC 2545 §3
        let alone = |text: &str| NextHop::Addr(text.parse().expect("an address"));
        let pair = |global: &str| NextHop::WithLinkLocal {
            global: global.parse().expect("an address"),
            link_local: "fe80::1".parse().expect("an address"),
        };
        let on_seven = NextHop::OnInterface { addr: "fe80::1".parse().expect("an address"), interface: 7 };
        for scoped in [alone("fe80::1"), pair("::"), pair("fe80::2")] {
            assert_eq!(scoped.on_interface(7), Some(on_seven), "{scoped:?}");
        }
        for global in [alone("2001:db8::1"), alone("::"), alone("10.0.0.1"), pair("2001:db8::1"), on_seven] {
            assert_eq!(global.on_interface(7), None, "{global:?}");
        }
    }

    #[test]
    fn every_row_of_the_table_is_found_by_its_code_and_rows_stand_in_order() {
        // RFC 4271 §5: written in order of type code
        assert!(table::TABLE.is_sorted_by_key(|row| row.code));
        for row in table::TABLE {
            assert_eq!(table::find(row.code).map(|found| found.code), Some(row.code));
        }
        assert!(table::find(AttrCode(11)).is_none() && table::find(AttrCode(255)).is_none());
    }
}
