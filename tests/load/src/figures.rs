//! The figures of a table: what is shown of each run, and in which unit.

use crate::bench::Run;
use crate::play::{Outcome, Step};
use crate::scenario::{Course, Grows, Scenario};
use crate::watchers::Heard;

/// Title of the daemon's peak memory.
const PEAK: &str = "peak RSS";

/// A figure of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What it is.
    pub title: &'static str,
    /// How much, in its unit.
    pub value: f64,
    /// Its unit.
    pub unit: Unit,
}

/// In what a figure is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unit {
    /// s, or ms below a tenth.
    Seconds,
    /// ms.
    Milliseconds,
    /// MiB.
    Mebibytes,
    /// KiB.
    Kibibytes,
    /// Octets.
    Octets,
    /// Of a hundred.
    Percent,
    /// How many.
    Count,
}

impl Figure {
    /// As people read it.
    pub fn show(&self) -> String {
        self.unit.show(self.value)
    }
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
            Unit::Kibibytes => format!("{value:.1} KiB"),
            Unit::Octets => format!("{value:.0}"),
            Unit::Percent => format!("{value:.1} %"),
            Unit::Count => format!("{value}"),
        }
    }

    /// Whether a ratio of it says something, and less is better.
    pub fn compares(self) -> bool {
        !matches!(self, Unit::Percent | Unit::Count)
    }
}

/// What a table shows of a run: the steps that were done.
pub fn figures(scenario: &Scenario, run: &Run) -> Vec<Figure> {
    let outcome = &run.outcome;
    if let Some((grows, _)) = scenario.grows {
        return growing(grows, run.size.unwrap_or(0), outcome);
    }
    if scenario.course == Course::Routes {
        return routes(outcome);
    }
    let mut row = Vec::new();
    let mut add = |title, value, unit| row.push(Figure { title, value, unit });
    if let Some(answers) = &outcome.answers {
        add("answer p50", answers.p50 as f64 / 1e3, Unit::Milliseconds);
        add("answer p99", answers.p99 as f64 / 1e3, Unit::Milliseconds);
        add("longest answer", answers.max as f64 / 1e3, Unit::Milliseconds);
    }
    for step in outcome.steps.iter().filter(|step| step.done) {
        match step.name.as_str() {
            "announce" => {
                add("all hold all", step.seconds, Unit::Seconds);
                add("last UPDATE", step.last, Unit::Seconds);
                add("CPU", step.cpu, Unit::Seconds);
                add(PEAK, mebibytes(step), Unit::Mebibytes);
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
                add(PEAK, mebibytes(step), Unit::Mebibytes);
            }
            "up" => {
                add("all up", step.seconds, Unit::Seconds);
                add("refused", outcome.refused as f64, Unit::Count);
                add("overflows", outcome.overflows as f64, Unit::Count);
                add("CPU", step.cpu, Unit::Seconds);
                add(PEAK, mebibytes(step), Unit::Mebibytes);
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

/// What a table shows of a run in which one speaker's routes come, change and go.
fn routes(outcome: &Outcome) -> Vec<Figure> {
    let mut row = Vec::new();
    let mut add = |title, value, unit| row.push(Figure { title, value, unit });
    for step in outcome.steps.iter().filter(|step| step.done) {
        let (time, cpu) = match step.name.as_str() {
            "announce" => ("installed", "CPU"),
            "replace" => ("replaced", "CPU of it"),
            _ => ("removed", "removal CPU"),
        };
        add(time, step.seconds, Unit::Seconds);
        add(cpu, step.cpu, Unit::Seconds);
        // What only writes has no table.
        if time == "installed" && step.rss_kib > 0 {
            let octets = step.rss_kib.saturating_sub(outcome.up.rss_kib) * 1024;
            add("octets per route", octets as f64 / outcome.prefixes as f64, Unit::Octets);
            add(PEAK, mebibytes(step), Unit::Mebibytes);
        }
    }
    if outcome.steps.iter().any(|step| step.own_cpu > 0.0) {
        let own = outcome.steps.iter().map(|step| step.own_cpu).sum();
        add("generator CPU", own, Unit::Seconds);
    }
    row
}

/// What a table shows of a run at one size of a scenario that grows.
fn growing(grows: Grows, size: usize, outcome: &Outcome) -> Vec<Figure> {
    let title = match grows {
        Grows::Clients => "clients",
        Grows::Prefixes => "prefixes",
        Grows::Groups => "groups",
        Grows::Watchers => "watchers",
    };
    let mut row = vec![Figure { title, value: size as f64, unit: Unit::Count }];
    let Some(step) = outcome.steps.first().filter(|step| step.done) else { return row };
    let mut add = |title, value, unit| row.push(Figure { title, value, unit });
    add("all hold all", step.seconds, Unit::Seconds);
    add("CPU", step.cpu, Unit::Seconds);
    if grows == Grows::Clients {
        let buffers = step.buffers.unwrap_or_default();
        add("all up", outcome.up_seconds.unwrap_or_default(), Unit::Seconds);
        add("CPU up", outcome.up.cpu - outcome.before.cpu, Unit::Seconds);
        add("open files", step.files as f64, Unit::Count);
        add("buffers, peak", buffers.peak as f64 / 1024.0 / 1024.0, Unit::Mebibytes);
        add("at rest", buffers.rest as f64 / 1024.0, Unit::Kibibytes);
        add("RSS before", outcome.before.rss_kib as f64 / 1024.0, Unit::Mebibytes);
    }
    if grows == Grows::Watchers {
        let answers = outcome.answers.unwrap_or_default();
        add("answer p99", answers.p99 as f64 / 1e3, Unit::Milliseconds);
        add("longest answer", answers.max as f64 / 1e3, Unit::Milliseconds);
        let heard = |of: fn(&Heard) -> u64| outcome.heard.iter().map(of).sum::<u64>() as f64;
        add("lines heard", heard(|heard| heard.routes), Unit::Count);
        add("told anew", heard(|heard| heard.resyncs), Unit::Count);
    }
    add(PEAK, mebibytes(step), Unit::Mebibytes);
    add("generator CPU", step.own_cpu, Unit::Seconds);
    row
}

/// What each more costs in memory: how far apart the peaks of two sizes are, by how far the sizes are.
pub fn each_more(scenario: &Scenario, smallest: &[Figure], row: &[Figure]) -> Option<Figure> {
    let (grows, _) = scenario.grows?;
    let peak = |row: &[Figure]| row.iter().find(|figure| figure.title == PEAK).map(|figure| figure.value);
    let more = row.first()?.value - smallest.first()?.value;
    let each = (peak(row)? - peak(smallest)?) / more;
    let (title, value, unit) = match grows {
        Grows::Clients => ("RSS per client more", each * 1024.0, Unit::Kibibytes),
        Grows::Prefixes => {
            let octets = each * 1024.0 * 1024.0 / scenario.senders as f64;
            ("octets per path more", octets, Unit::Octets)
        }
        Grows::Watchers => ("RSS per watcher more", each * 1024.0, Unit::Kibibytes),
        Grows::Groups => ("RSS per group more", each * 1024.0, Unit::Kibibytes),
    };
    (more > 0.0).then_some(Figure { title, value, unit })
}

fn mebibytes(step: &Step) -> f64 {
    step.peak_kib as f64 / 1024.0
}
