//! What the state machine says happened, and who is told: the log, those who look from outside, the owner.

use std::sync::Arc;
use std::time::Instant;

use bgp_proto::FamilySet;
use bgp_proto::fsm::graceful::GrEvent;
use bgp_proto::fsm::{Command, DownReason, Negotiated, PeerEvent};
use bgp_proto::message::{RefreshKind, RouteRefresh, Update};
use rib::{Excess, LimitEvent, Reached};
use tracing::{debug, info, warn};

use super::super::news::{FromPeer, News};
use super::super::out_queue::OutQueue;
use super::{BATCH, PeerTask, Room};

impl PeerTask {
    pub(super) fn event(&mut self, event: PeerEvent) {
        let peer = self.spec.name.clone();
        match event {
            PeerEvent::StateChanged(state) => debug!(%peer, %state, "state"),
            PeerEvent::Up(negotiated) => self.up(negotiated),
            PeerEvent::Update(update) => self.update(update),
            PeerEvent::RouteRefresh(refresh) => self.refresh_asked(refresh),
            PeerEvent::Down(reason) => self.down(&reason),
            PeerEvent::AttemptFailed(reason) => {
                debug!(%peer, reason = reason.name(), "{reason}");
                self.wanted.tally.failed(reason.name());
                self.told(&reason);
                if matches!(reason, DownReason::NoOpen(_)) {
                    self.no_open();
                }
            }
        }
    }

    pub(super) fn up(&mut self, negotiated: Arc<Negotiated>) {
        info!(
            peer = %self.spec.name, asn = %negotiated.peer_asn, router_id = %negotiated.peer_id,
            families = ?negotiated.codec.families, hold_time = negotiated.hold_time.as_secs(), event = "peer-up",
            "established"
        );
        self.helper.up(Instant::now(), &negotiated);
        self.help();
        let queue = OutQueue::new(self.spec.id, self.wanted.clone());
        (self.queue, self.unwritten) = (Some(queue.clone()), None);
        self.session = Some(negotiated.clone());
        self.shared.up(negotiated.clone());
        self.tell(News::Up(negotiated, queue));
    }

    pub(super) fn down(&mut self, reason: &DownReason) {
        self.hand_over_updates();
        self.queue = None;
        let Some(negotiated) = self.session.clone() else { return };
        self.helper.lost(Instant::now(), &negotiated, reason);
        let retain = self.helper.stale();
        self.wanted.tally.lost(reason.name());
        self.told(reason);
        let peer = self.spec.name.clone();
        if self.stopping {
            info!(%peer, event = "peer-down", "session closed");
        } else {
            let hint = reason.what_to_do(self.machine.config());
            warn!(%peer, reason = reason.name(), kept = ?retain, hint, event = "peer-down", "session lost: {reason}");
        }
        self.shared.down();
        self.tell(News::Down { retain });
        self.help();
        // From the second session on, only TCP was lost: packets were forwarded all the time.
        self.machine.set_restart_state(self.restart.restarted(), self.restart.preserved(true));
    }

    /// Counts what the peer has ended a connection with.
    fn told(&self, reason: &DownReason) {
        if let DownReason::NotificationReceived { notification, .. } = reason {
            self.wanted.tally.notification("in", notification);
        }
    }

    fn refresh_asked(&mut self, refresh: RouteRefresh) {
        // A question that nobody has heard yet is asked once: a flood of them costs one answer a turn.
        let waits = |message: &FromPeer| matches!(message.news, News::Refresh(other) if other == refresh);
        if refresh.kind != RefreshKind::Request || !self.outbox.iter().any(waits) {
            self.hand_over_updates();
            self.tell(News::Refresh(refresh));
        }
    }

    pub(super) fn update(&mut self, update: Update) {
        // The strongest stands first; it is the one to be remembered.
        for fault in update.faults.iter().rev() {
            let peer = self.spec.name.clone();
            debug!(%peer, treatment = ?fault.treatment, error = %fault.error, "error in an UPDATE that the session survives");
            self.shared.fault(fault);
        }
        let end_of_rib = update.end_of_rib;
        self.updates.push(update);
        if let Some(family) = end_of_rib {
            self.helper.end_of_rib(family);
            self.help();
        }
        if self.updates.len() >= BATCH {
            self.hand_over_updates();
        }
    }

    /// The owner counted more prefixes than the peer may announce. RFC 4271 §6.7
    pub(super) fn limits(&mut self) {
        let Some(queue) = &self.queue else { return };
        for LimitEvent { family, limit, reached, .. } in queue.take_limits() {
            let (peer, paths) = (self.spec.name.clone(), limit.paths);
            match (reached, limit.excess) {
                (Reached::Warning, _) => {
                    warn!(event = "peer-limit", %peer, %family, limit = paths, "the peer announces {} prefixes or more of {paths} it may", limit.warn_at);
                }
                (Reached::Exceeded, Excess::Keep) => {
                    warn!(event = "peer-limit", %peer, %family, limit = paths, "the peer announces more prefixes than it may")
                }
                (Reached::Exceeded, Excess::Block) => {
                    warn!(event = "peer-limit", %peer, %family, limit = paths, "the peer announces more prefixes than it may; those beyond the limit are ignored");
                }
                (Reached::Exceeded, Excess::End) => {
                    let pause = self.spec.limit_pause;
                    let command = Command::TooManyPrefixes { family, limit: paths, pause };
                    self.machine.command(Instant::now(), command);
                }
                (Reached::Room, _) if self.machine.negotiated().is_some_and(|session| session.route_refresh) => {
                    info!(event = "peer-limit", %peer, %family, limit = paths, "the peer has withdrawn prefixes; it is asked for those that were ignored");
                    self.machine.command(Instant::now(), Command::RequestRefresh(family));
                }
                (Reached::Room, _) => {
                    warn!(event = "peer-limit", %peer, %family, limit = paths, "the peer has withdrawn prefixes, and knows no route refresh: those that were ignored come with `roost peer reset`");
                }
            }
            self.shared.limit(family, reached);
        }
    }

    /// Passes on what the graceful-restart helper has decided.
    pub(super) fn help(&mut self) {
        self.shared.stale(self.helper.poll_timeout(), self.helper.long_lived());
        while let Some(event) = self.helper.poll_event() {
            self.hand_over_updates();
            match event {
                // Said with `News::Down`.
                GrEvent::Retain(_) => {}
                GrEvent::Flush(families) => self.tell(News::Flush(families)),
                GrEvent::LongLived(families) => {
                    let peer = self.spec.name.clone();
                    warn!(event = "peer-stale", %peer, ?families, "the peer is not back in its restart time; its routes stay as a last resort");
                    self.tell(News::LongLived(families));
                }
                GrEvent::PurgeStale(family) => self.tell(News::PurgeStale(family)),
            }
        }
    }

    pub(super) fn hand_over_updates(&mut self) {
        if !self.updates.is_empty() {
            let updates = std::mem::take(&mut self.updates);
            self.tell(News::Updates(updates));
        }
    }

    pub(super) fn tell(&mut self, news: News) {
        self.outbox.push_back(FromPeer { peer: self.spec.id, news, at: Instant::now(), turn: None });
    }

    /// Gives the owner what it takes at the moment, and the first message the room that was waited for.
    pub(super) fn tell_owner(&mut self, mut room: Option<Room>) {
        self.show();
        while let Some(message) = self.outbox.pop_front() {
            let Some((turn, place)) = room.take().or_else(|| self.room_now()) else {
                return self.outbox.push_front(message);
            };
            let complete = message.news.end_of_rib();
            place.send(FromPeer { turn: Some(turn), ..message });
            self.show_complete(complete);
        }
    }

    /// Shows that the peer has sent all it has, which the owner has by now: whoever sees it and asks the owner what is
    /// undecided is told the whole.
    fn show_complete(&self, families: FamilySet) {
        // Said in a session before the one that is shown.
        let before = self.outbox.iter().any(|message| matches!(message.news, News::Up(..)));
        if !families.is_empty() && !before {
            families.iter().for_each(|family| self.shared.end_of_rib(family));
            self.show();
        }
    }

    fn room_now(&self) -> Option<Room> {
        let turn = self.turns.clone().try_acquire_owned().ok()?;
        Some((turn, self.owner.clone().try_reserve_owned().ok()?))
    }
}
