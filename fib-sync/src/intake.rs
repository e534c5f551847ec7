//! Wishes on their way to the engine: a few at a time, and each few planned before the next come.
//!
//! A wish that is planned at once costs a fraction of one that waits in the engine among a hundred thousand others, because
//! what it touches is still in the processor's caches; and the kernel gets its first routes when the first wishes are in.
//! Of what was handed in together, prefixes that are no longer wanted come last: new before old. IPv6 prefixes come in
//! order, so that what the kernel's tree is asked for next is near what it was asked for; IPv4 prefixes in that
//! of their hashes: in order the kernel took 0.6 s to give up 100,000 of them, in none 0.35 s (`tests/bench fib`), and what is
//! known of them lies in the order in which they came first. A few come in order in any case, so that it does not hang on
//! chance which of them get the last places ([`FibConfig::max_routes`](crate::FibConfig)).

use crate::desired::Target;
use crate::engine::Engine;
use crate::shared::{Shared, Wishes};
use ipnetwork::IpNetwork;
use std::time::Instant;
use std::vec::IntoIter;

/// So many come in order whatever they are.
const FEW: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct Intake {
    targets: IntoIter<(IpNetwork, Option<Target>)>,
    /// No longer wanted.
    gone: Vec<IpNetwork>,
    sweep: bool,
    /// When the oldest of what was taken last was handed in, until it is asked for.
    since: Option<Instant>,
}

impl Intake {
    /// When the oldest was handed in of what was taken since the last call, if anything was.
    pub(crate) fn take_stamp(&mut self) -> Option<Instant> {
        self.since.take()
    }

    /// Whether the engine has all that was taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.targets.len() == 0 && self.gone.is_empty() && !self.sweep
    }

    /// Gives the engine about `max` wishes; says whether there were any.
    pub(crate) fn feed(&mut self, shared: &Shared, engine: &mut Engine, max: usize) -> bool {
        engine.watch_next_hops(shared.take_next_hops());
        if self.is_empty() {
            let Wishes { targets, sweep, since, .. } = shared.take_targets();
            let mut targets: Vec<_> = targets.into_iter().collect();
            let few = targets.len() <= FEW;
            targets.sort_unstable_by_key(|(prefix, _)| match prefix {
                IpNetwork::V4(net) => few.then(|| (u32::from(net.ip()).into(), net.prefix())),
                IpNetwork::V6(net) => Some((u128::from(net.ip()), net.prefix())),
            });
            // Of what came before in this turn nobody has asked yet.
            let since = self.since.into_iter().chain(since).min();
            *self = Intake { targets: targets.into_iter(), gone: Vec::new(), sweep, since };
        }
        if self.is_empty() {
            return false;
        }
        let wanted = self.targets.by_ref().filter(|(prefix, target)| {
            if target.is_none() {
                self.gone.push(*prefix);
            }
            target.is_some()
        });
        let mut room = max;
        engine.update(wanted.take(max).inspect(|_| room -= 1));
        if self.targets.len() > 0 {
            return true;
        }
        let rest = self.gone.len().saturating_sub(room);
        engine.update(self.gone.drain(rest..).map(|prefix| (prefix, None)));
        if self.gone.is_empty() && std::mem::take(&mut self.sweep) {
            engine.sweep();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::FibConfig;

    fn target(next_hop: &str) -> Option<Target> {
        Some(Target::via([next_hop.parse().unwrap()].into_iter().collect()))
    }

    #[test]
    fn what_is_handed_in_together_is_wanted_before_anything_of_it_is_not() {
        let net = |n: u32| format!("10.66.{n}.0/26").parse::<IpNetwork>().unwrap();
        let (shared, mut intake) = (Shared::default(), Intake::default());
        let mut engine = Engine::new(FibConfig::default()).unwrap();
        shared.hand_in((0..50).map(|n| (net(n), target("172.16.1.2"))));
        while !shared.is_empty() || !intake.is_empty() {
            intake.feed(&shared, &mut engine, 7);
        }
        assert_eq!(engine.prefixes().len(), 50);
        // Each prefix goes, and another one comes.
        shared.hand_in((0..50).flat_map(|n| [(net(n), None), (net(n + 100), target("172.16.1.2"))]));
        let (mut turns, mut apart) = (0, 0);
        while !shared.is_empty() || !intake.is_empty() {
            intake.feed(&shared, &mut engine, 7);
            let wanted = engine.prefixes();
            let old = wanted.iter().filter(|prefix| (0..50).any(|n| **prefix == net(n))).count();
            assert!(
                old == 50 || wanted.len() - old == 50,
                "{old} of the old ones and {} of the new",
                wanted.len() - old
            );
            turns += 1;
            apart += usize::from(old == 50);
        }
        assert_eq!(engine.prefixes().len(), 50);
        assert!(turns > 10 && apart >= 7, "a few at a time: {turns}, {apart}");
    }

    #[test]
    fn of_a_few_the_lowest_get_the_places() {
        let net = |n: u32| format!("10.66.{n}.0/26").parse::<IpNetwork>().unwrap();
        let (shared, mut intake) = (Shared::default(), Intake::default());
        let mut engine = Engine::new(FibConfig::default()).unwrap();
        shared.hand_in((0..200).rev().map(|n| (net(n), target("172.16.1.2"))));
        assert!(intake.feed(&shared, &mut engine, 20));
        assert_eq!(engine.prefixes(), (0..20).map(net).collect::<Vec<_>>());
    }

    #[test]
    fn it_is_known_since_when_the_oldest_waits_however_often_more_is_asked_for() {
        let (shared, mut intake) = (Shared::default(), Intake::default());
        let mut engine = Engine::new(FibConfig::default()).unwrap();
        let before = std::time::Instant::now();
        shared.hand_in([("10.66.2.0/26".parse().unwrap(), target("172.16.1.2"))]);
        let after = std::time::Instant::now();
        assert!(intake.feed(&shared, &mut engine, 7));
        shared.hand_in([("10.66.3.0/26".parse().unwrap(), target("172.16.1.2"))]);
        assert!(intake.feed(&shared, &mut engine, 7) && !intake.feed(&shared, &mut engine, 7));
        assert!((before..=after).contains(&intake.take_stamp().unwrap()));
        assert_eq!(intake.take_stamp(), None);
    }

    #[test]
    fn the_last_word_of_each_handing_in_holds() {
        let prefix: IpNetwork = "10.66.2.0/26".parse().unwrap();
        let (shared, mut intake) = (Shared::default(), Intake::default());
        let mut engine = Engine::new(FibConfig::default()).unwrap();
        shared.hand_in([(prefix, None), (prefix, target("172.16.1.2"))]);
        intake.feed(&shared, &mut engine, 1);
        shared.hand_in([(prefix, target("172.16.1.3"))]);
        intake.feed(&shared, &mut engine, 1);
        assert_eq!(engine.find(prefix).unwrap().target, target("172.16.1.3").as_ref());
        shared.hand_in([(prefix, target("172.16.1.4")), (prefix, None)]);
        intake.feed(&shared, &mut engine, 1);
        assert!(engine.find(prefix).is_none() && intake.is_empty());
    }
}
