//! The owner of the RIB: one task, one state, no locks.
//!
//! It works in turns: take in some of what has come, apply it, decide some of the changed prefixes, then hand the result
//! to the kernel and to the sessions that have room. A turn is bounded, so timers wait for a few milliseconds at most, also
//! while a full table arrives or goes. What a peer announces then waits behind the prefixes that are undecided, 32,768 at
//! most ([`Backlog`]): some 30 ms.
//!
//! What concerns all paths of a peer (its session's end, a refresh) the RIB does bit by bit, turn after turn. The peer's
//! further news is held for so long: it would have the rest done at once. That is bounded, as a peer has few turns
//! before the owner, and those of what is held are not given back.
//!
//! Questions are closures: a snapshot is taken where the state is, and the asker formats it. The owner looks for them
//! between any two pieces of its work, of which the largest are one message of a peer and one slice of prefixes to decide,
//! and answers so many at a time that routes move on, however much is asked.
//!
//! Why not several owners that share nothing, each with the prefixes of a hash: one UPDATE becomes several on the way in
//! and, worse, on the way out, where fewer prefixes share their attributes' encoding and every receiver has more to read.
//! Measured by `cargo bench -p rib --bench shards` with the scenarios of `tests/bench`, without their sessions, on two
//! cores of an AMD EPYC that others used too; the least of 15 runs:
//!
//! | 1 → 2 → 4 owners | R1 | R3 | R5 |
//! |---|---|---|---|
//! | time | 5.1 → 5.6 → 6.5 ms | 1.35 → 2.09 → 2.35 s | 1.13 → 1.12 → 1.38 s |
//! | CPU of all threads | 5.5 → 5.7 → 11.5 ms | 1.31 → 2.21 → 2.62 s | 1.22 → 1.78 → 2.50 s |
//! | CPU of the busiest owner | 3.1 → 1.9 → 1.8 ms | 1.24 → 0.94 → 0.56 s | 0.82 → 0.62 → 0.50 s |
//! | UPDATEs to receivers | 0.25 → 0.50 → 0.95 M | 1.4 → 2.6 → 4.4 M | 22 → 24 → 27 M |
//! | octets to receivers | 29 → 45 → 74 MB | 150 → 245 → 385 MB | 1.53 → 1.58 → 1.66 GB |
//! | memory | 1.2 → 1.9 → 3.2 MiB | 191 → 219 → 257 MiB | 0.3 → 0.5 → 0.8 MiB |
//!
//! Two cores with nothing else to do need half of all threads' CPU at least: two owners could do R3 in 1.1 s, where one
//! needs 1.2, and R5 in 0.9 instead of 0.8. But the sessions need the cores, too. Of the whole process' processor time
//! the owner has 14 % in R1, 13 % in R5 and 77 % in R3 (`perf record` of a release build, from start to end; 16, 6 and
//! 10 % more have no stack that tells). R1 and R5 are the sessions' writes: a second owner, were it free, would take over
//! 15 % and 9 % at most. Only a full table could gain, with a core for every thread: two owners would need 0.8 and four
//! 0.5 of the owner's time, for 1.7 and 2.0 times the CPU, and peers would read 1.6 and 2.6 times the octets.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_proto::attr::NextHop;
use bgp_proto::fsm::graceful::{Deferral, Whom};
use bgp_proto::message::{RefreshKind, RouteRefresh, Update};
use bgp_proto::{FamilySet, Prefix};
use fib_sync::{FibConfig, FibHandle};
use ipnetwork::IpNetwork;
use rib::{NextHopState, Origination, PeerId, Rib, Session};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, info};

use super::backlog::Backlog;
use super::memory::OfOwner;
use super::news::{FromPeer, News};
use super::out_queue::{OutQueue, Wanted};
use super::pace::Pace;
use super::restart::Restart;
use super::stamps::Stamps;
use super::targets::Targets;
use super::tunnels::Tunnels;
use crate::api::Kind;

/// Messages taken in one turn.
const TURN: usize = 256;
/// Prefixes decided before the owner looks at its mail again.
const SETTLE: usize = 4096;
/// UPDATEs after which no more are applied in a turn.
const UPDATES: usize = 1024;
/// Questions and orders that may wait, and that are answered one after the other before the owner goes on with routes.
const ASKS: usize = 64;

/// A question or an order from the API.
pub type Ask = Box<dyn FnOnce(&mut Owner) + Send>;

/// The way to the owner.
#[derive(Clone)]
pub struct OwnerHandle(mpsc::Sender<Ask>);

impl OwnerHandle {
    /// Runs `question` in the owner and brings the answer; `None` when the owner has ended.
    pub async fn ask<R: Send + 'static>(&self, question: impl FnOnce(&mut Owner) -> R + Send + 'static) -> Option<R> {
        let (answer, receive) = oneshot::channel();
        let asked = Instant::now();
        let ask: Ask = Box::new(move |owner| {
            owner.wanted.tally.asked(asked.elapsed());
            drop(answer.send(question(owner)));
        });
        self.0.send(ask).await.ok()?;
        receive.await.ok()
    }
}

/// The owner's state.
pub struct Owner {
    /// The table.
    pub rib: Rib,
    /// The way to the kernel, if routes go there.
    pub fib: Option<FibHandle>,
    /// Established peers and the way to each.
    queues: HashMap<PeerId, Arc<OutQueue>>,
    restart: Arc<Restart>,
    /// Whose End-of-RIB is awaited before our own goes out.
    end_of_rib: Deferral<PeerId>,
    /// Whose End-of-RIB is awaited before kernel routes that nobody announced again go.
    sweep: Deferral<PeerId>,
    wanted: Arc<Wanted>,
    asks: mpsc::Receiver<Ask>,
    news: mpsc::Receiver<FromPeer>,
    /// News received and not yet taken in.
    incoming: VecDeque<FromPeer>,
    /// News of peers the RIB is busy with, in order.
    held: VecDeque<FromPeer>,
    /// How often the sessions are told.
    pace: Pace,
    /// What is announced of tunnels.
    tunnels: Tunnels,
    /// Which of our own routes are announced only.
    services: HashSet<Prefix>,
    /// Since when news waits.
    stamps: Stamps,
    backlog: Backlog,
}

impl Owner {
    /// An owner and the way to it. `peers` are the enabled ones with their families; the startup waits for those that
    /// come within half of `startup_wait`, and for that long from their first session on.
    pub fn new(
        rib: Rib,
        fib: Option<FibHandle>,
        restart: Arc<Restart>,
        peers: impl IntoIterator<Item = (PeerId, FamilySet)>,
        startup_wait: Duration,
        wanted: Arc<Wanted>,
        news: mpsc::Receiver<FromPeer>,
    ) -> (Self, OwnerHandle) {
        let (ask, asks) = mpsc::channel(ASKS);
        let peers: Vec<_> = peers.into_iter().collect();
        let deferral = |whom| {
            let (now, families) = (Instant::now(), restart.preserved(false));
            Deferral::new(whom, now, families, peers.iter().copied(), startup_wait / 2, startup_wait)
        };
        let (end_of_rib, sweep) = (deferral(Whom::Settled), deferral(Whom::Everyone));
        let owner = Self {
            rib,
            fib,
            queues: HashMap::new(),
            restart,
            end_of_rib,
            sweep,
            wanted,
            asks,
            news,
            incoming: VecDeque::new(),
            held: VecDeque::new(),
            pace: Pace::default(),
            tunnels: Tunnels::default(),
            services: HashSet::new(),
            stamps: Stamps::default(),
            backlog: Backlog::default(),
        };
        (owner, OwnerHandle(ask))
    }

    /// Announces a prefix of this node. A block gets a blackhole in the kernel, a single address must not have one, or
    /// the pod's own route could not be added; nor does a service.
    pub fn originate(&mut self, prefix: Prefix, kind: Kind) {
        match kind {
            Kind::Block => self.services.remove(&prefix),
            Kind::Service => self.services.insert(prefix),
        };
        let mut origination = Origination::new(&prefix, kind == Kind::Block);
        origination.attrs.ext_communities = self.tunnels.of(&prefix);
        self.rib.originate(prefix, origination);
    }

    /// Announces it no longer.
    pub fn originate_no_longer(&mut self, prefix: &Prefix) {
        self.services.remove(prefix);
        self.rib.withdraw_originated(prefix);
    }

    /// Announces what lies in these pools with what is to be said of their tunnels.
    pub fn set_pools(&mut self, pools: FibConfig) {
        self.tunnels.set_pools(pools);
        self.hear_of_macs();
        self.announce_again();
    }

    fn announce_again(&mut self) {
        for prefix in self.rib.originated() {
            let kind = if self.services.contains(&prefix) { Kind::Service } else { Kind::Block };
            self.originate(prefix, kind);
        }
    }

    /// News and prefixes that are yet to be decided.
    pub fn undecided(&self) -> usize {
        self.news.len() + self.incoming.len() + self.held.len() + self.rib.unsettled()
    }

    /// Sessions that have not taken all that they are to be told; of those that are `up`, also the ones not heard of yet.
    pub fn untold(&self, up: &[PeerId]) -> HashSet<PeerId> {
        let untold = self.queues.iter().filter(|(peer, queue)| queue.bytes() > 0 || !self.rib.is_told(**peer));
        let unheard = up.iter().filter(|peer| !self.queues.contains_key(peer));
        untold.map(|(peer, _)| peer).chain(unheard).copied().collect()
    }

    /// What the table costs, and what waits to be sent.
    pub fn memory(&self) -> OfOwner {
        OfOwner { rib: self.rib.memory(), unsent: self.queues.values().map(|queue| queue.bytes()).sum() }
    }

    /// Runs until every sender of news and of questions is gone.
    pub async fn run(mut self) {
        let mut news = Vec::with_capacity(TURN);
        self.check_startup();
        let mut more = self.turn().await;
        let mut asked = 0; // turns in a row that began with a question
        loop {
            let deadline = self.end_of_rib.poll_timeout().into_iter().chain(self.sweep.poll_timeout()).min();
            let before = asked;
            tokio::select! {
                biased;
                ask = self.asks.recv(), if asked < ASKS => {
                    let Some(ask) = ask else { return };
                    ask(&mut self);
                    asked += 1;
                }
                () = sleep_until(deadline) => {
                    self.end_of_rib.handle_timeout(Instant::now());
                    self.sweep.handle_timeout(Instant::now());
                    self.check_startup();
                }
                count = self.news.recv_many(&mut news, TURN), if self.incoming.is_empty() => {
                    if count == 0 {
                        return;
                    }
                    self.incoming.extend(news.drain(..));
                }
                () = next_hops_changed(self.fib.as_ref()) => {
                    self.hear_of_next_hops();
                    if self.hear_of_macs() {
                        self.announce_again();
                    }
                }
                () = sleep_until(self.pace.due()) => self.tell(),
                () = self.wanted.notified() => {
                    for peer in self.wanted.take() {
                        self.fill(peer);
                    }
                }
                () = std::future::ready(()), if more || !self.incoming.is_empty() || asked == ASKS => {}
            }
            if asked == before {
                asked = 0;
            }
            self.take_in();
            more = self.turn().await;
        }
    }

    /// Applies what has come, a turn's worth of it, until there is enough to decide.
    fn take_in(&mut self) {
        let mut updates = 0;
        while updates < UPDATES
            && self.rib.unsettled() < self.backlog.room()
            && let Some(from) = self.incoming.pop_front()
        {
            updates += if let News::Updates(updates) = &from.news { updates.len() } else { 1 };
            self.hear(from);
            self.answer();
        }
        self.stamps.taken_in(self.rib.unsettled());
    }

    /// Answers who waits.
    fn answer(&mut self) {
        for _ in 0..ASKS {
            let Ok(ask) = self.asks.try_recv() else { return };
            ask(self);
        }
    }

    /// Decides some of what is undecided, and publishes it. Says whether the RIB has more to do.
    async fn turn(&mut self) -> bool {
        // What is held can give the RIB more to do.
        let before = self.rib.unsettled();
        let more = self.rib.settle(SETTLE) || !self.held.is_empty();
        let since = self.stamps.decided(before.saturating_sub(self.rib.unsettled()));
        self.publish(since);
        for from in std::mem::take(&mut self.held) {
            self.hear(from);
        }
        self.backlog.decided(more || self.rib.unsettled() > 0);
        if self.rib.unsettled() == 0 && !more {
            self.check_sweep();
            return false;
        }
        self.answer();
        tokio::task::yield_now().await;
        true
    }

    /// What was decided of news that came then, or of nobody's.
    fn publish(&mut self, since: Option<Instant>) {
        self.tell_limits();
        self.tell_watchers();
        let changes = self.rib.take_fib_changes();
        let next_hops = self.rib.take_next_hops();
        if let Some(fib) = &self.fib {
            if !changes.is_empty() {
                let mut targets = Targets::default();
                fib.update_since(
                    since.unwrap_or_else(Instant::now),
                    changes
                        .into_iter()
                        .map(|(prefix, route)| (IpNetwork::from(prefix), route.map(|route| targets.of(route)))),
                );
            }
            if !next_hops.is_empty() {
                fib.watch_next_hops(next_hops.iter().map(|(next_hop, used)| (for_kernel(next_hop), *used)));
            }
        }
        self.tell();
    }

    /// Names what has changed to those who watch, if anybody does.
    fn tell_watchers(&mut self) {
        let changes = self.rib.take_changes();
        let any = changes.as_ref().is_none_or(|changes| !changes.is_empty());
        if any && !self.wanted.journal.routes(changes) {
            self.rib.note_changes(false);
        }
    }

    /// Hands what the sessions are to be told to their queues, unless they were told just now.
    fn tell(&mut self) {
        let late = self.pace.due().is_some();
        let now = Instant::now();
        if !self.pace.may_tell(now) {
            return;
        }
        let (rib, since) = (&mut self.rib, self.stamps.told());
        let told = self.queues.iter().filter(|(peer, queue)| fill(rib, **peer, queue, since)).count();
        if told > 0 {
            self.pace.told(now, told, late);
        }
    }

    /// What the kernel's side found out about next hops goes into the decision (RFC 4271 §9.1.2.1).
    fn hear_of_next_hops(&mut self) {
        let reports = self.fib.as_ref().map(FibHandle::take_next_hop_changes).unwrap_or_default();
        for (addr, report) in reports {
            match &report.why_not {
                Some(error) => debug!("next hop {addr} {error}"),
                None => debug!("next hop {addr} can be used"),
            }
            let through = report.through.into_iter().map(Prefix::from).collect();
            let state = NextHopState { usable: report.usable, metric: report.cost, through };
            self.rib.set_next_hop(from_kernel(addr), state);
        }
    }

    /// Says whether there was news of the addresses of our VXLAN devices.
    fn hear_of_macs(&mut self) -> bool {
        let Some(macs) = self.fib.as_ref().and_then(FibHandle::take_macs) else { return false };
        for (device, mac) in &macs {
            info!(event = "kernel", "VXLAN device {device} is announced with MAC address {mac}");
        }
        self.tunnels.set_macs(macs);
        true
    }

    fn fill(&mut self, peer: PeerId) {
        if let Some(queue) = self.queues.get(&peer) {
            fill(&mut self.rib, peer, queue, None);
        }
    }

    /// Applies one peer's news, or holds it while the RIB is busy with what the peer said before. As only
    /// [`Rib::settle`] ends that, what comes later is held behind it.
    fn hear(&mut self, from: FromPeer) {
        if self.rib.is_busy(from.peer) {
            self.held.push_back(from);
        } else {
            if let News::Updates(_) = from.news {
                self.stamps.hear(from.at);
            }
            self.apply(from.peer, from.news);
        }
    }

    fn apply(&mut self, peer: PeerId, news: News) {
        match news {
            News::Up(negotiated, queue) => {
                self.queues.insert(peer, queue);
                let now = Instant::now();
                self.rib.peer_up(peer, Session::from(&*negotiated));
                self.end_of_rib.up(now, peer, &negotiated);
                self.sweep.up(now, peer, &negotiated);
                self.check_startup();
            }
            News::Updates(updates) => {
                for update in &updates {
                    self.update(peer, update);
                }
            }
            News::Refresh(refresh) => self.refresh(peer, refresh),
            News::Down { retain } => {
                self.queues.remove(&peer);
                self.rib.peer_down(peer, retain);
                self.end_of_rib.down(&peer);
                self.sweep.down(&peer);
                self.check_startup();
            }
            News::Flush(families) => families.iter().for_each(|family| self.rib.flush_family(peer, family)),
            News::Begin(settings) => self.rib.peer_add(peer, *settings),
            News::End => {
                self.queues.remove(&peer);
                self.rib.peer_remove(peer);
                self.end_of_rib.forget(&peer);
                self.sweep.forget(&peer);
                self.check_startup();
            }
            News::LongLived(families) => families.iter().for_each(|family| self.rib.keep_for_long(peer, family)),
            News::PurgeStale(family) => self.rib.purge_stale(peer, family),
            News::Resend(family) => self.rib.resend(peer, family),
        }
        self.tell_limits();
    }

    fn tell_limits(&mut self) {
        for event in self.rib.take_limit_events() {
            if let Some(queue) = self.queues.get(&event.peer) {
                queue.limit(event);
            }
        }
    }

    fn update(&mut self, peer: PeerId, update: &Update) {
        self.rib.apply(peer, update);
        if let Some(family) = update.end_of_rib {
            self.end_of_rib.end_of_rib(&peer, family);
            self.sweep.end_of_rib(&peer, family);
            self.check_startup();
        }
    }

    fn refresh(&mut self, peer: PeerId, refresh: RouteRefresh) {
        match refresh.kind {
            RefreshKind::Request => self.rib.resend(peer, refresh.family),
            // RFC 7313 §4: what is not repeated between Begin and End is stale.
            RefreshKind::Begin => self.rib.begin_refresh(peer, refresh.family),
            RefreshKind::End => self.rib.purge_stale(peer, refresh.family),
            RefreshKind::Unknown(_) => {}
        }
    }

    /// Our own End-of-RIBs go out when nobody is waited for any more (RFC 4724 §4.1).
    fn check_startup(&mut self) {
        if self.restart.is_starting() && self.end_of_rib.is_done() {
            info!(event = "start", "our End-of-RIB goes out: what peers waited for is known");
            self.restart.finish();
            self.rib.release_end_of_rib();
        }
    }

    /// Kernel routes that nobody announced again go when nobody is waited for any more; and when all is settled, for what
    /// the last UPDATEs decided must be wanted before the sweep looks.
    fn check_sweep(&mut self) {
        if !self.restart.is_swept() && self.sweep.is_done() {
            self.restart.sweep();
            if let Some(fib) = &self.fib {
                info!(event = "start", "startup is over: kernel routes of ours that nobody announced go");
                fib.sweep();
            }
        }
    }
}

/// Says whether there was something to tell the peer, which has been news since then.
fn fill(rib: &mut Rib, peer: PeerId, queue: &OutQueue, since: Option<Instant>) -> bool {
    let pending = rib.pending(peer);
    if pending {
        queue.fill(since, || rib.poll_chunk(peer));
    }
    pending
}

async fn next_hops_changed(fib: Option<&FibHandle>) {
    match fib {
        Some(fib) => fib.next_hops_changed().await,
        None => std::future::pending().await,
    }
}

/// Never, if there is none.
pub(super) async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// A next hop, as the kernel's side names it.
pub(super) fn for_kernel(next_hop: &NextHop) -> fib_sync::NextHop {
    fib_sync::NextHop { addr: next_hop.addr(), interface: next_hop.interface().unwrap_or(0) }
}

fn from_kernel(next_hop: fib_sync::NextHop) -> NextHop {
    match (next_hop.addr, next_hop.interface) {
        (IpAddr::V6(addr), interface @ 1..) => NextHop::OnInterface { addr, interface },
        (addr, _) => NextHop::Addr(addr),
    }
}

#[cfg(test)]
mod tests;
