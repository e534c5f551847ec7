//! `show route`: rows are written as the slices of the table come, and none of it is held.

use std::collections::HashMap;
use std::io;

use bgp_proto::Prefix;
use futures::StreamExt;
use tokio::io::AsyncWrite;

use super::clock::Clock;
use super::command::{Of, Refusal, Routes};
use super::protocols::{self, Protocol, STATIC};
use super::reply::Reply;
use super::{Scope, names};
use crate::api::model::{PeerFilter, RouteFilter, RouteRow, Status};
use crate::api::{Backend, Problem};

/// Sessions by what the API calls them: BIRD's name, and when they came up.
type Sessions = HashMap<String, (String, u64)>;

/// `show route …`
///
/// # Errors
/// When the client is gone, or does not read.
pub(super) async fn show<B: Backend, W: AsyncWrite + Unpin>(
    mut reply: Reply<'_, W>,
    backend: &B,
    scope: Scope,
    wanted: &Routes,
    clock: &Clock,
) -> io::Result<()> {
    let peers = backend.peers(PeerFilter::default()).await.unwrap_or_default();
    let only = match &wanted.protocol {
        None => None,
        Some(name) => match protocol(protocols::all(peers.clone()), name) {
            Ok(only) => Some(only),
            Err(Refusal { code, text }) => return reply.end(code, &text).await,
        },
    };
    let sessions = peers.iter().map(|peer| (peer.name(), (names::session(peer), peer.since_at))).collect::<Sessions>();
    let status = backend.status().await;
    let mut rows = Rows { wanted, only: only.as_deref(), sessions, started_at: status.started_at, clock, shown: 0 };
    if wanted.count && rows.is_whole() {
        let shown = total(&status, scope, |table| table.accepted);
        return count(reply, shown, &status, scope).await;
    }
    for filter in filters(&wanted.of, scope, only.as_deref()) {
        let mut slices = match backend.routes(filter).await {
            Ok(slices) => slices,
            Err(problem) => return stopped(reply, &problem).await,
        };
        let (mut found, mut before) = (false, String::new());
        while let Some(slice) = slices.next().await {
            let slice = match slice {
                Ok(slice) => slice,
                Err(problem) => return stopped(reply, &problem).await,
            };
            for row in &slice {
                found |= !row.rejected;
                if rows.admits(row) {
                    rows.shown += 1;
                    if !wanted.count {
                        let repeated = std::mem::replace(&mut before, row.prefix.clone()) == row.prefix;
                        rows.show(&mut reply, row, repeated, &slice);
                    }
                }
            }
            reply.pace().await?;
        }
        // For a prefix the longest that there is, of the candidates.
        if found || wanted.of == Of::Every {
            let shown = rows.shown;
            return if wanted.count || wanted.stats {
                count(reply, shown, &status, scope).await
            } else {
                reply.done().await
            };
        }
    }
    reply.end(8001, "Network not in table").await
}

/// The name of a protocol's paths in the API.
fn protocol(all: Vec<Protocol>, name: &str) -> Result<String, Refusal> {
    match all.into_iter().find(|protocol| protocol.name() == name) {
        Some(Protocol::Session(peer)) => Ok(peer.name()),
        Some(Protocol::BuiltIn(_)) if name == STATIC => Ok("local".to_owned()),
        Some(Protocol::BuiltIn(_)) => Ok(name.to_owned()), // which has none
        None => Err(Refusal::new(9001, format!("{name} is not a protocol"))),
    }
}

/// What the API is asked, one after the other until something is found.
fn filters(of: &Of, scope: Scope, only: Option<&str>) -> Vec<RouteFilter> {
    let within = |block: &str| RouteFilter { prefix: Some(block.to_owned()), longer: true, ..RouteFilter::default() };
    let exact = |prefix: Prefix| RouteFilter { prefix: Some(prefix.to_string()), ..RouteFilter::default() };
    let mut filters = match of {
        Of::Every => match scope {
            Scope::Both => vec![RouteFilter::default()],
            Scope::Only(_) => vec![within(if scope.shows([0, 0, 0, 0].into()) { "0.0.0.0/0" } else { "::/0" })],
        },
        Of::Exact(prefix) if scope.shows(prefix.addr()) => vec![exact(*prefix)],
        Of::Address(address) if scope.shows(*address) => {
            vec![RouteFilter { address: Some(*address), ..RouteFilter::default() }]
        }
        Of::Around(prefix) if scope.shows(prefix.addr()) => {
            let shorter = (0..=prefix.len()).rev().filter_map(|len| Prefix::new(prefix.addr(), len).ok());
            shorter.map(exact).collect()
        }
        Of::Exact(_) | Of::Address(_) | Of::Around(_) => Vec::new(),
    };
    // With one peer the table need not be gone through.
    if let (Of::Every, Some(peer)) = (of, only.filter(|name| name.contains(['.', ':']))) {
        filters.iter_mut().for_each(|filter| filter.peer = Some(peer.to_owned()));
    }
    filters
}

async fn stopped<W: AsyncWrite + Unpin>(reply: Reply<'_, W>, problem: &Problem) -> io::Result<()> {
    reply.end(8004, &format!("Stopped: {}", problem.detail)).await
}

async fn count<W: AsyncWrite + Unpin>(
    reply: Reply<'_, W>,
    shown: usize,
    status: &Status,
    scope: Scope,
) -> io::Result<()> {
    let (paths, prefixes) =
        (total(status, scope, |table| table.accepted), total(status, scope, |table| table.prefixes));
    reply.end(14, &format!("{shown} of {paths} routes for {prefixes} networks")).await
}

fn total(status: &Status, scope: Scope, of: fn(&crate::api::model::TableRow) -> usize) -> usize {
    let families = scope.families();
    status.tables.iter().filter(|table| families.contains(&table.family)).map(of).sum()
}

/// Which rows are shown, and how.
struct Rows<'r> {
    wanted: &'r Routes,
    /// Paths from there.
    only: Option<&'r str>,
    sessions: Sessions,
    started_at: u64,
    clock: &'r Clock,
    shown: usize,
}

impl Rows<'_> {
    /// Whether nothing is left out.
    fn is_whole(&self) -> bool {
        let Routes { of, primary, filtered, protocol, .. } = self.wanted;
        *of == Of::Every && !primary && !filtered && protocol.is_none()
    }

    fn admits(&self, row: &RouteRow) -> bool {
        row.rejected == self.wanted.filtered
            && (!self.wanted.primary || row.best)
            && self.only.is_none_or(|only| only == row.from)
    }

    /// A path; `repeated` says that one of its prefix stands above, `slice` has all of its prefix.
    fn show<W: AsyncWrite + Unpin>(
        &self,
        reply: &mut Reply<'_, W>,
        row: &RouteRow,
        repeated: bool,
        slice: &[RouteRow],
    ) {
        let local = row.from == "local";
        let unknown = || (names::unknown(&row.from), self.started_at);
        let (protocol, since) = match local {
            true => (STATIC.to_owned(), self.started_at),
            false => self.sessions.get(&row.from).cloned().unwrap_or_else(unknown),
        };
        let via = match (local, row.unreachable) {
            (true, _) => "blackhole".to_owned(),
            (false, true) => "unreachable".to_owned(),
            (false, false) => via(row, slice),
        };
        let peer = row.from.split('%').next().unwrap_or_default();
        let direct = local || via.starts_with(&format!("via {peer} "));
        let from = if direct { String::new() } else { format!(" from {peer}") };
        let mark = match row.kernel.as_ref().map(|kernel| kernel.state.as_str()) {
            Some("conflict" | "failed") => " !",
            _ if row.best => " *",
            _ => "",
        };
        let prefix = if repeated { "" } else { &row.prefix };
        let since = self.clock.short(since);
        let info = info(row, local);
        reply.line(1007, format_args!("{prefix:<18} {via} [{protocol} {since}{from}]{mark} {info}"));
        if self.wanted.all {
            reply.line(1008, format_args!("\tType: {} unicast univ", if local { "static" } else { "BGP" }));
            if !local {
                attributes(reply, row);
            }
        }
    }
}

/// `via GATEWAY on INTERFACE`, as the kernel has it, of the path's next hop where there are several.
fn via(row: &RouteRow, slice: &[RouteRow]) -> String {
    let next_hop = row.next_hop.map(|next_hop| next_hop.to_string()).unwrap_or_default();
    let of_prefix = slice.iter().filter(|other| other.prefix == row.prefix && (row.best || row.multipath));
    let route = of_prefix.filter_map(|other| other.kernel.as_ref()?.route.as_deref()).next().unwrap_or_default();
    let mut hops = Vec::new();
    let mut words = route.split_whitespace().peekable();
    while let Some(word) = words.next() {
        if word == "via"
            && let Some(gateway) =
                words.next().map(|word| if word == "inet6" { words.next().unwrap_or(word) } else { word })
            && words.next_if_eq(&"dev").is_some()
            && let Some(device) = words.next()
        {
            hops.push((gateway, device));
        }
    }
    match hops.iter().find(|(gateway, _)| *gateway == next_hop).or(hops.first()) {
        Some((gateway, device)) => format!("via {gateway} on {device}"),
        None => format!("via {next_hop} on ?"),
    }
}

/// `(100/0) [AS65001i]`: preference, distance of the next hop, the AS it comes from, and how.
fn info(row: &RouteRow, local: bool) -> String {
    if local {
        return "(200)".to_owned();
    }
    let distance = match row.cost {
        _ if row.unreachable => "-".to_owned(),
        Some(cost) => cost.to_string(),
        None => "?".to_owned(),
    };
    let stale = if row.stale { "s" } else { "" };
    let last = row.as_path.rsplit(' ').next().filter(|last| last.parse::<u32>().is_ok());
    let from = last.map(|asn| format!("AS{asn}")).unwrap_or_default();
    let origin = match row.origin.as_str() {
        "igp" => "i",
        "egp" => "e",
        _ => "?",
    };
    format!("(100{stale}/{distance}) [{from}{origin}]")
}

/// In order of their codes, as BIRD shows them.
fn attributes<W: AsyncWrite + Unpin>(reply: &mut Reply<'_, W>, row: &RouteRow) {
    let origin = match row.origin.as_str() {
        "igp" => "IGP",
        "egp" => "EGP",
        _ => "Incomplete",
    };
    let [standard, extended, large] = communities(&row.communities);
    let next_hop = row.next_hop.map(|next_hop| next_hop.to_string()).unwrap_or_default();
    let lines = [
        ("origin", Some(origin.to_owned())),
        ("as_path", Some(row.as_path.clone())),
        ("next_hop", Some(next_hop)),
        ("med", row.med.map(|med| med.to_string())),
        ("local_pref", Some(row.local_pref.to_string())),
        ("community", standard),
        ("originator_id", row.originator_id.clone()),
        ("cluster_list", Some(row.cluster_list.join(" ")).filter(|list| !list.is_empty())),
        ("ext_community", extended),
        ("large_community", large),
    ];
    for (name, value) in lines {
        if let Some(value) = value {
            reply.line(1012, format_args!("\tBGP.{name}: {value}"));
        }
    }
}

/// `(64512,100)`, extended ones as `(rt, 64512, 1)`, large ones as `(64512, 1, 2)`; none of a kind is no line.
fn communities(all: &[String]) -> [Option<String>; 3] {
    let mut kinds: [Vec<String>; 3] = Default::default();
    for text in all {
        let parts: Vec<&str> = text.split(':').collect();
        if let Ok(standard) = text.parse::<bgp_proto::attr::Community>() {
            kinds[0].push(format!("({},{})", standard.0 >> 16, standard.0 & 0xffff));
        } else if text.parse::<bgp_proto::attr::LargeCommunity>().is_ok() {
            kinds[2].push(format!("({})", parts.join(", ")));
        } else {
            kinds[1].push(format!("({})", parts.join(", ")));
        }
    }
    kinds.map(|kind| Some(kind.join(" ")).filter(|kind| !kind.is_empty()))
}
