//! Who has not said again what a damaged list had of it.
//!
//! The node is whole when each owner whose name can be read in the damaged list has said all that it announces: a PUT, or
//! that it is removed. Where no name can be read, or what is missing had further ones, nobody knows whose the rest was; the
//! first who says all it announces is then taken for the one. Until its turn an owner counts as not known, also when it
//! has announced something meanwhile: an agent that only tells what changes hears that it has to say all.
//!
//! The names are kept in the new list, so that a restart in between knows what is still missing; the damaged file stays
//! where it is, for whoever wants to look.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use super::OWNERS;
use crate::api::OwnerName;

/// Owners that are named in words.
const NAMED: usize = 8;

/// Whose word is awaited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Lost {
    /// Nothing was lost, or all is there again.
    #[default]
    Nothing,
    /// Somebody's, nobody knows whose.
    Somebodys,
    /// These owners'. Never empty.
    Of(BTreeSet<OwnerName>),
}

impl Lost {
    /// What a list held that is no list any more.
    pub fn with(damaged: &[u8]) -> Self {
        let text = String::from_utf8_lossy(damaged);
        let named = text.lines().filter_map(|line| {
            let mut words = line.trim().split(' ');
            matches!(words.next(), Some("owner" | "lost")).then(|| words.next()?.parse().ok()).flatten()
        });
        Self::of(named.take(OWNERS).collect()).unwrap_or(Self::Somebodys)
    }

    /// These; `None` when there are none.
    fn of(owners: BTreeSet<OwnerName>) -> Option<Self> {
        (!owners.is_empty()).then_some(Self::Of(owners))
    }

    /// A line of the list, behind its first word; says what is wrong with it.
    pub fn read(&mut self, owner: &str) -> Result<(), String> {
        match (owner, &mut *self) {
            ("*", _) => *self = Self::Somebodys,
            (name, Self::Of(owners)) if owners.len() < OWNERS => drop(owners.insert(name.parse()?)),
            (_, Self::Of(_)) => return Err(format!("is one owner more than {OWNERS}")),
            (name, _) => *self = Self::Of([name.parse()?].into()),
        }
        Ok(())
    }

    /// The lines of the list.
    pub fn print(&self, text: &mut String) {
        let _ = match self {
            Self::Nothing => Ok(()),
            Self::Somebodys => writeln!(text, "lost *"),
            Self::Of(owners) => owners.iter().try_for_each(|owner| writeln!(text, "lost {owner}")),
        };
    }

    /// Whether some of what this owner announced may be missing.
    pub fn may_be_of(&self, owner: &OwnerName) -> bool {
        match self {
            Self::Nothing => false,
            Self::Somebodys => true,
            Self::Of(owners) => owners.contains(owner),
        }
    }

    /// What is missing still, when this owner has said all that it announces.
    pub fn without(&self, owner: &OwnerName) -> Self {
        match self {
            Self::Nothing | Self::Somebodys => Self::Nothing,
            Self::Of(owners) => {
                Self::of(owners.iter().filter(|of| *of != owner).cloned().collect()).unwrap_or_default()
            }
        }
    }
}

/// Who has not said it, and how it is said.
impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => return f.write_str("every owner has said again what it announces"),
            Self::Somebodys => f.write_str("no owner has")?,
            Self::Of(owners) => {
                let named: Vec<_> = owners.iter().take(NAMED).map(OwnerName::to_string).collect();
                f.write_str(&named.join(", "))?;
                if owners.len() > NAMED {
                    write!(f, " and {} more", owners.len() - NAMED)?;
                }
                f.write_str(if owners.len() == 1 { " has not" } else { " have not" })?;
            }
        }
        f.write_str(
            " said since all that it announces: let its agent do so (PUT /v1/owners/OWNER), or say that it announces \
             nothing (`roost withdraw --all --owner OWNER`)",
        )
    }
}
