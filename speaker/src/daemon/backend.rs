//! What the API shows: snapshots of the owner, of the peers' tasks and of the kernel side, joined into rows.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bgp_proto::Prefix;
use bgp_proto::fsm::State;
use fib_sync::FibHandle;
use rib::{Held, PeerId};
use tracing::info;

use super::drain::DrainHandle;
use super::health::Health;
use super::known_peers::{KnownPeer, KnownPeers};
use super::listener::Doors;
use super::memory::{self, OfSessions};
use super::metrics::{self, Scrape};
use super::node_address::NodeAddresses;
use super::origins::Origins;
use super::out_queue::Wanted;
use super::owner::OwnerHandle;
use super::peer_status::PeerStatus;
use super::peer_task::PeerTask;
use super::reload::ReloadHandle;
use super::restart::Restart;
use super::routes::{self, Sources};
use super::unopened::Refusal;
use super::{examination, groups, kernel_routes, names, operator, pools, rows, setup, watched, why};
use crate::api::apply::{Applied, Apply};
use crate::api::configuration::{ConfigStatus, ConfigSteps, ConfigText, OverlayRow, Plan, PlanRequest};
use crate::api::model::{
    DrainState, Examination, FibFilter, FibRow, FibSummary, GroupRow, Liveness, LogLevels, LogOrder, Memory,
    OwnerRoutes, OwnerRow, PeerDetail, PeerDone, PeerFilter, PeerRow, PoolDetail, Readiness, RouteFilter, RouteRow,
    Status, Why,
};
use crate::api::{Backend, Caller, Drain, Edit, Edited, Order, OwnerName, Problem, Reread, Setting, Slices};
use crate::config::Config;
use crate::journal::Journal;
use crate::logging::{LevelError, Levels};
use crate::net::md5_counters::Md5Counters;

/// The running daemon, from outside. Cheap to clone.
#[derive(Clone)]
pub struct Daemon(Arc<Inside>);

/// Where the answers come from.
pub struct Parts {
    /// The node's addresses, which know the configuration.
    pub addresses: Arc<NodeAddresses>,
    /// The table.
    pub owner: OwnerHandle,
    /// The kernel side, if there is one.
    pub fib: Option<FibHandle>,
    /// The phase of the process.
    pub restart: Arc<Restart>,
    /// Who may come in.
    pub doors: Arc<Doors>,
    /// Who is known.
    pub peers: Arc<KnownPeers>,
    /// What is announced over the API.
    pub origins: Origins,
    /// Who reads the configuration again.
    pub reload: ReloadHandle,
    /// Who takes the node out of service.
    pub drain: DrainHandle,
    /// Who looks after the parts.
    pub health: Arc<Health>,
    /// What all sessions count together.
    pub wanted: Arc<Wanted>,
    /// The log.
    pub levels: Levels,
}

struct Inside {
    addresses: Arc<NodeAddresses>,
    owner: OwnerHandle,
    fib: Option<FibHandle>,
    restart: Arc<Restart>,
    doors: Arc<Doors>,
    peers: Arc<KnownPeers>,
    origins: Origins,
    reload: ReloadHandle,
    drain: DrainHandle,
    health: Arc<Health>,
    wanted: Arc<Wanted>,
    levels: Levels,
    started: Instant,
    /// What the kernel had counted by then.
    md5_before: Md5Counters,
}

impl Daemon {
    /// The outside of these parts.
    pub fn new(parts: Parts) -> Self {
        let Parts { addresses, owner, fib, restart, doors, peers, origins, reload, drain, health, wanted, levels } =
            parts;
        let (started, md5_before) = (Instant::now(), Md5Counters::read().unwrap_or_default());
        Self(Arc::new(Inside {
            addresses,
            owner,
            fib,
            restart,
            doors,
            peers,
            origins,
            reload,
            drain,
            health,
            wanted,
            levels,
            started,
            md5_before,
        }))
    }

    /// The configuration in force.
    fn config(&self) -> Arc<Config> {
        self.0.reload.config()
    }

    /// What the kernel has dropped because of TCP MD5 since the start.
    fn md5_drops(&self) -> Md5Counters {
        Md5Counters::read().unwrap_or_default().since(self.0.md5_before)
    }

    /// Peers in order of address, with what their tasks show.
    fn snapshots(&self) -> Vec<(PeerId, KnownPeer, PeerStatus)> {
        let snapshot = |(id, known): (PeerId, KnownPeer)| {
            let status = known.shared.snapshot();
            (id, known, status)
        };
        self.0.peers.all().into_iter().map(snapshot).collect()
    }

    /// The rows of these peers.
    async fn rows(&self, peers: Vec<(PeerId, KnownPeer)>) -> Vec<PeerRow> {
        let ids: Vec<_> = peers.iter().map(|(id, _)| *id).collect();
        let ask = move |owner: &mut super::owner::Owner| -> HashMap<_, _> {
            ids.into_iter().map(|id| (id, owner.rib.peer_view(id))).collect()
        };
        let counts = self.0.owner.ask(ask).await.unwrap_or_default();
        let dropped = self.md5_drops();
        let config = self.config();
        let row = |(id, known): (PeerId, KnownPeer)| {
            let counts = counts.get(&id).copied().unwrap_or_default();
            self.drained(rows::peer(&config, &known, &known.shared.snapshot(), &counts, dropped))
        };
        peers.into_iter().map(row).collect()
    }

    /// The row, as it is while the node is drained: nothing else lets the peer in.
    fn drained(&self, mut row: PeerRow) -> PeerRow {
        if self.0.restart.is_away() && row.state != "established" {
            row.hint = Some("the node is drained: `roost undrain` lets all peers in again".to_owned());
        }
        row
    }

    /// The status, but for what this node announces, which can be a hundred thousand prefixes.
    async fn at_a_glance(&self) -> Status {
        let inside = &self.0;
        let config = self.config();
        let (memory, size) = inside.owner.ask(|owner| (owner.rib.memory(), owner.rib.size())).await.unwrap_or_default();
        let peers = self.snapshots();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            node: config.node.name.clone(),
            asn: config.router.asn.0,
            router_id: config.router.router_id.to_string(),
            addresses: inside.addresses.rows(),
            uptime: inside.started.elapsed().as_secs(),
            listen: config.router.listen.iter().map(ToString::to_string).collect(),
            phase: if inside.restart.is_starting() || !inside.restart.is_swept() { "starting" } else { "running" }
                .to_owned(),
            peers_established: peers.iter().filter(|(_, _, status)| status.state == State::Established).count(),
            peers: peers.len(),
            dynamic_peers: config.dynamic_peers.iter().map(|range| rows::range(range, &peers)).collect(),
            prefixes: memory.dests.count,
            paths: memory.paths.count,
            tables: rows::tables(size),
            started_at: rows::wall(inside.started),
            configured_at: rows::wall(inside.reload.read_at()),
            configuration: inside.reload.status(),
            originated: Vec::new(),
            connections: rows::connections(inside.doors.unopened()),
            drain: inside.drain.state(),
            readiness: Readiness::default(),
            log: inside.levels.shown(),
            fib: inside.fib.as_ref().map(fib_summary).unwrap_or_default(),
        }
    }
}

impl Backend for Daemon {
    async fn status(&self) -> Status {
        let originated = self.0.owner.ask(|owner| owner.rib.originated()).await.unwrap_or_default();
        let originated = originated.iter().map(Prefix::to_string).collect();
        Status { originated, ..self.at_a_glance().await }
    }

    async fn peers(&self, filter: PeerFilter) -> Result<Vec<PeerRow>, Problem> {
        let all = self.0.peers.all();
        let named = match &filter.peer {
            None => all,
            Some(name) => names::find(&all, name)?.into_iter().cloned().collect(),
        };
        let mut rows = self.rows(named).await;
        rows.retain(|row| filter.passes(row));
        Ok(rows)
    }

    async fn peer(&self, name: String) -> Result<PeerDetail, Problem> {
        let (id, known) = names::find_one(&self.0.peers.all(), &name)?.clone();
        let counts = self.0.owner.ask(move |owner| owner.rib.peer_view(id)).await.unwrap_or_default();
        let status = known.shared.snapshot();
        let row = self.drained(rows::peer(&self.config(), &known, &status, &counts, self.md5_drops()));
        Ok(rows::peer_detail(row, &known, &status, &counts))
    }

    async fn pools(&self) -> Vec<PoolDetail> {
        let lines = self.0.reload.lines_of_pools().await;
        pools::rows(&setup::fib(&self.config()), &lines, self.0.fib.as_ref()).await
    }

    async fn routes(&self, filter: RouteFilter) -> Result<Slices<RouteRow>, Problem> {
        let Inside { owner, fib, peers, .. } = &*self.0;
        let sources = Sources { owner: owner.clone(), fib: fib.clone(), peers: peers.clone() };
        routes::slices(sources, &filter).await
    }

    async fn memory(&self) -> Memory {
        let owner = self.0.owner.ask(|owner| owner.memory()).await.unwrap_or_default();
        let mut sessions = OfSessions::default();
        for (_, known) in self.0.peers.all() {
            let (own, unsent) = known.shared.memory();
            sessions.tasks.count += 1;
            sessions.tasks.bytes += own + size_of::<PeerTask>();
            sessions.unsent += unsent;
        }
        let (count, bytes) = self.0.wanted.journal.memory();
        memory::memory(&owner, &sessions, Held { count, bytes })
    }

    async fn fib(&self, filter: FibFilter) -> Result<Slices<FibRow>, Problem> {
        kernel_routes::slices(self.0.fib.clone(), filter).await
    }

    async fn why(&self, address: IpAddr) -> Result<Why, Problem> {
        let Inside { owner, fib, peers, .. } = &*self.0;
        why::why(address, owner, fib.as_ref(), peers).await
    }

    async fn examination(&self) -> Result<Examination, Problem> {
        let Inside { owner, fib, peers, .. } = &*self.0;
        examination::of_daemon(&self.config(), owner, fib.as_ref(), peers).await
    }

    async fn groups(&self) -> Vec<GroupRow> {
        groups::rows(&self.0.owner, &self.0.peers).await
    }

    async fn owners(&self) -> Vec<OwnerRow> {
        self.0.origins.owners().await
    }

    async fn owner(&self, owner: OwnerName) -> Result<OwnerRoutes, Problem> {
        let unknown =
            || Problem::not_found(format!("nobody called {owner} announces anything; GET /v1/owners lists who does"));
        self.0.origins.owner(&owner).await.ok_or_else(unknown)
    }

    async fn edit(&self, owner: OwnerName, edit: Edit, caller: Caller) -> Result<Edited, Problem> {
        self.0.origins.edit(owner, edit, caller).await
    }

    async fn order(&self, peers: Vec<String>, order: Order) -> Result<Vec<PeerDone>, Problem> {
        operator::carry_out(&self.0.peers, &peers, order).await
    }

    async fn drain_state(&self) -> DrainState {
        self.0.drain.state()
    }

    async fn drain(&self, order: Option<Drain>) -> Result<DrainState, Problem> {
        self.0.drain.wish(order).await.map_err(Problem::unavailable)?;
        Ok(self.0.drain.state())
    }

    async fn reread(&self, check: bool) -> Reread {
        self.0.reload.read(check).await
    }

    async fn plan(&self, request: PlanRequest) -> Result<Plan, Vec<String>> {
        self.0.reload.plan(request).await
    }

    async fn apply(&self, apply: Apply, caller: Caller) -> Result<Applied, Problem> {
        self.0.reload.apply(apply, caller).await
    }

    async fn confirm(&self, undo: bool, caller: Caller) -> Result<ConfigStatus, Problem> {
        self.0.reload.confirm(undo, caller).await
    }

    async fn log(&self) -> LogLevels {
        self.0.levels.shown()
    }

    async fn set_log(&self, order: LogOrder) -> Result<LogLevels, Problem> {
        let levels = self.0.levels.change(order).map_err(|error| match error {
            LevelError::TooMany => Problem::conflict(error.to_string()),
            LevelError::Filter(_) | LevelError::Ended(_) => Problem::unavailable(error.to_string()),
        })?;
        info!(levels = levels.in_force(), "how much is logged has changed");
        Ok(levels)
    }

    async fn config_text(&self) -> Result<ConfigText, Problem> {
        self.0.reload.text().await
    }

    async fn overlay(&self) -> Vec<OverlayRow> {
        self.0.reload.overlay().await
    }

    async fn set(&self, setting: Setting, caller: Caller) -> Result<ConfigSteps, Problem> {
        self.0.reload.set(setting, caller).await
    }

    async fn metrics(&self) -> String {
        let Inside { doors, health, wanted, fib, .. } = &*self.0;
        let (status, peers) = (self.at_a_glance().await, self.rows(self.0.peers.all()).await);
        let own = self.0.owner.ask(|owner| owner.rib.peer_view(PeerId::LOCAL)).await.unwrap_or_default();
        let unopened = doors.unopened();
        let scrape = Scrape {
            settings: self.config().metrics.unwrap_or_default(),
            status: &status,
            peers: &peers,
            totals: &self.0.peers.totals(),
            reasons: &wanted.tally.reasons(),
            notifications: &wanted.tally.notifications(),
            originated: own.paths.iter().map(|paths| paths.received as usize).sum(),
            to_wire: wanted.tally.to_wire(),
            owner_wait: wanted.tally.owner_wait(),
            unopened: unopened.waiting(),
            refused: &Refusal::ALL.map(|refusal| (refusal.name(), unopened.refused(refusal))),
            liveness: &health.liveness(),
            readiness: &health.readiness().await,
            memory: &self.memory().await,
            fib: fib.as_ref().map(|fib| (fib.stats(), fib.waiting(), fib.behind())),
            md5: Md5Counters::read(),
            watching: wanted.journal.watching(),
        };
        metrics::render(&scrape).unwrap_or_else(|error| format!("# {error}\n"))
    }

    async fn liveness(&self) -> Liveness {
        self.0.health.liveness()
    }

    async fn readiness(&self) -> Readiness {
        self.0.health.readiness().await
    }

    fn journal(&self) -> Arc<Journal> {
        self.0.wanted.journal.clone()
    }

    async fn note_routes(&self) -> Result<(), Problem> {
        watched::begin(&self.0.owner, self.0.fib.as_ref()).await
    }

    async fn paths(&self, prefixes: Vec<Prefix>) -> Result<Vec<RouteRow>, Problem> {
        watched::paths(prefixes, &self.0.owner, &self.0.peers).await
    }

    async fn kernel(&self, prefixes: Vec<Prefix>) -> Vec<FibRow> {
        watched::kernel(prefixes, self.0.fib.as_ref()).await
    }

    fn served(&self) {
        self.0.health.served();
    }
}

fn fib_summary(fib: &FibHandle) -> FibSummary {
    let stats = fib.stats();
    FibSummary {
        enabled: true,
        installed: stats.installed,
        pending: stats.pending,
        withheld: stats.withheld,
        over_limit: stats.over_limit,
        others: stats.others,
        conflicts: stats.conflicts,
        failed: stats.failed,
        adopted: stats.adopted,
        repairs: stats.repairs.total(),
        warnings: fib.warnings().iter().map(ToString::to_string).collect(),
    }
}

/// The owner does not answer any more.
pub fn ended() -> Problem {
    Problem::unavailable("the daemon is ending")
}
