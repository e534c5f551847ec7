//! The roost of a case: its configuration, its process, its table.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::path::PathBuf;
use std::process::Command;

use roost_tests::{Process, peers, until};
use serde_json::Value;
use tempfile::TempDir;

use super::address::PORT;
use super::table::{self, Row};
use super::{Event, Loopback, OUR_ID, OURS, Open, PATIENCE, Peer, wire};

/// A peer as roost's configuration has it.
#[derive(Clone, Debug)]
pub struct Neighbor {
    pub asn: u32,
    /// More keys of the peer's YAML.
    keys: Vec<String>,
    passive: bool,
    member: bool,
    missing: bool,
}

impl Neighbor {
    /// An external peer; everything passes its policies.
    pub fn ebgp(asn: u32) -> Self {
        Self {
            asn,
            keys: vec!["import: accept".into(), "export: accept".into()],
            passive: true,
            member: false,
            missing: false,
        }
    }

    /// An internal peer.
    pub fn ibgp() -> Self {
        Self { asn: OURS, keys: Vec::new(), passive: true, member: false, missing: false }
    }

    /// A peer of another member AS of our confederation.
    pub fn member(asn: u32) -> Self {
        Self { member: true, ..Self::ebgp(asn) }
    }

    /// An internal peer roost reflects for.
    pub fn client() -> Self {
        Self::ibgp().with("route_reflector_client: true")
    }

    /// A key more.
    pub fn with(mut self, key: &str) -> Self {
        let name = key.split(':').next().unwrap_or(key);
        self.keys.retain(|old| old.split(':').next() != Some(name));
        self.keys.push(key.to_owned());
        self
    }

    /// Not in the file; those behind it keep their numbers.
    pub fn missing(mut self) -> Self {
        self.missing = true;
        self
    }

    /// Whether it is not in the file.
    pub fn is_missing(&self) -> bool {
        self.missing
    }

    /// Whether it is in the file, and may have a session.
    pub fn is_enabled(&self) -> bool {
        !self.missing && !self.keys.iter().any(|key| key == "enabled: false")
    }

    /// IPv4 and IPv6.
    pub fn both(self) -> Self {
        self.with("families: [ipv4, ipv6]")
    }

    /// Roost connects to it, too.
    pub fn dialled(mut self) -> Self {
        self.passive = false;
        self
    }

    pub fn is_external(&self) -> bool {
        self.asn != OURS && !self.member
    }

    pub fn is_member(&self) -> bool {
        self.member
    }
}

/// What a roost is started with.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    neighbors: Vec<Neighbor>,
    blocks: Vec<String>,
    asn: Option<u32>,
    router: String,
    startup_wait: Option<String>,
    ipv6_port: Option<u16>,
    kernel: Option<String>,
    more: String,
}

impl Setup {
    /// These peers, and nothing of its own to announce.
    pub fn with(neighbors: impl IntoIterator<Item = Neighbor>) -> Self {
        Self { neighbors: neighbors.into_iter().collect(), ..Self::default() }
    }

    /// One external peer of AS 65001.
    pub fn external() -> Self {
        Self::with([Neighbor::ebgp(65001)])
    }

    /// Its peers.
    pub fn neighbors(&self) -> &[Neighbor] {
        &self.neighbors
    }

    /// Blocks of its own.
    pub fn blocks(mut self, blocks: &[&str]) -> Self {
        self.blocks = blocks.iter().map(|&block| block.to_owned()).collect();
        self
    }

    /// Another AS than [`OURS`].
    pub fn asn(mut self, asn: u32) -> Self {
        self.asn = Some(asn);
        self
    }

    /// A key more of `router`.
    pub fn router(mut self, key: &str) -> Self {
        self.router += &format!(", {key}");
        self
    }

    /// Waits for the End-of-RIBs of its peers before its own, for at most this long.
    pub fn startup_wait(mut self, time: &str) -> Self {
        self.startup_wait = Some(time.to_owned());
        self
    }

    /// Listens on this port of `::1` too, and has a peer there, numbered behind the others: AS, and keys of its YAML.
    pub fn ipv6(mut self, port: u16, asn: u32, keys: &str) -> Self {
        self.ipv6_port = Some(port);
        self.more = format!(
            "  - {{ address: \"::1\", asn: {asn}, source: \"::1\", passive: true, import: accept, export: accept, {keys} }}\n"
        );
        self
    }

    /// Writes kernel routes, where that is possible, as these top-level keys say (`fib`, `pools`).
    pub fn kernel(mut self, yaml: &str) -> Self {
        self.kernel = Some(yaml.to_owned());
        self
    }

    /// More top-level YAML, in which ROOST is its address.
    pub fn more(mut self, yaml: &str) -> Self {
        self.more = yaml.to_owned();
        self
    }

    /// Starts it. Its peers are let in when this returns.
    #[track_caller]
    pub fn start(self) -> Roost {
        let net = Loopback::claim();
        let folder = tempfile::Builder::new().prefix("roost-battery-").tempdir().expect("a folder under /tmp");
        let config = folder.path().join("roost.yaml");
        let socket = folder.path().join("api");
        std::fs::write(&config, self.yaml(&net, &socket.display().to_string())).expect("the folder is ours");
        let mut roost = Roost { process: None, net, socket, config, setup: self, folder };
        roost.launch();
        roost
    }

    fn yaml(&self, net: &Loopback, socket: &str) -> String {
        let mut out = String::new();
        let id = Ipv4Addr::from(OUR_ID);
        let asn = self.asn.unwrap_or(OURS);
        let (us, wait) = (net.roost(), self.startup_wait.as_deref().unwrap_or("0s"));
        let kernel = self.kernel.as_deref().unwrap_or("fib: { enabled: false }\n");
        let ipv6 = self.ipv6_port.map(|port| format!(", \"[::1]:{port}\"")).unwrap_or_default();
        let _ = writeln!(
            out,
            "router: {{ asn: {asn}, router_id: {id}, listen: [\"{us}:{PORT}\"{ipv6}], graceful_restart: {{ startup_wait: {wait} }}{} }}\n\
             node: {{ name: n1, addresses: [192.0.2.1/24, 192.0.2.2/24, \"2001:db8:ffff::1/64\"], blocks: {:?} }}\n\
             {kernel}api: {{ socket: {socket} }}\nlog: {{ level: debug, format: text }}\npeers:",
            self.router, self.blocks
        );
        for (number, neighbor) in self.neighbors.iter().enumerate().filter(|(_, neighbor)| !neighbor.missing) {
            let address = net.peer(number);
            let Neighbor { asn, keys, passive, .. } = neighbor;
            let mut keys = keys.clone();
            for key in ["connect_retry: 100ms", "idle_hold: 100ms", "idle_hold_max: 100ms"] {
                let name = key.split(':').next();
                if !keys.iter().any(|other| other.split(':').next() == name) {
                    keys.push(key.to_owned());
                }
            }
            let keys = keys.join(", ");
            let _ = writeln!(
                out,
                "  - {{ address: {address}, port: {PORT}, asn: {asn}, source: {us}, passive: {passive}, {keys} }}"
            );
        }
        out + &self.more.replace("ROOST", &us.to_string())
    }
}

/// A running roost; it ends with the case.
#[derive(Debug)]
pub struct Roost {
    process: Option<Process>,
    net: Loopback,
    socket: PathBuf,
    config: PathBuf,
    setup: Setup,
    folder: TempDir,
}

impl Roost {
    #[track_caller]
    fn launch(&mut self) {
        let mut command = Command::new(peers::roost());
        command.arg("run").arg("--config").arg(&self.config);
        let mut process = Process::start(command, "roost", self.folder.path());
        until("roost's control socket", PATIENCE, || {
            if process.ended().is_some() {
                return Err(format!("roost ended:\n{}", process.log()));
            }
            std::os::unix::net::UnixStream::connect(&self.socket).map(drop).map_err(|error| error.to_string())
        });
        self.process = Some(process);
    }

    /// Writes another configuration into its file; peers are told apart by their places in the list.
    pub fn rewrite(&mut self, setup: Setup) {
        self.setup = setup;
        let yaml = self.setup.yaml(&self.net, &self.socket.display().to_string());
        std::fs::write(&self.config, yaml).expect("the folder is ours");
    }

    /// Writes another configuration into another file, and says which.
    pub fn elsewhere(&self, name: &str, setup: &Setup) -> PathBuf {
        let file = self.folder.path().join(name);
        let yaml = setup.yaml(&self.net, &self.socket.display().to_string());
        std::fs::write(&file, yaml).expect("the folder is ours");
        file
    }

    /// Its configuration file.
    pub fn file(&self) -> &std::path::Path {
        &self.config
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::V4(SocketAddrV4::new(self.net.roost(), PORT))
    }

    /// Its network.
    pub fn net(&self) -> &Loopback {
        &self.net
    }

    /// A connection from the address of a peer; nothing is said yet.
    #[track_caller]
    pub fn connect(&self, number: usize) -> Peer {
        let neighbor = self.setup.neighbors[number].clone();
        Peer::connect(self.net.peer(number), self.address(), number, neighbor)
    }

    /// A connection from an address that is no peer's.
    #[track_caller]
    pub fn stranger(&self, number: u8) -> Peer {
        Peer::connect(self.net.stranger(number), self.address(), 200, Neighbor::ebgp(65099))
    }

    /// A connection on which roost has said its OPEN: tries again while roost refuses the peer after a mistake.
    #[track_caller]
    pub fn connect_until_open(&self, number: usize) -> Peer {
        until("roost takes a connection", PATIENCE, || {
            let mut peer = self.connect(number);
            match peer.next(PATIENCE) {
                Event::Message(wire::OPEN, body) => {
                    peer.open = body;
                    Ok(peer)
                }
                other => Err(format!("{other:02x?}")),
            }
        })
    }

    /// An established session with a peer that speaks the usual dialect, with `10.0.0.10 + number` as identifier.
    #[track_caller]
    pub fn peer(&self, number: usize) -> Peer {
        let open = Open::new(self.setup.neighbors[number].asn).id(Self::peer_id(number));
        self.peer_with(number, open)
    }

    /// An established session with a peer that says this OPEN.
    #[track_caller]
    pub fn peer_with(&self, number: usize, open: Open) -> Peer {
        let mut peer = self.connect(number);
        peer.establish(&open);
        self.await_state(number, "established");
        peer
    }

    /// The same for a peer that was there before: tries again while roost does not take it back.
    #[track_caller]
    pub fn connect_again(&self, number: usize, open: Open) -> Peer {
        until("roost takes the peer back", PATIENCE, || {
            let mut peer = self.connect_until_open(number);
            peer.say(&open);
            match peer.next(PATIENCE) {
                Event::Message(wire::KEEPALIVE, _) => {
                    peer.note_negotiated(&open);
                    peer.send(wire::keepalive());
                    Ok(peer)
                }
                // The session before has not ended for roost yet.
                other => Err(format!("{other:02x?}")),
            }
        })
    }

    /// The identifier [`Self::peer`] uses.
    pub fn peer_id(number: usize) -> [u8; 4] {
        [10, 0, 0, 10 + number as u8]
    }

    /// Listens at the address of a peer, for roost to connect.
    pub fn listen(&self, number: usize) -> TcpListener {
        TcpListener::bind((self.net.peer(number), PORT)).expect("the network is ours alone")
    }

    /// The next connection roost makes to a peer.
    #[track_caller]
    pub fn accept(&self, number: usize, listener: &TcpListener) -> Peer {
        Peer::accept(listener, number, self.setup.neighbors[number].clone())
    }

    /// The address of a peer as text, as it stands in the table.
    pub fn name(&self, number: usize) -> String {
        self.net.peer(number).to_string()
    }

    /// A page of the control socket.
    #[track_caller]
    pub fn page(&self, page: &str) -> Value {
        table::get(&self.socket, page)
    }

    /// What `roost ARGUMENTS` prints when it asks this one; its error when that fails.
    #[track_caller]
    pub fn command(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(peers::roost());
        let output = command.args(arguments).env("ROOST_SOCKET", &self.socket).output().expect("it runs already");
        let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// Every path, without those of [`Peer::settle`].
    #[track_caller]
    pub fn table(&self) -> Vec<Row> {
        let rows = self.page("/v1/routes");
        let rows = rows.as_array().unwrap_or_else(|| panic!("no list: {rows}"));
        rows.iter().map(Row::of).filter(|row| !is_marker(&row.prefix)).collect()
    }

    /// Prefixes held from a peer and not refused, in order.
    #[track_caller]
    pub fn prefixes(&self, number: usize) -> Vec<String> {
        let name = self.name(number);
        let rows = self.table().into_iter();
        let mut prefixes: Vec<_> = rows.filter(|row| row.from == name && row.best).map(|row| row.prefix).collect();
        prefixes.sort();
        prefixes
    }

    /// The one path a peer offers for a prefix.
    #[track_caller]
    pub fn row(&self, number: usize, prefix: &str) -> Row {
        let name = self.name(number);
        let table = self.table();
        let mut rows = table.iter().filter(|row| row.prefix == prefix && row.from == name);
        match (rows.next(), rows.next()) {
            (Some(row), None) => row.clone(),
            _ => panic!("not one path of {name} to {prefix}: {table:#?}"),
        }
    }

    /// Everything about one peer.
    #[track_caller]
    pub fn about(&self, number: usize) -> Value {
        self.page(&format!("/v1/peers/{}", self.name(number)))
    }

    /// Waits until a peer is in a state.
    #[track_caller]
    pub fn await_state(&self, number: usize, state: &str) {
        until(&format!("peer {number} is {state}"), PATIENCE, || {
            let about = self.about(number);
            if about["state"] == state { Ok(()) } else { Err(format!("{about}\n{}", self.log())) }
        });
    }

    /// Waits until the reason why a peer is down has these words.
    #[track_caller]
    pub fn await_reason(&self, number: usize, words: &str) {
        until(&format!("peer {number} is down: {words}"), PATIENCE, || {
            let reason = self.about(number)["reason"].to_string();
            if reason.contains(words) { Ok(()) } else { Err(reason) }
        });
    }

    /// Waits until the first limit of a peer is in this state: the table counts, and the session hears of it a moment later.
    #[track_caller]
    pub fn await_limit(&self, number: usize, state: &str) {
        until(&format!("the limit of peer {number} is {state}"), PATIENCE, || {
            let limits = self.about(number)["limits"].clone();
            if limits[0]["state"] == state { Ok(()) } else { Err(limits.to_string()) }
        });
    }

    /// Waits until a peer has sent all of so many families, and the owner of the table has it.
    #[track_caller]
    pub fn await_complete(&self, number: usize, families: usize) {
        until(&format!("peer {number} has sent all of {families} families"), PATIENCE, || {
            let complete = self.about(number)["end_of_rib"].clone();
            if complete.as_array().map(Vec::len) == Some(families) { Ok(()) } else { Err(complete.to_string()) }
        });
    }

    /// Waits until the table is as `want` says.
    #[track_caller]
    pub fn await_table<T>(&self, what: &str, mut want: impl FnMut(&[Row]) -> Option<T>) -> T {
        until(what, PATIENCE, || {
            let table = self.table();
            want(&table).ok_or_else(|| format!("{table:#?}"))
        })
    }

    /// What it logged.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    /// Octets of memory it uses at the moment.
    pub fn memory(&self) -> u64 {
        let pid = self.process.as_ref().map_or(0, Process::pid);
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("roost runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux says VmRSS");
        let kib = line.split_whitespace().nth(1).expect("a number behind VmRSS");
        kib.parse::<u64>().expect("a number behind VmRSS") * 1024
    }

    /// SIGTERM.
    pub fn terminate(&mut self) {
        if let Some(process) = &mut self.process {
            process.signal(15);
        }
    }

    /// The end and another start, with the same configuration.
    #[track_caller]
    pub fn restart(&mut self) {
        self.process = None;
        self.launch();
    }
}

/// Whether [`Peer::settle`] announced it.
pub fn is_marker(prefix: &str) -> bool {
    prefix.starts_with("198.18.") || prefix.starts_with("2001:db8:5e77:")
}
