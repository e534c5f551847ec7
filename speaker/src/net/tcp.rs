//! Opening BGP's sockets.
//!
//! A listener has a deep backlog: when a reflector restarts, all its clients connect at once, and a SYN that is dropped
//! costs its client a second. TCP_NODELAY is set everywhere: messages are already packed, so Nagle only adds delay.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;

use bgp_proto::Prefix;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::sockopt;
use crate::config::Secret;

/// What a session asks of its socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketOptions {
    /// TCP MD5 key (RFC 2385).
    pub md5_key: Option<Secret>,
    /// TTL (hop limit) of what we send.
    pub ttl: Option<u8>,
    /// Least TTL of what we accept (GTSM, RFC 5082).
    pub min_ttl: Option<u8>,
    /// The interface a link-local address belongs to.
    pub interface: Option<String>,
}

/// Listens on `address`; the kernel holds up to `backlog` connections until they are accepted (and no more than
/// `net.core.somaxconn`). An IPv6 listener takes IPv6 only, so that `0.0.0.0` and `[::]` can stand side by side.
///
/// # Errors
/// What the kernel says: the port is taken, the address is not ours, a port under 1024 without CAP_NET_BIND_SERVICE.
pub fn listen(address: SocketAddr, backlog: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // The kernel answers a SYN with the listener's TTL, before anyone knows whose it is: a peer with GTSM takes only 255.
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
        socket.set_unicast_hops_v6(255)?;
    } else {
        socket.set_ttl_v4(255)?;
    }
    socket.bind(&address.into())?;
    socket.listen(backlog.into())?;
    TcpListener::from_std(socket.into())
}

/// Tells a listener the MD5 key of a peer, in place of the one it had; `None` takes that away. A peer of the other family
/// is no concern of this listener.
///
/// # Errors
/// What the kernel says; `NotFound` when there is none to take away.
pub fn set_listener_key(listener: &TcpListener, peer: IpAddr, key: Option<&Secret>) -> io::Result<()> {
    let v6 = listener.local_addr()?.is_ipv6();
    if v6 != peer.is_ipv6() {
        return Ok(());
    }
    sockopt::set_md5_key(listener.as_fd(), peer, v6, octets(key))
}

/// Tells a listener the MD5 key of all peers in a range, in place of the one it had; `None` takes that away.
///
/// # Errors
/// As [`set_listener_key`].
pub fn set_listener_range_key(listener: &TcpListener, range: &Prefix, key: Option<&Secret>) -> io::Result<()> {
    let v6 = listener.local_addr()?.is_ipv6();
    if v6 != range.addr().is_ipv6() {
        return Ok(());
    }
    sockopt::set_md5_range_key(listener.as_fd(), range.addr(), range.len(), v6, octets(key))
}

/// An empty key is none.
fn octets(key: Option<&Secret>) -> &[u8] {
    key.map_or(&[], |key| key.expose().as_bytes())
}

/// Gives a connection the MD5 key of now, in place of the one it was made with.
///
/// # Errors
/// What the kernel says: a few early releases of Linux 5.8 and their kin refuse it with EINVAL.
pub fn set_key(stream: &TcpStream, key: &Secret) -> io::Result<()> {
    let peer = stream.peer_addr()?.ip();
    sockopt::set_md5_key(stream.as_fd(), peer, peer.is_ipv6(), key.expose().as_bytes())
}

/// Connects to `remote` from `source` (the kernel's choice when `None`).
///
/// # Errors
/// What the kernel says; see `io::Error::kind` for refused, unreachable and timed out. `NotFound` when the interface of
/// a link-local address is not there.
pub async fn connect(source: Option<IpAddr>, remote: SocketAddr, options: &SocketOptions) -> io::Result<TcpStream> {
    let scope = options.interface.as_deref().map(interface_index).transpose()?;
    let with_scope = |mut address: SocketAddr| {
        if let (SocketAddr::V6(v6), Some(scope)) = (&mut address, scope)
            && v6.ip().is_unicast_link_local()
        {
            v6.set_scope_id(scope);
        }
        address
    };
    let remote = with_scope(remote);
    let v6 = remote.is_ipv6();
    let socket = if v6 { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    let any = if v6 { IpAddr::V6(Ipv6Addr::UNSPECIFIED) } else { IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
    if let Some(key) = &options.md5_key {
        sockopt::set_md5_key(socket.as_fd(), remote.ip(), v6, key.expose().as_bytes())?;
    }
    set_ttls(&socket, v6, options)?;
    if let Some(source) = source.filter(|source| *source != any) {
        socket.set_reuseaddr(true)?;
        socket.bind(with_scope(SocketAddr::new(source, 0)))?;
    }
    let stream = socket.connect(remote).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Prepares a connection a listener accepted.
///
/// # Errors
/// What the kernel says.
pub fn adopt(stream: &TcpStream, options: &SocketOptions) -> io::Result<()> {
    stream.set_nodelay(true)?;
    set_ttls(stream, stream.local_addr()?.is_ipv6(), options)
}

/// Puts the TTLs of `options` in force on a living connection, also that there is no least one.
///
/// # Errors
/// What the kernel says.
pub fn set_distance(stream: &TcpStream, options: &SocketOptions) -> io::Result<()> {
    let options = SocketOptions { min_ttl: options.min_ttl.or(Some(0)), ..options.clone() };
    set_ttls(stream, stream.local_addr()?.is_ipv6(), &options)
}

/// The number of an interface. Asked anew for each connection: a device made again under the same name has another one.
///
/// # Errors
/// `NotFound` when there is none of the name.
pub fn interface_index(name: &str) -> io::Result<u32> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, format!("there is no interface {name}"));
    let text = std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex")).map_err(|_| missing())?;
    text.trim().parse().map_err(|_| missing())
}

fn set_ttls(socket: &impl AsFd, v6: bool, options: &SocketOptions) -> io::Result<()> {
    let reference = socket2::SockRef::from(socket);
    if let Some(ttl) = options.ttl {
        if v6 {
            reference.set_unicast_hops_v6(ttl.into())?;
        } else {
            reference.set_ttl_v4(ttl.into())?;
        }
    }
    match options.min_ttl {
        Some(min) => sockopt::set_min_ttl(socket.as_fd(), v6, min),
        None => Ok(()),
    }
}
