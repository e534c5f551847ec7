//! roost's own OPEN.

use crate::harness::{Neighbor, Setup};

#[test]
fn ours_says_what_it_can() {
    let roost = Setup::with([Neighbor::ebgp(65001).both()]).start();
    let mut peer = roost.connect(0);
    peer.expect_open();
    let open = peer.open.clone();
    assert_eq!(open[..9], [4, 0xfd, 0xe8, 0, 90, 10, 0, 0, 1], "version, AS, hold time, identifier");
    let capabilities = crate::harness::capabilities(&open);
    let has = |code: u8, value: &[u8]| {
        assert!(capabilities.contains(&(code, value.to_vec())), "no capability {code} {value:?}: {capabilities:?}");
    };
    has(1, &[0, 1, 0, 1]); // RFC 4760
    has(1, &[0, 2, 0, 1]);
    has(2, &[]); // RFC 2918 §2
    has(6, &[]); // RFC 8654 §3
    has(70, &[]); // RFC 7313 §3.1
    has(65, &[0, 0, 0xfd, 0xe8]); // RFC 6793 §3
    let restart = capabilities.iter().find(|(code, _)| *code == 64).map(|(_, value)| value.clone());
    let restart = restart.expect("RFC 4724");
    assert_eq!(restart[0] & 0x40, 0x40, "the N bit"); // RFC 8538 §2
    assert_eq!(u16::from_be_bytes([restart[0] & 0x0f, restart[1]]), 120, "restart time");
}

#[test]
fn ours_has_as_trans_in_the_field_when_our_as_is_large() {
    // RFC 6793 §4.1
    let roost = Setup::external().asn(4_200_000_000).start();
    let mut peer = roost.connect(0);
    peer.expect_open();
    assert_eq!(peer.open[1..3], 23456_u16.to_be_bytes());
    assert!(crate::harness::capabilities(&peer.open).contains(&(65, 4_200_000_000_u32.to_be_bytes().to_vec())));
}

#[test]
fn ours_has_the_configured_hold_time() {
    let roost = Setup::with([Neighbor::ebgp(65001).with("hold_time: 0")]).start();
    let mut peer = roost.connect(0);
    peer.expect_open();
    assert_eq!(peer.open[3..5], [0, 0]);
}

#[test]
fn ours_comes_before_the_peers() {
    // RFC 4271 §8.2.2: both send at once, nobody waits for the other's
    let roost = Setup::external().start();
    roost.connect(0).expect_open();
}
