//! What becomes of peers whose settings have changed: key by key, what it costs.
//!
//! A session ends only where its two ends have to agree anew on what they exchange, or where the connection itself is
//! another one. What an OPEN says of the time without a session (hold time, graceful restart) can wait for the next one.

use std::collections::BTreeMap;
use std::fmt;

use super::Step;
use crate::config::model::{MaxPrefix, Password, PeerSettings};
use crate::config::rules::{LocalAs, PathRules};

/// A key with another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key, as in the file.
    pub key: &'static str,
    /// What its new value costs.
    pub cost: Cost,
}

/// What a new value costs. In rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    /// Nothing: it is in force at once, and the session stays.
    Nothing,
    /// The peer's routes, or ours to it, are looked at again; what has changed is told. The session stays.
    Routes,
    /// Nothing now: it is in force from the next session on.
    NextSession,
    /// The session ends and another one follows, for this reason.
    Reset(&'static str),
    /// A session begins: the peer was disabled.
    Begins,
    /// The session ends, and none follows: the peer is disabled.
    Ends,
}

impl Cost {
    /// Why a session ends, if it does.
    pub fn ends(self) -> Option<&'static str> {
        match self {
            Self::Reset(why) => Some(why),
            Self::Ends => Some("the file disables it"),
            Self::Nothing | Self::Routes | Self::NextSession | Self::Begins => None,
        }
    }
}

/// Peers that come or stay, and those that go.
pub(super) fn steps(now: &[PeerSettings], next: &[PeerSettings]) -> (Vec<Step>, Vec<Step>) {
    let mut before: BTreeMap<_, _> = now.iter().map(|peer| (peer.place(), peer)).collect();
    let (mut stay, mut come) = (Vec::new(), Vec::new());
    for peer in next {
        match before.remove(&peer.place()) {
            None => come.push(Step::AddPeer(peer.clone())),
            Some(old) => {
                let changes = changes(old, peer);
                if !changes.is_empty() {
                    stay.push(Step::ChangePeer { to: peer.clone(), changes });
                }
            }
        }
    }
    come.extend(stay);
    (come, before.into_values().cloned().map(Step::RemovePeer).collect())
}

/// What is different, key by key. A peer's address is its identity, and the same.
pub(super) fn changes(old: &PeerSettings, new: &PeerSettings) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut note = |key, differs: bool, cost| changes.extend(differs.then_some(Change { key, cost }));
    // A key that is added to the model does not compile until it has its cost here.
    let PeerSettings {
        address: _,
        interface: _,
        port,
        asn,
        origin,
        group,
        description,
        enabled,
        source,
        passive,
        hold_time,
        keepalive,
        send_hold,
        connect_retry,
        idle_hold,
        idle_hold_max,
        password,
        route_reflector_client,
        cluster_id,
        families,
        extended_next_hop,
        add_path,
        next_hop_self,
        rules: _,
        ttl,
        import,
        export,
        graceful_restart,
        max_prefix,
    } = old;
    let enable = if new.enabled { Cost::Begins } else { Cost::Ends };
    let open = Cost::Reset("it is agreed on when a session begins");
    note("enabled", *enabled != new.enabled, enable);
    note("asn", *asn != new.asn, Cost::Reset("a session with another AS is another session"));
    let moved =
        if new.source.is_some() { Cost::Reset("the connection has another address") } else { Cost::NextSession };
    note("source", *source != new.source, moved);
    note("port", *port != new.port, Cost::NextSession);
    note("passive", *passive != new.passive, Cost::NextSession);
    note("families", *families != new.families, open);
    note("extended_next_hop", *extended_next_hop != new.extended_next_hop, open);
    note("add_path", *add_path != new.add_path, open);
    if let Some(cost) = of_password(password.as_ref(), new.password.as_ref()) {
        note("password", true, cost);
    }
    note("ttl", *ttl != new.ttl, Cost::Nothing);
    note("hold_time", *hold_time != new.hold_time, Cost::NextSession);
    note("keepalive", *keepalive != new.keepalive, Cost::NextSession);
    note("send_hold", *send_hold != new.send_hold, Cost::Nothing);
    note("connect_retry", *connect_retry != new.connect_retry, Cost::Nothing);
    note("idle_hold", *idle_hold != new.idle_hold, Cost::Nothing);
    note("idle_hold_max", *idle_hold_max != new.idle_hold_max, Cost::Nothing);
    note("graceful_restart", *graceful_restart != new.graceful_restart, Cost::NextSession);
    note("route_reflector_client", *route_reflector_client != new.route_reflector_client, Cost::Routes);
    note("cluster_id", *cluster_id != new.cluster_id, Cost::Routes);
    note("next_hop_self", *next_hop_self != new.next_hop_self, Cost::Routes);
    note("import", *import != new.import, Cost::Routes);
    note("export", *export != new.export, Cost::Routes);
    of_rules(&old.rules, &new.rules, &mut note);
    of_limits(max_prefix, &new.max_prefix, &mut note);
    note("description", *description != new.description, Cost::Nothing);
    note("group", *group != new.group, Cost::Nothing);
    note("origin", *origin != new.origin, Cost::Nothing);
    changes
}

fn of_rules(old: &PathRules, new: &PathRules, note: &mut impl FnMut(&'static str, bool, Cost)) {
    let PathRules {
        allow_as_in,
        enforce_first_as,
        connected_check,
        graceful_shutdown,
        blackhole,
        accept_as_set,
        role,
        strict_role,
        local_as,
        remove_private_as,
        confederation,
    } = old;
    let number = |local: &Option<LocalAs>| local.map(|local| local.asn);
    note("local_as", number(local_as) != number(&new.local_as), Cost::Reset("it is our AS on the session"));
    let how = |local: &Option<LocalAs>| local.map(|local| (local.no_prepend, local.replace_as));
    let same_number = number(local_as) == number(&new.local_as);
    note("local_as", same_number && how(local_as) != how(&new.local_as), Cost::Routes);
    note("role", *role != new.role, Cost::Reset("it is agreed on when a session begins"));
    note("confederation", *confederation != new.confederation, Cost::Reset("it is our AS on the session"));
    note("strict_role", *strict_role != new.strict_role, Cost::NextSession);
    note("allow_as_in", *allow_as_in != new.allow_as_in, Cost::Routes);
    note("enforce_first_as", *enforce_first_as != new.enforce_first_as, Cost::Routes);
    note("connected_check", *connected_check != new.connected_check, Cost::Routes);
    note("graceful_shutdown", *graceful_shutdown != new.graceful_shutdown, Cost::Routes);
    note("blackhole", *blackhole != new.blackhole, Cost::Routes);
    note("accept_as_set", *accept_as_set != new.accept_as_set, Cost::Routes);
    note("remove_private_as", *remove_private_as != new.remove_private_as, Cost::Routes);
}

/// A limit counts what comes from now on. Prefixes that were ignored are not here, so they come with the next session, or
/// when the peer withdraws enough to be asked for them.
fn of_limits(old: &MaxPrefix, new: &MaxPrefix, note: &mut impl FnMut(&'static str, bool, Cost)) {
    note("max_prefix", old != new, Cost::Nothing);
}

/// A key takes the place of another under a living connection; where there was none, or none is wanted any more, the
/// connection is another one. What stands in a password file is read each second and is no matter of the configuration.
fn of_password(old: Option<&Password>, new: Option<&Password>) -> Option<Cost> {
    let bare = |password: Option<&Password>| password.cloned().map(Password::without_content);
    match (old, new) {
        (old, new) if bare(old) == bare(new) => None,
        (Some(_), Some(_)) => Some(Cost::Nothing),
        _ => Some(Cost::Reset("a connection is signed from its first segment on, or not at all")),
    }
}

pub(super) fn describe(f: &mut fmt::Formatter<'_>, peer: &PeerSettings, changes: &[Change]) -> fmt::Result {
    let keys = |wanted: fn(Cost) -> bool| -> Vec<&str> {
        changes.iter().filter(|change| wanted(change.cost)).map(|change| change.key).collect()
    };
    let all: Vec<_> = changes.iter().map(|change| change.key).collect();
    write!(f, "peer {}: {} changed; ", peer.name(), all.join(", "))?;
    if let Some(end) = changes.iter().find(|change| change.cost == Cost::Ends || change.cost == Cost::Begins) {
        return f.write_str(if end.cost == Cost::Ends { "the session ends" } else { "a session begins" });
    }
    if let Some((key, why)) = changes.iter().find_map(|change| Some((change.key, change.cost.ends()?))) {
        return write!(f, "the session is reset, because of {key}: {why}");
    }
    f.write_str("the session stays")?;
    let later = keys(|cost| cost == Cost::NextSession);
    if later.is_empty() { Ok(()) } else { write!(f, ", {} from the next one on", later.join(", ")) }
}
