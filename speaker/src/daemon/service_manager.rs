//! What the service manager is told, systemd or another that knows sd_notify(3): that roost runs, how it stands, and that
//! its parts turn. Where nobody listens (`NOTIFY_SOCKET` is not set) nothing is done.
//!
//! `READY` means that roost runs, not that its node is ready: a unit that waited for peers would be taken for one that
//! cannot start. What the node lacks is the `STATUS`, which `systemctl status` shows.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::MissedTickBehavior;
use tracing::debug;

use super::health::Health;
use crate::api::model::{Liveness, Readiness};

/// Time between two words, unless the watchdog wants more.
const EACH: Duration = Duration::from_secs(5);

/// Tells that roost runs, and from then on how it stands, for ever.
pub async fn keep(health: Arc<Health>) {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    let watchdog = sd_notify::watchdog_enabled();
    let mut tick =
        tokio::time::interval(watchdog.map_or(EACH, |limit| (limit / 3).clamp(Duration::from_millis(1), EACH)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tell(&[NotifyState::Ready]);
    loop {
        tick.tick().await;
        let (liveness, readiness) = (health.liveness(), health.readiness().await);
        tell(&[NotifyState::Status(&status(&liveness, &readiness))]);
        if watchdog.is_some() && liveness.alive {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

/// Tells that roost ends.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// One line.
fn status(liveness: &Liveness, readiness: &Readiness) -> String {
    if !liveness.alive {
        return format!("stuck: {}", liveness.reasons.join("; "));
    }
    match readiness.ready {
        true => format!("the node is ready; {} of {} peers up", readiness.peers_synced, readiness.peers),
        false => format!("the node is not ready: {}", readiness.reasons.join("; ")),
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        debug!(%error, "the service manager does not hear");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_says_what_is_worst() {
        let alive = Liveness { alive: true, ..Liveness::default() };
        let stuck = Liveness { reasons: vec!["owner has given no sign for 21 s".into()], ..Liveness::default() };
        let ready = Readiness { ready: true, peers: 3, peers_synced: 2, ..Readiness::default() };
        let not = Readiness { reasons: vec!["a".into(), "b".into()], ..Readiness::default() };
        assert_eq!(status(&stuck, &ready), "stuck: owner has given no sign for 21 s");
        assert_eq!(status(&alive, &ready), "the node is ready; 2 of 3 peers up");
        assert_eq!(status(&alive, &not), "the node is not ready: a; b");
    }
}
