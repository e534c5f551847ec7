//! Why there is no session, in words.
//!
//! A peer that is down is the question operators ask most. So the answer is a value with everything that was known when
//! it happened; [`Display`](std::fmt::Display) says what happened, [`DownReason::what_to_do`] what to try, and
//! [`DownReason::keeps_routes`] whether the routes of the session may stay (RFC 4724 §4.2).

use std::fmt;
use std::time::Duration;

use super::{Negotiated, OpenRefused, PeerConfig, State};
use crate::Family;
use crate::message::{ErrorCode, MessageError, Notification, cease};

/// What ended a session, or kept it from beginning.
#[derive(Clone, Debug, PartialEq)]
pub enum DownReason {
    /// No attempt has ended yet.
    NeverTried,
    /// The peer is passive, and nobody has connected yet.
    Waiting,
    /// An operator stopped it, with this text.
    Stopped(Option<String>),
    /// The host answers, but nobody listens.
    Refused,
    /// There is no way to the host.
    Unreachable,
    /// The host is silent.
    ConnectTimedOut,
    /// The system could not connect, for this reason.
    ConnectFailed(String),
    /// Connected, but no OPEN came for this long.
    NoOpen(Duration),
    /// The peer's OPEN cannot be accepted.
    OpenRefused(OpenRefused),
    /// The connection ended without a NOTIFICATION.
    Closed {
        /// `None`: closed in order. Else what the system said.
        error: Option<String>,
        /// How far the session was.
        state: State,
    },
    /// Nothing came from the peer for this long.
    HoldTimerExpired(Duration),
    /// The peer took nothing from us for this long (RFC 9687).
    SendHoldTimerExpired(Duration),
    /// The peer ended the session.
    NotificationReceived {
        /// What it said.
        notification: Notification,
        /// How far the session was.
        state: State,
    },
    /// The speaker or its operator ended the session.
    NotificationSent(Notification),
    /// A message of the peer cannot be read.
    MessageError {
        /// What is wrong, and where.
        error: MessageError,
        /// What we answered.
        notification: Notification,
    },
    /// A message that has no place in the state of the session.
    UnexpectedMessage {
        /// Its type.
        message: &'static str,
        /// The state.
        state: State,
    },
    /// It announced more prefixes of a family than it may (RFC 4271 §6.7).
    TooManyPrefixes {
        /// The family.
        family: Family,
        /// How many it may announce.
        limit: u32,
        /// How long it is refused; `None`: until an operator lets it in.
        pause: Option<Duration>,
    },
    /// Two connections were made at once, and the other one stayed.
    CollisionLost,
    /// The peer has restarted and opened a new connection beside the old one (RFC 4724 §4.2).
    PeerRestarted,
}

impl DownReason {
    /// Whether the routes of the session that ended so may stay until the peer is back. Which families they are of says
    /// [`Negotiated::graceful_families`].
    pub fn keeps_routes(&self, negotiated: &Negotiated) -> bool {
        if negotiated.peer_graceful_restart.is_none() {
            return false;
        }
        match self {
            // RFC 4724 §4.2: the TCP session ended, or the peer is seen to have restarted.
            Self::Closed { .. } | Self::PeerRestarted => true,
            // RFC 8538 §4: also after these, if both sides said so.
            Self::HoldTimerExpired(_) | Self::SendHoldTimerExpired(_) | Self::UnexpectedMessage { .. } => {
                negotiated.graceful_notification
            }
            Self::NotificationReceived { notification, .. }
            | Self::NotificationSent(notification)
            | Self::MessageError { notification, .. } => {
                negotiated.graceful_notification && !is_hard_reset(notification)
            }
            // We want no routes of this peer any more.
            Self::Stopped(_) | Self::TooManyPrefixes { .. } => false,
            // These never end an established session.
            Self::NeverTried
            | Self::Waiting
            | Self::Refused
            | Self::Unreachable
            | Self::ConnectTimedOut
            | Self::ConnectFailed(_)
            | Self::NoOpen(_)
            | Self::OpenRefused(_)
            | Self::CollisionLost => false,
        }
    }

    /// Whether an operator who has told us to hold the peer's routes, whatever it has negotiated, means this end, too: any
    /// that neither end's operator has asked for by its name. A Cease for an administrative shutdown is no such name: BIRD
    /// sends it each time it stops.
    pub fn may_be_held(&self) -> bool {
        match self {
            Self::Closed { .. }
            | Self::PeerRestarted
            | Self::HoldTimerExpired(_)
            | Self::SendHoldTimerExpired(_)
            | Self::UnexpectedMessage { .. } => true,
            Self::NotificationReceived { notification, .. } | Self::MessageError { notification, .. } => {
                let last = [cease::HARD_RESET, cease::PEER_DECONFIGURED, cease::MAX_PREFIXES];
                notification.code != ErrorCode::CEASE || !last.contains(&notification.subcode)
            }
            _ => false,
        }
    }

    /// A short name that does not change, for metrics and JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NeverTried => "never_tried",
            Self::Waiting => "waiting",
            Self::Stopped(_) => "stopped",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::ConnectTimedOut => "connect_timed_out",
            Self::ConnectFailed(_) => "connect_failed",
            Self::NoOpen(_) => "no_open",
            Self::OpenRefused(OpenRefused::Version(_)) => "wrong_version",
            Self::OpenRefused(OpenRefused::WrongAs { .. }) => "wrong_as",
            Self::OpenRefused(OpenRefused::WrongRouterId { .. }) => "wrong_router_id",
            Self::OpenRefused(OpenRefused::HoldTime(_)) => "wrong_hold_time",
            Self::OpenRefused(OpenRefused::NoCommonFamily { .. }) => "no_common_family",
            Self::OpenRefused(OpenRefused::Role { .. }) => "role_mismatch",
            Self::Closed { .. } => "closed",
            Self::HoldTimerExpired(_) => "hold_timer_expired",
            Self::SendHoldTimerExpired(_) => "send_hold_timer_expired",
            Self::NotificationReceived { .. } => "notification_received",
            Self::NotificationSent(_) => "notification_sent",
            Self::MessageError { .. } => "message_error",
            Self::UnexpectedMessage { .. } => "unexpected_message",
            Self::TooManyPrefixes { .. } => "too_many_prefixes",
            Self::CollisionLost => "collision_lost",
            Self::PeerRestarted => "peer_restarted",
        }
    }

    /// What an operator may try, where there is something better to say than "look at the other end".
    pub fn what_to_do(&self, config: &PeerConfig) -> Option<String> {
        let hint = match self {
            Self::Refused => "start BGP on the peer, or set `port` to the one it listens on; a firewall that rejects looks the same".into(),
            Self::TooManyPrefixes { pause, .. } => {
                let back = if pause.is_some() { "" } else { "; then let it in again with `roost peer enable`" };
                format!("ask the peer what it announces, or raise `max_prefix.limit`{back}")
            }
            Self::Unreachable => "check the address, the route to it (`ip route get`), and that the link is up".into(),
            Self::ConnectTimedOut if config.password => {
                "check that both ends have the same password: a wrong one looks like silence; then firewalls and the address".into()
            }
            Self::ConnectTimedOut => {
                "check firewalls and the address; a peer that expects a password is silent, too".into()
            }
            Self::ConnectFailed(_) => "check the source address, and what the system's error says".into(),
            Self::Waiting => "the peer must connect to us: check that it knows our address and that our port is open to it".into(),
            Self::NoOpen(_) => "something listens there, but does not speak BGP with us: check that the peer has us configured".into(),
            Self::Closed { state: State::OpenSent | State::Connect | State::Active, .. } => {
                "the peer closes without a word: usually it has no neighbour configured for our address".into()
            }
            Self::OpenRefused(refused) => return refused_hint(refused, config),
            Self::HoldTimerExpired(_) => "check that the peer's host is alive and packets pass both ways".into(),
            Self::SendHoldTimerExpired(_) => "the peer's BGP process hangs or is overloaded: look at it there".into(),
            Self::NotificationReceived { notification, .. } => return received_hint(notification, config),
            Self::Stopped(_) => "`roost peer enable` lets it in again".into(),
            Self::MessageError { .. } | Self::UnexpectedMessage { .. } => {
                "one of both programs is wrong: report it with a capture of the session".into()
            }
            Self::NeverTried
            | Self::Closed { .. }
            | Self::NotificationSent(_)
            | Self::CollisionLost
            | Self::PeerRestarted => return None,
        };
        Some(hint)
    }
}

fn refused_hint(refused: &OpenRefused, config: &PeerConfig) -> Option<String> {
    let hint = match refused {
        OpenRefused::WrongAs { got, .. } if got.0 == 0 => "AS 0 names nobody: fix the peer".into(),
        OpenRefused::WrongAs { got, .. } => format!("set `asn: {got}`, or fix the peer"),
        OpenRefused::WrongRouterId { local, .. } => {
            format!("give the peer a router id of its own (ours is {local})")
        }
        OpenRefused::HoldTime(_) => "set the peer's hold time to 0 or at least 3 seconds".into(),
        OpenRefused::NoCommonFamily { peer, .. } => {
            let families: Vec<_> = peer.iter().filter(|f| f.is_supported()).map(ToString::to_string).collect();
            match families.as_slice() {
                [] => "enable ipv4 or ipv6 on the peer".into(),
                some => format!("add {} to `families`, or enable ours on the peer", some.join(", ")),
            }
        }
        OpenRefused::Role { .. } if config.strict_role => "set the roles to a pair; or turn strict roles off".into(),
        OpenRefused::Role { .. } => "set the roles to a pair: provider and customer, peer and peer, …".into(),
        OpenRefused::Version(_) => return None,
    };
    Some(hint)
}

fn received_hint(notification: &Notification, config: &PeerConfig) -> Option<String> {
    let hint = match (notification.code, notification.subcode) {
        (ErrorCode::OPEN_MESSAGE, 2) => {
            format!("the peer does not expect AS {}: fix it there, or set our `asn`", config.local_asn)
        }
        (ErrorCode::OPEN_MESSAGE, 3) => {
            format!("the peer refuses our router id {}: two routers may have the same one", config.local_id)
        }
        (ErrorCode::OPEN_MESSAGE, 6) => format!("the peer refuses our hold time of {} s", config.hold_time),
        (ErrorCode::OPEN_MESSAGE, 7) => "the peer insists on a capability or family we did not offer".into(),
        (ErrorCode::OPEN_MESSAGE, 11) => "set the roles of both ends to a pair".into(),
        (ErrorCode::CEASE, cease::MAX_PREFIXES) => "we announce more prefixes than the peer allows".into(),
        (ErrorCode::CEASE, cease::ADMINISTRATIVE_SHUTDOWN) => "the peer's operator stopped the session".into(),
        (ErrorCode::CEASE, cease::PEER_DECONFIGURED) => "the peer's operator removed us from its configuration".into(),
        (ErrorCode::CEASE, cease::CONNECTION_REJECTED) => {
            "the peer does not accept us: check its configuration for our address".into()
        }
        (ErrorCode::HOLD_TIMER_EXPIRED, _) => {
            "the peer heard nothing from us: check that packets pass both ways".into()
        }
        _ => return None,
    };
    Some(hint)
}

fn is_hard_reset(notification: &Notification) -> bool {
    notification.code == ErrorCode::CEASE && notification.subcode == cease::HARD_RESET
}

impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverTried => f.write_str("not tried yet"),
            Self::Waiting => f.write_str("waiting for the peer to connect"),
            Self::Stopped(None) => f.write_str("disabled by the operator"),
            Self::Stopped(Some(text)) => write!(f, "disabled by the operator: {text:?}"),
            Self::Refused => f.write_str("connection refused"),
            Self::Unreachable => f.write_str("host unreachable"),
            Self::ConnectTimedOut => f.write_str("connection timed out"),
            Self::ConnectFailed(error) => write!(f, "cannot connect: {error}"),
            Self::NoOpen(time) => write!(f, "connected, but no OPEN came for {}", Seconds(*time)),
            Self::OpenRefused(refused) => refused.fmt(f),
            Self::Closed { error: None, state } => write!(f, "connection closed by the peer in {state}"),
            Self::Closed { error: Some(error), state } => write!(f, "connection lost in {state}: {error}"),
            Self::HoldTimerExpired(time) => write!(f, "hold timer expired: nothing heard for {}", Seconds(*time)),
            Self::SendHoldTimerExpired(time) => {
                write!(f, "send hold timer expired: the peer took nothing for {}", Seconds(*time))
            }
            Self::NotificationReceived { notification, state } => write!(f, "peer sent {notification} in {state}"),
            Self::NotificationSent(notification) => write!(f, "we sent {notification}"),
            Self::MessageError { error, notification } => {
                write!(f, "bad message from the peer: {error}; we sent {notification}")
            }
            Self::UnexpectedMessage { message, state } => write!(f, "peer sent {message} in {state}"),
            Self::TooManyPrefixes { family, limit, pause } => {
                write!(f, "the peer announced more than {limit} prefixes of {family}")?;
                pause.map_or(Ok(()), |pause| write!(f, "; refused for {}", Seconds(pause)))
            }
            Self::CollisionLost => f.write_str("the peer connected at the same moment, and that connection was kept"),
            Self::PeerRestarted => f.write_str("the peer restarted and opened a new connection"),
        }
    }
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f32())
    }
}

#[cfg(test)]
mod tests;
