//! The kernel as a receiver: which of the plan's prefixes its main table holds, from its own notifications.
//!
//! Why not `ip route` in a loop: a dump of thousands of routes every few milliseconds would take the processor from the
//! daemon whose time is measured. A notification costs a bit.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use crate::held::Held;
use crate::plan::Space;

/// `RTMGRP_IPV4_ROUTE` of rtnetlink(7).
const IPV4_ROUTES: u32 = 0x40;
const NEWROUTE: u16 = 24;
const DELROUTE: u16 = 25;
const MAIN_TABLE: u8 = 254;
/// `RTA_DST`.
const DESTINATION: u16 = 1;
/// Room for the notifications of a whole table that has not been read yet.
const BUFFER: usize = 64 << 20;

/// A subscription to the IPv4 routes of this network namespace.
#[derive(Debug)]
pub struct Kernel {
    socket: Socket,
    buffer: Vec<u8>,
    space: Space,
    /// What the main table holds.
    pub held: Held,
}

impl Kernel {
    /// Subscribes.
    pub fn new(space: Space) -> io::Result<Kernel> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.set_rx_buf_sz(BUFFER)?; // as far as net.core.rmem_max lets it: an overflow is an error of recv
        socket.bind(&SocketAddr::new(0, IPV4_ROUTES))?;
        socket.set_non_blocking(true)?;
        Ok(Kernel { socket, buffer: Vec::with_capacity(1 << 16), space, held: Held::new(space.count, 0..0) })
    }

    /// For waiting until there is news.
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Takes all news there is.
    ///
    /// # Errors
    /// The socket's; `ENOBUFS` when notifications were lost.
    pub fn read(&mut self) -> io::Result<()> {
        loop {
            self.buffer.clear();
            match self.socket.recv(&mut self.buffer, 0) {
                Ok(_) => self.take(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn take(&mut self) {
        let mut rest = &self.buffer[..];
        while let Some((message, next)) = split(rest, 16, |head| u32_at(head, 0) as usize) {
            if let Some((address, len)) = destination(message)
                && let Some(index) = self.space.index(address, len)
            {
                match u16_at(message, 4) {
                    NEWROUTE => self.held.announce(index),
                    DELROUTE => self.held.withdraw(index),
                    _ => {}
                }
            }
            rest = next;
        }
    }
}

/// The destination of a route of the main table.
fn destination(message: &[u8]) -> Option<(u32, u8)> {
    let route = message.get(16..28)?; // struct rtmsg
    if route[4] != MAIN_TABLE {
        return None;
    }
    let mut attributes = &message[28..];
    while let Some((attribute, next)) = split(attributes, 4, |head| u16_at(head, 0).into()) {
        if u16_at(attribute, 2) == DESTINATION {
            return Some((u32::from_be_bytes(attribute.get(4..8)?.try_into().ok()?), route[1]));
        }
        attributes = next;
    }
    None
}

/// The first item of a list whose items say their length and are padded to four octets.
fn split(bytes: &[u8], least: usize, length: impl FnOnce(&[u8]) -> usize) -> Option<(&[u8], &[u8])> {
    let length = length(bytes.get(..least)?);
    let item = bytes.get(..length).filter(|item| item.len() >= least)?;
    Some((item, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
