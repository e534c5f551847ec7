//! What the engine needs from a kernel: read everything, hear of changes, write a batch.

use crate::far_ends::{FarEntry, Mac, Part};
use crate::plan::Op;
use crate::route::Route;
use ipnetwork::IpNetwork;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;

/// A kernel's routing side: the real one through netlink, or one in memory for tests.
pub trait Kernel {
    /// Reads links, addresses and the routes of the tables that matter, all anew.
    ///
    /// # Errors
    /// When the kernel could not be asked; the caller tries again later.
    fn dump(&mut self) -> impl Future<Output = io::Result<Dump>>;

    /// Hands over operations, to be tried in order, after those handed over before, while the caller goes on.
    fn begin(&mut self, ops: Vec<Op>);

    /// Waits until what was handed over first has been tried; gives it back with a result for each. Nothing is given back
    /// when nothing is left.
    fn finish(&mut self) -> impl Future<Output = (Vec<Op>, Vec<Result<(), KernelError>>)>;

    /// Moves everything already heard of, but at most `limit` events, into `events`; says whether
    /// nothing is left. Changes that this kernel's own operations made are not among them.
    fn drain(&mut self, limit: usize, events: &mut Vec<Event>) -> bool;

    /// From now on routes of these tables matter, and perhaps far ends; the caller dumps soon. A kernel that tells of all
    /// may ignore it.
    fn watch(&mut self, _tables: &[u32], _far_ends: bool) {}

    /// Messages that could not be fully understood. What could be was used.
    fn refused(&self) -> u64 {
        0
    }

    /// Waits until [`Kernel::drain`] has something to give. May be dropped while waiting.
    fn ready(&mut self) -> impl Future<Output = ()>;
}

/// Everything there was at one moment.
#[derive(Debug, Clone, Default)]
pub struct Dump {
    /// Interfaces.
    pub links: Vec<Link>,
    /// Their addresses.
    pub addresses: Vec<Address>,
    /// Routes of our table and of the main table, whoever wrote them.
    pub routes: Vec<Route>,
    /// Entries of the VXLAN devices of pools, whoever wrote them.
    pub far_ends: Vec<FarEntry>,
}

/// A network interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    /// Index, unique while it exists.
    pub index: u32,
    /// Name; another interface may have it later.
    pub name: String,
    /// Administratively up (IFF_UP).
    pub up: bool,
    /// The other end is there (IFF_LOWER_UP). Its loss takes no route away: where there is no other way, packets may as
    /// well wait here. Of several ways, those with it are taken.
    pub carrier: bool,
    /// Octets of the largest packet; 0 where nobody said.
    pub mtu: u32,
    /// Ethernet address, where it has one.
    pub mac: Option<Mac>,
    /// What a program or a person wrote on it.
    pub alias: Option<Box<str>>,
    /// What it is.
    pub kind: LinkKind,
}

/// What a network interface is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LinkKind {
    /// The kernel's answer could not be read.
    #[default]
    Unknown,
    /// IPv4 in IPv4.
    Ipip {
        /// Outer source; none is any address of the node.
        local: Option<IpAddr>,
        /// Outer destination; none is the next hop of the route.
        remote: Option<IpAddr>,
    },
    /// Ethernet in UDP.
    Vxlan {
        /// VXLAN Network Identifier.
        vni: u32,
        /// UDP port.
        port: u16,
        /// Outer source; none is any address of the node.
        local: Option<IpAddr>,
    },
    /// The kernel's name of any other kind, such as `veth`; empty for one that no program has made.
    Other(Box<str>),
}

/// As `ip -d link` prints it.
impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, local) = match self {
            LinkKind::Unknown => ("an unknown device", &None),
            LinkKind::Ipip { local, .. } => ("ipip", local),
            LinkKind::Vxlan { local, .. } => ("vxlan", local),
            LinkKind::Other(kind) if kind.is_empty() => ("a plain interface", &None),
            LinkKind::Other(kind) => (&**kind, &None),
        };
        f.write_str(name)?;
        if let LinkKind::Vxlan { vni, port, .. } = self {
            write!(f, " id {vni} dstport {port}")?;
        }
        if let LinkKind::Ipip { remote: Some(remote), .. } = self {
            write!(f, " remote {remote}")?;
        }
        local.map_or(Ok(()), |local| write!(f, " local {local}"))
    }
}

/// An address of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// Interface index.
    pub dev: u32,
    /// The address with its subnet's length (host bits kept).
    pub net: IpNetwork,
}

/// What the kernel says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A route was written or removed by someone else (`by` is their netlink port; 0 is the kernel itself).
    Route {
        /// What was done.
        change: RouteChange,
        /// The route written or removed.
        route: Route,
        /// Netlink port id of the writer.
        by: u32,
    },
    /// An interface came or changed.
    Link(Link),
    /// An interface is gone.
    LinkGone(u32),
    /// An address came.
    Address(Address),
    /// An address is gone.
    AddressGone(Address),
    /// Someone else wrote a permanent entry of a device.
    FarEnd(FarEntry),
    /// An entry of a device is gone.
    FarEndGone {
        /// Which one.
        part: Part,
        /// The device's index.
        dev: u32,
        /// The node.
        node: IpAddr,
        /// The MAC address, where it was told.
        mac: Option<Mac>,
    },
    /// Something was said that did not reach us; only a dump helps.
    Overrun,
}

/// What was done to a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteChange {
    /// Written beside what was there (or nothing was there).
    Added,
    /// Written over the first route of the same key.
    Replaced,
    /// Removed.
    Removed,
}

/// Why the kernel refused an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelError {
    /// What kind of failure, as far as it matters to us.
    pub failure: Failure,
    /// The kernel's own words where it has some, else the name of the error number.
    pub text: String,
}

/// Failures that call for different answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Error number from the kernel, positive.
    Errno(i32),
    /// No answer came: the operation may or may not have happened.
    Unknown,
}

impl KernelError {
    /// The kernel's error number, unless there was no answer.
    pub fn errno(&self) -> Option<i32> {
        match self.failure {
            Failure::Errno(number) => Some(number),
            Failure::Unknown => None,
        }
    }

    /// From an error number, with the kernel's words (extack) if it sent any.
    pub fn from_errno(number: i32, extack: Option<&str>) -> KernelError {
        let name = io::Error::from_raw_os_error(number).to_string();
        // "File exists (os error 17)": the number has its own field.
        let name = name.split(" (os error").next().unwrap_or("unknown error");
        let text = match extack {
            Some(words) if !words.is_empty() => format!("{} ({name})", words.trim_end_matches('.')),
            _ => name.to_owned(),
        };
        KernelError { failure: Failure::Errno(number), text }
    }

    /// No answer in time.
    pub fn unknown(text: &str) -> KernelError {
        KernelError { failure: Failure::Unknown, text: text.to_owned() }
    }
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for KernelError {}
