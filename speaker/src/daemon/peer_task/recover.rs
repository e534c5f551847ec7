//! When a peer's task panics: the peer begins anew, and nobody else hears of it.
//!
//! A panic is a mistake of ours that one peer has met. Ending the process would let that peer take every other session
//! down, and ending the task would leave it away without a word. So everything that may be half done is thrown away, the
//! connections with it: state machine, received octets, what is kept about restarts. The owner is told that the session
//! is gone, and drops its routes. After the longest pause a mistake of the peer's costs (`idle_hold_max`), the peer is
//! let in again; until then its connections are refused with Cease/Connection Rejected (RFC 4486 §4).

use std::any::Any;
use std::time::Instant;

use bgp_proto::FamilySet;
use bgp_proto::fsm::graceful::Helper;
use bgp_proto::fsm::{Command, Peer};
use tracing::error;

use super::super::news::News;
use super::PeerTask;

impl PeerTask {
    /// Throws away what the panic may have left half done, and says so.
    pub(super) fn recover(&mut self, panic: &(dyn Any + Send)) {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
        let pause = self.spec.machine.idle_hold.1;
        error!(
            event = "fault", peer = %self.spec.name, panic = text,
            "a mistake in roost ended what was done for this peer, its session too; it is let in again in {} s; please \
             report this with the lines above",
            pause.as_secs()
        );
        self.machine = Peer::new(self.spec.machine.clone(), self.seed);
        self.helper = Helper::new(self.spec.stale_time, self.spec.hold);
        (self.conns, self.connecting, self.queue) = ([None, None], None, None);
        self.updates.clear();
        if self.session.take().is_some() {
            self.tell(News::Down { retain: FamilySet::EMPTY });
        }
        self.shared.panicked();
        let now = Instant::now();
        if self.disabled {
            self.machine.command(now, Command::Stop(None));
        } else {
            self.start_at = Some(now + pause);
        }
    }
}
