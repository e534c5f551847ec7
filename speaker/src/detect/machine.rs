//! What the machine says: its interfaces, the way to a host, the meaning of a name.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

use fib_sync::netlink::{Interface, Interfaces};

use super::{Detect, Host, Method, NotFound, Pick, Rule};

/// The port a socket is connected to for can-reach. Nothing is sent there.
const PORT: u16 = 80;

/// What the rule picks on this machine, now. Asks the kernel, and the resolver where the rule has a name in it: it may
/// take as long as that one does, so it is nothing for an async task.
///
/// # Errors
/// When no address fits, or nobody answers.
pub fn pick(detect: &Detect, rule: &Rule) -> Result<Pick, NotFound> {
    let interfaces = interfaces().map_err(|error| NotFound(format!("the interfaces cannot be read: {error}")))?;
    detect.pick(rule, &interfaces, ask)
}

fn interfaces() -> io::Result<Vec<Interface>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(async { Interfaces::open()?.read().await })
}

fn ask(rule: &Rule) -> Result<Vec<IpAddr>, NotFound> {
    match &rule.method {
        Method::CanReach(host) => source_towards(host, rule).map(|source| vec![source]),
        Method::InternalName(Some(host)) => addresses(host),
        Method::InternalName(None) => addresses(&Host::Name(own_name()?)),
        Method::FirstFound | Method::Interface(_) | Method::SkipInterface(_) | Method::Cidr(_) => Ok(Vec::new()),
    }
}

/// The address packets to the first reachable address of `host` leave from.
fn source_towards(host: &Host, rule: &Rule) -> Result<IpAddr, NotFound> {
    let mut why_not = format!("{host} has no {} address", rule.family());
    for to in addresses(host)?.into_iter().filter(|to| to.is_ipv4() == rule.ipv4) {
        match source_to(to) {
            Ok(source) => return Ok(source),
            Err(error) => why_not = format!("there is no way to {to}: {error}"),
        }
    }
    Err(NotFound(why_not))
}

/// The address packets to `to` leave from: a UDP socket knows as soon as it is connected, which sends nothing.
fn source_to(to: IpAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect((to, PORT))?;
    socket.local_addr().map(|source| source.ip())
}

fn addresses(host: &Host) -> Result<Vec<IpAddr>, NotFound> {
    match host {
        Host::Address(address) => Ok(vec![*address]),
        Host::Name(name) => match (name.as_str(), PORT).to_socket_addrs() {
            Ok(found) => Ok(found.map(|found: SocketAddr| found.ip()).collect()),
            Err(error) => Err(NotFound(format!("{name} cannot be resolved: {error}"))),
        },
    }
}

/// What the machine calls itself (`uname -n`).
fn own_name() -> Result<String, NotFound> {
    match std::fs::read_to_string("/proc/sys/kernel/hostname") {
        Ok(name) => Ok(name.trim_end().to_owned()),
        Err(error) => Err(NotFound(format!("this machine's name cannot be read: {error}"))),
    }
}
