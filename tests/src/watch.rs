//! Lines of a running command, each with the moment it was read; and `ip monitor route` on top of it.
//!
//! A [`RouteWatch`] knows when it is in step with the kernel: it adds and removes a route of its own in a table
//! nobody uses and waits until both notices have come by. Netlink delivers in order, so everything that happened
//! before has then been read. That makes "no event came" a fact and not a guess about time.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::netns::{Netns, one_line};
use crate::wait::PATIENCE;

/// One line and when it was read.
#[derive(Debug, Clone)]
pub struct Line {
    /// Read at this moment.
    pub at: Instant,
    /// The line, with single spaces.
    pub text: String,
}

#[derive(Debug, Default)]
struct Shared {
    read: Mutex<Read>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Read {
    lines: Vec<Line>,
    /// There will be no more.
    ended: bool,
}

/// A running command whose standard output is collected line by line; dropping it kills the command.
#[derive(Debug)]
pub struct Lines {
    child: Child,
    shared: Arc<Shared>,
}

/// A position in the lines of a [`Lines`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(usize);

impl Lines {
    /// Starts `command` and a thread that reads it.
    #[track_caller]
    pub fn start(mut command: Command) -> Lines {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdout = child.stdout.take().expect("asked for a pipe above");
        let shared = Arc::new(Shared::default());
        let writer = Arc::clone(&shared);
        std::thread::spawn(move || {
            for text in BufReader::new(stdout).lines().map_while(Result::ok) {
                let line = Line { at: Instant::now(), text: one_line(&text) };
                writer.read.lock().expect("no reader panics with the lock").lines.push(line);
                writer.news.notify_all();
            }
            writer.read.lock().expect("no reader panics with the lock").ended = true;
            writer.news.notify_all();
        });
        Lines { child, shared }
    }

    /// Before the first line.
    pub fn begin(&self) -> Mark {
        Mark(0)
    }

    /// Now: lines read from here on are "since" this mark.
    pub fn mark(&self) -> Mark {
        Mark(self.shared.read.lock().expect("the writer never panics").lines.len())
    }

    /// The lines read since `mark`.
    pub fn since(&self, mark: Mark) -> Vec<Line> {
        self.shared.read.lock().expect("the writer never panics").lines[mark.0..].to_vec()
    }

    /// Waits for a line since `mark` that `wanted` likes; `None` when `limit` passes or the command has ended without one.
    pub fn wait_for(&self, mark: Mark, limit: Duration, mut wanted: impl FnMut(&str) -> bool) -> Option<Line> {
        let deadline = Instant::now() + limit;
        let mut next = mark.0;
        let mut read = self.shared.read.lock().expect("the writer never panics");
        loop {
            while let Some(line) = read.lines.get(next) {
                if wanted(&line.text) {
                    return Some(line.clone());
                }
                next += 1;
            }
            if read.ended {
                return None;
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            read = self.shared.news.wait_timeout(read, left).expect("the writer never panics").0;
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The watch's own route: a documentation address in a table and with a protocol number nobody uses.
const MARKER: &str = "blackhole 192.0.2.255/32 table 4242 proto 253";

/// `ip monitor route` in one namespace, IPv4 and IPv6.
#[derive(Debug)]
pub struct RouteWatch {
    ns: Netns,
    lines: Lines,
}

impl RouteWatch {
    /// Starts watching; when this returns, the kernel's notices are coming in.
    #[track_caller]
    pub fn start(ns: &Netns) -> RouteWatch {
        let mut command = Command::new("ip");
        command.args(["-n", ns.full_name(), "-o", "monitor", "route"]);
        let watch = RouteWatch { ns: ns.clone(), lines: Lines::start(command) };
        // The command has to open its socket first: offer the marker until one is seen.
        let start = Instant::now();
        while !watch.offer_marker(Duration::from_millis(50)) {
            assert!(start.elapsed() < PATIENCE, "`ip monitor route` in {} reports nothing", ns.name());
        }
        watch.in_step();
        watch
    }

    /// Returns when everything the kernel announced before this call has been read.
    #[track_caller]
    pub fn in_step(&self) {
        assert!(self.offer_marker(PATIENCE), "`ip monitor route` in {} stopped reporting", self.ns.name());
    }

    fn offer_marker(&self, limit: Duration) -> bool {
        let mark = self.lines.mark();
        self.ns.ip(&format!("route add {MARKER}"));
        self.ns.ip(&format!("route del {MARKER}"));
        self.lines.wait_for(mark, limit, |line| is_marker(line) && line.starts_with("Deleted")).is_some()
    }

    /// A mark that everything before this call lies before.
    #[track_caller]
    pub fn mark(&self) -> Mark {
        self.in_step();
        self.lines.mark()
    }

    /// Every notice since `mark` up to this moment, without the watch's own.
    #[track_caller]
    pub fn since(&self, mark: Mark) -> Vec<Line> {
        self.in_step();
        self.lines.since(mark).into_iter().filter(|line| !is_marker(&line.text)).collect()
    }

    /// The notices since `mark` that name one of `prefixes`, whole words only.
    #[track_caller]
    pub fn about(&self, mark: Mark, prefixes: &[&str]) -> Vec<Line> {
        let named = |line: &Line| line.text.split_whitespace().any(|word| prefixes.contains(&word));
        self.since(mark).into_iter().filter(named).collect()
    }

    /// Waits for a notice since `mark` that `wanted` likes.
    ///
    /// # Panics
    /// When `limit` passes, with all notices seen since `mark`.
    #[track_caller]
    pub fn wait_for(&self, what: &str, mark: Mark, limit: Duration, wanted: impl FnMut(&str) -> bool) -> Line {
        self.lines.wait_for(mark, limit, wanted).unwrap_or_else(|| {
            let seen: Vec<String> = self.since(mark).into_iter().map(|line| line.text).collect();
            panic!("waited {limit:?} in {} for {what}; seen since:\n{}", self.ns.name(), seen.join("\n"))
        })
    }
}

fn is_marker(line: &str) -> bool {
    line.contains("192.0.2.255") && line.contains("4242")
}
