//! One TCP connection of a peer: bytes in, chunks out, never blocking.
//!
//! Control messages (OPEN, KEEPALIVE, NOTIFICATION) overtake routes between chunks, so a keepalive waits for at most
//! one chunk of up to 64 KiB and never behind a full table. Reads go into one buffer of bounded size, a small one until
//! the peer has shown with its OPEN that it is one; writes are vectored, many messages a call.
//!
//! Where a reflector's processor time goes (`perf record` of `tests/bench`, release build): the kernel's part of these
//! writes takes 36 % in R1 and 42 % in R5, waking tasks 12 % and 26 %, encoding 2 %. So what saves time here is a write
//! less, not a faster encoder: see [`pace`](super::pace).

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::Instant;

use bgp_proto::fsm::ConnId;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::last_words;
use super::unopened::Ticket;

/// What one read may add: the size of the largest message and then some, so that a table arrives in few calls.
const READ_SIZE: usize = 128 * 1024;
/// Octets held of a connection whose OPEN was not accepted: the longest message there is before it (RFC 8654 §4).
pub const UNOPENED_ROOM: usize = 4 * 1024;
/// A read buffer that is at rest keeps no more than this.
const REST_SIZE: usize = 4 * 1024;
/// Chunks handed to one `writev`.
const SLICES: usize = 32;
/// Bytes of routes a connection holds; more stays in the queue the owner fills.
const ROUTES_ROOM: usize = 128 * 1024;

/// A connection and what is on its way through it.
pub struct Conn {
    /// Its name within the peer.
    pub id: ConnId,
    /// Bytes received and not yet handled.
    pub received: BytesMut,
    stream: TcpStream,
    /// Its OPEN was accepted.
    opened: bool,
    /// Its place among those without an OPEN; a connection we made needs none.
    ticket: Option<Ticket>,
    control: VecDeque<Bytes>,
    routes: VecDeque<Bytes>,
    /// A chunk at the front of `routes` is written in part: control messages wait for its end.
    mid_chunk: bool,
    closing: bool,
    /// Dropped at this time even if the peer has not read the last bytes.
    close_by: Option<Instant>,
    /// The peer's end is closed or broken; what came before is still to be handled.
    ended: Option<Option<io::Error>>,
}

/// What became of a write.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Bytes the kernel took.
    pub bytes: usize,
    /// There is more, and the kernel takes no more at the moment.
    pub blocked: bool,
}

impl Conn {
    /// A connection that is up; with a place among those without an OPEN if it was accepted.
    pub fn new(id: ConnId, stream: TcpStream, ticket: Option<Ticket>) -> Self {
        Self {
            id,
            received: BytesMut::new(),
            stream,
            opened: false,
            ticket,
            control: VecDeque::new(),
            routes: VecDeque::new(),
            mid_chunk: false,
            closing: false,
            close_by: None,
            ended: None,
        }
    }

    /// The socket, to set its options.
    pub fn socket(&self) -> &TcpStream {
        &self.stream
    }

    /// Whether its OPEN was accepted.
    pub fn is_opened(&self) -> bool {
        self.opened
    }

    /// Its OPEN was accepted: from now on it may send as much as a peer may.
    pub fn opened(&mut self) {
        self.opened = true;
        self.ticket.take().into_iter().for_each(Ticket::opened);
    }

    /// Its place among those without an OPEN.
    pub fn take_ticket(&mut self) -> Option<Ticket> {
        self.ticket.take()
    }

    /// Queues a control message.
    pub fn send_control(&mut self, message: Bytes) {
        if !self.closing {
            self.control.push_back(message);
        }
    }

    /// Where chunks of routes go, and how many bytes of them are welcome.
    pub fn routes_room(&mut self) -> Option<(&mut VecDeque<Bytes>, usize)> {
        let held: usize = self.routes.iter().map(Bytes::len).sum();
        // The last chunk may have gone beyond the room.
        let room = ROUTES_ROOM.checked_sub(held).filter(|room| *room > 0 && !self.closing)?;
        Some((&mut self.routes, room))
    }

    /// No routes any more; the connection ends when its control messages are written, or at `by`.
    pub fn close(&mut self, by: Instant) {
        self.closing = true;
        self.close_by = Some(by);
        // A message cut in the middle must be finished, or the NOTIFICATION behind it cannot be read.
        self.routes.truncate(usize::from(self.mid_chunk));
    }

    /// When to look again whether the connection can be dropped.
    pub fn close_by(&self) -> Option<Instant> {
        self.close_by
    }

    /// Whether all is said, or the time for it is over, and the connection can be let go of.
    pub fn is_done(&self, now: Instant) -> bool {
        self.closing && (!self.has_output() || self.close_by.is_some_and(|by| by <= now))
    }

    /// Lets go of it. Who has been told everything is given the time to read it.
    pub fn end(self) {
        if !self.has_output() {
            last_words::end(self.stream);
        }
    }

    /// Takes the end of the connection, once everything that came before it has been handled: `Some(None)` for an
    /// orderly end.
    pub fn take_end(&mut self) -> Option<Option<io::Error>> {
        self.ended.take()
    }

    /// Whether it is to end.
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// Octets of its own, and octets of routes that wait in it.
    pub fn memory(&self) -> (usize, usize) {
        let sum = |messages: &VecDeque<Bytes>| messages.iter().map(Bytes::len).sum::<usize>();
        (self.received.capacity() + sum(&self.control), sum(&self.routes))
    }

    fn has_output(&self) -> bool {
        !self.control.is_empty() || !self.routes.is_empty()
    }

    /// Completes when there is something to read (if `read`), or room for what waits to be written.
    ///
    /// # Errors
    /// When the socket is beyond use.
    pub async fn ready(&self, read: bool) -> io::Result<()> {
        let interest = match (read && self.ended.is_none(), self.has_output()) {
            (true, true) => Interest::READABLE | Interest::WRITABLE,
            (true, false) => Interest::READABLE,
            (false, true) => Interest::WRITABLE,
            (false, false) => return std::future::pending().await,
        };
        self.stream.ready(interest).await.map(drop)
    }

    /// Reads what is there: at most [`READ_SIZE`], and no more than [`UNOPENED_ROOM`] is held before the OPEN.
    pub fn read(&mut self) {
        let room = if self.opened { READ_SIZE } else { UNOPENED_ROOM.saturating_sub(self.received.len()) };
        if self.ended.is_some() || room == 0 || self.received.len() >= READ_SIZE {
            return;
        }
        self.received.reserve(room);
        match self.stream.try_read_buf(&mut (&mut self.received).limit(room)) {
            Ok(0) => self.ended = Some(None),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => self.ended = Some(Some(error)),
        }
    }

    /// Gives memory back when nothing is left to handle: thousands of idle sessions must not keep a table's buffer each.
    pub fn rest(&mut self) {
        if self.received.is_empty() && self.received.capacity() > REST_SIZE {
            self.received = BytesMut::new();
        }
    }

    /// Writes as much as the kernel takes.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn write(&mut self) -> io::Result<Written> {
        let mut written = Written::default();
        while self.has_output() {
            let n = {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let partial = usize::from(self.mid_chunk);
                let order =
                    self.routes.iter().take(partial).chain(self.control.iter()).chain(self.routes.iter().skip(partial));
                let count = order.zip(slices.iter_mut()).map(|(chunk, slice)| *slice = IoSlice::new(chunk)).count();
                match self.stream.try_write_vectored(&slices[..count]) {
                    Ok(n) => n,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        written.blocked = true;
                        break;
                    }
                    Err(error) => return Err(error),
                }
            };
            written.bytes += n;
            self.consume(n);
        }
        Ok(written)
    }

    /// Takes `n` written bytes off the queues, in the order of [`Self::write`].
    fn consume(&mut self, mut n: usize) {
        while n > 0 {
            let from_routes = self.mid_chunk || self.control.is_empty();
            let queue = if from_routes { &mut self.routes } else { &mut self.control };
            let Some(front) = queue.front_mut() else { return };
            if n < front.len() {
                front.advance(n);
                // A control message is tiny; cut in two it still goes on first, being in front of its queue.
                self.mid_chunk = from_routes;
                return;
            }
            n -= front.len();
            queue.pop_front();
            if from_routes {
                self.mid_chunk = false;
            }
        }
    }
}
