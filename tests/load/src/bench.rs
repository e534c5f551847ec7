//! Scenarios × runs × daemons, one after the other, each in a network namespace that is new.
//!
//! Daemons take turns within a run, so that what else the machine does meets all of them. One that does not start, loses
//! sessions or is too slow has its reason in the table, and the others go on.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use roost_tests::{Daemon, Lab, Netns, PATIENCE, until};
use serde::Serialize;

use crate::asks::Asker;
use crate::daemons::{self, Kind};
use crate::generator::Generator;
use crate::plan::{NODE_SUBNET, NODE_SUBNET_6, Plan, SPEAKERS_SUBNET};
use crate::play::{Outcome, Quantiles};
use crate::report;
use crate::scenario::{Course, Scenario, Shape};
use crate::terms::Terms;
use crate::usage;
use crate::watchers::Watcher;

/// What is asked of a bench.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The scenarios, each at its sizes on the terms.
    pub scenarios: Vec<Vec<Scenario>>,
    /// Names of daemons; none: each scenario's own.
    pub daemons: Vec<String>,
    /// Runs of each.
    pub runs: usize,
    /// The terms, for the generator.
    pub terms: Terms,
    /// One run more, with system calls counted.
    pub syscalls: bool,
    /// Where the report goes.
    pub folder: PathBuf,
}

/// One run of one daemon.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// The daemon's name.
    pub daemon: &'static str,
    /// The scenario's [size](Scenario::size).
    pub size: Option<usize>,
    /// Which run; the one that counts system calls comes last.
    pub run: usize,
    /// Whether it counts system calls, which costs time.
    pub counts_syscalls: bool,
    /// Processes that were running or wanted to when it began, the mean of a minute (`/proc/loadavg`): what runs beside a
    /// bench shows here, and what the run before has left.
    pub load_before: f64,
    /// What was measured.
    pub outcome: Outcome,
}

/// Runs everything, prints each scenario's table as soon as it is complete, and writes `<time>.json` and `<time>.md`
/// below the folder. Says whether roost, if it took part, never failed.
///
/// # Errors
/// An unknown daemon, or a folder that cannot be written.
pub fn bench(wish: &Wish) -> Result<bool> {
    let known = daemons::ALL.map(Kind::name).join(" ");
    let kind = |name: &String| Kind::named(name).with_context(|| format!("no daemon {name}; known are: {known}"));
    let wished: Vec<Kind> = wish.daemons.iter().map(kind).collect::<Result<_>>()?;
    let kinds_of = |scenario: &Scenario| match &wished[..] {
        [] => daemons::ALL.into_iter().filter(|kind| kind.takes_part(scenario)).collect(),
        wished => wished.to_vec(),
    };
    let all = || wish.scenarios.iter().flatten();
    let kinds = daemons::ALL.into_iter().filter(|kind| all().any(|scenario| kinds_of(scenario).contains(kind)));
    if wish.runs == 0 {
        bail!("--runs 0: want at least 1");
    }
    usage::many_files()?;
    std::fs::create_dir_all(&wish.folder).with_context(|| format!("cannot make {}", wish.folder.display()))?;
    let stamp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let file = |extension: &str| wish.folder.join(format!("{stamp}.{extension}"));
    let mut report = report::Report::new(kinds, wish.terms.scale);
    let mut out = std::io::stdout();
    writeln!(out, "{}", report.head())?;
    for sizes in &wish.scenarios {
        let mut runs = Vec::new();
        let turns = 0..wish.runs + usize::from(wish.syscalls);
        for (scenario, run) in sizes.iter().flat_map(|scenario| turns.clone().map(move |run| (scenario, run))) {
            for kind in kinds_of(scenario) {
                let counts_syscalls = run >= wish.runs;
                let load_before = usage::load();
                let outcome = one(wish, scenario, kind, counts_syscalls).unwrap_or_else(|error| Outcome {
                    scenario: scenario.name.to_owned(),
                    error: Some(format!("{error:#}")),
                    ..Outcome::default()
                });
                let (daemon, size) = (kind.name(), scenario.size());
                let run = Run { daemon, size, run, counts_syscalls, load_before, outcome };
                writeln!(std::io::stderr(), "{}", report::line(scenario, &run))?;
                runs.push(run);
            }
        }
        let table = report.add(&sizes[0], runs);
        writeln!(out, "{table}")?;
        std::fs::write(file("json"), serde_json::to_string_pretty(&report)?).context("cannot write the JSON")?;
        std::fs::write(file("md"), report.markdown()).context("cannot write the tables")?;
    }
    writeln!(std::io::stderr(), "written: {}, {}", file("json").display(), file("md").display())?;
    Ok(report.roost_never_failed())
}

/// One run, in a namespace of its own. The lab's panics become errors.
fn one(wish: &Wish, scenario: &Scenario, kind: Kind, syscalls: bool) -> Result<Outcome> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {})); // its text goes into the table
    let caught = catch_unwind(AssertUnwindSafe(|| in_namespace(wish, scenario, kind, syscalls)));
    std::panic::set_hook(hook);
    caught.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map_or("a panic without a text", String::as_str);
        bail!("{text}")
    })
}

fn in_namespace(wish: &Wish, scenario: &Scenario, kind: Kind, syscalls: bool) -> Result<Outcome> {
    let lab = Lab::new("bench");
    let ns = lab.netns("dut");
    let lan = lab.netns("lan");
    lab.wire((&ns, "eth0"), (&lan, "eth0"));
    ns.ip(&format!("addr add {NODE_SUBNET} dev eth0"));
    ns.ip(&format!("addr add {NODE_SUBNET_6} dev eth0"));
    lan.ip("addr add 10.9.0.2/16 dev eth0");
    lan.ip(&format!("route add local {SPEAKERS_SUBNET} dev lo")); // every address of the range is its own
    let plan = Plan::new(*scenario);
    let flap = if matches!(scenario.course, Course::Flap { .. }) { wish.terms.seconds } else { 0.0 };
    // Connecting and four steps at most; a generator that hangs is a fault of its own and must not stop the bench.
    let longest = scenario.limit * 5 + Duration::from_secs_f64(flap) + Duration::from_secs(120);
    let mut speak = ns.command("timeout");
    speak.args(["--signal", "KILL", &longest.as_secs().to_string()]).arg(daemons::generator());
    speak.args(["speak", scenario.name, "--target", &format!("{}:179", plan.daemon())]);
    if scenario.shape == Shape::Node {
        speak.args(["--lan", &format!("/run/netns/{}", lan.full_name())]);
    }
    speak.args(wish.terms.args());
    if let Some(size) = scenario.size() {
        speak.args(["--size", &size.to_string()]);
    }
    speak.arg(if kind == Kind::Raw { "--raw" } else { "--later" });
    if syscalls {
        speak.arg("--syscalls");
    }
    let mut daemons = if kind == Kind::Raw { kind.start(&ns, &plan)? } else { Vec::new() };
    let (mut asker, mut watchers) = (None, Vec::new());
    let mut generator = Generator::start(speak)?;
    if kind != Kind::Raw && generator.is_ready()? {
        daemons = start(kind, &lab, &ns, &plan)?;
        let pids: Vec<_> = daemons.iter().filter_map(Daemon::pid).map(|pid| pid.to_string()).collect();
        asker = kind.bird_socket(&ns).filter(|_| scenario.asked).map(Asker::start);
        if let Some(socket) = kind.watch_socket(&ns) {
            let started = (0..scenario.watchers).map(|_| Watcher::start(&socket)).collect::<Result<_, _>>();
            watchers = started.context("cannot watch")?;
        }
        generator.begin(&pids)?;
    }
    let outcome = generator.finish();
    let answers = asker.map(Asker::stop).transpose().context("BIRD's control socket")?;
    let heard = watchers.into_iter().map(Watcher::stop).collect::<Result<_, _>>().context("a watcher")?;
    let mut outcome = outcome?;
    outcome.heard = heard;
    outcome.answers = answers.as_ref().map(Quantiles::from);
    for daemon in &mut daemons {
        if let Some(status) = daemon.wait_ended(Duration::from_millis(1)) {
            let (error, log) = (outcome.error.unwrap_or_default(), daemon.log());
            let last = log.lines().last().unwrap_or_default();
            outcome.error = Some(format!("{} ended by itself: {status}; {error}; {last}", daemon.kind()));
        }
    }
    Ok(outcome)
}

/// The daemon, ready for connections.
fn start(kind: Kind, lab: &Lab, ns: &Netns, plan: &Plan) -> Result<Vec<Daemon>> {
    let daemons = kind.start(ns, plan)?;
    until("port 179 is open", PATIENCE, || {
        let listening = ns.run("ss -Hltn sport = 179");
        if listening.is_empty() { Err(lab.log_tails()) } else { Ok(()) }
    });
    Ok(daemons)
}
