//! `show protocols [all]`: a row for each session, and for the three protocols that BIRD on a Calico node has beside them:
//! our own blocks, the kernel, and its interfaces.

use std::io;

use tokio::io::AsyncWrite;

use super::clock::Clock;
use super::command::Which;
use super::names;
use super::reply::Reply;
use crate::api::model::{PeerDetail, PeerRow};

/// The protocol of our own blocks.
pub(super) const STATIC: &str = "static1";
/// Protocols that are no sessions: name, kind, preference, output filter.
const BUILT_IN: [(&str, &str, u32, &str); 3] =
    [(STATIC, "Static", 200, "REJECT"), ("kernel1", "Kernel", 10, "ACCEPT"), ("device1", "Device", 240, "REJECT")];

/// A protocol of BIRD's.
pub(super) enum Protocol {
    /// One of [`BUILT_IN`], by its place there.
    BuiltIn(usize),
    /// A session.
    Session(Box<PeerRow>),
}

impl Protocol {
    /// As rows have it.
    pub fn name(&self) -> String {
        match self {
            Self::BuiltIn(at) => BUILT_IN[*at].0.to_owned(),
            Self::Session(peer) => names::session(peer),
        }
    }
}

/// All protocols of a daemon with these peers.
pub(super) fn all(peers: Vec<PeerRow>) -> Vec<Protocol> {
    let built_in = (0..BUILT_IN.len()).map(Protocol::BuiltIn);
    built_in.chain(peers.into_iter().map(|peer| Protocol::Session(Box::new(peer)))).collect()
}

/// Those that are meant.
///
/// # Errors
/// BIRD's code and words when there are none.
pub(super) fn find(all: Vec<Protocol>, which: &Which) -> Result<Vec<Protocol>, (u16, String)> {
    let is_it = |protocol: &Protocol| match which {
        Which::All => true,
        Which::Name(name) => protocol.name() == *name,
        Which::Pattern(pattern) => names::matches(pattern, &protocol.name()),
    };
    let found: Vec<_> = all.into_iter().filter(is_it).collect();
    match which {
        _ if !found.is_empty() => Ok(found),
        Which::Name(name) => Err((9002, format!("{name} is not a protocol"))),
        Which::All | Which::Pattern(_) => Err((8003, "No protocols match".to_owned())),
    }
}

/// Head of the table.
pub(super) fn header<W: AsyncWrite + Unpin>(reply: &mut Reply<'_, W>) {
    row(reply, 2002, "name", ["proto", "table", "state", "since"], "info");
}

/// The row of a protocol.
pub(super) fn line<W: AsyncWrite + Unpin>(
    reply: &mut Reply<'_, W>,
    protocol: &Protocol,
    started_at: u64,
    clock: &Clock,
) {
    match protocol {
        Protocol::BuiltIn(at) => {
            let (name, kind, ..) = BUILT_IN[*at];
            row(reply, 1002, name, [kind, "master", "up", &clock.short(started_at)], "");
        }
        Protocol::Session(peer) => {
            let state = match peer.state.as_str() {
                "established" => "up",
                "disabled" => "down",
                _ => "start",
            };
            let info = match peer.state.as_str() {
                "disabled" => String::new(),
                _ => format!("{:<14}{}", bgp_state(peer), peer.reason.as_deref().unwrap_or_default()),
            };
            row(reply, 1002, &names::session(peer), ["BGP", "master", state, &clock.short(peer.since_at)], &info);
        }
    }
}

fn row<W: AsyncWrite + Unpin>(
    reply: &mut Reply<'_, W>,
    code: u16,
    name: &str,
    [kind, table, state, since]: [&str; 4],
    info: &str,
) {
    reply.line(code, format_args!("{name:<8} {kind:<8} {table:<8} {state:<5}  {since:<10}  {info}"));
}

/// What `all` says of a protocol that is no session; `blocks` are those we originate.
///
/// # Errors
/// When the client is gone, or does not read.
pub(super) async fn built_in<W: AsyncWrite + Unpin>(
    reply: &mut Reply<'_, W>,
    at: usize,
    blocks: usize,
) -> io::Result<()> {
    let (name, _, preference, output) = BUILT_IN[at];
    preferences(reply, preference, if name == "kernel1" { "REJECT" } else { "ACCEPT" }, output);
    // What the kernel is given is the API's to say: there is no count of it for each family.
    let blocks = if name == STATIC { blocks } else { 0 };
    if name != "kernel1" {
        reply.line(1006, format_args!("  Routes:         {blocks} imported, 0 exported, {blocks} preferred"));
        changes(reply, [&blocks.to_string(), "0"]);
    }
    reply.line(1006, format_args!(""));
    reply.pace().await
}

/// What `all` says of a session.
///
/// # Errors
/// When the client is gone, or does not read.
pub(super) async fn session<W: AsyncWrite + Unpin>(reply: &mut Reply<'_, W>, peer: &PeerDetail) -> io::Result<()> {
    let row = &peer.row;
    if !row.description.is_empty() {
        reply.line(1006, format_args!("  Description:    {}", row.description));
    }
    preferences(reply, 100, &filter(&peer.import), &filter(&peer.export));
    for limit in &peer.limits {
        let hit = if limit.state == "exceeded" { " [HIT]" } else { "" };
        reply.line(1006, format_args!("  Import limit:   {}{hit}", limit.limit));
        reply.line(1006, format_args!("    Action:       {}", limit.action));
    }
    if row.state != "disabled" {
        let filtered = match row.received.saturating_sub(row.accepted) {
            0 => String::new(),
            filtered => format!(" {filtered} filtered,"),
        };
        let (imported, exported, best) = (row.accepted, row.advertised, peer.best);
        let counts =
            format_args!("  Routes:         {imported} imported,{filtered} {exported} exported, {best} preferred");
        reply.line(1006, counts);
        changes(reply, [&peer.announced.to_string(), &peer.withdrawn.to_string()]);
    }
    reply.line(1006, format_args!("  BGP state:          {}", bgp_state(row)));
    reply.line(1006, format_args!("    Neighbor address: {}", row.name()));
    reply.line(1006, format_args!("    Neighbor AS:      {}", row.asn));
    if let Some(id) = row.router_id.as_ref().filter(|_| row.state == "established") {
        reply.line(1006, format_args!("    Neighbor ID:      {id}"));
        established(reply, peer);
    }
    if let Some(reason) = row.reason.as_ref().filter(|_| row.state != "disabled") {
        reply.line(1006, format_args!("    Last error:       {reason}"));
    }
    reply.line(1006, format_args!(""));
    reply.pace().await
}

fn established<W: AsyncWrite + Unpin>(reply: &mut Reply<'_, W>, peer: &PeerDetail) {
    let can = |what: &str| peer.capabilities.iter().any(|text| text.starts_with(what));
    let paths = |to: &str| {
        let is_it = |text: &String| text.starts_with("add-path") && (text.contains(to) || text.contains("both"));
        peer.capabilities.iter().any(is_it)
    };
    let graceful = |text: &String| text.starts_with("graceful restart") && text.contains("ipv");
    let capabilities = [
        (can("route refresh"), "refresh"),
        (can("enhanced route refresh"), "enhanced-refresh"),
        (peer.capabilities.iter().any(graceful), "restart-able"),
        (can("graceful restart") && !peer.capabilities.iter().any(graceful), "restart-aware"),
        (can("long-lived graceful restart ipv"), "llgr-able"),
        (can("long-lived graceful restart") && !can("long-lived graceful restart ipv"), "llgr-aware"),
        (can("four-octet AS"), "AS4"),
        (paths("receive"), "add-path-rx"),
        (paths("send"), "add-path-tx"),
        (can("extended message"), "ext-messages"),
    ];
    let row = &peer.row;
    let session = [
        (true, if matches!(row.kind.as_str(), "internal" | "client") { "internal" } else { "external" }),
        (peer.multihop, "multihop"),
        (row.kind == "client", "route-reflector"),
        (can("four-octet AS"), "AS4"),
    ];
    let words = |all: &[(bool, &'static str)]| {
        all.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
    };
    reply.line(1006, format_args!("    Neighbor caps:    {}", words(&capabilities)));
    reply.line(1006, format_args!("    Session:          {}", words(&session)));
    if let Some((address, _)) = peer.local.as_ref().and_then(|local| local.rsplit_once(':')) {
        reply.line(1006, format_args!("    Source address:   {}", address.trim_matches(['[', ']'])));
    }
    let timers = [
        ("Hold timer:     ", peer.hold_left, peer.hold_time),
        ("Keepalive timer:", peer.keepalive_left, peer.keepalive),
    ];
    for (name, left, of) in timers {
        if let (Some(left), Some(of)) = (left, of) {
            reply.line(1006, format_args!("    {name}  {left}/{of}"));
        }
    }
}

fn preferences<W: AsyncWrite + Unpin>(reply: &mut Reply<'_, W>, preference: u32, input: &str, output: &str) {
    reply.line(1006, format_args!("  Preference:     {preference}"));
    reply.line(1006, format_args!("  Input filter:   {input}"));
    reply.line(1006, format_args!("  Output filter:  {output}"));
}

/// The table of counters: those roost has are what came in.
fn changes<W: AsyncWrite + Unpin>(reply: &mut Reply<'_, W>, [updates, withdraws]: [&str; 2]) {
    const NO: &str = "---";
    let mut line = |what: &str, [received, rejected, filtered, ignored, accepted]: [&str; 5]| {
        let counts =
            format_args!("{what:<23} {received:>10} {rejected:>10} {filtered:>10} {ignored:>10} {accepted:>10}");
        reply.line(1006, counts);
    };
    line("  Route change stats:", ["received", "rejected", "filtered", "ignored", "accepted"]);
    line("    Import updates:", [updates, NO, NO, NO, NO]);
    line("    Import withdraws:", [withdraws, NO, NO, NO, NO]);
    line("    Export updates:", [NO; 5]);
    line("    Export withdraws:", [NO; 5]);
}

fn filter(policy: &str) -> String {
    if matches!(policy, "accept" | "reject") { policy.to_uppercase() } else { policy.to_owned() }
}

fn bgp_state(peer: &PeerRow) -> &'static str {
    match peer.state.as_str() {
        "established" => "Established",
        "open-confirm" => "OpenConfirm",
        "open-sent" => "OpenSent",
        "connect" => "Connect",
        "active" if peer.passive => "Passive",
        "active" => "Active",
        "disabled" => "Down",
        _ => "Idle",
    }
}
