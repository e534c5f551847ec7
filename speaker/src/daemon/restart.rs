//! What a restart needs to know: whether the kernel still forwards for us, and when the startup is over.
//!
//! At start the routes the last run left in the kernel are counted per family. Peers are told truthfully: the Restart
//! bit while the startup lasts, the Forwarding bit for families whose routes are still there (RFC 4724 §3). Until the
//! startup is over our own End-of-RIBs are held back, so that helpers keep what we announced before, and routes found
//! in the kernel that nobody wants yet stay.
//!
//! Where roost puts no routes into a kernel, [`LastRun`](super::last_run::LastRun) tells a first start from a later one.
//! It also says of which families the last run had none there: nothing could be lost of those.
//!
//! Why not a marker file for all of it: the kernel's own table is the state that matters; a file can say "preserved" when
//! routes are gone. "There were none" is true for as long as the kernel runs.

use std::sync::atomic::{AtomicBool, Ordering};

use bgp_proto::{Family, FamilySet};

/// The phase of the process, shared by the owner (who ends the startup) and the peers (who tell theirs).
#[derive(Debug)]
pub struct Restart {
    starting: AtomicBool,
    swept: AtomicBool,
    preserved: FamilySet,
    away: AtomicBool,
}

impl Restart {
    /// At start, where roost puts routes into a kernel: the numbers of routes of ours found there, and families of which
    /// the last run had none. Forwarding is as it was where there still are some, or never were (RFC 4724 §4.1).
    pub fn of_kernel(ipv4: usize, ipv6: usize, had_none: FamilySet) -> Self {
        let found = [(Family::IPV4_UNICAST, ipv4), (Family::IPV6_UNICAST, ipv6)];
        let preserved = found.into_iter().filter(|(family, count)| *count > 0 || had_none.contains(*family));
        Self::new(preserved.map(|(family, _)| family).collect())
    }

    /// At start, where it does not: whether it ran so lately that peers keep its routes. Outside the forwarding path it
    /// has nothing to lose, so its forwarding state is preserved by nature.
    pub fn of_last_run(recent: bool) -> Self {
        Self::new(if recent { FamilySet::ALL } else { FamilySet::EMPTY })
    }

    fn new(preserved: FamilySet) -> Self {
        Self { starting: AtomicBool::new(true), swept: AtomicBool::new(false), preserved, away: AtomicBool::new(false) }
    }

    /// Whether the last run left something that is worth waiting for.
    pub fn is_restart(&self) -> bool {
        !self.preserved.is_empty()
    }

    /// The Restart bit: we came back and are not complete yet.
    pub fn restarted(&self) -> bool {
        self.is_restart() && self.is_starting()
    }

    /// The Forwarding bits of an OPEN. `had_session` says that this process had a session with the peer before: then
    /// only TCP was lost, and the kernel has forwarded all the time.
    pub fn preserved(&self, had_session: bool) -> FamilySet {
        if had_session { FamilySet::ALL } else { self.preserved }
    }

    /// Whether End-of-RIBs are still awaited.
    pub fn is_starting(&self) -> bool {
        self.starting.load(Ordering::Relaxed)
    }

    /// Our own End-of-RIBs go out.
    pub fn finish(&self) {
        self.starting.store(false, Ordering::Relaxed);
    }

    /// Whether kernel routes that nobody announced again have been given up.
    pub fn is_swept(&self) -> bool {
        self.swept.load(Ordering::Relaxed)
    }

    /// Whether the node is drained: no session is wanted.
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// See [`Self::is_away`]. Peers that run are to be told.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    /// Kernel routes that nobody announced again go now.
    pub fn sweep(&self) {
        self.swept.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarding_bits_name_the_families_whose_routes_are_still_in_the_kernel() {
        // RFC 4724 §3
        let fresh = Restart::of_kernel(0, 0, FamilySet::EMPTY);
        assert!(!fresh.restarted());
        assert!(fresh.preserved(false).is_empty());
        let back = Restart::of_kernel(3, 0, FamilySet::EMPTY);
        assert!(back.restarted());
        assert!(back.preserved(false).contains(Family::IPV4_UNICAST));
        assert!(!back.preserved(false).contains(Family::IPV6_UNICAST));
        back.finish();
        assert!(!back.restarted());
    }

    #[test]
    fn where_the_last_run_had_no_routes_none_are_lost() {
        // RFC 4724 §4.1
        let ipv6 = FamilySet::from_iter([Family::IPV6_UNICAST]);
        assert_eq!(Restart::of_kernel(3, 0, ipv6).preserved(false), FamilySet::ALL);
        let lost = Restart::of_kernel(0, 0, ipv6);
        assert!(lost.restarted());
        assert_eq!(lost.preserved(false), ipv6);
    }

    #[test]
    fn a_lost_tcp_connection_loses_no_forwarding_state() {
        assert_eq!(Restart::of_kernel(0, 0, FamilySet::EMPTY).preserved(true), FamilySet::ALL);
    }

    #[test]
    fn a_reflector_without_a_kernel_table_has_restarted_when_it_ran_before() {
        let back = Restart::of_last_run(true);
        assert!(back.restarted());
        assert_eq!(back.preserved(false), FamilySet::ALL);
        let first = Restart::of_last_run(false);
        assert!(!first.is_restart());
        assert_eq!(first.preserved(false), FamilySet::EMPTY);
    }
}
