//! What an operator wants of a peer at run time: look again, begin again, stay away, come back.
//!
//! An order is carried out by the peer's own task, in its turn, and answered with what was done; one that cannot be
//! carried out changes nothing and is answered with the reason and what to do instead. The state lives as long as the
//! process: a peer that is to stay away over a restart is disabled in the configuration.

use std::time::Instant;

use bgp_proto::fsm::{Command, DownReason, State};
use bgp_proto::message::{Notification, cease};
use bgp_proto::{Family, FamilySet};
use tokio::sync::oneshot;
use tracing::info;

use super::super::news::News;
use super::PeerTask;
use crate::api::Order;
use crate::api::model::Direction;

/// An order that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// Whether that changed anything.
    pub changed: bool,
    /// What was done, or why there was nothing to do.
    pub text: String,
}

/// An order, and who waits for the answer: what was done, or why nothing was.
pub type Ordered = (Order, oneshot::Sender<Result<Done, String>>);

fn done(text: impl Into<String>) -> Result<Done, String> {
    Ok(Done { changed: true, text: text.into() })
}

fn nothing(text: impl Into<String>) -> Result<Done, String> {
    Ok(Done { changed: false, text: text.into() })
}

impl PeerTask {
    pub(super) fn ordered(&mut self, (order, answer): Ordered) {
        let result = match order.clone() {
            Order::Reset { .. } | Order::Enable if self.restart.is_away() => {
                Err("the node is drained; `roost undrain` lets all peers in again".to_owned())
            }
            Order::Refresh { families, direction } => self.refresh(families, direction),
            Order::Reset { message, graceful } => self.reset(message.as_deref(), graceful),
            Order::Disable { message } => self.disable(message.as_deref()),
            Order::Enable => self.enable(),
        };
        info!(event = "peer-order", peer = %self.spec.name, ?order, ?result, "the operator's order");
        self.heed();
        // Whoever asked may have gone: it is done all the same.
        drop(answer.send(result));
    }

    fn refresh(&mut self, families: FamilySet, direction: Direction) -> Result<Done, String> {
        let (incoming, outgoing) = (direction != Direction::Out, direction != Direction::In);
        let Some(session) = self.machine.negotiated().cloned() else { return Err(self.no_session()) };
        let negotiated = session.families();
        let families = if families.is_empty() { negotiated } else { families };
        if let Some(family) = families.iter().find(|family| !negotiated.contains(*family)) {
            return Err(format!("the session does not carry {family}, only {}", names(negotiated)));
        }
        if incoming && !session.route_refresh {
            let instead = "ours can be sent again (--out); all of its routes come again with `roost peer reset`";
            return Err(format!("the peer cannot be asked: it knows no route refresh (RFC 2918); {instead}"));
        }
        for family in families.iter() {
            if incoming {
                self.machine.command(Instant::now(), Command::RequestRefresh(family));
            }
            if outgoing {
                self.tell(News::Resend(family));
            }
        }
        let asked = incoming.then_some("its routes asked for again");
        let sent = outgoing.then_some("ours sent again");
        let what: Vec<&str> = asked.into_iter().chain(sent).collect();
        done(format!("{}: {}", names(families), what.join(", ")))
    }

    fn reset(&mut self, message: Option<&str>, graceful: bool) -> Result<Done, String> {
        if self.is_kept_away() {
            return Err(format!("{}; `roost peer enable` lets it in again", self.machine.last_down()));
        }
        let keeps = self.machine.negotiated().map(|session| session.graceful_notification);
        if graceful && keeps != Some(true) {
            return Err(match keeps {
                None => self.no_session(),
                Some(_) => "both sides would forget the routes: the session has not negotiated graceful restart after \
                            NOTIFICATIONs (RFC 8538); leave --graceful out to reset it all the same"
                    .to_owned(),
            });
        }
        let notification = Notification::cease(cease::ADMINISTRATIVE_RESET, message);
        // RFC 8538 §5.1 leaves it to the user whether routes stay; a reset that leaves what it should clear is none.
        let hard = keeps == Some(true) && !graceful;
        let notification = if hard { notification.into_hard_reset() } else { notification };
        if self.start_at.take().is_some() {
            self.machine.command(Instant::now(), Command::Start);
        }
        self.machine.command(Instant::now(), Command::Reset(notification));
        match keeps {
            None => done("it had no session; another attempt is made now"),
            Some(_) if graceful => done("session ended, another one follows; routes stay meanwhile"),
            Some(_) => done("session ended, another one follows"),
        }
    }

    fn disable(&mut self, message: Option<&str>) -> Result<Done, String> {
        if self.disabled {
            return nothing(format!("was {} already", self.machine.last_down()));
        }
        (self.disabled, self.start_at) = (true, None);
        self.shared.disable(true);
        let notification = Notification::cease(cease::ADMINISTRATIVE_SHUTDOWN, message);
        self.machine.command(Instant::now(), Command::Stop(Some(notification)));
        // Also routes that are kept for a peer that is away.
        self.helper.forget();
        self.help();
        done("disabled until `roost peer enable`, or a restart of roost")
    }

    fn enable(&mut self) -> Result<Done, String> {
        if self.machine.state() == State::Established {
            return nothing("was enabled already");
        }
        let (disabled, idle) = (std::mem::take(&mut self.disabled), self.machine.state() == State::Idle);
        if disabled {
            self.shared.disable(false);
        }
        self.start_at = None;
        self.machine.command(Instant::now(), Command::Start);
        match (disabled, idle) {
            (true, _) => done("enabled"),
            (false, true) => done("its pause is over: let in again"),
            (false, false) => nothing("was enabled already; it has no session yet"),
        }
    }

    /// The node is drained. RFC 8326 §4.2
    pub(super) fn drain(&mut self, farewell: Notification, done: oneshot::Sender<()>) {
        self.start_at = None;
        self.machine.command(Instant::now(), Command::Stop(Some(farewell)));
        // Also routes that are kept for a peer that is away.
        self.helper.forget();
        self.help();
        self.heed();
        // Whoever asked may have gone: it is done all the same.
        let _ = done.send(());
    }

    /// The node is back in service.
    pub(super) fn come_back(&mut self) {
        if !self.disabled && self.machine.state() == State::Idle {
            self.start_at = Some(Instant::now());
        }
    }

    /// Whether only the operator lets the peer in again.
    pub(super) fn is_kept_away(&self) -> bool {
        let for_good = matches!(self.machine.last_down(), DownReason::TooManyPrefixes { pause: None, .. });
        self.disabled || (for_good && self.machine.state() == State::Idle)
    }

    fn no_session(&self) -> String {
        format!("the peer has no session: {}", self.machine.last_down())
    }
}

fn names(families: FamilySet) -> String {
    families.iter().map(|family: Family| family.to_string()).collect::<Vec<_>>().join(", ")
}
