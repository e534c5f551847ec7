//! The kernel as a receiver: which of the plan's prefixes its main table holds, from its own notifications.
//!
//! Why not `ip route` in a loop: a dump of thousands of routes every few milliseconds would take the processor from the
//! daemon whose time is measured. A notification costs a bit. The one who writes a route pays for each listener, so this
//! one is never waited for, only read now and then ([`PAUSE`]): whoever waits is woken by the writer, route by route.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use crate::held::Held;
use crate::plan::Space;

/// `RTMGRP_IPV4_ROUTE` and `RTMGRP_IPV6_ROUTE` of rtnetlink(7).
const ROUTES: u32 = 0x40 | 0x400;
const NEWROUTE: u16 = 24;
const DELROUTE: u16 = 25;
const MAIN_TABLE: u8 = 254;
/// `RTA_DST` and `RTA_GATEWAY`.
const DESTINATION: u16 = 1;
const GATEWAY: u16 = 5;
/// Room for the notifications of a whole table that has not been read yet.
const BUFFER: usize = 64 << 20;

/// Between two looks: what is measured is that exact.
pub const PAUSE: Duration = Duration::from_millis(1);

/// A subscription to the routes of this network namespace.
#[derive(Debug)]
pub struct Kernel {
    socket: Socket,
    buffer: Vec<u8>,
    space: Space,
    /// What the main table holds.
    pub held: Held,
    gateway: Option<IpAddr>,
}

impl Kernel {
    /// Subscribes.
    pub fn new(space: Space) -> io::Result<Kernel> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.set_rx_buf_sz(BUFFER)?; // as far as net.core.rmem_max lets it: an overflow is an error of recv
        socket.bind(&SocketAddr::new(0, ROUTES))?;
        socket.set_non_blocking(true)?;
        let held = Held::new(space.count, 0..0);
        Ok(Kernel { socket, buffer: Vec::with_capacity(1 << 16), space, held, gateway: None })
    }

    /// From now on only routes by way of this gateway count, and none is there yet.
    pub fn expect(&mut self, gateway: IpAddr) {
        self.gateway = Some(gateway);
        self.held = Held::new(self.space.count, 0..0);
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
            if let Some((address, len, gateway)) = route(message)
                && let Some(index) = self.space.index(address, len)
            {
                match u16_at(message, 4) {
                    NEWROUTE if self.gateway.is_none() || gateway == self.gateway => self.held.announce(index),
                    NEWROUTE | DELROUTE => self.held.withdraw(index),
                    _ => {}
                }
            }
            rest = next;
        }
    }
}

/// Destination and gateway of a route of the main table.
fn route(message: &[u8]) -> Option<(IpAddr, u8, Option<IpAddr>)> {
    let header = message.get(16..28)?; // struct rtmsg
    if header[4] != MAIN_TABLE {
        return None;
    }
    let (mut destination, mut gateway) = (None, None);
    let mut attributes = &message[28..];
    while let Some((attribute, next)) = split(attributes, 4, |head| u16_at(head, 0).into()) {
        match u16_at(attribute, 2) {
            DESTINATION => destination = ip(&attribute[4..]),
            GATEWAY => gateway = ip(&attribute[4..]),
            _ => {}
        }
        attributes = next;
    }
    Some((destination?, header[1], gateway))
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

/// The first item of a list whose items say their length and are padded to four octets.
pub(crate) fn split(bytes: &[u8], least: usize, length: impl FnOnce(&[u8]) -> usize) -> Option<(&[u8], &[u8])> {
    let length = length(bytes.get(..least)?);
    let item = bytes.get(..length).filter(|item| item.len() >= least)?;
    Some((item, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
