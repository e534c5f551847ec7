//! A peer in octets: one TCP connection to roost, from either side.

use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use roost_tests::until;
use socket2::{Domain, Socket, Type};

use super::roost::Neighbor;
use super::wire::{self, KEEPALIVE, NOTIFICATION, OPEN, ROUTE_REFRESH, UPDATE};
use super::{Open, PATIENCE, Roost, Told, Update, keepalive, refresh};

/// What came next.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A message: its type and its body.
    Message(u8, Vec<u8>),
    /// The connection is closed.
    Closed,
    /// Nothing, for as long as was waited.
    Silence,
}

/// One connection.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    received: Vec<u8>,
    /// What was read while something else was awaited.
    pending: VecDeque<Event>,
    /// Which of roost's peers it is.
    pub number: usize,
    neighbor: Neighbor,
    /// Prefixes of the session carry path ids: from us, from roost.
    add_path: (bool, bool),
    /// AS numbers have four octets.
    four_octet: bool,
    markers: u16,
    /// The OPEN roost sent, as its body.
    pub open: Vec<u8>,
}

impl Peer {
    /// Connects from `source`, whatever comes next.
    #[track_caller]
    pub fn connect(source: Ipv4Addr, to: SocketAddr, number: usize, neighbor: Neighbor) -> Self {
        let stream = until("a connection to roost", PATIENCE, || dial(source, to).map_err(|error| error.to_string()));
        Self::on(stream, number, neighbor)
    }

    #[track_caller]
    pub fn accept(listener: &TcpListener, number: usize, neighbor: Neighbor) -> Self {
        listener.set_nonblocking(true).expect("a listener can be asked without waiting");
        let (stream, _) = until("roost connects", PATIENCE, || listener.accept().map_err(|error| error.to_string()));
        stream.set_nonblocking(false).expect("and a connection with");
        Self::on(stream, number, neighbor)
    }

    /// The connection itself, for a writer of its own.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// On a connection that was made otherwise.
    pub fn on(stream: TcpStream, number: usize, neighbor: Neighbor) -> Self {
        stream.set_nodelay(true).expect("a TCP socket has TCP_NODELAY");
        let (add_path, four_octet) = ((false, false), true);
        Self {
            stream,
            received: Vec::new(),
            pending: VecDeque::new(),
            number,
            neighbor,
            add_path,
            four_octet,
            markers: 0,
            open: Vec::new(),
        }
    }

    /// Writes octets; roost may have closed already, which the next `expect` tells.
    pub fn send(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.stream.write_all(octets.as_ref());
        self
    }

    /// Writes an OPEN.
    pub fn say(&mut self, open: &Open) -> &mut Self {
        self.send(open.encode())
    }

    /// Writes an UPDATE.
    pub fn update(&mut self, update: &Update) -> &mut Self {
        self.send(update.encode())
    }

    /// Writes UPDATEs, one after the other.
    pub fn updates(&mut self, updates: &[Update]) -> &mut Self {
        updates.iter().for_each(|update| {
            self.update(update);
        });
        self
    }

    /// OPEN and KEEPALIVE, both ways.
    #[track_caller]
    pub fn establish(&mut self, open: &Open) -> &mut Self {
        self.say(open).expect_open();
        self.expect_keepalive();
        self.note_negotiated(open);
        self.send(keepalive())
    }

    /// What follows from both OPENs for the form of UPDATEs.
    pub fn note_negotiated(&mut self, open: &Open) {
        self.four_octet = open.has(65);
        let ours = capabilities(&self.open);
        let direction = |list: &[(u8, Vec<u8>)], bit: u8| {
            list.iter().any(|(code, value)| *code == 69 && value.chunks(4).any(|family| family[3] & bit != 0))
        };
        self.add_path = (
            direction(&open.capabilities, 2) && direction(&ours, 1),
            direction(&ours, 2) && direction(&open.capabilities, 1),
        );
    }

    /// The next message, or the end, within `limit`.
    pub fn next(&mut self, limit: Duration) -> Event {
        self.pending.pop_front().unwrap_or_else(|| self.read(limit))
    }

    fn read(&mut self, limit: Duration) -> Event {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(length) = self.whole() {
                let rest = self.received.split_off(length);
                let message = std::mem::replace(&mut self.received, rest);
                assert_eq!(message[..16], [0xff; 16], "roost's marker");
                return Event::Message(message[18], message[19..].to_vec());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Event::Silence;
            }
            self.stream.set_read_timeout(Some(left)).expect("a TCP socket has timeouts");
            let mut buffer = [0; 65_536];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Event::Closed,
                Ok(count) => self.received.extend(&buffer[..count]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                }
                Err(_) => return Event::Closed,
            }
        }
    }

    /// The length of the message at the front, once it is whole.
    fn whole(&self) -> Option<usize> {
        let length = usize::from(u16::from_be_bytes([*self.received.get(16)?, *self.received.get(17)?]));
        (length >= 19 && self.received.len() >= length).then_some(length)
    }

    /// The next message of this type; others before it only when they are of `pass`.
    #[track_caller]
    fn await_kind(&mut self, kind: u8, pass: &[u8]) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next(deadline.saturating_duration_since(Instant::now())) {
                Event::Message(got, body) if got == kind => return body,
                Event::Message(got, _) if pass.contains(&got) => {}
                other => panic!("expected a message of type {kind}, got {other:02x?}"),
            }
        }
    }

    #[track_caller]
    pub fn expect_open(&mut self) -> &mut Self {
        self.open = self.await_kind(OPEN, &[]);
        self
    }

    #[track_caller]
    pub fn expect_keepalive(&mut self) -> &mut Self {
        self.await_kind(KEEPALIVE, &[]);
        self
    }

    /// Exactly this NOTIFICATION, the end of the connection behind it, and nothing between.
    #[track_caller]
    pub fn expect_notification(&mut self, code: u8, subcode: u8, data: &[u8]) {
        let body = self.await_kind(NOTIFICATION, &[OPEN, UPDATE, KEEPALIVE, ROUTE_REFRESH]);
        let got = (body[0], body[1], &body[2..]);
        assert_eq!(got, (code, subcode, data), "NOTIFICATION: code, subcode, data");
        self.expect_end();
    }

    /// The end of the connection, without a word.
    #[track_caller]
    pub fn expect_end(&mut self) {
        match self.next(PATIENCE) {
            Event::Closed => {}
            other => panic!("expected the end of the connection, got {other:02x?}"),
        }
    }

    /// The end of the connection, whatever is said before except a NOTIFICATION.
    #[track_caller]
    pub fn expect_end_without_notification(&mut self) {
        loop {
            match self.next(PATIENCE) {
                Event::Closed => return,
                Event::Message(kind, _) if kind != NOTIFICATION => {}
                other => panic!("expected the end without a NOTIFICATION, got {other:02x?}"),
            }
        }
    }

    /// A route of this peer: what it must have, and nothing else.
    pub fn route(&self, prefixes: &[&str]) -> Update {
        let host = 10 + self.number as u8;
        let update = Update::new().origin(0);
        let update = match (self.neighbor.is_external(), self.four_octet) {
            (true, true) => update.path(&[self.neighbor.asn]),
            (true, false) => update.path2(&[u16::try_from(self.neighbor.asn).unwrap_or(23456)]),
            (false, _) if self.neighbor.is_member() => update.confederation(&[self.neighbor.asn]),
            (false, _) => update.set(wire::WELL_KNOWN, wire::code::AS_PATH, &[]),
        };
        let update = update.next_hop([192, 0, 2, host]);
        let update = if self.neighbor.is_external() { update } else { update.local_pref(100) };
        match self.add_path.0 {
            true => update.announce_ids(&prefixes.iter().map(|&prefix| (1, prefix)).collect::<Vec<_>>()),
            false => update.announce(prefixes),
        }
    }

    /// The same for IPv6.
    pub fn route6(&self, prefixes: &[&str]) -> Update {
        let host = 10 + self.number as u8;
        let mut next_hop = wire::v6("2001:db8::");
        next_hop[15] = host;
        self.route(&[]).without(wire::code::NEXT_HOP).reach6(&next_hop, prefixes)
    }

    /// Waits until all that was sent so far has reached the table: announces one more prefix, and waits for that. The
    /// session stands, or this fails.
    #[track_caller]
    pub fn settle(&mut self, roost: &Roost) -> &mut Self {
        self.markers += 1;
        let marker = format!("198.18.{}.{}/32", self.number, self.markers);
        let update = self.route(&[&marker]);
        self.update(&update);
        let page = format!("/v1/routes?prefix={}", marker.replace('/', "%2F"));
        until("the marker is in the table", PATIENCE, || {
            let rows = roost.page(&page);
            // A session before this one may have left the same, which is stale now.
            let found = rows.as_array().is_some_and(|rows| rows.iter().any(|row| row["stale"] == false));
            if found { Ok(()) } else { Err(self.obituary(roost)) }
        });
        self
    }

    /// What to say when the session is gone. What roost said meanwhile is kept for later.
    #[track_caller]
    fn obituary(&mut self, roost: &Roost) -> String {
        loop {
            match self.read(Duration::from_millis(1)) {
                Event::Message(NOTIFICATION, body) => {
                    panic!("roost ended the session with {body:02x?}\n{}", roost.log())
                }
                Event::Silence => return format!("not there; peer: {}", roost.about(self.number)),
                Event::Closed => return format!("closed; peer: {}\n{}", roost.about(self.number), roost.log()),
                message @ Event::Message(..) => self.pending.push_back(message),
            }
        }
    }

    /// The next UPDATE.
    #[track_caller]
    pub fn expect_update(&mut self) -> Told {
        let body = self.await_kind(UPDATE, &[KEEPALIVE]);
        Told::read(&body, self.add_path.1)
    }

    /// The first UPDATE from now on that announces the prefix.
    #[track_caller]
    pub fn await_route(&mut self, prefix: &str) -> Told {
        loop {
            let told = self.expect_update();
            if told.announces(prefix) {
                return told;
            }
        }
    }

    /// The first UPDATE from now on that withdraws the prefix.
    #[track_caller]
    pub fn await_withdrawal(&mut self, prefix: &str) -> Told {
        loop {
            let told = self.expect_update();
            if told.withdraws(prefix) {
                return told;
            }
        }
    }

    /// Reads until the End-of-RIB of a family.
    #[track_caller]
    pub fn await_end_of_rib(&mut self, afi: u16) -> Vec<Told> {
        let mut all = Vec::new();
        loop {
            let told = self.expect_update();
            if told.is_end_of_rib(afi) {
                return all;
            }
            all.push(told);
        }
    }

    /// All roost announces to this peer now, without what [`Self::settle`] announced. Prefix and path id lead to the UPDATE.
    #[track_caller]
    pub fn adj_out(&mut self, afi: u16) -> BTreeMap<(String, u32), Told> {
        let mut all = self.adj_out_with_markers(afi);
        all.retain(|(prefix, _), _| !super::roost::is_marker(prefix));
        all
    }

    /// All roost announces to this peer now: asks for it (RFC 7313) and collects what is between the marks.
    #[track_caller]
    pub fn adj_out_with_markers(&mut self, afi: u16) -> BTreeMap<(String, u32), Told> {
        let [high, low] = afi.to_be_bytes();
        self.send(refresh(afi, 0, 1));
        let mark = |kind: u8| vec![high, low, kind, 1];
        let begin = self.await_kind(ROUTE_REFRESH, &[UPDATE, KEEPALIVE]);
        assert_eq!(begin, mark(1), "the beginning of a refresh");
        let mut all = BTreeMap::new();
        loop {
            match self.next(PATIENCE) {
                Event::Message(UPDATE, body) => {
                    let told = Told::read(&body, self.add_path.1);
                    for (id, prefix) in told.withdrawn.clone() {
                        all.remove(&(prefix, id));
                    }
                    for (id, prefix) in told.announced.clone() {
                        all.insert((prefix, id), told.clone());
                    }
                }
                Event::Message(KEEPALIVE, _) => {}
                Event::Message(ROUTE_REFRESH, body) => {
                    assert_eq!(body, mark(2), "the end of a refresh");
                    return all;
                }
                other => panic!("expected UPDATEs and the end of the refresh, got {other:02x?}"),
            }
        }
    }

    /// The prefixes of [`Self::adj_out`].
    #[track_caller]
    pub fn adj_out_prefixes(&mut self) -> Vec<String> {
        self.adj_out(1).into_keys().map(|(prefix, _)| prefix).collect()
    }

    /// The UPDATE that announces a prefix to this peer now.
    #[track_caller]
    pub fn told(&mut self, prefix: &str) -> Told {
        let all = self.adj_out(1);
        let found = all.iter().find(|((other, _), _)| other == prefix);
        found.map(|(_, told)| told.clone()).unwrap_or_else(|| panic!("{prefix} is not announced: {:?}", all.keys()))
    }

    /// Nothing comes in the time, keepalives aside.
    #[track_caller]
    pub fn expect_silence(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        loop {
            match self.next(deadline.saturating_duration_since(Instant::now())) {
                Event::Silence => return,
                Event::Message(KEEPALIVE, _) => {}
                other => panic!("expected nothing, got {other:02x?}"),
            }
        }
    }

    /// Reads for a time: routes and keepalives may come, an end may not.
    #[track_caller]
    pub fn expect_quiet(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        loop {
            match self.next(deadline.saturating_duration_since(Instant::now())) {
                Event::Silence => return,
                Event::Message(KEEPALIVE | UPDATE, _) => {}
                other => panic!("expected the session to stand, got {other:02x?}"),
            }
        }
    }

    /// Closes our half.
    pub fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Closes our half, and waits for the other.
    #[track_caller]
    pub fn finish_and_wait(mut self) {
        self.finish();
        self.expect_end_without_notification();
    }

    /// Ends the connection with a reset.
    pub fn reset(self) {
        let socket = Socket::from(self.stream);
        let _ = socket.set_linger(Some(Duration::ZERO));
    }
}

/// One attempt to connect from an address.
pub fn dial(source: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::V4(SocketAddrV4::new(source, 0)).into())?;
    socket.connect_timeout(&to.into(), PATIENCE)?;
    Ok(socket.into())
}

/// The capabilities in the body of an OPEN in the plain form.
pub fn capabilities(body: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut out = Vec::new();
    let mut parameters = body.get(10..).unwrap_or_default();
    while let [kind, length, rest @ ..] = parameters {
        let (mut value, rest) = rest.split_at(usize::from(*length));
        while let ([code, length, tail @ ..], 2) = (value, *kind) {
            let (octets, tail) = tail.split_at(usize::from(*length));
            out.push((*code, octets.to_vec()));
            value = tail;
        }
        parameters = rest;
    }
    out
}
