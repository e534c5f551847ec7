//! One TCP connection that carries BGP: messages in, bytes out, nothing blocks.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};

use bytes::Bytes;
use mio::net::TcpStream;

use crate::wire;

/// Slices of one write.
const SLICES: usize = 64;
/// Reads of one turn: one connection with much to say does not keep the others waiting.
const READS: usize = 8;

/// A connection.
#[derive(Debug)]
pub struct Link {
    /// The socket.
    pub stream: TcpStream,
    part: Vec<u8>,
    out: VecDeque<Bytes>,
}

/// How a turn of reading ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing more is there; readiness will tell.
    Drained,
    /// More may be there: the turn was over.
    More,
    /// The connection has ended, and this is why.
    Ended(String),
}

impl Link {
    /// A connection over this socket.
    pub fn new(stream: TcpStream) -> Link {
        Link { stream, part: Vec::new(), out: VecDeque::new() }
    }

    /// Puts bytes into the queue; [`Link::flush`] writes them.
    pub fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.out.push_back(bytes);
        }
    }

    /// Whether everything has been written.
    pub fn is_flushed(&self) -> bool {
        self.out.is_empty()
    }

    /// Writes what the socket takes.
    ///
    /// # Errors
    /// The socket's, except that it is full.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            let slices: Vec<IoSlice<'_>> = self.out.iter().take(SLICES).map(|bytes| IoSlice::new(bytes)).collect();
            match self.stream.write_vectored(&slices) {
                Ok(written) => self.drop_front(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn drop_front(&mut self, mut written: usize) {
        while let Some(front) = self.out.front_mut() {
            if written < front.len() {
                let _ = front.split_to(written);
                return;
            }
            written -= front.len();
            self.out.pop_front();
        }
    }

    /// Reads for a turn and hands every complete message to `each`. `scratch` is shared by all connections and much
    /// longer than a message.
    pub fn read(&mut self, scratch: &mut [u8], mut each: impl FnMut(&[u8])) -> Turn {
        for _ in 0..READS {
            let kept = self.part.len();
            scratch[..kept].copy_from_slice(&self.part);
            let read = match self.stream.read(&mut scratch[kept..]) {
                Ok(0) => return Turn::Ended("closed".to_owned()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Turn::Drained,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Turn::Ended(error.to_string()),
            };
            let mut bytes = &scratch[..kept + read];
            loop {
                match wire::first_message(bytes) {
                    Ok(Some(message)) => {
                        each(message);
                        bytes = &bytes[message.len()..];
                    }
                    Ok(None) => break,
                    Err(length) => return Turn::Ended(format!("a message of {length} octets")),
                }
            }
            self.part.clear();
            self.part.extend_from_slice(bytes);
        }
        Turn::More
    }
}
