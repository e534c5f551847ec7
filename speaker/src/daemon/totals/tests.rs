use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bgp_proto::fsm::{Command, ConnId, IoInput, Peer, PeerConfig};
use bgp_proto::{Asn, RouterId};
use rib::PeerId;

use super::super::keys::Keys;
use super::super::known_peers::{KnownPeer, KnownPeers};
use super::super::peer_status::PeerShared;
use crate::config;

/// A state machine that has sent its OPEN.
fn opened() -> Peer {
    let (mut machine, now) = (Peer::new(PeerConfig::new(Asn(64512), RouterId(1), Asn(64512)), 1), Instant::now());
    machine.command(now, Command::Start);
    let [local, remote] = ["172.16.1.1:179", "172.16.1.2:40312"].map(|address| address.parse().expect("an address"));
    machine.handle_io(now, IoInput::Accepted { conn: ConnId::accepted(1), local, remote });
    while machine.poll_transmit().is_some() {}
    machine
}

#[test]
fn no_sum_falls_when_a_peer_begins_anew_or_is_forgotten() {
    let yaml = "router: { asn: 64512, router_id: 10.0.0.1 }\npeers: [ { address: 172.16.1.2, asn: 64512 } ]";
    let config = config::parse("roost.yaml", yaml).expect("a configuration").config;
    let (known, shared) = (KnownPeers::default(), PeerShared::new());
    let insert = |shared: &Arc<PeerShared>| {
        let (settings, key) = (config.peers[0].clone(), Keys::new(&config, Path::new("")).of(None));
        known.insert(PeerId(3), KnownPeer { settings, key, shared: shared.clone(), commands: None });
    };
    let sums = || {
        let totals = known.totals();
        (totals.messages.open_out, totals.panics)
    };
    insert(&shared);
    assert_eq!(sums(), (0, 0));
    shared.observe(&opened());
    assert_eq!(sums(), (1, 0));

    shared.panicked();
    assert_eq!(sums(), (1, 1));
    shared.observe(&opened());
    assert_eq!(sums(), (2, 1));
    shared.panicked();
    assert_eq!(sums(), (2, 2));

    known.remove(PeerId(3));
    assert_eq!(sums(), (2, 2));
    // The number is another peer's now.
    let shared = PeerShared::new();
    shared.observe(&opened());
    insert(&shared);
    assert_eq!(sums(), (3, 2));
    known.remove(PeerId(3));
    known.remove(PeerId(3));
    assert_eq!(sums(), (3, 2));
}
