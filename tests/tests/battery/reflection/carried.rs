//! What is carried through unchanged, what is left out, and how attributes are written.

use super::told;
use crate::harness::wire::code::*;
use crate::harness::wire::{OPT_TRANS, WELL_KNOWN, v6};
use crate::harness::{Neighbor, Update};

fn everything(update: Update) -> Update {
    update
        .set(WELL_KNOWN, ATOMIC_AGGREGATE, &[])
        .set(OPT_TRANS, AGGREGATOR, &[0, 0, 0xfd, 0xe9, 1, 2, 3, 4])
        .communities(&[5, 6])
        .set(OPT_TRANS, EXT_COMMUNITIES, &[[0x00, 2, 0, 1, 0, 0, 0, 2], [0x40, 4, 0, 1, 0, 0, 0, 9]].concat())
        .set(OPT_TRANS, LARGE_COMMUNITIES, &[[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]].concat())
}

#[test]
fn communities_of_all_kinds_and_the_aggregator_are_carried() {
    // RFC 1997, RFC 8092 §3, RFC 4271 §5.1.6, §5.1.7
    for to in [Neighbor::ebgp(65002), Neighbor::client()] {
        let told = told(Neighbor::ebgp(65001), to, everything);
        assert_eq!(told.attrs[&ATOMIC_AGGREGATE], (0x40, vec![]));
        assert_eq!(told.attrs[&AGGREGATOR], (0xc0, vec![0, 0, 0xfd, 0xe9, 1, 2, 3, 4]));
        assert_eq!(told.attrs[&COMMUNITIES], (0xc0, vec![0, 0, 0, 5, 0, 0, 0, 6]));
        assert_eq!(told.attrs[&LARGE_COMMUNITIES], (0xc0, vec![0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]));
    }
}

#[test]
fn non_transitive_extended_communities_stay_in_the_as() {
    // RFC 4360 §2, §6: the T bit of the type
    let outside = told(Neighbor::client(), Neighbor::ebgp(65002), everything);
    assert_eq!(outside.value(EXT_COMMUNITIES), [0x00, 2, 0, 1, 0, 0, 0, 2]);
    let inside = told(Neighbor::client(), Neighbor::client(), everything);
    assert_eq!(inside.value(EXT_COMMUNITIES).len(), 16);
}

#[test]
fn non_transitive_ipv6_extended_communities_stay_in_the_as() {
    // RFC 5701 §2
    let crosses = [&[0x00, 2][..], &v6("2001:db8::1"), &[0, 7]].concat();
    let stays = [&[0x40, 2][..], &v6("2001:db8::2"), &[0, 8]].concat();
    for (to, expected) in
        [(Neighbor::ebgp(65002), crosses.clone()), (Neighbor::client(), [&crosses[..], &stays].concat())]
    {
        let both = [&crosses[..], &stays].concat();
        let told = told(Neighbor::client(), to, |u| u.set(OPT_TRANS, IPV6_EXT_COMMUNITIES, &both));
        assert_eq!(told.value(IPV6_EXT_COMMUNITIES), expected);
    }
}

#[test]
fn attributes_stand_in_order_of_their_codes() {
    // RFC 4271 §5: "SHOULD"
    let told = told(Neighbor::client(), Neighbor::client(), |u| everything(u).med(1).attr(OPT_TRANS, 200, &[1]));
    let mut sorted = told.order.clone();
    sorted.sort_unstable();
    assert_eq!(told.order, sorted);
}

#[test]
fn well_known_attributes_carry_their_flags() {
    let told = told(Neighbor::client(), Neighbor::client(), |u| u.med(1).set(0x60, ORIGIN, &[1]));
    for (code, flags) in [(ORIGIN, 0x40), (AS_PATH, 0x40), (NEXT_HOP, 0x40), (LOCAL_PREF, 0x40)] {
        assert_eq!(told.attrs[&code].0 & 0xf0, flags, "attribute {code}");
    }
    for code in [MED, ORIGINATOR_ID, CLUSTER_LIST] {
        assert_eq!(told.attrs[&code].0 & 0xf0, 0x80, "attribute {code}");
    }
}

#[test]
fn origin_is_carried() {
    // RFC 4271 §5.1.1
    for origin in [0, 1, 2] {
        let told = told(Neighbor::ebgp(65001), Neighbor::ebgp(65002), |u| u.origin(origin));
        assert_eq!(told.value(ORIGIN), [origin]);
    }
}
