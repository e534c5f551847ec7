//! Three nodes of a mesh on one LAN, a pod behind each, and the witness of what happens to their packets.
//!
//! ```text
//!   p1 ── n1 ─┐
//!   p2 ── n2 ─┼─ lan        node n: 10.9.0.n, its block 10.65.n.0/26, its pod 10.65.n.5
//!   p3 ── n3 ─┘
//! ```

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use roost_tests::stream::Outcome;
use roost_tests::watch::Mark;
use roost_tests::{Daemon, Kind, Lab, Netns, PATIENCE, Peer, RouteWatch, Speaker, Stream, until};

/// A node and its pod.
pub struct Node {
    pub number: u8,
    pub kind: Kind,
    pub ns: Netns,
    pub pod: Netns,
    pub speaker: Speaker,
    pub daemon: Daemon,
    /// How often its configuration was read again.
    pub reloads: usize,
}

/// Nodes that are all each other's peers.
pub struct Mesh {
    pub nodes: Vec<Node>,
    lab: Lab,
}

impl Mesh {
    /// Nodes of these kinds, converged.
    #[track_caller]
    pub fn converged(name: &str, kinds: &[Kind]) -> Mesh {
        let lab = Lab::new(name);
        let lan = lab.lan("lan");
        let numbers = 1..=u8::try_from(kinds.len()).expect("a few nodes");
        let nodes = numbers.clone().zip(kinds).map(|(number, kind)| {
            let (ns, pod) = (lab.netns(&format!("n{number}")), lab.netns(&format!("p{number}")));
            lan.plug(&lab, &ns, "eth0", &format!("port{number}"));
            let mut speaker = Speaker::new(&format!("10.9.0.{number}/24"), &[&block(number)]);
            let others = numbers.clone().filter(|other| *other != number);
            speaker.peers = others.map(|other| Peer::new(&format!("10.9.0.{other}"), 64512)).collect();
            speaker.address_device(&ns, "eth0");
            attach_pod(&lab, &ns, &pod, number);
            let daemon = speaker.start(*kind, &ns);
            Node { number, kind: *kind, ns, pod, speaker, daemon, reloads: 0 }
        });
        let mesh = Mesh { nodes: nodes.collect(), lab };
        for node in &mesh.nodes {
            until(&format!("n{} holds all routes", node.number), PATIENCE, || mesh.holds_all(node));
        }
        mesh.settled();
        mesh
    }

    /// Another wire between the first two nodes, with this name on both.
    #[track_caller]
    pub fn wire(&self, device: &str) {
        self.lab.wire((&self.nodes[0].ns, device), (&self.nodes[1].ns, device));
    }

    /// Whether the node's kernel has a route to each block, and no other.
    pub fn holds_all(&self, node: &Node) -> Result<(), String> {
        let mut have = node.ns.routes("proto bird");
        have.sort();
        let wanted = self.nodes.iter().map(|other| match other.number {
            number if number == node.number => format!("blackhole {}", block(number)),
            number => format!("{} via 10.9.0.{number} dev eth0", block(number)),
        });
        let mut wanted: Vec<String> = wanted.collect();
        wanted.sort();
        if have == wanted { Ok(()) } else { Err(format!("want {wanted:#?}\nhave {have:#?}")) }
    }

    /// Waits until every session of every node is up, nothing is stale, and no startup is under way.
    #[track_caller]
    pub fn settled(&self) {
        for node in &self.nodes {
            until(&format!("n{} has settled", node.number), PATIENCE, || node.settled(self.nodes.len() - 1));
        }
    }

    /// Begins to watch: packets between the pods of the first node and of all others, and the routes of all.
    #[track_caller]
    pub fn witness(&self) -> Witness {
        let (first, others) = self.nodes.split_first().expect("a mesh has nodes");
        let pairs = others.iter().flat_map(|other| [(first, other), (other, first)]);
        let streams = pairs.map(|(from, to)| Stream::start(&from.pod, &to.pod, pod(to.number), 4)).collect();
        Witness::of(streams, self.nodes.iter().map(|node| &node.ns))
    }
}

impl Node {
    /// Waits until nothing of this node is under way any more.
    pub fn settled(&self, peers: usize) -> Result<(), String> {
        let ask = |what: &str| self.daemon.control(what).map_err(|error| format!("{error:#}"));
        if self.kind == Kind::Roost {
            let parse =
                |text: String| serde_json::from_str::<serde_json::Value>(&text).map_err(|error| error.to_string());
            let (rows, status) = (parse(ask("show peers --json")?)?, parse(ask("show status --json")?)?);
            let good = |row: &&serde_json::Value| row["state"] == "established" && row["stale"] == 0;
            let up = rows.as_array().map_or(0, |rows| rows.iter().filter(good).count());
            return if up == peers && status["phase"] == "running" {
                Ok(())
            } else {
                Err(format!("{status:#}\n{rows:#}"))
            };
        }
        let (status, all) = (ask("show status")?, ask("show protocols all")?);
        let up = all.matches("BGP state:          Established").count();
        let stale = ["Stale timer", "Neighbor graceful restart active"].iter().any(|text| all.contains(text));
        let waits = stale || status.contains("Graceful restart recovery");
        if up == peers && !waits { Ok(()) } else { Err(format!("{status}\n{all}")) }
    }
}

/// Who counts packets and reads what the kernels say of routes.
pub struct Witness {
    streams: Vec<Stream>,
    watches: Vec<(String, RouteWatch, Mark)>,
    began: Instant,
}

impl Witness {
    /// Of streams that run, and of the routes of some namespaces.
    #[track_caller]
    pub fn of<'a>(streams: Vec<Stream>, nodes: impl Iterator<Item = &'a Netns>) -> Witness {
        let watch = |ns: &Netns| {
            let watch = RouteWatch::start(ns);
            let mark = watch.mark();
            (ns.name().to_owned(), watch, mark)
        };
        Witness { streams, watches: nodes.map(watch).collect(), began: Instant::now() }
    }

    /// Ends the streams, and says what was seen.
    #[track_caller]
    pub fn end(self) -> Seen {
        let since = self.began;
        let notices = self.watches.iter().flat_map(|(node, watch, mark)| {
            let lines = watch.since(*mark).into_iter().filter(|line| line.text.contains("10.65."));
            lines.map(move |line| {
                let at = line.at.saturating_duration_since(since).as_secs_f64();
                format!("{node} +{at:.4} s: {}", line.text)
            })
        });
        Seen { notices: notices.collect(), outcomes: self.streams.into_iter().map(Stream::end).collect(), since }
    }
}

/// What a [`Witness`] has seen.
pub struct Seen {
    /// What the kernels said of routes to blocks: `n1 +0.0021 s: Deleted 10.65.2.0/26 …`.
    pub notices: Vec<String>,
    /// What became of each stream.
    pub outcomes: Vec<Outcome>,
    since: Instant,
}

impl Seen {
    /// Every packet has arrived.
    #[track_caller]
    pub fn nothing_lost(&self) -> &Seen {
        assert!(self.outcomes.iter().all(|outcome| outcome.lost.is_empty()), "{self}");
        self
    }

    /// No kernel has deleted a route to a block.
    #[track_caller]
    pub fn no_route_deleted(&self) -> &Seen {
        assert!(!self.notices.iter().any(|notice| notice.contains("Deleted")), "{self}");
        self
    }

    /// No kernel has said anything of a route to a block.
    #[track_caller]
    pub fn no_route_touched(&self) -> &Seen {
        assert!(self.notices.is_empty(), "{self}");
        self
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outcome in &self.outcomes {
            f.write_str(&outcome.text(self.since))?;
        }
        self.notices.iter().try_for_each(|notice| writeln!(f, "{notice}"))
    }
}

/// Puts a pod behind a node, as a network plugin does: a veth, and a route to the one address.
#[track_caller]
pub fn attach_pod(lab: &Lab, node: &Netns, pod_ns: &Netns, number: u8) {
    lab.wire((node, "cali0"), (pod_ns, "eth0"));
    node.sysctl("ipv4/ip_forward", "1");
    node.ip(&format!("route add {} dev cali0", pod(number)));
    pod_ns.ip(&format!("addr add {}/32 dev eth0", pod(number)));
    pod_ns.ip(&format!("route add default via 10.9.0.{number} dev eth0 onlink"));
}

/// The block of a node.
pub fn block(number: u8) -> String {
    format!("10.65.{number}.0/26")
}

/// The address of a node's pod.
pub fn pod(number: u8) -> IpAddr {
    Ipv4Addr::new(10, 65, number, 5).into()
}
