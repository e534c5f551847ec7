//! BIRD's control socket: roost in BIRD's place answers as BIRD 1.6 did, BIRD's own clients talk to it, and those who read
//! it for Calico find what they look for.

#[path = "birdc/alike.rs"]
mod alike;
#[path = "birdc/clients.rs"]
mod clients;
#[path = "birdc/readers.rs"]
mod readers;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use roost_tests::daemon::{bird2::Bird2, roost::Roost};
use roost_tests::{Daemon, Lab, Netns, PATIENCE, Speaker, until};

/// A node and the one that it has a session with, on one wire; two more peers are nowhere, one is not wanted.
struct Node {
    ns: Netns,
    lab: Lab,
    _other: Daemon,
}

impl Node {
    #[track_caller]
    fn new(name: &str) -> Node {
        let lab = Lab::new(name);
        let (ns, other) = (lab.netns("a"), lab.netns("b"));
        lab.wire((&ns, "eth0"), (&other, "eth0"));
        let speaker = |address: &str, address6: &str| Speaker::new(address, &[]).with_address6(address6);
        speaker("10.9.0.1/24", "fd00:9::1/64").address_device(&ns, "eth0");
        let b = Speaker {
            blocks: ["10.65.2.0/26", "10.65.3.0/26", "10.65.4.4/32", "fd00:65:2::/122"].map(str::to_owned).into(),
            ..speaker("10.9.0.2/24", "fd00:9::2/64")
        };
        let b = b.with_peer(peer("10.9.0.1")).with_peer(peer("fd00:9::1"));
        b.address_device(&other, "eth0");
        // Not in recovery, in which it would wait for sessions that a node of one family does not begin.
        let other = Daemon::start(Bird2 { recover: false }, &other, &b.bird2());
        Node { ns, lab, _other: other }
    }

    /// A socket of this name for BIRD's control protocol.
    fn socket(&self, name: &str) -> PathBuf {
        self.lab.dir().join(name)
    }

    /// roost on the node; with `six`, each family has a socket.
    #[track_caller]
    fn roost(&self, six: bool) -> Daemon {
        let bird6 = if six { format!(", bird6_socket: {}", self.socket("bird6.ctl").display()) } else { String::new() };
        let (v6_node, v6_block) = if six { (", \"fd00:9::1/64\"", ", \"fd00:65:1::/122\"") } else { ("", "") };
        let (own6, other6) = if six { (", \"fd00:9::1\"", ", \"fd00:9::2\"") } else { ("", "") };
        let config = format!(
            "router: {{ asn: 64512, router_id: 10.9.0.1 }}\n\
             node: {{ name: n1, addresses: [10.9.0.1/24{v6_node}], blocks: [10.65.1.0/26{v6_block}] }}\n\
             mesh: {{ nodes: [ {{ name: n1, addresses: [10.9.0.1{own6}] }}, {{ name: n2, addresses: [10.9.0.2{other6}] }} ] }}\n\
             peers:\n  - {{ address: 10.9.0.3, asn: 64512 }}\n  \
             - {{ address: 10.9.0.4, asn: 65001, passive: true, import: accept, export: accept }}\n\
             api: {{ socket: {}, bird_socket: {}{bird6} }}\nlog: {{ level: debug, format: text }}\n",
            Daemon::socket(&self.ns, "roost").display(),
            self.socket("bird.ctl").display(),
        );
        let roost = Daemon::start(Roost, &self.ns, &config);
        wait_for(&self.socket("bird.ctl"), "Mesh_10_9_0_2", "Established");
        if six {
            wait_for(&self.socket("bird6.ctl"), "Mesh_fd00_9__2", "Established");
        }
        until("the routes of the other node", PATIENCE, || {
            let count = ask(&self.socket("bird.ctl"), "show route count");
            if count.contains("4 of 4 routes for 4 networks") { Ok(()) } else { Err(count) }
        });
        roost
    }
}

fn peer(address: &str) -> roost_tests::Peer {
    roost_tests::Peer::new(address, 64512)
}

#[track_caller]
fn wait_for(socket: &Path, protocol: &str, state: &str) {
    until(&format!("{protocol} to be {state}"), PATIENCE, || {
        let rows = ask(socket, "show protocols");
        if rows.lines().any(|row| row.contains(protocol) && row.contains(state)) { Ok(()) } else { Err(rows) }
    });
}

/// A connection to a control socket.
struct Client(BufReader<UnixStream>);

impl Client {
    /// Connects; returns the greeting, too.
    #[track_caller]
    fn connect(socket: &Path) -> (Client, String) {
        let stream = UnixStream::connect(socket).unwrap_or_else(|error| panic!("{}: {error}", socket.display()));
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket has a timeout");
        let mut client = Client(BufReader::new(stream));
        let greeting = client.answer();
        (client, greeting)
    }

    /// The answer as it comes, to the last line.
    #[track_caller]
    fn ask(&mut self, command: &str) -> String {
        writeln!(self.0.get_mut(), "{command}").expect("the daemon reads");
        self.answer()
    }

    #[track_caller]
    fn answer(&mut self) -> String {
        let mut answer = String::new();
        loop {
            let begin = answer.len();
            assert_ne!(self.0.read_line(&mut answer).expect("an answer in time"), 0, "closed after {answer}");
            let line = &answer.as_bytes()[begin..];
            if line.len() > 4 && line[4] == b' ' && line[..4].iter().all(u8::is_ascii_digit) {
                return answer;
            }
        }
    }
}

/// One command on a connection of its own.
#[track_caller]
fn ask(socket: &Path, command: &str) -> String {
    Client::connect(socket).0.ask(command)
}
