//! The daemons under test: each one's configuration of a plan, and how it is started quietly.
//!
//! All of them wait for their peers on port 179, log errors only, and offer the same hold time; apart from that
//! they run as their authors ship them.

mod bird2;
mod frr;
mod gobgp;
mod openbgpd;
mod quiet;
mod roost;

use std::path::PathBuf;

use anyhow::{Result, bail};
use roost_tests::daemon::{Files, Program};
use roost_tests::{Bird2, Daemon, Netns, Roost, peers};

use crate::plan::Plan;
use crate::scenario::{Course, Scenario, Shape};

/// A daemon of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// roost.
    Roost,
    /// BIRD 2.
    Bird2,
    /// FRR.
    Frr,
    /// FRR with `coalesce-time 0`.
    Frr0,
    /// GoBGP.
    Gobgp,
    /// OpenBGPD.
    Openbgpd,
    /// The [repeater](crate::repeater).
    Floor,
    /// No daemon: routes are [written](crate::raw) as fast as the kernel takes them.
    Raw,
}

/// All of them.
pub const ALL: [Kind; 8] =
    [Kind::Roost, Kind::Bird2, Kind::Frr0, Kind::Frr, Kind::Gobgp, Kind::Openbgpd, Kind::Floor, Kind::Raw];

impl Kind {
    /// Its name on the command line and in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Roost => "roost",
            Kind::Bird2 => "bird2",
            Kind::Frr => "frr",
            Kind::Frr0 => "frr0",
            Kind::Gobgp => "gobgp",
            Kind::Openbgpd => "openbgpd",
            Kind::Floor => "floor",
            Kind::Raw => "raw",
        }
    }

    /// The daemon of this name.
    pub fn named(name: &str) -> Option<Kind> {
        ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether roost is compared with it.
    pub fn is_peer(self) -> bool {
        !matches!(self, Kind::Roost | Kind::Floor | Kind::Raw)
    }

    /// Whether it takes part in a scenario unless asked otherwise.
    pub fn takes_part(self, scenario: &Scenario) -> bool {
        match (scenario.grows, scenario.course) {
            (Some(_), _) => self == Kind::Roost,
            (None, Course::Routes) => !matches!(self, Kind::Gobgp | Kind::Openbgpd | Kind::Floor),
            (None, _) => self != Kind::Raw,
        }
    }

    /// Where it can be watched, if it can.
    pub fn watch_socket(self, ns: &Netns) -> Option<PathBuf> {
        (self == Kind::Roost).then(|| Daemon::socket(ns, "roost"))
    }

    /// Where it speaks BIRD's control protocol, if it does.
    pub fn bird_socket(self, ns: &Netns) -> Option<PathBuf> {
        match self {
            Kind::Roost => Some(roost::bird_socket(&Daemon::socket(ns, "roost"))),
            Kind::Bird2 => Some(Daemon::socket(ns, "bird2")),
            _ => None,
        }
    }

    /// Starts it in a namespace; FRR is two daemons where routes go into the kernel.
    ///
    /// # Errors
    /// When it cannot be what the plan asks for.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(self, ns: &Netns, plan: &Plan) -> Result<Vec<Daemon>> {
        let node = plan.scenario.shape == Shape::Node;
        Ok(match self {
            Kind::Roost => vec![Daemon::start(Roost, ns, &roost::config(plan, &Daemon::socket(ns, "roost")))],
            Kind::Bird2 => vec![Daemon::start(Bird2::default(), ns, &bird2::config(plan))],
            Kind::Frr | Kind::Frr0 => {
                let config = frr::config(plan, self == Kind::Frr0);
                let zebra = node.then(|| Daemon::start(frr::Zebra, ns, ""));
                let socket = zebra.as_ref().map(|zebra| frr::zserv(zebra.files()));
                let bgpd = Daemon::start(frr::Bgpd { zebra: socket }, ns, &config);
                zebra.into_iter().chain([bgpd]).collect()
            }
            Kind::Raw if plan.scenario.course == Course::Routes => Vec::new(),
            Kind::Raw => bail!("writes routes and speaks no BGP"),
            Kind::Gobgp | Kind::Openbgpd | Kind::Floor if node => bail!("writes no routes into the kernel"),
            Kind::Gobgp | Kind::Openbgpd | Kind::Floor if plan.scenario.groups > 0 => {
                bail!("is given no export policies of its neighbours here")
            }
            Kind::Gobgp => vec![Daemon::start(quiet::Gobgp, ns, &gobgp::config(plan))],
            Kind::Openbgpd => {
                let config = openbgpd::config(plan, &Daemon::socket(ns, "openbgpd"));
                vec![Daemon::start(quiet::Openbgpd, ns, &config)]
            }
            Kind::Floor => vec![Daemon::start(Floor { first_only: first_sender(plan) }, ns, "")],
        })
    }
}

/// Between eBGP neighbours the floor passes on what the first sender says.
fn first_sender(plan: &Plan) -> Option<String> {
    (plan.scenario.shape == Shape::Exchange).then(|| plan.speakers[0].address.to_string())
}

/// The repeater as a daemon of the lab.
#[derive(Debug)]
struct Floor {
    first_only: Option<String>,
}

impl Program for Floor {
    fn kind(&self) -> &'static str {
        "floor"
    }

    fn command(&self, _: &Files) -> (PathBuf, Vec<String>) {
        let mut args = vec!["repeat".to_owned()];
        args.extend(self.first_only.iter().flat_map(|address| ["--first-only".to_owned(), address.clone()]));
        (generator(), args)
    }

    fn control(&self, _: &Files, _: &str) -> Result<String> {
        Ok(String::new()) // it has nothing to say; the bench waits until the port is open
    }

    fn ready(&self) -> &'static str {
        ""
    }
}

/// This program: `ROOST_LOAD_BIN`, which tests set, else the one that runs.
///
/// # Panics
/// When the system does not know which program runs.
pub fn generator() -> PathBuf {
    let own = || std::env::current_exe().expect("the system knows which program runs");
    std::env::var_os("ROOST_LOAD_BIN").map_or_else(own, PathBuf::from)
}

/// What each daemon says about its version, for the report.
pub fn version(kind: Kind) -> Option<String> {
    let (program, option, libraries) = match kind {
        Kind::Roost => (peers::roost(), "--version", &[][..]),
        Kind::Bird2 => (peers::bird2(), "--version", &[][..]),
        Kind::Frr | Kind::Frr0 => (peers::frr(), "--version", &["frr/usr/lib/x86_64-linux-gnu/frr"][..]),
        Kind::Gobgp => (peers::gobgp("gobgpd"), "--version", &[][..]),
        Kind::Openbgpd => (peers::openbgpd("bgpd"), "-V", &[][..]),
        Kind::Floor | Kind::Raw => return None,
    };
    let mut command = std::process::Command::new(program);
    let output = command.arg(option).env("LD_LIBRARY_PATH", peers::libraries(libraries)).output().ok()?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    text.lines().next().map(|line| line.trim().to_owned())
}
