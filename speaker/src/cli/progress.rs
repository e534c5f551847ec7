//! A sign of life on anything that takes longer than a second: a line on standard error, where that is a terminal.
//!
//! It is gone before the first word of the answer is written to the same terminal, and when the command ends. An answer
//! that goes into a file or a pipe grows beside it.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long nothing is said.
const SILENCE: Duration = Duration::from_secs(1);
/// Then it is said anew so often.
const PAUSE: Duration = Duration::from_millis(200);

/// Octets of the answer so far.
pub(super) type Meter = Arc<AtomicU64>;

/// Says what is going on for as long as it lives.
struct Progress {
    end: Option<Sender<()>>,
    teller: Option<JoinHandle<()>>,
}

impl Progress {
    fn begin(what: &'static str, octets: Meter) -> Self {
        let (end, ended) = channel();
        let teller = std::thread::spawn(move || tell(what, &octets, &ended));
        Self { end: Some(end), teller: Some(teller) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end = None;
        if let Some(teller) = self.teller.take() {
            let _ = teller.join(); // it prints, and that is all it could fail at
        }
    }
}

fn tell(what: &str, octets: &AtomicU64, ended: &Receiver<()>) {
    let begin = Instant::now();
    let mut wait = SILENCE;
    let mut told = false;
    while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        let line = match octets.load(Ordering::Relaxed) {
            0 => format!("{what}, {} s", begin.elapsed().as_secs()),
            octets => format!("{what}, {} s, {:.1} MiB", begin.elapsed().as_secs(), octets as f64 / f64::from(1 << 20)),
        };
        let _ = write!(io::stderr(), "\r\u{1b}[Kroost: {line}"); // a terminal that is gone needs no line
        (wait, told) = (PAUSE, true);
    }
    if told {
        let _ = write!(io::stderr(), "\r\u{1b}[K");
    }
}

/// An output that ends the progress with its first octet, where both would stand on one terminal.
pub(super) struct Output<W> {
    out: W,
    progress: Option<Progress>,
    shared: bool,
}

impl<W: Write> Output<W> {
    /// `out` of a command that is doing `what`, and says so where somebody can see it. `None`: it says nothing.
    pub fn new(out: W, what: Option<&'static str>, octets: Meter) -> Self {
        let what = what.filter(|_| io::stderr().is_terminal());
        let progress = what.map(|what| Progress::begin(what, octets));
        Self { out, progress, shared: io::stdout().is_terminal() }
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if self.shared {
            self.progress = None;
        }
        self.out.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
