//! Messages as text, for tests to compare with.

use crate::attr::{NextHop, PathAttrs};
use crate::message::{Message, Nlri, Update};
use crate::{Asn, PathId};

/// One line that says all of a message.
pub fn text(message: &Message) -> String {
    match message {
        Message::Open(open) => {
            let mut line =
                format!("open v{} as={} hold={} id={}", open.version, open.asn, open.hold_time, open.router_id);
            for capability in &open.capabilities {
                line += &format!(" [{capability}]");
            }
            line
        }
        Message::Update(update) => text_of_update(update),
        Message::Notification(notification) => format!("notification {notification}"),
        Message::Keepalive => "keepalive".into(),
        Message::RouteRefresh(refresh) => format!("refresh {} {}", refresh.family, refresh.kind),
    }
}

fn text_of_update(update: &Update) -> String {
    let mut parts = vec!["update".to_string()];
    for nlri in &update.unreach {
        parts.push(format!("unreach {}", prefixes(nlri)));
    }
    for reach in &update.reach {
        parts.push(format!("reach {} {{{}}}", prefixes(&reach.nlri), attrs(&reach.attrs)));
    }
    if let Some(family) = update.end_of_rib {
        parts.push(format!("end-of-rib {family}"));
    }
    for fault in &update.faults {
        parts.push(format!("{}: {}", fault.treatment, fault.error));
    }
    parts.join(" ")
}

fn prefixes(nlri: &Nlri) -> String {
    let prefix = |(id, prefix): (PathId, crate::Prefix)| {
        if id == PathId::NONE { format!("{prefix}") } else { format!("{prefix}#{}", id.0) }
    };
    nlri.iter().map(prefix).collect::<Vec<_>>().join(",")
}

pub fn attrs(attrs: &PathAttrs) -> String {
    let mut parts = vec![attrs.origin.to_string(), format!("path={}", attrs.as_path)];
    let mut add = |name: &str, value: Option<String>| {
        parts.extend(value.filter(|value| !value.is_empty()).map(|value| format!("{name}={value}")));
    };
    let via = match attrs.next_hop {
        NextHop::Addr(addr) => addr.to_string(),
        NextHop::OnInterface { addr, interface } => format!("{addr}%{interface}"),
        NextHop::WithLinkLocal { global, link_local } => format!("{global}+{link_local}"),
    };
    add("via", Some(via));
    add("med", attrs.med.map(|med| med.to_string()));
    add("pref", attrs.local_pref.map(|pref| pref.to_string()));
    add("atomic", attrs.atomic_aggregate.then(|| "yes".into()));
    add("aggregator", attrs.aggregator.map(|it| format!("{}@{}", it.asn, it.address)));
    add("originator", attrs.originator_id.map(|id| id.to_string()));
    add("clusters", list(&attrs.cluster_list));
    add("communities", list(&attrs.communities));
    add("ext", list(&attrs.ext_communities));
    add("ipv6ext", list(&attrs.ipv6_ext_communities));
    add("large", list(&attrs.large_communities));
    add("otc", attrs.otc.map(|Asn(otc)| otc.to_string()));
    for attr in &attrs.unknown {
        let value: String = attr.value.iter().map(|octet| format!("{octet:02x}")).collect();
        add(&format!("{}/{:02x}", attr.code, attr.flags.0), Some(value));
    }
    parts.join(" ")
}

fn list<T: ToString>(items: &[T]) -> Option<String> {
    Some(items.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
}
