//! We have restarted: everybody waits for us (RFC 4724 §4.1), and then everybody is told at once.

use std::net::Ipv4Addr;

use bgp_proto::attr::PathAttrs;
use bgp_proto::message::end_of_rib;
use bgp_proto::{Prefix, RouterId};
use bytes::Bytes;
use rib::{PeerId, PeerSettings, Rib, RibConfig};

use crate::made::{OWN, V4, addr, announce, session};

const CLIENTS: u32 = 200;

#[test]
fn all_clients_get_their_dump_and_its_end_in_one_encoding() {
    // RFC 4724 §4.1
    let mut rib = Rib::new(RibConfig { hold_end_of_rib: true, ..RibConfig::new(OWN, RouterId(1)) });
    for n in 0..CLIENTS {
        rib.peer_add(PeerId(n), PeerSettings { route_reflector_client: true, ..PeerSettings::new(addr(n)) });
        rib.peer_up(PeerId(n), session(n, false));
        let block = Prefix::new(Ipv4Addr::from(10 << 24 | n << 6).into(), 26).unwrap();
        announce(&mut rib, PeerId(n), PathAttrs::originated(addr(n).into()), [block]);
    }
    // A peer that is told and announces nothing, twice: what one gets the other gets, too.
    for n in [CLIENTS, CLIENTS + 1] {
        rib.peer_add(PeerId(n), PeerSettings { route_reflector_client: true, ..PeerSettings::new(addr(n)) });
        rib.peer_up(PeerId(n), session(n, false));
    }
    while rib.settle(1000) {}
    let fetch = |rib: &mut Rib, n: u32| -> Vec<Bytes> { std::iter::from_fn(|| rib.poll_chunk(PeerId(n))).collect() };
    let dumps: Vec<Vec<Bytes>> = (0..CLIENTS + 2).map(|n| fetch(&mut rib, n)).collect();
    let places = |chunks: &[Bytes]| chunks.iter().map(|chunk| chunk.as_ptr()).collect::<Vec<_>>();
    let [one, other] = [&dumps[CLIENTS as usize], &dumps[CLIENTS as usize + 1]];
    assert_eq!((one.len(), places(one)), (1, places(other)), "one copy in memory");
    let written = rib.groups()[0].ring_misses;
    assert_eq!(written, 1, "for {} members", CLIENTS + 2);
    assert!((0..CLIENTS + 2).all(|n| !rib.pending(PeerId(n))), "the end is held back");

    rib.release_end_of_rib();
    let ends: Vec<Bytes> = (0..CLIENTS + 2).flat_map(|n| fetch(&mut rib, n)).collect();
    assert_eq!(ends.len(), CLIENTS as usize + 2);
    assert!(ends.iter().all(|end| *end == end_of_rib(V4) && end.as_ptr() == ends[0].as_ptr()));
    assert_eq!(rib.groups()[0].ring_misses, written);
}
