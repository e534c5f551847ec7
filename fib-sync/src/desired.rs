//! What is wanted, prefix by prefix, and how far we are with each.

use crate::by_prefix::ByPrefix;
use crate::far_ends::Mac;
use crate::next_hop::NextHop;
use crate::next_hops::NextHopError;
use crate::view::Lengths;
use ipnetwork::IpNetwork;
use smallvec::SmallVec;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

/// What a prefix is to do with its packets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// Send them on to any of these addresses, all equally good. A table has few of these, so its routes share them.
    Via(Arc<Via>),
    /// Drop them: an own block, whose used addresses have longer routes. A single address (/32, /128)
    /// is accepted and gets no route, because the user of the address must be able to add its own.
    Blackhole,
}

impl Target {
    /// Send packets on.
    pub fn via(via: Via) -> Target {
        Target::Via(Arc::new(via))
    }

    /// Where packets are sent on to, each once; nowhere, if they are dropped.
    pub(crate) fn next_hops(&self) -> impl Iterator<Item = NextHop> + '_ {
        let all: &[NextHop] = match self {
            Target::Via(via) => &via.next_hops,
            Target::Blackhole => &[],
        };
        all.iter().enumerate().filter(|(n, next_hop)| !all[..*n].contains(next_hop)).map(|(_, next_hop)| *next_hop)
    }

    pub(crate) fn leads_to(&self, next_hop: NextHop) -> bool {
        matches!(self, Target::Via(via) if via.next_hops.contains(&next_hop))
    }
}

/// Where packets are sent on to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Via {
    /// Any of them is as good.
    pub next_hops: SmallVec<[NextHop; 2]>,
    /// How much the route is preferred to others of the prefix, the highest the most; see
    /// [`Metric::FromPreference`](crate::Metric::FromPreference).
    pub preference: u32,
    /// What is said of the tunnels to some of them.
    pub tunnels: Vec<Tunnel>,
}

/// What is announced of the tunnel to a next hop, for pools in a VXLAN.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tunnel {
    /// Where the tunnel ends.
    pub node: IpAddr,
    /// How that end is called inside the tunnel; `None`: as [`Mac::of`] has it.
    pub mac: Option<Mac>,
    /// What the tunnel is, if it is no VXLAN.
    pub other: Option<Arc<str>>,
}

impl Via {
    /// The MAC address that is named for a next hop, whatever it is.
    pub(crate) fn mac_of(&self, node: IpAddr) -> Option<Mac> {
        self.tunnel_to(node)?.mac
    }

    /// What the tunnel to a next hop is said to be, if it is no VXLAN.
    pub(crate) fn other_tunnel_to(&self, node: IpAddr) -> Option<&Arc<str>> {
        self.tunnel_to(node)?.other.as_ref()
    }

    fn tunnel_to(&self, node: IpAddr) -> Option<&Tunnel> {
        self.tunnels.iter().find(|tunnel| tunnel.node == node)
    }
}

/// Of preference 0, and nothing is said of tunnels.
impl FromIterator<NextHop> for Via {
    fn from_iter<I: IntoIterator<Item = NextHop>>(next_hops: I) -> Self {
        Via { next_hops: next_hops.into_iter().collect(), ..Via::default() }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Blackhole => f.write_str("blackhole"),
            Target::Via(via) => {
                f.write_str("via")?;
                via.next_hops.iter().try_for_each(|next_hop| write!(f, " {next_hop}"))
            }
        }
    }
}

/// How far a prefix is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The kernel holds exactly what is wanted.
    Installed,
    /// Not yet tried.
    Pending,
    /// Nothing is written, on purpose.
    Withheld {
        /// Why.
        reason: Reason,
    },
    /// Needs no route: a blackhole for a single address.
    Skipped,
    /// A foreign route has the same key.
    Conflict {
        /// The foreign route as `ip route` prints it.
        foreign: Arc<str>,
    },
    /// The kernel refused; it is retried, at growing intervals up to 30 s and after each change of links.
    Failed {
        /// In the kernel's words.
        error: Arc<str>,
        /// Its error number; `None` if it did not answer.
        errno: Option<i32>,
    },
    /// Found at start, in the kernel, and nobody wants it (yet).
    Adopted,
}

impl State {
    /// Whether the kernel does not do what is wanted, for a cause on this node: packets of pods go astray until it is gone.
    pub fn is_divergent(&self) -> bool {
        match self {
            State::Withheld { reason } => reason.is_local(),
            State::Conflict { .. } | State::Failed { .. } => true,
            State::Installed | State::Pending | State::Skipped | State::Adopted => false,
        }
    }

    /// One word, for tables and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            State::Installed => "installed",
            State::Pending => "pending",
            State::Withheld { .. } => "withheld",
            State::Skipped => "skipped",
            State::Conflict { .. } => "conflict",
            State::Failed { .. } => "failed",
            State::Adopted => "adopted",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            State::Withheld { reason } => write!(f, ": {reason}"),
            State::Conflict { foreign } => write!(
                f,
                ": the kernel has `{foreign}`, which is not ours; if an earlier configuration of ours wrote it, name its \
                 protocol and table in fib.adopt"
            ),
            State::Failed { error, .. } => write!(f, ": {error}"),
            State::Skipped => f.write_str(": a single address needs no blackhole"),
            State::Installed | State::Pending | State::Adopted => Ok(()),
        }
    }
}

/// Why a route is held back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// None of its next hops can be used; this is what is wrong with the first.
    NextHop(NextHop, NextHopError),
    /// The list of next hops is empty.
    NoNextHop,
    /// Its pool takes no gateway, and the next hop is on none of the node's links.
    NotOnLink {
        /// The next hop.
        next_hop: NextHop,
        /// The pool.
        pool: IpNetwork,
        /// The node's subnets with their interfaces, in words.
        subnets: Arc<str>,
    },
    /// Another program's entry of a VXLAN device leads elsewhere; in words, with what to type.
    FarEndTaken(Arc<str>),
    /// The pool's tunnel device does not exist.
    TunnelMissing(Arc<str>),
    /// The pool's tunnel device is down.
    TunnelDown(Arc<str>),
    /// The pool's tunnel device is not to be used, or can't be made; in words, with what to type.
    TunnelBarred(Arc<str>),
    /// The pool's tunnel carries only IPv4.
    TunnelIpv4Only(Arc<str>),
    /// The far end takes packets in another kind of tunnel than that of the pool.
    OtherTunnel {
        /// The next hop.
        node: IpAddr,
        /// What it takes.
        tunnel: Arc<str>,
        /// The pool.
        pool: IpNetwork,
    },
    /// The MAC address of the far end is also that of another, which has it.
    MacTaken {
        /// The next hop.
        node: IpAddr,
        /// Its address.
        mac: Mac,
        /// Who has it.
        by: IpAddr,
    },
    /// It lies in this pool, whose routes another program writes.
    OthersPool(IpNetwork),
    /// It equals or lies in this range of [`FibConfig::protect`](crate::FibConfig::protect).
    Protected(IpNetwork),
    /// It equals or lies in this subnet of one of the node's addresses.
    NodeSubnet(IpNetwork),
    /// So many learned routes are installed, which is as many as may be.
    NoPlace(usize),
    /// Another program takes it away as often as it is restored, so it is restored at growing intervals.
    Fight {
        /// How often, so far.
        times: u32,
        /// The netlink port it came from the last time, which is mostly the program's process id.
        by: Option<u32>,
        /// What stands in the kernel instead, as `ip route` prints it.
        seen: Option<Arc<str>>,
    },
}

impl Reason {
    /// Whether it is this node's own trouble: its tunnel, or another of its programs. Others are the doing of the node at
    /// the other end or of a peer, or are meant to be.
    pub fn is_local(&self) -> bool {
        match self {
            Reason::FarEndTaken(_)
            | Reason::TunnelMissing(_)
            | Reason::TunnelDown(_)
            | Reason::TunnelBarred(_)
            | Reason::TunnelIpv4Only(_)
            | Reason::Fight { .. } => true,
            Reason::NextHop(..)
            | Reason::NoNextHop
            | Reason::NotOnLink { .. }
            | Reason::OtherTunnel { .. }
            | Reason::MacTaken { .. }
            | Reason::OthersPool(_)
            | Reason::Protected(_)
            | Reason::NodeSubnet(_)
            | Reason::NoPlace(_) => false,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NextHop(next_hop, error) => write!(f, "next hop {next_hop} {error}"),
            Reason::NotOnLink { next_hop, pool, subnets } => write!(
                f,
                "next hop {next_hop} is on none of this node's subnets ({subnets}), and pool {pool} (host-gw) takes no \
                 gateway in between; give the pool mode ipip-cross-subnet or vxlan-cross-subnet, or mode direct if the \
                 gateways know its addresses"
            ),
            Reason::FarEndTaken(why) => f.write_str(why),
            Reason::NoNextHop => f.write_str("it has no next hop"),
            Reason::TunnelMissing(device) => write!(
                f,
                "tunnel device {device} does not exist and the route must not leave unencapsulated; \
                 create it (`modprobe ipip` makes tunl0)"
            ),
            Reason::TunnelDown(device) => write!(
                f,
                "tunnel device {device} is down and the route must not leave unencapsulated; \
                 `ip link set {device} up`"
            ),
            Reason::TunnelBarred(why) => write!(f, "{why}; until then the route must not leave unencapsulated"),
            Reason::TunnelIpv4Only(device) => write!(
                f,
                "its pool is tunnelled through {device}, but ipip carries only IPv4 over IPv4; \
                 give the pool mode `direct` or `vxlan`"
            ),
            Reason::OtherTunnel { node, tunnel, pool } => write!(
                f,
                "{node} announces that it takes {tunnel} tunnels, but pool {pool} is vxlan here; give the pool the same \
                 mode on both nodes"
            ),
            Reason::MacTaken { node, mac, by } => write!(
                f,
                "next hops {by} and {node} are both announced with MAC address {mac}, and packets for it go to {by}; give \
                 the VXLAN device of {node} another address (nodes cloned with their machine id have the same)"
            ),
            Reason::OthersPool(cidr) => write!(f, "pool {cidr} is another agent's (install: false)"),
            Reason::Protected(range) => {
                write!(
                    f,
                    "no peer may take over {range}, which is listed in fib.protect; remove it there to allow this"
                )
            }
            Reason::NoPlace(max) => write!(
                f,
                "{max} learned routes are installed, and fib.max_routes allows no more; see which peer announces so many, \
                 or raise it"
            ),
            Reason::Fight { times, by, seen } => {
                f.write_str("another program")?;
                if let Some(by) = by {
                    write!(f, " (netlink port {by}, mostly its process id)")?;
                }
                write!(f, " took it away {times} times")?;
                if let Some(seen) = seen {
                    write!(f, ", and `{seen}` is there instead")?;
                }
                f.write_str(
                    "; it is restored ever later, up to 30 s; end that program, leave the pool to it (install: false), or \
                     give the two different protocols and metrics (fib.protocol, fib.metric, or those of the pool)",
                )
            }
            Reason::NodeSubnet(subnet) => write!(
                f,
                "it would take over addresses of {subnet}, a subnet of this node; if they are pods, make the range a \
                 pool; to let peers do so, set fib.protect_node_subnets: false"
            ),
        }
    }
}

/// How it was noticed that a route of ours is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Deleted { by: u32 },
    Changed { by: u32 },
    Lost,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) target: Target,
    pub(crate) state: State,
    pub(crate) since: SystemTime,
    /// No peer may take it over; not installed, and no ground for next hops.
    pub(crate) protected: bool,
    /// It counts among the learned routes that may be installed.
    pub(crate) placed: bool,
    /// Refusals in a row.
    pub(crate) attempts: u8,
    /// It was installed and then, without our doing, was not.
    pub(crate) cause: Option<Cause>,
    /// The last state worth a log line was a bad one.
    pub(crate) troubled: bool,
}

/// All wanted prefixes.
#[derive(Debug)]
pub(crate) struct Desired {
    entries: ByPrefix<Entry>,
    lengths: Lengths,
}

impl Default for Desired {
    fn default() -> Self {
        Desired { entries: ByPrefix::default(), lengths: [[0; 129]; 2] }
    }
}

impl Desired {
    pub(crate) fn get(&self, prefix: IpNetwork) -> Option<&Entry> {
        self.entries.get(prefix)
    }

    pub(crate) fn get_mut(&mut self, prefix: IpNetwork) -> Option<&mut Entry> {
        self.entries.get_mut(prefix)
    }

    /// Wants it; gives the former target if it was wanted before.
    pub(crate) fn want(&mut self, prefix: IpNetwork, target: Target, now: SystemTime) -> Option<Target> {
        if let Some(entry) = self.entries.get_mut(prefix) {
            entry.attempts = 0;
            return Some(std::mem::replace(&mut entry.target, target));
        }
        let entry = Entry {
            target,
            state: State::Pending,
            since: now,
            protected: false,
            placed: false,
            attempts: 0,
            cause: None,
            troubled: false,
        };
        self.entries.insert(prefix, entry);
        self.lengths[usize::from(prefix.is_ipv6())][usize::from(prefix.prefix())] += 1;
        None
    }

    pub(crate) fn unwant(&mut self, prefix: IpNetwork) -> Option<Entry> {
        let entry = self.entries.remove(prefix)?;
        self.lengths[usize::from(prefix.is_ipv6())][usize::from(prefix.prefix())] -= 1;
        Some(entry)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (IpNetwork, &Entry)> {
        self.entries.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (IpNetwork, &mut Entry)> {
        self.entries.iter_mut()
    }

    pub(crate) fn has_length(&self, v6: bool, length: u8) -> bool {
        self.lengths[usize::from(v6)].get(usize::from(length)).is_some_and(|n| *n > 0)
    }
}
