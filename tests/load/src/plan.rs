//! A scenario made concrete: every speaker with its addresses, every prefix with its number, every UPDATE's bytes.
//!
//! Prefixes are numbered without gaps, so what a receiver holds is a bit set. Speakers have loopback addresses; next
//! hops lie in [`NODE_SUBNET`], a subnet of the daemon's namespace, so that they resolve and kernels take them. The nodes
//! of a mesh connect from their next hops, as nodes do.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use bgp_proto::attr::{AsPathBuilder, Community, NextHop, PathAttrs, SegmentKind};
use bgp_proto::message::{Codec, pack_reach, pack_unreach};
use bgp_proto::{Asn, Family, FamilySet, PathId, Prefix};
use bytes::{Bytes, BytesMut};

use crate::scenario::{Scenario, Shape};

/// The AS of the daemon under test.
pub const ASN: u32 = 64512;
/// Its address on the subnet of the next hops, and its router id.
pub const NODE: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
/// [`NODE`] with the length of the subnet.
pub const NODE_SUBNET: &str = "10.9.0.1/16";
/// The daemon's address on the subnet of IPv6 next hops, with its length.
pub const NODE_SUBNET_6: &str = "fd00:9::1/64";
/// Hold time that speakers and daemons offer: long, so that a daemon with too much to do is measured, not cut off.
pub const HOLD_SECONDS: u16 = 240;

/// Where the next hops are in it; the nodes of a mesh connect from there.
pub const SPEAKERS_SUBNET: &str = "10.9.128.0/17";
/// Speakers there can be.
pub const MOST_SPEAKERS: usize = 30_000;

/// One speaker.
#[derive(Debug, Clone)]
pub struct Speaker {
    /// Where it connects from.
    pub address: Ipv4Addr,
    /// Its next hop and BGP Identifier.
    pub next_hop: Ipv4Addr,
    /// Its AS.
    pub asn: u32,
    /// Numbers of the prefixes it announces.
    pub sends: Range<usize>,
    /// Whether it must come to hold every prefix that is not its own.
    pub counts: bool,
    /// Whether it stops reading once its session is up.
    pub stalls: bool,
    /// The MED that the daemon's export policy for it sets, where the scenario has [groups](Scenario::groups).
    pub group: Option<u32>,
}

/// How prefixes are numbered: consecutive ones of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    base: IpAddr,
    len: u8,
    /// How many there are.
    pub count: usize,
}

impl Space {
    /// The prefix of a number below `count`.
    pub fn prefix(&self, index: usize) -> Prefix {
        let address = match self.base {
            IpAddr::V4(base) => IpAddr::V4((u32::from(base) + ((index as u32) << (32 - self.len))).into()),
            IpAddr::V6(base) => IpAddr::V6((u128::from(base) + ((index as u128) << (128 - self.len))).into()),
        };
        Prefix::new(address, self.len).expect("no host bits are set")
    }

    /// The number of a prefix; `None` for one that is nobody's.
    pub fn index(&self, address: IpAddr, len: u8) -> Option<usize> {
        let index = match (address, self.base) {
            _ if len != self.len => None,
            (IpAddr::V4(address), IpAddr::V4(base)) => {
                Some((u32::from(address).checked_sub(base.into())? >> (32 - len)) as usize)
            }
            (IpAddr::V6(address), IpAddr::V6(base)) => {
                usize::try_from(u128::from(address).checked_sub(base.into())? >> (128 - len)).ok()
            }
            _ => None,
        };
        index.filter(|&index| index < self.count)
    }
}

/// A scenario's speakers and prefixes.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What it is made of.
    pub scenario: Scenario,
    /// The senders, then the receivers, then those that stall.
    pub speakers: Vec<Speaker>,
    /// The prefixes.
    pub space: Space,
}

impl Plan {
    /// Makes a plan.
    ///
    /// # Panics
    /// With more than [`MOST_SPEAKERS`] speakers, or more prefixes than the address space of the scenario has.
    pub fn new(scenario: Scenario) -> Plan {
        let (base, len, room): (IpAddr, _, _) = match scenario.shape {
            _ if scenario.ipv6 => (Ipv6Addr::new(0xfd40, 0, 0, 0, 0, 0, 0, 0).into(), 122, 1 << 26),
            Shape::Exchange => (Ipv4Addr::new(16, 0, 0, 0).into(), 24, (127 - 16) << 16),
            Shape::Reflector | Shape::Node => (Ipv4Addr::new(10, 64, 0, 0).into(), 26, (256 - 64) << 10),
        };
        let space = Space { base, len, count: scenario.distinct() };
        assert!(space.count <= room, "{}: {} prefixes, there is room for {room}", scenario.name, space.count);
        assert!(scenario.speakers() <= MOST_SPEAKERS, "{}: {} speakers", scenario.name, scenario.speakers());
        let speaker = |number: usize| {
            let [high, low] = [number / 250, number % 250 + 1];
            let asn = if scenario.shape == Shape::Exchange { ASN + 1 + number as u32 } else { ASN };
            let first = if scenario.same { 0 } else { number * scenario.prefixes };
            let sends = if number < scenario.senders { first..first + scenario.prefixes } else { 0..0 };
            let stalls = number >= scenario.senders + scenario.receivers;
            let receives = match scenario.shape {
                Shape::Reflector => true,
                Shape::Node => false,
                Shape::Exchange => sends.is_empty(),
            };
            let next_hop = Ipv4Addr::new(10, 9, 128 + high as u8, low as u8);
            Speaker {
                address: if scenario.shape == Shape::Node {
                    next_hop
                } else {
                    Ipv4Addr::new(127, 1, high as u8, low as u8)
                },
                next_hop,
                asn,
                sends,
                counts: receives && !stalls,
                stalls,
                group: number.checked_rem(scenario.groups).map(|group| group as u32 + 1),
            }
        };
        Plan { scenario, speakers: (0..scenario.speakers()).map(speaker).collect(), space }
    }

    /// The MEDs of the scenario's export policies.
    pub fn groups(&self) -> impl Iterator<Item = u32> {
        1..=self.scenario.groups as u32
    }

    /// Where the daemon under test listens, at port 179.
    pub fn daemon(&self) -> Ipv4Addr {
        if self.scenario.shape == Shape::Node { NODE } else { Ipv4Addr::LOCALHOST }
    }

    /// The family of the prefixes.
    pub fn family(&self) -> Family {
        if self.scenario.ipv6 { Family::IPV6_UNICAST } else { Family::IPV4_UNICAST }
    }

    /// The next hop of a speaker's prefixes, and another one on the same subnet.
    pub fn next_hops(&self, speaker: &Speaker) -> [IpAddr; 2] {
        let first = u32::from(speaker.next_hop);
        [first, first ^ 0x4000].map(|next_hop| match self.scenario.ipv6 {
            true => IpAddr::V6((0xfd00_0009_u128 << 96 | u128::from(next_hop)).into()),
            false => IpAddr::V4(next_hop.into()),
        })
    }

    /// The UPDATEs that announce all prefixes of a speaker.
    pub fn announcement(&self, speaker: &Speaker) -> Bytes {
        self.announcement_by(speaker, self.next_hops(speaker)[0])
    }

    /// [`Plan::announcement`] with this next hop.
    pub fn announcement_by(&self, speaker: &Speaker, next_hop: IpAddr) -> Bytes {
        let mut out = BytesMut::new();
        let mut at = speaker.sends.start;
        while at < speaker.sends.end {
            // A reflector's client has one set of attributes for all its blocks. A table of the Internet has about seven
            // prefixes a set.
            let run = match self.scenario.shape {
                Shape::Exchange => 1 + scatter(at) % 13,
                Shape::Reflector | Shape::Node => speaker.sends.len(),
            };
            let end = (at + run).min(speaker.sends.end);
            self.announce(&mut out, &self.attrs(speaker, next_hop, at), at..end);
            at = end;
        }
        out.freeze()
    }

    /// The UPDATE that announces one prefix, with a number as its MED that receivers are told, too.
    pub fn announce_one(&self, speaker: &Speaker, index: usize, tag: u32) -> Bytes {
        let mut out = BytesMut::new();
        let attrs = PathAttrs { med: Some(tag), ..self.attrs(speaker, self.next_hops(speaker)[0], index) };
        self.announce(&mut out, &attrs, index..index + 1);
        out.freeze()
    }

    fn announce(&self, out: &mut BytesMut, attrs: &PathAttrs, range: Range<usize>) {
        let prefixes = range.map(|index| (PathId::NONE, self.space.prefix(index)));
        pack_reach(out, &self.codec(), self.family(), attrs, prefixes).expect("few attributes leave room");
    }

    /// The UPDATEs that withdraw prefixes.
    pub fn withdrawal(&self, indices: impl IntoIterator<Item = usize>) -> Bytes {
        let mut out = BytesMut::new();
        let prefixes = indices.into_iter().map(|index| (PathId::NONE, self.space.prefix(index)));
        pack_unreach(&mut out, &self.codec(), self.family(), prefixes);
        out.freeze()
    }

    /// As negotiated by every session of the bench.
    fn codec(&self) -> Codec {
        Codec { four_octet_as: true, families: FamilySet::from_iter([self.family()]), ..Codec::INITIAL }
    }

    fn attrs(&self, speaker: &Speaker, next_hop: IpAddr, index: usize) -> PathAttrs {
        let attrs = PathAttrs::originated(NextHop::Addr(next_hop));
        if self.scenario.shape != Shape::Exchange {
            return PathAttrs { local_pref: Some(100), ..attrs };
        }
        // Paths of one prefix are equally long with every sender: the decision goes on to its last steps.
        let seed = scatter(index);
        let hops = 2 + seed % 4;
        let mut path = AsPathBuilder::default();
        let far = (0..hops).map(|hop| Asn(100_000 + (scatter(seed + hop) % 70_000) as u32));
        path.push(SegmentKind::Sequence, std::iter::once(Asn(speaker.asn)).chain(far));
        let communities =
            (0..seed % 3).map(|n| Community(0x0d1c_0000 + (seed >> 8 & 0xff) as u32 + n as u32)).collect();
        PathAttrs { as_path: path.build(), communities, ..attrs }
    }
}

/// Whether a prefix is in the half that is withdrawn.
pub const fn in_second_half(index: usize) -> bool {
    index % 2 == 1
}

/// A number that looks like chance and is the same in every run.
const fn scatter(index: usize) -> usize {
    let mixed = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29) as usize >> 8
}
