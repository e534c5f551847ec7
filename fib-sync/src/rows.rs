//! The table for people: each prefix with all that is known about it.

use crate::desired::{State, Target};
use crate::engine::{Engine, is_bad};
use crate::route::contains;
use ipnetwork::IpNetwork;
use std::time::SystemTime;

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
