//! A scenario's course against one daemon, and what was measured.
//!
//! The clock of a step starts before the first octet is written and stops in the turn in which the last receiver was
//! complete. Processor time goes on until nothing has arrived for [`QUIET`]: what a daemon puts off is still its work.

use std::io::Write;
use std::net::SocketAddr;
use std::ops::ControlFlow::{self, Break, Continue};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use nix::sched::{CloneFlags, setns};
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::flaps::Flaps;
use crate::histogram::Histogram;
use crate::plan::{Plan, in_second_half};
use crate::raw;
use crate::scenario::{Course, Scenario, Shape};
use crate::sockets;
use crate::usage::{Syscalls, Usage, with_descendants};

/// Silence that counts as the end of the daemon's work: there is no event to wait for.
const QUIET: Duration = Duration::from_millis(500);
/// Longest wait for it.
const UNQUIET: Duration = Duration::from_secs(30);
/// Sessions that are being opened at a time, where the storm is not the question.
const PACE: usize = 16;

/// What a generator says when the daemon may start.
pub const READY: &str = "ready";

/// How a scenario is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The daemon under test.
    pub target: SocketAddr,
    /// Its processes; their descendants count as well.
    pub pids: Vec<u32>,
    /// The daemon starts only when the generator listens to the kernel and has [said so](READY); then a line of standard
    /// input names its processes. Of the listeners to a notification the kernel serves the last one first, and makes a copy
    /// for each one more: so it is this one that gets the copy, and the daemon is not slower for being measured.
    pub later: bool,
    /// How long prefixes flap.
    pub flap: Duration,
    /// Count system calls with `perf`.
    pub syscalls: bool,
    /// No daemon: the generator writes the routes itself, as fast as the kernel takes them ([`raw`]).
    pub raw: bool,
    /// The network namespace from which the nodes of a mesh connect; their kernel is not the daemon's.
    pub lan: Option<PathBuf>,
}

/// What one run has shown.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: String,
    /// Speakers.
    pub speakers: usize,
    /// Distinct prefixes.
    pub prefixes: usize,
    /// What the daemon had cost before the first connection.
    pub before: Usage,
    /// What it had cost when all sessions were up and it had become silent.
    pub up: Usage,
    /// Seconds until all sessions were up.
    pub up_seconds: Option<f64>,
    /// Connections that ended before their session was up.
    pub refused: u64,
    /// Why the last of them did.
    pub refused_why: String,
    /// Connections the kernel dropped as the daemon's listen queue was full.
    pub overflows: u64,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// How long answers on the control socket took, where somebody [asks](crate::asks).
    pub answers: Option<Quantiles>,
    /// What each of those heard that [watch](crate::watchers).
    #[serde(default)]
    pub heard: Vec<crate::watchers::Heard>,
    /// Why the run ended early.
    pub error: Option<String>,
}

/// One measured step.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Step {
    /// Such as `announce`.
    pub name: String,
    /// Whether it was done before its limit.
    pub done: bool,
    /// Seconds until the last receiver was complete.
    pub seconds: f64,
    /// Seconds until the last prefix was announced or withdrawn: later, when best paths change once more.
    pub last: f64,
    /// The daemon's processor time, in seconds.
    pub cpu: f64,
    /// The generator's own.
    pub own_cpu: f64,
    /// The daemon's peak memory so far, in KiB.
    pub peak_kib: u64,
    /// Its memory at the end, in KiB.
    pub rss_kib: u64,
    /// Files the daemon had open at the end.
    pub files: usize,
    /// What TCP's buffers held, where the scenario [grows](Scenario::grows).
    pub buffers: Option<sockets::Buffers>,
    /// UPDATEs that arrived at speakers.
    pub updates: u64,
    /// Prefixes announced to receivers, each time counted.
    pub announced: u64,
    /// Prefixes withdrawn.
    pub withdrawn: u64,
    /// The daemon's system calls, if they were counted.
    pub syscalls: Option<u64>,
    /// Latencies, where prefixes flap.
    pub latency: Option<Latency>,
}

/// From a sender's write to a receiver's read.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Latency {
    /// Announcements that reached a receiver, of 100 that should.
    pub delivered_percent: f64,
    /// Microseconds of announcements.
    pub announce: Quantiles,
    /// Microseconds of withdrawals.
    pub withdraw: Quantiles,
}

/// Microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Quantiles {
    /// Half are below.
    pub p50: u64,
    /// 99 of 100 are below.
    pub p99: u64,
    /// 999 of 1,000 are below.
    pub p999: u64,
    /// The largest.
    pub max: u64,
}

impl From<&Histogram> for Quantiles {
    fn from(histogram: &Histogram) -> Self {
        let at = |share| histogram.quantile(share);
        Quantiles { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1.0) }
    }
}

/// Runs a scenario; what had been measured before an error is kept.
pub fn play(scenario: Scenario, options: &Options) -> Outcome {
    let plan = Plan::new(scenario);
    if options.raw {
        return raw::play(&plan);
    }
    let (speakers, prefixes) = (plan.speakers.len(), plan.space.count);
    let mut outcome = Outcome { scenario: scenario.name.to_owned(), speakers, prefixes, ..Outcome::default() };
    match begin(plan, options) {
        Ok((engine, pids)) => {
            outcome.before = Usage::of(&pids);
            let mut run = Run { engine, options, pids, outcome };
            let overflows = listen_overflows();
            run.outcome.error = run.course(&scenario).err().map(|error| format!("{error:#}"));
            run.outcome.overflows = listen_overflows() - overflows;
            (run.outcome.refused, run.outcome.refused_why) = run.engine.refused;
            run.outcome
        }
        Err(error) => Outcome { error: Some(format!("{error:#}")), ..outcome },
    }
}

/// The speakers, and the processes of the daemon and their descendants.
fn begin(plan: Plan, options: &Options) -> Result<(Engine, Vec<u32>)> {
    let node = plan.scenario.shape == Shape::Node;
    let mut engine = Engine::new(plan, options.target)?;
    if node {
        engine.watch_kernel()?;
    }
    if !options.later {
        return Ok((engine, with_descendants(&options.pids)));
    }
    writeln!(std::io::stdout(), "{READY}").context("nobody listens to the generator")?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("cannot read the daemon's process ids")?;
    let pids: Vec<u32> = line.trim().split(',').map(str::parse).collect::<Result<_, _>>().with_context(|| {
        format!("want the daemon's process ids with commas between on standard input, found {line:?}")
    })?;
    Ok((engine, with_descendants(&pids)))
}

struct Run<'o> {
    engine: Engine,
    options: &'o Options,
    pids: Vec<u32>,
    outcome: Outcome,
}

impl Run<'_> {
    fn course(&mut self, scenario: &Scenario) -> Result<()> {
        if let Some(path) = &self.options.lan {
            let file = std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
            setns(file, CloneFlags::CLONE_NEWNET).with_context(|| format!("cannot enter {}", path.display()))?;
        }
        match scenario.course {
            Course::Storm => self.storm(scenario.limit),
            Course::Announce | Course::Converge => {
                let plan = self.engine.plan();
                let announcements = plan.speakers.iter().map(|speaker| plan.announcement(speaker)).collect();
                self.connect(scenario.limit)?;
                self.engine.stall(true);
                self.announce(announcements, scenario.limit)?;
                if scenario.course == Course::Converge {
                    self.withdraw_half(scenario.limit)?;
                }
                if scenario.stalled > 0 { self.catch_up(scenario.limit) } else { Ok(()) }
            }
            Course::Routes => self.routes(scenario.limit),
            Course::Flap { rate } => {
                self.connect(scenario.limit)?;
                self.flap(scenario, rate)
            }
        }
    }

    /// All sessions, a few at a time, and what the daemon does then.
    fn connect(&mut self, limit: Duration) -> Result<()> {
        let start = Instant::now();
        let done = self.engine.run(start + limit, |engine| {
            engine.dial(PACE);
            if engine.all_up() { Break(()) } else { Continue(None) }
        })?;
        self.must_be_up(done, limit)?;
        self.outcome.up_seconds = Some(start.elapsed().as_secs_f64());
        self.quiet()?;
        self.outcome.up = Usage::of(&self.pids);
        Ok(())
    }

    fn storm(&mut self, limit: Duration) -> Result<()> {
        let done = self.step(
            "up",
            limit,
            |_| (),
            |engine| {
                engine.dial(usize::MAX);
                // A refused one dials again after a pause.
                if engine.all_up() { Break(()) } else { Continue(Some(Instant::now() + Duration::from_millis(20))) }
            },
        )?;
        self.must_be_up(done, limit)?;
        self.outcome.up_seconds = self.outcome.steps.last().map(|step| step.seconds);
        Ok(())
    }

    fn must_be_up(&self, done: bool, limit: Duration) -> Result<()> {
        let (up, refused) = (self.engine.up(), &self.engine.refused);
        let why =
            if refused.0 > 0 { format!("; {} refused, the last: {}", refused.0, refused.1) } else { String::new() };
        ensure!(done, "{up} of {} sessions up after {} s{why}", self.outcome.speakers, limit.as_secs_f64());
        Ok(())
    }

    fn announce(&mut self, announcements: Vec<Bytes>, limit: Duration) -> Result<()> {
        let all = self.engine.plan().space.count;
        let start = |engine: &mut Engine| send_all(engine, announcements);
        let done = self.step("announce", limit, start, |engine| hold(engine, false, |held| all - held.own().len()))?;
        self.must_hold(done, limit, |held| all - held.own().len())
    }

    fn withdraw_half(&mut self, limit: Duration) -> Result<()> {
        let plan = self.engine.plan();
        let gone =
            |speaker: &crate::plan::Speaker| plan.withdrawal(speaker.sends.clone().filter(|&i| in_second_half(i)));
        let withdrawals = plan.speakers.iter().map(gone).collect();
        let all = plan.space.count;
        let kept = |indices: std::ops::Range<usize>| indices.filter(|&index| !in_second_half(index)).count();
        let total = kept(0..all);
        let goal = move |held: &crate::held::Held| total - kept(held.own().clone());
        let done = self.step(
            "withdraw half",
            limit,
            |engine| send_all(engine, withdrawals),
            |engine| hold(engine, false, goal),
        )?;
        self.must_hold(done, limit, goal)?;
        let wrong = self.engine.receivers(false).any(|held| (0..all).any(|i| in_second_half(i) && held.holds(i)));
        ensure!(!wrong, "a receiver holds prefixes that were withdrawn, in place of others");
        Ok(())
    }

    /// One speaker's routes come, change their next hop, and go.
    fn routes(&mut self, limit: Duration) -> Result<()> {
        let plan = self.engine.plan();
        let speaker = &plan.speakers[0];
        let next_hops = plan.next_hops(speaker);
        let [first, second] = next_hops.map(|next_hop| plan.announcement_by(speaker, next_hop));
        let (all, withdrawal) = (plan.space.count, plan.withdrawal(speaker.sends.clone()));
        self.connect(limit)?;
        for (name, next_hop, bytes, goal) in [
            ("announce", Some(next_hops[0]), first, all),
            ("replace", Some(next_hops[1]), second, all),
            ("withdraw", None, withdrawal, 0),
        ] {
            let start = |engine: &mut Engine| {
                if let (Some(kernel), Some(next_hop)) = (&mut engine.kernel, next_hop) {
                    kernel.expect(next_hop);
                }
                engine.send(0, bytes);
            };
            let done = self.step(name, limit, start, |engine| hold(engine, false, |_| goal))?;
            self.must_hold(done, limit, |_| goal)?;
        }
        Ok(())
    }

    /// Those who had stopped reading read again.
    fn catch_up(&mut self, limit: Duration) -> Result<()> {
        let all = self.engine.plan().space.count;
        ensure!(self.engine.stalled_up() > 0, "the session of the receiver that stopped reading ended");
        let start = |engine: &mut Engine| engine.stall(false);
        let done = self.step("catch up", limit, start, |engine| {
            if engine.stalled_up() == 0 { Break(()) } else { hold(engine, true, |held| all - held.own().len()) }
        })?;
        ensure!(self.engine.stalled_up() > 0, "the session of the receiver that stopped reading ended");
        ensure!(done, "the receiver that had stopped reading is not complete after {} s", limit.as_secs_f64());
        Ok(())
    }

    fn flap(&mut self, scenario: &Scenario, rate: f64) -> Result<()> {
        let (senders, length) = (scenario.senders, self.options.flap);
        let mut number = 0;
        let start = |engine: &mut Engine| {
            engine.flaps = Some((Flaps::new(senders, scenario.prefixes, rate, length), Instant::now()));
        };
        self.step("flap", length + UNQUIET, start, |engine| {
            let Some((flaps, start)) = &mut engine.flaps else { return Break(()) };
            let start = *start;
            let now = start.elapsed();
            let mut due = Vec::new();
            while flaps.time(number) <= now.min(length) {
                due.extend(flaps.toggle(number));
                number += 1;
            }
            for toggle in due {
                let plan = engine.plan();
                let bytes = match toggle.tag {
                    Some(tag) => plan.announce_one(&plan.speakers[toggle.sender], toggle.index, tag),
                    None => plan.withdrawal([toggle.index]),
                };
                if let Some((flaps, start)) = &mut engine.flaps {
                    flaps.sent(toggle, start.elapsed().as_micros() as u64);
                }
                engine.send(toggle.sender, bytes);
            }
            let next = engine.flaps.as_ref().map(|(flaps, start)| *start + flaps.time(number));
            if now >= length { Break(()) } else { Continue(next) }
        })?;
        let plan = self.engine.plan();
        let withdrawals = plan.speakers.iter().map(|speaker| plan.withdrawal(speaker.sends.clone())).collect();
        let start = |engine: &mut Engine| {
            if let Some((flaps, start)) = &mut engine.flaps {
                flaps.ends(start.elapsed().as_micros() as u64);
            }
            send_all(engine, withdrawals);
        };
        let done = self.step("settle", scenario.limit, start, |engine| hold(engine, false, |_| 0))?;
        if let (Some((flaps, _)), Some(step)) = (&self.engine.flaps, self.outcome.steps.first_mut()) {
            step.latency = Some(Latency {
                delivered_percent: 100.0 * flaps.announce.count() as f64 / flaps.due().max(1) as f64,
                announce: (&flaps.announce).into(),
                withdraw: (&flaps.withdraw).into(),
            });
        }
        self.must_hold(done, scenario.limit, |_| 0)
    }

    /// Measures a step, whether it succeeds or not. Says whether it was done before the limit.
    fn step(
        &mut self,
        name: &str,
        limit: Duration,
        start: impl FnOnce(&mut Engine),
        done: impl FnMut(&mut Engine) -> ControlFlow<(), Option<Instant>>,
    ) -> Result<bool> {
        let syscalls = self.options.syscalls.then(|| Syscalls::count(&self.pids)).transpose()?;
        let (before, own, updates, told) =
            (Usage::of(&self.pids), Usage::own(), self.engine.updates, self.engine.told());
        let buffers = self.engine.plan().scenario.grows.map(|_| sockets::Watch::new()).transpose()?;
        let clock = Instant::now();
        start(&mut self.engine);
        let result = self.engine.run(clock + limit, done);
        let seconds = clock.elapsed().as_secs_f64();
        if matches!(result, Ok(true)) {
            self.quiet()?;
        }
        let after = Usage::of(&self.pids);
        let now = self.engine.told();
        self.outcome.steps.push(Step {
            name: name.to_owned(),
            done: matches!(result, Ok(true)),
            seconds,
            last: self.engine.last_news.saturating_duration_since(clock).as_secs_f64(),
            cpu: after.cpu - before.cpu,
            own_cpu: Usage::own().cpu - own.cpu,
            peak_kib: after.peak_kib,
            rss_kib: after.rss_kib,
            files: after.files,
            buffers: buffers.map(|watch| watch.end(self.options.target.port())).transpose()?,
            updates: self.engine.updates - updates,
            announced: now.0 - told.0,
            withdrawn: now.1 - told.1,
            syscalls: syscalls.map(Syscalls::end).transpose()?,
            latency: None,
        });
        result
    }

    fn quiet(&mut self) -> Result<()> {
        let start = Instant::now();
        self.engine.run(start + UNQUIET, |engine| {
            let silent_at = engine.last_octet.max(engine.last_news).max(start) + QUIET;
            if Instant::now() >= silent_at { Break(()) } else { Continue(Some(silent_at)) }
        })?;
        Ok(())
    }

    fn must_hold(&self, done: bool, limit: Duration, goal: impl Fn(&crate::held::Held) -> usize) -> Result<()> {
        if done {
            return Ok(());
        }
        let all = self.engine.receivers(false).count();
        let complete = self.engine.receivers(false).filter(|held| held.count() == goal(held)).count();
        let worst = self.engine.receivers(false).max_by_key(|held| held.count().abs_diff(goal(held)));
        let (has, wants) = worst.map_or((0, 0), |held| (held.count(), goal(held)));
        bail!(
            "{complete} of {all} receivers complete after {} s; the one farthest off holds {has} prefixes and should hold \
             {wants}",
            limit.as_secs_f64()
        )
    }
}

fn send_all(engine: &mut Engine, bytes: Vec<Bytes>) {
    for (number, bytes) in bytes.into_iter().enumerate() {
        engine.send(number, bytes);
    }
}

fn hold(
    engine: &Engine,
    with_stalled: bool,
    goal: impl Fn(&crate::held::Held) -> usize,
) -> ControlFlow<(), Option<Instant>> {
    if engine.receivers(with_stalled).all(|held| held.count() == goal(held)) { Break(()) } else { Continue(None) }
}

/// `ListenOverflows` of this network namespace (`nstat`): a handshake was complete, and there was no room for it.
fn listen_overflows() -> u64 {
    let text = std::fs::read_to_string("/proc/self/net/netstat").unwrap_or_default();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt:")).map(str::split_whitespace);
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else { return 0 };
    let value = names.zip(values).find(|(name, _)| *name == "ListenOverflows");
    value.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
}
