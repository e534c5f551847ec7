//! What the rest of the program holds: a handle to the route thread.
//!
//! Wishes go into a map keyed by prefix, so handing them in never waits and never grows beyond the
//! table: whatever the kernel has not got round to yet is overwritten by the last word.

use crate::FibError;
use crate::changes::Watcher;
use crate::config::FibConfig;
use crate::desired::{State, Target};
use crate::driver;
use crate::engine::{Engine, Explanation, Overview, is_bad};
use crate::far_ends::Mac;
use crate::foresight::Excerpt;
use crate::hash::HashMap;
use crate::kernel::Kernel;
use crate::netlink::NetlinkKernel;
use crate::next_hop::NextHop;
use crate::route::contains;
use crate::stats::FibStats;
use crate::watched::NextHopReport;
use ipnetwork::IpNetwork;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Notify, mpsc, oneshot};

/// Questions under way at once; more wait.
const COMMANDS: usize = 16;

/// Talks to the route thread. Clones are cheap. When the last one is dropped the thread ends and
/// routes stay in the kernel.
#[derive(Debug, Clone)]
pub struct FibHandle {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
}

/// Routes with our protocol id in our table that were there before us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Adopted {
    /// IPv4 routes.
    pub ipv4: usize,
    /// IPv6 routes.
    pub ipv6: usize,
}

/// One prefix with everything known about it.
#[derive(Debug, Clone)]
pub struct FibRow {
    /// The prefix.
    pub prefix: IpNetwork,
    /// What is wanted; `None` for a route adopted at start that nobody wants yet.
    pub target: Option<Target>,
    /// How far it is.
    pub state: State,
    /// Our route in the kernel, as `ip route` prints it.
    pub kernel: Option<String>,
    /// When the state began.
    pub since: SystemTime,
    /// What else is to be known, though it is installed.
    pub note: Option<String>,
}

/// Which rows to give.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RowFilter {
    /// All.
    #[default]
    All,
    /// Exactly this prefix.
    Exact(IpNetwork),
    /// These prefixes, in this order; those that are neither wanted nor adopted have no row.
    Each(Vec<IpNetwork>),
    /// This prefix and what is inside.
    Within(IpNetwork),
    /// Withheld (but not as another program's), in conflict or refused.
    Troubled,
    /// Of those, the ones for a cause on this node: see [`State::is_divergent`].
    Divergent,
}

impl RowFilter {
    pub(crate) fn rows(self, engine: &Engine) -> Vec<FibRow> {
        let prefixes = match &self {
            RowFilter::Exact(prefix) => vec![*prefix],
            RowFilter::Each(prefixes) => prefixes.clone(),
            _ => engine.prefixes(),
        };
        let found = prefixes.into_iter().filter(|prefix| match &self {
            RowFilter::Within(outer) => is_inside(*outer, *prefix),
            _ => true,
        });
        let rows = found.filter_map(|prefix| engine.find(prefix)).filter(|found| match &self {
            RowFilter::Troubled => is_bad(found.state),
            RowFilter::Divergent => found.state.is_divergent(),
            _ => true,
        });
        rows.map(|found| FibRow {
            prefix: found.prefix,
            target: found.target.cloned(),
            state: found.state.clone(),
            kernel: found.kernel,
            since: found.since,
            note: found.note,
        })
        .collect()
    }
}

pub(crate) fn is_inside(outer: IpNetwork, prefix: IpNetwork) -> bool {
    outer.prefix() <= prefix.prefix() && contains(outer, prefix.ip())
}

#[derive(Debug)]
pub(crate) enum Command {
    Flush(oneshot::Sender<()>),
    Answer(oneshot::Sender<()>),
    Rows(RowFilter, oneshot::Sender<Vec<FibRow>>),
    Prefixes(Option<IpNetwork>, oneshot::Sender<Vec<IpNetwork>>),
    Explain(IpAddr, Vec<NextHop>, oneshot::Sender<Explanation>),
    Overview(oneshot::Sender<Overview>),
    Excerpt(Vec<IpNetwork>, Vec<NextHop>, oneshot::Sender<Excerpt>),
    NoteChanges(oneshot::Sender<()>),
    Reconfigure(Box<FibConfig>, oneshot::Sender<Result<(), FibError>>),
    Stop { leave_routes: bool, done: oneshot::Sender<()> },
}

/// What was handed in and not taken up yet.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) targets: HashMap<IpNetwork, Option<Target>>,
    pub(crate) next_hops: HashMap<NextHop, bool>,
    pub(crate) sweep: bool,
    /// When the oldest target was handed in, or what it comes from was heard.
    pub(crate) since: Option<Instant>,
    /// The same of those that were taken up in this turn of the thread, whose statistics do not have it yet.
    taken_up: Option<Instant>,
}

#[derive(Debug, Default)]
pub(crate) struct Shared {
    wishes: Mutex<Wishes>,
    changed: Notify,
    /// Locked after `wishes`, where both are.
    next_hops: Mutex<BTreeMap<NextHop, NextHopReport>>,
    /// MAC addresses of VXLAN devices, if there is news.
    macs: Mutex<Option<BTreeMap<String, Mac>>>,
    told: Notify,
    stats: Mutex<FibStats>,
    warnings: Mutex<Vec<Arc<str>>>,
    watcher: OnceLock<Arc<dyn Watcher>>,
}

impl Shared {
    pub(crate) fn hand_in(&self, changes: impl IntoIterator<Item = (IpNetwork, Option<Target>)>) {
        self.hand_in_since(Instant::now(), changes);
    }

    fn hand_in_since(&self, since: Instant, changes: impl IntoIterator<Item = (IpNetwork, Option<Target>)>) {
        let mut wishes = lock(&self.wishes);
        wishes.targets.extend(changes);
        wishes.since = wishes.since.into_iter().chain([since]).min();
        drop(wishes);
        self.changed.notify_one();
    }

    /// Next hops named since the last call.
    pub(crate) fn take_next_hops(&self) -> HashMap<NextHop, bool> {
        std::mem::take(&mut lock(&self.wishes).next_hops)
    }

    /// All other wishes since the last call.
    pub(crate) fn take_targets(&self) -> Wishes {
        let mut wishes = lock(&self.wishes);
        let next_hops = std::mem::take(&mut wishes.next_hops);
        // Hashed alike the next time: prefixes come in the order in which they lie in the engine.
        let targets = HashMap::with_hasher(wishes.targets.hasher().clone());
        let taken_up = wishes.taken_up.into_iter().chain(wishes.since).min();
        std::mem::replace(&mut *wishes, Wishes { next_hops, targets, taken_up, ..Wishes::default() })
    }

    pub(crate) fn is_empty(&self) -> bool {
        let wishes = lock(&self.wishes);
        wishes.targets.is_empty() && wishes.next_hops.is_empty() && !wishes.sweep
    }

    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Of a next hop that is watched no longer nothing is told, though the thread may not know yet.
    pub(crate) fn tell(&self, reports: Vec<(NextHop, NextHopReport)>) {
        if reports.is_empty() {
            return;
        }
        let wishes = lock(&self.wishes);
        lock(&self.next_hops)
            .extend(reports.into_iter().filter(|(addr, _)| wishes.next_hops.get(addr) != Some(&false)));
        drop(wishes);
        self.told.notify_one();
    }

    pub(crate) fn tell_macs(&self, news: Option<BTreeMap<String, Mac>>) {
        if news.is_some() {
            *lock(&self.macs) = news;
            self.told.notify_one();
        }
    }

    pub(crate) fn watcher(&self) -> Option<&dyn Watcher> {
        self.watcher.get().map(Arc::as_ref)
    }

    pub(crate) fn publish(&self, stats: FibStats, warnings: &[Arc<str>]) {
        *lock(&self.stats) = stats;
        lock(&self.wishes).taken_up = None;
        let mut told = lock(&self.warnings);
        if **told != *warnings {
            *told = warnings.to_vec();
        }
    }
}

impl FibHandle {
    /// Hands in wishes: a target for a prefix, or `None` for "no longer wanted". Never waits.
    pub fn update(&self, changes: impl IntoIterator<Item = (IpNetwork, Option<Target>)>) {
        self.shared.hand_in(changes);
    }

    /// [`FibHandle::update`] with wishes that began earlier: when what they come from was heard.
    pub fn update_since(&self, since: Instant, changes: impl IntoIterator<Item = (IpNetwork, Option<Target>)>) {
        self.shared.hand_in_since(since, changes);
    }

    /// Wishes that the thread has not taken up.
    pub fn waiting(&self) -> usize {
        lock(&self.shared.wishes).targets.len()
    }

    /// From now on, adopted routes that nobody wants are deleted. Never waits. Call it when every
    /// source of routes has said all it knows, or the time given to it has passed. Until then only
    /// such deletions wait; additions and repairs don't.
    pub fn sweep(&self) {
        lock(&self.shared.wishes).sweep = true;
        self.shared.changed.notify_one();
    }

    /// Next hops to watch (`true`) or no longer, used by a wanted prefix or not. Never waits; the last word on an address
    /// wins. Each is reported once soon, and then whenever the answer changes; naming one again begins anew.
    pub fn watch_next_hops(&self, changes: impl IntoIterator<Item = (NextHop, bool)>) {
        let mut wishes = lock(&self.shared.wishes);
        let mut reports = lock(&self.shared.next_hops);
        for (next_hop, watch) in changes {
            // What was reported before belongs to the former watch.
            reports.remove(&next_hop);
            wishes.next_hops.insert(next_hop, watch);
        }
        drop((reports, wishes));
        self.shared.changed.notify_one();
    }

    /// Watched next hops of which there is news since the last call, each once with the last word, in order.
    pub fn take_next_hop_changes(&self) -> Vec<(NextHop, NextHopReport)> {
        std::mem::take(&mut *lock(&self.shared.next_hops)).into_iter().collect()
    }

    /// MAC addresses of the pools' VXLAN devices by name, if they are not those of the last call. Known from the start;
    /// devices that another program has yet to make have none.
    pub fn take_macs(&self) -> Option<BTreeMap<String, Mac>> {
        lock(&self.shared.macs).take()
    }

    /// Waits until [`FibHandle::take_next_hop_changes`] or [`FibHandle::take_macs`] may have something to give. For one task at a time; may be
    /// dropped while waiting.
    pub async fn next_hops_changed(&self) {
        self.shared.told.notified().await;
    }

    /// Whether the thread still runs. It ends only when told to, or by a fault of its own.
    pub fn is_alive(&self) -> bool {
        !self.commands.is_closed()
    }

    /// Waits until the thread has come round to answering; `false` if it has ended. It comes round after each batch.
    pub async fn answers(&self) -> bool {
        let (done, wait) = oneshot::channel();
        self.ask(Command::Answer(done)).await;
        wait.await.is_ok()
    }

    /// How long the oldest wish has waited for the kernel; nothing if none waits. A wish that cannot be fulfilled does not
    /// wait: it has a state of its own.
    pub fn behind(&self) -> Duration {
        let Wishes { since, taken_up, .. } = *lock(&self.shared.wishes);
        let counted = lock(&self.shared.stats).oldest;
        [since, taken_up, counted].into_iter().flatten().min().map(|since| since.elapsed()).unwrap_or_default()
    }

    /// Counters and numbers of routes by state, as of the last turn of the thread.
    pub fn stats(&self) -> FibStats {
        *lock(&self.shared.stats)
    }

    /// What people should know of tunnel devices, and what to type: those that can't be made, are another program's, or
    /// are too large for the network.
    pub fn warnings(&self) -> Vec<Arc<str>> {
        lock(&self.shared.warnings).clone()
    }

    /// Rows in order of prefix; empty if the thread has ended. Built on demand by the thread, so a
    /// hundred thousand of them cost it some tens of milliseconds.
    pub async fn rows(&self, filter: RowFilter) -> Vec<FibRow> {
        let (answer, rows) = oneshot::channel();
        self.ask(Command::Rows(filter, answer)).await;
        rows.await.unwrap_or_default()
    }

    /// The prefixes that are wanted or adopted, all or what is inside one, in order: for whoever asks for their rows in
    /// slices ([`RowFilter::Each`]). Empty if the thread has ended.
    pub async fn prefixes(&self, within: Option<IpNetwork>) -> Vec<IpNetwork> {
        let (answer, prefixes) = oneshot::channel();
        self.ask(Command::Prefixes(within, answer)).await;
        prefixes.await.unwrap_or_default()
    }

    /// The way to an address, and how these next hops resolve; `None` if the thread has ended.
    pub async fn explain(&self, address: IpAddr, next_hops: Vec<NextHop>) -> Option<Explanation> {
        let (answer, explanation) = oneshot::channel();
        self.ask(Command::Explain(address, next_hops, answer)).await;
        explanation.await.ok()
    }

    /// How routes are written, and what stands beside them under our marks; `None` if the thread has ended.
    pub async fn overview(&self) -> Option<Overview> {
        let (answer, overview) = oneshot::channel();
        self.ask(Command::Overview(answer)).await;
        overview.await.ok()
    }

    /// What is needed to try out what becomes of these prefixes, with these next hops beside those they have now; `None` if
    /// the thread has ended. It costs the thread some milliseconds for a thousand prefixes.
    pub async fn excerpt(&self, prefixes: Vec<IpNetwork>, next_hops: Vec<NextHop>) -> Option<Excerpt> {
        let (answer, excerpt) = oneshot::channel();
        self.ask(Command::Excerpt(prefixes, next_hops, answer)).await;
        excerpt.await.ok()
    }

    /// Who is told what changes, for as long as the handle's thread runs; the first one called stays.
    pub fn set_watcher(&self, watcher: Arc<dyn Watcher>) {
        let _ = self.shared.watcher.set(watcher);
    }

    /// From now on the watcher is told which rows change, until it says that it wants no more. Returns when that is so.
    pub async fn note_changes(&self) {
        let (done, wait) = oneshot::channel();
        self.ask(Command::NoteChanges(done)).await;
        let _ = wait.await;
    }

    /// From now on this configuration: routes move to it, new before old. Returns when it is in force;
    /// [`FibHandle::flush`] waits for the routes. Of a pool that becomes another program's our routes stay until the next
    /// [`FibHandle::sweep`], for that program to write its own before.
    ///
    /// # Errors
    /// When it can't be run, and the former one stays in force; or when the thread has ended.
    pub async fn reconfigure(&self, config: FibConfig) -> Result<(), FibError> {
        let (done, wait) = oneshot::channel();
        self.ask(Command::Reconfigure(Box::new(config), done)).await;
        wait.await.unwrap_or(Err(FibError::Gone))
    }

    /// Resolves once everything handed in before has been tried on the kernel (and perhaps refused).
    /// As long as the kernel's tables can't be read it does not; give it a time limit at exit.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        self.ask(Command::Flush(done)).await;
        let _ = wait.await;
    }

    /// Ends the thread: what was handed in before is written first. Routes of ours stay in the kernel,
    /// or are all removed.
    pub async fn shutdown(self, leave_routes: bool) {
        let (done, wait) = oneshot::channel();
        self.ask(Command::Stop { leave_routes, done }).await;
        let _ = wait.await;
    }

    async fn ask(&self, command: Command) {
        // An error means that the thread has ended; then the answer's channel is closed too.
        let _ = self.commands.send(command).await;
    }
}

/// Starts the route thread on the kernel of the caller's network namespace. Returns after the first
/// dump, so the caller knows what was adopted before it talks to anybody; that takes as long as
/// reading the tables does (0.3 s for 100 000 routes).
///
/// # Errors
/// When the configuration can't be run, sockets can't be opened, or the tables can't be read.
pub fn start(config: FibConfig) -> Result<(FibHandle, Adopted), FibError> {
    let for_kernel = config.clone();
    start_on(config, move || NetlinkKernel::open(&for_kernel))
}

/// [`start`] on a kernel of the caller's choice, made by `open` inside the new thread's runtime.
///
/// # Errors
/// As [`start`], and what `open` fails with.
pub fn start_on<K, F>(config: FibConfig, open: F) -> Result<(FibHandle, Adopted), FibError>
where
    K: Kernel,
    F: FnOnce() -> io::Result<K> + Send + 'static,
{
    let mut engine = Engine::new(config)?;
    let shared = Arc::new(Shared::default());
    let (sender, mut commands) = mpsc::channel(COMMANDS);
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    let inner = Arc::clone(&shared);
    let body = move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build() {
            Ok(runtime) => runtime,
            Err(source) => return drop(tell.send(Err(FibError::Start { what: "make the runtime", source }))),
        };
        runtime.block_on(async {
            let started = first(&mut engine, open).await;
            let stats = engine.report(Instant::now());
            inner.publish(stats, engine.warnings());
            inner.tell_macs(engine.take_macs());
            match started {
                Ok((mut kernel, adopted)) => {
                    // The caller waits for this in `recv` below.
                    let _ = tell.send(Ok(adopted));
                    driver::run(&mut kernel, &mut engine, &inner, &mut commands).await;
                }
                Err(error) => drop(tell.send(Err(error))),
            }
        });
    };
    let spawned = std::thread::Builder::new().name("fib-sync".into()).spawn(body);
    spawned.map_err(|source| FibError::Start { what: "start the thread", source })?;
    let adopted = told.recv().map_err(|_| FibError::Gone)??;
    Ok((FibHandle { shared, commands: sender }, adopted))
}

async fn first<K: Kernel>(engine: &mut Engine, open: impl FnOnce() -> io::Result<K>) -> Result<(K, Adopted), FibError> {
    let mut kernel = open().map_err(|source| FibError::Start { what: "open netlink sockets", source })?;
    let began = Instant::now();
    let dump = kernel.dump().await.map_err(FibError::Dump)?;
    engine.load(began, Instant::now(), dump);
    let (ipv4, ipv6) = engine.adopted();
    Ok((kernel, Adopted { ipv4, ipv6 }))
}

/// A thread that panicked while it held the lock left a whole value behind: all writes are single.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryKernel;
    use crate::route::{Form, Hop, Hops, Route};

    fn via(gateway: &str) -> Option<Target> {
        Some(Target::via([gateway.parse().unwrap()].into_iter().collect()))
    }

    fn world() -> MemoryKernel {
        let kernel = MemoryKernel::new();
        kernel.link(2, "eth0", true);
        kernel.address(2, "172.16.1.1/24".parse().unwrap());
        let form = Form::Unicast(Hops::from_iter([Hop::via("172.16.1.9".parse().unwrap(), 2)]));
        let prefix = "10.9.0.0/24".parse().unwrap();
        kernel.add(Route { prefix, metric: 0, table: 254, protocol: 12, tos: 0, form, extras: false }).unwrap();
        kernel
    }

    fn begin(kernel: &MemoryKernel) -> (FibHandle, Adopted) {
        let kernel = kernel.clone();
        start_on(FibConfig::default(), move || Ok(kernel)).unwrap()
    }

    #[tokio::test]
    async fn the_last_word_wins_and_a_flush_waits_for_it() {
        let kernel = world();
        let (fib, adopted) = begin(&kernel);
        assert_eq!(adopted, Adopted { ipv4: 1, ipv6: 0 });
        let prefix: IpNetwork = "10.66.2.0/26".parse().unwrap();
        for n in 2..200 {
            fib.update([(prefix, via(&format!("172.16.1.{n}")))]);
        }
        fib.flush().await;
        assert!(kernel.text(12).contains("10.66.2.0/26 via 172.16.1.199 dev eth0"), "{}", kernel.text(12));
        let rows = fib.rows(RowFilter::All).await;
        assert_eq!(rows.iter().map(|row| row.state.name()).collect::<Vec<_>>(), ["adopted", "installed"]);
        assert_eq!(fib.rows(RowFilter::Within("10.66.0.0/16".parse().unwrap())).await.len(), 1);
        let all: Vec<_> = fib.rows(RowFilter::All).await.iter().map(|row| row.prefix).collect();
        assert_eq!((fib.prefixes(None).await, all.len() > 1), (all, true));
        assert_eq!(fib.prefixes(Some("10.66.0.0/16".parse().unwrap())).await.len(), 1);
        assert_eq!(fib.rows(RowFilter::Troubled).await.len(), 0);
        let each = fib.rows(RowFilter::Each(vec![prefix, "10.99.0.0/16".parse().unwrap()])).await;
        assert_eq!(each.iter().map(|row| row.prefix).collect::<Vec<_>>(), [prefix]);

        kernel.delete(prefix, |_| true);
        while fib.stats().repairs.deleted == 0 || fib.stats().pending > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(kernel.text(12).lines().count(), 2);
        let other = fib.clone();
        fib.sweep();
        fib.shutdown(true).await;
        assert_eq!(kernel.text(12).lines().count(), 1, "what was handed in before the end was done");
        other.flush().await;
        assert!(!other.is_alive() && other.rows(RowFilter::All).await.is_empty());
    }

    #[tokio::test]
    async fn a_wish_that_cannot_be_tried_puts_us_behind_and_the_thread_answers_all_the_same() {
        let kernel = world();
        let (fib, _) = begin(&kernel);
        assert_eq!(fib.behind(), Duration::ZERO);
        kernel.fail_dumps(1);
        kernel.overrun();
        while kernel.dumps() < 2 {
            tokio::task::yield_now().await;
        }
        fib.update([("10.66.2.0/26".parse().unwrap(), via("172.16.1.2"))]);
        for _ in 0..3 {
            assert!(fib.answers().await);
            assert!(fib.behind() > Duration::ZERO, "nothing is written before the tables can be read");
        }
        fib.flush().await;
        assert_eq!((fib.behind(), fib.stats().installed, fib.waiting()), (Duration::ZERO, 1, 0));
        let (count, sum) = fib.stats().latency.total();
        assert!(count == 1 && sum > Duration::from_millis(500), "it waited for the next reading: {sum:?}");
        let other = fib.clone();
        fib.shutdown(true).await;
        assert!(!other.answers().await);
    }

    #[test]
    fn a_wish_that_is_taken_up_waits_until_the_turn_has_counted_it() {
        let (shared, (commands, _)) = (Arc::new(Shared::default()), mpsc::channel(1));
        let fib = FibHandle { shared: shared.clone(), commands };
        fib.update([("10.66.2.0/26".parse().unwrap(), via("172.16.1.2"))]);
        assert!(fib.behind() > Duration::ZERO);
        assert_eq!(shared.take_targets().targets.len(), 1);
        assert_eq!(shared.take_targets().targets.len(), 0);
        assert!(fib.behind() > Duration::ZERO);
        shared.publish(FibStats::default(), &[]);
        assert_eq!(fib.behind(), Duration::ZERO);
    }

    #[tokio::test]
    async fn what_goes_wrong_on_this_node_is_told_apart_from_what_others_do() {
        let kernel = world();
        let taken: IpNetwork = "10.66.3.0/26".parse().unwrap();
        let form = Form::Unicast(Hops::from_iter([Hop::via("172.16.1.9".parse().unwrap(), 2)]));
        kernel.add(Route { prefix: taken, metric: 0, table: 254, protocol: 4, tos: 0, form, extras: false }).unwrap();
        let pool = crate::Pool {
            device: Some("tunl0".into()),
            ..crate::Pool::new("10.67.0.0/16".parse().unwrap(), crate::Mode::Ipip)
        };
        let config = FibConfig { pools: vec![pool], ..FibConfig::default() };
        let theirs = kernel.clone();
        let (fib, _) = start_on(config, move || Ok(theirs)).unwrap();
        let prefix = |text: &str| text.parse::<IpNetwork>().unwrap();
        fib.update([
            (prefix("10.66.2.0/26"), via("172.16.9.9")),
            (taken, via("172.16.1.2")),
            (prefix("10.67.2.0/26"), via("172.16.1.2")),
        ]);
        fib.flush().await;
        let stats = fib.stats();
        assert_eq!((stats.withheld, stats.barred, stats.conflicts, fib.behind()), (2, 1, 1, Duration::ZERO));
        let divergent = fib.rows(RowFilter::Divergent).await;
        assert_eq!(divergent.iter().map(|row| row.prefix).collect::<Vec<_>>(), [taken, prefix("10.67.2.0/26")]);
        assert_eq!(fib.rows(RowFilter::Troubled).await.len(), 3);
        fib.update([(prefix("10.67.2.0/26"), None)]);
        fib.flush().await;
        assert_eq!((fib.stats().withheld, fib.stats().barred), (1, 0));
        fib.shutdown(true).await;
    }

    #[tokio::test]
    async fn leaving_takes_routes_along_only_when_asked_to() {
        let kernel = world();
        begin(&kernel).0.shutdown(true).await;
        assert_eq!(kernel.text(12).lines().count(), 1);
        begin(&kernel).0.shutdown(false).await;
        assert_eq!(kernel.text(12), "");
    }

    #[test]
    fn a_start_that_fails_says_what_was_tried() {
        let kernel = world();
        kernel.fail_dumps(1);
        let fail = |config, open: io::Result<MemoryKernel>| start_on(config, || open).unwrap_err().to_string();
        let denied = || Err(io::Error::from_raw_os_error(libc::EPERM));
        assert!(
            fail(FibConfig::default(), denied())
                .starts_with("fib: cannot open netlink sockets: Operation not permitted")
        );
        assert!(
            fail(FibConfig::default(), Ok(kernel))
                .contains("cannot read the kernel's links, addresses and routes: dump refused")
        );
        assert!(fail(FibConfig { protocol: 0, ..FibConfig::default() }, Ok(world())).contains("protocol id 0"));
    }
}
