//! What this node announces, and who says so: the configuration's blocks, and what owners announced at run time.
//!
//! A prefix is announced while anybody announces it. As what, the one who wants most of the kernel says: a block for one
//! owner is a block, though it is a service for another.
//!
//! What was announced at run time is kept in a file ([`AnnouncedFile`]), so that a restart loses none. An edit changes the
//! file first: what was answered is there after a kill, and when the file can't be written nothing has changed.

mod file;
mod lost;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bgp_proto::Prefix;
use tokio::sync::watch;

use crate::api::model::{KeptPrefix, Lease, OwnerRoutes, OwnerRow};
use crate::api::{Edit, Edited, Kind, OwnerName, Withdraw};
use crate::config::Config;
use file::{AnnouncedFile, Kept};
pub use lost::Lost;

use super::whole_file;

/// Prefixes that owners can announce, counted for each: far more than a node has pods.
pub const MOST: usize = 1 << 17;
/// Owners: far more than a node has agents.
pub const OWNERS: usize = 256;

/// What this node originates.
#[derive(Debug)]
pub struct Announced {
    configured: BTreeSet<Prefix>,
    owners: BTreeMap<OwnerName, Owner>,
    lost: watch::Sender<Lost>,
    file: Option<AnnouncedFile>,
}

/// One who announces.
#[derive(Debug, PartialEq)]
struct Owner {
    routes: BTreeMap<Prefix, Kind>,
    lease: Option<Lease>,
    /// Its last edit, or the start.
    seen: Instant,
    /// Its lease is over, and its routes are kept.
    gone: bool,
}

impl Owner {
    fn new() -> Self {
        Self { routes: BTreeMap::new(), lease: None, seen: Instant::now(), gone: false }
    }

    /// Whether it is known after the edit.
    fn stays(&self, edit: &Edit) -> bool {
        !edit.forget || !self.routes.is_empty() || self.lease.is_some()
    }
}

/// A prefix, and what it is announced as; `None`: not any more.
pub type Change = (Prefix, Option<Kind>);

/// Why what owners announce cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum AnnouncedError {
    /// More than [`MOST`].
    #[error(
        "at most {MOST} prefixes can be announced at run time, counted for each owner, and these would make it {0}: \
         withdraw some, or announce blocks that cover them"
    )]
    TooMany(usize),
    /// More than [`OWNERS`].
    #[error("{OWNERS} owners announce prefixes already: remove those that are gone (`roost show owners`)")]
    TooManyOwners,
    /// Nobody of this name has said what it announces, or its lease is over.
    #[error("the owner {0} is not known, or not any more: say with a PUT all that it announces")]
    Unknown(OwnerName),
    /// Only the configuration can take it away.
    #[error("{0} is a block of the configuration (node.blocks), and the owner has not announced it; take it out there")]
    Configured(Prefix),
    /// The list cannot be written.
    #[error("{}: cannot write the list of announced blocks: {error}", path.display())]
    Write {
        /// The list's.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// The list of a control socket that a start had to put aside, while it is there.
pub fn damaged(socket: &Path) -> Option<PathBuf> {
    whole_file::put_aside(&AnnouncedFile::beside(socket).path)
}

impl Announced {
    /// The configuration's blocks and what the last process was told. All leases begin now.
    pub fn load(config: &Config) -> Self {
        let file = config.api.as_ref().map(|api| AnnouncedFile::beside(&api.socket));
        let Kept { owners, lost } = file.as_ref().map(AnnouncedFile::load).unwrap_or_default();
        Self { configured: config.node.blocks.iter().copied().collect(), owners, lost: watch::channel(lost).0, file }
    }

    /// What of a damaged list is missing still, for whoever wants to know at any time.
    pub fn lost(&self) -> watch::Receiver<Lost> {
        self.lost.subscribe()
    }

    /// All of it, in order.
    pub fn all(&self) -> BTreeMap<Prefix, Kind> {
        let mut all: BTreeMap<_, _> = self.configured.iter().map(|prefix| (*prefix, Kind::Block)).collect();
        for (prefix, kind) in self.owners.values().flat_map(|owner| &owner.routes) {
            let known = all.entry(*prefix).or_insert(*kind);
            *known = (*known).max(*kind);
        }
        all
    }

    /// Blocks that come into the configuration, and blocks that go. Says what changes for the peers, new before old.
    pub fn reconfigure(&mut self, come: &[Prefix], go: &[Prefix]) -> Vec<Change> {
        let before: Vec<_> = come.iter().chain(go).map(|block| (*block, self.kind_of(block))).collect();
        self.configured.extend(come);
        self.configured.retain(|block| !go.contains(block));
        let now = before.into_iter().map(|(block, before)| (block, before, self.kind_of(&block)));
        now.filter(|(_, before, now)| before != now).map(|(block, _, now)| (block, now)).collect()
    }

    /// Whether only the configuration announces it.
    pub fn is_only_configured(&self, block: &Prefix) -> bool {
        self.configured.contains(block) && !self.owners.values().any(|owner| owner.routes.contains_key(block))
    }

    /// Carries an edit out, and says what it did and what changes for the peers, new before old.
    ///
    /// # Errors
    /// When it would be too much, names a block that is only the configuration's, or cannot be kept; then nothing has
    /// changed.
    pub fn edit(&mut self, name: &OwnerName, edit: &Edit) -> Result<(Edited, Vec<Change>), AnnouncedError> {
        let known = self.owners.remove(name);
        let was_known = known.is_some();
        // Who may lack something of its own has to say all of it, whatever it has said meanwhile.
        let understood = if self.lost.borrow().may_be_of(name) { edit.says_all() } else { was_known };
        let mut owner = known.unwrap_or_else(Owner::new);
        (owner.seen, owner.gone) = (Instant::now(), false);
        let result = match was_known {
            _ if edit.only_known && !understood => Err(AnnouncedError::Unknown(name.clone())),
            false if self.owners.len() >= OWNERS => Err(AnnouncedError::TooManyOwners),
            _ => self.edit_owner(name, &mut owner, was_known, edit),
        };
        if if result.is_ok() { owner.stays(edit) } else { was_known } {
            self.owners.insert(name.clone(), owner);
        }
        result
    }

    /// The same with the owner taken out, so that `self` is what all others announce.
    fn edit_owner(
        &self,
        name: &OwnerName,
        owner: &mut Owner,
        was_known: bool,
        edit: &Edit,
    ) -> Result<(Edited, Vec<Change>), AnnouncedError> {
        let (mut edited, wanted) = self.differences(&owner.routes, edit)?;
        let others: usize = self.owners.values().map(|owner| owner.routes.len()).sum();
        let mut kinds_before = Vec::with_capacity(wanted.len());
        for (prefix, kind) in &wanted {
            kinds_before.push(put(&mut owner.routes, *prefix, *kind));
        }
        let lost_before = self.lost.borrow().clone();
        let lost = if edit.says_all() { lost_before.without(name) } else { lost_before.clone() };
        let lease_before = owner.lease;
        owner.lease = edit.lease.unwrap_or(lease_before);
        let count = others + owner.routes.len();
        let kept = match &self.file {
            _ if count > MOST => Err(AnnouncedError::TooMany(count)),
            Some(file)
                if !wanted.is_empty()
                    || owner.lease != lease_before
                    || owner.stays(edit) != was_known
                    || lost != lost_before =>
            {
                file.store(&lost, self.owners.iter().chain(owner.stays(edit).then_some((name, &*owner))))
            }
            _ => Ok(()),
        };
        if let Err(error) = kept {
            for ((prefix, _), kind) in wanted.iter().zip(kinds_before) {
                put(&mut owner.routes, *prefix, kind);
            }
            owner.lease = lease_before;
            return Err(error);
        }
        self.lost.send_if_modified(|known| std::mem::replace(known, lost) != lost_before);
        let mut changes = Vec::new();
        for ((prefix, kind), before) in wanted.into_iter().zip(kinds_before) {
            let rest = self.kind_of(&prefix);
            if rest.max(before) != rest.max(kind) {
                changes.push((prefix, rest.max(kind)));
            }
            if kind.is_none() && rest.is_some() {
                edited.kept.push(self.kept(&prefix));
            }
        }
        changes.sort_by_key(|(_, kind)| kind.is_none()); // stable: in order of prefix within both
        Ok((edited, changes))
    }

    /// What an edit changes of an owner's routes.
    fn differences(
        &self,
        routes: &BTreeMap<Prefix, Kind>,
        edit: &Edit,
    ) -> Result<(Edited, Vec<Change>), AnnouncedError> {
        let (mut edited, mut wanted) = (Edited::default(), Vec::new());
        for (prefix, kind) in &edit.announce {
            if routes.get(prefix) == Some(kind) {
                edited.unchanged.push(*prefix);
            } else {
                edited.announced.push(*prefix);
                wanted.push((*prefix, Some(*kind)));
            }
        }
        match &edit.withdraw {
            Withdraw::AllOthers => {
                edited.withdrawn =
                    routes.keys().filter(|prefix| !edit.announce.contains_key(prefix)).copied().collect();
            }
            Withdraw::These(prefixes) => {
                for prefix in prefixes {
                    match (routes.contains_key(prefix), self.configured.contains(prefix)) {
                        (true, _) => edited.withdrawn.push(*prefix),
                        (false, true) => return Err(AnnouncedError::Configured(*prefix)),
                        (false, false) => edited.unchanged.push(*prefix),
                    }
                }
            }
        }
        wanted.extend(edited.withdrawn.iter().map(|prefix| (*prefix, None)));
        Ok((edited, wanted))
    }

    fn kind_of(&self, prefix: &Prefix) -> Option<Kind> {
        let configured = self.configured.contains(prefix).then_some(Kind::Block);
        self.owners.values().map(|owner| owner.routes.get(prefix).copied()).fold(configured, Option::max)
    }

    fn kept(&self, prefix: &Prefix) -> KeptPrefix {
        let owners = self.owners.iter().filter(|(_, owner)| owner.routes.contains_key(prefix));
        KeptPrefix {
            prefix: prefix.to_string(),
            owners: owners.map(|(name, _)| name.to_string()).collect(),
            configured: self.configured.contains(prefix),
        }
    }

    /// The owner whose lease is over next, or is over already, and when. Who is known to be gone is no more looked at.
    pub fn next_to_go(&self) -> Option<(Instant, OwnerName, Lease)> {
        let leases = self.owners.iter().filter(|(_, owner)| !owner.gone);
        let ends = leases.filter_map(|(name, owner)| {
            let lease = owner.lease?;
            Some((owner.seen + Duration::from_secs(u64::from(lease.seconds)), name, lease))
        });
        ends.min_by_key(|(end, ..)| *end).map(|(end, name, lease)| (end, name.clone(), lease))
    }

    /// An owner's lease is over, and what it announces is kept.
    pub fn is_gone(&mut self, name: &OwnerName) {
        if let Some(owner) = self.owners.get_mut(name) {
            owner.gone = true;
        }
    }

    /// A row for each owner, in order of name.
    pub fn rows(&self) -> Vec<OwnerRow> {
        let row = |(name, owner): (&OwnerName, &Owner)| {
            let services = owner.routes.values().filter(|kind| **kind == Kind::Service).count();
            let seen = owner.seen.elapsed().as_secs();
            OwnerRow {
                owner: name.to_string(),
                prefixes: owner.routes.len() - services,
                services,
                lease: owner.lease,
                left: owner.lease.map(|lease| u64::from(lease.seconds).saturating_sub(seen)),
                seen,
            }
        };
        self.owners.iter().map(row).collect()
    }

    /// What one owner announces; `None` if it is not known.
    pub fn routes_of(&self, name: &OwnerName) -> Option<OwnerRoutes> {
        let owner = self.owners.get(name)?;
        let of = |wanted: Kind| {
            let prefixes = owner.routes.iter().filter(|(_, kind)| **kind == wanted);
            prefixes.map(|(prefix, _)| prefix.to_string()).collect()
        };
        Some(OwnerRoutes { prefixes: of(Kind::Block), services: of(Kind::Service), lease: owner.lease })
    }
}

/// Gives a prefix this kind, or none, and returns what it had.
fn put(routes: &mut BTreeMap<Prefix, Kind>, prefix: Prefix, kind: Option<Kind>) -> Option<Kind> {
    match kind {
        Some(kind) => routes.insert(prefix, kind),
        None => routes.remove(&prefix),
    }
}

#[cfg(test)]
mod tests;
