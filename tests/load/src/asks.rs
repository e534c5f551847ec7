//! Somebody who looks all the time: probes and exporters on BIRD's control socket, while the daemon has its hands full.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use crate::histogram::Histogram;

/// What is asked in turn: what readiness probes, node status and exporters ask, and a route.
const COMMANDS: [&str; 4] = ["show status", "show protocols", "show route for 10.65.2.1", "show route count"];
/// Between two turns: far more often than any probe.
const PAUSE: Duration = Duration::from_millis(5);
/// A daemon that takes longer is not asked again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until it is stopped.
#[derive(Debug)]
pub struct Asker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<Histogram>>,
}

impl Asker {
    /// Begins to ask on this socket.
    pub fn start(socket: PathBuf) -> Asker {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = spawn(move || ask(&socket, &stopped));
        Asker { stop, thread }
    }

    /// Microseconds from each command to the end of its answer.
    ///
    /// # Errors
    /// When the daemon closed the connection, or answered nothing for a minute.
    pub fn stop(self) -> io::Result<Histogram> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| io::Error::other("the asker has panicked"))?
    }
}

fn ask(socket: &Path, stop: &AtomicBool) -> io::Result<Histogram> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut stream = BufReader::new(stream);
    let mut histogram = Histogram::default();
    answer(&mut stream)?; // the greeting
    while !stop.load(Ordering::Relaxed) {
        for command in COMMANDS {
            let begin = Instant::now();
            writeln!(stream.get_mut(), "{command}")?;
            answer(&mut stream)?;
            histogram.record(u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
        sleep(PAUSE);
    }
    Ok(histogram)
}

/// Reads to the line whose code is followed by a blank.
fn answer(stream: &mut impl BufRead) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if stream.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.len() > 4 && line[4] == b' ' && line[..4].iter().all(u8::is_ascii_digit) {
            return Ok(());
        }
    }
}
