//! From what the parts of the daemon know to the rows people read. Pure functions.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bgp_proto::attr::PathAttrs;
use bgp_proto::fsm::State;
use bgp_proto::message::Capability;
use bgp_proto::{Family, FamilySet};
use fib_sync::Target;
use rib::{PathCount, PathView, PeerId, PeerView, RouteView, TableSize};

use super::known_peers::KnownPeer;
use super::peer_status::PeerStatus;
use super::setup;
use super::totals::Totals;
use super::unopened::{Refusal, Unopened};
use crate::api::model::{
    ConnectionSummary, FibRow, KernelState, LimitRow, PeerDetail, PeerRow, RangeRow, RefusedConnections, RouteRow,
    TableRow, millis,
};
use crate::config::{Config, DynamicPeers, MaxPrefixAction, PeerOrigin, PeerSettings, PolicyRef, Ttl};
use crate::net::md5_counters::Md5Counters;

/// One row of `show peers`; `dropped` is what the kernel has dropped because of TCP MD5.
pub fn peer(
    config: &Config,
    known: &KnownPeer,
    status: &PeerStatus,
    counts: &PeerView,
    dropped: Md5Counters,
) -> PeerRow {
    let settings = &known.settings;
    let established = status.negotiated.as_deref().filter(|_| status.state == State::Established);
    let sum = |count: fn(&rib::PathCount) -> u32| counts.paths.iter().map(count).sum::<u32>() as usize;
    PeerRow {
        address: settings.address,
        interface: settings.interface.as_ref().map(ToString::to_string),
        port: settings.port,
        asn: status.negotiated.as_deref().map_or(settings.asn, |negotiated| negotiated.peer_asn).0,
        kind: match (settings.is_ibgp(&config.router), settings.route_reflector_client) {
            (true, true) => "client",
            (true, false) => "internal",
            (false, _) if settings.rules.confederation => "confederation",
            (false, _) => "external",
        }
        .to_owned(),
        description: settings.description.clone().unwrap_or_default(),
        state: if settings.enabled && !status.disabled { state(status.state) } else { "disabled" }.to_owned(),
        passive: settings.passive,
        since: status.since.elapsed().as_secs(),
        since_at: wall(status.since),
        reason: match established {
            Some(_) => None,
            None if !settings.enabled => Some("disabled in the configuration".to_owned()),
            None => status.down.as_ref().map(ToString::to_string),
        },
        hint: if established.is_none() && settings.enabled { hint(settings, status, dropped) } else { None },
        router_id: established.map(|negotiated| negotiated.peer_id.to_string()),
        families: established.map(|negotiated| families(negotiated.codec.families)).unwrap_or_default(),
        received: sum(|count| count.received),
        accepted: sum(|count| count.accepted),
        advertised: counts.advertised.iter().sum::<u32>() as usize,
        stale: sum(|count| count.stale),
        origin: match &settings.origin {
            PeerOrigin::Peers => "file",
            PeerOrigin::Mesh { .. } => "mesh",
            PeerOrigin::Api => "api",
            PeerOrigin::Dynamic { .. } => "dynamic",
        }
        .to_owned(),
        range: match &settings.origin {
            PeerOrigin::Dynamic { prefix } => Some(prefix.to_string()),
            PeerOrigin::Peers | PeerOrigin::Api | PeerOrigin::Mesh { .. } => None,
        },
        node: match &settings.origin {
            PeerOrigin::Mesh { node } => Some(node.clone()),
            PeerOrigin::Peers | PeerOrigin::Api | PeerOrigin::Dynamic { .. } => None,
        },
    }
}

/// When `then` was by the clock of now, in milliseconds since 1970. The same moment gives the same time until the clock
/// is set.
pub fn wall(then: Instant) -> u64 {
    let then = SystemTime::now().checked_sub(then.elapsed()).unwrap_or(UNIX_EPOCH);
    millis(then)
}

fn left(until: Option<Instant>) -> Option<u64> {
    until.map(|until| until.saturating_duration_since(Instant::now()).as_secs())
}

fn policy(policy: &PolicyRef) -> String {
    match policy {
        PolicyRef::Accept => "accept".to_owned(),
        PolicyRef::Reject => "reject".to_owned(),
        PolicyRef::Named(policy) => policy.name.clone(),
    }
}

/// What to do about a peer that is down. A wrong key is a silent loss of segments (RFC 2385 §2), so that the kernel's
/// counters are all there is to tell it from a dead wire; they are those of all hosts together.
fn hint(settings: &PeerSettings, status: &PeerStatus, dropped: Md5Counters) -> Option<String> {
    let Md5Counters { wrong, unsigned, unexpected } = dropped;
    let counted = "since the start the kernel has dropped, of all hosts together,";
    let keys = match settings.password {
        Some(_) if wrong + unsigned > 0 => Some(format!(
            "{counted} {wrong} segments with a wrong TCP MD5 key and {unsigned} without one where one is needed: \
             compare `password` on both ends"
        )),
        None if unexpected > 0 => Some(format!(
            "{counted} {unexpected} segments with a TCP MD5 key from addresses without a `password` here: \
             does the peer expect one?"
        )),
        _ => None,
    };
    let said: Vec<String> = status.hint.clone().into_iter().chain(keys).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// How large the table is, by family.
pub fn tables(size: [TableSize; 2]) -> Vec<TableRow> {
    let row = |(family, TableSize { prefixes, paths }): (Family, _)| TableRow {
        family: family.to_string(),
        prefixes,
        accepted: paths,
    };
    Family::SUPPORTED.into_iter().zip(size).map(row).collect()
}

/// Connections without an OPEN in `show status`.
pub fn connections(unopened: &Unopened) -> ConnectionSummary {
    let [stranger, range_full, unknown, unopened_per_peer, open_timeout] =
        Refusal::ALL.map(|refusal| unopened.refused(refusal));
    let refused = RefusedConnections { stranger, range_full, unopened: unknown, unopened_per_peer, open_timeout };
    ConnectionSummary { unopened: unopened.waiting(), limit: unopened.limits().unopened, refused }
}

/// A range of dynamic peers, of which some are among `peers`.
pub fn range(range: &DynamicPeers, peers: &[(PeerId, KnownPeer, PeerStatus)]) -> RangeRow {
    let of_range = |origin: &PeerOrigin| matches!(origin, PeerOrigin::Dynamic { prefix } if *prefix == range.prefix);
    RangeRow {
        prefix: range.prefix.to_string(),
        group: range.template.group.clone().unwrap_or_default(),
        asn: range.asn.to_string(),
        peers: peers.iter().filter(|(_, known, _)| of_range(&known.settings.origin)).count(),
        limit: range.limit,
    }
}

/// `show peer`.
pub fn peer_detail(row: PeerRow, known: &KnownPeer, status: &PeerStatus, counts: &PeerView) -> PeerDetail {
    let established = status.negotiated.as_deref();
    let totals = Totals::of(status);
    PeerDetail {
        local: established.map(|negotiated| negotiated.local_addr.to_string()),
        remote: established.map(|negotiated| negotiated.remote_addr.to_string()),
        hold_time: established.map(|negotiated| negotiated.hold_time.as_secs()),
        keepalive: established.map(|negotiated| negotiated.keepalive.as_secs()),
        local_role: established.and_then(|negotiated| negotiated.local_role).map(|role| role.to_string()),
        peer_role: established.and_then(|negotiated| negotiated.peer_role).map(|role| role.to_string()),
        hold_left: established.and_then(|_| left(status.timers[0])),
        keepalive_left: established.and_then(|_| left(status.timers[1])),
        import: policy(&known.settings.import),
        export: policy(&known.settings.export),
        multihop: known.settings.ttl != Ttl::Send(1) && known.settings.ttl != (Ttl::Security { hops: 1 }),
        best: counts.paths.iter().map(|count| count.best as usize).sum(),
        announced: counts.counters.announced,
        withdrawn: counts.counters.withdrawn,
        capabilities: established
            .map(|negotiated| negotiated.peer_capabilities.iter().map(Capability::to_string).collect())
            .unwrap_or_default(),
        restart_time: established.and_then(|negotiated| Some(negotiated.peer_graceful_restart.as_ref()?.time)),
        end_of_rib: families(status.end_of_rib),
        messages: totals.messages,
        established_count: status.counters.established,
        update_faults: totals.update_faults,
        last_fault: status.last_fault.clone(),
        stale_for: left(status.stale_until),
        long_lived: families(status.long_lived),
        limits: limits(&known.settings, status, counts),
        shutdown_text: status.farewell.as_ref().map(|(_, text)| text.clone()),
        shutdown_text_age: status.farewell.as_ref().map(|(at, _)| at.elapsed().as_secs()),
        password_file: known.key.trouble(),
        row,
    }
}

/// How many prefixes the peer may announce, and how many it does.
fn limits(settings: &PeerSettings, status: &PeerStatus, counts: &PeerView) -> Vec<LimitRow> {
    let row = |(family, count): (Family, PathCount)| {
        let limit = setup::path_limit(&settings.max_prefix, family)?;
        Some(LimitRow {
            family: family.to_string(),
            count: limit.count(count),
            limit: limit.paths,
            warning: limit.warn_at,
            action: match settings.max_prefix.action {
                MaxPrefixAction::Restart { .. } => "restart",
                MaxPrefixAction::Disable => "disable",
                MaxPrefixAction::Warn => "warn",
                MaxPrefixAction::Block => "block",
            }
            .to_owned(),
            state: if status.limit_exceeded.contains(family) {
                "exceeded"
            } else if status.limit_near.contains(family) {
                "near"
            } else {
                "ok"
            }
            .to_owned(),
        })
    };
    Family::SUPPORTED.into_iter().zip(counts.paths).filter_map(row).collect()
}

/// The rows of one prefix: its paths, the best one with what the kernel made of it.
pub fn route(route: &RouteView, name: impl Fn(rib::PeerId) -> String, kernel: Option<&KernelState>) -> Vec<RouteRow> {
    let rows = route.paths.iter().map(|path| RouteRow {
        prefix: route.prefix.to_string(),
        from: if path.peer.is_local() { "local".to_owned() } else { name(path.peer) },
        next_hop: Some(path.attrs.next_hop.addr()).filter(|next_hop| !next_hop.is_unspecified()),
        best: path.best,
        multipath: path.multipath && !path.best,
        stale: path.stale,
        rejected: path.rejected.is_some(),
        unreachable: !path.next_hop.is_usable_for(&route.prefix),
        cost: Some(path.next_hop.metric).filter(|&cost| cost != u32::MAX && !path.peer.is_local()),
        reason: reason(path),
        as_path: path.attrs.as_path.to_string(),
        origin: path.attrs.origin.to_string(),
        local_pref: path.attrs.local_pref.unwrap_or(100),
        med: path.attrs.med,
        otc: path.attrs.otc.map(|asn| asn.0),
        communities: communities(&path.attrs),
        path_id: path.path_id.0,
        originator_id: path.attrs.originator_id.map(|id| id.to_string()),
        cluster_list: path.attrs.cluster_list.iter().map(ToString::to_string).collect(),
        kernel: kernel.filter(|_| path.best).cloned(),
    });
    rows.collect()
}

/// One row of `show fib`.
pub fn fib(row: &fib_sync::FibRow) -> FibRow {
    FibRow {
        prefix: row.prefix.to_string(),
        wanted: row.target.as_ref().map_or_else(|| "none".to_owned(), Target::to_string),
        kernel: kernel(row),
    }
}

/// What the kernel made of a prefix.
pub fn kernel(row: &fib_sync::FibRow) -> KernelState {
    let text = row.state.to_string();
    KernelState {
        state: row.state.name().to_owned(),
        route: row.kernel.clone(),
        reason: text.split_once(": ").map(|(_, reason)| reason.to_owned()).or_else(|| row.note.clone()),
    }
}

/// The state's name in the API.
pub fn state(state: State) -> &'static str {
    match state {
        State::Idle => "idle",
        State::Active => "active",
        State::Connect => "connect",
        State::OpenSent => "open-sent",
        State::OpenConfirm => "open-confirm",
        State::Established => "established",
    }
}

fn families(set: FamilySet) -> Vec<String> {
    set.iter().map(|family| family.to_string()).collect()
}

fn reason(path: &PathView) -> Option<String> {
    match (&path.rejected, path.lost_at) {
        (Some(rejection), _) => Some(rejection.to_string()),
        (None, Some(rib::Step::Usable)) => Some(unusable(path)),
        (None, Some(step)) if !path.multipath => Some(step.to_string()),
        _ => None,
    }
}

fn unusable(path: &PathView) -> String {
    let next_hop = path.attrs.next_hop.addr();
    match path.next_hop.usable {
        true => format!("next hop {next_hop} would be reached only through this very route"),
        false => format!("next hop {next_hop} can't be reached"),
    }
}

fn communities(attrs: &PathAttrs) -> Vec<String> {
    let standard = attrs.communities.iter().map(ToString::to_string);
    let large = attrs.large_communities.iter().map(ToString::to_string);
    let extended = attrs.ext_communities.iter().map(ToString::to_string);
    standard.chain(large).chain(extended).collect()
}
