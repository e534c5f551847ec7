//! What waits to be polled.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::fsm::{ConnId, Counters, IoAction, PeerEvent};
use crate::message::{Codec, Message};

/// Messages, socket wishes and events, each in its order, with what is counted on the way.
#[derive(Default)]
pub(in crate::fsm) struct Outbox {
    pub transmit: VecDeque<(ConnId, Bytes)>,
    pub io: VecDeque<IoAction>,
    pub events: VecDeque<PeerEvent>,
    pub counters: Counters,
}

impl Outbox {
    /// Queues a control message. One that equals the last queued for the connection is not repeated: a driver that
    /// does not poll for hours finds one KEEPALIVE.
    pub fn send(&mut self, conn: ConnId, message: &Message, codec: &Codec) {
        let bytes = message.encode(codec);
        let last = self.transmit.iter().rev().find(|(to, _)| *to == conn);
        if last.is_some_and(|(_, queued)| *queued == bytes) {
            return;
        }
        self.counters.sent.count(message.kind());
        self.transmit.push_back((conn, bytes));
    }
}
