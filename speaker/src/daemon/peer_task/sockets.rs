//! The task's sockets: dialling, taking over what was accepted, reading, writing, closing.

use std::io;
use std::time::Instant;

use bgp_proto::fsm::{CLOSE_GRACE, ConnId, ConnectError, IoInput};
use tokio::net::TcpStream;
use tracing::{debug, warn};

use super::super::conn::Conn;
use super::super::stamps::earlier;
use super::super::unopened::{Incoming, Refusal, Ticket};
use super::{OUTBOX, PeerTask};
use crate::net::tcp;

impl PeerTask {
    pub(super) fn conn(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.conns.iter_mut().flatten().find(|conn| conn.id == id)
    }

    pub(super) fn connect(&mut self, id: ConnId) {
        let (source, remote, options) = (self.spec.source, self.spec.remote, self.spec.socket.clone());
        debug!(peer = %self.spec.name, "connecting");
        self.connecting = Some((id, Box::pin(async move { tcp::connect(source, remote, &options).await })));
    }

    pub(super) fn connected(&mut self, result: io::Result<TcpStream>) {
        let Some((conn, _)) = self.connecting.take() else { return };
        let input = match result.and_then(|stream| Ok((stream.local_addr()?, stream.peer_addr()?, stream))) {
            Ok((local, remote, stream)) => match self.install(conn, stream, None) {
                true => IoInput::Connected { conn, local, remote },
                false => return,
            },
            Err(error) => IoInput::ConnectFailed { conn, reason: connect_error(&error) },
        };
        self.machine.handle_io(Instant::now(), input);
    }

    pub(super) fn accepted(&mut self, Incoming { stream, ticket }: Incoming) {
        if let Err(error) = tcp::adopt(&stream, &self.spec.socket) {
            warn!(event = "fault", peer = %self.spec.name, %error, "cannot prepare an accepted connection");
            return;
        }
        // It has the key the listener had, or, from before the listener knew the peers, none.
        self.sign(&stream);
        let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else { return };
        self.accepted += 1;
        let conn = ConnId::accepted(self.accepted);
        if self.conns.iter().all(Option::is_some) {
            ticket.refuse(Refusal::PerPeer);
            debug!(peer = %self.spec.name, "refused a third connection");
            return;
        }
        let (now, timeout) = (Instant::now(), ticket.open_timeout());
        self.install(conn, stream, Some(ticket));
        self.machine.handle_io(now, IoInput::Accepted { conn, local, remote });
        self.machine.limit_open(now, conn, timeout);
    }

    /// RFC 2385 §1: the connections live on under the new key. One that is still being made begins anew: what it has sent
    /// is signed with the old key, and it would wait for an answer that never comes.
    pub(super) fn key_changed(&mut self) {
        let key = self.spec.key.secret();
        if self.spec.socket.md5_key == key {
            return;
        }
        self.spec.socket.md5_key = key;
        for conn in self.conns.iter().flatten() {
            self.sign(conn.socket());
        }
        if let Some((id, _)) = self.connecting.take() {
            self.connect(id);
        }
    }

    /// Gives a connection the key of now.
    fn sign(&self, stream: &TcpStream) {
        if let Some(key) = &self.spec.socket.md5_key
            && let Err(error) = tcp::set_key(stream, key)
        {
            warn!(
                event = "password", peer = %self.spec.name, %error,
                "cannot give a connection its new TCP MD5 key; the next one will have it"
            );
        }
    }

    fn install(&mut self, id: ConnId, stream: TcpStream, ticket: Option<Ticket>) -> bool {
        let slot = self.conns.iter_mut().find(|slot| slot.is_none());
        slot.map(|slot| *slot = Some(Conn::new(id, stream, ticket))).is_some()
    }

    /// Connections whose OPEN was accepted count no more among those that wait for one.
    pub(super) fn note_opened(&mut self) {
        for conn in self.conns.iter_mut().flatten() {
            if !conn.is_opened() && self.machine.is_confirmed(conn.id) {
                conn.opened();
            }
        }
    }

    /// A connection ends because its OPEN did not come. One that we made is no stranger's, and has no place to give back.
    pub(super) fn no_open(&mut self) {
        let closing = self.conns.iter_mut().flatten().filter(|conn| conn.is_closing());
        closing.filter_map(Conn::take_ticket).for_each(|ticket| ticket.refuse(Refusal::OpenTimeout));
    }

    pub(super) fn close(&mut self, id: ConnId) {
        if let Some(conn) = self.conn(id) {
            conn.close(Instant::now() + CLOSE_GRACE);
        }
    }

    pub(super) fn abort(&mut self, id: ConnId) {
        self.connecting.take_if(|(connecting, _)| *connecting == id);
        for slot in &mut self.conns {
            slot.take_if(|conn| conn.id == id);
        }
    }

    /// Writes what waits; says whether anything changed that the machine may want to react to.
    pub(super) fn write(&mut self) -> bool {
        let established = self.machine.established_conn();
        let mut changed = false;
        for slot in 0..self.conns.len() {
            let Some(conn) = &mut self.conns[slot] else { continue };
            let id = conn.id;
            let result = loop {
                if established == Some(id)
                    && let Some(queue) = &self.queue
                    && let Some((routes, room)) = conn.routes_room()
                {
                    let taken = queue.take(routes, room);
                    self.machine.count_updates_sent(taken.messages);
                    self.unwritten = earlier(self.unwritten, taken.since);
                }
                match conn.write() {
                    Ok(written) if written.bytes > 0 => {
                        let now = Instant::now();
                        self.machine.sent(now, id, written.bytes);
                        if written.blocked {
                            break Ok(true);
                        }
                        if let Some(since) = self.unwritten.take() {
                            self.wanted.tally.wrote(now.saturating_duration_since(since));
                        }
                    }
                    Ok(written) => break Ok(written.blocked),
                    Err(error) => break Err(error),
                }
            };
            match result {
                Ok(_) if conn.is_done(Instant::now()) => self.conns[slot].take().into_iter().for_each(Conn::end),
                Ok(true) => self.machine.blocked(Instant::now(), id),
                Ok(false) => {}
                Err(error) => {
                    changed = true;
                    self.lost(slot, Some(error));
                }
            }
        }
        changed
    }

    pub(super) fn read(&mut self, slot: usize) {
        if self.outbox.len() < OUTBOX
            && let Some(conn) = &mut self.conns[slot]
        {
            conn.read();
        }
    }

    /// Feeds received bytes to the machine while the owner keeps up; says whether there was anything.
    pub(super) fn handle_received(&mut self) -> bool {
        let mut any = false;
        for slot in 0..self.conns.len() {
            let Some(conn) = &mut self.conns[slot] else { continue };
            if conn.is_closing() {
                conn.received.clear();
            }
            let before = conn.received.len();
            if before > 0 && self.outbox.len() < OUTBOX {
                self.machine.handle_bytes(Instant::now(), conn.id, &mut conn.received);
            }
            let progress = conn.received.len() != before;
            any |= progress;
            // The end counts after what came before it, a NOTIFICATION above all.
            if !progress
                && self.outbox.len() < OUTBOX
                && let Some(error) = conn.take_end()
            {
                any = true;
                self.lost(slot, error);
                continue;
            }
            conn.rest();
        }
        any
    }

    pub(super) fn lost(&mut self, slot: usize, error: Option<io::Error>) {
        let Some(conn) = self.conns[slot].take() else { return };
        let error = error.map(|error| error.to_string());
        self.machine.handle_io(Instant::now(), IoInput::Closed { conn: conn.id, error });
    }
}

fn connect_error(error: &io::Error) -> ConnectError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectError::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => ConnectError::Unreachable,
        io::ErrorKind::TimedOut => ConnectError::TimedOut,
        _ => ConnectError::Other(error.to_string()),
    }
}
