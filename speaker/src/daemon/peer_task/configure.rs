//! What a changed configuration means for a living peer: other settings, another session only where it must be, or the
//! end.

use std::time::Instant;

use bgp_proto::fsm::{Command, PeerConfig, State};
use bgp_proto::message::{Notification, cease};
use tokio::sync::oneshot;
use tracing::{info, warn};

use super::{PeerSpec, PeerTask};
use crate::net::tcp;

/// Other settings for a peer.
pub struct Configured {
    /// What holds from now on; name and number are the same.
    pub spec: PeerSpec,
    /// Why a session that is there has to end, if it has to.
    pub reset: Option<&'static str>,
    /// Whether one did.
    pub answer: oneshot::Sender<bool>,
}

impl PeerTask {
    /// A session that stays goes on as it was negotiated; its sockets and the times of the helper are changed at once.
    pub(super) fn configure(&mut self, Configured { spec, reset, answer }: Configured) {
        let md5_key = self.spec.socket.md5_key.clone();
        let old = std::mem::replace(&mut self.spec, spec);
        self.spec.socket.md5_key = md5_key;
        let now = Instant::now();
        self.machine.set_config(now, self.spec.machine.clone());
        self.machine.set_restart_state(self.restart.restarted(), self.restart.preserved(self.session.is_some()));
        self.helper.set_times(self.spec.stale_time, self.spec.hold);
        let established = self.machine.state() == State::Established;
        let ends = reset.filter(|_| established);
        if let Some(reason) = ends {
            info!(event = "peer-order", peer = %self.spec.name, reason, "the session is reset: its configuration has changed");
            self.reset_for(same_ends(&old.machine, &self.spec.machine));
        } else if !established && !self.disabled && !self.is_kept_away() {
            // An attempt that is under way was made with the old settings.
            self.reset_for(true);
        }
        self.change_sockets(&old);
        self.heed();
        let _ = answer.send(ends.is_some()); // who asked may be gone
    }

    /// RFC 4486 §4: Cease/Other Configuration Change. Where both sides have agreed on it, routes stay meanwhile (RFC 8538),
    /// unless the next session is between other routers.
    fn reset_for(&mut self, same_ends: bool) {
        let notification = Notification::cease(cease::OTHER_CONFIGURATION_CHANGE, None);
        let graceful = self.machine.negotiated().is_some_and(|session| session.graceful_notification);
        let hard = graceful && !same_ends;
        let notification = if hard { notification.into_hard_reset() } else { notification };
        self.machine.command(Instant::now(), Command::Reset(notification));
        if !same_ends {
            self.helper.forget();
            self.help();
        }
    }

    fn change_sockets(&mut self, old: &PeerSpec) {
        if (old.socket.ttl, old.socket.min_ttl) != (self.spec.socket.ttl, self.spec.socket.min_ttl) {
            for conn in self.conns.iter().flatten() {
                if let Err(error) = tcp::set_distance(conn.socket(), &self.spec.socket) {
                    warn!(
                        event = "fault", peer = %self.spec.name, %error,
                        "cannot change a connection's TTL; the next one will have it"
                    );
                }
            }
        }
        self.key_changed();
        if (old.remote, old.source) != (self.spec.remote, self.spec.source)
            && let Some((id, _)) = self.connecting.take()
        {
            self.connect(id);
        }
    }

    /// RFC 4486 §4: Cease/Peer De-configured. Nothing of the peer is kept.
    pub(super) fn leave(&mut self) {
        (self.stopping, self.leaving, self.start_at) = (true, true, None);
        let notification = Notification::cease(cease::PEER_DECONFIGURED, None);
        self.machine.command(Instant::now(), Command::Stop(Some(notification)));
        self.helper.forget();
        self.help();
    }
}

/// Whether a session under either is one between the same two speakers.
fn same_ends(old: &PeerConfig, new: &PeerConfig) -> bool {
    (old.local_asn, &old.peer_asn, old.confederation) == (new.local_asn, &new.peer_asn, new.confederation)
}
