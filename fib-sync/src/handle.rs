//! What the rest of the program holds: a handle to the route thread.

use crate::FibError;
use crate::changes::Watcher;
use crate::config::FibConfig;
use crate::desired::Target;
use crate::driver;
use crate::engine::{Engine, Explanation, Overview};
use crate::far_ends::Mac;
use crate::foresight::Excerpt;
use crate::kernel::Kernel;
use crate::netlink::NetlinkKernel;
use crate::next_hop::NextHop;
use crate::rows::{FibRow, RowFilter};
use crate::shared::{Shared, Wishes, lock};
use crate::stats::FibStats;
use crate::watched::NextHopReport;
use ipnetwork::IpNetwork;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

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

#[cfg(test)]
mod tests;
