//! What operators read, and which ends keep routes.

use bytes::Bytes;

use super::*;
use crate::fsm::{Direction, GrConfig, local_open, negotiate};
use crate::{Asn, Family, FamilySet, RouterId};

fn config() -> PeerConfig {
    PeerConfig::new(Asn(65001), RouterId(0x0a00_0001), Asn(65003))
}

fn received(code: ErrorCode, subcode: u8) -> DownReason {
    let notification = Notification { code, subcode, data: Bytes::new() };
    DownReason::NotificationReceived { notification, state: State::Established }
}

#[test]
fn every_reason_says_what_happened_and_what_to_do() {
    let wrong_as = OpenRefused::WrongAs { expected: Asn(65003).into(), got: Asn(65002) };
    let wrong_id = OpenRefused::WrongRouterId { got: RouterId(0x0a00_0001), local: RouterId(0x0a00_0001) };
    let ipv6 = OpenRefused::NoCommonFamily {
        local: FamilySet::from_iter([Family::IPV4_UNICAST]),
        peer: vec![Family::IPV6_UNICAST],
    };
    #[rustfmt::skip]
    let table: [(DownReason, &str, &str); 14] = [
        (DownReason::NeverTried, "not tried yet", ""),
        (DownReason::Waiting, "waiting for the peer to connect", "must connect to us"),
        (DownReason::Refused, "connection refused", "`port`"),
        (DownReason::Unreachable, "host unreachable", "ip route get"),
        (DownReason::ConnectTimedOut, "connection timed out", "same password"),
        (DownReason::NoOpen(Duration::from_secs(240)), "connected, but no OPEN came for 240 s", "has us configured"),
        (DownReason::OpenRefused(wrong_as), "wrong AS: expected AS 65003, peer says AS 65002", "set `asn: 65002`, or fix the peer"),
        (DownReason::OpenRefused(wrong_id), "wrong router id: peer says 10.0.0.1, which is ours", "router id of its own"),
        (DownReason::OpenRefused(ipv6), "no common address family: we carry ipv4, peer carries ipv6", "add ipv6 to `families`"),
        (DownReason::Closed { error: None, state: State::OpenSent }, "connection closed by the peer in OpenSent", "no neighbour configured"),
        (DownReason::Closed { error: Some("connection reset by peer".into()), state: State::Established }, "connection lost in Established: connection reset by peer", ""),
        (DownReason::HoldTimerExpired(Duration::from_secs(90)), "hold timer expired: nothing heard for 90 s", "both ways"),
        (DownReason::SendHoldTimerExpired(Duration::from_secs(480)), "send hold timer expired: the peer took nothing for 480 s", "hangs"),
        (DownReason::Stopped(Some("upgrade".into())), "disabled by the operator: \"upgrade\"", "lets it in again"),
    ];
    let config = PeerConfig { password: true, ..config() };
    for (reason, text, hint) in table {
        assert_eq!(reason.to_string(), text);
        let got = reason.what_to_do(&config);
        assert_eq!(got.is_some(), !hint.is_empty(), "{text}: {got:?}");
        assert!(got.unwrap_or_default().contains(hint), "{text}: the hint does not say {hint:?}");
    }
    let text = received(ErrorCode::OPEN_MESSAGE, 2).to_string();
    assert!(text.starts_with("peer sent ") && text.ends_with(" in Established"), "{text}");
    let hint = received(ErrorCode::OPEN_MESSAGE, 2).what_to_do(&config).unwrap();
    assert_eq!(hint, "the peer does not expect AS 65001: fix it there, or set our `asn`");
}

#[test]
fn which_ends_keep_routes() {
    // RFC 4724 §4.2 and RFC 8538 §4: columns are no graceful restart, graceful restart, with NOTIFICATIONs.
    let negotiated = |graceful: Option<bool>| {
        let config = |local, peer| PeerConfig {
            graceful_restart: graceful.map(|notification| GrConfig {
                time: 120,
                restarted: false,
                forwarding_preserved: FamilySet::ALL,
                notification,
            }),
            ..PeerConfig::new(Asn(local), RouterId(local), Asn(peer))
        };
        let addr = "192.0.2.1:179".parse().unwrap();
        negotiate(&config(1, 2), &local_open(&config(2, 1)), Direction::Outgoing, addr, addr).unwrap()
    };
    let columns = [negotiated(None), negotiated(Some(false)), negotiated(Some(true))];
    let sent = |subcode| DownReason::NotificationSent(Notification::cease(subcode, None));
    let second = Duration::from_secs(1);
    #[rustfmt::skip]
    let table = [
        (DownReason::Closed { error: None, state: State::Established },         [false, true,  true]),
        (DownReason::Closed { error: Some("reset".into()), state: State::Established }, [false, true, true]),
        (DownReason::PeerRestarted,                                             [false, true,  true]),
        (DownReason::HoldTimerExpired(second),                                  [false, false, true]),
        (DownReason::SendHoldTimerExpired(second),                              [false, false, true]),
        (received(ErrorCode::CEASE, cease::ADMINISTRATIVE_RESET),               [false, false, true]),
        (received(ErrorCode::HOLD_TIMER_EXPIRED, 0),                            [false, false, true]),
        (received(ErrorCode::CEASE, cease::HARD_RESET),                         [false, false, false]),
        (sent(cease::ADMINISTRATIVE_RESET),                                     [false, false, true]),
        (sent(cease::HARD_RESET),                                               [false, false, false]),
        (DownReason::UnexpectedMessage { message: "OPEN", state: State::Established }, [false, false, true]),
        (DownReason::Stopped(None),                                             [false, false, false]),
        (DownReason::TooManyPrefixes { family: Family::IPV4_UNICAST, limit: 9, pause: None }, [false, false, false]),
    ];
    for (reason, expected) in table {
        let got = columns.each_ref().map(|negotiated| reason.keeps_routes(negotiated));
        assert_eq!(got, expected, "{reason}");
    }
}
