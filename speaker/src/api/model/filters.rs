//! Which rows of a table are wanted: the fields of a query, and the options of `roost show`. All conditions must hold.

use std::net::IpAddr;

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FibRow, KernelState, PeerRow, RouteRow};

/// Which peers to list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PeerFilter {
    /// Only those of this name: an address, `ADDRESS%INTERFACE`, a node of the mesh, or a description.
    pub peer: Option<String>,
    /// Only those in this state.
    pub state: Option<PeerState>,
}

impl PeerFilter {
    /// Whether a row is in the state that is asked for; by name, rows are found.
    pub fn passes(&self, row: &PeerRow) -> bool {
        self.state.is_none_or(|state| match state {
            PeerState::Down => row.state != "established",
            PeerState::Disabled => row.state == "disabled",
            PeerState::Idle => row.state == "idle",
            PeerState::Connect => row.state == "connect",
            PeerState::Active => row.state == "active",
            PeerState::OpenSent => row.state == "open-sent",
            PeerState::OpenConfirm => row.state == "open-confirm",
            PeerState::Established => row.state == "established",
        })
    }
}

/// A state of a peer, as its row has it; or all but established.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the states of RFC 4271 §8.2.2, by name")]
pub enum PeerState {
    /// Any but established.
    Down,
    Disabled,
    Idle,
    Connect,
    Active,
    OpenSent,
    OpenConfirm,
    Established,
}

/// Which routes to list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct RouteFilter {
    /// Exactly this prefix.
    pub prefix: Option<String>,
    /// With `prefix`: also what lies inside it.
    #[serde(default)]
    pub longer: bool,
    /// The prefix with the longest match for this address.
    pub address: Option<IpAddr>,
    /// Only paths of the peers of this name: an address, `ADDRESS%INTERFACE`, a node of the mesh, or a description.
    pub peer: Option<String>,
    /// Only best paths.
    #[serde(default)]
    pub best: bool,
    /// Only paths with this community, written as a path's row has it: `64512:100`, `no-export`, `64512:1:2`.
    pub community: Option<String>,
    /// Only paths in this state.
    pub state: Option<RouteState>,
}

impl RouteFilter {
    /// Whether a path is `best`, and has the community and the state, where these are asked for; by the other fields,
    /// paths are found.
    pub fn passes(&self, row: &RouteRow) -> bool {
        (!self.best || row.best)
            && self
                .community
                .as_ref()
                .is_none_or(|wanted| row.communities.iter().any(|of| of.eq_ignore_ascii_case(wanted)))
            && self.state.is_none_or(|state| state.is_of(row))
    }
}

/// What has become of a path, by the decision or, for the best of a prefix, by the kernel.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum RouteState {
    /// The best of its prefix.
    Best,
    /// Shares the traffic with the best.
    Multipath,
    /// Kept from a lost session.
    Stale,
    /// Refused by import.
    Rejected,
    /// Its next hop can't be reached.
    Unreachable,
    /// In the kernel.
    Installed,
    /// On its way there.
    Pending,
    /// Kept out of it.
    Withheld,
    /// Another program's route is in its place.
    Conflict,
    /// Refused by the kernel.
    Failed,
}

impl RouteState {
    fn is_of(self, row: &RouteRow) -> bool {
        let kernel = |state: &str| row.kernel.as_ref().is_some_and(|kernel| kernel.state == state);
        match self {
            Self::Best => row.best,
            Self::Multipath => row.multipath,
            Self::Stale => row.stale,
            Self::Rejected => row.rejected,
            Self::Unreachable => row.unreachable,
            Self::Installed => kernel("installed"),
            Self::Pending => kernel("pending"),
            Self::Withheld => kernel("withheld"),
            Self::Conflict => kernel("conflict"),
            Self::Failed => kernel("failed"),
        }
    }
}

/// Of watched rows, those in this state: each names what it narrows.
///
/// Of routes it is what the decision has made of a path. What the kernel has made of it is a state of `fib`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the states of the three lists, by name")]
pub enum WatchState {
    /// Of peers: any but established.
    Down,
    Disabled,
    Idle,
    Connect,
    Active,
    OpenSent,
    OpenConfirm,
    Established,
    /// Of routes: the best of its prefix.
    Best,
    Multipath,
    Stale,
    Rejected,
    Unreachable,
    /// Of kernel routes: in the kernel.
    Installed,
    Pending,
    Withheld,
    Skipped,
    Conflict,
    Failed,
    Adopted,
}

impl WatchState {
    /// As a state of peers.
    pub fn of_peer(self) -> Option<PeerState> {
        self.read()
    }

    /// As a state of paths.
    pub fn of_route(self) -> Option<RouteState> {
        self.of_fib().is_none().then(|| self.read())?
    }

    /// As a state of kernel routes.
    pub fn of_fib(self) -> Option<FibState> {
        self.read()
    }

    fn read<S: ValueEnum>(self) -> Option<S> {
        S::from_str(self.to_possible_value()?.get_name(), false).ok()
    }
}

/// Which kernel routes to list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct FibFilter {
    /// Exactly this prefix.
    pub prefix: Option<String>,
    /// With `prefix`: also what lies inside it.
    #[serde(default)]
    pub longer: bool,
    /// Only those in this state.
    pub state: Option<FibState>,
}

impl FibFilter {
    /// Whether a row is in the state that is asked for; by prefix, rows are found.
    pub fn passes(&self, row: &FibRow) -> bool {
        self.state.is_none_or(|state| state.is_of(&row.kernel))
    }
}

/// What has become of a kernel route.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum FibState {
    /// In the kernel.
    Installed,
    /// On its way there.
    Pending,
    /// Kept out of it.
    Withheld,
    /// Another program writes it.
    Skipped,
    /// Another program's route is in its place.
    Conflict,
    /// Refused by the kernel.
    Failed,
    /// Found there, and not wanted any more.
    Adopted,
}

impl FibState {
    fn is_of(self, kernel: &KernelState) -> bool {
        kernel.state
            == match self {
                Self::Installed => "installed",
                Self::Pending => "pending",
                Self::Withheld => "withheld",
                Self::Skipped => "skipped",
                Self::Conflict => "conflict",
                Self::Failed => "failed",
                Self::Adopted => "adopted",
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_that_can_be_watched_narrows_one_topic() {
        for state in WatchState::value_variants() {
            let of = [state.of_peer().is_some(), state.of_route().is_some(), state.of_fib().is_some()];
            assert_eq!(of.iter().filter(|of| **of).count(), 1, "{state:?}: {of:?}");
        }
        let count = PeerState::value_variants().len() + FibState::value_variants().len() + 5;
        assert_eq!(WatchState::value_variants().len(), count, "and none is missing");
    }
}
