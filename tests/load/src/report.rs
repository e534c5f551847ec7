//! What the runs have shown, as tables for people and JSON for programs.
//!
//! A row is a daemon's best run: the one that took the shortest time. The last row divides roost's figures by the best
//! peer's, each figure by itself; a peer that did not do all that was asked is no measure. Where routes are the question,
//! each figure is the best of all runs, and there is a row of ratios for each of the others. A scenario that grows has a
//! row for each size, and no ratios.

use std::fmt::Write as _;

use serde::Serialize;

use crate::bench::Run;
use crate::daemons::{self, Kind};
use crate::figures::{Figure, Unit, each_more, figures};
use crate::scenario::{Course, Grows, Scenario};
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

impl Report {
    /// An empty report of a bench with these daemons.
    pub fn new(kinds: impl IntoIterator<Item = Kind>, scale: f64) -> Report {
        let versions = kinds.into_iter().filter_map(|kind| Some((kind.name(), daemons::version(kind)?))).collect();
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
pub fn line(scenario: &Scenario, run: &Run) -> String {
    let figures = figures(scenario, run);
    let shown: Vec<String> = figures.iter().map(|figure| format!("{} {}", figure.title, figure.show())).collect();
    let error = run.outcome.error.as_ref().map(|error| format!(" FAILED: {}", first_line(error))).unwrap_or_default();
    format!("{:<10} {:<9} run {}: {}{error}", run.outcome.scenario, run.daemon, run.run + 1, shown.join(", "))
}

fn table(scenario: &Scenario, runs: &[Run]) -> String {
    let mut names: Vec<(&'static str, Option<usize>)> = Vec::new();
    for run in runs {
        if !names.contains(&(run.daemon, run.size)) {
            names.push((run.daemon, run.size));
        }
    }
    let of = |name: &(&'static str, Option<usize>)| {
        let own = runs.iter().filter(|run| (run.daemon, run.size) == *name);
        own.collect::<Vec<_>>()
    };
    let mut rows: Vec<Row> = names.iter().map(|name| Row::best(scenario, &of(name))).collect();
    for number in 0..rows.len() {
        let smallest = rows.iter().find(|row| row.daemon == rows[number].daemon);
        let more = smallest.and_then(|smallest| each_more(scenario, &smallest.figures, &rows[number].figures));
        rows[number].figures.extend(more);
    }
    let longest = rows.iter().max_by_key(|row| row.figures.len());
    let titles: Vec<&str> = longest.into_iter().flat_map(|row| &row.figures).map(|figure| figure.title).collect();
    let mut out = format!("**{}**: {}\n\n| daemon | {} |\n", scenario.name, scenario.about, titles.join(" | "));
    let _ = writeln!(out, "|---|{}", "---|".repeat(titles.len().max(1)));
    for row in &rows {
        let cell = |&title: &&str| row.figure(title).map_or("–".to_owned(), Figure::show);
        let _ = writeln!(out, "| {} | {} |", row.daemon, titles.iter().map(cell).collect::<Vec<_>>().join(" | "));
    }
    if scenario.course == Course::Routes {
        for other in rows.iter().filter(|row| row.complete && row.daemon != Kind::Roost.name()) {
            if let Some(ratios) = ratios(&titles, &rows, |row| row.daemon == other.daemon) {
                let shown: Vec<&str> = ratios.iter().map(|ratio| ratio.split(' ').next().unwrap_or("–")).collect();
                let _ = writeln!(out, "| roost ÷ {} | {} |", other.daemon, shown.join(" | "));
            }
        }
    } else if scenario.grows.is_none()
        && let Some(ratios) = ratios(&titles, &rows, |row| Kind::named(row.daemon).is_some_and(Kind::is_peer))
    {
        let _ = writeln!(out, "| roost ÷ best peer | {} |", ratios.join(" | "));
    }
    for name in &names {
        let runs = of(name);
        let errors: Vec<&String> = runs.iter().filter_map(|run| run.outcome.error.as_ref()).collect();
        if let Some(why) = errors.first() {
            let size = name.1.map(|size| format!(" at {size}")).unwrap_or_default();
            let _ = write!(out, "\n{}{size}, {} of its runs: {}\n", name.0, errors.len(), first_line(why));
        }
    }
    if matches!(scenario.course, Course::Storm) {
        out += "\nrefused: connections that ended before the session was up; overflows: dropped by the kernel, as the \
                listen queue was full.\n";
    }
    match scenario.grows {
        Some((Grows::Clients, _)) => {
            out += "\nCPU up: of opening the sessions. Buffers, peak: most that TCP held of all sockets, both ends; at rest: of \
                    the daemon's. A socket itself is some 3.7 KiB of the kernel's memory. RSS before: everybody is \
                    configured and nobody has connected. RSS per client more: compared with the smallest size.\n";
        }
        Some((Grows::Prefixes | Grows::Groups, _)) => {
            out += "\nper path, per group more: peak RSS compared with the smallest size.\n";
        }
        Some((Grows::Watchers, _)) => {
            out += "\nTime and CPU of the daemon. Lines heard of all watchers by the end of the run; told anew: how often one of \
                    them was so slow that it was told all there is.\n";
        }
        None if scenario.course == Course::Routes => {
            out += "\nraw: the same routes written by a program that does nothing else, 64 messages a send. Each figure is the \
                    best of its runs. Octets per route: what the daemon's resident set has grown by.\n";
        }
        None => {}
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
    /// The best of a daemon's runs that were good to the end, else of those that were good for some steps.
    fn best(scenario: &Scenario, runs: &[&Run]) -> Row {
        let time = |run: &Run| {
            let figures = figures(scenario, run);
            figures.iter().find(|figure| figure.unit.compares()).map_or(f64::INFINITY, |figure| figure.value)
        };
        let timed = runs.iter().filter(|run| !run.counts_syscalls);
        let best = timed.min_by(|a, b| {
            let failed = |run: &Run| run.outcome.error.is_some();
            failed(a).cmp(&failed(b)).then(time(a).total_cmp(&time(b)))
        });
        let mut figures = best.map(|run| figures(scenario, run)).unwrap_or_default();
        if scenario.course == Course::Routes {
            // Its steps are three measurements, and what else the machine did met them one by one.
            let good = || runs.iter().filter(|run| !run.counts_syscalls && run.outcome.error.is_none());
            for figure in &mut figures {
                let others = good().flat_map(|run| self::figures(scenario, run));
                let same = others.filter(|other| other.title == figure.title).map(|other| other.value);
                figure.value = same.fold(figure.value, f64::min);
            }
        }
        let counted = runs.iter().find(|run| run.counts_syscalls).and_then(|run| run.outcome.steps.first()?.syscalls);
        figures.extend(counted.map(|count| Figure { title: "system calls", value: count as f64, unit: Unit::Count }));
        let delivered = figures.iter().all(|figure| figure.unit != Unit::Percent || figure.value >= DELIVERED);
        let complete = delivered && best.is_some_and(|run| run.outcome.error.is_none());
        Row { daemon: runs[0].daemon, figures, complete }
    }

    fn figure(&self, title: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.title == title)
    }

    /// A figure that can be compared.
    fn value(&self, title: &str) -> Option<f64> {
        self.figure(title).filter(|figure| figure.unit.compares()).map(|figure| figure.value)
    }
}

/// roost's figures divided by the best of these that did all that was asked.
fn ratios(titles: &[&str], rows: &[Row], among: impl Fn(&Row) -> bool) -> Option<Vec<String>> {
    let roost = rows.iter().find(|row| row.daemon == Kind::Roost.name())?;
    let peers = || rows.iter().filter(|row| row.complete && among(row));
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

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::play::{Outcome, Step};
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
        Run { daemon, size: None, run, counts_syscalls: false, load_before: 0.0, outcome }
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

    #[test]
    fn a_scenario_that_grows_has_a_row_for_each_size_and_what_each_more_costs() {
        let at = |daemon, number, size: usize, mebibytes: u64, error| {
            let mut run = Run { size: Some(size), ..run(daemon, number, 0.5, error) };
            run.outcome.steps.truncate(1);
            run.outcome.steps[0].done = error.is_none();
            run.outcome.steps[0].peak_kib = mebibytes << 10;
            run
        };
        let runs = [
            at("roost", 0, 1_000, 10, None),
            at("bird2", 0, 1_000, 20, None),
            at("roost", 0, 9_000, 12, None),
            at("bird2", 0, 9_000, 0, Some("0 of 10 receivers complete")),
        ];
        let table = table(&named("scale-prefixes").expect("a scenario"), &runs);
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            lines,
            [
                "| daemon | prefixes | all hold all | CPU | peak RSS | generator CPU | octets per path more |",
                "|---|---|---|---|---|---|---|",
                "| roost | 1000 | 0.50 s | 0.25 s | 10 MiB | 0.25 s | – |",
                "| bird2 | 1000 | 0.50 s | 0.25 s | 20 MiB | 0.25 s | – |",
                "| roost | 9000 | 0.50 s | 0.25 s | 12 MiB | 0.25 s | 131 |", // 2 MiB for 8,000 prefixes of two senders
                "| bird2 | 9000 | – | – | – | – | – |",
                "",
                "bird2 at 9000, 1 of its runs: 0 of 10 receivers complete",
                "",
                "per path, per group more: peak RSS compared with the smallest size.",
            ]
        );
    }
}
