//! Which of two connections to one peer stays (RFC 4271 §6.8).
//!
//! A pure function of what is known about both. The peer asks it when a connection has received a valid OPEN and
//! another connection exists; both ends ask it about the same two connections, with the roles swapped, and must come to
//! the same answer. The tests check that for every combination.

use std::time::Duration;

use crate::{Asn, RouterId};

/// A session we dialled that is younger than this is never taken for a leftover: the peer may have dialled at the same
/// moment, and not have seen yet that ours is established.
const CROSSING: Duration = Duration::from_secs(1);

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// We dialled.
    Outgoing,
    /// The peer did.
    Incoming,
}

/// How far a connection is, as far as collisions care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// No OPEN has come.
    Waiting,
    /// Its OPEN is accepted.
    Confirmed,
    /// Established, for this long when the other connection was made.
    Established(Duration),
}

/// One of two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contender {
    /// Who opened it.
    pub direction: Direction,
    /// How far it is.
    pub phase: Phase,
}

/// What becomes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Both stay until the other one's OPEN comes.
    Wait,
    /// The existing one stays; close the new one with Cease/Connection Collision Resolution (6/7).
    KeepExisting,
    /// The new one stays; close the existing one with 6/7.
    KeepNew,
    /// The peer does not know the existing connection any more: drop that one as lost, so that its routes are retained
    /// (RFC 4724 §4.2), and go on with the new one.
    PeerRestarted,
}

/// The connection `new` has just received a valid OPEN; `existing` is the other one.
///
/// `local` and `peer` are identifiers and AS numbers as they stand in the OPENs; `graceful`: the existing session is
/// established and the peer's graceful restart capability on it had families.
pub fn collide(
    local: (RouterId, Asn),
    peer: (RouterId, Asn),
    existing: Contender,
    new: Direction,
    graceful: bool,
) -> Verdict {
    match existing.phase {
        // RFC 4724 §4.2, §5: who dials beside its established session has lost it, whatever its R bit says. We wait for
        // a valid OPEN where the RFC takes any connection.
        Phase::Established(age)
            if graceful
                && new == Direction::Incoming
                && (existing.direction == Direction::Incoming || age >= CROSSING) =>
        {
            Verdict::PeerRestarted
        }
        // RFC 4271 §6.8: CollisionDetectEstablishedState is not offered; an established session wins.
        Phase::Established(_) => Verdict::KeepExisting,
        // One end does not open two connections unless it gave up on the first; RFC 4271 does not know the case.
        Phase::Waiting | Phase::Confirmed if existing.direction == new => Verdict::KeepNew,
        Phase::Waiting => Verdict::Wait,
        // The connection opened by the higher identifier stays; RFC 6286 §2.3: by the higher AS when they are equal.
        Phase::Confirmed => {
            let winner = if local > peer { Direction::Outgoing } else { Direction::Incoming };
            if new == winner { Verdict::KeepNew } else { Verdict::KeepExisting }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: (RouterId, Asn) = (RouterId(0x0a00_0001), Asn(65002));
    const HIGH: (RouterId, Asn) = (RouterId(0x0a00_0002), Asn(65001));
    const SAME_ID_LOW: (RouterId, Asn) = (RouterId(0x0a00_0001), Asn(65001));
    const OLD: Phase = Phase::Established(CROSSING);
    const YOUNG: Phase = Phase::Established(Duration::from_millis(999));

    #[test]
    fn the_table() {
        use Direction::{Incoming as In, Outgoing as Out};
        use Phase::{Confirmed, Waiting};
        use Verdict::{KeepExisting, KeepNew, PeerRestarted, Wait};
        // RFC 4271 §6.8, RFC 6286 §2.3, RFC 4724 §4.2
        #[rustfmt::skip]
        let table = [
            // local       peer         existing         new  GR     verdict
            (LOW,         HIGH,        Out, Waiting,    In,  false, Wait),
            (LOW,         HIGH,        In,  Waiting,    Out, false, Wait),
            (LOW,         HIGH,        Out, Waiting,    In,  true,  Wait),
            (LOW,         HIGH,        Out, Confirmed,  In,  false, KeepNew),
            (LOW,         HIGH,        In,  Confirmed,  Out, false, KeepExisting),
            (HIGH,        LOW,         Out, Confirmed,  In,  false, KeepExisting),
            (HIGH,        LOW,         In,  Confirmed,  Out, false, KeepNew),
            (HIGH,        LOW,         In,  Confirmed,  Out, true,  KeepNew),
            // equal identifiers: the AS decides
            (SAME_ID_LOW, LOW,         Out, Confirmed,  In,  false, KeepNew),
            (LOW,         SAME_ID_LOW, Out, Confirmed,  In,  false, KeepExisting),
            // two of one direction: the newer
            (LOW,         HIGH,        In,  Waiting,    In,  false, KeepNew),
            (HIGH,        LOW,         In,  Confirmed,  In,  false, KeepNew),
            (LOW,         HIGH,        Out, Confirmed,  Out, false, KeepNew),
            // an established session wins, unless the peer does graceful restart and has dialled anew
            (LOW,         HIGH,        Out, OLD,        In,  false, KeepExisting),
            (HIGH,        LOW,         Out, OLD,        In,  false, KeepExisting),
            (LOW,         HIGH,        In,  OLD,        Out, false, KeepExisting),
            (LOW,         HIGH,        In,  OLD,        In,  false, KeepExisting),
            (LOW,         HIGH,        In,  OLD,        In,  true,  PeerRestarted),
            (LOW,         HIGH,        Out, OLD,        In,  true,  PeerRestarted),
            (LOW,         HIGH,        In,  YOUNG,      In,  true,  PeerRestarted),
            (LOW,         HIGH,        Out, YOUNG,      In,  true,  KeepExisting),
            (LOW,         HIGH,        In,  OLD,        Out, true,  KeepExisting),
        ];
        for (local, peer, direction, phase, new, graceful, verdict) in table {
            let existing = Contender { direction, phase };
            let got = collide(local, peer, existing, new, graceful);
            assert_eq!(got, verdict, "local {local:?} peer {peer:?} {existing:?} new {new:?} GR {graceful}");
        }
    }

    #[test]
    fn both_ends_keep_the_same_connection_whichever_open_came_last() {
        let flip = |d| if d == Direction::Outgoing { Direction::Incoming } else { Direction::Outgoing };
        for (a, b) in [(LOW, HIGH), (HIGH, LOW), (LOW, SAME_ID_LOW), (SAME_ID_LOW, LOW)] {
            // What each end calls the connection that `a` opened is Outgoing at a, Incoming at b.
            let kept = |local, peer, new: Direction| {
                let existing = Contender { direction: flip(new), phase: Phase::Confirmed };
                match collide(local, peer, existing, new, false) {
                    Verdict::KeepNew => new,
                    Verdict::KeepExisting => flip(new),
                    other => panic!("{other:?}"),
                }
            };
            for at_a in [Direction::Outgoing, Direction::Incoming] {
                for at_b in [Direction::Outgoing, Direction::Incoming] {
                    assert_eq!(kept(a, b, at_a), flip(kept(b, a, at_b)), "{a:?} {b:?}");
                }
            }
        }
    }
}
