//! The socket options that only libc offers: TCP MD5 keys and GTSM. The one file of the project with `unsafe`.
//!
//! What the kernel does with them without a word (seen on Linux 6.18): a wrong or missing key is a silent loss of SYNs,
//! so a session "times out"; a peer that is not on a listener's key list connects *unsigned*, so the caller must still
//! check who it is; on a `[::]` listener the key of an IPv4 peer has to be given for `::ffff:a.b.c.d`.
#![allow(unsafe_code)]

use std::io;
use std::mem::size_of;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Longest TCP MD5 key in octets (`TCP_MD5SIG_MAXKEYLEN`).
pub const MAX_KEY_LEN: usize = 80;

/// `struct tcp_md5sig` of `linux/tcp.h`: 216 bytes.
#[repr(C)]
struct TcpMd5Sig {
    addr: libc::sockaddr_storage,
    flags: u8,
    prefix_len: u8,
    key_len: u16,
    ifindex: i32,
    key: [u8; MAX_KEY_LEN],
}

const _: () = assert!(size_of::<TcpMd5Sig>() == 216);

/// Sets the TCP MD5 key (RFC 2385) for segments to and from `peer`; an empty key removes it.
///
/// `v6_socket` says that the socket is of family `AF_INET6`, where an IPv4 peer is known by its mapped address.
///
/// # Errors
/// What the kernel says; `InvalidInput` for a key of more than [`MAX_KEY_LEN`] octets.
pub fn set_md5_key(socket: BorrowedFd<'_>, peer: IpAddr, v6_socket: bool, key: &[u8]) -> io::Result<()> {
    set_key(socket, libc::TCP_MD5SIG, md5_sig(peer, v6_socket), key)
}

/// The same for all peers in a range (Linux 4.13, `TCP_MD5SIG_EXT`). A key of a single address goes before.
///
/// # Errors
/// As [`set_md5_key`].
pub fn set_md5_range_key(
    socket: BorrowedFd<'_>,
    network: IpAddr,
    len: u8,
    v6_socket: bool,
    key: &[u8],
) -> io::Result<()> {
    /// `TCP_MD5SIG_FLAG_PREFIX` of `linux/tcp.h`.
    const PREFIX: u8 = 1;
    /// `TCP_MD5SIG_EXT` of `linux/tcp.h`.
    const TCP_MD5SIG_EXT: libc::c_int = 32;
    let prefix_len = if v6_socket && network.is_ipv4() { 96 + len } else { len };
    set_key(socket, TCP_MD5SIG_EXT, TcpMd5Sig { flags: PREFIX, prefix_len, ..md5_sig(network, v6_socket) }, key)
}

fn md5_sig(peer: IpAddr, v6_socket: bool) -> TcpMd5Sig {
    TcpMd5Sig {
        addr: sockaddr(peer, v6_socket),
        flags: 0,
        prefix_len: 0,
        key_len: 0,
        ifindex: 0,
        key: [0; MAX_KEY_LEN],
    }
}

fn set_key(socket: BorrowedFd<'_>, name: libc::c_int, mut sig: TcpMd5Sig, key: &[u8]) -> io::Result<()> {
    sig.key
        .get_mut(..key.len())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a TCP MD5 key has at most 80 octets"))?
        .copy_from_slice(key);
    sig.key_len = key.len() as u16;
    setsockopt(socket, libc::IPPROTO_TCP, name, &sig)
}

/// GTSM (RFC 5082): segments of the peer must arrive with a TTL (hop limit) of at least `min`.
///
/// # Errors
/// What the kernel says.
pub fn set_min_ttl(socket: BorrowedFd<'_>, v6_socket: bool, min: u8) -> io::Result<()> {
    /// `IP_MINTTL` of `linux/in.h`.
    const IP_MINTTL: libc::c_int = 21;
    /// `IPV6_MINHOPCOUNT` of `linux/in6.h`.
    const IPV6_MINHOPCOUNT: libc::c_int = 73;
    let min = libc::c_int::from(min);
    if v6_socket {
        setsockopt(socket, libc::IPPROTO_IPV6, IPV6_MINHOPCOUNT, &min)
    } else {
        setsockopt(socket, libc::IPPROTO_IP, IP_MINTTL, &min)
    }
}

fn setsockopt<T>(socket: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: the descriptor is open for the borrow's life, and the kernel reads exactly `size_of::<T>()` bytes of a
    // plain C value that outlives the call.
    let rc = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    };
    if rc == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn sockaddr(peer: IpAddr, v6_socket: bool) -> libc::sockaddr_storage {
    let addr = match (peer, v6_socket) {
        (IpAddr::V4(v4), true) => IpAddr::V6(v4.to_ipv6_mapped()),
        (peer, _) => peer,
    };
    let storage = socket2::SockAddr::from(std::net::SocketAddr::new(addr, 0)).as_storage();
    // SAFETY: socket2's storage is the platform's `sockaddr_storage` under a type of its own; both are plain bytes of
    // the same size, which transmute checks.
    unsafe { std::mem::transmute::<socket2::SockAddrStorage, libc::sockaddr_storage>(storage) }
}
