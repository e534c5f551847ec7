//! Who announces at run time, and what a request of theirs wants changed, with its texts read.
//!
//! A request is an [`Edit`] or a problem that names every wrong field: nothing is done by halves.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bgp_proto::Prefix;

use super::fields::Fields;
use super::model::{
    AnnounceList, KeptPrefix, Lease, OwnerDone, OwnerPatch, OwnerRoutes, PrefixListDone, Problem, WithdrawList,
};

/// The name of one who announces: two names, and neither removes the other's routes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerName(Arc<str>);

impl OwnerName {
    /// Most characters of a name.
    pub const LONGEST: usize = 63;

    /// The owner of requests that name none, such as `roost announce`.
    pub fn default_owner() -> Self {
        Self("default".into())
    }
}

impl FromStr for OwnerName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        // Alone they have a meaning in paths, RFC 3986 §3.3.
        let dots = matches!(text, "." | "..");
        if (1..=Self::LONGEST).contains(&text.len()) && text.bytes().all(known) && !dots {
            return Ok(Self(text.into()));
        }
        let shown: String = text.chars().take(Self::LONGEST).collect();
        Err(format!(
            "{shown:?} is no name of an owner; expected 1 to {} of A-Z, a-z, 0-9, \".\", \"_\" and \"-\"",
            Self::LONGEST
        ))
    }
}

impl fmt::Display for OwnerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OwnerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a prefix is announced as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Announced only: the kernel gets nothing.
    Service,
    /// A block, which gets a blackhole in the kernel, or a single address, which needs none. Where one owner announces a
    /// prefix as this and another one as a service, it is this.
    Block,
}

/// What an owner wants changed: all of it, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// Announced from now on.
    pub announce: BTreeMap<Prefix, Kind>,
    /// Not any more.
    pub withdraw: Withdraw,
    /// Another lease, or none; `None`: as it is.
    pub lease: Option<Option<Lease>>,
    /// Only if the owner is known: its lease is not over, so that what it has announced is still there.
    pub only_known: bool,
    /// The owner is forgotten when it has neither routes nor a lease any more.
    pub forget: bool,
}

impl Edit {
    /// Whether it leaves nothing of what the owner announced before: from then on it is known what that is.
    pub fn says_all(&self) -> bool {
        self.withdraw == Withdraw::AllOthers
    }
}

/// What is announced no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Withdraw {
    /// These.
    These(BTreeSet<Prefix>),
    /// All that the edit does not announce.
    AllOthers,
}

impl Default for Withdraw {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

/// What an edit did, in order of prefix.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edited {
    /// What the owner announces and did not before, or not as what it is now.
    pub announced: Vec<Prefix>,
    /// What it announces no longer.
    pub withdrawn: Vec<Prefix>,
    /// What was as it should be.
    pub unchanged: Vec<Prefix>,
    /// What others announce, too, of what it announces no longer.
    pub kept: Vec<KeptPrefix>,
}

impl From<Edited> for PrefixListDone {
    fn from(edited: Edited) -> Self {
        let mut changed = edited.announced;
        changed.extend(edited.withdrawn); // of announce and withdraw, one of both is empty
        Self { changed: texts(&changed), unchanged: texts(&edited.unchanged), kept: edited.kept }
    }
}

impl From<Edited> for OwnerDone {
    fn from(edited: Edited) -> Self {
        Self {
            announced: texts(&edited.announced),
            withdrawn: texts(&edited.withdrawn),
            unchanged: edited.unchanged.len(),
            kept: edited.kept,
        }
    }
}

fn texts(prefixes: &[Prefix]) -> Vec<String> {
    prefixes.iter().map(Prefix::to_string).collect()
}

/// The owner of an announce or withdraw, and what it wants.
pub(super) type Request = (OwnerName, Edit);

impl TryFrom<AnnounceList> for Request {
    type Error = Problem;

    fn try_from(list: AnnounceList) -> Result<Self, Problem> {
        let mut fields = Fields::default();
        let owner = owner(list.owner.as_deref(), &mut fields);
        let announce = routes(("prefixes", &list.prefixes), &list.services, &mut fields);
        fields.problem().map_or(Ok((owner, Edit { announce, ..Edit::default() })), Err)
    }
}

impl TryFrom<WithdrawList> for Request {
    type Error = Problem;

    fn try_from(list: WithdrawList) -> Result<Self, Problem> {
        let mut fields = Fields::default();
        let owner = owner(list.owner.as_deref(), &mut fields);
        let prefixes = fields.prefixes("prefixes", &list.prefixes).into_iter().map(|(_, prefix)| prefix);
        let withdraw = Withdraw::These(prefixes.collect());
        fields.problem().map_or(Ok((owner, Edit { withdraw, forget: true, ..Edit::default() })), Err)
    }
}

impl TryFrom<OwnerRoutes> for Edit {
    type Error = Problem;

    fn try_from(wanted: OwnerRoutes) -> Result<Self, Problem> {
        let mut fields = Fields::default();
        let announce = routes(("prefixes", &wanted.prefixes), &wanted.services, &mut fields);
        check_lease(wanted.lease, &mut fields);
        let edit = Self { announce, withdraw: Withdraw::AllOthers, lease: Some(wanted.lease), ..Self::default() };
        fields.problem().map_or(Ok(edit), Err)
    }
}

impl TryFrom<OwnerPatch> for Edit {
    type Error = Problem;

    fn try_from(patch: OwnerPatch) -> Result<Self, Problem> {
        let mut fields = Fields::default();
        let announce = routes(("announce", &patch.announce), &patch.services, &mut fields);
        let mut withdraw = BTreeSet::new();
        for (index, prefix) in fields.prefixes("withdraw", &patch.withdraw) {
            if announce.contains_key(&prefix) {
                fields.wrong(format!("/withdraw/{index}"), format!("{prefix} is announced by the same request"));
            }
            withdraw.insert(prefix);
        }
        check_lease(patch.lease, &mut fields);
        let lease = patch.lease.map(Some);
        let edit = Self { announce, withdraw: Withdraw::These(withdraw), lease, only_known: true, forget: false };
        fields.problem().map_or(Ok(edit), Err)
    }
}

fn owner(name: Option<&str>, fields: &mut Fields) -> OwnerName {
    let parsed = name.map_or_else(|| Ok(OwnerName::default_owner()), str::parse);
    parsed.unwrap_or_else(|reason| {
        fields.wrong("/owner".to_owned(), reason);
        OwnerName::default_owner()
    })
}

fn routes((field, prefixes): (&str, &[String]), services: &[String], fields: &mut Fields) -> BTreeMap<Prefix, Kind> {
    let blocks = fields.prefixes(field, prefixes).into_iter();
    let mut routes: BTreeMap<_, _> = blocks.map(|(_, prefix)| (prefix, Kind::Block)).collect();
    for (index, prefix) in fields.prefixes("services", services) {
        if routes.insert(prefix, Kind::Service) == Some(Kind::Block) {
            fields.wrong(format!("/services/{index}"), format!("{prefix} is in {field}, too; it can be one of both"));
        }
    }
    routes
}

fn check_lease(lease: Option<Lease>, fields: &mut Fields) {
    if let Some(Lease { seconds, .. }) = lease
        && !(1..=86_400).contains(&seconds)
    {
        fields.wrong("/lease/seconds".to_owned(), format!("expected 1 to 86400 (a day), found {seconds}"));
    }
}

#[cfg(test)]
mod tests;
