//! What the runs have shown, as tables for people and JSON for programs.
//!
//! A row is a daemon's best run: the one in which its first figure was smallest. The last row divides roost's figures by
//! the best peer's, each figure by itself; a peer that did not do all that was asked is no measure.

use std::fmt::Write as _;

use serde::Serialize;

use crate::bench::Run;
use crate::daemons::{self, Kind};
use crate::play::{Outcome, Step};
use crate::scenario::{Course, Scenario};
use crate::usage;

/// Everything measured.
#[derive(Debug, Serialize)]
pub struct Report {
    machine: Machine,
    scale: f64,
    versions: Vec<(&'static str, String)>,
    scenarios: Vec<Measured>,
}

#[derive(Debug, Serialize)]
struct Machine {
    processor: String,
    cores: usize,
    memory_mib: u64,
    kernel: String,
    load: f64,
}

#[derive(Debug, Serialize)]
struct Measured {
    name: &'static str,
    about: &'static str,
    #[serde(skip)]
    table: String,
    runs: Vec<Run>,
}

/// Percentage of announcements that a daemon must deliver for its other figures to count as a peer's.
const DELIVERED: f64 = 99.0;

/// A figure of a table.
#[derive(Debug, Clone, PartialEq)]
struct Figure {
    title: &'static str,
    value: f64,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    Seconds,
    Milliseconds,
    Mebibytes,
    Percent,
    Count,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Unit::Seconds if value < 0.1 => format!("{:.1} ms", value * 1e3),
            Unit::Seconds if value < 10.0 => format!("{value:.2} s"),
            Unit::Seconds => format!("{value:.1} s"),
            Unit::Milliseconds if value < 10.0 => format!("{value:.1} ms"),
            Unit::Milliseconds => format!("{value:.0} ms"),
            Unit::Mebibytes => format!("{value:.0} MiB"),
            Unit::Percent => format!("{value:.1} %"),
            Unit::Count => format!("{value}"),
        }
    }

    /// Whether a ratio of it says something, and less is better.
    fn compares(self) -> bool {
        !matches!(self, Unit::Percent | Unit::Count)
    }
}

impl Report {
    /// An empty report of a bench with these daemons.
    pub fn new(kinds: &[Kind], scale: f64) -> Report {
        let versions = kinds.iter().filter_map(|&kind| Some((kind.name(), daemons::version(kind)?))).collect();
        Report { machine: Machine::here(), scale, versions, scenarios: Vec::new() }
    }

    /// What stands above the tables.
    pub fn head(&self) -> String {
        let Machine { processor, cores, memory_mib, kernel, load } = &self.machine;
        let mut out = format!("{processor}, {cores} cores, {} GiB, Linux {kernel}", memory_mib.div_ceil(1024));
        if *load > 0.5 {
            let _ = write!(out, "; NOT IDLE, load {load} at the start");
        }
        if self.scale != 1.0 {
            let _ = write!(out, "; sizes × {}", self.scale);
        }
        let versions: Vec<String> = self.versions.iter().map(|(name, version)| format!("{name}: {version}")).collect();
        let _ = write!(out, "\n{}\n", versions.join("; "));
        out
    }

    /// Adds a scenario's runs and returns its table.
    pub fn add(&mut self, scenario: &Scenario, runs: Vec<Run>) -> String {
        let table = table(scenario, &runs);
        self.scenarios.push(Measured { name: scenario.name, about: scenario.about, table: table.clone(), runs });
        table
    }

    /// Head and tables.
    pub fn markdown(&self) -> String {
        let tables: Vec<&str> = self.scenarios.iter().map(|measured| measured.table.as_str()).collect();
        format!("{}\n{}", self.head(), tables.join("\n"))
    }

    /// Whether none of roost's runs ended with an error.
    pub fn roost_never_failed(&self) -> bool {
        let mut runs = self.scenarios.iter().flat_map(|measured| &measured.runs);
        runs.all(|run| run.daemon != Kind::Roost.name() || run.outcome.error.is_none())
    }
}

impl Machine {
    fn here() -> Machine {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let value = text.lines().find(|line| line.starts_with(name))?.split_once(':')?.1;
            Some(value.trim().to_owned())
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        let kib = memory.and_then(|memory| memory.split(' ').next()?.parse::<u64>().ok());
        Machine {
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown processor".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_mib: kib.unwrap_or(0) / 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: usage::load(),
        }
    }
}

/// One run in one line.
pub fn line(run: &Run) -> String {
    let figures = figures(&run.outcome);
    let shown: Vec<String> = figures.iter().map(|figure| format!("{} {}", figure.title, show(figure))).collect();
    let error = run.outcome.error.as_ref().map(|error| format!(" FAILED: {}", first_line(error))).unwrap_or_default();
    format!("{:<10} {:<9} run {}: {}{error}", run.outcome.scenario, run.daemon, run.run + 1, shown.join(", "))
}

fn table(scenario: &Scenario, runs: &[Run]) -> String {
    let mut names: Vec<&'static str> = Vec::new();
    for run in runs {
        if !names.contains(&run.daemon) {
            names.push(run.daemon);
        }
    }
    let rows: Vec<Row> = names.iter().map(|&name| Row::best(name, runs)).collect();
    let longest = rows.iter().max_by_key(|row| row.figures.len());
    let titles: Vec<&str> = longest.into_iter().flat_map(|row| &row.figures).map(|figure| figure.title).collect();
    let mut out = format!("**{}**: {}\n\n| daemon | {} |\n", scenario.name, scenario.about, titles.join(" | "));
    let _ = writeln!(out, "|---|{}", "---|".repeat(titles.len().max(1)));
    for row in &rows {
        let cell = |&title: &&str| row.figure(title).map_or("–".to_owned(), show);
        let _ = writeln!(out, "| {} | {} |", row.daemon, titles.iter().map(cell).collect::<Vec<_>>().join(" | "));
    }
    if let Some(ratios) = ratios(&titles, &rows) {
        let _ = writeln!(out, "| roost ÷ best peer | {} |", ratios.join(" | "));
    }
    for name in names {
        let failed: Vec<&Run> = runs.iter().filter(|run| run.daemon == name && run.outcome.error.is_some()).collect();
        if let Some(why) = failed.first().and_then(|run| run.outcome.error.as_ref()) {
            let _ = write!(out, "\n{name}, {} of its runs: {}\n", failed.len(), first_line(why));
        }
    }
    if matches!(scenario.course, Course::Storm) {
        out += "\nrefused: connections that ended before the session was up; overflows: dropped by the kernel, as the \
                listen queue was full.\n";
    }
    out
}

/// A daemon's row.
struct Row {
    daemon: &'static str,
    figures: Vec<Figure>,
    /// All that was asked was done: roost is compared with it.
    complete: bool,
}

impl Row {
    /// The best run of those that were good to the end, else of those that were good for some steps.
    fn best(daemon: &'static str, runs: &[Run]) -> Row {
        let own = || runs.iter().filter(|run| run.daemon == daemon);
        let first = |run: &&Run| figures(&run.outcome).first().map_or(f64::INFINITY, |figure| figure.value);
        let timed = own().filter(|run| !run.counts_syscalls);
        let best = timed.min_by(|a, b| {
            let failed = |run: &Run| run.outcome.error.is_some();
            failed(a).cmp(&failed(b)).then(first(a).total_cmp(&first(b)))
        });
        let mut figures = best.map(|run| figures(&run.outcome)).unwrap_or_default();
        let counted = own().find(|run| run.counts_syscalls).and_then(|run| run.outcome.steps.first()?.syscalls);
        figures.extend(counted.map(|count| Figure { title: "system calls", value: count as f64, unit: Unit::Count }));
        let delivered = figures.iter().all(|figure| figure.unit != Unit::Percent || figure.value >= DELIVERED);
        Row { daemon, figures, complete: delivered && best.is_some_and(|run| run.outcome.error.is_none()) }
    }

    fn figure(&self, title: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.title == title)
    }

    /// A figure that can be compared.
    fn value(&self, title: &str) -> Option<f64> {
        self.figure(title).filter(|figure| figure.unit.compares()).map(|figure| figure.value)
    }
}

/// roost's figures divided by the best of those that did all that was asked.
fn ratios(titles: &[&str], rows: &[Row]) -> Option<Vec<String>> {
    let roost = rows.iter().find(|row| row.daemon == Kind::Roost.name())?;
    let peers = || rows.iter().filter(|row| row.complete && Kind::named(row.daemon).is_some_and(Kind::is_peer));
    let ratio = |&title: &&str| {
        let best = peers().filter_map(|row| Some((row.value(title)?, row.daemon)));
        match (roost.value(title), best.min_by(|a, b| a.0.total_cmp(&b.0))) {
            // The generator's own cost says nothing about roost.
            (Some(own), Some((best, name))) if best > 0.0 && !title.starts_with("generator") => {
                format!("{:.2} ({name})", own / best)
            }
            _ => "–".to_owned(),
        }
    };
    peers().next()?;
    Some(titles.iter().map(ratio).collect())
}

/// What a table shows of a run: the steps that were done.
fn figures(outcome: &Outcome) -> Vec<Figure> {
    let mut row = Vec::new();
    let mut add = |title, value, unit| row.push(Figure { title, value, unit });
    for step in outcome.steps.iter().filter(|step| step.done) {
        match step.name.as_str() {
            "announce" => {
                add("all hold all", step.seconds, Unit::Seconds);
                add("last UPDATE", step.last, Unit::Seconds);
                add("CPU", step.cpu, Unit::Seconds);
                add("peak RSS", mebibytes(step), Unit::Mebibytes);
            }
            "withdraw half" => {
                add("half withdrawn", step.seconds, Unit::Seconds);
                add("withdrawal CPU", step.cpu, Unit::Seconds);
            }
            "catch up" => {
                add("caught up", step.seconds, Unit::Seconds);
                add("RSS then", mebibytes(step), Unit::Mebibytes);
            }
            "flap" => {
                if let Some(latency) = &step.latency {
                    add("p50", latency.announce.p50 as f64 / 1e3, Unit::Milliseconds);
                    add("p99", latency.announce.p99 as f64 / 1e3, Unit::Milliseconds);
                    add("withdrawal p99", latency.withdraw.p99 as f64 / 1e3, Unit::Milliseconds);
                    add("delivered", latency.delivered_percent, Unit::Percent);
                }
                add("CPU", step.cpu, Unit::Seconds);
                add("peak RSS", mebibytes(step), Unit::Mebibytes);
            }
            "up" => {
                add("all up", step.seconds, Unit::Seconds);
                add("refused", outcome.refused as f64, Unit::Count);
                add("overflows", outcome.overflows as f64, Unit::Count);
                add("CPU", step.cpu, Unit::Seconds);
                add("peak RSS", mebibytes(step), Unit::Mebibytes);
            }
            _ => {}
        }
    }
    if !row.is_empty() {
        let own = outcome.steps.iter().map(|step| step.own_cpu).sum();
        row.push(Figure { title: "generator CPU", value: own, unit: Unit::Seconds });
    }
    row
}

fn mebibytes(step: &Step) -> f64 {
    step.peak_kib as f64 / 1024.0
}

fn show(figure: &Figure) -> String {
    figure.unit.show(figure.value)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::named;

    fn run(daemon: &'static str, run: usize, seconds: f64, error: Option<&str>) -> Run {
        let step = |name: &str, seconds| Step {
            name: name.into(),
            done: true,
            seconds,
            last: seconds,
            cpu: seconds / 2.0,
            own_cpu: 0.25,
            peak_kib: 10 << 10,
            ..Step::default()
        };
        let steps = vec![step("announce", seconds), step("withdraw half", 1.0)];
        let outcome = Outcome { steps, error: error.map(str::to_owned), ..Outcome::default() };
        Run { daemon, run, counts_syscalls: false, load_before: 0.0, outcome }
    }

    #[test]
    fn the_best_run_counts_and_roost_is_divided_by_the_best_peer() {
        let runs = [
            run("roost", 0, 0.5, None),
            run("bird2", 0, 4.0, None),
            run("frr0", 0, 1.0, None),
            Run {
                outcome: Outcome { steps: Vec::new(), ..run("", 0, 0.0, Some("3 of 500\nand more")).outcome },
                ..run("gobgp", 0, 0.0, None)
            },
            run("floor", 0, 0.1, None),
            run("roost", 1, 0.25, None),
            run("bird2", 1, 2.0, None),
        ];
        let table = table(&named("R1").expect("a scenario"), &runs);
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "| daemon | all hold all | last UPDATE | CPU | peak RSS | half withdrawn | withdrawal CPU | generator CPU |",
                "|---|---|---|---|---|---|---|---|",
                "| roost | 0.25 s | 0.25 s | 0.12 s | 10 MiB | 1.00 s | 0.50 s | 0.50 s |",
                "| bird2 | 2.00 s | 2.00 s | 1.00 s | 10 MiB | 1.00 s | 0.50 s | 0.50 s |",
                "| frr0 | 1.00 s | 1.00 s | 0.50 s | 10 MiB | 1.00 s | 0.50 s | 0.50 s |",
                "| gobgp | – | – | – | – | – | – | – |",
                "| floor | 0.10 s | 0.10 s | 50.0 ms | 10 MiB | 1.00 s | 0.50 s | 0.50 s |",
                "| roost ÷ best peer | 0.25 (frr0) | 0.25 (frr0) | 0.25 (frr0) | 1.00 (bird2) | 1.00 (bird2) | 1.00 (bird2) | – |",
                "",
                "gobgp, 1 of its runs: 3 of 500",
            ]
        );
    }
}
