//! Whether the RIB's owner gains by being several: shards by a hash of the prefix that share nothing.
//!
//! `cargo bench -p rib --bench shards`. The workloads are those of `tests/bench`, as decoded UPDATEs. A dispatcher splits
//! each UPDATE into one for each shard it concerns; a shard is a RIB in a thread of its own that takes in, settles and
//! fetches in turns, as the daemon's owner does; a writer takes all shards' bytes, receiver by receiver. Every queue is
//! bounded. One shard is the owner as it is: nothing is split.
//!
//! `dispatch` and `busiest` are the processor time of the dispatcher and of the shard with the most: with a core for every
//! thread no run can be faster. Memory is that of all shards when all is told. What follows from the figures stands in the
//! header of the daemon's `owner`.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program that measures and prints")]

use std::hash::BuildHasher;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use bgp_proto::Prefix;
use bgp_proto::attr::{NextHop, PathAttrs};
use bgp_proto::message::{Nlri, Reach, Update};
use bytes::Bytes;
use common::{address, attrs, client_session, client_settings, empty, nlri, prefix, session, settings, update};
use foldhash::fast::FixedState;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use rib::{PeerId, Rib};

mod common;

const SHARDS: [usize; 3] = [1, 2, 4];
const RUNS: usize = 5; // the fastest counts
/// Prefixes a turn decides, and unsettled ones at which no more is taken in, as in the daemon.
const SETTLE: usize = 4096;
/// Messages that wait for a shard, and turns that wait for the writer.
const ROOM: usize = 64;

/// UPDATEs in the order they were read.
type Batch = Vec<(PeerId, Update)>;
/// Bytes for receivers, of one turn.
type Written = Vec<(PeerId, Bytes)>;

struct Workload {
    name: &'static str,
    peers: u32,
    /// They are clients in our AS, not external peers.
    clients: bool,
    /// The first peer that receives.
    receivers: u32,
    /// Each batch is a turn: news that comes slowly enough.
    slow: bool,
    batches: fn() -> Vec<Batch>,
}

const WORKLOADS: [Workload; 3] = [
    Workload { name: "R1", peers: 500, clients: true, receivers: 0, slow: false, batches: blocks },
    Workload { name: "R3", peers: 12, clients: false, receivers: 2, slow: false, batches: tables },
    Workload { name: "R5", peers: 100, clients: true, receivers: 0, slow: true, batches: flaps },
];

/// 500 clients announce ten blocks each.
fn blocks() -> Vec<Batch> {
    let blocks = |n: u32| update(client_attrs(n, 0), (n * 10..n * 10 + 10).map(|n| prefix(n, 26)));
    (0..500).map(|n| vec![(PeerId(n), blocks(n))]).collect()
}

/// Two peers announce the same 1,000,000 prefixes, 1–13 with the same attributes, 64 UPDATEs a read.
fn tables() -> Vec<Batch> {
    const PREFIXES: u32 = 1_000_000;
    let (mut batches, mut first) = (Vec::new(), 0);
    while first < PREFIXES {
        let mut both = [Batch::new(), Batch::new()];
        for _ in 0..64 {
            let end = PREFIXES.min(first + 1 + (first.wrapping_mul(0x9e37_79b9) >> 16) % 13);
            for (peer, batch) in (0..).zip(&mut both) {
                batch.push((PeerId(peer), update(attrs(peer, first), (first..end).map(|n| prefix(n, 24)))));
            }
            first = end;
        }
        batches.extend(both);
    }
    batches
}

/// 100 clients with 20 prefixes each, which come with another MED and go, 100 times. 4,000 changes a second are 20 in the
/// 5 ms that the daemon lets pass between two rounds to 100 sessions.
fn flaps() -> Vec<Batch> {
    let flap = |n: u32| {
        let (client, block, round) = (n / 2 % 100, n / 200 % 20, n / 4000);
        let place = |block: u32| [prefix(client * 20 + block % 20, 26)];
        let update = match n % 2 {
            0 => update(client_attrs(client, round), place(block)),
            _ => Update { unreach: [nlri(place(block + 10))].into_iter().collect(), ..Update::default() },
        };
        (PeerId(client), update)
    };
    (0..400_000 / 20).map(|batch| (batch * 20..batch * 20 + 20).map(flap).collect()).collect()
}

fn client_attrs(client: u32, med: u32) -> PathAttrs {
    let next_hop = NextHop::Addr(address(client));
    PathAttrs { local_pref: Some(100), med: Some(med), ..PathAttrs::originated(next_hop) }
}

/// What a run has cost.
struct Cost {
    wall: Duration,
    /// Processor time of all threads, of the dispatcher, of the busiest shard; in seconds.
    cpu: [f64; 3],
    messages: u64,
    octets: usize,
    memory: usize,
}

fn main() {
    println!("        shards      time       CPU  dispatch   busiest    messages        octets    memory");
    for workload in &WORKLOADS {
        // In turns: what else the machine does meets all of them.
        let costs: Vec<[Cost; SHARDS.len()]> = (0..RUNS).map(|_| SHARDS.map(|shards| run(workload, shards))).collect();
        for (n, shards) in SHARDS.into_iter().enumerate() {
            let best = costs.iter().map(|run| &run[n]).min_by_key(|cost| cost.wall);
            let Cost { wall, cpu, messages, octets, memory } = best.unwrap();
            let [wall, cpu, dispatch, busiest] =
                [wall.as_secs_f64(), cpu[0], cpu[1], cpu[2]].map(|seconds| format!("{:.1} ms", seconds * 1e3));
            print!("{:<5} {shards:>8} {wall:>9} {cpu:>9} {dispatch:>9} {busiest:>9} ", workload.name);
            println!("{messages:>11} {octets:>13} {:>5.1} MiB", *memory as f64 / f64::from(1 << 20));
        }
    }
}

fn run(workload: &Workload, shards: usize) -> Cost {
    let batches = (workload.batches)();
    let ribs: Vec<Rib> = (0..shards).map(|_| workload.rib()).collect();
    let (began, before) = (Instant::now(), cpu(UsageWho::RUSAGE_SELF));
    let (out, written) = sync_channel(ROOM);
    thread::scope(|scope| {
        let writer = scope.spawn(move || count(&written));
        let (senders, owners): (Vec<_>, Vec<_>) = ribs
            .into_iter()
            .map(|rib| {
                let (sender, batches) = sync_channel(ROOM);
                let out = out.clone();
                (sender, scope.spawn(move || own(workload, rib, &batches, &out)))
            })
            .unzip();
        drop(out);
        let dispatcher = scope.spawn(move || dispatch(batches, &senders));
        // The RIBs are given back after the clock was read.
        let owners: Vec<_> = owners.into_iter().map(|owner| owner.join().unwrap()).collect();
        let ((messages, octets), dispatcher) = (writer.join().unwrap(), dispatcher.join().unwrap());
        let (wall, all) = (began.elapsed(), cpu(UsageWho::RUSAGE_SELF) - before);
        let busiest = owners.iter().map(|(_, cpu)| *cpu).fold(0.0, f64::max);
        let memory = owners.iter().map(|(rib, _)| rib.memory().bytes()).sum();
        Cost { wall, cpu: [all, dispatcher, busiest], messages, octets, memory }
    })
}

impl Workload {
    /// With all sessions up and nothing to tell.
    fn rib(&self) -> Rib {
        let mut rib = empty();
        for n in 0..self.peers {
            rib.peer_add(PeerId(n), if self.clients { client_settings(n) } else { settings(n) });
            rib.peer_up(PeerId(n), if self.clients { client_session(n) } else { session(n) });
        }
        while rib.settle(SETTLE) {}
        (0..self.peers).for_each(|n| while rib.poll_chunk(PeerId(n)).is_some() {});
        rib
    }
}

/// Splits what was read, as the sessions would have to; says what that took.
fn dispatch(batches: Vec<Batch>, shards: &[SyncSender<Batch>]) -> f64 {
    for batch in batches {
        if let [owner] = shards {
            owner.send(batch).unwrap();
            continue;
        }
        for (n, shard) in shards.iter().enumerate() {
            let part = |(peer, update): &(PeerId, Update)| Some((*peer, part(update, n, shards.len())?));
            let parts: Batch = batch.iter().filter_map(part).collect();
            if !parts.is_empty() {
                shard.send(parts).unwrap();
            }
        }
    }
    cpu(UsageWho::RUSAGE_THREAD)
}

/// What shard `n` is to know of an UPDATE.
fn part(update: &Update, n: usize, shards: usize) -> Option<Update> {
    let own = |prefix: &Prefix| (FixedState::with_seed(7).hash_one(prefix) >> 32) as usize % shards == n;
    let own = |all: &Nlri| {
        let part = nlri(all.iter().map(|(_, prefix)| prefix).filter(own));
        (!part.is_empty()).then_some(part)
    };
    let reach = |reach: &Reach| Some(Reach { attrs: reach.attrs.clone(), nlri: own(&reach.nlri)? });
    let part = Update {
        unreach: update.unreach.iter().filter_map(own).collect(),
        reach: update.reach.iter().filter_map(reach).collect(),
        ..Update::default()
    };
    (!part.unreach.is_empty() || !part.reach.is_empty()).then_some(part)
}

/// One shard, until there are no more UPDATEs; gives back the RIB and its processor time.
fn own(workload: &Workload, mut rib: Rib, batches: &Receiver<Batch>, out: &SyncSender<Written>) -> (Rib, f64) {
    while let Ok(batch) = batches.recv() {
        let mut batch = Some(batch);
        while let Some(updates) = batch {
            updates.iter().for_each(|(peer, update)| rib.apply(*peer, update));
            let enough = workload.slow || rib.unsettled() >= SETTLE;
            batch = if enough { None } else { batches.try_recv().ok() };
        }
        let mut more = true;
        while more {
            more = rib.settle(SETTLE);
            rib.take_fib_changes();
            rib.take_next_hops();
            let mut written = Written::new();
            for peer in (workload.receivers..workload.peers).map(PeerId) {
                written.extend(std::iter::from_fn(|| rib.poll_chunk(peer)).map(|chunk| (peer, chunk)));
            }
            if !written.is_empty() {
                out.send(written).unwrap();
            }
        }
    }
    (rib, cpu(UsageWho::RUSAGE_THREAD))
}

/// The writer: messages, by their length fields (RFC 4271 §4.1), and octets.
fn count(written: &Receiver<Written>) -> (u64, usize) {
    let (mut messages, mut octets) = (0, 0);
    for (_, chunk) in written.iter().flatten() {
        octets += chunk.len();
        let mut rest = &chunk[..];
        while let Some(length) = rest.get(16..18) {
            rest = &rest[usize::from(u16::from_be_bytes([length[0], length[1]]))..];
            messages += 1;
        }
    }
    (messages, octets)
}

/// Processor time so far, in seconds.
fn cpu(who: UsageWho) -> f64 {
    let usage = getrusage(who).unwrap();
    (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6
}
