//! One watch: from notes to lines, a slice at a time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use bgp_proto::Prefix;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::STALL;
use super::held::Held;
use super::wanted::{Start, Wanted};
use crate::api::Backend;
use crate::api::model::{EventRow, FibRow, PeerFilter, PeerRow, RouteRow, WatchLine, WatchNews, millis};
use crate::api::server::Connection;
use crate::journal::{Journal, Key, Notes, Topic};

/// Notes whose rows are asked for at once: some hundred kilobytes of JSON, where each prefix has a few paths.
const SLICE: usize = 128;
/// How long a watch is silent: a client knows by then that its connection is good.
const ALIVE: Duration = Duration::from_secs(15);

/// Who tells one client.
pub(super) struct Teller<B> {
    backend: B,
    journal: Arc<Journal>,
    wanted: Wanted,
    connection: Connection,
    sender: mpsc::Sender<Bytes>,
}

/// There is nobody to tell any more, or nobody to ask.
struct Gone;

impl<B: Backend> Teller<B> {
    pub fn new(backend: B, wanted: Wanted, connection: Connection, sender: mpsc::Sender<Bytes>) -> Self {
        Self { journal: backend.journal(), backend, wanted, connection, sender }
    }

    /// Tells until the time is over, the daemon ends, or the client has gone.
    pub async fn run(self) {
        let time = async {
            match self.wanted.timeout {
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.follow() => {}
            () = time => {}
            () = self.connection.stop.cancelled() => {}
            () = self.sender.closed() => {}
        }
    }

    async fn follow(&self) -> Result<(), Gone> {
        let mut head = self.journal.head();
        let picked = self.wanted.topics.iter().copied().filter(|topic| self.wanted.picks(*topic));
        let mut held = Held::nothing(picked.collect());
        let mut at = match self.wanted.start {
            Start::All(reason) => self.all(reason, &mut held).await?,
            Start::Now => self.now(&mut held).await?,
            Start::Behind(number) => number,
        };
        let mut synced = matches!(self.wanted.start, Start::All(_));
        let mut said = Instant::now();
        loop {
            head.mark_unchanged();
            let Some(Notes { notes, upto }) = self.journal.read(&self.wanted.topics, at, SLICE) else {
                self.journal.resynced();
                at = self.all("more has changed than is kept for those who come late", &mut held).await?;
                (synced, said) = (true, Instant::now());
                continue;
            };
            if !synced {
                self.say(vec![self.line(at, WatchNews::Synced)]).await?;
                synced = true;
            }
            let quiet = notes.is_empty();
            if self.tell(notes, &mut held).await? {
                said = Instant::now();
            }
            at = upto;
            if quiet {
                let _ = timeout_at(said + ALIVE, head.changed()).await; // or it is time to say that all is well
            }
            if said.elapsed() >= ALIVE {
                self.say(vec![self.line(at, WatchNews::Alive)]).await?;
                said = Instant::now();
            }
        }
    }

    /// Tells all there is. Gives the number behind which the changes are.
    async fn all(&self, reason: &str, held: &mut Held) -> Result<u64, Gone> {
        let at = *self.journal.head().borrow();
        held.forget();
        // Whoever stops in the midst of it has nothing to go on from.
        let begin = |news| self.line(0, news);
        self.say(vec![begin(WatchNews::Resync { reason: reason.to_owned() })]).await?;
        for topic in &self.wanted.topics {
            let mut slices = self.slices(*topic).await?;
            while let Some(rows) = slices.try_next().await? {
                let told = rows.into_iter().filter(|news| held.tell(news));
                self.say(told.map(begin).collect()).await?;
            }
        }
        self.say(vec![self.line(at, WatchNews::Synced)]).await?;
        Ok(at)
    }

    /// The number behind which the changes are from now on. What passes a filter now can be gone later.
    async fn now(&self, held: &mut Held) -> Result<u64, Gone> {
        let at = *self.journal.head().borrow();
        for topic in self.wanted.topics.iter().filter(|topic| self.wanted.picks(**topic)) {
            let mut slices = self.slices(*topic).await?;
            while let Some(rows) = slices.try_next().await? {
                for news in rows {
                    let _ = held.tell(&news);
                }
            }
        }
        Ok(at)
    }

    /// All rows of a topic that are wanted, a slice at a time.
    async fn slices(&self, topic: Topic) -> Result<News<'_>, Gone> {
        Ok(match topic {
            Topic::Peers => {
                let rows = self.backend.peers(PeerFilter::default()).await.map_err(|_| Gone)?;
                let rows = rows.into_iter().filter(|row| self.wanted.peer(row));
                let news: Vec<_> = rows.map(|row| peer(row.name(), Some(row))).collect();
                let slices: Vec<_> = news.chunks(SLICE).map(|slice| Ok(slice.to_vec())).collect();
                stream::iter(slices).boxed()
            }
            Topic::Routes => match self.backend.routes(self.wanted.routes.clone()).await {
                Ok(slices) => slices.map_ok(by_prefix).map_err(|_| Gone).boxed(),
                Err(problem) if problem.status == 404 => stream::empty().boxed(), // the peer has gone
                Err(_) => return Err(Gone),
            },
            Topic::Fib => {
                let slices = self.backend.fib(self.wanted.fib.clone()).await.map_err(|_| Gone)?;
                let news = |row: FibRow| WatchNews::Fib { prefix: row.prefix.clone(), row: Some(row) };
                slices.map_ok(move |rows| rows.into_iter().map(news).collect()).map_err(|_| Gone).boxed()
            }
            Topic::Events => {
                let events = self.journal.events().into_iter().filter(|event| self.wanted.event(event));
                let news = events.map(|event| happened(&event)).collect();
                stream::iter([Ok(news)]).boxed()
            }
        })
    }

    /// Tells what these notes name, each once, as it is now. Says whether anything of it was wanted.
    async fn tell(&self, notes: Vec<(u64, Key)>, held: &mut Held) -> Result<bool, Gone> {
        let mut seen = HashSet::new();
        let notes: Vec<_> =
            notes.into_iter().filter(|(_, key)| self.wanted.key(key) && seen.insert(key.clone())).collect();
        let (mut paths, mut kernel, mut peers) = self.rows(&notes).await?;
        let news = |(at, key): (u64, Key)| {
            let news = match key {
                Key::Route(prefix) => route(prefix.to_string(), paths.remove(&prefix.to_string()).unwrap_or_default()),
                Key::Fib(prefix) => {
                    let prefix = prefix.to_string();
                    WatchNews::Fib { row: kernel.remove(&prefix), prefix }
                }
                Key::Peer(name) => peer(name.to_string(), peers.remove(&*name)),
                Key::Event(event) => happened(&event),
            };
            (at, news)
        };
        let told = notes.into_iter().map(news).filter(|(_, news)| held.tell(news));
        let lines: Vec<_> = told.map(|(at, news)| self.line(at, news)).collect();
        let any = !lines.is_empty();
        self.say(lines).await?;
        Ok(any)
    }

    /// The rows that are named, and wanted.
    async fn rows(&self, notes: &[(u64, Key)]) -> Result<Rows, Gone> {
        let of =
            |key: fn(&Key) -> Option<Prefix>| -> Vec<Prefix> { notes.iter().filter_map(|(_, at)| key(at)).collect() };
        let routes = of(|key| if let Key::Route(prefix) = key { Some(*prefix) } else { None });
        let wanted = of(|key| if let Key::Fib(prefix) = key { Some(*prefix) } else { None });
        let mut paths: HashMap<String, Vec<RouteRow>> = HashMap::new();
        if !routes.is_empty() {
            let rows = self.backend.paths(routes).await.map_err(|_| Gone)?;
            for row in rows.into_iter().filter(|row| self.wanted.path(row)) {
                paths.entry(row.prefix.clone()).or_default().push(row);
            }
        }
        let kernel = if wanted.is_empty() { Vec::new() } else { self.backend.kernel(wanted).await };
        let named: Vec<_> = notes.iter().filter(|(_, key)| matches!(key, Key::Peer(_))).collect();
        let peers = match named[..] {
            [] => Vec::new(),
            [(_, Key::Peer(name))] => {
                let filter = PeerFilter { peer: Some(name.to_string()), state: None };
                self.backend.peers(filter).await.unwrap_or_default() // nobody has the name any more
            }
            _ => self.backend.peers(PeerFilter::default()).await.map_err(|_| Gone)?,
        };
        let kernel = kernel.into_iter().filter(|row| self.wanted.kernel(row));
        let peers = peers.into_iter().filter(|row| self.wanted.peer(row));
        Ok((paths, kernel.map(|row| (row.prefix.clone(), row)).collect(), peers.map(|row| (row.name(), row)).collect()))
    }

    /// Sends lines, when the client has read those before.
    async fn say(&self, lines: Vec<WatchLine>) -> Result<(), Gone> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut text = Vec::new();
        for line in &lines {
            serde_json::to_writer(&mut text, line).map_err(|_| Gone)?;
            text.push(b'\n');
        }
        match timeout(STALL, self.sender.send(text.into())).await {
            Ok(sent) => sent.map_err(|_| Gone),
            Err(_) => {
                tracing::debug!("a watcher has read nothing for {} s and is cut off", STALL.as_secs());
                self.connection.cut.cancel();
                Err(Gone)
            }
        }
    }

    fn line(&self, at: u64, news: WatchNews) -> WatchLine {
        WatchLine { token: self.journal.token(at), at: millis(SystemTime::now()), news }
    }
}

/// Paths and kernel routes by prefix, peers by name.
type Rows = (HashMap<String, Vec<RouteRow>>, HashMap<String, FibRow>, HashMap<String, PeerRow>);

/// Rows as news, a slice at a time.
type News<'a> = BoxStream<'a, Result<Vec<WatchNews>, Gone>>;

/// All paths of a prefix are in one slice.
fn by_prefix(rows: Vec<RouteRow>) -> Vec<WatchNews> {
    let of_one = rows.chunk_by(|a, b| a.prefix == b.prefix).map(<[RouteRow]>::to_vec);
    of_one.filter_map(|paths| Some(route(paths.first()?.prefix.clone(), paths))).collect()
}

fn route(prefix: String, paths: Vec<RouteRow>) -> WatchNews {
    let without_kernel = |row| RouteRow { kernel: None, ..row };
    WatchNews::Route { prefix, paths: paths.into_iter().map(without_kernel).collect() }
}

fn peer(peer: String, row: Option<PeerRow>) -> WatchNews {
    WatchNews::Peer { peer, row: row.map(Box::new) }
}

fn happened(event: &EventRow) -> WatchNews {
    WatchNews::Event { event: event.clone() }
}
