//! Messages as JSON: the values of `bgp-proto` in the words people know them by.
//!
//! `bgp-proto` knows nothing of serde, and the form of this output is a promise to scripts: so it is written here, in
//! full. Fields that have nothing to say are left out.

use bgp_proto::attr::{NextHop, PathAttrs};
use bgp_proto::message::{
    Capability, Frame, Message, MessageError, Nlri, Notification, Open, RefreshKind, Treatment, Update, UpdateFault,
    kind,
};
use bgp_proto::{Family, PathId};
use serde::Serialize;

use super::output::hex;

/// What stands behind time and place in an object.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(super) enum Body {
    #[serde(rename = "OPEN")]
    Open { version: u8, asn: u32, hold_time: u16, router_id: String, capabilities: Vec<CapabilityJson> },
    #[serde(rename = "UPDATE")]
    Update(UpdateJson),
    #[serde(rename = "NOTIFICATION")]
    Notification {
        code: u8,
        subcode: u8,
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        #[serde(skip_serializing_if = "String::is_empty")]
        data: String,
    },
    #[serde(rename = "KEEPALIVE")]
    Keepalive,
    #[serde(rename = "ROUTE-REFRESH")]
    RouteRefresh { family: String, request: String },
    /// Octets that are no message.
    #[serde(rename = "INCOMPLETE")]
    Incomplete { error: ErrorJson },
    /// MRT: a peer changed its state (RFC 6396 §4.4.1).
    #[serde(rename = "STATE-CHANGE")]
    StateChange { old_state: String, new_state: String },
    /// MRT: a record that holds no message, or none that can be read.
    #[serde(rename = "MRT")]
    Mrt { record_type: u16, subtype: u16, name: &'static str, error: ErrorJson },
    /// A message that ends its session.
    #[serde(untagged)]
    Broken { r#type: &'static str, length: usize, bytes: String, error: ErrorJson },
}

/// What is wrong, where, and what it means to a session.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ErrorJson {
    /// Octets from the start of the message (of the line, for text that is no hex; of the input, for a damaged record).
    pub offset: usize,
    pub message: String,
    /// What a session does about it, where it survives (RFC 7606).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub treatment: Option<&'static str>,
    /// The NOTIFICATION that ends the session, where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification: Option<String>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct UpdateJson {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    announce: Vec<AnnounceJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    withdraw: Vec<WithdrawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_of_rib: Option<String>,
    /// The strongest error.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorJson>,
    /// The others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    more_errors: Vec<ErrorJson>,
}

#[derive(Debug, Serialize)]
struct AnnounceJson {
    family: String,
    next_hop: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    link_local_next_hop: Option<String>,
    origin: String,
    as_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    med: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_pref: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    atomic_aggregate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregator: Option<AggregatorJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    originator_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cluster_list: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    communities: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    large_communities: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extended_communities: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    only_to_customer: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown_attributes: Vec<UnknownJson>,
    prefixes: Vec<PrefixJson>,
}

#[derive(Debug, Serialize)]
struct AggregatorJson {
    asn: u32,
    address: String,
}

#[derive(Debug, Serialize)]
struct UnknownJson {
    code: u8,
    flags: u8,
    value: String,
}

#[derive(Debug, Serialize)]
struct WithdrawJson {
    family: String,
    prefixes: Vec<PrefixJson>,
}

/// A prefix; an object where the session gives it a path identifier (RFC 7911).
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum PrefixJson {
    Plain(String),
    WithPathId { prefix: String, path_id: u32 },
}

#[derive(Debug, Serialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub(super) enum CapabilityJson {
    Multiprotocol { family: String },
    RouteRefresh,
    EnhancedRouteRefresh,
    ExtendedMessage,
    ExtendedNextHop { families: Vec<ExtendedNextHopJson> },
    Role { role: String },
    FourOctetAs { asn: u32 },
    AddPath { families: Vec<AddPathJson> },
    GracefulRestart { restarted: bool, notification: bool, time: u16, families: Vec<RestartJson> },
    LongLivedGracefulRestart { families: Vec<LongLivedJson> },
    Fqdn { hostname: String, domain: String },
    Unknown { code: u8, value: String },
}

#[derive(Debug, Serialize)]
pub(super) struct ExtendedNextHopJson {
    family: String,
    next_hop_afi: u16,
}

#[derive(Debug, Serialize)]
pub(super) struct AddPathJson {
    family: String,
    direction: String,
}

#[derive(Debug, Serialize)]
pub(super) struct RestartJson {
    family: String,
    forwarding_preserved: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct LongLivedJson {
    family: String,
    forwarding_preserved: bool,
    stale_time: u32,
}

impl Body {
    /// A message that was read, perhaps with errors that its session survives.
    pub fn of(message: &Message) -> Self {
        match message {
            Message::Open(open) => Self::open(open),
            Message::Update(update) => Self::Update(UpdateJson::of(update)),
            Message::Notification(notification) => Self::notification(notification),
            Message::Keepalive => Self::Keepalive,
            Message::RouteRefresh(refresh) => Self::RouteRefresh {
                family: refresh.family.to_string(),
                request: match refresh.kind {
                    RefreshKind::Request => "request".to_owned(),
                    RefreshKind::Begin => "begin".to_owned(),
                    RefreshKind::End => "end".to_owned(),
                    RefreshKind::Unknown(subtype) => format!("subtype {subtype}"),
                },
            },
        }
    }

    /// A whole message that ends its session; its octets are there to be looked at.
    pub fn broken(frame: &Frame, error: &MessageError) -> Self {
        let r#type = match frame.kind {
            kind::OPEN => "OPEN",
            kind::UPDATE => "UPDATE",
            kind::NOTIFICATION => "NOTIFICATION",
            kind::KEEPALIVE => "KEEPALIVE",
            kind::ROUTE_REFRESH => "ROUTE-REFRESH",
            _ => "UNKNOWN",
        };
        Self::Broken { r#type, length: frame.bytes.len(), bytes: hex(&frame.bytes), error: ErrorJson::fatal(error) }
    }

    /// Octets where a message should begin, and does not.
    pub fn no_header(error: &MessageError) -> Self {
        Self::Incomplete { error: ErrorJson::fatal(error) }
    }

    fn open(open: &Open) -> Self {
        Self::Open {
            version: open.version,
            asn: open.asn.0,
            hold_time: open.hold_time,
            router_id: open.router_id.to_string(),
            capabilities: open.capabilities.iter().map(CapabilityJson::of).collect(),
        }
    }

    fn notification(notification: &Notification) -> Self {
        Self::Notification {
            code: notification.code.0,
            subcode: notification.subcode,
            name: notification.name(),
            text: notification.shutdown_text(),
            data: hex(&notification.data),
        }
    }
}

impl ErrorJson {
    /// An error that no session has an opinion about.
    pub fn plain(offset: usize, message: String) -> Self {
        Self { offset, message, treatment: None, notification: None }
    }

    fn fatal(error: &MessageError) -> Self {
        let notification = Notification::from(error).name();
        Self { notification: Some(notification), ..Self::plain(error.offset, error.kind.to_string()) }
    }

    fn survived(fault: &UpdateFault) -> Self {
        let treatment = match fault.treatment {
            Treatment::Discard => "the attribute is ignored",
            Treatment::Withdraw => "the prefixes are withdrawn",
            Treatment::Reset => "the session is reset",
        };
        Self { treatment: Some(treatment), ..Self::plain(fault.error.offset, fault.error.kind.to_string()) }
    }
}

impl UpdateJson {
    fn of(update: &Update) -> Self {
        let mut errors = update.faults.iter().map(ErrorJson::survived);
        Self {
            announce: update.reach.iter().map(|reach| AnnounceJson::of(&reach.attrs, &reach.nlri)).collect(),
            withdraw: update
                .unreach
                .iter()
                .map(|nlri| WithdrawJson { family: nlri.family().to_string(), prefixes: prefixes(nlri) })
                .collect(),
            end_of_rib: update.end_of_rib.map(|family| family.to_string()),
            error: errors.next(),
            more_errors: errors.collect(),
        }
    }
}

impl AnnounceJson {
    fn of(attrs: &PathAttrs, nlri: &Nlri) -> Self {
        let extended = attrs.ext_communities.iter().map(ToString::to_string);
        let extended = extended.chain(attrs.ipv6_ext_communities.iter().map(ToString::to_string));
        Self {
            family: nlri.family().to_string(),
            next_hop: attrs.next_hop.addr().to_string(),
            link_local_next_hop: match attrs.next_hop {
                NextHop::Addr(_) | NextHop::OnInterface { .. } => None,
                NextHop::WithLinkLocal { link_local, .. } => Some(link_local.to_string()),
            },
            origin: attrs.origin.to_string(),
            as_path: attrs.as_path.to_string(),
            med: attrs.med,
            local_pref: attrs.local_pref,
            atomic_aggregate: attrs.atomic_aggregate,
            aggregator: attrs
                .aggregator
                .map(|aggregator| AggregatorJson { asn: aggregator.asn.0, address: aggregator.address.to_string() }),
            originator_id: attrs.originator_id.map(|id| id.to_string()),
            cluster_list: texts(&attrs.cluster_list),
            communities: texts(&attrs.communities),
            large_communities: texts(&attrs.large_communities),
            extended_communities: extended.collect(),
            only_to_customer: attrs.otc.map(|asn| asn.0),
            unknown_attributes: attrs
                .unknown
                .iter()
                .map(|attr| UnknownJson { code: attr.code.0, flags: attr.flags.0, value: hex(&attr.value) })
                .collect(),
            prefixes: prefixes(nlri),
        }
    }
}

impl CapabilityJson {
    fn of(capability: &Capability) -> Self {
        match capability {
            Capability::Multiprotocol(family) => Self::Multiprotocol { family: family.to_string() },
            Capability::RouteRefresh => Self::RouteRefresh,
            Capability::EnhancedRouteRefresh => Self::EnhancedRouteRefresh,
            Capability::ExtendedMessage => Self::ExtendedMessage,
            Capability::ExtendedNextHop(items) => Self::ExtendedNextHop {
                families: each(items, |(family, afi): &(Family, u16)| ExtendedNextHopJson {
                    family: family.to_string(),
                    next_hop_afi: *afi,
                }),
            },
            Capability::Role(role) => Self::Role { role: role.to_string() },
            Capability::FourOctetAs(asn) => Self::FourOctetAs { asn: asn.0 },
            Capability::AddPath(items) => Self::AddPath {
                families: each(items, |(family, direction)| AddPathJson {
                    family: family.to_string(),
                    direction: direction.to_string(),
                }),
            },
            Capability::GracefulRestart(restart) => Self::GracefulRestart {
                restarted: restart.restarted,
                notification: restart.notification,
                time: restart.time,
                families: each(&restart.families, |item| RestartJson {
                    family: item.family.to_string(),
                    forwarding_preserved: item.forwarding_preserved,
                }),
            },
            Capability::LongLivedGracefulRestart(items) => Self::LongLivedGracefulRestart {
                families: each(items, |item| LongLivedJson {
                    family: item.family.to_string(),
                    forwarding_preserved: item.forwarding_preserved,
                    stale_time: item.stale_time,
                }),
            },
            Capability::Fqdn { hostname, domain } => Self::Fqdn { hostname: hostname.clone(), domain: domain.clone() },
            Capability::Unknown { code, value } => Self::Unknown { code: *code, value: hex(value) },
        }
    }
}

fn prefixes(nlri: &Nlri) -> Vec<PrefixJson> {
    nlri.iter()
        .map(|(path_id, prefix)| match (nlri.add_path(), path_id) {
            (false, _) => PrefixJson::Plain(prefix.to_string()),
            (true, PathId(path_id)) => PrefixJson::WithPathId { prefix: prefix.to_string(), path_id },
        })
        .collect()
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    each(items, ToString::to_string)
}

fn each<T, U>(items: &[T], form: impl Fn(&T) -> U) -> Vec<U> {
    items.iter().map(form).collect()
}
