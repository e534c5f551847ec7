//! What people are told: states with their counts, rows, and log lines.

use super::Engine;
use crate::desired::{Cause, Reason, State, Target};
use crate::stats::FibStats;
use ipnetwork::IpNetwork;
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

/// One prefix with everything known about it.
#[derive(Debug, Clone)]
pub struct Found<'a> {
    /// The prefix.
    pub prefix: IpNetwork,
    /// What is wanted; `None` for an adopted route.
    pub target: Option<&'a Target>,
    /// How far it is.
    pub state: &'a State,
    /// Our route in the kernel, as `ip route` prints it.
    pub kernel: Option<String>,
    /// When the state began.
    pub since: SystemTime,
    /// What else is to be known, though it is installed.
    pub note: Option<String>,
}

const LINES: u32 = 20;
const WINDOW: Duration = Duration::from_secs(1);

/// At most [`LINES`] log lines a second; then a count. A missing tunnel holds back a whole table, and
/// the log should say so, not repeat it a hundred thousand times.
#[derive(Debug, Default)]
pub(crate) struct Loud {
    window: Option<Instant>,
    pub(super) lines: u32,
    more: u32,
}

impl Loud {
    fn may_speak(&mut self) -> bool {
        self.lines += 1;
        let may = self.lines <= LINES;
        self.more += u32::from(!may);
        may
    }

    pub(crate) fn warn(&mut self, what: fmt::Arguments<'_>) {
        if self.may_speak() {
            tracing::warn!(event = "kernel", "{what}");
        }
    }

    pub(crate) fn info(&mut self, what: fmt::Arguments<'_>) {
        if self.may_speak() {
            tracing::info!(event = "kernel", "{what}");
        }
    }

    /// The same about one prefix; `event` is the kind of what happens to it.
    fn warn_of(&mut self, event: &str, prefix: IpNetwork, what: fmt::Arguments<'_>) {
        if self.may_speak() {
            tracing::warn!(event, %prefix, "{prefix} {what}");
        }
    }

    fn info_of(&mut self, event: &str, prefix: IpNetwork, what: fmt::Arguments<'_>) {
        if self.may_speak() {
            tracing::info!(event, %prefix, "{prefix} {what}");
        }
    }

    fn turn(&mut self, now: Instant) {
        if self.window.is_none_or(|began| now.saturating_duration_since(began) >= WINDOW) {
            if self.more > 0 {
                tracing::warn!(lines = self.more, "more of the same left out; see the table of routes");
            }
            *self = Loud { window: Some(now), lines: 0, more: 0 };
        }
    }
}

impl Engine {
    pub(super) fn count(&mut self, state: &State) -> &mut usize {
        match state {
            State::Installed => &mut self.stats.installed,
            State::Pending => &mut self.stats.pending,
            State::Withheld { reason: Reason::OthersPool(_) } => &mut self.stats.others,
            State::Withheld { reason } if reason.is_local() => &mut self.stats.barred,
            State::Withheld { .. } => &mut self.stats.withheld,
            State::Skipped => &mut self.stats.skipped,
            State::Conflict { .. } => &mut self.stats.conflicts,
            State::Failed { .. } => &mut self.stats.failed,
            State::Adopted => &mut self.stats.adopted,
        }
    }

    /// Stores it, counts it, and says it once.
    pub(super) fn set_state(&mut self, prefix: IpNetwork, state: State) {
        let Some(entry) = self.desired.get_mut(prefix) else { return };
        let same_kind = std::mem::discriminant(&entry.state) == std::mem::discriminant(&state);
        if same_kind && entry.state == state {
            return;
        }
        let old = std::mem::replace(&mut entry.state, state.clone());
        self.changes.note(prefix);
        // On its way from one good state to the next nothing is worth a line.
        if !same_kind {
            entry.since = self.clock;
        }
        match (is_off_link(&old), is_off_link(&state)) {
            (false, true) => drop(self.off_link.insert(prefix)),
            (true, false) => drop(self.off_link.remove(&prefix)),
            _ => {}
        }
        let was_bad = is_bad(&old) || entry.troubled;
        entry.troubled = was_bad && matches!(state, State::Pending);
        *self.count(&old) -= 1;
        *self.count(&state) += 1;
        if self.fights.is_told(prefix, &state) {
            return;
        }
        if is_bad(&state) {
            self.loud.warn_of("kernel-route", prefix, format_args!("{state}"));
        } else if was_bad && matches!(state, State::Installed) {
            self.loud.info_of("kernel-route", prefix, format_args!("installed at last"));
        }
    }

    /// A route that was installed and is not any more is about to be written again.
    pub(super) fn note_repair(&mut self, prefix: IpNetwork, cause: Option<Cause>) {
        let Some(cause) = cause else { return };
        let told = self.fights.is_told(prefix, &State::Pending);
        match cause {
            Cause::Deleted { .. } if told => self.stats.repairs.deleted += 1,
            Cause::Changed { .. } if told => self.stats.repairs.changed += 1,
            Cause::Deleted { by } => {
                self.stats.repairs.deleted += 1;
                let what = format_args!("was deleted by another program (netlink port {by}); restoring it");
                self.loud.warn_of("repair", prefix, what);
            }
            Cause::Changed { by } => {
                self.stats.repairs.changed += 1;
                let what = format_args!("was rewritten by another program (netlink port {by}); restoring it");
                self.loud.warn_of("repair", prefix, what);
            }
            Cause::Lost => {
                self.stats.repairs.lost += 1;
                let what = format_args!("was dropped by the kernel (link or address gone); restoring it");
                self.loud.info_of("repair", prefix, what);
            }
        }
    }

    /// Ends a turn: left-out log lines are summed up, counters brought up to date.
    pub fn report(&mut self, now: Instant) -> FibStats {
        self.loud.turn(now);
        self.fights.clean(now);
        self.stats.adopted = self.adopted.len();
        (self.stats.placed, self.stats.over_limit) = (self.places.taken(), self.places.waiting());
        let [ipv4, ipv6] = self.view.routes.count_ours();
        (self.stats.kernel_routes, self.stats.kernel_routes_ipv6) = (ipv4 + ipv6, ipv6);
        self.stats.next_hops = self.next_hops.len();
        // Counted apart, told together.
        FibStats { withheld: self.stats.withheld + self.stats.barred, ..self.stats }
    }

    /// How many routes of ours were found by the first dump: IPv4, IPv6.
    pub fn adopted(&self) -> (usize, usize) {
        self.view.routes.count_ours().into()
    }

    /// One prefix.
    pub fn find(&self, prefix: IpNetwork) -> Option<Found<'_>> {
        let ours = self.view.routes.at(prefix).iter().find(|held| held.ours);
        let kernel = ours.map(|held| held.route.text(&self.view.links).to_string());
        match self.desired.get(prefix) {
            Some(entry) => {
                let (state, since) = (&entry.state, entry.since);
                Some(Found { prefix, target: Some(&entry.target), state, kernel, since, note: self.far_note(prefix) })
            }
            None if self.adopted.contains(&prefix) => {
                Some(Found { prefix, target: None, state: &State::Adopted, kernel, since: self.started, note: None })
            }
            None => None,
        }
    }

    /// All prefixes that are wanted or adopted, in order.
    pub fn prefixes(&self) -> Vec<IpNetwork> {
        let mut all: Vec<IpNetwork> = self.desired.iter().map(|(prefix, _)| prefix).collect();
        all.extend(self.adopted.iter());
        all.sort_unstable();
        // Adopted, and wanted of another program.
        all.dedup();
        all
    }
}

pub(super) fn is_off_link(state: &State) -> bool {
    matches!(state, State::Withheld { reason: Reason::NotOnLink { .. } })
}

/// Whether somebody should look at it: not when the configuration wants it so.
pub(crate) fn is_bad(state: &State) -> bool {
    match state {
        State::Withheld { reason } => !matches!(reason, Reason::OthersPool(_)),
        State::Conflict { .. } | State::Failed { .. } => true,
        State::Installed | State::Pending | State::Skipped | State::Adopted => false,
    }
}
