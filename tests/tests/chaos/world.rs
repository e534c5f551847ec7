//! One node with roost on it, its peers, and everything around that a fault can reach.
//!
//! ```text
//!   node: roost     eth0 172.16.1.1/24, fd00:1::1/64   ── w0 ┐
//!                   eth1 172.17.1.1/24                 ── w1 │ world: where the played peers and BIRD 2 are;
//!                   tunl0, vxlan.roost                 ── w2 │ behind eth0, eth1 and tunl0 nobody answers
//!                   ctl  192.168.77.1/24               ── w9 ┘ sessions; nothing happens here
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use fastrand::Rng;
use ipnetwork::IpNetwork;
use roost_tests::{Bird2, Daemon, Lab, Netns, PATIENCE, Roost};
use serde_json::Value;

use super::harness;
use super::model::{Fate, Model, OWN_ADDRESSES, Path, far_end, far_ends};
use super::peers::{ASN, BIRD, Bird, End, Played, ROOST};
use super::seen::{BIRD as PROTO_BIRD, KERNEL, MAIN, Route, Seen};
use super::settings::{Settings, TUNNEL, VXLAN, is_ours, net};

/// How long the world may take to settle: longer than any pause of roost's that these faults lead to.
const SETTLING: Duration = Duration::from_secs(40);
/// How long after its return a link may not be relied upon.
const FRESH: Duration = Duration::from_secs(3);
/// Pauses between two looks.
const FIRST_LOOK: Duration = Duration::from_millis(2);
const LAST_LOOK: Duration = Duration::from_millis(50);

/// Where roost tells its counters.
const METRICS: u16 = 9179;

pub const OWN_BLOCKS: [&str; 6] =
    ["10.65.1.0/26", "10.66.1.0/26", "10.68.1.0/26", "10.70.1.0/26", "10.71.1.0/26", "fd00:10:1::/122"];

pub struct World {
    pub node: Netns,
    pub roost: Daemon,
    pub played: Vec<Played>,
    pub bird: Bird,
    /// In force; index into `all`.
    pub settings: usize,
    pub all: [Settings; 3],
    /// Announced over the API.
    pub announced: BTreeSet<IpNetwork>,
    /// Under our protocol id, by other hands, since roost's last start: not ours.
    pub strays: BTreeSet<IpNetwork>,
    /// How often each route was taken away since roost last began to count.
    pub taken: BTreeMap<IpNetwork, u32>,
    /// When something last happened to a link of several.
    pub moved: BTreeMap<&'static str, Instant>,
    pub churn: Option<Child>,
    world: Netns,
    lab: Lab,
}

impl World {
    /// On a thread in the namespace `world`, where the played peers are.
    pub fn new(lab: Lab, world: Netns) -> World {
        let node = lab.netns("node");
        lab.wire((&node, "ctl"), (&world, "w9"));
        node.ip(&format!("addr add {ROOST}/24 dev ctl"));
        world.ip(&format!("addr add {BIRD}/24 dev w9"));
        let mut played: Vec<Played> = (1..=3).map(|number| Played::new(number, number != 2)).collect();
        for peer in &played {
            world.ip(&format!("addr add {}/24 dev w9", peer.address));
        }
        for (dev, far) in [("eth0", "w0"), ("eth1", "w1"), (TUNNEL, "w2")] {
            wire(&lab, &node, &world, dev, far);
        }
        // Of somebody else, beside ours, on a link that stays: nothing ever happens to these.
        for prefix in ["10.65.2.0/26", "10.66.2.0/26", "10.67.2.0/26", "10.68.2.0/26", "10.71.2.0/26", "10.66.1.0/26"] {
            node.ip(&format!("route add {prefix} via 192.168.77.99 dev ctl proto static metric 4000"));
        }
        node.ip("-6 route add blackhole fd00:10:2::/122 proto static metric 4000");
        let start = |config: &str| Daemon::start(Bird2 { recover: true }, &world, config);
        let bird = Bird::start(start, &super::faults::of_bird());
        let all = Settings::all();
        let roost = Daemon::start(Roost, &node, &config(&all[0], &node));
        played.iter_mut().for_each(Played::connect);
        let (announced, strays, taken, moved) = Default::default();
        World { node, roost, played, bird, settings: 0, all, announced, strays, taken, moved, churn: None, world, lab }
    }

    /// A session ends. What was said before a reset may never be read, so it has been taken note of before.
    pub fn end_session(&mut self, peer: usize, end: End) {
        let mark = if end == End::Reset { self.played[peer].mark() } else { None };
        if let Some(mark) = mark {
            roost_tests::until("roost has heard the peer out", PATIENCE, || {
                if self.fib().contains_key(&mark) { Ok(()) } else { Err(format!("no {mark}")) }
            });
        }
        self.played[peer].disconnect(end);
    }

    pub fn settings(&self) -> &Settings {
        &self.all[self.settings]
    }

    /// A device is made anew, with a new index. Addresses are not part of it.
    pub fn wire(&self, dev: &str) {
        let far = match dev {
            "eth0" => "w0",
            "eth1" => "w1",
            _ => "w2",
        };
        wire(&self.lab, &self.node, &self.world, dev, far);
    }

    /// The far side of a device goes down or up: here the carrier goes or comes.
    pub fn carrier(&self, dev: &str, there: bool) {
        let far = if dev == "eth0" { "w0" } else { "w1" };
        let _ = self.world.try_ip(&format!("link set {far} {}", if there { "up" } else { "down" }));
    }

    pub fn write_settings(&mut self, settings: usize) {
        self.settings = settings;
        self.roost.write_config(&config(&self.all[settings], &self.node));
    }

    /// Starts roost again after its end.
    pub fn launch(&mut self) {
        self.roost.launch();
        // What it finds is its own, and goes if nobody wants it.
        self.strays.clear();
        self.taken.clear();
    }

    pub fn seen(&self) -> Seen {
        Seen::of(&self.node, VXLAN)
    }

    /// Routes that carry our marks.
    pub fn ours(&self) -> Vec<Route> {
        let seen = self.seen().routes;
        seen.into_iter().filter(|route| is_ours(route.protocol, route.table) && !self.is_stray(route)).collect()
    }

    pub fn is_stray(&self, route: &Route) -> bool {
        (route.protocol, route.table) == (PROTO_BIRD, MAIN) && self.strays.contains(&route.prefix)
    }

    /// Everything every peer has announced, by prefix.
    fn paths(&self) -> BTreeMap<IpNetwork, Vec<Path>> {
        let mut paths: BTreeMap<IpNetwork, Vec<Path>> = BTreeMap::new();
        let tables = self.played.iter().map(|peer| &peer.held).chain([self.bird.held()]);
        // One that leads to the node itself is refused (RFC 4271 §5.1.3).
        let own = |path: &Path| OWN_ADDRESSES.iter().any(|own| net(own).ip() == path.next_hop);
        for (prefix, path) in tables.flatten().filter(|(_, path)| !own(path)) {
            paths.entry(*prefix).or_default().push(*path);
        }
        paths
    }

    fn own(&self) -> BTreeSet<IpNetwork> {
        OWN_BLOCKS.iter().map(|block| net(block)).chain(self.announced.iter().copied()).collect()
    }

    /// Rows of `roost show fib`.
    fn fib(&self) -> BTreeMap<IpNetwork, Row> {
        let rows = harness::get(&self.roost.files().socket, "/v1/fib");
        let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let rows = rows.as_array().cloned().unwrap_or_default();
        let row =
            |row: &Value| (net(&text(row, "prefix")), Row { state: text(row, "state"), reason: text(row, "reason") });
        rows.iter().map(row).collect()
    }

    /// Waits until nothing is left to do, and compares. The error is the difference.
    pub fn settle(&mut self) -> Result<(), String> {
        if let Some(mut churn) = self.churn.take() {
            let _ = churn.wait();
        }
        let others = others(&self.seen());
        let mut markers: Vec<IpNetwork> = self.played.iter_mut().filter_map(Played::mark).collect();
        let began = Instant::now();
        let mut pause = FIRST_LOOK;
        loop {
            let fib = self.fib();
            // What was said before a marker, and what the kernel told before it came, is known.
            markers.retain(|marker| !fib.contains_key(marker));
            let difference = match markers.is_empty() {
                true => self.smallest_difference(&others, &fib),
                false => format!("not heard of yet: {markers:?}"),
            };
            if difference.is_empty() {
                return Ok(());
            }
            if began.elapsed() > SETTLING {
                return Err(difference);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LAST_LOOK);
        }
    }

    /// A link that has just come back is one of several legs only when it has stood for a while: until then it may be one
    /// or not.
    fn smallest_difference(&self, others: &BTreeSet<Route>, fib: &BTreeMap<IpNetwork, Row>) -> String {
        let seen = self.seen();
        let plain = self.difference(&seen, others, fib, &[]);
        let recent = self.moved.iter().filter(|(_, at)| at.elapsed() < FRESH).map(|(dev, _)| *dev).collect::<Vec<_>>();
        let subsets = [&recent[..], recent.get(..1).unwrap_or_default(), recent.get(1..).unwrap_or_default()];
        match subsets.iter().any(|fresh| !fresh.is_empty() && self.difference(&seen, others, fib, fresh).is_empty()) {
            true => String::new(),
            false => plain,
        }
    }

    /// Kernel, model and roost's own word, compared; empty when they agree.
    fn difference(
        &self,
        seen: &Seen,
        others_before: &BTreeSet<Route>,
        fib: &BTreeMap<IpNetwork, Row>,
        fresh: &[&'static str],
    ) -> String {
        let (paths, own, settings) = (self.paths(), self.own(), self.settings());
        let mut fates = Model { settings, seen, paths: &paths, own: &own, fresh }.fates();
        let mut out = Vec::new();
        // Which of too many have a place is roost's affair; how many is not.
        let learned = |prefix: &IpNetwork| !own.contains(prefix);
        let with_form = fates.iter().filter(|(prefix, fate)| learned(prefix) && fate.has_form()).count();
        let waiting: Vec<IpNetwork> = fates
            .iter()
            .filter(|(prefix, fate)| learned(prefix) && fate.has_form())
            .filter(|(prefix, _)| fib.get(prefix).is_some_and(|row| row.reason.contains("fib.max_routes")))
            .map(|(prefix, _)| *prefix)
            .collect();
        let should_wait = with_form.saturating_sub(settings.max_routes);
        if waiting.len() != should_wait {
            out.push(format!("{should_wait} routes should wait for a place, and these do: {waiting:?}"));
        }
        for prefix in waiting {
            fates.insert(prefix, Fate::Withheld("fib.max_routes"));
        }
        let installed: BTreeSet<Route> = fates
            .values()
            .filter_map(|fate| if let Fate::Installed(route) = fate { Some(route.clone()) } else { None })
            .collect();
        let kernel: BTreeSet<Route> = seen
            .routes
            .iter()
            .filter(|route| is_ours(route.protocol, route.table) && !self.is_stray(route))
            .cloned()
            .collect();
        out.extend(installed.difference(&kernel).map(|route| format!("missing in the kernel: {route}")));
        out.extend(kernel.difference(&installed).map(|route| format!("too much in the kernel: {route}")));
        let now = others(seen);
        out.extend(others_before.difference(&now).map(|route| format!("gone, and not ours: {route}")));
        out.extend(now.difference(others_before).map(|route| format!("come, and not ours: {route}")));
        // They stand before the first route, so also when another one has its place.
        let routes = fates.values().filter_map(|fate| match fate {
            Fate::Installed(route) | Fate::Conflict(route) => Some(route),
            Fate::Withheld(_) | Fate::Skipped => None,
        });
        let (needed, ends) = (far_ends(routes), &seen.far_ends);
        out.extend(needed.difference(ends).map(|entry| format!("missing in {VXLAN}: {entry}")));
        let all_ours: BTreeSet<String> =
            super::faults::NODES.iter().filter_map(|node| node.parse().ok()).flat_map(far_end).collect();
        let left = ends.intersection(&all_ours).filter(|entry| !needed.contains(*entry));
        out.extend(left.map(|entry| format!("too much in {VXLAN}: {entry}")));
        for (prefix, fate) in &fates {
            let (state, words) = match fate {
                Fate::Installed(_) => ("installed", ""),
                Fate::Conflict(_) => ("conflict", ""),
                Fate::Skipped => ("skipped", ""),
                Fate::Withheld(words) => ("withheld", *words),
            };
            match fib.get(prefix) {
                Some(row) if row.state == state && row.reason.contains(words) => {}
                row => out.push(format!("{prefix} should be {state} {words:?}; roost says {row:?}")),
            }
        }
        let unknown = fib.iter().filter(|(prefix, _)| !fates.contains_key(prefix));
        out.extend(unknown.map(|(prefix, row)| format!("roost has {prefix}, which nobody wants: {row:?}")));
        out.join("\n")
    }

    /// What stands where, for a failure text.
    pub fn describe(&self) -> String {
        let seen = self.seen();
        let routes: Vec<String> = seen.routes.iter().map(ToString::to_string).collect();
        let held = |table: &BTreeMap<IpNetwork, Path>| -> Vec<String> {
            table.iter().map(|(prefix, path)| format!("{prefix} via {} {}", path.next_hop, path.local_pref)).collect()
        };
        let peer = |peer: &Played| format!("{} up: {} holds {:?}", peer.address, peer.is_up(), held(&peer.held));
        let peers: Vec<String> = self.played.iter().map(peer).collect();
        let addresses: Vec<String> = seen.addresses.iter().map(|(dev, net)| format!("{dev} {net}")).collect();
        let rows = |path: &str| -> Vec<String> {
            let rows = harness::get(&self.roost.files().socket, path);
            rows.as_array().into_iter().flatten().map(Value::to_string).collect()
        };
        let (fib, table) = (rows("/v1/fib"), rows("/v1/routes"));
        format!(
            "settings {:?}\nlinks {:?}\naddresses {:?}\nfar ends {:#?}\nroutes {routes:#?}\npeers {peers:#?}\nBIRD {:?}\nannounced {:?}\n\
             fib {fib:#?}\ntable {table:#?}",
            self.settings().name,
            seen.links,
            addresses,
            seen.far_ends,
            held(self.bird.held()),
            self.announced
        )
    }

    /// A command on the node that may fail, as a hand's may.
    pub fn ip(&self, line: &str) {
        let _ = self.node.try_ip(line);
    }

    pub fn bridge(&self, line: &str) {
        let _ = self.node.try_run(&format!("bridge {line}"));
    }

    /// Adds and removes as many routes in the table, one by one; returns at once.
    pub fn start_churn(&self, table: u32, count: u32) -> Child {
        let file = self.lab.dir().join(format!("churn-{table}-{count}"));
        if !file.exists() {
            let line = |verb: &str, n: u32| {
                format!(
                    "route {verb} blackhole 10.{}.{}.{}/32 table {table} proto static\n",
                    200 + n / 65536,
                    n / 256 % 256,
                    n % 256
                )
            };
            let lines = (0..count).map(|n| line("add", n)).chain((0..count).map(|n| line("del", n)));
            std::fs::write(&file, lines.collect::<String>()).expect("the lab's folder can be written");
        }
        let mut command = std::process::Command::new("ip");
        command.args(["-n", self.node.full_name(), "-force", "-batch"]).arg(file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("ip runs")
    }

    /// The kernel has more to say than roost's socket holds, as roost sleeps meanwhile; then it wakes.
    pub fn overrun(&mut self) {
        let before = self.overruns();
        self.roost.signal(libc::SIGSTOP);
        let churned = self.start_churn(4242, 14_000).wait();
        self.roost.signal(libc::SIGCONT);
        assert!(churned.is_ok(), "{churned:?}");
        roost_tests::until("roost has missed news", PATIENCE, || {
            let now = self.overruns();
            if now > before { Ok(()) } else { Err(format!("{now} overruns")) }
        });
    }

    fn overruns(&self) -> u64 {
        let page = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect((ROOST, METRICS))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: roost\r\n\r\n")?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        };
        let page = page().unwrap_or_else(|error| panic!("roost's metrics: {error}"));
        let line = page.lines().find_map(|line| line.strip_prefix("roost_fib_overruns_total "));
        line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no overruns: {page}"))
    }

    /// Whether the startup is over: what was found and is not wanted has gone or goes now.
    pub fn await_started(&self) {
        roost_tests::until("roost has started", PATIENCE, || {
            let status = harness::get(&self.roost.files().socket, "/v1/status");
            if status["phase"] == "running" { Ok(()) } else { Err(status.to_string()) }
        });
    }

    pub fn random<'a, T>(rng: &mut Rng, all: &'a [T]) -> Option<&'a T> {
        if all.is_empty() { None } else { all.get(rng.usize(..all.len())) }
    }
}

#[derive(Debug, Clone, Default)]
struct Row {
    state: String,
    reason: String,
}

/// Routes that other programs have written: not roost's, not the kernel's own.
fn others(seen: &Seen) -> BTreeSet<Route> {
    let is_others = |route: &&Route| !is_ours(route.protocol, route.table) && route.protocol != KERNEL;
    seen.routes.iter().filter(is_others).cloned().collect()
}

fn wire(lab: &Lab, node: &Netns, world: &Netns, dev: &str, far: &str) {
    lab.wire((node, dev), (world, far));
    match dev {
        "eth0" => {
            for address in OWN_ADDRESSES {
                node.ip(&format!("addr add {address} dev eth0"));
            }
        }
        "eth1" => drop(node.ip("addr add 172.17.1.1/24 dev eth1")),
        _ => {}
    }
}

fn config(settings: &Settings, node: &Netns) -> String {
    let socket = Daemon::socket(node, "roost");
    let mut text = format!(
        "router: {{ asn: {ASN}, router_id: 172.16.1.1, graceful_restart: {{ startup_wait: 1s }} }}\n\
         node: {{ name: node, addresses: {OWN_ADDRESSES:?}, blocks: {OWN_BLOCKS:?} }}\n\
         api: {{ socket: {} }}\nmetrics: {{ listen: \"{ROOST}:{METRICS}\" }}\nlog: {{ level: debug, format: text }}\npeers:\n",
        socket.display()
    );
    let keys = format!("asn: {ASN}, source: {ROOST}, connect_retry: 100ms, idle_hold: 100ms, idle_hold_max: 100ms");
    for number in 1..=3 {
        text += &format!(
            "  - {{ address: 192.168.77.{}, {keys}, passive: true, hold_time: 0, families: [ipv4, ipv6] }}\n",
            10 + number
        );
    }
    text += &format!("  - {{ address: {BIRD}, {keys}, families: [ipv4] }}\n");
    text + &settings.yaml()
}
