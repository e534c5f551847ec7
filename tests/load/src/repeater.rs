//! The floor: a process that opens sessions and passes UPDATEs on as they are.
//!
//! It decodes no attribute, keeps no table and compares nothing: what has come in a turn goes to everybody in one piece.
//! Of a reflector's clients each gets what all send; between eBGP neighbours the first sender's UPDATEs go to all, as a
//! best path would. What that takes is what the machine's sockets and the generator cost.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use bgp_proto::{Asn, Family, RouterId};
use bytes::Bytes;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};

use crate::link::{Link, Turn};
use crate::plan::{ASN, NODE};
use crate::wire::{self, kind};

const LISTENER: Token = Token(usize::MAX);

/// Repeats on `listen` until it is killed. With `first_only`, only what this address sends.
///
/// # Errors
/// When it cannot listen, or the system refuses it events.
pub fn repeat(listen: SocketAddr, first_only: Option<Ipv4Addr>) -> Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&listen.into()).with_context(|| format!("cannot bind {listen}"))?;
    socket.listen(4096)?;
    let mut listener = TcpListener::from_std(socket.into());
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut repeater = Repeater { links: Vec::new(), scratch: vec![0; 1 << 18], first_only, unread: Vec::new() };
    let mut events = Events::with_capacity(1024);
    loop {
        poll.poll(&mut events, (!repeater.unread.is_empty()).then_some(std::time::Duration::ZERO))?;
        for event in events.iter() {
            if event.token() == LISTENER {
                while let Ok((mut stream, from)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let token = Token(repeater.links.len());
                    poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
                    let mut link = Link::new(stream);
                    link.push(wire::open_of(Asn(ASN), RouterId(NODE.into()), Family::IPV4_UNICAST));
                    repeater.links.push(Some((link, from)));
                }
            } else if event.is_readable() {
                repeater.unread.push(event.token().0);
            }
        }
        repeater.turn();
    }
}

struct Repeater {
    links: Vec<Option<(Link, SocketAddr)>>,
    scratch: Vec<u8>,
    first_only: Option<Ipv4Addr>,
    unread: Vec<usize>,
}

impl Repeater {
    fn turn(&mut self) {
        let mut updates = Vec::new();
        for number in std::mem::take(&mut self.unread) {
            let Some((mut link, from)) = self.links[number].take() else { continue };
            let heard = self.first_only.is_none_or(|first| from.ip() == first);
            let mut answers = Vec::new();
            let turn = link.read(&mut self.scratch, |message| match message[18] {
                kind::OPEN => answers.push(wire::keepalive()),
                kind::UPDATE if heard => updates.extend_from_slice(message),
                _ => {}
            });
            answers.into_iter().for_each(|answer| link.push(answer));
            match turn {
                Turn::Ended(_) => continue,
                Turn::More => self.unread.push(number),
                Turn::Drained => {}
            }
            self.links[number] = Some((link, from));
        }
        let updates = Bytes::from(updates);
        self.links.iter_mut().flatten().for_each(|(link, _)| link.push(updates.clone()));
        for slot in &mut self.links {
            if slot.as_mut().is_some_and(|(link, _)| link.flush().is_err()) {
                *slot = None;
            }
        }
    }
}
