//! Edits of what this node announces, carried out: the list on disk first, then the table.
//!
//! One after the other: the table hears of edits in the order in which the list has them. Each is a task of its own, as
//! the server drops what it does for a client that goes away, and an edit that is in the list must get into the table.

use std::sync::Arc;

use bgp_proto::Prefix;
use tokio::sync::Mutex;
use tracing::info;

use super::announced::{Announced, AnnouncedError, Change};
use super::backend::ended;
use super::owner::{Owner, OwnerHandle};
use crate::api::model::{OwnerRoutes, OwnerRow};
use crate::api::{Caller, Edit, Edited, OwnerName, Problem};

/// Prefixes the owner of the table takes in at once: its turns stay short.
const SLICE: usize = 4096;

/// What is announced, and the table. Cheap to clone.
#[derive(Clone)]
pub struct Origins {
    announced: Arc<Mutex<Announced>>,
    table: OwnerHandle,
}

impl Origins {
    /// Those of a table that has all of `announced` already.
    pub fn new(announced: Announced, table: OwnerHandle) -> Self {
        Self { announced: Arc::new(Mutex::new(announced)), table }
    }

    /// Who announces, in order of name.
    pub async fn owners(&self) -> Vec<OwnerRow> {
        self.announced.lock().await.rows()
    }

    /// What one announces.
    pub async fn owner(&self, name: &OwnerName) -> OwnerRoutes {
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
        let mut announced = self.announced.lock_owned().await;
        let work = move || {
            let edited = announced.edit(&name, &edit);
            (announced, name, edited)
        };
        // Held until the table knows.
        let (_announced, name, edited) = tokio::task::spawn_blocking(work).await.map_err(|_| ended())?;
        let (edited, changes) = edited.map_err(not_done)?;
        if !edited.announced.is_empty() || !edited.withdrawn.is_empty() {
            let (announced, withdrawn) = (edited.announced.len(), edited.withdrawn.len());
            info!(owner = %name, %caller, announced, withdrawn, "what an owner announces has changed");
        }
        for slice in changes.chunks(SLICE) {
            let slice = slice.to_vec();
            self.table.ask(move |owner| tell(owner, slice)).await.ok_or_else(ended)?;
        }
        Ok(edited)
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
        AnnouncedError::Read { .. } | AnnouncedError::Write { .. } => {
            Problem::unavailable(format!("{error}; nothing was changed, as a restart would lose it"))
        }
    }
}
