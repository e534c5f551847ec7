//! The command line, as types. The doc comments are the help texts.

mod peers;
mod show;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::log::LevelArg;
use crate::api::model::WatchState;
use crate::decode::DecodeArgs;
pub use peers::{MoreKeys, NewPeer, PeerOrder, PoolOrder, Whom};
pub use show::{FibArgs, PeersArgs, RouteArgs, Show};

pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  it is done
  1  it could not be done (the reason is on standard error); for `check`: the file has errors
  2  the command line is wrong; for `check`: the file cannot be read
  3  no daemon answers on the socket";

/// A BGP speaker and route reflector for the node mesh of a Kubernetes cluster.
#[derive(Debug, Parser)]
#[command(name = "roost", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Args {
    /// The running daemon's control socket (`api.socket` of its configuration)
    #[arg(long, global = true, value_name = "PATH", env = "ROOST_SOCKET", default_value = "/run/roost/roost.sock")]
    pub socket: PathBuf,
    /// Print the API's answer as JSON instead of a table: the same as --output json
    #[arg(long, global = true)]
    pub json: bool,
    /// How to print an answer
    #[arg(long, short, global = true, value_name = "FORM", conflicts_with = "json", default_value = "table")]
    pub output: Output,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// Columns for people
    Table,
    /// Of routes, peers and pools more columns
    Wide,
    /// The API's answer
    Json,
}

impl Args {
    /// How to print, in either spelling.
    pub fn output(&self) -> Output {
        if self.json { Output::Json } else { self.output }
    }
}

/// What `roost` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon in the foreground; SIGTERM ends it and leaves the routes in the kernel
    Run {
        /// The YAML file
        #[arg(long, short, value_name = "FILE", default_value = "/etc/roost/roost.yaml")]
        config: PathBuf,
    },
    /// Check a configuration file and print every error with its place
    Check {
        /// The YAML file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print the JSON Schema of the configuration file
    Schema,
    /// Look inside the running daemon
    Show {
        /// What to look at
        #[command(subcommand)]
        what: Show,
    },
    /// How routes get into the kernel
    Fib {
        /// What to do
        #[command(subcommand)]
        what: FibCommand,
    },
    /// Where packets to an address go from this node, and why: from its prefix to the wire
    Why {
        /// Of a pod, or any other
        address: IpAddr,
    },
    /// Originate prefixes at run time: blocks, or single addresses
    Announce {
        /// Such as 10.65.1.0/26 or 10.65.1.7
        #[arg(value_name = "PREFIX", required = true)]
        prefixes: Vec<String>,
        /// Only announce them, and put nothing into the kernel: addresses of services
        #[arg(long)]
        service: bool,
        /// In whose name: a prefix stays while anybody announces it
        #[arg(long, value_name = "NAME", default_value = "default")]
        owner: String,
    },
    /// Stop originating prefixes
    Withdraw {
        /// In whose name they were announced
        #[arg(long, value_name = "NAME", default_value = "default")]
        owner: String,
        /// As they were announced
        #[arg(value_name = "PREFIX", required_unless_present = "all", conflicts_with = "all")]
        prefixes: Vec<String>,
        /// All that the owner announces, and forget it
        #[arg(long)]
        all: bool,
    },
    /// Read the configuration file again and put it in force: sessions end only where they must, and a file with mistakes
    /// changes nothing. SIGHUP does the same
    Reload {
        /// Only say what would be done
        #[arg(long)]
        check: bool,
    },
    /// Say what putting a file in force would do: to sessions, routes, what peers are told, and kernel routes. Nothing changes
    Plan {
        /// The YAML file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Put another file in force, and into the place of the configuration file: at once, or once it is confirmed
    Apply {
        /// The YAML file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Go back by itself after this time, such as 60s or 10m, unless `roost confirm` was called; a restart meanwhile comes
        /// up with the old file
        #[arg(long, value_name = "TIME", value_parser = super::apply::time)]
        confirm: Option<u64>,
    },
    /// Keep what `apply --confirm` has put in force: the configuration file has its text from now on
    Confirm {
        /// Go back now, instead
        #[arg(long)]
        undo: bool,
    },
    /// Log more or less while the daemon runs, until --reset or the next start; without arguments, say how much is logged
    Log {
        /// TARGET=LEVEL for a part of the program, as the log names it (fib_sync=debug, speaker::daemon::peer_task=trace), or
        /// LEVEL for all others; of error, warn, info, debug, trace
        #[arg(value_name = "[TARGET=]LEVEL")]
        levels: Vec<LevelArg>,
        /// First go back to what the configuration says
        #[arg(long)]
        reset: bool,
    },
    /// Tell a running session to look again, begin again, stay away or come back; or add a peer, and remove it
    Peer {
        /// What to do
        #[command(subcommand)]
        order: PeerOrder,
    },
    /// Add a pool at run time, and remove it
    Pool {
        /// What to do
        #[command(subcommand)]
        order: PoolOrder,
    },
    /// Take the node out of service: tell peers to prefer other ways (RFC 8326), wait until they could, then end all
    /// sessions and want none until `undrain`. Returns when that is done
    Drain(DrainArgs),
    /// Take the node back into service: sessions come up again
    Undrain,
    /// Print what changes, a line each, until interrupted; also over restarts of the daemon. It has to be there at the
    /// start, or the exit code is 3
    Watch(WatchArgs),
    /// Speak BIRD's control protocol (`api.bird_socket`), as BIRD's birdcl does: one command, or lines of standard input
    Birdcl {
        /// The socket
        #[arg(short = 's', value_name = "SOCKET", default_value = "/var/run/calico/bird.ctl")]
        control: PathBuf,
        /// Print reply codes, too
        #[arg(short = 'v')]
        codes: bool,
        /// Only look: nothing can be changed
        #[arg(short = 'r')]
        restrict: bool,
        /// Such as `show protocols`; none is lines of standard input
        #[arg(value_name = "COMMAND", trailing_var_arg = true)]
        command: Vec<String>,
    },
    /// Decode BGP messages (hex, pcap, pcapng or MRT, recognised by content) to JSON, one a line
    Decode {
        /// What to read; - or nothing is standard input
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// How to read it
        #[command(flatten)]
        options: DecodeArgs,
    },
    /// Print a script with which a shell completes this command line: `source <(roost completions bash)`
    Completions {
        /// Whose
        shell: clap_complete::Shell,
    },
    /// Write the manual: a page for each command into DIR, or roost(1) to standard output
    Man {
        /// A folder that is there
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
}

const DOCTOR_EXIT_CODES: &str = "\
Exit codes:
  0  nothing is wrong (there may be notes)
  1  something is; each finding says what to type
  2  it could not look: neither a daemon answers nor the file can be read, or the daemon is in another network namespace";

/// What `roost fib` can do.
#[derive(Debug, Subcommand)]
pub enum FibCommand {
    /// Look for what keeps pods from reaching each other, and say what to type; changes nothing
    #[command(after_help = DOCTOR_EXIT_CODES)]
    Doctor {
        /// The YAML file, for when no daemon answers
        #[arg(long, short, value_name = "FILE", default_value = "/etc/roost/roost.yaml")]
        config: PathBuf,
    },
    /// List the routes, far ends and tunnel devices that roost has left in the kernel, and remove them with --yes: for
    /// uninstalling. Refused while roost runs
    Clean {
        /// The YAML file, whose protocol ids, tables and pools tell what is ours
        #[arg(long, short, value_name = "FILE", default_value = "/etc/roost/roost.yaml")]
        config: PathBuf,
        /// Remove them
        #[arg(long)]
        yes: bool,
    },
}

/// What is watched.
#[derive(Debug, Default, Clone, clap::Args)]
pub struct WatchArgs {
    /// What to watch [default: all, or what the options narrow]
    #[arg(value_name = "TOPIC", value_parser = ["peers", "routes", "fib", "events"])]
    pub topics: Vec<String>,
    /// Only this prefix, of routes and of the kernel's
    #[arg(long)]
    pub prefix: Option<String>,
    /// With --prefix: also what lies inside it
    #[arg(long, requires = "prefix")]
    pub longer: bool,
    /// Only this peer, by address or name, its events and its paths
    #[arg(long, value_name = "PEER")]
    pub peer: Option<String>,
    /// Only paths with this community, such as 64512:100, no-export or 64512:1:2
    #[arg(long)]
    pub community: Option<String>,
    /// Only rows in this state, as `show peers`, `show routes` and `show fib` know it; what leaves it is `gone`
    #[arg(long)]
    pub state: Option<WatchState>,
    /// Print all there is first, not only what changes from now on
    #[arg(long)]
    pub all: bool,
    /// Go on behind the line with this token, which a line of --json has
    #[arg(long, value_name = "TOKEN", conflicts_with = "all")]
    pub from: Option<String>,
    /// End after so many seconds, with exit code 0
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub timeout: Option<u32>,
}

/// How the node is taken out of service.
#[derive(Debug, Clone, clap::Args)]
pub struct DrainArgs {
    /// A line for the peers' operators, at most 255 octets (RFC 9003)
    #[arg(long, value_name = "TEXT")]
    pub message: Option<String>,
    /// How long peers have for taking other ways, from when everything was sent, such as 10s; a bare number is seconds
    /// [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = super::drain::time)]
    pub settle: Option<u64>,
    /// When the sessions end in any case, such as 90s or 2m [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = super::drain::time)]
    pub timeout: Option<u64>,
    /// Only until roost ends, as for a pod's preStop hook; otherwise also when it is started again
    #[arg(long)]
    pub until_restart: bool,
    /// Return when it has begun
    #[arg(long)]
    pub no_wait: bool,
}
