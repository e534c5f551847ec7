//! Twenty nodes, roost and BIRD mixed, every node a peer of every other: they converge, and a node that is killed
//! with -9 and started again three seconds later moves no route on the others (graceful restart, RFC 4724: roost as
//! the helper of both kinds, as the one restarting, with a Forwarding bit that is true).

use std::time::Duration;

use roost_tests::{Daemon, Kind, Lab, Netns, PATIENCE, Peer, RouteWatch, Speaker, until};

/// How many nodes, and which of them are BIRD.
const NODES: u8 = 20;
const BIRDS: [u8; 8] = [3, 5, 8, 10, 13, 15, 18, 20];

struct Mesh {
    nodes: Vec<Node>,
    _lab: Lab,
}

struct Node {
    number: u8,
    kind: Kind,
    ns: Netns,
    daemon: Daemon,
}

impl Mesh {
    #[track_caller]
    fn converged(name: &str) -> Mesh {
        let lab = Lab::new(name);
        let lan = lab.lan("lan");
        let nodes: Vec<Node> = (1..=NODES)
            .map(|number| {
                let ns = lab.netns(&format!("n{number}"));
                lan.plug(&lab, &ns, "eth0", &format!("port{number}"));
                let mut speaker = Speaker::new(&format!("10.9.0.{number}/24"), &[&block(number)]);
                speaker.peers = others(number).map(|other| Peer::new(&format!("10.9.0.{other}"), 64512)).collect();
                speaker.address_device(&ns, "eth0");
                let kind = if BIRDS.contains(&number) { Kind::Bird2 } else { Kind::Roost };
                let daemon = speaker.start(kind, &ns);
                Node { number, kind, ns, daemon }
            })
            .collect();
        let mesh = Mesh { nodes, _lab: lab };
        for node in &mesh.nodes {
            let wanted = routes_of(node.number);
            until(&format!("n{} ({:?}) holds all routes", node.number, node.kind), PATIENCE, || {
                let mut have = node.ns.routes("proto bird");
                have.sort();
                if have == wanted { Ok(()) } else { Err(format!("{have:#?}\n{}", node.peers())) }
            });
        }
        mesh
    }

    /// Kills one with -9, starts it again three seconds later, and returns once every node has taken it back: every
    /// session is up and no route is stale any more.
    #[track_caller]
    fn kill_and_start_again(&mut self, number: u8) {
        let node = self.nodes.iter_mut().find(|node| node.number == number).expect("a node of the mesh");
        node.daemon.kill_9();
        // The scenario itself: a node whose daemon is away for three seconds.
        std::thread::sleep(Duration::from_secs(3));
        node.daemon.launch();
        let address = format!("10.9.0.{number}");
        for node in &self.nodes {
            until(&format!("n{} has taken {address} back", node.number), PATIENCE, || node.settled(&address));
        }
    }

    /// Kills `number` and looks for any notice about any block anywhere.
    #[track_caller]
    fn nothing_moves_while_restarting(&mut self, number: u8) {
        let watches: Vec<RouteWatch> = self.nodes.iter().map(|node| RouteWatch::start(&node.ns)).collect();
        let marks: Vec<_> = watches.iter().map(RouteWatch::mark).collect();
        self.kill_and_start_again(number);
        for ((node, watch), mark) in self.nodes.iter().zip(&watches).zip(marks) {
            let moved: Vec<String> = watch.since(mark).into_iter().map(|line| line.text).collect();
            let about: Vec<&String> = moved.iter().filter(|line| line.contains("10.65.")).collect();
            assert!(
                about.is_empty(),
                "n{} ({:?}) moved routes while n{number} restarted: {about:#?}\n{}",
                node.number,
                node.kind,
                node.peers()
            );
            let mut have = node.ns.routes("proto bird");
            have.sort();
            assert_eq!(have, routes_of(node.number), "n{}", node.number);
        }
    }
}

impl Node {
    fn peers(&self) -> String {
        let question = if self.kind == Kind::Roost { "show peers" } else { "show protocols" };
        self.daemon.control(question).unwrap_or_else(|error| format!("{error:#}"))
    }

    /// Is the session with `restarted` (or, on that node itself, every session) up, and is nothing stale or pending?
    fn settled(&self, restarted: &str) -> Result<(), String> {
        let own = format!("10.9.0.{}", self.number) == restarted;
        match self.kind {
            Kind::Roost => {
                let ask = |what: &str| self.daemon.control(what).map_err(|error| format!("{error:#}"));
                let rows: serde_json::Value =
                    serde_json::from_str(&ask("show peers --json")?).map_err(|error| error.to_string())?;
                let status: serde_json::Value =
                    serde_json::from_str(&ask("show status --json")?).map_err(|error| error.to_string())?;
                let rows = rows.as_array().cloned().unwrap_or_default();
                let good = |row: &serde_json::Value| row["state"] == "established" && row["stale"] == 0;
                let mut concerned = rows.iter().filter(|row| own || row["address"] == restarted);
                if concerned.all(good) && !rows.is_empty() && (!own || status["phase"] == "running") {
                    return Ok(());
                }
                Err(format!("{status:#}\n{rows:#?}"))
            }
            Kind::Bird2 | Kind::Bird1 => {
                let status = self.daemon.control("show status").map_err(|error| error.to_string())?;
                let all = self.daemon.control("show protocols all").map_err(|error| error.to_string())?;
                let up = all.matches("BGP state:          Established").count();
                let recovering = status.contains("Graceful restart recovery");
                let stale = all.contains("Stale timer") || all.contains("Neighbor graceful restart active");
                if up == usize::from(NODES) - 1 && !recovering && !stale {
                    return Ok(());
                }
                Err(format!("{status}\n{up} sessions, stale: {stale}\n{}", self.peers()))
            }
        }
    }
}

fn block(number: u8) -> String {
    format!("10.65.{number}.0/26")
}

fn others(number: u8) -> impl Iterator<Item = u8> {
    (1..=NODES).filter(move |other| *other != number)
}

fn routes_of(number: u8) -> Vec<String> {
    let mut routes: Vec<String> =
        others(number).map(|other| format!("{} via 10.9.0.{other} dev eth0", block(other))).collect();
    routes.push(format!("blackhole {}", block(number)));
    routes.sort();
    routes
}

#[test]
fn a_mesh_of_twenty_converges_and_a_killed_node_of_either_kind_comes_back_unnoticed() {
    let mut mesh = Mesh::converged("twenty");
    mesh.nothing_moves_while_restarting(1); // roost
    mesh.nothing_moves_while_restarting(20); // BIRD
    mesh.nothing_moves_while_restarting(12); // roost, again, after others have restarted
}
