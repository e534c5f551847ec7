//! From "what is" and "what is wanted" to "what to do", without doing it.
//!
//! Pure, so that every decision about ownership and order can be read in a test as text. The engine
//! calls [`plan_prefix`] for one dirty prefix at a time; [`plan`] does the same for a whole table.
//!
//! Two rules live here and nowhere else:
//! * **Nothing foreign is touched.** Only routes marked ours are replaced or deleted; where a foreign
//!   route holds our key we wait ([`Verdict::Conflict`]).
//! * **New before old.** A change is a replace in place; a route under another metric goes only once
//!   its successor is in; over a whole plan, deletions come last. No packet meets a hole.

use crate::device::Device;
use crate::far_ends::{FarEntry, Mac};
use crate::kernel::Address;
use crate::route::{Form, Route};
use crate::view::{Held, Links};
use ipnetwork::IpNetwork;
use smallvec::SmallVec;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// One message to the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Create, and fail if the key is taken (NLM_F_CREATE | NLM_F_EXCL).
    Add(Route),
    /// Rewrite our route of the same key in place (NLM_F_REPLACE without create).
    Replace {
        /// What it becomes.
        new: Route,
        /// What it is now.
        old: Route,
    },
    /// Remove exactly this route: protocol, metric, type and next hops are all named.
    Delete(Route),
    /// Write an entry of a VXLAN device for a far end, over another one of its key.
    SetFar(FarEntry),
    /// Remove it.
    DropFar(FarEntry),
    /// Make a tunnel device and bring it up; fail if there is one of its name.
    Make(Device),
    /// Bring up the device of that name, with the MTU and the mark of this one.
    Amend {
        /// As it should be.
        device: Device,
        /// Its MAC address, if that is another one: the kernel forgets all neighbours of a device that is given one.
        mac: Option<Mac>,
    },
    /// Let go of a device of ours.
    Leave {
        /// Its index.
        index: u32,
        /// Its name.
        name: String,
        /// In which way.
        how: Leave,
    },
    /// Give a device an address.
    SetAddress(Address),
    /// Take it away.
    DropAddress(Address),
}

/// How a device is let go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// It is deleted.
    Delete,
    /// It can't be deleted: it goes down, and is nobody's.
    Down,
    /// It is another program's from now on, as it stands.
    HandOver,
}

impl Op {
    /// The prefix it is about; of a far end, a device or an address, the address.
    pub fn prefix(&self) -> IpNetwork {
        match self {
            Op::Add(route) | Op::Replace { new: route, .. } | Op::Delete(route) => route.prefix,
            Op::SetFar(entry) | Op::DropFar(entry) => entry.node.into(),
            Op::Make(device) | Op::Amend { device, .. } => device.local.into(),
            Op::SetAddress(address) | Op::DropAddress(address) => address.net.ip().into(),
            Op::Leave { .. } => IpAddr::V4(Ipv4Addr::UNSPECIFIED).into(),
        }
    }

    /// Whether it is about a tunnel device or its address.
    pub(crate) fn is_of_device(&self) -> bool {
        matches!(self, Op::Make(_) | Op::Amend { .. } | Op::Leave { .. } | Op::SetAddress(_) | Op::DropAddress(_))
    }

    /// As arguments of `ip route`; of a far end, as those of `ip` or `bridge`.
    pub fn text<'a>(&'a self, links: &'a Links) -> impl fmt::Display + 'a {
        struct Text<'a>(&'a Op, &'a Links);
        impl fmt::Display for Text<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (verb, route) = match self.0 {
                    Op::Add(route) => ("add", route),
                    Op::Replace { new, .. } => ("replace", new),
                    Op::Delete(route) => ("del", route),
                    Op::SetFar(entry) => return write!(f, "{}", entry.text("replace", self.1)),
                    Op::DropFar(entry) => return write!(f, "{}", entry.text("del", self.1)),
                    Op::Make(device) => {
                        write!(f, "link add {} up mtu {}", device.name, device.mtu)?;
                        device.mac().map_or(Ok(()), |mac| write!(f, " address {mac}"))?;
                        return write!(f, " type {device}");
                    }
                    Op::Amend { device, mac } => {
                        write!(f, "link set {} up mtu {}", device.name, device.mtu)?;
                        mac.map_or(Ok(()), |mac| write!(f, " address {mac}"))?;
                        return write!(f, " alias \"{}\"", device.mark());
                    }
                    Op::Leave { name, how, .. } => {
                        return match how {
                            Leave::Delete => write!(f, "link del {name}"),
                            Leave::Down => write!(f, "link set {name} down alias \"\""),
                            Leave::HandOver => write!(f, "link set {name} alias \"\""),
                        };
                    }
                    Op::SetAddress(Address { dev, net }) | Op::DropAddress(Address { dev, net }) => {
                        let verb = if matches!(self.0, Op::SetAddress(_)) { "replace" } else { "del" };
                        return write!(f, "addr {verb} {net} dev {}", self.1.name(*dev).unwrap_or("?"));
                    }
                };
                write!(f, "{verb} {}", route.text(self.1))
            }
        }
        Text(self, links)
    }
}

/// What is wanted at one prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Want {
    /// Exactly this route.
    Route(Route),
    /// Nothing of ours may be in the kernel.
    Nothing,
}

/// How a prefix stands before its operations are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The kernel holds what is wanted.
    Held,
    /// It will, if the operations succeed.
    Changing,
    /// This foreign route has our key.
    Conflict(Route),
    /// Nothing is wanted.
    Nothing,
}

pub(crate) type Ops = SmallVec<[Op; 1]>;

/// Decides one prefix. `held` is what the kernel has there, ours and foreign.
pub(crate) fn plan_prefix(held: &[Held], want: Want) -> (Ops, Verdict) {
    let ours = held.iter().filter(|h| h.ours);
    let route = match want {
        Want::Route(route) => route,
        Want::Nothing => return (ours.map(|h| Op::Delete(h.route.clone())).collect(), Verdict::Nothing),
    };
    if ours.clone().any(|h| h.route == route) {
        // In place. Now, and only now, whatever else of ours is left of this prefix goes.
        let old = ours.filter(|h| h.route != route).map(|h| Op::Delete(h.route.clone()));
        return (old.collect(), Verdict::Held);
    }
    let mine = ours.clone().find(|h| h.route.same_key(&route));
    if let Some(foreign) = held.iter().find(|h| !h.ours && h.route.same_key(&route)) {
        // A replace could hit the foreign one. Whatever of ours is there is wrong, and no successor will take its place: it
        // goes, or it would lead on to where nobody sends packets any more.
        let wrong = ours.map(|h| Op::Delete(h.route.clone()));
        return (wrong.collect(), Verdict::Conflict(foreign.route.clone()));
    }
    let op = match mine {
        Some(old) => Op::Replace { new: route, old: old.route.clone() },
        None => Op::Add(route),
    };
    (SmallVec::from_iter([op]), Verdict::Changing)
}

/// A list of operations: additions and replacements first, deletions last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they are to be run.
    pub ops: Vec<Op>,
}

impl Plan {
    /// One operation a line, as arguments of `ip route`.
    pub fn text(&self, links: &Links) -> String {
        self.ops.iter().map(|op| format!("{}\n", op.text(links))).collect()
    }
}

/// Plans a whole table: what leads from `kernel` to `desired` as far as one step goes. A route of ours
/// under another metric is only deleted by the plan that finds its successor in place.
///
/// `kernel` has each route with whether it is ours.
pub fn plan(kernel: &[(Route, bool)], desired: &[Route]) -> Plan {
    let mut prefixes: Vec<IpNetwork> = kernel.iter().map(|(r, _)| r.prefix).collect();
    prefixes.extend(desired.iter().map(|r| r.prefix));
    prefixes.sort_unstable();
    prefixes.dedup();
    let mut ops = Vec::new();
    for prefix in prefixes {
        let held: Vec<Held> = kernel
            .iter()
            .filter(|(route, _)| route.prefix == prefix)
            .map(|(route, ours)| Held { route: route.clone(), ours: *ours })
            .collect();
        let want = match desired.iter().find(|r| r.prefix == prefix) {
            Some(route) => Want::Route(route.clone()),
            None => Want::Nothing,
        };
        ops.extend(plan_prefix(&held, want).0);
    }
    ops.sort_by_key(|op| matches!(op, Op::Delete(_)));
    Plan { ops }
}

/// A blackhole for a single address is never installed.
pub(crate) fn form_of_blackhole(prefix: IpNetwork) -> Option<Form> {
    // With `blackhole 10.65.1.9 …` in place, adding the pod's own route of the same key fails.
    (!crate::route::is_host(prefix)).then_some(Form::Blackhole)
}

#[cfg(test)]
mod tests;
