//! What all peers together have counted since the start: the sums of `/metrics`.
//!
//! A sum must never fall, or a scraper takes it for a restart and counts everything once more. So what a peer has counted
//! outlives its state machine, which a panic costs it, and the peer itself, which is forgotten when nobody has listed it.

use std::ops::AddAssign;

use super::peer_status::PeerStatus;
use crate::api::model::MessageCounts;

/// Of one peer, or of several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Messages by type and direction.
    pub messages: MessageCounts,
    /// UPDATEs with errors the session survived (RFC 7606).
    pub update_faults: u64,
    /// Messages that could not be read.
    pub message_errors: u64,
    /// Sessions that came up.
    pub established: u64,
    /// Sessions that ended.
    pub lost: u64,
    /// Mistakes of ours that ended what was done for a peer.
    pub panics: u64,
}

impl Totals {
    /// Of one peer, its state machines before this one included.
    pub fn of(status: &PeerStatus) -> Self {
        let (received, sent) = (&status.counters.received, &status.counters.sent);
        let mut totals = status.before.clone();
        totals += Self {
            messages: MessageCounts {
                open_in: received.open,
                open_out: sent.open,
                update_in: received.update,
                update_out: sent.update,
                keepalive_in: received.keepalive,
                keepalive_out: sent.keepalive,
                notification_in: received.notification,
                notification_out: sent.notification,
                refresh_in: received.route_refresh,
                refresh_out: sent.route_refresh,
            },
            update_faults: status.counters.update_faults,
            message_errors: status.counters.message_errors,
            established: status.counters.established,
            lost: status.counters.lost,
            panics: 0,
        };
        totals
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        let Self { messages, update_faults, message_errors, established, lost, panics } = other;
        let sum = &mut self.messages;
        sum.open_in += messages.open_in;
        sum.open_out += messages.open_out;
        sum.update_in += messages.update_in;
        sum.update_out += messages.update_out;
        sum.keepalive_in += messages.keepalive_in;
        sum.keepalive_out += messages.keepalive_out;
        sum.notification_in += messages.notification_in;
        sum.notification_out += messages.notification_out;
        sum.refresh_in += messages.refresh_in;
        sum.refresh_out += messages.refresh_out;
        self.update_faults += update_faults;
        self.message_errors += message_errors;
        self.established += established;
        self.lost += lost;
        self.panics += panics;
    }
}

#[cfg(test)]
mod tests;
