//! The BGP sessions of a capture: two flows each, what their OPENs said, and how much all of them may hold.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::context::{Session, Side};
use super::flow::{Flow, Piece};
use super::link::Segment;
use super::output::{End, Output, Place, Time};
use super::{DecodeArgs, DecodeError};

/// Connections followed at once; beyond, the half that was silent longest is ended.
const CONNECTIONS: usize = 16_384;
/// Octets all connections together may hold.
const HELD: usize = 64 << 20;

/// Both ends of a connection, the smaller one first.
type Key = (SocketAddr, SocketAddr);

/// All connections of a capture.
pub(super) struct Sessions<'a> {
    args: &'a DecodeArgs,
    open: HashMap<Key, Connection>,
    /// Counts segments: the clock of who was silent longest.
    turn: u64,
    held: usize,
}

struct Connection {
    flows: [Flow; 2],
    session: Session,
    finished: [bool; 2],
    last: u64,
}

impl<'a> Sessions<'a> {
    pub fn new(args: &'a DecodeArgs) -> Self {
        Self { args, open: HashMap::new(), turn: 0, held: 0 }
    }

    /// Takes one segment, and writes the messages it completes.
    pub fn take(
        &mut self,
        time: Option<Time>,
        segment: &Segment<'_>,
        output: &mut Output<'_>,
    ) -> Result<(), DecodeError> {
        if segment.from.port() != self.args.port && segment.to.port() != self.args.port {
            return Ok(());
        }
        let (key, end) = match segment.from <= segment.to {
            true => ((segment.from, segment.to), 0),
            false => ((segment.to, segment.from), 1),
        };
        let known = self.open.contains_key(&key);
        if !known && segment.payload.is_empty() && !segment.syn {
            return Ok(()); // the last words of a connection, or one that says nothing
        }
        self.turn += 1;
        if !known && self.open.len() >= CONNECTIONS {
            self.end_silent(output)?;
        }
        let args = self.args;
        let connection = self.open.entry(key).or_insert_with(|| Connection {
            flows: [Flow::new(), Flow::new()],
            session: Session::new(args),
            finished: [false; 2],
            last: 0,
        });
        connection.last = self.turn;
        let before = connection.size();
        let place = Place {
            time,
            from: Some(End::Socket(segment.from)),
            to: Some(End::Socket(segment.to)),
            ..Place::default()
        };
        let mut data = segment.sequence;
        if segment.syn {
            connection.begin(end, segment.sequence, args);
            data = data.wrapping_add(1); // the SYN takes a number; data with it is rare, but may be (RFC 7413)
        }
        let pieces = connection.flows[end].take(time, data, segment.payload);
        connection.read(end, &place, pieces, output)?;
        self.held = self.held - before + connection.size();
        if self.held > HELD {
            // Whoever holds on to octets behind a gap now gets by without them.
            let before = connection.size();
            let pieces = connection.flows[end].give_up();
            connection.read(end, &place, pieces, output)?;
            self.held = self.held - before + connection.size();
        }
        connection.finished[end] |= segment.fin;
        if segment.rst || connection.finished == [true; 2] {
            self.end(key, output)?;
        }
        Ok(())
    }

    /// The capture is over: what is behind gaps is read, and what was begun is reported.
    pub fn finish(mut self, output: &mut Output<'_>) -> Result<(), DecodeError> {
        let mut keys: Vec<_> = self.open.iter().map(|(key, connection)| (connection.last, *key)).collect();
        keys.sort_unstable();
        keys.into_iter().try_for_each(|(_, key)| self.end(key, output))
    }

    fn end_silent(&mut self, output: &mut Output<'_>) -> Result<(), DecodeError> {
        let mut keys: Vec<_> = self.open.iter().map(|(key, connection)| (connection.last, *key)).collect();
        keys.sort_unstable();
        keys.truncate(keys.len() / 2);
        keys.into_iter().try_for_each(|(_, key)| self.end(key, output))
    }

    fn end(&mut self, key: Key, output: &mut Output<'_>) -> Result<(), DecodeError> {
        let Some(mut connection) = self.open.remove(&key) else { return Ok(()) };
        self.held -= connection.size();
        for (end, (from, to)) in [(key.0, key.1), (key.1, key.0)].into_iter().enumerate() {
            let place = Place { from: Some(End::Socket(from)), to: Some(End::Socket(to)), ..Place::default() };
            let pieces = connection.flows[end].give_up();
            connection.read(end, &place, pieces, output)?;
            match connection.flows[end].stream.gap() {
                0 => {}
                begun => output.missing(&place, begun, "the capture of this connection ends within a message")?,
            }
        }
        Ok(())
    }
}

impl Connection {
    fn size(&self) -> usize {
        self.flows.iter().map(Flow::size).sum()
    }

    /// A SYN: the ports may have been used by another session before.
    fn begin(&mut self, end: usize, sequence: u32, args: &DecodeArgs) {
        if self.flows[end].begin(sequence) {
            self.session = Session::new(args);
            self.finished = [false; 2];
        }
    }

    /// Reads the messages in what a flow hands over.
    fn read(
        &mut self,
        end: usize,
        place: &Place,
        pieces: Vec<Piece>,
        output: &mut Output<'_>,
    ) -> Result<(), DecodeError> {
        let Self { flows, session, .. } = self;
        let stream = &mut flows[end].stream;
        for piece in pieces {
            match piece {
                Piece::Gap(octets) => {
                    stream.gap();
                    let place = Place { time: None, ..place.clone() };
                    let octets = usize::try_from(octets).unwrap_or(usize::MAX);
                    output.not_captured(&place, octets)?;
                }
                Piece::Octets(time, octets) => {
                    let place = Place { time, ..place.clone() };
                    stream.push(&octets);
                    while let Some(frame) = stream.next() {
                        output.frame(&place, frame, session, Side::End(end))?;
                    }
                }
            }
        }
        Ok(())
    }
}
