//! Edits of what this node announces, carried out: the list on disk first, then the table.
//!
//! One after the other: the table hears of edits in the order in which the list has them. Each is a task of its own, as
//! the server drops what it does for a client that goes away, and an edit that is in the list must get into the table.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_proto::Prefix;
use tokio::sync::{Mutex, Notify, OwnedMutexGuard};
use tracing::{info, warn};

use super::announced::{Announced, AnnouncedError, Change};
use super::backend::ended;
use super::owner::{Owner, OwnerHandle, sleep_until};
use crate::api::model::{Lease, OwnerRoutes, OwnerRow, Then};
use crate::api::{Caller, Edit, Edited, OwnerName, Problem, Withdraw};

/// Prefixes the owner of the table takes in at once: its turns stay short.
const SLICE: usize = 4096;
/// Pause before an edit that nobody waits for is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// What is announced, and the table. Cheap to clone.
#[derive(Clone)]
pub struct Origins {
    announced: Arc<Mutex<Announced>>,
    table: OwnerHandle,
    /// Told of each edit, by which a lease can have another end.
    edited: Arc<Notify>,
}

impl Origins {
    /// Those of a table that has all of `announced` already.
    pub fn new(announced: Announced, table: OwnerHandle) -> Self {
        Self { announced: Arc::new(Mutex::new(announced)), table, edited: Arc::default() }
    }

    /// Who announces, in order of name.
    pub async fn owners(&self) -> Vec<OwnerRow> {
        self.announced.lock().await.rows()
    }

    /// What one announces; `None` if it announces nothing and has no lease.
    pub async fn owner(&self, name: &OwnerName) -> Option<OwnerRoutes> {
        self.announced.lock().await.routes_of(name)
    }

    /// Carries an edit out, also when nobody waits for the answer any more.
    ///
    /// # Errors
    /// 409 when it asks for what cannot be, 503 when it cannot be kept or the daemon is ending; then nothing is done.
    pub async fn edit(&self, name: OwnerName, edit: Edit, caller: Caller) -> Result<Edited, Problem> {
        tokio::spawn(self.clone().carry_out(name, edit, caller)).await.unwrap_or_else(|_| Err(ended()))
    }

    /// Blocks come into the configuration, and blocks go; what owners announce stays announced.
    pub async fn reconfigure(&self, come: &[Prefix], go: &[Prefix]) {
        let mut announced = self.announced.lock().await;
        let changes = announced.reconfigure(come, go);
        // A table whose owner has ended announces nothing.
        let _ = self.table.ask(move |owner| tell(owner, changes)).await;
    }

    /// Those of the blocks that only the configuration announces.
    pub async fn only_configured(&self, mut blocks: Vec<Prefix>) -> Vec<Prefix> {
        let announced = self.announced.lock().await;
        blocks.retain(|block| announced.is_only_configured(block));
        blocks
    }

    async fn carry_out(self, name: OwnerName, edit: Edit, caller: Caller) -> Result<Edited, Problem> {
        let announced = self.announced.clone().lock_owned().await;
        let done = self.commit(announced, name, edit, &caller.to_string()).await;
        self.edited.notify_one();
        done
    }

    /// The list first, then the table, which is told before anybody else changes the list.
    async fn commit(
        &self,
        mut announced: OwnedMutexGuard<Announced>,
        name: OwnerName,
        edit: Edit,
        by: &str,
    ) -> Result<Edited, Problem> {
        let lost = announced.lost();
        let work = move || {
            let edited = announced.edit(&name, &edit);
            (announced, name, edited)
        };
        let (_announced, name, edited) = tokio::task::spawn_blocking(work).await.map_err(|_| ended())?;
        let (edited, changes) = edited.map_err(not_done)?;
        if !edited.announced.is_empty() || !edited.withdrawn.is_empty() {
            let (announced, withdrawn) = (edited.announced.len(), edited.withdrawn.len());
            info!(event = "announced", owner = %name, by, announced, withdrawn, "what an owner announces has changed");
        }
        if lost.has_changed().is_ok_and(|changed| changed) {
            info!(event = "announced", owner = %name, by, "of what a damaged list had: {}", *lost.borrow());
        }
        for slice in changes.chunks(SLICE) {
            let slice = slice.to_vec();
            self.table.ask(move |owner| tell(owner, slice)).await.ok_or_else(ended)?;
        }
        Ok(edited)
    }

    /// Looks after leases: what an owner announces is withdrawn when its lease is over, or it is said that it is gone.
    pub async fn keep_leases(self) {
        loop {
            let announced = self.announced.clone().lock_owned().await;
            let next = announced.next_to_go();
            match next {
                Some((end, name, lease)) if end <= Instant::now() => self.let_go(announced, name, lease).await,
                next => {
                    drop(announced);
                    tokio::select! {
                        () = sleep_until(next.map(|(end, ..)| end)) => {}
                        () = self.edited.notified() => {}
                    }
                }
            }
        }
    }

    async fn let_go(&self, mut announced: OwnedMutexGuard<Announced>, name: OwnerName, lease: Lease) {
        let Lease { seconds, then } = lease;
        if then == Then::Keep {
            announced.is_gone(&name);
            warn!(event = "announced", owner = %name, seconds, "the lease of an owner is over: it is gone, and what it announces is kept");
            return;
        }
        let all = Edit { withdraw: Withdraw::AllOthers, lease: Some(None), forget: true, ..Edit::default() };
        if let Err(problem) = self.commit(announced, name.clone(), all, "the end of its lease").await {
            warn!(event = "announced", owner = %name, seconds, "the lease of an owner is over, and it can't be withdrawn: {}", problem.detail);
            tokio::time::sleep(AGAIN).await;
        }
    }
}

fn tell(owner: &mut Owner, changes: Vec<Change>) {
    for (prefix, kind) in changes {
        match kind {
            Some(kind) => owner.originate(prefix, kind),
            None => owner.originate_no_longer(&prefix),
        }
    }
}

fn not_done(error: AnnouncedError) -> Problem {
    match error {
        AnnouncedError::TooMany(_) | AnnouncedError::TooManyOwners | AnnouncedError::Configured(_) => {
            Problem::conflict(format!("{error}; nothing was changed"))
        }
        AnnouncedError::Unknown(_) => Problem::not_found(error.to_string()),
        AnnouncedError::Write { .. } => {
            Problem::unavailable(format!("{error}; nothing was changed, as a restart would lose it"))
        }
    }
}
