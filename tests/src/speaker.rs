//! What a BGP speaker of a lab is told, and how that reads in each daemon's language.
//!
//! A test says once who announces what to whom; the same words become BIRD 2 or roost, so a daemon can take another's
//! place in a lab by its kind alone. Timers are short: tests wait for what happens, not for retry pauses.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::daemon::{Daemon, bird1::Bird1, bird2::Bird2, roost::Roost};
use crate::netns::Netns;

/// Which program a speaker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// roost.
    Roost,
    /// BIRD 2, started in graceful-restart recovery as on Kubernetes nodes.
    Bird2,
    /// BIRD 1.6, IPv4 only, started in graceful-restart recovery.
    Bird1,
}

/// One speaker of a lab.
#[derive(Debug, Clone)]
pub struct Speaker {
    /// Its AS.
    pub asn: u32,
    /// Its address with the length of the subnet, such as `10.9.0.1/24`; also its router id.
    pub address: String,
    /// Its IPv6 address with the length of the subnet.
    pub address6: Option<String>,
    /// The blocks it announces, IPv4 and IPv6.
    pub blocks: Vec<String>,
    /// Its peers.
    pub peers: Vec<Peer>,
    /// More top-level lines of YAML or of BIRD's configuration, for what one test alone needs.
    pub more: String,
}

/// A peer of a [`Speaker`].
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Its AS.
    pub asn: u32,
    /// Both families over this one session, not only the address's own.
    pub both_families: bool,
    /// Wait for it to connect.
    pub passive: bool,
    /// It is our route reflector client.
    pub client: bool,
    /// Several paths for a prefix both ways (RFC 7911), where both want it.
    pub several_paths: bool,
    /// TCP-MD5.
    pub password: Option<String>,
}

impl Peer {
    /// A peer that exchanges the family of its address.
    ///
    /// # Panics
    /// When `address` is none.
    #[track_caller]
    pub fn new(address: &str, asn: u32) -> Peer {
        let address = address.parse().unwrap_or_else(|error| panic!("{address}: {error}"));
        Peer { address, asn, both_families: false, passive: false, client: false, several_paths: false, password: None }
    }
}

impl Speaker {
    /// A speaker of AS 64512 at `address` that announces `blocks`.
    pub fn new(address: &str, blocks: &[&str]) -> Speaker {
        Speaker {
            asn: 64512,
            address: address.to_owned(),
            address6: None,
            blocks: blocks.iter().map(|&block| block.to_owned()).collect(),
            peers: Vec::new(),
            more: String::new(),
        }
    }

    /// The same with an IPv6 address.
    #[must_use]
    pub fn with_address6(mut self, address6: &str) -> Speaker {
        self.address6 = Some(address6.to_owned());
        self
    }

    /// The same with a peer more.
    #[must_use]
    pub fn with_peer(mut self, peer: Peer) -> Speaker {
        self.peers.push(peer);
        self
    }

    /// Gives the namespace's `dev` the speaker's addresses.
    #[track_caller]
    pub fn address_device(&self, ns: &Netns, dev: &str) {
        ns.ip(&format!("addr add {} dev {dev}", self.address));
        if let Some(address6) = &self.address6 {
            ns.ip(&format!("addr add {address6} dev {dev} nodad"));
        }
    }

    /// Starts it in `ns` as a program of this kind.
    #[track_caller]
    pub fn start(&self, kind: Kind, ns: &Netns) -> Daemon {
        match kind {
            Kind::Roost => Daemon::start(Roost, ns, &self.roost(ns)),
            Kind::Bird2 => Daemon::start(Bird2 { recover: true }, ns, &self.bird2()),
            Kind::Bird1 => Daemon::start(Bird1 { recover: true, ipv6: false }, ns, &self.bird1()),
        }
    }

    fn ip(&self) -> &str {
        bare(&self.address)
    }

    /// The configuration of roost in `ns`.
    pub fn roost(&self, ns: &Netns) -> String {
        let socket = Daemon::socket(ns, "roost");
        let addresses: Vec<&String> = std::iter::once(&self.address).chain(&self.address6).collect();
        let mut out = String::new();
        let mut line = |text: String| {
            out.push_str(&text);
            out.push('\n');
        };
        line(format!("router: {{ asn: {}, router_id: {} }}", self.asn, self.ip()));
        line(format!("node: {{ name: {}, addresses: {addresses:?}, blocks: {:?} }}", ns.name(), self.blocks));
        line("peers:".to_owned());
        if self.peers.is_empty() {
            line("  []".to_owned());
        }
        for peer in &self.peers {
            let mut keys =
                format!("address: \"{}\", asn: {}, connect_retry: 1s, idle_hold_max: 2s", peer.address, peer.asn);
            if peer.both_families {
                keys += ", families: [ipv4, ipv6]";
            }
            if peer.passive {
                keys += ", passive: true";
            }
            if peer.client {
                keys += ", route_reflector_client: true";
            }
            if peer.several_paths {
                keys += ", add_path: { send: true, receive: true }";
            }
            if peer.asn != self.asn {
                keys += ", import: accept, export: accept";
            }
            if let Some(password) = &peer.password {
                let _ = write!(keys, ", password: {password:?}");
            }
            line(format!("  - {{ {keys} }}"));
        }
        line(format!("api: {{ socket: {} }}", socket.display()));
        line("log: { level: debug, format: text }".to_owned());
        line(self.more.clone());
        out
    }

    /// The configuration of BIRD 2, shaped like the one that Kubernetes network plugins write.
    pub fn bird2(&self) -> String {
        let mut out = format!("log stderr all;\nrouter id {};\n{}\n", self.ip(), self.more);
        out += "protocol device { }\nprotocol direct { ipv4; ipv6; }\n";
        for family in ["ipv4", "ipv6"] {
            let _ = writeln!(
                out,
                "protocol kernel kernel_{family} {{ learn; persist; metric 0; scan time 2; graceful restart;\n  \
                 {family} {{ import all; export where source = RTS_BGP || proto = \"blocks_{family}\"; }}; }}"
            );
            let _ = writeln!(out, "protocol static blocks_{family} {{ {family};");
            for block in self.blocks.iter().filter(|block| block.contains(':') == (family == "ipv6")) {
                let _ = writeln!(out, "  route {block} blackhole;");
            }
            out += "}\n";
        }
        for (number, peer) in self.peers.iter().enumerate() {
            let v6 = peer.address.is_ipv6();
            let local = if v6 { self.address6.as_deref().map_or("::", bare) } else { self.ip() };
            let _ = writeln!(out, "protocol bgp peer_{number} {{");
            let _ = writeln!(out, "  local {local} as {}; neighbor {} as {};", self.asn, peer.address, peer.asn);
            out += "  multihop; graceful restart on; graceful restart time 120;\n";
            out += "  connect delay time 1; connect retry time 1; error wait time 1, 2;\n";
            if peer.passive {
                out += "  passive;\n";
            }
            if peer.client {
                out += "  rr client;\n";
            }
            if let Some(password) = &peer.password {
                let _ = writeln!(out, "  password {password:?};");
            }
            for family in ["ipv4", "ipv6"] {
                if (family == "ipv6") == v6 || peer.both_families {
                    let reflects = self.peers.iter().any(|peer| peer.client);
                    let learned = if reflects { " || source = RTS_BGP" } else { "" };
                    let exported = format!("proto = \"blocks_{family}\"{learned}");
                    let next_hop = match (&self.address6, family, v6) {
                        (Some(address6), "ipv6", false) => format!("next hop address {};", bare(address6)),
                        (_, "ipv4", true) => format!("next hop address {};", self.ip()),
                        _ => String::new(),
                    };
                    let several = if peer.several_paths { "add paths on;" } else { "" };
                    let _ = writeln!(
                        out,
                        "  {family} {{ import all; export where {exported}; gateway recursive; {next_hop} {several} }};"
                    );
                }
            }
            out += "}\n";
        }
        out
    }
}

impl Speaker {
    /// The configuration of BIRD 1.6: IPv4 only.
    pub fn bird1(&self) -> String {
        let mut out = format!("log stderr all;\nrouter id {};\n{}\n", self.ip(), self.more);
        out += "protocol device { }\nprotocol direct { }\n";
        out += "protocol kernel { learn; persist; scan time 2; graceful restart; import all;\n";
        out += "  export where source = RTS_BGP || proto = \"blocks\"; }\nprotocol static blocks {\n";
        for block in self.blocks.iter().filter(|block| !block.contains(':')) {
            let _ = writeln!(out, "  route {block} blackhole;");
        }
        out += "}\n";
        for (number, peer) in self.peers.iter().enumerate() {
            let _ = writeln!(out, "protocol bgp peer_{number} {{");
            let _ = writeln!(out, "  local {} as {}; neighbor {} as {};", self.ip(), self.asn, peer.address, peer.asn);
            out += "  multihop; graceful restart; graceful restart time 120; add paths on; gateway recursive;\n";
            out += "  connect delay time 1; connect retry time 1; error wait time 1, 2;\n";
            out += if peer.passive { "  passive;\n" } else { "" };
            out += if peer.client { "  rr client;\n" } else { "" };
            if let Some(password) = &peer.password {
                let _ = writeln!(out, "  password {password:?};");
            }
            out += "  import all; export where proto = \"blocks\";\n}\n";
        }
        out
    }
}

/// The address without its length.
fn bare(address: &str) -> &str {
    address.split('/').next().unwrap_or(address)
}
