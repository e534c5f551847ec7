//! RFC 7606: what an error in an UPDATE costs, and that it costs no more.
//!
//! Each case is a good route with one thing made wrong. The peer announces three prefixes first; the wrong message
//! announces the first again (with another MED), and withdraws the third:
//!
//! * [`is_withdrawn`]: the first and the third are gone, the second and the session stay;
//! * [`is_discarded`]: the first is announced as the message says, without the attribute; what others are told shows it;
//! * [`is_reset`]: exactly this NOTIFICATION, and no route of the peer is left.

mod attributes;
mod layout;
mod multiprotocol;

use crate::harness::{Neighbor, Open, Peer, Roost, Setup, Told, Update};

const FIRST: &str = "10.1.0.0/16";
const SECOND: &str = "10.2.0.0/16";
const THIRD: &str = "10.3.0.0/16";

/// A change that makes a good route wrong.
type Edit = fn(Update) -> Update;

/// Who sends the wrong message.
#[derive(Clone, Copy)]
enum From {
    External,
    Internal,
    /// An external peer without the four-octet AS capability.
    TwoOctet,
}

impl From {
    fn neighbor(self) -> Neighbor {
        match self {
            Self::External | Self::TwoOctet => Neighbor::ebgp(65001).both(),
            Self::Internal => Neighbor::client().both(),
        }
    }

    fn open(self) -> Open {
        match self {
            Self::External => Open::new(65001).ipv6(),
            Self::Internal => Open::new(65000).ipv6(),
            Self::TwoOctet => Open::new(65001).ipv6().without(65),
        }
    }
}

/// Roost, the peer with its three prefixes, and an internal onlooker.
fn scene(from: From) -> (Roost, Peer) {
    let roost = Setup::with([from.neighbor(), Neighbor::client()]).start();
    let mut peer = roost.peer_with(0, from.open());
    let route = peer.route(&[FIRST, SECOND, THIRD]);
    peer.update(&route).settle(&roost);
    (roost, peer)
}

#[track_caller]
fn is_withdrawn(from: From, edit: Edit) {
    let (roost, mut peer) = scene(from);
    let wrong = edit(peer.route(&[FIRST]).med(9)).withdraw(&[THIRD]);
    peer.update(&wrong).settle(&roost);
    assert_eq!(roost.prefixes(0), [SECOND], "{}", roost.about(0)["last_fault"]);
    let about = roost.about(0);
    assert_eq!(about["established_count"].as_u64(), Some(1), "{about}");
    assert!(about["update_faults"].as_u64() > Some(0), "{about}");
}

/// The route counts; `check` looks at what the onlooker is told about it.
#[track_caller]
fn is_discarded(from: From, edit: Edit, check: fn(&Told)) {
    let (roost, mut peer) = scene(from);
    let wrong = edit(peer.route(&[FIRST])).withdraw(&[THIRD]);
    peer.update(&wrong).settle(&roost);
    assert_eq!(roost.prefixes(0), [FIRST, SECOND], "{}", roost.about(0)["last_fault"]);
    let mut onlooker = roost.peer(1);
    check(&onlooker.told(FIRST));
}

#[track_caller]
fn is_reset(from: From, edit: Edit, subcode: u8, data: &[u8]) {
    let (roost, mut peer) = scene(from);
    let wrong = edit(peer.route(&[FIRST]).med(9));
    peer.update(&wrong).expect_notification(3, subcode, data);
    roost.await_table("no route of the peer", |table| table.is_empty().then_some(()));
}

/// Cases that are a row: `name: who, the change;`.
macro_rules! withdrawn {
    ($($(#[$meta:meta])* $name:ident: $from:ident, $edit:expr;)*) => {
        $($(#[$meta])* #[test]
        fn $name() {
            $crate::update_errors::is_withdrawn($crate::update_errors::From::$from, $edit);
        })*
    };
}

/// `name: who, the change, what the onlooker is told;`.
macro_rules! discarded {
    ($($(#[$meta:meta])* $name:ident: $from:ident, $edit:expr, $check:expr;)*) => {
        $($(#[$meta])* #[test]
        fn $name() {
            $crate::update_errors::is_discarded($crate::update_errors::From::$from, $edit, $check);
        })*
    };
}

/// `name: who, the change, subcode, data;`.
macro_rules! reset {
    ($($(#[$meta:meta])* $name:ident: $from:ident, $edit:expr, $subcode:expr, $data:expr;)*) => {
        $($(#[$meta])* #[test]
        fn $name() {
            $crate::update_errors::is_reset($crate::update_errors::From::$from, $edit, $subcode, &$data);
        })*
    };
}

use {discarded, reset, withdrawn};
