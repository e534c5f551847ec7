//! What to do next: of the prefixes that are marked, those that are wanted first.

use super::{Engine, STUCK};
use crate::config::Key;
use crate::desired::State;
use crate::next_hop::NextHop;
use crate::plan::{Op, Ops, Verdict, Want, plan_prefix};
use crate::resolve::{Resolved, resolve};
use crate::route::Route;
use ipnetwork::IpNetwork;
use std::time::{Instant, SystemTime};

impl Engine {
    /// The next operations, at most about `max`: additions and replacements first; deletions only once
    /// no wanted prefix waits. The caller runs them and hands the results to [`Engine::results`]. It may ask again
    /// once before it does that: so the kernel needs not wait for what is next.
    pub fn poll_ops(&mut self, now: Instant, max: usize) -> Vec<Op> {
        self.poll_ops_of(now, max, |_| false)
    }

    /// As [`Engine::poll_ops`]. Where there is room left, `more` may hand in wishes, a few at a time, and says whether it
    /// did: one that is planned as soon as it is known is still in the processor's caches.
    pub(crate) fn poll_ops_of(&mut self, now: Instant, max: usize, more: impl FnMut(&mut Engine) -> bool) -> Vec<Op> {
        if !self.loaded || self.blind || self.flights.forbid_more() {
            return Vec::new();
        }
        let ops = self.next_ops(now, max, more);
        if !ops.is_empty() {
            let is_route = |op: &Op| matches!(op, Op::Add(_) | Op::Replace { .. } | Op::Delete(_));
            self.flights.depart(!ops.iter().all(is_route));
        }
        ops
    }

    fn next_ops(&mut self, now: Instant, max: usize, mut more: impl FnMut(&mut Engine) -> bool) -> Vec<Op> {
        self.clock = SystemTime::now();
        let mut ops = Vec::new();
        self.judge_next_hops(now);
        while let Some((at, prefix)) = self.retry.first().copied() {
            if at > now {
                break;
            }
            self.retry.pop_first();
            self.stuck.remove(&prefix);
            self.mark(prefix);
        }
        ops.extend(self.device_ops(now));
        if !ops.is_empty() {
            // What they lead to is heard of before anything else is decided.
            return ops;
        }
        ops.extend(self.missing_far_ends(max));
        // Who waits for a place is planned in a turn of its own: one that has just given its place up may be about to be
        // deleted, which the view does not know yet.
        let mut waiting_turn = self.dirty.is_empty() && ops.is_empty();
        loop {
            self.plan_some(now, max, waiting_turn, &mut ops);
            if ops.len() >= max || !more(self) {
                break;
            }
            waiting_turn = false;
            self.judge_next_hops(now);
        }
        if self.dirty.is_empty() {
            self.tell_disputes();
        }
        // In a turn of their own: by then the last route over them is gone.
        if ops.is_empty() && !self.flights.are_out() {
            ops.extend(self.far_ends.take_leaving(max).into_iter().map(Op::DropFar));
        }
        if ops.is_empty() && !self.flights.are_out() {
            ops.extend(self.surplus_devices(now));
        }
        ops
    }

    /// Of what is marked: wanted prefixes first.
    fn plan_some(&mut self, now: Instant, max: usize, waiting_turn: bool, ops: &mut Vec<Op>) {
        while ops.len() < max
            && let Some(prefix) = self.dirty.pop_first().or_else(|| self.next_waiting().filter(|_| waiting_turn))
        {
            if !self.flights.put_off(prefix) {
                self.settle(now, prefix, ops);
            }
        }
        while ops.len() < max
            && self.dirty.is_empty()
            && self.next_waiting().is_none()
            && let Some(prefix) = self.gone.pop_first()
        {
            if self.desired.get(prefix).is_none() && !self.adopted.contains(&prefix) && !self.flights.put_off(prefix) {
                let planned = plan_prefix(self.view.routes.at(prefix), Want::Nothing).0;
                if planned.is_empty() {
                    self.changes.note(prefix);
                }
                self.take_up(prefix, planned, ops);
            }
        }
    }

    fn settle(&mut self, now: Instant, prefix: IpNetwork, ops: &mut Vec<Op>) {
        let Some(entry) = self.desired.get(prefix) else { return };
        let (cause, failed) = (entry.cause, matches!(entry.state, State::Failed { .. }));
        let key = self.config.key_of(prefix, &entry.target);
        let protected = || entry.protected.then(|| self.protected.find(prefix, &self.config)).flatten();
        let facts = |next_hop: NextHop| self.next_hops.facts(next_hop);
        let resolved = match key.as_ref().err().cloned().or_else(protected) {
            Some(reason) => Resolved::Withheld(reason),
            None => resolve(prefix, &entry.target, &self.config, &self.view, facts),
        };
        let resolved = self.place(prefix, resolved);
        let Some(resolved) = self.reach_far_ends(prefix, resolved) else { return self.await_far_ends(prefix) };
        let (want, otherwise) = match (resolved, key) {
            (Resolved::Form(form), Ok(Key { protocol, metric, table })) => {
                let route = Route { prefix, metric, table, protocol, tos: 0, form, extras: false };
                (Want::Route(route), State::Pending)
            }
            (Resolved::Withheld(reason), _) | (Resolved::Form(_), Err(reason)) => {
                (Want::Nothing, State::Withheld { reason })
            }
            (Resolved::Skipped, _) => (Want::Nothing, State::Skipped),
        };
        let (planned, verdict) = plan_prefix(self.view.routes.at(prefix), want);
        if verdict == Verdict::Changing
            && let Some(reason) = self.fight(now, prefix, &planned)
        {
            return self.set_state(prefix, State::Withheld { reason });
        }
        // What an earlier run left in another program's pool stays until the sweep: that program has its own there by then.
        if !self.adopted.contains(&prefix) {
            self.take_up(prefix, planned, ops);
        }
        let state = match verdict {
            Verdict::Held => State::Installed,
            Verdict::Conflict(foreign) => {
                State::Conflict { foreign: foreign.text(&self.view.links).to_string().into() }
            }
            Verdict::Nothing => otherwise,
            Verdict::Changing => {
                self.note_repair(prefix, cause);
                State::Pending
            }
        };
        if cause.is_some()
            && let Some(entry) = self.desired.get_mut(prefix)
        {
            entry.cause = None;
        }
        // A refusal stays visible until the retry has succeeded.
        if !(failed && matches!(state, State::Pending)) {
            self.set_state(prefix, state);
        }
    }

    fn take_up(&mut self, prefix: IpNetwork, planned: Ops, ops: &mut Vec<Op>) {
        let before = ops.len();
        let stuck = self.stuck.get(&prefix).is_some_and(|times| *times >= STUCK);
        ops.extend(planned.into_iter().filter(|op| !stuck || !matches!(op, Op::Delete(_))));
        if ops.len() > before {
            self.flights.board(prefix);
        }
    }
}
