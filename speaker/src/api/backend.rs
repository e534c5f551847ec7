//! What the API asks of the daemon. The server and its tests know only this trait, so that every page can be tested
//! against a made-up daemon.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_proto::Prefix;

use super::apply::{Applied, Apply};
use super::configuration::{ConfigStatus, ConfigSteps, ConfigText, OverlayRow, Plan, PlanRequest};
use super::model::{
    DrainState, Examination, FibFilter, FibRow, GroupRow, Liveness, LogLevels, LogOrder, Memory, OwnerRoutes, OwnerRow,
    PeerDetail, PeerDone, PeerFilter, PeerRow, PoolDetail, Problem, Readiness, RouteFilter, RouteRow, Status, Why,
};
use super::{Caller, Drain, Edit, Edited, Order, OwnerName, Setting, Slices};
use crate::journal::Journal;

/// A running daemon, as the API sees it. Every answer is a snapshot; of one that comes in slices, each slice is.
pub trait Backend: Clone + Send + Sync + 'static {
    /// `GET /v1/status`, but for the readiness
    fn status(&self) -> impl Future<Output = Status> + Send;
    /// `GET /v1/peers`, in order of address; a name that no peer has is a problem.
    fn peers(&self, filter: PeerFilter) -> impl Future<Output = Result<Vec<PeerRow>, Problem>> + Send;
    /// `GET /v1/peers/{name}`; a name of none or of several peers is a problem.
    fn peer(&self, name: String) -> impl Future<Output = Result<PeerDetail, Problem>> + Send;
    /// `GET /v1/pools`, in the order of the configuration, those that were set over the API behind those of the file.
    fn pools(&self) -> impl Future<Output = Vec<PoolDetail>> + Send;
    /// `GET /v1/routes`, in order of prefix, best path first; all paths of a prefix in one slice.
    fn routes(&self, filter: RouteFilter) -> impl Future<Output = Result<Slices<RouteRow>, Problem>> + Send;
    /// `GET /v1/memory`
    fn memory(&self) -> impl Future<Output = Memory> + Send;
    /// `GET /v1/fib`, in order of prefix.
    fn fib(&self, filter: FibFilter) -> impl Future<Output = Result<Slices<FibRow>, Problem>> + Send;
    /// `GET /v1/why/{address}`: where packets to the address go from this node, and why.
    fn why(&self, address: IpAddr) -> impl Future<Output = Result<Why, Problem>> + Send;
    /// `GET /v1/examination`: what `roost fib doctor` has to know of the daemon.
    fn examination(&self) -> impl Future<Output = Result<Examination, Problem>> + Send;
    /// `GET /v1/groups`, in order of family and members.
    fn groups(&self) -> impl Future<Output = Vec<GroupRow>> + Send;
    /// `GET /v1/owners`: who announces at run time, in order of name.
    fn owners(&self) -> impl Future<Output = Vec<OwnerRow>> + Send;
    /// `GET /v1/owners/{owner}`: what it announces; a problem if it is not known.
    fn owner(&self, owner: OwnerName) -> impl Future<Output = Result<OwnerRoutes, Problem>> + Send;
    /// Changes what an owner announces: all that is asked for, or nothing when it can't be done.
    fn edit(
        &self,
        owner: OwnerName,
        edit: Edit,
        caller: Caller,
    ) -> impl Future<Output = Result<Edited, Problem>> + Send;
    /// `GET /v1/config`: the configuration in force as it is written, without its passwords.
    fn config_text(&self) -> impl Future<Output = Result<ConfigText, Problem>> + Send;
    /// `GET /v1/overlay`: what was set over the API, in the order in which it was.
    fn overlay(&self) -> impl Future<Output = Vec<OverlayRow>> + Send;
    /// `PUT` and `DELETE` of a peer or a pool: all of it is in force, or nothing has changed.
    fn set(&self, setting: Setting, caller: Caller) -> impl Future<Output = Result<ConfigSteps, Problem>> + Send;
    /// `POST /v1/peers/…`: carries an order out for each of the peers, by address or name, `*` for all. The answer is in
    /// order of address; with `*` it also says of which peers the order asked too much, otherwise that is a problem.
    fn order(&self, peers: Vec<String>, order: Order) -> impl Future<Output = Result<Vec<PeerDone>, Problem>> + Send;
    /// `GET /v1/drain`
    fn drain_state(&self) -> impl Future<Output = DrainState> + Send;
    /// `POST /v1/drain` begins, and `POST /v1/undrain` (`None`) takes back; says how things stand then.
    fn drain(&self, order: Option<Drain>) -> impl Future<Output = Result<DrainState, Problem>> + Send;
    /// `POST /v1/reload`: reads the configuration file again and puts of it in force what a running daemon can take over; with `check`
    /// nothing changes.
    fn reread(&self, check: bool) -> impl Future<Output = Reread> + Send;
    /// `POST /v1/plan`: what would be done to put this text in force; nothing changes. What is wrong with it is said a line
    /// each.
    fn plan(&self, request: PlanRequest) -> impl Future<Output = Result<Plan, Vec<String>>> + Send;
    /// `POST /v1/apply`: puts this text in force; with `confirm` what is in force now comes back then, unless [`Self::confirm`]
    /// is called. Mistakes are a problem of 422, and 409 that it cannot be kept, or that another one waits.
    fn apply(&self, apply: Apply, caller: Caller) -> impl Future<Output = Result<Applied, Problem>> + Send;
    /// `POST /v1/confirm`: keeps what waits to be confirmed, or goes back with `undo`.
    fn confirm(&self, undo: bool, caller: Caller) -> impl Future<Output = Result<ConfigStatus, Problem>> + Send;
    /// `GET /v1/log`
    fn log(&self) -> impl Future<Output = LogLevels> + Send;
    /// `POST /v1/log`: all of it, or a problem; says how it is then.
    fn set_log(&self, order: LogOrder) -> impl Future<Output = Result<LogLevels, Problem>> + Send;
    /// `GET /metrics`: the Prometheus text.
    fn metrics(&self) -> impl Future<Output = String> + Send;
    /// `GET /livez`
    fn liveness(&self) -> impl Future<Output = Liveness> + Send;
    /// `GET /readyz`
    fn readiness(&self) -> impl Future<Output = Readiness> + Send;
    /// What has changed lately.
    fn journal(&self) -> Arc<Journal>;
    /// From now on, what changes of paths and of kernel routes is noted, as there is a watcher.
    fn note_routes(&self) -> impl Future<Output = Result<(), Problem>> + Send;
    /// The paths of these prefixes, without what the kernel has, in the order of the prefixes, the best first.
    fn paths(&self, prefixes: Vec<Prefix>) -> impl Future<Output = Result<Vec<RouteRow>, Problem>> + Send;
    /// What is wanted of the kernel for these prefixes, and what it has; nothing of those of which neither is so.
    fn kernel(&self, prefixes: Vec<Prefix>) -> impl Future<Output = Vec<FibRow>> + Send;
    /// The control socket's listener has looked around, as it does each second at least.
    fn served(&self);
}

/// What became of reading the configuration file again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reread {
    /// Its path.
    pub file: String,
    /// What was done; or what is wrong with it, a line each, and nothing was done.
    pub outcome: Result<ConfigSteps, Vec<String>>,
}
