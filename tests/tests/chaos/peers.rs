//! Roost's peers: speakers that this process plays, for which hundreds of announcements are a few octets, and a BIRD 2.
//!
//! Sessions have a link of their own that nothing happens to; what is announced leads over the others. A played peer
//! never reads an UPDATE and has no timers (hold time 0), so it needs no thread.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use ipnetwork::IpNetwork;
use roost_tests::{Daemon, PATIENCE, until};
use socket2::Socket;

use super::harness::{Open, Update, dial, keepalive, notification};
use super::model::Path;
use super::settings::net;

pub const ASN: u32 = 64512;
/// Roost's end of the link for sessions.
pub const ROOST: &str = "192.168.77.1";
pub const BIRD: &str = "192.168.77.20";

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Close,
    Reset,
    /// Cease: graceful restart does not cover it (RFC 4724 §4).
    Notification,
}

/// A peer that this process plays.
pub struct Played {
    pub address: Ipv4Addr,
    /// It offers graceful restart: its routes are kept while it is away.
    pub graceful: bool,
    stream: Option<TcpStream>,
    /// What it has to announce.
    table: BTreeMap<IpNetwork, Path>,
    /// What roost has of it.
    pub held: BTreeMap<IpNetwork, Path>,
    marker: u8,
}

impl Played {
    pub fn new(number: u8, graceful: bool) -> Played {
        let address = Ipv4Addr::new(192, 168, 77, 10 + number);
        let (table, held) = Default::default();
        Played { address, graceful, stream: None, table, held, marker: 0 }
    }

    pub fn is_up(&self) -> bool {
        self.stream.is_some()
    }

    /// Connects until roost takes it, and says all it has.
    pub fn connect(&mut self) {
        let to: SocketAddr = format!("{ROOST}:179").parse().expect("an address");
        let stream = until("roost takes the session", PATIENCE, || {
            let stream = dial(self.address, to).map_err(|error| error.to_string())?;
            self.open(stream).map_err(|error| error.to_string())
        });
        self.stream = Some(stream);
        self.held = self.table.clone();
        for (prefix, path) in self.table.clone() {
            self.say(&self.update(prefix, Some(path)));
        }
        // End-of-RIB (RFC 4724 §2).
        self.say(&Update::new());
        self.say(&Update::new().unreach6(&[]));
    }

    fn open(&self, mut stream: TcpStream) -> std::io::Result<TcpStream> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut open = Open::new(ASN).ipv6().hold(0).id(self.address.octets());
        if self.graceful {
            // RFC 4724 §3: back again, 120 s, both families as they were.
            open = open.cap(64, &[0x80, 120, 0, 1, 1, 0x80, 0, 2, 1, 0x80]);
        }
        stream.write_all(&[open.encode(), keepalive()].concat())?;
        let mut header = [0; 19];
        // OPEN, then KEEPALIVE.
        for kind in [1, 4] {
            stream.read_exact(&mut header)?;
            let length = usize::from(u16::from_be_bytes([header[16], header[17]])).saturating_sub(19);
            stream.read_exact(&mut vec![0; length])?;
            if header[18] != kind {
                return Err(std::io::Error::other(format!("message of type {}", header[18])));
            }
        }
        Ok(stream)
    }

    pub fn disconnect(&mut self, end: End) {
        let Some(mut stream) = self.stream.take() else { return };
        let lost = match end {
            End::Notification => stream.write_all(&notification(6, 2, &[])).map(|()| true),
            // With octets unread, closing would be a reset.
            End::Close => {
                let _ = stream.set_nonblocking(true);
                let _ = stream.read_to_end(&mut Vec::new());
                stream.shutdown(Shutdown::Both).map(|()| false)
            }
            End::Reset => Socket::from(stream).set_linger(Some(Duration::ZERO)).map(|()| false),
        };
        if lost.unwrap_or(false) || !self.graceful {
            self.held.clear();
        }
    }

    /// Roost has ended: so has the session.
    pub fn roost_ended(&mut self) {
        self.stream = None;
        self.held.clear();
    }

    /// A path, or none any more; told at once if there is a session.
    pub fn announce(&mut self, prefix: IpNetwork, path: Option<Path>) {
        match path {
            Some(path) => drop(self.table.insert(prefix, path)),
            None => drop(self.table.remove(&prefix)),
        }
        if self.is_up() {
            self.held.clone_from(&self.table);
            self.say(&self.update(prefix, path));
        }
    }

    /// Announces another prefix than the last time: once roost knows it, it knows everything said before.
    pub fn mark(&mut self) -> Option<IpNetwork> {
        self.drain();
        let [.., last] = self.address.octets();
        let marker = |n: u8| net(&format!("198.{}.{last}.0/24", 18 + n));
        self.announce(marker(self.marker), None);
        self.marker = 1 - self.marker;
        let path = Path { next_hop: self.address.into(), local_pref: 100 };
        self.announce(marker(self.marker), Some(path));
        self.is_up().then(|| marker(self.marker))
    }

    /// What roost says is of no interest, but must not fill the socket.
    fn drain(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        let _ = stream.set_nonblocking(true);
        let _ = stream.read_to_end(&mut Vec::new());
        let _ = stream.set_nonblocking(false);
    }

    fn say(&mut self, update: &Update) {
        let Some(stream) = &mut self.stream else { return };
        if let Err(error) = stream.write_all(&update.encode()) {
            panic!("roost ended the session with {}: {error}", self.address);
        }
    }

    fn update(&self, prefix: IpNetwork, path: Option<Path>) -> Update {
        let text = prefix.to_string();
        let Some(Path { next_hop, local_pref }) = path else {
            return match prefix {
                IpNetwork::V4(_) => Update::new().withdraw(&[&text]),
                IpNetwork::V6(_) => Update::new().unreach6(&[&text]),
            };
        };
        let update = Update::new().origin(0).path(&[]).local_pref(local_pref);
        match next_hop {
            IpAddr::V4(next_hop) => update.next_hop(next_hop.octets()).announce(&[&text]),
            IpAddr::V6(next_hop) => update.reach6(&next_hop.octets(), &[&text]),
        }
    }
}

/// The real one. Each of its prefixes is a protocol of its own, so that they come and go one by one.
pub struct Bird {
    daemon: Daemon,
    announced: BTreeMap<IpNetwork, Path>,
    all: Vec<(IpNetwork, Path)>,
}

impl Bird {
    pub fn start(daemon: impl FnOnce(&str) -> Daemon, all: &[(IpNetwork, Path)]) -> Bird {
        let mut config = format!("log stderr all;\nrouter id {BIRD};\nprotocol device {{ }}\n");
        let mut filter = "if source != RTS_STATIC then reject;".to_owned();
        for (number, (prefix, path)) in all.iter().enumerate() {
            config += &format!("protocol static s{number} {{ disabled; ipv4; route {prefix} blackhole; }}\n");
            let Path { next_hop, local_pref } = path;
            filter +=
                &format!(" if net = {prefix} then {{ bgp_next_hop = {next_hop}; bgp_local_pref = {local_pref}; }}");
        }
        config += &format!(
            "protocol bgp roost {{ local {BIRD} as {ASN}; neighbor {ROOST} as {ASN}; multihop;\n\
             graceful restart on; graceful restart time 120; connect delay time 1; connect retry time 1; error wait time 1, 1;\n\
             ipv4 {{ import none; export filter {{ {filter} accept; }}; }}; }}\n"
        );
        Bird { daemon: daemon(&config), announced: BTreeMap::new(), all: all.to_vec() }
    }

    pub fn held(&self) -> &BTreeMap<IpNetwork, Path> {
        &self.announced
    }

    pub fn toggle(&mut self, number: usize) {
        let number = number % self.all.len();
        let (prefix, path) = self.all[number];
        match self.announced.remove(&prefix) {
            Some(_) => drop(self.daemon.ask(&format!("disable s{number}"))),
            None => {
                self.daemon.ask(&format!("enable s{number}"));
                self.announced.insert(prefix, path);
            }
        }
    }

    /// -9 and anew; what it was told at run time is forgotten.
    pub fn restart(&mut self) {
        self.daemon.kill_9();
        self.daemon.launch();
        self.announced.clear();
    }
}
