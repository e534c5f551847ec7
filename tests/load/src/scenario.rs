//! The named scenarios: who speaks, how many prefixes, what is measured.
//!
//! A new one is a row here. Sizes are those at `--scale 1`; the scale multiplies what [`Scenario::scaled`] says.

use std::time::Duration;

/// What the daemon under test is to its speakers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A route reflector: every speaker is an iBGP client.
    Reflector,
    /// A node of a mesh: every speaker is another node (iBGP), routes go into the kernel. Each is a neighbour of the
    /// kernel's: for more than 1,000 of them `net.ipv4.neigh.default.gc_thresh3` must be raised.
    Node,
    /// A router between eBGP neighbours, each in an AS of its own.
    Exchange,
}

/// What happens once the sessions are up, and what is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Course {
    /// Everything is announced at once, until every receiver holds all of it; then half of it is withdrawn.
    Converge,
    /// As [`Course::Converge`], without the withdrawal.
    Announce,
    /// Each sender's prefixes come and go one by one: so many announcements a second, each prefix gone again after half
    /// of its period.
    Flap {
        /// Announcements of one sender in a second; as many withdrawals.
        rate: f64,
    },
    /// Nothing is announced: all speakers connect in the same instant, until all sessions are up.
    Storm,
    /// Everything is announced, then announced with another next hop, then withdrawn; each until the kernel has followed.
    Routes,
}

/// What grows in a scenario that is run at several sizes, to see what each more costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grows {
    /// [`Scenario::senders`]: the clients of a reflector.
    Clients,
    /// [`Scenario::prefixes`].
    Prefixes,
    /// [`Scenario::groups`].
    Groups,
    /// [`Scenario::watchers`].
    Watchers,
}

/// A scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, in a table's title.
    pub about: &'static str,
    /// What the daemon is.
    pub shape: Shape,
    /// Speakers that announce; in a reflector they receive, too.
    pub senders: usize,
    /// Speakers that only receive.
    pub receivers: usize,
    /// Speakers more that stop reading once their session is up.
    pub stalled: usize,
    /// Prefixes of one sender.
    pub prefixes: usize,
    /// All senders announce the same prefixes.
    pub same: bool,
    /// The prefixes are IPv6's.
    pub ipv6: bool,
    /// So many export policies share the speakers out among them, each setting another MED; 0: none has one. What a
    /// daemon encodes once for many peers, it encodes for each of these.
    pub groups: usize,
    /// Somebody asks on BIRD's control socket all the time ([`asks`](crate::asks)).
    pub asked: bool,
    /// So many clients watch all routes ([`watchers`](crate::watchers)).
    pub watchers: usize,
    /// What happens.
    pub course: Course,
    /// Whether a scale multiplies the prefixes instead of the senders.
    pub scales_prefixes: bool,
    /// What grows and the sizes it takes, in runs that make one table. Unless asked otherwise, of roost alone.
    pub grows: Option<(Grows, &'static [usize])>,
    /// How long one step of it may take.
    pub limit: Duration,
}

const BASE: Scenario = Scenario {
    name: "",
    about: "",
    shape: Shape::Reflector,
    senders: 0,
    receivers: 0,
    stalled: 0,
    prefixes: 0,
    same: false,
    ipv6: false,
    groups: 0,
    asked: false,
    watchers: 0,
    course: Course::Converge,
    scales_prefixes: false,
    grows: None,
    limit: Duration::from_secs(60),
};

const TABLE: Scenario = Scenario {
    shape: Shape::Exchange,
    senders: 2,
    receivers: 10,
    prefixes: 1_000_000,
    same: true,
    course: Course::Announce,
    scales_prefixes: true,
    limit: Duration::from_secs(240),
    ..BASE
};

const FIB: Scenario = Scenario {
    shape: Shape::Node,
    senders: 1,
    prefixes: 100_000,
    course: Course::Routes,
    scales_prefixes: true,
    ..BASE
};

/// All of them.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "R1",
        about: "a reflector, 500 iBGP clients × 10 /26, until every client holds all; then half withdrawn",
        senders: 500,
        prefixes: 10,
        ..BASE
    },
    Scenario {
        name: "R1-2000",
        about: "a reflector, 2,000 iBGP clients × 5 /26",
        senders: 2_000,
        prefixes: 5,
        limit: Duration::from_secs(180),
        ..BASE
    },
    Scenario {
        name: "R2",
        about: "a node in a mesh of 500 × 10 /26, until the kernel holds all; then half withdrawn",
        shape: Shape::Node,
        senders: 500,
        prefixes: 10,
        ..BASE
    },
    Scenario { name: "R3", about: "2 eBGP senders × 1,000,000 prefixes, 10 receivers", ..TABLE },
    Scenario {
        name: "R3-stalled",
        about: "R3 with a receiver more, which stops reading; then reads again",
        stalled: 1,
        ..TABLE
    },
    Scenario {
        name: "R3-asked",
        about: "R3 while status, protocols, a route and the number of routes are asked for, some hundred times a second",
        asked: true,
        ..TABLE
    },
    Scenario {
        name: "R3-watched",
        about: "R3-asked with 0 to 4 clients that watch all routes",
        asked: true,
        grows: Some((Grows::Watchers, &[0, 1, 4])),
        ..TABLE
    },
    Scenario {
        name: "R4",
        about: "30 eBGP senders × the same 20,000 prefixes, 30 receivers; then half withdrawn by all senders",
        senders: 30,
        receivers: 30,
        prefixes: 20_000,
        course: Course::Converge,
        ..TABLE
    },
    Scenario {
        name: "R5",
        about: "a reflector, 100 clients, each flapping 20 prefixes/s",
        senders: 100,
        prefixes: 20,
        course: Course::Flap { rate: 20.0 },
        ..BASE
    },
    Scenario {
        name: "R5-tenth",
        about: "R5 at a tenth of the rate",
        senders: 100,
        prefixes: 20,
        course: Course::Flap { rate: 2.0 },
        ..BASE
    },
    Scenario {
        name: "R6",
        about: "500 peers connect at once, until all sessions are up",
        senders: 500,
        course: Course::Storm,
        limit: Duration::from_secs(45),
        ..BASE
    },
    Scenario {
        name: "R6-2000",
        about: "2,000 peers connect at once",
        senders: 2_000,
        course: Course::Storm,
        limit: Duration::from_secs(45),
        ..BASE
    },
    Scenario {
        name: "fib",
        about: "a node, one session × 100,000 /26, until the kernel holds all; all by another next hop; all withdrawn",
        ..FIB
    },
    Scenario { name: "fib6", about: "the same with IPv6: one session × 100,000 /122", ipv6: true, ..FIB },
    Scenario {
        name: "scale-peers",
        about: "a reflector, 10 to 5,000 iBGP clients × 5 /26, until every client holds all",
        senders: 5_000,
        prefixes: 5,
        course: Course::Announce,
        grows: Some((Grows::Clients, &[10, 100, 500, 1_000, 2_000, 5_000])),
        limit: Duration::from_secs(240),
        ..BASE
    },
    Scenario {
        name: "scale-prefixes",
        about: "2 eBGP senders × 1,000 to 1,000,000 prefixes, 10 receivers",
        grows: Some((Grows::Prefixes, &[1_000, 10_000, 100_000, 1_000_000])),
        ..TABLE
    },
    Scenario {
        name: "scale-groups",
        about: "2 eBGP senders × 100,000 prefixes, 100 receivers in 1 to 100 update groups",
        receivers: 100,
        prefixes: 100_000,
        grows: Some((Grows::Groups, &[1, 2, 10, 100])),
        ..TABLE
    },
];

/// The scenario of this name.
pub fn named(name: &str) -> Option<Scenario> {
    ALL.iter().find(|scenario| scenario.name.eq_ignore_ascii_case(name)).copied()
}

impl Scenario {
    /// The same at another size: senders times `scale`, at least two; or prefixes times `scale`, at least two.
    #[must_use]
    pub fn scaled(mut self, scale: f64) -> Scenario {
        let size = if self.scales_prefixes { &mut self.prefixes } else { &mut self.senders };
        *size = ((*size as f64 * scale).round() as usize).max(2);
        self
    }

    /// The scenario at each size it takes: once as it is, if nothing grows.
    pub fn sizes(self) -> Vec<Scenario> {
        let Some((grows, sizes)) = self.grows else { return vec![self] };
        let grown = |&size| match grows {
            Grows::Clients => Scenario { senders: size, ..self },
            Grows::Prefixes => Scenario { prefixes: size, ..self },
            Grows::Groups => Scenario { groups: size, ..self },
            Grows::Watchers => Scenario { watchers: size, ..self },
        };
        sizes.iter().map(grown).collect()
    }

    /// The size of what grows.
    pub fn size(&self) -> Option<usize> {
        self.grows.map(|(grows, _)| match grows {
            Grows::Clients => self.senders,
            Grows::Prefixes => self.prefixes,
            Grows::Groups => self.groups,
            Grows::Watchers => self.watchers,
        })
    }

    /// Speakers of all kinds.
    pub fn speakers(&self) -> usize {
        self.senders + self.receivers + self.stalled
    }

    /// Distinct prefixes.
    pub fn distinct(&self) -> usize {
        if self.same { self.prefixes } else { self.prefixes * self.senders }
    }
}
