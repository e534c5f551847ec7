use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bgp_proto::fsm::{PeerConfig, local_open};
use bgp_proto::message::{Codec, Message};
use bgp_proto::{Asn, RouterId};
use rib::PeerId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::super::super::keys::Keys;
use super::super::super::news::{FromPeer, News};
use super::super::super::peer_status::PeerShared;
use super::super::super::restart::Restart;
use super::super::super::setup;
use super::super::super::unopened::{Incoming, Unopened};
use super::super::{PeerCommand, PeerTask};
use crate::config::{self, Limits};

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

const YAML: &str = "router: { asn: 65001, router_id: 10.0.0.1 }\n\
                    peers: [ { address: 127.0.0.1, asn: 65001, passive: true, idle_hold: 100ms, idle_hold_max: 200ms } ]";

/// Both ends of a connection, the accepted one with a place.
async fn connection(unopened: &Arc<Unopened>) -> (TcpStream, PeerCommand) {
    let listener = TcpListener::bind((ADDRESS, 0)).await.expect("loopback has free ports");
    let theirs = TcpStream::connect(listener.local_addr().expect("it is bound")).await.expect("it listens");
    let (stream, _) = listener.accept().await.expect("a connection waits");
    let ticket = unopened.admit(ADDRESS).unwrap_or_else(|refusal| panic!("{refusal:?}"));
    (theirs, PeerCommand::Accepted(Incoming { stream, ticket }))
}

/// Brings a session up from the other end.
async fn establish(stream: &mut TcpStream) {
    let open = Message::Open(local_open(&PeerConfig::new(Asn(65001), RouterId(2), Asn(65001))));
    stream.write_all(&open.encode(&Codec::INITIAL)).await.expect("the task reads");
    stream.write_all(&Message::Keepalive.encode(&Codec::INITIAL)).await.expect("the task reads");
}

#[tokio::test]
async fn a_panic_costs_the_peer_its_session_and_nothing_else() {
    let (commands, receiver) = mpsc::channel(8);
    let (owner, mut news) = mpsc::channel::<FromPeer>(64);
    let shared = PeerShared::new();
    let config = config::parse("roost.yaml", YAML).expect("a configuration").config;
    let key = Keys::new(&config, Path::new("")).of(None);
    let restart = Arc::new(Restart::new(None));
    let spec = setup::peer(&config, PeerId(7), &config.peers[0], key, &restart);
    let task = PeerTask::new(spec, 1, receiver, owner, Arc::default(), shared.clone(), restart);
    let running = tokio::spawn(task.run());

    let sane = Unopened::new(Limits::default());
    let (mut first, incoming) = connection(&sane).await;
    assert!(commands.send(incoming).await.is_ok());
    establish(&mut first).await;
    assert!(matches!(news.recv().await, Some(FromPeer { peer: PeerId(7), news: News::Up(..), .. })));
    assert_eq!(sane.waiting(), 0);

    // No clock can tell when this one's time for its OPEN is over: the sum panics.
    let insane = Unopened::new(Limits { open_timeout: Duration::MAX, ..Limits::default() });
    let (mut second, incoming) = connection(&insane).await;
    assert!(commands.send(incoming).await.is_ok());
    // Both connections are gone, and the owner knows it.
    for stream in [&mut first, &mut second] {
        drop(stream.read_to_end(&mut Vec::new()).await);
    }
    let lost = news.recv().await.map(|news| news.news);
    assert!(matches!(lost, Some(News::Down { retain }) if retain.is_empty()));
    assert_eq!((insane.waiting(), shared.snapshot().panics), (0, 1));
    assert!(shared.snapshot().negotiated.is_none());

    // The peer is refused for a while, and then let in.
    loop {
        let (mut stream, incoming) = connection(&sane).await;
        assert!(commands.send(incoming).await.is_ok());
        let mut header = [0; 19];
        stream.read_exact(&mut header).await.expect("an OPEN or a NOTIFICATION");
        if header[18] == 1 {
            establish(&mut stream).await;
            assert!(matches!(news.recv().await, Some(FromPeer { peer: PeerId(7), news: News::Up(..), .. })));
            break;
        }
    }
    assert!(commands.send(PeerCommand::Stop(None)).await.is_ok());
    running.await.expect("the task ends as it should");
}
