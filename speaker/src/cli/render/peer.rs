//! `roost show peer PEER`: everything about one peer, what matters first.

use super::peers::endpoint;
use super::{Facts, count, duration, prefixes};
use crate::api::model::{LimitRow, MessageCounts, PeerDetail};

/// Each of them, a line between two.
pub fn each_peer(details: &[PeerDetail]) -> String {
    details.iter().map(peer).collect::<Vec<_>>().join("\n")
}

/// A headline, then facts.
pub fn peer(detail: &PeerDetail) -> String {
    let row = &detail.row;
    let up = row.state == "established";
    let since = duration(row.since);
    let asn = if row.asn == 0 { "of several ASes".to_owned() } else { format!("AS {}", row.asn) };
    let mut text = format!("{} {asn} ({}): {} for {since}\n", endpoint(row), row.kind, row.state);

    let mut facts = Facts::new(2);
    facts.add_some("reason", row.reason.as_ref().filter(|_| !up));
    facts.add_some("last reason", row.reason.as_ref().filter(|_| up));
    facts.add_some("hint", row.hint.as_ref());
    if let Some(text) = &detail.shutdown_text {
        let ago = detail.shutdown_text_age.map(|age| format!(", {} ago", duration(age))).unwrap_or_default();
        facts.add("peer said", format!("{text:?}{ago}"));
    }
    facts.add_some("password file", detail.password_file.as_ref());
    facts.add_some("description", Some(&row.description).filter(|text| !text.is_empty()));
    facts.add_some("set", Some("at run time, not in the file").filter(|_| row.origin == "api"));
    facts.add_some("dynamic, from", row.range.as_ref());
    facts.add_some("router id", row.router_id.as_ref());
    facts.add_some("local", detail.local.as_ref());
    facts.add_some("remote", detail.remote.as_ref());
    facts.add_list("families", &row.families);
    facts
        .add_some("hold time", detail.hold_time.map(|time| if time == 0 { "none".to_owned() } else { duration(time) }));
    facts.add_some("keepalive", detail.keepalive.map(duration));
    facts.add_some("our role", detail.local_role.as_ref());
    facts.add_some("its role", detail.peer_role.as_ref());
    facts.add_list("capabilities", &detail.capabilities);
    facts.add_some("restart time", detail.restart_time.map(|time| duration(time.into())));
    facts.add_list("End-of-RIB", &detail.end_of_rib);
    let rejected = row.received.saturating_sub(row.accepted);
    let rejected = if rejected > 0 { format!(", {rejected} rejected") } else { String::new() };
    facts.add("received", format!("{} ({} accepted{rejected})", count(row.received, "path"), row.accepted));
    if row.stale > 0 {
        let left = detail.stale_for.map(|left| format!(", {} left", duration(left))).unwrap_or_default();
        let long = if detail.long_lived.is_empty() { "" } else { ", long-lived (RFC 9494)" };
        facts.add("stale", format!("{}{long}{left}", count(row.stale, "path")));
    }
    for limit in &detail.limits {
        let LimitRow { family, count, limit, warning, action, state } = limit;
        let state = match state.as_str() {
            "exceeded" => ", exceeded",
            "near" => ", warning reached",
            _ => "",
        };
        facts
            .add("limit", format!("{count} of {limit} {family} prefixes (warning at {warning}, then {action}){state}"));
    }
    facts.add("advertised", prefixes(row.advertised));
    facts.add("sessions", detail.established_count);
    if detail.update_faults > 0 {
        let last = detail.last_fault.as_deref().unwrap_or("unknown");
        facts.add("faults", format!("{} in UPDATEs survived (RFC 7606), last: {last}", detail.update_faults));
    }
    facts.write(&mut text);
    text.push_str("\n  messages       in      out\n");
    text.push_str(&messages(&detail.messages));
    text
}

fn messages(counts: &MessageCounts) -> String {
    [
        ("open", counts.open_in, counts.open_out),
        ("update", counts.update_in, counts.update_out),
        ("keepalive", counts.keepalive_in, counts.keepalive_out),
        ("notification", counts.notification_in, counts.notification_out),
        ("refresh", counts.refresh_in, counts.refresh_out),
    ]
    .map(|(name, received, sent)| format!("  {name:<12} {received:>9} {sent:>8}\n"))
    .concat()
}
