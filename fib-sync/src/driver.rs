//! The loop that lets an [`Engine`] and a [`Kernel`] meet. One task, one thread.
//!
//! Each turn takes what is new (commands, wishes, notifications), dumps if the engine wants to, plans one batch and hands
//! it over, waits for the one before, and begins again; it sleeps only when nothing is left.
//! So the kernel always has something to do, a wish overtaken by a newer one while it was busy is hardly ever written,
//! and notifications never wait behind a whole table.

use crate::engine::Engine;
use crate::handle::Command;
use crate::intake::Intake;
use crate::kernel::Kernel;
use crate::lag::Lag;
use crate::rows::is_inside;
use crate::shared::Shared;
use crate::stats::FibStats;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// Operations between two looks at the rest of the world: about four milliseconds of kernel time, so that handing them
/// over and waking up for their results does not count.
const OPS: usize = 1024;
/// Wishes taken between two plans.
const WISHES: usize = 64;
/// Batches that are out while the next one is planned.
const AHEAD: usize = 1;
/// Notifications taken in one turn.
const EVENTS: usize = 4096;

/// Runs until told to stop or until nobody holds a handle; then routes stay.
pub(crate) async fn run<K: Kernel>(
    kernel: &mut K,
    engine: &mut Engine,
    shared: &Arc<Shared>,
    commands: &mut mpsc::Receiver<Command>,
) {
    let mut waiters: Vec<oneshot::Sender<()>> = Vec::new();
    let mut stop: Option<oneshot::Sender<()>> = None;
    let mut intake = Intake::default();
    let mut lag = Lag::default();
    loop {
        while let Ok(command) = commands.try_recv() {
            obey(kernel, engine, command, &mut waiters, &mut stop);
        }
        let now = Instant::now();
        turn(kernel, engine, now, |engine| intake.feed(shared, engine, WISHES)).await;
        shared.tell(engine.take_next_hop_changes());
        shared.tell_macs(engine.take_macs());
        lag.take_up(intake.take_stamp());
        lag.turn(intake.is_empty() && engine.is_planned(), engine.batches_landed(), engine.batches_out());
        let (oldest, latency) = (lag.oldest(), lag.latency());
        let stats = FibStats { refused: kernel.refused(), oldest, latency, ..engine.report(now) };
        shared.publish(stats, engine.warnings());
        engine.changes.tell(shared.watcher());
        if engine.has_work() || !intake.is_empty() || !shared.is_empty() {
            continue;
        }
        if engine.is_idle() {
            for waiter in waiters.drain(..) {
                // Whoever asked may have gone.
                let _ = waiter.send(());
            }
            if let Some(stop) = stop.take() {
                let _ = stop.send(());
                return;
            }
        }
        let wake = engine.poll_timeout();
        tokio::select! {
            command = commands.recv() => match command {
                Some(command) => obey(kernel, engine, command, &mut waiters, &mut stop),
                None => return,
            },
            () = shared.changed() => {}
            () = kernel.ready() => {}
            () = sleep_until(wake) => {}
        }
    }
}

/// One turn: take wishes, listen, dump if wanted, plan a batch with as many more wishes as it has room for, begin it, end the
/// one before. `wishes` hands in a few, and says whether there were any. Nothing here waits for news.
pub(crate) async fn turn<K: Kernel>(
    kernel: &mut K,
    engine: &mut Engine,
    now: Instant,
    mut wishes: impl FnMut(&mut Engine) -> bool,
) {
    wishes(engine);
    let mut events = Vec::new();
    let all = kernel.drain(EVENTS, &mut events);
    for event in events {
        engine.event(now, event);
    }
    if all {
        engine.drained();
    } else {
        // Nothing is planned on yesterday's news.
        return end_all(kernel, engine, now).await;
    }
    if engine.wants_dump(now) {
        end_all(kernel, engine, now).await;
        let began = Instant::now();
        match kernel.dump().await {
            Ok(dump) => engine.load(now, now + began.elapsed(), dump),
            Err(error) => {
                tracing::error!(%error, "can't read the kernel's tables; trying again in a second");
                engine.dump_failed(now);
            }
        }
    }
    // However few operations they come to, what else there is has its turn.
    let mut few = 1..OPS / WISHES;
    let ops = engine.poll_ops_of(now, OPS, |engine| few.next().is_some() && wishes(engine));
    let nothing = ops.is_empty();
    if !nothing {
        kernel.begin(ops);
    }
    // The kernel finds the next batch when it is done with this one, and is not waited for with empty hands.
    if nothing || engine.batches_out() > AHEAD {
        end(kernel, engine, now).await;
    }
}

/// Takes the results of the oldest batch, if there is one.
async fn end<K: Kernel>(kernel: &mut K, engine: &mut Engine, now: Instant) {
    let (ops, results) = kernel.finish().await;
    if !ops.is_empty() {
        engine.results(now, ops, results);
    }
}

async fn end_all<K: Kernel>(kernel: &mut K, engine: &mut Engine, now: Instant) {
    while engine.batches_out() > 0 {
        end(kernel, engine, now).await;
    }
}

fn obey<K: Kernel>(
    kernel: &mut K,
    engine: &mut Engine,
    command: Command,
    waiters: &mut Vec<oneshot::Sender<()>>,
    stop: &mut Option<oneshot::Sender<()>>,
) {
    match command {
        Command::Flush(done) => waiters.push(done),
        Command::Answer(answer) => {
            let _ = answer.send(());
        }
        Command::Rows(filter, answer) => {
            let _ = answer.send(filter.rows(engine));
        }
        Command::Prefixes(within, answer) => {
            let mut prefixes = engine.prefixes();
            prefixes.retain(|prefix| within.is_none_or(|outer| is_inside(outer, *prefix)));
            let _ = answer.send(prefixes);
        }
        Command::Explain(address, next_hops, answer) => {
            let _ = answer.send(engine.explain(address, &next_hops));
        }
        Command::Overview(answer) => {
            let _ = answer.send(engine.overview());
        }
        Command::Excerpt(prefixes, next_hops, answer) => {
            let _ = answer.send(engine.excerpt(prefixes, &next_hops));
        }
        Command::NoteChanges(done) => {
            engine.changes.set(true);
            let _ = done.send(());
        }
        Command::Reconfigure(config, done) => {
            let result = engine.reconfigure(Instant::now(), *config);
            kernel.watch(engine.tables(), engine.has_far_ends());
            let _ = done.send(result);
        }
        Command::Stop { leave_routes, done } => {
            if !leave_routes {
                engine.drop_all();
            }
            *stop = Some(done);
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
