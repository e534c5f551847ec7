//! The speakers, on one thread: sockets that are ready are read and written, nothing waits.
//!
//! A turn takes all events, reads every connection that has something, and then asks the caller whether it is over
//! ([`Engine::run`]). Turns are milliseconds apart at most while there is work, which is how exact times are.
//!
//! Each speaker dials and dials again until its session is up; what was refused on the way is counted. A session that
//! ends after it was up ends the run: figures of a daemon that lost sessions are no figures.

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};

use crate::flaps::Flaps;
use crate::held::Held;
use crate::kernel::{self, Kernel};
use crate::link::{Link, Turn};
use crate::plan::{Plan, Speaker};
use crate::session::{Session, State};
use crate::wire::{self, Update, kind};

/// Longest pause between two turns.
const IDLE: Duration = Duration::from_millis(200);
const KEEPALIVES: Duration = Duration::from_secs(30);
/// Pause before a refused speaker dials again.
const REDIAL: Duration = Duration::from_millis(200);
/// Octets the kernel keeps for a speaker that stalls.
const STALLED_BUFFER: usize = 16 << 10;

/// All speakers of a plan.
#[derive(Debug)]
pub struct Engine {
    plan: Plan,
    target: SocketAddr,
    poll: Poll,
    sessions: Vec<Session>,
    scratch: Vec<u8>,
    keepalive: (Bytes, Instant),
    /// Sessions with something to read.
    ready: Vec<usize>,
    dialing: usize,
    up: usize,
    /// The kernel, where it is a receiver.
    pub kernel: Option<Kernel>,
    /// The timetable while prefixes flap, and its start.
    pub flaps: Option<(Flaps, Instant)>,
    /// When the last announcement or withdrawal of a prefix arrived.
    pub last_news: Instant,
    /// When the last octet arrived.
    pub last_octet: Instant,
    /// UPDATEs received.
    pub updates: u64,
    /// Connections that ended before their session was up, and why the last one did.
    pub refused: (u64, String),
    fault: Option<String>,
}

impl Engine {
    /// Speakers that will connect to `target`. None does yet.
    pub fn new(plan: Plan, target: SocketAddr) -> Result<Engine> {
        let now = Instant::now();
        let session = |speaker: &Speaker| Session::new(speaker, plan.space.count, now);
        Ok(Engine {
            sessions: plan.speakers.iter().map(session).collect(),
            plan,
            target,
            poll: Poll::new().context("cannot wait for sockets")?,
            scratch: vec![0; 1 << 18],
            keepalive: (wire::keepalive(), now + KEEPALIVES),
            ready: Vec::new(),
            dialing: 0,
            up: 0,
            kernel: None,
            flaps: None,
            last_news: now,
            last_octet: now,
            updates: 0,
            refused: (0, String::new()),
            fault: None,
        })
    }

    /// Makes the kernel of this namespace a receiver.
    pub fn watch_kernel(&mut self) -> Result<()> {
        self.kernel = Some(Kernel::new(self.plan.space).context("cannot subscribe to the kernel's routes")?);
        Ok(())
    }

    /// What it runs.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Dials for speakers that have no session, at most `at_once` that are not up at a time. Call it every turn.
    pub fn dial(&mut self, at_once: usize) {
        let now = Instant::now();
        for number in 0..self.sessions.len() {
            if self.dialing >= at_once {
                break;
            }
            if matches!(self.sessions[number].state, State::Down(since) if since <= now) {
                self.dialing += 1;
                self.sessions[number].state = State::Connecting;
                if let Err(error) = self.connect(number) {
                    self.ended(number, &error.to_string());
                }
            }
        }
    }

    fn connect(&mut self, number: usize) -> io::Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if self.sessions[number].speaker.stalls {
            // What it does not read stays with the daemon, not in this machine's buffers.
            socket.set_recv_buffer_size(STALLED_BUFFER)?;
        }
        socket.bind(&SocketAddr::new(self.sessions[number].speaker.address.into(), 0).into())?;
        match socket.connect(&self.target.into()) {
            Err(error) if error.raw_os_error() != Some(nix::libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        let mut stream = TcpStream::from_std(socket.into());
        self.poll.registry().register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
        self.sessions[number].link = Some(Link::new(stream));
        Ok(())
    }

    /// Sessions that are up.
    pub fn up(&self) -> usize {
        self.up
    }

    /// Whether all are.
    pub fn all_up(&self) -> bool {
        self.up == self.sessions.len()
    }

    /// Sends bytes of a speaker's.
    pub fn send(&mut self, number: usize, bytes: Bytes) {
        if let Some(link) = &mut self.sessions[number].link {
            link.push(bytes);
            if let Err(error) = link.flush() {
                self.ended(number, &error.to_string());
            }
        }
    }

    /// Has speakers that stall stop reading, or read again.
    pub fn stall(&mut self, stalled: bool) {
        for (number, session) in self.sessions.iter_mut().enumerate().filter(|(_, session)| session.speaker.stalls) {
            session.stalled = stalled;
            if !stalled {
                session.unread = true;
                self.ready.push(number);
            }
        }
    }

    /// Sessions of speakers that stall which are still up.
    pub fn stalled_up(&self) -> usize {
        self.sessions.iter().filter(|session| session.speaker.stalls && session.state == State::Up).count()
    }

    /// What receivers hold, beside the number that each should; the kernel and those that stall among them when asked for.
    pub fn receivers(&self, with_stalled: bool) -> impl Iterator<Item = &Held> {
        let wanted = move |session: &&Session| session.speaker.counts || (with_stalled && session.speaker.stalls);
        self.sessions.iter().filter(wanted).map(|session| &session.held).chain(self.kernel.as_ref().map(|k| &k.held))
    }

    /// Announcements and withdrawals of prefixes that arrived.
    pub fn told(&self) -> (u64, u64) {
        self.receivers(true).fold((0, 0), |sum, held| (sum.0 + held.announced, sum.1 + held.withdrawn))
    }

    /// Runs turns until `done` breaks, which is asked after each and says until when the next may wait. Returns whether
    /// it did before `limit`.
    ///
    /// # Errors
    /// When a session that was up has ended.
    pub fn run(
        &mut self,
        limit: Instant,
        mut done: impl FnMut(&mut Engine) -> ControlFlow<(), Option<Instant>>,
    ) -> Result<bool> {
        let mut events = Events::with_capacity(1024);
        loop {
            let wake = match done(self) {
                ControlFlow::Break(()) => return Ok(true),
                ControlFlow::Continue(wake) => wake,
            };
            if let Some(fault) = &self.fault {
                bail!("{fault}");
            }
            let now = Instant::now();
            if now >= limit {
                return Ok(false);
            }
            let pause = match wake {
                _ if !self.ready.is_empty() => Duration::ZERO,
                Some(wake) => wake.saturating_duration_since(now).min(IDLE),
                None => IDLE,
            };
            let pause = if self.kernel.is_some() { pause.min(kernel::PAUSE) } else { pause };
            self.turn(&mut events, pause.min(limit - now))?;
        }
    }

    fn turn(&mut self, events: &mut Events, pause: Duration) -> Result<()> {
        match self.poll.poll(events, Some(pause)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        for event in events.iter() {
            let number = event.token().0;
            if event.is_readable() {
                self.is_readable(number);
            }
            if event.is_writable() {
                self.writable(number);
            }
        }
        if let Some(kernel) = &mut self.kernel {
            let before = kernel.held.announced + kernel.held.withdrawn;
            kernel.read().context("the kernel's notifications")?;
            if kernel.held.announced + kernel.held.withdrawn != before {
                self.last_news = Instant::now();
            }
        }
        for number in std::mem::take(&mut self.ready) {
            if !self.sessions[number].stalled {
                self.read(number);
            }
        }
        if Instant::now() >= self.keepalive.1 {
            self.keepalive.1 += KEEPALIVES;
            let message = self.keepalive.0.clone();
            for number in 0..self.sessions.len() {
                // What waits to be written keeps the session alive as well.
                let idle = self.sessions[number].link.as_ref().is_some_and(Link::is_flushed);
                if idle && self.sessions[number].state == State::Up {
                    self.send(number, message.clone());
                }
            }
        }
        Ok(())
    }

    fn is_readable(&mut self, number: usize) {
        if !std::mem::replace(&mut self.sessions[number].unread, true) {
            self.ready.push(number);
        }
    }

    fn writable(&mut self, number: usize) {
        let session = &mut self.sessions[number];
        let Some(link) = &mut session.link else { return };
        if session.state == State::Connecting {
            match link.stream.take_error() {
                Ok(None) if link.stream.peer_addr().is_ok() => {
                    session.state = State::OpenSent;
                    link.push(wire::open(&session.speaker, self.plan.family()));
                }
                Ok(None) => return,
                Ok(Some(error)) | Err(error) => return self.ended(number, &error.to_string()),
            }
        }
        if let Err(error) = link.flush() {
            self.ended(number, &error.to_string());
        }
    }

    fn read(&mut self, number: usize) {
        let session = &mut self.sessions[number];
        session.unread = false;
        if session.state == State::Connecting {
            return; // readable for an error alone: what is writable says which
        }
        let Some(mut link) = session.link.take() else { return };
        let mut scratch = std::mem::take(&mut self.scratch);
        let (mut answers, mut farewell) = (0, None);
        let now = Instant::now();
        let turn = link.read(&mut scratch, |message| match message[18] {
            kind::UPDATE => self.update(number, message, now),
            kind::OPEN => {
                self.sessions[number].state = State::OpenConfirm;
                answers += 1;
            }
            kind::KEEPALIVE if self.sessions[number].state == State::OpenConfirm => {
                self.sessions[number].state = State::Up;
                self.dialing -= 1;
                self.up += 1;
            }
            kind::NOTIFICATION => farewell = Some(wire::notification(message)),
            _ => {}
        });
        self.scratch = scratch;
        self.last_octet = now;
        if answers > 0 {
            link.push(self.keepalive.0.clone());
        }
        let flushed = link.flush();
        self.sessions[number].link = Some(link);
        match (turn, flushed) {
            (Turn::Ended(why), _) => self.ended(number, &farewell.unwrap_or(why)),
            (_, Err(error)) => self.ended(number, &error.to_string()),
            (Turn::More, Ok(())) => self.is_readable(number),
            (Turn::Drained, Ok(())) => {}
        }
    }

    fn update(&mut self, number: usize, message: &[u8], now: Instant) {
        self.updates += 1;
        let Some(update) = Update::of(message) else {
            self.fault = Some(format!("an UPDATE with wrong lengths: {message:02x?}"));
            return;
        };
        if !update.withdrawn.is_empty() || !update.announced.is_empty() {
            self.last_news = now;
        }
        let session = &mut self.sessions[number];
        if !session.speaker.counts && !session.speaker.stalls {
            return;
        }
        if let Some(med) = session.speaker.group
            && !update.announced.is_empty()
            && update.med() != Some(med)
        {
            let (address, has) = (session.speaker.address, update.med());
            self.fault = Some(format!("an UPDATE to {address} has MED {has:?}; its export policy sets {med}"));
            return;
        }
        let space = self.plan.space;
        let numbers = |list| wire::prefixes(list).filter_map(move |(address, len)| space.index(address, len));
        if let Some((flaps, start)) = &mut self.flaps {
            let since = now.saturating_duration_since(*start).as_micros() as u64;
            for index in numbers(update.withdrawn).filter(|&index| session.held.holds(index)) {
                flaps.withdrawn(index, since);
            }
            let tag = update.med().unwrap_or(u32::MAX);
            for index in numbers(update.announced).filter(|index| !session.held.own().contains(index)) {
                flaps.announced(number, index, tag, since);
            }
        }
        numbers(update.withdrawn).for_each(|index| session.held.withdraw(index));
        numbers(update.announced).for_each(|index| session.held.announce(index));
    }

    /// A connection has ended.
    fn ended(&mut self, number: usize, why: &str) {
        let session = &mut self.sessions[number];
        session.link = None;
        session.unread = false;
        let address = session.speaker.address;
        self.up -= usize::from(session.state == State::Up);
        match session.state {
            State::Up if session.speaker.stalls => session.state = State::Lost,
            State::Up => {
                session.state = State::Lost;
                self.fault.get_or_insert_with(|| format!("the session of {address} ended: {why}"));
            }
            State::Lost | State::Down(_) => {}
            State::Connecting | State::OpenSent | State::OpenConfirm => {
                session.state = State::Down(Instant::now() + REDIAL);
                self.dialing -= 1;
                self.refused.0 += 1;
                self.refused.1 = format!("{address}: {why}");
            }
        }
    }
}
