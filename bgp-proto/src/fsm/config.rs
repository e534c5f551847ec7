//! What is configured about a peer, as far as its state machine needs it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::message::Role;
use crate::{Asn, Family, FamilySet, RouterId};

/// A configured neighbour. Where its address and port are is the driver's business.
///
/// The values are taken as they are; whoever reads them from a file refuses nonsense there (hold times of 1 and 2
/// seconds, an AS of zero). A change takes effect with the next OPEN.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerConfig {
    /// The AS we say we are.
    pub local_asn: Asn,
    /// Our BGP Identifier.
    pub local_id: RouterId,
    /// The AS the peer must be.
    pub peer_asn: PeerAs,
    /// Seconds of silence after which the peer is gone; zero or at least three. The smaller of both sides' counts.
    pub hold_time: u16,
    /// Seconds between KEEPALIVEs, if less than a third of the negotiated hold time is wanted.
    pub keepalive: Option<u16>,
    /// Time from one attempt to connect to the next (RFC 4271 ConnectRetryTime).
    pub connect_retry: Duration,
    /// How long one attempt to connect may take.
    pub connect_timeout: Duration,
    /// How long a connected peer may take to send its OPEN: the "large value" of RFC 4271 §8.2.2, 4 minutes.
    pub open_timeout: Duration,
    /// Shortest and longest pause after a session that ended badly; doubles each time (RFC 4271 IdleHoldTime). A session
    /// that stayed up for the longest pause starts over with the shortest.
    pub idle_hold: (Duration, Duration),
    /// Whether a peer that made a mistake is refused during the idle hold time (RFC 4271 DampPeerOscillations).
    /// Without it only our own dialling waits.
    pub damp_peer_oscillations: bool,
    /// Wait this long for the peer's OPEN before sending ours (RFC 4271 DelayOpenTime).
    pub open_delay: Option<Duration>,
    /// Never dial, only accept.
    pub passive: bool,
    /// Families to carry. At least one.
    pub families: FamilySet,
    /// Families in which several paths per prefix may come from the peer (RFC 7911).
    pub add_path_rx: FamilySet,
    /// Families in which several paths per prefix may go to the peer.
    pub add_path_tx: FamilySet,
    /// Offer messages of up to 65,535 octets (RFC 8654).
    pub extended_message: bool,
    /// Offer route refresh, plain (RFC 2918) and enhanced (RFC 7313).
    pub route_refresh: bool,
    /// Offer IPv6 next hops for IPv4 prefixes (RFC 8950).
    pub extended_next_hop: bool,
    /// Offer graceful restart (RFC 4724).
    pub graceful_restart: Option<GrConfig>,
    /// Offer long-lived graceful restart (RFC 9494): seconds the peer should keep our routes after our restart time, and
    /// the most we keep its own; at most 16,777,215. Only together with `graceful_restart`; zero is off.
    pub long_lived: u32,
    /// The peer is of another member AS of our confederation (RFC 5065).
    pub confederation: bool,
    /// Our role towards an external peer (RFC 9234).
    pub role: Option<Role>,
    /// Refuse an external peer that does not say its role (RFC 9234 §4.2 strict mode).
    pub strict_role: bool,
    /// Tell the peer our host name.
    pub fqdn: Option<Fqdn>,
    /// How long the peer may refuse to read before the session is dropped. `None` is the default of RFC 9687: 8 minutes
    /// or twice the hold time, whichever is more. Zero turns the timer off.
    pub send_hold: Option<Duration>,
    /// Whether the driver's sockets carry a TCP MD5 key. The machine uses it only in what it advises operators.
    pub password: bool,
}

impl PeerConfig {
    /// A peer with the defaults of RFC 4271 §10 where they still make sense, and everything the field's daemons offer
    /// without being asked; IPv4 unicast only.
    pub fn new(local_asn: Asn, local_id: RouterId, peer_asn: impl Into<PeerAs>) -> Self {
        Self {
            local_asn,
            local_id,
            peer_asn: peer_asn.into(),
            hold_time: 90,
            keepalive: None,
            // RFC 4271 §10 suggests 120 s; a node that was restarted should not be missed for so long.
            connect_retry: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(10),
            open_timeout: Duration::from_secs(240),
            idle_hold: (Duration::from_secs(1), Duration::from_secs(60)),
            damp_peer_oscillations: true,
            open_delay: None,
            passive: false,
            families: FamilySet::from_iter([Family::IPV4_UNICAST]),
            add_path_rx: FamilySet::EMPTY,
            add_path_tx: FamilySet::EMPTY,
            extended_message: true,
            route_refresh: true,
            extended_next_hop: false,
            graceful_restart: None,
            long_lived: 0,
            confederation: false,
            role: None,
            strict_role: false,
            fqdn: None,
            send_hold: None,
            password: false,
        }
    }

    /// Whether the peer is in another AS. One of another member of our confederation is not: what it sends is what an
    /// internal peer may send (RFC 5065 §4).
    pub fn external(&self) -> bool {
        self.peer_asn != PeerAs::One(self.local_asn) && !self.confederation
    }
}

/// Which AS a peer must be. What an OPEN says to an internal peer differs, so whoever may be of several ASes is external.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerAs {
    /// This one; ours for an internal peer.
    One(Asn),
    /// One of these, none of them ours.
    OneOf(Arc<[Asn]>),
    /// Any but these: ours, and what stands for us.
    AnyBut(Arc<[Asn]>),
}

impl PeerAs {
    /// Whether a peer may be of this AS. AS 0 is nobody's (RFC 7607 §2).
    pub fn admits(&self, asn: Asn) -> bool {
        asn != Asn(0)
            && match self {
                Self::One(only) => asn == *only,
                Self::OneOf(list) => list.contains(&asn),
                Self::AnyBut(list) => !list.contains(&asn),
            }
    }
}

impl From<Asn> for PeerAs {
    fn from(asn: Asn) -> Self {
        Self::One(asn)
    }
}

impl fmt::Display for PeerAs {
    /// `AS 64512`, `AS 64512 or 64513`, `any AS but 64500`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |list: &[Asn]| list.iter().map(Asn::to_string).collect::<Vec<_>>().join(" or ");
        match self {
            Self::One(asn) => write!(f, "AS {asn}"),
            Self::OneOf(some) => write!(f, "AS {}", list(some)),
            Self::AnyBut(some) => write!(f, "any AS but {}", list(some)),
        }
    }
}

/// What we say in the graceful restart capability (RFC 4724 §3). It must be true at the moment of the OPEN: see
/// [`Peer::set_restart_state`](super::Peer::set_restart_state).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrConfig {
    /// Seconds the peer should wait for us; 0–4095.
    pub time: u16,
    /// R: we have restarted and the peer need not wait for our End-of-RIB before sending its own.
    pub restarted: bool,
    /// F: families whose packets we kept forwarding while we were away.
    pub forwarding_preserved: FamilySet,
    /// N: a NOTIFICATION or an expired hold timer, too, leaves routes in place (RFC 8538).
    pub notification: bool,
}

/// The host name to tell a peer (draft-walton-bgp-hostname-capability).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fqdn {
    /// The host's name.
    pub hostname: String,
    /// Its domain; may be empty.
    pub domain: String,
}
