//! BIRD 2 and BIRD 1.6: nearly one language, read from one table of text.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::process::Command;

use roost_tests::{Bird1, Bird2, Daemon, Netns, peers};

use crate::features::Feature::{self, *};
use crate::other::{Node, Origin, Other, Seen, Session};

/// BIRD, either line.
pub struct Bird {
    old: bool,
    ipv6: bool,
}

impl Bird {
    pub const TWO: Bird = Bird { old: false, ipv6: false };
    pub const ONE: Bird = Bird { old: true, ipv6: false };
    /// `bird6` of BIRD 1.6.
    pub const ONE_IPV6: Bird = Bird { old: true, ipv6: true };

    fn config(&self, node: &Node) -> String {
        let mut out = format!("log stderr all;\nrouter id {};\nprotocol device {{ }}\n", node.v4());
        out += if self.old { "protocol direct { }\n" } else { "protocol direct { ipv4; ipv6; }\n" };
        let families: &[&str] = match (self.old, self.ipv6) {
            (false, _) => &["ipv4", "ipv6"],
            (true, false) => &["ipv4"],
            (true, true) => &["ipv6"],
        };
        for &family in families {
            let _ = writeln!(out, "protocol static own_{family} {{ {}", if self.old { "" } else { family });
            out += if self.old { "" } else { ";\n" };
            for origin in node.origins.iter().filter(|origin| origin.prefix.contains(':') == (family == "ipv6")) {
                let _ = writeln!(out, "  route {} blackhole {};", origin.prefix, attributes(origin));
            }
            out += "}\n";
        }
        for session in &node.sessions {
            if !self.old || session.peer.is_ipv6() == self.ipv6 {
                self.session(&mut out, node, session);
            }
        }
        out
    }

    fn session(&self, out: &mut String, node: &Node, session: &Session) {
        let _ = writeln!(out, "protocol bgp {} {{ debug {{ states, packets }};", name(session.peer));
        // Without 4-octet AS numbers it refuses to be told one; BIRD 1.6 then looks at the two octets of the OPEN only.
        let asn = match (session.two_octets, self.old) {
            (false, _) => format!("as {}", session.asn),
            (true, false) => "external".to_owned(),
            (true, true) => "as 23456".to_owned(),
        };
        let _ = writeln!(out, "  local {} as {}; neighbor {} {asn};", node.local(session), node.asn, session.peer);
        let _ = writeln!(
            out,
            "  hold time {}; connect delay time 1; connect retry time 1; error wait time 1, 1;",
            session.hold
        );
        let mut option = |on: bool, text: String| {
            if on {
                let _ = writeln!(out, "  {text};");
            }
        };
        option(session.restart, "graceful restart on; graceful restart time 120".to_owned());
        option(session.passive, "passive".to_owned());
        option(session.client, "rr client".to_owned());
        let cluster = node.cluster.filter(|_| session.client);
        option(cluster.is_some(), format!("rr cluster id {}", cluster.unwrap_or("")));
        option(session.two_octets, "enable as4 off".to_owned());
        option(!session.two_octets, "enable extended messages on".to_owned());
        option(session.password.is_some(), format!("password {:?}", session.password.unwrap_or("")));
        let add_paths = match (session.add_path_send, session.add_path_receive) {
            (true, true) => "add paths on;",
            (true, false) => "add paths tx;",
            (false, true) => "add paths rx;",
            (false, false) => "",
        };
        // A MED reaches another AS only when the export filter sets it; BIRD 1.6 prepends only there.
        let mut changes = String::new();
        for origin in node.origins.iter().filter(|origin| origin.med.is_some() || origin.prepend > 0) {
            let med = origin.med.map(|med| format!("bgp_med = {med}; ")).unwrap_or_default();
            let prepends = format!("bgp_path.prepend({}); ", node.asn).repeat(origin.prepend);
            let _ = writeln!(changes, "if net = {} then {{ {med}{prepends} }}", origin.prefix);
        }
        let rules = format!(
            "import all; export filter {{ {changes} if source = RTS_STATIC || source = RTS_BGP then accept; reject; }}; {add_paths}"
        );
        if self.old {
            let _ = writeln!(out, "  {rules}");
        } else {
            for (on, family) in [(session.v4, "ipv4"), (session.v6, "ipv6")] {
                if on {
                    let own = if family == "ipv6" { node.v6() } else { node.v4() };
                    // Over the other family's session there is no address of its own to announce.
                    let foreign = (family == "ipv6") != session.peer.is_ipv6();
                    let next_hop = if foreign { format!("next hop address {own};") } else { String::new() };
                    let _ = writeln!(out, "  {family} {{ {rules} {next_hop} }};");
                }
            }
        }
        out.push_str("}\n");
    }

    fn reconfigure(&self, daemon: &Daemon, node: &Node) {
        daemon.write_config(&self.config(node));
        daemon.ask("configure");
    }
}

fn attributes(origin: &Origin) -> String {
    let mut out = String::new();
    let tuple = |text: &str| text.replace(':', ",");
    for community in &origin.communities {
        let _ = write!(out, "bgp_community.add(({})); ", tuple(community));
    }
    for community in &origin.large {
        let _ = write!(out, "bgp_large_community.add(({})); ", tuple(community));
    }
    for target in &origin.targets {
        let _ = write!(out, "bgp_ext_community.add((rt,{})); ", tuple(target));
    }
    if out.is_empty() { out } else { format!("{{ {out} }}") }
}

/// A path too long for BIRD to print: all of one AS, as far as is printed, and of the length that finds it.
fn long_path(daemon: &Daemon, prefix: &str, printed: &str) -> Vec<String> {
    let words: Vec<&str> = printed.split_whitespace().collect();
    let (first, whole) = (words[0], &words[..words.len() - 1]);
    assert!(whole.iter().all(|word| *word == first), "{printed}");
    let is_long = |length: usize| {
        let found = daemon.control(&format!("show route {prefix} where bgp_path.len = {length}"));
        found.is_ok_and(|text| text.contains(prefix))
    };
    let length = (words.len()..1024).find(|&length| is_long(length)).expect("a length below 1024");
    vec![first.to_owned(); length]
}

/// The protocol's name for a peer.
fn name(peer: IpAddr) -> String {
    format!("p{peer}").replace(['.', ':'], "_")
}

impl Other for Bird {
    fn name(&self) -> &'static str {
        if self.old { "BIRD 1.6" } else { "BIRD 2" }
    }

    fn version(&self) -> String {
        let program = if self.old { peers::bird1(self.ipv6) } else { peers::bird2() };
        let output = Command::new(program).arg("--version").output().expect("it has just been found");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().replace("BIRD version ", "BIRD ")
    }

    fn lacks(&self, feature: Feature) -> Option<&'static str> {
        match (feature, self.old) {
            (BothFamilies, true) => Some("a program per family: bird and bird6"),
            (Ipv6Session, true) if !self.ipv6 => Some("bird6 is another program, with a test of its own"),
            (Odd, _) => Some("cannot send arbitrary attributes; shown with ExaBGP"),
            _ => None,
        }
    }

    fn start(&self, ns: &Netns, node: &Node) -> Daemon {
        let config = self.config(node);
        match self.old {
            true => Daemon::start(Bird1 { ipv6: self.ipv6, recover: node.recover }, ns, &config),
            false => Daemon::start(Bird2 { recover: node.recover }, ns, &config),
        }
    }

    fn established(&self, daemon: &Daemon, peer: IpAddr) -> Result<(), String> {
        let said = daemon.ask(&format!("show protocols {}", name(peer)));
        if said.contains("Established") { Ok(()) } else { Err(said) }
    }

    fn prefixes(&self, daemon: &Daemon, v6: bool) -> BTreeSet<String> {
        let table = daemon.ask("show route");
        let first = table.lines().filter_map(|line| line.split_whitespace().next());
        first.filter(|word| word.contains('/') && word.contains(':') == v6).map(str::to_owned).collect()
    }

    fn paths(&self, daemon: &Daemon, prefix: &str) -> Vec<Seen> {
        let mut paths: Vec<Seen> = Vec::new();
        // BIRD refuses a question about a prefix it has not.
        let text = daemon.control(&format!("show route {prefix} all")).unwrap_or_default();
        for line in text.lines() {
            if line.contains(" [") {
                paths.push(Seen::default());
            }
            let (Some((key, value)), Some(path)) = (line.trim().split_once(':'), paths.last_mut()) else { continue };
            let words = || value.split_whitespace().map(str::to_owned);
            // "(65001, 1, 2) (65001, 1, 3)"
            let tuples = || {
                let tuples = value.split(')').filter_map(|tuple| tuple.trim().strip_prefix('('));
                tuples.map(|tuple| tuple.split(',').map(str::trim).collect::<Vec<_>>().join(":")).collect()
            };
            match key {
                // Cut short by "..." where it is long: then its length is asked for.
                "BGP.as_path" if value.trim_end().ends_with("...") => path.as_path = long_path(daemon, prefix, value),
                "BGP.as_path" => path.as_path = words().collect(),
                "BGP.next_hop" => path.next_hop = value.trim().to_owned(),
                "BGP.med" => path.med = value.trim().parse().ok(),
                "BGP.local_pref" => path.local_pref = value.trim().parse().ok(),
                "BGP.community" => path.communities = tuples(),
                "BGP.large_community" => path.large = tuples(),
                "BGP.ext_community" => path.extended = tuples(),
                "BGP.originator_id" => path.originator = words().next(),
                "BGP.cluster_list" => path.clusters = words().collect(),
                _ => {}
            }
        }
        paths
    }

    fn announce(&self, daemon: &Daemon, node: &Node, prefix: &str) {
        self.reconfigure(daemon, &node.clone().origin(prefix));
    }

    fn withdraw(&self, daemon: &Daemon, node: &Node, _prefix: &str) {
        self.reconfigure(daemon, node);
    }

    fn refresh(&self, daemon: &Daemon, peer: IpAddr) {
        daemon.ask(&format!("reload in {}", name(peer)));
    }

    fn refreshes(&self, daemon: &Daemon, peer: IpAddr) -> u64 {
        let log = daemon.log();
        log.lines().filter(|line| line.contains(&name(peer)) && line.contains("Got ROUTE-REFRESH")).count() as u64
    }

    fn end_of_rib(&self, daemon: &Daemon, peer: IpAddr) -> bool {
        daemon
            .log()
            .lines()
            .any(|line| line.contains(&name(peer)) && line.contains("END-OF-RIB") && line.contains("Got"))
    }

    fn shut(&self, daemon: &Daemon, peer: IpAddr, text: &str) {
        daemon.ask(&format!("disable {} \"{text}\"", name(peer)));
    }

    fn last_error(&self, daemon: &Daemon, peer: IpAddr) -> String {
        daemon.ask(&format!("show protocols all {}", name(peer)))
    }
}
