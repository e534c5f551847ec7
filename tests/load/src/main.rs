//! `roost-load`: the bench, its speakers, and the floor, each as a command.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use roost_load::play::{Options, play};
use roost_load::scenario::{ALL, Scenario};
use roost_load::terms::Terms;
use roost_load::{bench, repeater};

/// Measures roost beside other BGP daemons.
#[derive(Debug, Parser)]
#[command(name = "roost-load")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs scenarios with daemons, each run in a network namespace of its own, and prints a table. Needs root.
    Bench {
        /// Scenarios, or `all`. Default: R1 R2 R3 R4 R5 R5-tenth R6.
        scenarios: Vec<String>,
        /// Daemons, separated by commas. Default: roost,bird2,frr0,frr,gobgp,openbgpd,floor; for scenarios that are run at
        /// several sizes roost alone; for fib and fib6 roost,bird2,frr0,frr,raw.
        #[arg(long, value_delimiter = ',')]
        daemons: Vec<String>,
        /// Runs of each; the best counts, all are in the JSON.
        #[arg(long, default_value_t = 3)]
        runs: usize,
        #[command(flatten)]
        terms: Terms,
        /// Once more with `perf` counting system calls.
        #[arg(long)]
        syscalls: bool,
        /// Where the JSON goes.
        #[arg(long, default_value = "target/bench")]
        out: PathBuf,
    },
    /// Runs a scenario's speakers against a daemon that is there, and prints what was measured as JSON.
    Speak {
        /// The scenario.
        scenario: String,
        /// The daemon's address and port.
        #[arg(long, default_value = "127.0.0.1:179")]
        target: SocketAddr,
        /// The daemon's processes, separated by commas, whose costs are measured.
        #[arg(long, value_delimiter = ',')]
        pids: Vec<u32>,
        /// Print `ready` when the kernel is listened to, and go on when a line of standard input names the processes.
        #[arg(long, conflicts_with = "pids")]
        later: bool,
        #[command(flatten)]
        terms: Terms,
        /// Of a scenario that is run at several sizes: which.
        #[arg(long)]
        size: Option<usize>,
        /// Count the daemon's system calls.
        #[arg(long)]
        syscalls: bool,
        /// No daemon: write the routes, as fast as the kernel takes them.
        #[arg(long)]
        raw: bool,
        /// The network namespace from which the nodes of a mesh connect.
        #[arg(long)]
        lan: Option<PathBuf>,
    },
    /// Passes UPDATEs from each peer to the others as they are: what sockets alone cost.
    Repeat {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:179")]
        listen: SocketAddr,
        /// Pass on only what comes from this address.
        #[arg(long)]
        first_only: Option<Ipv4Addr>,
    },
    /// Lists the scenarios.
    List,
}

/// The scenarios of a plain `tests/bench`: those of the README's table.
const USUAL: &[&str] = &["R1", "R2", "R3", "R4", "R5", "R5-tenth", "R6"];

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "roost-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<bool> {
    let mut out = std::io::stdout();
    match command {
        Command::Bench { scenarios, daemons, runs, terms, syscalls, out: folder } => {
            let names = match &scenarios[..] {
                [] => USUAL.iter().map(|&name| name.to_owned()).collect(),
                [all] if all == "all" => ALL.iter().map(|scenario| scenario.name.to_owned()).collect(),
                names => names.to_vec(),
            };
            let scenarios = names.iter().map(|name| terms.scenarios(name)).collect::<Result<_>>()?;
            bench::bench(&bench::Wish { scenarios, daemons, runs, terms, syscalls, folder })
        }
        Command::Speak { scenario, target, pids, later, terms, size, syscalls, raw, lan } => {
            roost_load::usage::many_files()?;
            let sizes = terms.scenarios(&scenario)?;
            let known = || sizes.iter().filter_map(Scenario::size).collect::<Vec<_>>();
            let sized = sizes.iter().find(|scenario| scenario.size() == size);
            let sized = sized.with_context(|| format!("{scenario}: want --size as one of {:?}", known()))?;
            let flap = Duration::try_from_secs_f64(terms.seconds).context("--seconds")?;
            let outcome = play(*sized, &Options { target, pids, later, flap, syscalls, raw, lan });
            writeln!(out, "{}", serde_json::to_string(&outcome)?)?;
            Ok(outcome.error.is_none())
        }
        Command::Repeat { listen, first_only } => {
            roost_load::usage::many_files()?;
            repeater::repeat(listen, first_only).map(|()| true)
        }
        Command::List => {
            for scenario in ALL {
                writeln!(out, "{:<14} {}", scenario.name, scenario.about)?;
            }
            Ok(true)
        }
    }
}
