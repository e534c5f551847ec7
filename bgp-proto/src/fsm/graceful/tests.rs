//! Both machines as tables: a line of inputs, the events it gives.

use std::time::{Duration, Instant};

use super::*;
use crate::fsm::{Direction, DownReason, GrConfig, Negotiated, PeerConfig, State, local_open, negotiate};
use crate::message::Notification;
use crate::{Asn, Family, FamilySet, RouterId};

const V4: Family = Family::IPV4_UNICAST;
const V6: Family = Family::IPV6_UNICAST;
const ALL: FamilySet = FamilySet::ALL;
const NONE: FamilySet = FamilySet::EMPTY;
const STALE_TIME: Duration = Duration::from_secs(300);

fn only(family: Family) -> FamilySet {
    FamilySet::from_iter([family])
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// What we negotiated with a peer that carries `families`, restarts gracefully with `preserved` forwarding, R as given.
fn session(families: FamilySet, graceful: Option<(bool, FamilySet)>) -> Negotiated {
    long_session(families, graceful, (0, 0))
}

/// The same with long-lived stale times: ours and the peer's.
fn long_session(families: FamilySet, graceful: Option<(bool, FamilySet)>, long_lived: (u32, u32)) -> Negotiated {
    let ours = PeerConfig {
        long_lived: long_lived.0,
        families: ALL,
        graceful_restart: Some(GrConfig { time: 10, restarted: false, forwarding_preserved: ALL, notification: false }),
        ..PeerConfig::new(Asn(1), RouterId(1), Asn(2))
    };
    let peers = PeerConfig {
        families,
        long_lived: long_lived.1,
        graceful_restart: graceful.map(|(restarted, forwarding_preserved)| GrConfig {
            time: 120,
            restarted,
            forwarding_preserved,
            notification: false,
        }),
        ..PeerConfig::new(Asn(2), RouterId(2), Asn(1))
    };
    let addr = "192.0.2.1:179".parse().unwrap();
    negotiate(&ours, &local_open(&peers), Direction::Outgoing, addr, addr).unwrap()
}

fn closed() -> DownReason {
    DownReason::Closed { error: None, state: State::Established }
}

enum Step {
    /// The session of such a peer is lost.
    Lost(FamilySet, Option<FamilySet>, DownReason),
    /// A session of such a peer is up; the set is what it preserved.
    Up(FamilySet, Option<FamilySet>),
    Eor(Family),
    Pass(u64),
    Forget,
}

fn helper(steps: Vec<Step>) -> Vec<GrEvent> {
    let mut now = Instant::now();
    let mut helper = Helper::new(STALE_TIME, Duration::ZERO);
    for step in steps {
        match step {
            Step::Lost(families, preserved, reason) => {
                helper.lost(now, &session(families, preserved.map(|p| (true, p))), &reason);
            }
            Step::Up(families, preserved) => helper.up(now, &session(families, preserved.map(|p| (true, p)))),
            Step::Eor(family) => helper.end_of_rib(family),
            Step::Forget => helper.forget(),
            Step::Pass(time) => now += seconds(time),
        }
        helper.handle_timeout(now);
        assert!(helper.poll_timeout().is_none_or(|at| at > now));
        assert_eq!(helper.stale().is_empty(), helper.poll_timeout().is_none(), "stale routes always have an end");
    }
    std::iter::from_fn(|| helper.poll_event()).collect()
}

#[test]
fn the_helper() {
    use GrEvent::{Flush, PurgeStale, Retain};
    use Step::{Eor, Forget, Lost, Pass, Up};
    // RFC 4724 §4.2
    #[rustfmt::skip]
    let table: Vec<(&str, Vec<Step>, Vec<GrEvent>)> = vec![
        ("no capability: everything goes",
            vec![Lost(ALL, None, closed())], vec![Flush(ALL)]),
        ("a NOTIFICATION: everything goes",
            vec![Lost(ALL, Some(ALL), DownReason::NotificationSent(Notification::cease(4, None)))], vec![Flush(ALL)]),
        ("back in time, both families confirmed",
            vec![Lost(ALL, Some(ALL), closed()), Pass(119), Up(ALL, Some(ALL)), Eor(V6), Eor(V4)],
            vec![Retain(ALL), PurgeStale(V6), PurgeStale(V4)]),
        ("the F bit of the first session does not matter",
            vec![Lost(only(V4), Some(NONE), closed()), Up(only(V4), Some(ALL)), Eor(V4)],
            vec![Retain(only(V4)), PurgeStale(V4)]),
        ("not back in time",
            vec![Lost(ALL, Some(ALL), closed()), Pass(120)], vec![Retain(ALL), Flush(ALL)]),
        ("too late: the flush is not repeated",
            vec![Lost(ALL, Some(ALL), closed()), Pass(120), Up(ALL, Some(ALL)), Eor(V4)], vec![Retain(ALL), Flush(ALL)]),
        ("back without the F bit of one family",
            vec![Lost(ALL, Some(ALL), closed()), Up(ALL, Some(only(V4))), Eor(V6), Eor(V4)],
            vec![Retain(ALL), Flush(only(V6)), PurgeStale(V4)]),
        ("back without one family",
            vec![Lost(ALL, Some(ALL), closed()), Up(only(V6), Some(ALL)), Eor(V6)],
            vec![Retain(ALL), Flush(only(V4)), PurgeStale(V6)]),
        ("back without the capability",
            vec![Lost(ALL, Some(ALL), closed()), Up(ALL, None), Eor(V4)], vec![Retain(ALL), Flush(ALL)]),
        ("End-of-RIB never comes",
            vec![Lost(ALL, Some(ALL), closed()), Up(ALL, Some(ALL)), Eor(V4), Pass(300), Eor(V6)],
            vec![Retain(ALL), PurgeStale(V4), PurgeStale(V6)]),
        ("lost again before End-of-RIB: also the twice stale stay",
            vec![Lost(ALL, Some(ALL), closed()), Up(ALL, Some(ALL)), Eor(V4), Lost(ALL, Some(ALL), closed()), Pass(119)],
            vec![Retain(ALL), PurgeStale(V4), Retain(ALL)]),
        ("lost twice, back, and done",
            vec![Lost(only(V4), Some(ALL), closed()), Pass(5), Up(only(V4), Some(ALL)), Lost(only(V4), Some(ALL), closed()),
                 Pass(5), Up(only(V4), Some(ALL)), Eor(V4), Pass(900)],
            vec![Retain(only(V4)), Retain(only(V4)), PurgeStale(V4)]),
        ("lost again and again: the first deadline holds (120 s and 300 s after the first loss)",
            vec![Lost(only(V4), Some(ALL), closed()), Pass(100), Up(only(V4), Some(ALL)), Pass(100),
                 Lost(only(V4), Some(ALL), closed()), Pass(100), Up(only(V4), Some(ALL)), Pass(100),
                 Lost(only(V4), Some(ALL), closed()), Pass(20), Up(only(V4), Some(ALL))],
            vec![Retain(only(V4)), Retain(only(V4)), Retain(only(V4)), Flush(only(V4))]),
        ("and while it is back",
            vec![Lost(only(V4), Some(ALL), closed()), Pass(100), Up(only(V4), Some(ALL)), Pass(250),
                 Lost(only(V4), Some(ALL), closed()), Pass(10), Up(only(V4), Some(ALL)), Pass(60)],
            vec![Retain(only(V4)), Retain(only(V4)), PurgeStale(V4)]),
        ("the second time for good: what was kept goes as well",
            vec![Lost(ALL, Some(ALL), closed()), Up(ALL, Some(ALL)), Lost(ALL, Some(ALL), DownReason::Stopped(None))],
            vec![Retain(ALL), Flush(ALL)]),
        ("End-of-RIB of a first session means nothing",
            vec![Up(ALL, Some(ALL)), Eor(V4), Eor(V6)], vec![]),
        ("forgotten while away",
            vec![Lost(ALL, Some(ALL), closed()), Forget, Pass(500)], vec![Retain(ALL), Flush(ALL)]),
        ("forgotten when back",
            vec![Lost(ALL, Some(ALL), closed()), Up(ALL, Some(ALL)), Forget, Pass(500)],
            vec![Retain(ALL), PurgeStale(V4), PurgeStale(V6)]),
    ];
    for (name, steps, expected) in table {
        assert_eq!(helper(steps), expected, "{name}");
    }
}

#[test]
fn the_helper_for_long() {
    use GrEvent::{Flush, LongLived, PurgeStale, Retain};
    enum Do {
        Lost,
        Up(bool),
        Eor,
        Pass(u64),
    }
    use Do::{Eor, Lost, Pass, Up};
    let v4 = only(V4);
    type Line = (&'static str, (u32, u32), Vec<Do>, Vec<GrEvent>);
    // RFC 9494 §4.2; a restart time of 120 s, (our, the peer's) long-lived stale times, F bits as in `Up`.
    #[rustfmt::skip]
    let table: Vec<Line> = vec![
        ("we do not offer it", (0, 900), vec![Lost, Pass(120)], vec![Retain(v4), Flush(v4)]),
        ("the peer does not", (900, 0), vec![Lost, Pass(120)], vec![Retain(v4), Flush(v4)]),
        ("never back", (900, 900), vec![Lost, Pass(119), Pass(1), Pass(899), Pass(1)],
            vec![Retain(v4), LongLived(v4), Flush(v4)]),
        ("not longer than the peer asks for", (900, 50), vec![Lost, Pass(120), Pass(50)], vec![Retain(v4), LongLived(v4), Flush(v4)]),
        ("nor than we are willing to", (50, 900), vec![Lost, Pass(120), Pass(50)], vec![Retain(v4), LongLived(v4), Flush(v4)]),
        ("back late", (900, 900), vec![Lost, Pass(120), Pass(500), Up(true), Eor, Pass(9000)],
            vec![Retain(v4), LongLived(v4), PurgeStale(V4)]),
        ("back late, having lost its forwarding state", (900, 900), vec![Lost, Pass(120), Up(false)],
            vec![Retain(v4), LongLived(v4), Flush(v4)]),
        ("back in time: nothing is long-lived", (900, 900), vec![Lost, Pass(100), Up(true), Eor], vec![Retain(v4), PurgeStale(V4)]),
        ("back late, and End-of-RIB never comes", (900, 900), vec![Lost, Pass(120), Up(true), Pass(300)],
            vec![Retain(v4), LongLived(v4), PurgeStale(V4)]),
        ("back late, lost again: the long time goes on", (900, 900),
            vec![Lost, Pass(120), Pass(600), Up(true), Pass(10), Lost, Pass(120), Pass(169), Pass(1)],
            vec![Retain(v4), LongLived(v4), Retain(v4), LongLived(v4), Flush(v4)]),
    ];
    for (name, long, steps, expected) in table {
        let mut now = Instant::now();
        let mut helper = Helper::new(STALE_TIME, Duration::ZERO);
        for step in steps {
            match step {
                Lost => helper.lost(now, &long_session(v4, Some((true, ALL)), long), &closed()),
                Up(preserved) => {
                    let preserved = if preserved { ALL } else { NONE };
                    helper.up(now, &long_session(v4, Some((true, preserved)), long));
                }
                Eor => helper.end_of_rib(V4),
                Pass(time) => now += seconds(time),
            }
            helper.handle_timeout(now);
            assert!(helper.poll_timeout().is_none_or(|at| at > now), "{name}");
            assert!(helper.long_lived().intersection(helper.stale()) == helper.long_lived(), "{name}");
        }
        let events: Vec<_> = std::iter::from_fn(|| helper.poll_event()).collect();
        assert_eq!(events, expected, "{name}");
    }
}

#[test]
fn the_helper_that_is_told_to_hold() {
    use GrEvent::{Flush, LongLived, PurgeStale, Retain};
    enum Do {
        Lost(DownReason),
        Up(bool),
        Eor,
        Pass(u64),
    }
    use Do::{Eor, Lost, Pass, Up};
    let v4 = only(V4);
    let cease = |subcode| DownReason::NotificationReceived {
        notification: Notification::cease(subcode, None),
        state: State::Established,
    };
    let silence = || DownReason::HoldTimerExpired(seconds(90));
    // Held for 900 s; whether the peer knows RFC 4724, with a restart time of 120 s; nobody knows RFC 9494 or RFC 8538.
    #[rustfmt::skip]
    let table: Vec<(&str, bool, Vec<Do>, Vec<GrEvent>)> = vec![
        ("a peer that knows nothing", false, vec![Lost(closed()), Pass(899), Pass(1)], vec![Retain(v4), LongLived(v4), Flush(v4)]),
        ("one that restarts", true, vec![Lost(closed()), Pass(119), Pass(1), Pass(899), Pass(1)],
            vec![Retain(v4), LongLived(v4), Flush(v4)]),
        ("silence, which RFC 4724 does not cover", true, vec![Lost(silence()), Pass(899), Pass(1)],
            vec![Retain(v4), LongLived(v4), Flush(v4)]),
        ("stopped, as BIRD says", true, vec![Lost(cease(2)), Pass(900)], vec![Retain(v4), LongLived(v4), Flush(v4)]),
        ("removed from its configuration", true, vec![Lost(cease(3))], vec![Flush(v4)]),
        ("a hard reset", true, vec![Lost(cease(9))], vec![Flush(v4)]),
        ("we do not want it", true, vec![Lost(DownReason::Stopped(None))], vec![Flush(v4)]),
        ("nor now, as we have reset it", true, vec![Lost(DownReason::NotificationSent(Notification::cease(9, None)))], vec![Flush(v4)]),
        ("back in order", true, vec![Lost(closed()), Pass(200), Up(false), Eor, Pass(299), Pass(1)],
            vec![Retain(v4), LongLived(v4), PurgeStale(V4)]),
        ("back with its forwarding state: its End-of-RIB counts", true, vec![Lost(closed()), Pass(20), Up(true), Eor],
            vec![Retain(v4), PurgeStale(V4)]),
        ("back knowing nothing, lost again: the first time counts", false,
            vec![Lost(closed()), Pass(700), Up(false), Pass(100), Lost(closed()), Pass(99), Pass(1)],
            vec![Retain(v4), LongLived(v4), Retain(v4), LongLived(v4), Flush(v4)]),
    ];
    for (name, restarts, steps, expected) in table {
        let (mut now, mut helper) = (Instant::now(), Helper::new(STALE_TIME, seconds(900)));
        for step in steps {
            match step {
                Lost(reason) => helper.lost(now, &session(v4, restarts.then_some((true, ALL))), &reason),
                Up(kept) => helper.up(now, &session(v4, restarts.then_some((true, if kept { ALL } else { NONE })))),
                Eor => helper.end_of_rib(V4),
                Pass(time) => now += seconds(time),
            }
            helper.handle_timeout(now);
            assert!(helper.poll_timeout().is_none_or(|at| at > now), "{name}");
        }
        let events: Vec<_> = std::iter::from_fn(|| helper.poll_event()).collect();
        assert_eq!(events, expected, "{name}");
        assert!(helper.stale().is_empty(), "{name}");
    }
    // Without the family nobody could renew them.
    let (now, mut helper) = (Instant::now(), Helper::new(STALE_TIME, seconds(900)));
    helper.lost(now, &session(v4, None), &closed());
    helper.up(now, &session(only(V6), None));
    assert_eq!(std::iter::from_fn(|| helper.poll_event()).last(), Some(Flush(v4)));
}

#[test]
fn long_lived_needs_the_short_form_beside_it() {
    // RFC 9494 §3.1
    assert_eq!(long_session(ALL, None, (900, 900)).peer_llgr, None);
    let both = long_session(only(V4), Some((true, only(V4))), (900, 800));
    assert_eq!((both.long_lived(V4), both.long_lived(V6)), (seconds(800), seconds(0)));
    assert_eq!(both.long_lived_preserved(), only(V4));
    assert!(both.peer_knows_long_lived() && !session(ALL, Some((true, ALL))).peer_knows_long_lived());
    // 24 bits.
    assert_eq!(long_session(ALL, Some((true, ALL)), (u32::MAX, u32::MAX)).long_lived(V4), seconds(0x00ff_ffff));
}

#[test]
fn a_restart_time_of_zero_goes_straight_to_the_long_one() {
    // RFC 9494 §4.2
    let mut negotiated = long_session(only(V4), Some((true, ALL)), (900, 900));
    negotiated.peer_graceful_restart.as_mut().unwrap().time = 0;
    let mut helper = Helper::new(STALE_TIME, Duration::ZERO);
    let now = Instant::now();
    helper.lost(now, &negotiated, &closed());
    let events: Vec<_> = std::iter::from_fn(|| helper.poll_event()).collect();
    assert_eq!(events, [GrEvent::Retain(only(V4)), GrEvent::LongLived(only(V4))]);
    assert_eq!(helper.poll_timeout(), Some(now + seconds(900)));
}

#[test]
fn the_deferral() {
    use DeferralEnd::{Complete, TimedOut};
    enum Do {
        Up(&'static str, Option<bool>),
        Down(&'static str),
        Forget(&'static str),
        Eor(&'static str, Family),
        Pass(u64),
    }
    use Do::{Down, Eor, Forget, Pass, Up};
    let done = DeferralEvent::Done;
    // RFC 4724 §4.1; peers a and b carry both families, 10 s to arrive, 60 s in all; `Up(_, Some(R))`.
    #[rustfmt::skip]
    let table: Vec<(&str, Vec<Do>, Vec<DeferralEvent>)> = vec![
        ("both confirm", vec![Up("a", Some(false)), Eor("a", V4), Eor("a", V6), Up("b", Some(false)), Eor("b", V6), Eor("b", V4)],
            vec![done(V6, Complete), done(V4, Complete)]),
        ("one never comes: known when it could have", vec![Up("a", Some(false)), Eor("a", V4), Eor("a", V6), Pass(10)],
            vec![done(V4, Complete), done(V6, Complete)]),
        ("but not before", vec![Up("a", Some(false)), Eor("a", V4), Eor("a", V6), Pass(9)], vec![]),
        ("nobody comes", vec![Pass(10)], vec![done(V4, Complete), done(V6, Complete)]),
        ("one comes and never ends", vec![Up("a", Some(false)), Eor("a", V4), Pass(10), Pass(50)],
            vec![done(V4, Complete), done(V6, TimedOut)]),
        ("each has its own time: a until 60, b, which came last, until 69",
            vec![Up("a", Some(false)), Pass(9), Up("b", Some(false)), Pass(1), Eor("b", V4), Pass(50), Pass(8), Pass(1)],
            vec![done(V4, TimedOut), done(V6, TimedOut)]),
        ("its time begins with its first session, however often it comes",
            vec![Forget("b"), Up("a", Some(false)), Pass(5), Down("a"), Pass(4), Up("a", Some(false)), Pass(50), Pass(1)],
            vec![done(V4, TimedOut), done(V6, TimedOut)]),
        ("R bit: does not count", vec![Up("a", Some(true)), Up("b", Some(false)), Eor("b", V4), Eor("b", V6)],
            vec![done(V4, Complete), done(V6, Complete)]),
        ("no capability: does not count", vec![Up("a", None), Up("b", None)], vec![done(V4, Complete), done(V6, Complete)]),
        ("goes away for good", vec![Up("a", Some(false)), Up("b", None), Pass(11), Down("a")],
            vec![done(V4, Complete), done(V6, Complete)]),
        ("goes away early and may come back", vec![Up("a", Some(false)), Up("b", None), Down("a"), Pass(9), Up("a", Some(false)), Eor("a", V4), Eor("a", V6)],
            vec![done(V4, Complete), done(V6, Complete)]),
        ("removed from the configuration", vec![Forget("a"), Forget("b")], vec![done(V4, Complete), done(V6, Complete)]),
        ("a peer nobody expected counts while it is there", vec![Up("c", Some(false)), Pass(10), Eor("c", V4), Pass(50)],
            vec![done(V4, Complete), done(V6, TimedOut)]),
    ];
    for (name, steps, expected) in table {
        let mut now = Instant::now();
        let mut deferral = Deferral::new(Whom::Settled, now, ALL, [("a", ALL), ("b", ALL)], seconds(10), seconds(60));
        for step in steps {
            match step {
                Up(peer, restarted) => deferral.up(now, peer, &session(ALL, restarted.map(|r| (r, ALL)))),
                Down(peer) => deferral.down(&peer),
                Forget(peer) => deferral.forget(&peer),
                Eor(peer, family) => deferral.end_of_rib(&peer, family),
                Pass(time) => now += seconds(time),
            }
            deferral.handle_timeout(now);
            assert!(deferral.poll_timeout().is_none_or(|at| at > now), "{name}");
            assert_eq!(deferral.is_done(), deferral.awaited().next().is_none(), "{name}");
        }
        let events: Vec<_> = std::iter::from_fn(|| deferral.poll_event()).collect();
        assert_eq!(events, expected, "{name}");
    }
    let nothing = Deferral::<u8>::new(Whom::Settled, Instant::now(), NONE, [(1, ALL)], seconds(10), seconds(60));
    assert!(nothing.is_done() && nothing.poll_timeout().is_none());
}

#[test]
fn a_sweep_waits_for_peers_that_restarted_too_and_for_those_without_the_capability() {
    let now = Instant::now();
    let peers = [("restarted", ALL), ("plain", ALL)];
    let mut sweep = Deferral::new(Whom::Everyone, now, ALL, peers, seconds(10), seconds(60));
    sweep.up(now, "restarted", &session(ALL, Some((true, ALL))));
    sweep.up(now, "plain", &session(ALL, None));
    assert!(!sweep.is_done());
    for family in [V4, V6] {
        sweep.end_of_rib(&"restarted", family);
    }
    sweep.handle_timeout(now + seconds(10));
    assert!(!sweep.is_done(), "the peer without the capability may still be sending");
    sweep.handle_timeout(now + seconds(60));
    assert!(sweep.is_done());
}
