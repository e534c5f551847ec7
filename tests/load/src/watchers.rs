//! Clients that watch all routes while the daemon has its hands full: what they cost whoever decides.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::{JoinHandle, spawn};

use serde::{Deserialize, Serialize};

/// Watches until it is stopped.
#[derive(Debug)]
pub struct Watcher {
    stream: UnixStream,
    thread: JoinHandle<io::Result<Heard>>,
}

/// What a watcher has heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Lines about a prefix.
    pub routes: u64,
    /// Times it was too slow, and was told all there is.
    pub resyncs: u64,
}

impl Watcher {
    /// Begins to watch, of a daemon with this control socket; from then on it hears what changes.
    ///
    /// # Errors
    /// When it cannot connect, or is refused.
    pub fn start(socket: &Path) -> io::Result<Watcher> {
        let mut stream = UnixStream::connect(socket)?;
        // An answer of HTTP/1.0 has no marks of chunks between its lines.
        stream.write_all(b"GET /v1/watch?topics=routes&from=now HTTP/1.0\r\nHost: roost\r\n\r\n")?;
        let mut reader = BufReader::with_capacity(1 << 18, stream.try_clone()?);
        let mut status = String::new();
        reader.read_line(&mut status)?;
        if !status.contains(" 200 ") {
            return Err(io::Error::other(format!("the watch is refused: {}", status.trim_end())));
        }
        Ok(Watcher { stream, thread: spawn(move || listen(reader)) })
    }

    /// What it has heard by now.
    ///
    /// # Errors
    /// When the daemon has closed the connection.
    pub fn stop(self) -> io::Result<Heard> {
        self.stream.shutdown(std::net::Shutdown::Both)?;
        self.thread.join().map_err(|_| io::Error::other("the watcher has panicked"))?
    }
}

fn listen(mut reader: impl BufRead) -> io::Result<Heard> {
    let (mut heard, mut line) = (Heard::default(), Vec::new());
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(heard);
        }
        let says = |what: &[u8]| line.windows(what.len()).take(256).any(|part| part == what);
        if says(b"\"what\":\"route\"") {
            heard.routes += 1;
        } else if says(b"\"what\":\"resync\"") {
            heard.resyncs += 1;
        }
    }
}
