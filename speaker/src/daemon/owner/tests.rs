use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

use bgp_proto::attr::PathAttrs;
use bgp_proto::fsm::{Direction, Negotiated};
use bgp_proto::message::{Codec, Nlri, Reach};
use bgp_proto::{Asn, Family, PathId, RouterId};
use rib::{PeerSettings, RibConfig};
use tokio::task::JoinHandle;

use super::*;

const V4: Family = Family::IPV4_UNICAST;
const BIG: PeerId = PeerId(1);
const SMALL: PeerId = PeerId(2);
/// Some twenty turns' worth.
const MANY: u32 = 80_000;

fn address(peer: PeerId) -> IpAddr {
    [192, 0, 2, 10 + peer.0 as u8].into()
}

fn prefixes(range: std::ops::Range<u32>) -> impl Iterator<Item = Prefix> {
    range.map(|n| Prefix::new(Ipv4Addr::from(0x0a00_0000 + n).into(), 32).expect("32 is a length"))
}

fn updates(peer: PeerId, range: std::ops::Range<u32>) -> News {
    let nlri = Nlri::from_prefixes(V4, false, prefixes(range).map(|prefix| (PathId::NONE, prefix)));
    let reach = Reach { attrs: Arc::new(PathAttrs::originated(address(peer).into())), nlri };
    News::Updates(vec![Update { reach: [reach].into_iter().collect(), ..Update::default() }])
}

fn up(peer: PeerId) -> News {
    let asn = Asn(64512);
    let negotiated = Negotiated {
        local_asn: asn,
        local_id: RouterId(1),
        peer_asn: asn,
        peer_id: RouterId(100 + peer.0),
        external: false,
        hold_time: Duration::ZERO,
        keepalive: Duration::ZERO,
        codec: Codec { families: [V4].into_iter().collect(), four_octet_as: true, ..Codec::INITIAL },
        route_refresh: true,
        enhanced_route_refresh: true,
        peer_graceful_restart: None,
        graceful_notification: false,
        peer_llgr: None,
        local_long_lived: Duration::ZERO,
        local_role: None,
        peer_role: None,
        peer_fqdn: None,
        peer_capabilities: Vec::new(),
        peer_hold_time: 0,
        direction: Direction::Incoming,
        local_addr: ([192, 0, 2, 1], 179).into(),
        remote_addr: (address(peer), 179).into(),
    };
    News::Up(Arc::new(negotiated), OutQueue::new(peer, Arc::default()))
}

/// A running owner with two peers and the ways to it.
struct Bench {
    news: mpsc::Sender<FromPeer>,
    owner: OwnerHandle,
    running: JoinHandle<()>,
}

impl Bench {
    fn start() -> Self {
        let mut rib = Rib::new(RibConfig::new(Asn(64512), RouterId(1)));
        for peer in [BIG, SMALL] {
            rib.peer_add(peer, PeerSettings::new(address(peer)));
        }
        let (news, receiver) = mpsc::channel(64);
        let restart = Arc::new(Restart::of_last_run(true));
        let (owner, handle) = Owner::new(rib, None, restart, [], Duration::ZERO, Arc::default(), receiver);
        Self { news, owner: handle, running: tokio::spawn(owner.run()) }
    }

    async fn tell(&self, peer: PeerId, news: News) {
        assert!(self.news.send(FromPeer { peer, news, at: Instant::now(), turn: None }).await.is_ok());
    }

    async fn ask<R: Send + 'static>(&self, question: impl FnOnce(&mut Owner) -> R + Send + 'static) -> R {
        self.owner.ask(question).await.expect("the owner runs")
    }

    /// Waits until the table has so many prefixes and the RIB is busy with nobody.
    async fn settled(&self, prefixes: usize) {
        let done = move |owner: &mut Owner| {
            let quiet = owner.held.is_empty() && owner.incoming.is_empty() && owner.rib.unsettled() == 0;
            quiet && !owner.rib.is_busy(BIG) && owner.rib.memory().dests.count == prefixes
        };
        while !self.ask(done).await {
            tokio::task::yield_now().await;
        }
    }

    async fn stop(self) {
        drop((self.news, self.owner));
        self.running.await.expect("the owner ends when nobody is left");
    }
}

#[tokio::test]
async fn a_session_that_the_owner_has_not_heard_of_is_untold() {
    let bench = Bench::start();
    assert_eq!(bench.ask(|owner| owner.untold(&[SMALL])).await, [SMALL].into());
    assert_eq!(bench.ask(|owner| owner.untold(&[])).await, [].into());
    bench.stop().await;
}

#[tokio::test]
async fn others_are_heard_while_the_paths_of_a_lost_session_go() {
    let bench = Bench::start();
    bench.tell(BIG, up(BIG)).await;
    bench.tell(SMALL, up(SMALL)).await;
    bench.tell(BIG, updates(BIG, 0..MANY)).await;
    bench.settled(MANY as usize).await;
    bench.tell(BIG, News::Down { retain: FamilySet::EMPTY }).await;
    bench.tell(SMALL, updates(SMALL, MANY..MANY + 1)).await;
    let seen = |owner: &mut Owner| {
        let decided = prefixes(MANY..MANY + 1).all(|prefix| owner.rib.route(&prefix).is_some());
        (decided, owner.rib.is_busy(BIG), owner.rib.memory().dests.count)
    };
    let (busy, left) = loop {
        if let (true, busy, left) = bench.ask(seen).await {
            break (busy, left);
        }
        tokio::task::yield_now().await;
    };
    assert!(busy && left > MANY as usize / 2, "{left} prefixes were left, busy: {busy}");
    bench.settled(1).await;
    bench.stop().await;
}

#[tokio::test]
async fn a_peer_that_comes_back_at_once_is_held_until_its_old_paths_are_gone() {
    let bench = Bench::start();
    bench.tell(BIG, up(BIG)).await;
    bench.tell(BIG, updates(BIG, 0..MANY)).await;
    bench.settled(MANY as usize).await;
    // Twice: the second end is held behind the first one's paths.
    for _ in 0..2 {
        bench.tell(BIG, News::Down { retain: FamilySet::EMPTY }).await;
        bench.tell(BIG, up(BIG)).await;
        bench.tell(BIG, updates(BIG, 7..MANY / 2)).await;
    }
    while bench.ask(|owner| owner.held.is_empty()).await {
        tokio::task::yield_now().await;
    }
    assert!(bench.ask(|owner| owner.rib.is_busy(BIG)).await);
    bench.settled(MANY as usize / 2 - 7).await;
    bench.stop().await;
}

/// What the owner had done whenever it answered: prefixes taken in, and prefixes decided.
#[derive(Default)]
struct Looks(Mutex<Vec<usize>>);

/// A question that is there again as soon as it is answered, until the peer's prefixes are decided. Gives up after so many.
fn ask_again(asks: mpsc::WeakSender<Ask>, looks: Arc<Looks>) -> Ask {
    Box::new(move |owner| {
        let taken_in = owner.rib.peer_view(BIG).counters.announced as usize;
        let done = 2 * taken_in - owner.rib.unsettled();
        let mut seen = looks.0.lock().expect("nobody panics with it");
        seen.push(done);
        if done < 2 * MANY as usize && seen.len() < 1_000_000 {
            drop(seen);
            let sender = asks.upgrade().expect("the owner is asked from here");
            sender.try_send(ask_again(asks, looks)).map_err(drop).expect("half of the places are free");
        }
    })
}

#[tokio::test]
async fn who_asks_waits_for_one_message_or_one_slice_and_routes_move_on_however_much_is_asked() {
    const MESSAGE: usize = 100;
    let bench = Bench::start();
    bench.tell(BIG, up(BIG)).await;
    let looks = Arc::new(Looks::default());
    let asks = bench.owner.0.clone();
    for _ in 0..ASKS / 2 {
        asks.try_send(ask_again(asks.downgrade(), looks.clone())).map_err(drop).expect("all places are free");
    }
    for from in (0..MANY).step_by(MESSAGE) {
        bench.tell(BIG, updates(BIG, from..from + MESSAGE as u32)).await;
    }
    bench.settled(MANY as usize).await;
    let seen = looks.0.lock().expect("nobody panics with it").clone();
    assert_eq!(seen.last(), Some(&(2 * MANY as usize)), "the last one was answered when all was done");
    let longest = seen.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
    assert!(longest <= SETTLE + MESSAGE, "{longest} prefixes were taken in or decided between two looks");
    assert!(seen.len() <= 4 * ASKS * (MANY as usize / MESSAGE), "{} answers, and routes had to wait", seen.len());
    bench.stop().await;
}
