//! Which parts of the daemon still turn.
//!
//! Each is asked something once a second, by the way everybody asks it; what cannot be asked says by itself that it has
//! looked around. The time of its last sign is all that is kept, so whoever wants to know never waits for a part that is
//! stuck.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::api::model::{Liveness, PartRow};

/// Time between questions.
pub const EACH: Duration = Duration::from_secs(1);
/// A part that has given no sign for so long is stuck. The longest honest work without a look around is reading the kernel's
/// tables back, some three seconds for a million routes.
pub const STUCK: Duration = Duration::from_secs(20);

/// The last sign of one part.
#[derive(Clone, Debug)]
pub struct Pulse {
    part: &'static str,
    last: Arc<Mutex<Instant>>,
}

impl Pulse {
    /// A part that begins now.
    pub fn new(part: &'static str) -> Self {
        Self { part, last: Arc::new(Mutex::new(Instant::now())) }
    }

    /// It turns.
    pub fn beat(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Asks it for ever, each second from its answer on. An answer of `false` is no sign.
    pub async fn watch<F: Future<Output = bool>>(self, ask: impl Fn() -> F) {
        loop {
            if ask().await {
                self.beat();
            }
            sleep(EACH).await;
        }
    }

    fn silent(&self) -> Duration {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

/// What the parts' last signs say.
pub fn liveness<'p>(parts: impl IntoIterator<Item = &'p Pulse>) -> Liveness {
    let mut liveness = Liveness { alive: true, ..Liveness::default() };
    for pulse in parts {
        let silent = pulse.silent();
        if silent >= STUCK {
            liveness.alive = false;
            liveness.reasons.push(format!("{} has given no sign for {} s", pulse.part, silent.as_secs()));
        }
        let seen_ms_ago = u64::try_from(silent.as_millis()).unwrap_or(u64::MAX);
        liveness.parts.push(PartRow { part: pulse.part.to_owned(), seen_ms_ago });
    }
    liveness
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn a_part_that_does_not_answer_is_named_and_the_others_are_not() {
        let (owner, fib) = (Pulse::new("owner"), Pulse::new("fib-sync"));
        let turning = tokio::spawn(owner.clone().watch(|| std::future::ready(true)));
        let stuck = tokio::spawn(fib.clone().watch(std::future::pending));
        sleep(STUCK - EACH / 2).await;
        assert!(liveness([&owner, &fib]).alive);
        sleep(EACH).await;
        let found = liveness([&owner, &fib]);
        assert_eq!((found.alive, found.reasons), (false, vec!["fib-sync has given no sign for 20 s".to_owned()]));
        assert!(found.parts[0].seen_ms_ago <= 1000, "{:?}", found.parts);
        fib.beat();
        assert_eq!(liveness([&owner, &fib]).reasons, Vec::<String>::new());
        turning.abort();
        stuck.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_says_it_has_ended_gives_no_sign() {
        let owner = Pulse::new("owner");
        let ended = tokio::spawn(owner.clone().watch(|| std::future::ready(false)));
        sleep(STUCK + EACH).await;
        assert!(!liveness([&owner]).alive);
        ended.abort();
        owner.beat();
        advance(STUCK).await;
        assert!(!liveness([&owner]).alive, "nor does one that nobody asks");
    }
}
