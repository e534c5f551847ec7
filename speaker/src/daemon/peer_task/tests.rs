use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bgp_proto::fsm::{DownReason, PeerConfig, State, local_open};
use bgp_proto::message::{Codec, Message, Notification, cease, end_of_rib, kind, split_frame};
use bgp_proto::{Asn, Family, RouterId};
use bytes::BytesMut;
use rib::PeerId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::super::keys::Keys;
use super::super::news::{FromPeer, News};
use super::super::peer_status::{PeerShared, PeerStatus};
use super::super::restart::Restart;
use super::super::setup;
use super::super::unopened::{Incoming, Unopened};
use super::{PeerCommand, PeerTask, TURNS};
use crate::api::Order;
use crate::config::{self, Limits};

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

const YAML: &str = "router: { asn: 65001, router_id: 10.0.0.1 }\n\
                    peers: [ { address: 127.0.0.1, asn: 65001, passive: true, idle_hold: 100ms, idle_hold_max: 200ms, hold_time: 3s } ]";

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

/// A task that tells this owner, and the way to it.
fn start(owner: mpsc::Sender<FromPeer>) -> (mpsc::Sender<PeerCommand>, Arc<PeerShared>, JoinHandle<()>) {
    let (commands, receiver) = mpsc::channel(8);
    let shared = PeerShared::new();
    let config = config::parse("roost.yaml", YAML).expect("a configuration").config;
    let key = Keys::new(&config, Path::new("")).of(None);
    let restart = Arc::new(Restart::of_last_run(true));
    let spec = setup::peer(&config, PeerId(7), &config.peers[0], key, &restart);
    let task = PeerTask::new(spec, 1, receiver, owner, Arc::default(), shared.clone(), restart);
    (commands, shared, tokio::spawn(task.run()))
}

/// A task with one peer that connects, and the ways to it.
struct Bench {
    commands: mpsc::Sender<PeerCommand>,
    news: mpsc::Receiver<FromPeer>,
    shared: Arc<PeerShared>,
    running: JoinHandle<()>,
}

impl Bench {
    fn start() -> Self {
        let (owner, news) = mpsc::channel(1024);
        let (commands, shared, running) = start(owner);
        Self { commands, news, shared, running }
    }

    async fn connect(&self, unopened: &Arc<Unopened>) -> TcpStream {
        let (stream, incoming) = connection(unopened).await;
        assert!(self.commands.send(incoming).await.is_ok());
        stream
    }

    /// Brings a session up from the other end.
    async fn establish(&mut self, stream: &mut TcpStream) {
        establish(stream).await;
        let news = self.news.recv().await;
        assert!(matches!(news, Some(FromPeer { peer: PeerId(7), news: News::Up(..), .. })));
    }

    async fn stop(self) {
        assert!(self.commands.send(PeerCommand::Stop(None)).await.is_ok());
        self.running.await.expect("the task ends as it should");
    }
}

#[tokio::test]
async fn a_panic_costs_the_peer_its_session_and_nothing_else() {
    let mut bench = Bench::start();
    let sane = Unopened::new(Limits::default());
    let mut first = bench.connect(&sane).await;
    bench.establish(&mut first).await;
    assert_eq!(sane.waiting(), 0);

    // No clock can tell when this one's time for its OPEN is over: the sum panics.
    let insane = Unopened::new(Limits { open_timeout: Duration::MAX, ..Limits::default() });
    let mut second = bench.connect(&insane).await;
    // Both connections are gone, and the owner knows it.
    for stream in [&mut first, &mut second] {
        drop(stream.read_to_end(&mut Vec::new()).await);
    }
    let lost = bench.news.recv().await.map(|news| news.news);
    assert!(matches!(lost, Some(News::Down { retain }) if retain.is_empty()));
    let status = bench.shared.snapshot();
    assert_eq!((insane.waiting(), status.before.panics), (0, 1));
    assert!(status.negotiated.is_none());

    // The peer is refused for a while, and then let in. RFC 4486 §4
    loop {
        let mut stream = bench.connect(&sane).await;
        let mut header = [0; 19];
        stream.read_exact(&mut header).await.expect("an OPEN or a NOTIFICATION");
        if header[18] == 1 {
            bench.establish(&mut stream).await;
            break;
        }
    }
    bench.stop().await;
}

#[tokio::test]
async fn a_peer_that_floods_has_its_turns_before_the_owner_and_no_more() {
    let mut bench = Bench::start();
    let mut stream = bench.connect(&Unopened::new(Limits::default())).await;
    bench.establish(&mut stream).await;
    let (mut reading, mut writing) = stream.into_split();
    let end_of_ribs = end_of_rib(Family::IPV4_UNICAST).repeat(5_000);
    let flood = tokio::spawn(async move { while writing.write_all(&end_of_ribs).await.is_ok() {} });
    // The owner takes nothing: the task reads until its turns are used up, and goes on with timers all the same.
    while bench.news.len() < TURNS {
        tokio::task::yield_now().await;
    }
    let (mut received, mut keepalives) = (BytesMut::new(), 0);
    while keepalives < 3 {
        reading.read_buf(&mut received).await.expect("the session stands");
        while let Some(frame) = split_frame(&mut received, 4096).expect("roost's messages are right") {
            keepalives += u32::from(frame.kind == kind::KEEPALIVE);
        }
    }
    assert_eq!(bench.news.len(), TURNS);
    // It goes on as soon as the owner does.
    for _ in 0..10 * TURNS {
        assert!(matches!(bench.news.recv().await, Some(FromPeer { news: News::Updates(_), .. })));
        assert!(bench.news.len() <= TURNS);
    }
    bench.stop().await;
    flood.await.expect("it ends with the connection");
}

#[tokio::test]
async fn the_owner_hears_everybody_when_more_peers_wait_than_its_mail_has_places() {
    const PEERS: usize = 8;
    let (owner, mut news) = mpsc::channel(1);
    let unopened = Unopened::new(Limits::default());
    let mut peers = Vec::new();
    for _ in 0..PEERS {
        let (commands, shared, running) = start(owner.clone());
        let (mut stream, incoming) = connection(&unopened).await;
        assert!(commands.send(incoming).await.is_ok());
        establish(&mut stream).await;
        peers.push((commands, shared, running, stream));
    }
    // All sessions stand before the owner looks: one is in its mail, and the others wait for a place.
    while peers.iter().any(|(_, shared, ..)| shared.snapshot().negotiated.is_none()) {
        tokio::task::yield_now().await;
    }
    for heard in 0..PEERS {
        let next = tokio::time::timeout(Duration::from_secs(20), news.recv()).await;
        let next = next.unwrap_or_else(|_| panic!("{heard} of {PEERS} heard, and nothing more"));
        assert!(matches!(next, Some(FromPeer { news: News::Up(..), .. })));
    }
    drop(news);
    for (commands, _, running, _stream) in peers {
        assert!(commands.send(PeerCommand::Stop(None)).await.is_ok());
        running.await.expect("the task ends as it should");
    }
}

#[tokio::test]
async fn that_a_peer_has_sent_all_is_shown_when_the_owner_has_all_of_it() {
    let (owner, mut news) = mpsc::channel(1);
    let (commands, shared, running) = start(owner);
    let unopened = Unopened::new(Limits::default());
    let mut streams = Vec::new();
    for updates in [1, 2] {
        let (mut stream, incoming) = connection(&unopened).await;
        assert!(commands.send(incoming).await.is_ok());
        establish(&mut stream).await;
        stream.write_all(&end_of_rib(Family::IPV4_UNICAST)).await.expect("the task reads");
        // The first session is in the owner's mail, which has no place for more.
        while shared.snapshot().counters.received.update < updates {
            tokio::task::yield_now().await;
        }
        assert!(shared.snapshot().end_of_rib.is_empty(), "session {updates}");
        if updates == 1 {
            drop(stream);
            // It listens to the peer again.
            while shared.snapshot().state != State::Active {
                tokio::task::yield_now().await;
            }
        } else {
            streams.push(stream);
        }
    }
    let mut next = async || {
        let news = tokio::time::timeout(Duration::from_secs(60), news.recv()).await.expect("all reaches the owner");
        !news.expect("the task runs").news.end_of_rib().is_empty()
    };
    // Up, what the peer has sent, Down. That was another session than the one that is shown.
    assert_eq!([next().await, next().await, next().await], [false, true, false]);
    assert!(shared.snapshot().end_of_rib.is_empty());
    while !next().await {}
    while !shared.snapshot().end_of_rib.contains(Family::IPV4_UNICAST) {
        tokio::task::yield_now().await;
    }
    assert!(commands.send(PeerCommand::Stop(None)).await.is_ok());
    drop(news);
    running.await.expect("the task ends as it should");
}

/// Looks at what is shown of a peer in the moment in which somebody is told something.
struct Witness {
    shared: Arc<PeerShared>,
    seen: Mutex<Option<PeerStatus>>,
}

impl Witness {
    fn of(bench: &Bench) -> Arc<Self> {
        Arc::new(Self { shared: bench.shared.clone(), seen: Mutex::default() })
    }

    /// What was shown when what is waited for came, and what it was.
    async fn sees<T>(self: &Arc<Self>, told: impl Future<Output = T>) -> (PeerStatus, T) {
        let mut told = pin!(told);
        let waker = Waker::from(self.clone());
        loop {
            if let Poll::Ready(what) = told.as_mut().poll(&mut Context::from_waker(&waker)) {
                let seen = self.seen.lock().expect("nobody panics with it").take();
                return (seen.expect("it was waited for"), what);
            }
            tokio::task::yield_now().await;
        }
    }
}

impl Wake for Witness {
    fn wake(self: Arc<Self>) {
        self.seen.lock().expect("nobody panics with it").get_or_insert_with(|| self.shared.snapshot());
    }
}

#[tokio::test]
async fn whoever_gave_an_order_finds_it_shown_when_it_is_answered() {
    let mut bench = Bench::start();
    let unopened = Unopened::new(Limits::default());
    let mut stream = bench.connect(&unopened).await;
    bench.establish(&mut stream).await;
    let (answer, answered) = oneshot::channel();
    let order = PeerCommand::Order((Order::Disable { message: None }, answer));
    assert!(bench.commands.send(order).await.is_ok());
    let (seen, answer) = Witness::of(&bench).sees(answered).await;
    assert!(answer.is_ok_and(|done| done.is_ok()));
    assert_eq!((seen.state, seen.disabled, seen.negotiated.is_none()), (State::Idle, true, true));
    assert!(matches!(seen.down, Some(DownReason::Stopped(_))), "{:?}", seen.down);
    bench.stop().await;
}

#[tokio::test]
async fn a_node_is_drained_when_its_sessions_are_shown_as_ended() {
    let mut bench = Bench::start();
    let unopened = Unopened::new(Limits::default());
    let mut stream = bench.connect(&unopened).await;
    bench.establish(&mut stream).await;
    let (done, drained) = oneshot::channel();
    let farewell = Notification::cease(cease::ADMINISTRATIVE_SHUTDOWN, None);
    assert!(bench.commands.send(PeerCommand::Drain(farewell, done)).await.is_ok());
    let (seen, answer) = Witness::of(&bench).sees(drained).await;
    assert_eq!((answer, seen.state, seen.negotiated.is_none()), (Ok(()), State::Idle, true));
    bench.stop().await;
}

#[tokio::test]
async fn what_the_owner_hears_of_a_session_is_shown_by_then() {
    let mut bench = Bench::start();
    let unopened = Unopened::new(Limits::default());
    let mut stream = bench.connect(&unopened).await;
    establish(&mut stream).await;
    let witness = Witness::of(&bench);
    let (seen, news) = witness.sees(bench.news.recv()).await;
    assert!(matches!(news, Some(FromPeer { news: News::Up(..), .. })));
    assert_eq!((seen.state, seen.negotiated.is_some()), (State::Established, true));

    stream.write_all(&end_of_rib(Family::IPV4_UNICAST)).await.expect("the task reads");
    let (seen, news) = witness.sees(bench.news.recv()).await;
    assert!(matches!(news, Some(FromPeer { news: News::Updates(_), .. })));
    assert_eq!(seen.counters.received.update, 1);

    drop(stream);
    let (seen, news) = witness.sees(bench.news.recv()).await;
    assert!(matches!(news, Some(FromPeer { news: News::Down { .. }, .. })));
    assert!(seen.negotiated.is_none() && seen.state != State::Established);
    assert!(matches!(seen.down, Some(DownReason::Closed { .. })), "{:?}", seen.down);
    bench.stop().await;
}
