//! A made-up daemon: fixed tables, given after a turn of the scheduler, as the answers of a real one's other task are.
//! The fuzz target of the API asks it too.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bgp_proto::Prefix;
use futures::stream::{self, StreamExt};
use speaker::api::apply::{Applied, Apply};
use speaker::api::configuration::{ConfigStatus, ConfigSteps, Plan, PlanRequest, RouteFate, StepRow};
use speaker::api::model::*;
use speaker::api::{Backend, Caller, Drain, Edit, Edited, Order, OwnerName, Reread, Slices, Withdraw, parse_prefixes};
use tokio::sync::{Notify, Semaphore};
use tokio::task::yield_now;

/// Answers with fixed tables, and keeps what it was told to announce.
#[derive(Clone, Default)]
pub struct Fake {
    pub originated: Arc<Mutex<BTreeSet<String>>>,
    /// Further rows at the end of the routes.
    pub copies: usize,
    /// The routes end with a problem, and the configuration has a mistake.
    pub broken: bool,
    /// It waits for its peers, and is not ready.
    pub starting: bool,
    /// The part that is stuck.
    pub stuck: Option<&'static str>,
    /// How often the control socket's listener has looked around.
    pub looks: Arc<AtomicUsize>,
    /// Whether it is out of service.
    pub drain: Arc<Mutex<DrainState>>,
    /// Why its second peer is down, instead of the usual.
    pub reason: Option<String>,
    /// When set, `status` waits for it: an answer that takes its time. Notified once it waits.
    pub gate: Option<Arc<(Notify, Notify)>>,
    /// How much it logs.
    pub log: Arc<Mutex<LogLevels>>,
    /// When set, an edit gives the first one a permit and wants one of the second.
    pub edits: Option<Arc<(Semaphore, Semaphore)>>,
}

impl Backend for Fake {
    async fn status(&self) -> Status {
        if let Some(gate) = &self.gate {
            gate.0.notify_one();
            gate.1.notified().await;
        }
        yield_now().await;
        let phase = if self.starting { "starting" } else { "running" }.to_owned();
        Status {
            phase,
            drain: self.drain_state().await,
            log: self.log().await,
            ..status(self.originated.lock().unwrap().iter().cloned().collect())
        }
    }

    async fn peers(&self, filter: PeerFilter) -> Result<Vec<PeerRow>, Problem> {
        let mut rows = filter.peer.as_ref().map_or_else(|| Ok(peers()), |name| named(name))?;
        rows.retain(|row| filter.passes(row));
        if let (Some(reason), Some(row)) = (&self.reason, rows.get_mut(1)) {
            row.reason = Some(reason.clone());
        }
        Ok(rows)
    }

    async fn peer(&self, name: String) -> Result<PeerDetail, Problem> {
        match <[PeerRow; 1]>::try_from(named(&name)?) {
            Ok([row]) => Ok(peer_detail(row)),
            Err(rows) => Err(Problem::conflict(format!("{name:?} is the name of {} peers", rows.len()))),
        }
    }

    async fn routes(&self, filter: RouteFilter) -> Result<Slices<RouteRow>, Problem> {
        yield_now().await;
        if let Some(prefix) = &filter.prefix {
            parse_prefixes(std::slice::from_ref(prefix))?;
        }
        let inside = |row: &RouteRow, address: std::net::IpAddr| {
            row.prefix.parse::<ipnetwork::IpNetwork>().unwrap().contains(address)
        };
        let peers = filter.peer.as_deref().map(named).transpose()?;
        let from = |peers: &Vec<PeerRow>, row: &RouteRow| peers.iter().any(|peer| peer.name() == row.from);
        let within = |row: &RouteRow, block: &str| {
            let block: ipnetwork::IpNetwork = block.parse().unwrap();
            filter.longer && inside_of(block, row.prefix.parse().unwrap())
        };
        let wanted = |row: &RouteRow| {
            filter.prefix.as_ref().is_none_or(|prefix| *prefix == row.prefix || within(row, prefix))
                && filter.address.is_none_or(|address| inside(row, address))
                && peers.as_ref().is_none_or(|peers| from(peers, row))
                && filter.passes(row)
        };
        let last = routes().pop().unwrap();
        let rows: Vec<_> = routes().into_iter().chain(std::iter::repeat_n(last, self.copies)).filter(wanted).collect();
        let slices: Vec<_> = rows.chunks(100).map(|slice| Ok(slice.to_vec())).collect();
        let broken = self.broken.then(|| Err(Problem::unavailable("the daemon is ending")));
        // As the daemon's, it must not be asked again behind its end.
        let next = async |mut slices: Box<dyn Iterator<Item = _> + Send>| Some((slices.next()?, slices));
        Ok(stream::unfold(Box::new(slices.into_iter().chain(broken)) as _, next).boxed())
    }

    async fn memory(&self) -> Memory {
        memory()
    }

    async fn fib(&self, filter: FibFilter) -> Result<Slices<FibRow>, Problem> {
        yield_now().await;
        let block = filter.prefix.as_ref().map(|text| parse_prefixes(std::slice::from_ref(text))).transpose()?;
        let block = block.map(|prefixes| prefixes[0].to_string().parse::<ipnetwork::IpNetwork>().unwrap());
        let wanted = |row: &FibRow| {
            let prefix = row.prefix.parse().unwrap();
            filter.passes(row)
                && block.is_none_or(|block| if filter.longer { inside_of(block, prefix) } else { block == prefix })
        };
        let last = fib().pop().unwrap();
        let rows: Vec<_> = fib().into_iter().chain(std::iter::repeat_n(last, self.copies)).filter(wanted).collect();
        let slices: Vec<_> = rows.chunks(100).map(|slice| Ok(slice.to_vec())).collect();
        Ok(stream::iter(slices).boxed())
    }

    async fn why(&self, address: std::net::IpAddr) -> Result<Why, Problem> {
        yield_now().await;
        Ok(Why { address, ..why() })
    }

    async fn examination(&self) -> Result<Examination, Problem> {
        yield_now().await;
        Ok(examination())
    }

    async fn groups(&self) -> Vec<GroupRow> {
        groups()
    }

    async fn owners(&self) -> Vec<OwnerRow> {
        owners()
    }

    async fn drain_state(&self) -> DrainState {
        self.drain.lock().unwrap().clone()
    }

    async fn drain(&self, order: Option<Drain>) -> Result<DrainState, Problem> {
        yield_now().await;
        let state = order.map(|order| DrainState {
            state: DrainPhase::Drained,
            message: order.message,
            until_restart: order.until_restart,
            ..DrainState::default()
        });
        *self.drain.lock().unwrap() = state.unwrap_or_default();
        Ok(self.drain_state().await)
    }

    async fn owner(&self, owner: OwnerName) -> Result<OwnerRoutes, Problem> {
        yield_now().await;
        let services = vec![format!("10.65.9.{}/32", owner.to_string().len())];
        let prefixes = self.originated.lock().unwrap().iter().cloned().collect();
        Ok(OwnerRoutes { prefixes, services, lease: Some(Lease { seconds: 60, then: Then::Withdraw }) })
    }

    /// All owners have the same prefixes.
    async fn edit(&self, _owner: OwnerName, edit: Edit, _caller: Caller) -> Result<Edited, Problem> {
        if let Some(edits) = &self.edits {
            edits.0.add_permits(1);
            edits.1.acquire().await.unwrap().forget();
        }
        yield_now().await;
        let mut originated = self.originated.lock().unwrap();
        let (announced, mut unchanged) =
            edit.announce.keys().partition::<Vec<_>, _>(|prefix| originated.insert(prefix.to_string()));
        let named: Vec<Prefix> = match &edit.withdraw {
            Withdraw::These(prefixes) => prefixes.iter().copied().collect(),
            Withdraw::AllOthers => originated.iter().map(|text| text.parse().unwrap()).collect(),
        };
        let named = named.into_iter().filter(|prefix| !edit.announce.contains_key(prefix));
        let (withdrawn, unknown) = named.partition(|prefix| originated.remove(&prefix.to_string()));
        let unknown: Vec<Prefix> = unknown;
        unchanged.extend(unknown);
        Ok(Edited { announced, withdrawn, unchanged, kept: Vec::new() })
    }

    async fn order(&self, names: Vec<String>, order: Order) -> Result<Vec<PeerDone>, Problem> {
        let everybody = names.iter().any(|name| name == "*");
        let rows = if everybody { peers() } else { named(&names[0])? };
        let done = |row: PeerRow| {
            let PeerRow { address, interface, .. } = row;
            PeerDone { address, interface, changed: true, text: format!("{order:?}") }
        };
        Ok(rows.into_iter().map(done).collect())
    }

    async fn reread(&self, check: bool) -> Reread {
        let file = "/etc/roost/roost.yaml".to_owned();
        let mistake = self.broken.then_some("/etc/roost/roost.yaml:2:10: unknown key `asm` (did you mean `asn`?)");
        let text = "pools: kernel routes move to the new settings".to_owned();
        let done = ConfigSteps {
            generation: if check { 1 } else { 2 },
            steps: vec![StepRow { text, ..StepRow::default() }],
            needs_restart: vec!["log".to_owned()],
            ..ConfigSteps::default()
        };
        Reread { file, outcome: mistake.map_or(Ok(done), |mistake| Err(vec![mistake.to_owned()])) }
    }

    async fn plan(&self, request: PlanRequest) -> Result<Plan, Vec<String>> {
        match self.reread(true).await.outcome {
            Ok(steps) if !request.text.is_empty() => Ok(Plan { steps, routes: fates(), routes_total: 3 }),
            Ok(_) => Err(vec!["it is empty".to_owned()]),
            Err(mistakes) => Err(mistakes),
        }
    }

    async fn apply(&self, apply: Apply, _caller: Caller) -> Result<Applied, Problem> {
        let Reread { file, outcome } = self.reread(apply.text.is_empty()).await;
        let steps = outcome.map_err(|mistakes| Problem::conflict(mistakes.join("; ")))?;
        Ok(Applied { steps, file, confirm_within: apply.confirm.map(|time| time.as_secs()) })
    }

    async fn confirm(&self, undo: bool, _caller: Caller) -> Result<ConfigStatus, Problem> {
        let gone_back = undo.then(|| "new.yaml is not in force any more: it was taken back".to_owned());
        Ok(ConfigStatus { gone_back, ..self.status().await.configuration })
    }

    async fn log(&self) -> LogLevels {
        self.log.lock().unwrap().clone()
    }

    async fn set_log(&self, order: LogOrder) -> Result<LogLevels, Problem> {
        yield_now().await;
        let mut log = self.log.lock().unwrap();
        *log = LogLevels {
            configured: "info".to_owned(),
            by: "log.level".to_owned(),
            level: order.level,
            targets: order.targets,
        };
        Ok(log.clone())
    }

    async fn metrics(&self) -> String {
        "# TYPE roost_peers gauge\nroost_peers{state=\"established\"} 1\n".to_owned()
    }

    async fn liveness(&self) -> Liveness {
        let reasons = self.stuck.iter().map(|part| format!("{part} has given no sign for 31 s")).collect();
        let parts = vec![PartRow { part: "owner".to_owned(), seen_ms_ago: 12 }];
        Liveness { alive: self.stuck.is_none(), reasons, parts }
    }

    async fn readiness(&self) -> Readiness {
        yield_now().await;
        let reason = self.starting.then(|| "peer 172.16.1.3: it is not up yet".to_owned());
        let reasons = reason.into_iter().collect();
        Readiness { ready: !self.starting, reasons, peers: 4, peers_synced: 2, peers_needed: 1, ..Readiness::default() }
    }

    fn served(&self) {
        self.looks.fetch_add(1, Ordering::Relaxed);
    }
}

pub fn groups() -> Vec<GroupRow> {
    let group = |members: Vec<String>, add_path| GroupRow {
        family: "ipv4".to_owned(),
        kind: "client".to_owned(),
        export: "accept".to_owned(),
        own_address: "172.16.1.1".parse().ok(),
        add_path,
        members,
        announced: 1_204,
        tombstones: 3,
        behind: 1,
        filled: true,
        written: 7,
        reused: 21,
        too_large: 0,
    };
    let many = ["10", "2", "3", "4", "5", "6", "7", "8", "9"].map(|n| format!("172.16.1.{n}")).into();
    vec![group(many, true), group(vec!["172.16.2.1".to_owned()], false)]
}

pub fn owners() -> Vec<OwnerRow> {
    let row = |owner: &str, prefixes, lease, left| OwnerRow {
        owner: owner.to_owned(),
        prefixes,
        services: 2,
        lease,
        left,
        seen: 75,
    };
    let lease = |seconds, then| Some(Lease { seconds, then });
    vec![
        row("cni", 12_000, lease(90, Then::Withdraw), Some(15)),
        row("default", 1, None, None),
        row("services", 0, lease(60, Then::Keep), Some(0)),
    ]
}

pub fn fates() -> Vec<RouteFate> {
    let fate = |prefix: &str, after: Option<&str>, for_a_moment| RouteFate {
        prefix: prefix.to_owned(),
        before: Some("172.16.1.2".to_owned()),
        after: after.map(str::to_owned),
        for_a_moment,
        kernel: true,
    };
    vec![
        fate("10.65.2.0/26", None, false),
        fate("10.65.3.0/26", Some("172.16.1.3"), false),
        fate("10.65.4.0/26", None, true),
    ]
}

fn inside_of(block: ipnetwork::IpNetwork, prefix: ipnetwork::IpNetwork) -> bool {
    block.contains(prefix.ip()) && block.prefix() <= prefix.prefix()
}

/// The peers of a name.
fn named(name: &str) -> Result<Vec<PeerRow>, Problem> {
    let rows: Vec<_> = peers().into_iter().filter(|row| row.name() == name || row.description == name).collect();
    if rows.is_empty() { Err(Problem::not_found(format!("no peer is called {name:?}"))) } else { Ok(rows) }
}

/// When the made-up daemon is asked: 2026-11-21 01:06:59 UTC, in milliseconds since 1970.
pub const AT: u64 = 1_795_223_219_000;

pub fn status(originated: Vec<String>) -> Status {
    Status {
        version: "0.1.0".to_owned(),
        node: "node-a".to_owned(),
        asn: 64512,
        router_id: "172.16.1.1".to_owned(),
        addresses: vec![
            NodeAddress {
                address: "172.16.1.1/24".to_owned(),
                interface: Some("eth0".to_owned()),
                rule: Some("interface=^eth".to_owned()),
                change: Some("now it picks 172.16.1.9/24 of eth1: restart roost to use that one".to_owned()),
            },
            NodeAddress { address: "fd00:172:16::1/64".to_owned(), ..NodeAddress::default() },
        ],
        uptime: 192,
        listen: vec!["0.0.0.0:179".to_owned(), "[::]:179".to_owned()],
        phase: "running".to_owned(),
        peers_established: 2,
        peers: 4,
        dynamic_peers: Vec::new(),
        prefixes: 5,
        paths: 6,
        tables: [("ipv4", 4, 4), ("ipv6", 1, 1)]
            .map(|(family, prefixes, accepted)| TableRow { family: family.to_owned(), prefixes, accepted })
            .into(),
        started_at: AT - 192_000,
        configured_at: AT - 60_000,
        configuration: ConfigStatus {
            file: "/etc/roost/roost.yaml".to_owned(),
            generation: 3,
            read_at: AT - 60_000,
            error: None,
            needs_restart: vec!["log".to_owned()],
            ..ConfigStatus::default()
        },
        originated,
        connections: ConnectionSummary {
            unopened: 1,
            limit: 1000,
            refused: RefusedConnections { stranger: 12, open_timeout: 3, ..RefusedConnections::default() },
        },
        drain: DrainState::default(),
        log: LogLevels { configured: "info".to_owned(), by: "log.level".to_owned(), ..LogLevels::default() },
        fib: FibSummary {
            enabled: true,
            installed: 3,
            withheld: 1,
            over_limit: 1,
            others: 0,
            conflicts: 1,
            repairs: 2,
            warnings: vec!["tunnel device tunl0 has MTU 1500, and 1440 is what fits".to_owned()],
            ..FibSummary::default()
        },
    }
}

pub fn peer_row(address: &str, state: &str, since: u64) -> PeerRow {
    PeerRow {
        address: address.parse().unwrap(),
        interface: None,
        port: 179,
        asn: 64512,
        kind: "internal".to_owned(),
        description: String::new(),
        state: state.to_owned(),
        passive: false,
        since,
        since_at: AT - since * 1000,
        reason: None,
        hint: None,
        router_id: None,
        families: Vec::new(),
        received: 0,
        accepted: 0,
        advertised: 0,
        stale: 0,
        range: None,
        node: None,
    }
}

pub fn peers() -> Vec<PeerRow> {
    let hint = "is BGP running on that node, and does it listen on that address?";
    vec![
        PeerRow {
            router_id: Some("172.16.1.2".to_owned()),
            families: vec!["ipv4-unicast".to_owned(), "ipv6-unicast".to_owned()],
            received: 1204,
            accepted: 1203,
            advertised: 2,
            description: "node-b".to_owned(),
            node: Some("node-b".to_owned()),
            ..peer_row("172.16.1.2", "established", 192)
        },
        PeerRow {
            reason: Some("the connection was refused: nothing listens on TCP port 179 there".to_owned()),
            hint: Some(hint.to_owned()),
            stale: 12,
            range: None,
            received: 12,
            accepted: 12,
            ..peer_row("172.16.1.3", "active", 7)
        },
        PeerRow {
            asn: 4_200_000_001,
            port: 1790,
            kind: "external".to_owned(),
            reason: Some("it sent NOTIFICATION Cease/Administrative Shutdown: \"maintenance\"".to_owned()),
            ..peer_row("172.16.2.1", "idle", 93_784)
        },
        PeerRow { port: 1790, description: "node-b".to_owned(), ..peer_row("fd00:172:16::2", "established", 5) },
    ]
}

pub fn peer_detail(row: PeerRow) -> PeerDetail {
    let up = row.state == "established";
    PeerDetail {
        local: up.then(|| "172.16.1.1:179".to_owned()),
        remote: up.then(|| "172.16.1.2:40312".to_owned()),
        hold_time: up.then_some(90),
        keepalive: up.then_some(30),
        hold_left: up.then_some(81),
        keepalive_left: up.then_some(7),
        import: "accept".to_owned(),
        export: "reject".to_owned(),
        multihop: true,
        best: if up { 1200 } else { 0 },
        announced: 1210,
        withdrawn: 6,
        local_role: None,
        peer_role: None,
        capabilities: [
            "route refresh",
            "graceful restart 120 s, ipv4",
            "four-octet AS 64512",
            "add-path ipv4 both",
            "enhanced route refresh",
            "long-lived graceful restart",
        ]
        .map(str::to_owned)
        .into(),
        restart_time: Some(120),
        end_of_rib: row.families.clone(),
        messages: MessageCounts {
            open_in: 1,
            open_out: 3,
            update_in: 411,
            keepalive_in: 7,
            keepalive_out: 7,
            ..MessageCounts::default()
        },
        established_count: 1,
        update_faults: 1,
        last_fault: Some("offset 41: ORIGIN has the value 7".to_owned()),
        stale_for: None,
        long_lived: Vec::new(),
        limits: Vec::new(),
        shutdown_text: (!up).then(|| "disk full, back at 6".to_owned()),
        shutdown_text_age: (!up).then_some(75),
        password_file: None,
        row,
    }
}

fn kernel(state: &str, route: Option<&str>, reason: Option<&str>) -> KernelState {
    KernelState { state: state.to_owned(), route: route.map(str::to_owned), reason: reason.map(str::to_owned) }
}

fn route_row(prefix: &str, from: &str, kernel: Option<KernelState>) -> RouteRow {
    RouteRow {
        prefix: prefix.to_owned(),
        from: from.to_owned(),
        next_hop: from.parse().ok(),
        best: kernel.is_some(),
        multipath: false,
        stale: false,
        rejected: false,
        unreachable: false,
        cost: (from != "local").then_some(0),
        reason: None,
        as_path: String::new(),
        origin: "igp".to_owned(),
        local_pref: 100,
        med: None,
        otc: None,
        communities: Vec::new(),
        path_id: 0,
        originator_id: None,
        cluster_list: Vec::new(),
        kernel,
    }
}

pub fn routes() -> Vec<RouteRow> {
    vec![
        route_row("10.65.1.0/26", "local", Some(kernel("installed", Some("blackhole 10.65.1.0/26 proto bird"), None))),
        RouteRow {
            communities: vec!["64512:100".to_owned(), "no-export".to_owned()],
            ..route_row(
                "10.65.2.0/26",
                "172.16.1.2",
                Some(kernel("installed", Some("10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird"), None)),
            )
        },
        RouteRow {
            as_path: "64513 {64514 64515}".to_owned(),
            med: Some(20),
            reason: Some("lost: its AS path is longer".to_owned()),
            ..route_row("10.65.2.0/26", "172.16.2.1", None)
        },
        RouteRow {
            stale: true,
            path_id: 3,
            ..route_row("10.65.3.0/26", "172.16.1.3", Some(kernel("withheld", None, Some("tunl0 is missing"))))
        },
        RouteRow {
            rejected: true,
            reason: Some("rejected by the import policy".to_owned()),
            ..route_row("10.66.0.0/16", "172.16.2.1", None)
        },
        route_row(
            "fd00:65:2::/122",
            "fd00:172:16::2",
            Some(kernel("conflict", None, Some("a static route of someone else is in its place"))),
        ),
    ]
}

pub fn pool(cidr: &str, mode: &str, device: Option<&str>) -> PoolRow {
    PoolRow {
        cidr: cidr.to_owned(),
        mode: mode.to_owned(),
        device: device.map(str::to_owned),
        install: true,
        protocol: 12,
        table: 254,
        managed: None,
    }
}

/// To a pod of another node, straight over the wire.
pub fn why() -> Why {
    let route = "10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird";
    let mut rows: Vec<_> = routes().into_iter().filter(|row| row.prefix == "10.65.2.0/26").collect();
    rows.iter_mut().for_each(|row| row.kernel = None);
    let lookup =
        WhyRoute { prefix: "10.65.2.0/26".to_owned(), text: route.to_owned(), ours: true, drops: false, local: false };
    Why {
        address: "10.65.2.7".parse().unwrap(),
        verdict: "packets to 10.65.2.7 go to node-b, via 172.16.1.2 on eth0".to_owned(),
        contradictions: Vec::new(),
        own: false,
        pool: Some(pool("10.65.0.0/16", "ipip-cross-subnet", Some("tunl0"))),
        prefix: Some("10.65.2.0/26".to_owned()),
        paths_total: rows.len(),
        paths: rows
            .into_iter()
            .map(|row| WhyPath { node: (row.from == "172.16.1.2").then(|| "node-b".to_owned()), row })
            .collect(),
        fib: Some(FibRow {
            prefix: "10.65.2.0/26".to_owned(),
            wanted: "via 172.16.1.2".to_owned(),
            kernel: kernel("installed", Some(route), None),
        }),
        next_hops: vec![WhyNextHop {
            address: "172.16.1.2".to_owned(),
            why_not: None,
            on_link: true,
            by: vec!["172.16.1.2 dev eth0".to_owned()],
            route: Some("172.16.1.0/24 dev eth0 proto kernel".to_owned()),
            through: Vec::new(),
        }],
        covering: vec![lookup.clone()],
        lookup: Some(lookup),
        lookup_error: None,
        hops: vec![WhyHop {
            via: "172.16.1.2".parse().ok(),
            device: "eth0".to_owned(),
            kind: "veth".to_owned(),
            up: true,
            carrier: true,
            mtu: 1500,
            neighbour: Some("02:00:00:00:01:02 REACHABLE".to_owned()),
            far_end: None,
            dead: false,
        }],
    }
}

pub fn examination() -> Examination {
    Examination {
        process: Some(ProcessFacts {
            pid: 7,
            netns: "net:[4026531840]".to_owned(),
            capabilities: 0x1400,
            program: "/usr/bin/roost".to_owned(),
        }),
        enabled: true,
        addresses: vec!["172.16.1.1/24".to_owned()],
        ports: vec![179],
        protocol: 12,
        table: 254,
        pools: vec![
            PoolRow {
                managed: Some(ManagedRow { vni: 4096, port: 4789, local: "172.16.1.1".parse().ok(), mtu: 0 }),
                ..pool("10.68.0.0/16", "vxlan", Some("vxlan.roost"))
            },
            pool("10.66.0.0/16", "direct", None),
        ],
        originated: vec!["10.65.1.0/26".to_owned()],
        troubled: fib().split_off(2),
        troubled_total: 2,
        warnings: vec!["tunnel device tunl0 has MTU 1500".to_owned()],
        strangers: vec!["10.9.0.0/24 via 172.16.1.9 dev eth0 proto bird".to_owned()],
        strangers_total: 1,
        shared_blocks: vec![SharedBlock {
            prefix: "10.65.2.0/26".to_owned(),
            nodes: vec!["172.16.1.2 (node-b)".to_owned(), "172.16.1.3".to_owned()],
        }],
    }
}

pub fn memory() -> Memory {
    let part = |part: &str, count, bytes| MemoryPart { part: part.to_owned(), count, bytes };
    Memory {
        parts: vec![
            part("prefixes", 1_000_000, 40_210_432),
            part("attribute sets", 200_000, 62_550_160),
            part("group slices", 0, 0),
            part("sessions", 3, 12_000),
        ],
        accounted: 102_772_592,
        resident: Some(126_353_408),
        resident_peak: Some(209_715_200),
        unaccounted: Some(23_580_816),
        per_path: 144,
        unsent: 3_584,
    }
}

pub fn fib() -> Vec<FibRow> {
    let row =
        |prefix: &str, wanted: &str, kernel| FibRow { prefix: prefix.to_owned(), wanted: wanted.to_owned(), kernel };
    vec![
        row("10.65.1.0/26", "blackhole", kernel("installed", Some("blackhole 10.65.1.0/26 proto bird"), None)),
        row(
            "10.65.2.7/32",
            "via 172.16.1.2",
            kernel("installed", Some("10.65.2.7 via 172.16.1.2 dev eth0 proto bird"), None),
        ),
        row("10.65.3.0/26", "via 172.16.2.3", kernel("withheld", None, Some("tunl0 is missing"))),
        row("10.65.9.0/26", "none", kernel("adopted", Some("10.65.9.0/26 via 172.16.1.9 dev eth0 proto bird"), None)),
    ]
}
