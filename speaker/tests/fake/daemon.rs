//! A made-up daemon: fixed tables, given after a turn of the scheduler, as the answers of a real one's other task are.
//! The fuzz target of the API asks it too.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bgp_proto::Prefix;
use futures::stream::{self, StreamExt};
use speaker::api::apply::{Applied, Apply};
use speaker::api::configuration::{ConfigStatus, ConfigSteps, ConfigText, OverlayRow, Plan, PlanRequest, StepRow};
use speaker::api::model::*;
use speaker::api::{
    Backend, Caller, Drain, Edit, Edited, Order, OwnerName, Reread, Setting, Slices, Withdraw, parse_prefixes,
};
use speaker::journal::Journal;
use tokio::sync::{Notify, Semaphore};
use tokio::task::yield_now;

#[path = "peers.rs"]
mod peers;
#[path = "pools.rs"]
mod pools;
#[path = "routes.rs"]
mod routes;
pub use peers::*;
pub use pools::*;
pub use routes::*;

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
    /// What has changed.
    pub journal: Arc<Journal>,
    /// Prefixes without a path, whatever the tables say; of all others, asked for by name, there is one.
    pub gone: Arc<Mutex<BTreeSet<String>>>,
    /// How often paths were asked for by name.
    pub asked: Arc<AtomicUsize>,
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

    async fn pools(&self) -> Vec<PoolDetail> {
        yield_now().await;
        pools()
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
            Ok(steps) if !request.text.is_empty() => {
                let (kernel, unknown) = (Some(kernel_fates()), vec!["172.16.1.9: new".to_owned()]);
                Ok(Plan {
                    steps,
                    routes: fates(),
                    routes_total: 5,
                    exports: exports(),
                    exports_total: 2,
                    kernel,
                    unknown,
                })
            }
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

    async fn config_text(&self) -> Result<ConfigText, Problem> {
        let ConfigStatus { file, generation, .. } = self.status().await.configuration;
        Ok(ConfigText { file, generation, text: "router: { asn: 64512 } # here\n".to_owned(), overlay: overlay() })
    }

    async fn overlay(&self) -> Vec<OverlayRow> {
        overlay()
    }

    async fn set(&self, setting: Setting, _caller: Caller) -> Result<ConfigSteps, Problem> {
        yield_now().await;
        let text = match &setting {
            Setting::Put(entry) if entry.settings.is_empty() => {
                return Err(Problem::wrong_fields(vec![(String::new(), format!("{} has no `asn`", entry.key))]));
            }
            Setting::Put(entry) => format!("{}: added", entry.key),
            Setting::Remove(key) if self.broken => return Err(Problem::not_found(format!("no {key} was set"))),
            Setting::Remove(key) => format!("{}: removed, its session ends", key),
        };
        let steps = vec![StepRow { text, ends: matches!(setting, Setting::Remove(_)), ..StepRow::default() }];
        Ok(ConfigSteps { generation: 2, steps, ..ConfigSteps::default() })
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

    fn journal(&self) -> Arc<Journal> {
        self.journal.clone()
    }

    async fn note_routes(&self) -> Result<(), Problem> {
        if self.broken { Err(Problem::unavailable("the daemon is ending")) } else { Ok(()) }
    }

    async fn paths(&self, prefixes: Vec<Prefix>) -> Result<Vec<RouteRow>, Problem> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        yield_now().await;
        let gone = self.gone.lock().unwrap();
        let row = routes().remove(1);
        let there = prefixes.into_iter().map(|prefix| prefix.to_string()).filter(|prefix| !gone.contains(prefix));
        Ok(there.map(|prefix| RouteRow { prefix, ..row.clone() }).collect())
    }

    async fn kernel(&self, prefixes: Vec<Prefix>) -> Vec<FibRow> {
        let named = |row: &FibRow| prefixes.iter().any(|prefix| prefix.to_string() == row.prefix);
        fib().into_iter().filter(named).collect()
    }

    fn served(&self) {
        self.looks.fetch_add(1, Ordering::Relaxed);
    }
}

fn inside_of(block: ipnetwork::IpNetwork, prefix: ipnetwork::IpNetwork) -> bool {
    block.contains(prefix.ip()) && block.prefix() <= prefix.prefix()
}

/// The peers of a name.
fn named(name: &str) -> Result<Vec<PeerRow>, Problem> {
    let rows: Vec<_> = peers().into_iter().filter(|row| row.name() == name || row.description == name).collect();
    if rows.is_empty() { Err(Problem::not_found(format!("no peer is called {name:?}"))) } else { Ok(rows) }
}
