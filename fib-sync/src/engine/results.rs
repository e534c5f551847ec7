//! What became of what was done: noted where it succeeded, tried again later where the kernel refused, read back where
//! nobody knows.

use super::{Engine, RETRY_MAX, RETRY_MIN, STUCK, TOGETHER};
use crate::desired::State;
use crate::kernel::{Failure, KernelError};
use crate::plan::Op;
use ipnetwork::IpNetwork;
use std::time::{Instant, SystemTime};

impl Engine {
    /// What became of operations of [`Engine::poll_ops`]: those given out first, if there were two batches.
    pub fn results(&mut self, now: Instant, ops: Vec<Op>, results: Vec<Result<(), KernelError>>) {
        self.clock = SystemTime::now();
        let unanswered = || Err(KernelError::unknown("the kernel gave no answer"));
        let results = results.into_iter().chain(std::iter::repeat_with(unanswered));
        for prefix in self.flights.land() {
            self.mark(prefix);
        }
        let prefixes: Vec<IpNetwork> = ops.iter().map(Op::prefix).collect();
        let mut prefixes = prefixes.into_iter();
        for (n, (op, result)) in ops.into_iter().zip(results).enumerate() {
            if n.is_multiple_of(TOGETHER) {
                self.warm(prefixes.by_ref().take(TOGETHER));
            }
            if let Op::SetFar(entry) | Op::DropFar(entry) = op {
                self.far_result(now, &op, entry, result);
                continue;
            }
            if op.is_of_device() {
                self.device_result(now, &op, result);
                continue;
            }
            match result {
                Ok(()) => {
                    if self.flights.may_have_lost(&op) {
                        self.ask_dump(now);
                    }
                    self.stuck.remove(&op.prefix());
                    self.done(op);
                }
                Err(error) => self.refused(now, &op, error),
            }
        }
    }

    fn done(&mut self, op: Op) {
        let prefix = op.prefix();
        let ours = match op {
            Op::Add(route) => {
                self.stats.adds += 1;
                self.view.wrote(route)
            }
            Op::Replace { new, old } => {
                self.stats.replaces += 1;
                self.view.rewrote(&old, new)
            }
            Op::Delete(route) => {
                self.stats.deletes += 1;
                self.view.erased(&route);
                self.changes.note(prefix);
                return;
            }
            // Theirs are looked at elsewhere.
            _ => return,
        };
        if let Some(entry) = self.desired.get_mut(prefix) {
            entry.attempts = 0;
            self.set_state(prefix, State::Installed);
            // Under another metric an older one may be left; its time has come.
            if ours > 1 {
                self.dirty.insert(prefix);
            }
        }
    }

    fn refused(&mut self, now: Instant, op: &Op, error: KernelError) {
        let prefix = op.prefix();
        match (op, error.failure) {
            // Gone already, or not quite what we took it for. Only a look can tell; forgetting it here
            // could leave a route of ours behind as nobody's. What is wanted is planned again after it.
            (Op::Delete(_), Failure::Errno(libc::ESRCH)) if self.is_new_trouble(prefix) => return self.ask_dump(now),
            (Op::Replace { .. }, Failure::Errno(libc::ENOENT | libc::ESRCH)) if self.is_new_trouble(prefix) => {
                self.set_state(prefix, State::Pending);
                return self.ask_dump(now);
            }
            // Somebody holds the key and we don't know who.
            (_, Failure::Errno(libc::EEXIST)) => self.ask_dump(now),
            (Op::Add(route), Failure::Unknown) => {
                // Perhaps it is there now. As ours, so that the dump finds it in the shadow.
                self.view.wrote(route.clone());
                self.ask_dump(now);
            }
            (_, Failure::Unknown) => self.ask_dump(now),
            _ => {}
        }
        self.stats.refused_operation(&error);
        if let Op::Delete(_) = op {
            self.loud.warn(format_args!("can't delete `{}`: {error}", op.text(&self.view.links)));
            self.retry.insert((now + RETRY_MAX, prefix));
            return;
        }
        self.retry_later(now, prefix, error);
    }

    pub(super) fn retry_later(&mut self, now: Instant, prefix: IpNetwork, error: KernelError) {
        let Some(entry) = self.desired.get_mut(prefix) else { return };
        let pause = RETRY_MIN.saturating_mul(1 << entry.attempts.min(16)).min(RETRY_MAX);
        entry.attempts = entry.attempts.saturating_add(1);
        self.retry.insert((now + pause, prefix));
        let errno = error.errno();
        self.set_state(prefix, State::Failed { error: error.text.into(), errno });
    }

    /// Counts contradictions between what the kernel shows and what it says; `false` when it is enough.
    fn is_new_trouble(&mut self, prefix: IpNetwork) -> bool {
        let times = self.stuck.entry(prefix).or_default();
        *times = times.saturating_add(1);
        *times < STUCK
    }
}
