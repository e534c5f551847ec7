//! One watch: from notes to lines, a slice at a time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use bgp_proto::Prefix;
use futures::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::{STALL, Start, Wanted, is_among};
use crate::api::Backend;
use crate::api::model::{
    EventRow, FibFilter, FibRow, PeerFilter, PeerRow, RouteFilter, RouteRow, WatchLine, WatchNews, millis,
};
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
        let mut at = match self.wanted.start {
            Start::All(reason) => self.all(reason).await?,
            Start::Now => *head.borrow(),
            Start::Behind(number) => number,
        };
        let mut synced = matches!(self.wanted.start, Start::All(_));
        let mut said = Instant::now();
        loop {
            head.mark_unchanged();
            let Some(Notes { notes, upto }) = self.journal.read(&self.wanted.topics, at, SLICE) else {
                at = self.all("more has changed than is kept for those who come late").await?;
                (synced, said) = (true, Instant::now());
                continue;
            };
            if !synced {
                self.say(vec![self.line(at, WatchNews::Synced)]).await?;
                synced = true;
            }
            let quiet = notes.is_empty();
            if self.tell(notes).await? {
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
    async fn all(&self, reason: &str) -> Result<u64, Gone> {
        let at = *self.journal.head().borrow();
        // Whoever stops in the midst of it has nothing to go on from.
        let begin = |news| self.line(0, news);
        self.say(vec![begin(WatchNews::Resync { reason: reason.to_owned() })]).await?;
        for topic in &self.wanted.topics {
            match topic {
                Topic::Peers => {
                    let rows = self.backend.peers(PeerFilter::default()).await.map_err(|_| Gone)?;
                    let rows = rows.into_iter().filter(|row| self.is_wanted_peer(&row.name()));
                    let lines: Vec<_> = rows.map(|row| begin(peer(row.name(), Some(row)))).collect();
                    for slice in lines.chunks(SLICE) {
                        self.say(slice.to_vec()).await?;
                    }
                }
                Topic::Routes => {
                    let mut slices = self.backend.routes(self.route_filter()).await.map_err(|_| Gone)?;
                    while let Some(rows) = slices.try_next().await.map_err(|_| Gone)? {
                        let of_one = rows.chunk_by(|a, b| a.prefix == b.prefix).map(<[RouteRow]>::to_vec);
                        let lines = of_one.filter_map(|paths| Some((paths.first()?.prefix.clone(), paths)));
                        self.say(lines.map(|(prefix, paths)| begin(route(prefix, paths))).collect()).await?;
                    }
                }
                Topic::Fib => {
                    let mut slices = self.backend.fib(self.fib_filter()).await.map_err(|_| Gone)?;
                    while let Some(rows) = slices.next().await.transpose().map_err(|_| Gone)? {
                        let line = |row: FibRow| begin(WatchNews::Fib { prefix: row.prefix.clone(), row: Some(row) });
                        self.say(rows.into_iter().map(line).collect()).await?;
                    }
                }
                Topic::Events => {
                    let events = self.journal.events().into_iter().filter(|event| self.is_wanted_event(event));
                    self.say(events.map(|event| begin(happened(&event))).collect()).await?;
                }
            }
        }
        self.say(vec![self.line(at, WatchNews::Synced)]).await?;
        Ok(at)
    }

    /// Tells what these notes name, each once, as it is now. Says whether anything of it was wanted.
    async fn tell(&self, notes: Vec<(u64, Key)>) -> Result<bool, Gone> {
        let mut seen = HashSet::new();
        let notes: Vec<_> =
            notes.into_iter().filter(|(_, key)| self.is_wanted(key) && seen.insert(key.clone())).collect();
        let (mut paths, mut kernel, mut peers) = self.rows(&notes).await?;
        let line = |(at, key): (u64, Key)| {
            let news = match key {
                Key::Route(prefix) => route(prefix.to_string(), paths.remove(&prefix.to_string()).unwrap_or_default()),
                Key::Fib(prefix) => {
                    let prefix = prefix.to_string();
                    WatchNews::Fib { row: kernel.remove(&prefix), prefix }
                }
                Key::Peer(name) => peer(name.to_string(), peers.remove(&*name)),
                Key::Event(event) => happened(&event),
            };
            self.line(at, news)
        };
        let lines: Vec<_> = notes.into_iter().map(line).collect();
        let any = !lines.is_empty();
        self.say(lines).await?;
        Ok(any)
    }

    /// The rows that are named.
    async fn rows(&self, notes: &[(u64, Key)]) -> Result<Rows, Gone> {
        let of =
            |key: fn(&Key) -> Option<Prefix>| -> Vec<Prefix> { notes.iter().filter_map(|(_, at)| key(at)).collect() };
        let routes = of(|key| if let Key::Route(prefix) = key { Some(*prefix) } else { None });
        let wanted = of(|key| if let Key::Fib(prefix) = key { Some(*prefix) } else { None });
        let mut paths: HashMap<String, Vec<RouteRow>> = HashMap::new();
        if !routes.is_empty() {
            for row in self.backend.paths(routes).await.map_err(|_| Gone)? {
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
        let kernel = kernel.into_iter().map(|row| (row.prefix.clone(), row)).collect();
        Ok((paths, kernel, peers.into_iter().map(|row| (row.name(), row)).collect()))
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

    fn is_wanted(&self, key: &Key) -> bool {
        match key {
            Key::Route(prefix) | Key::Fib(prefix) => self.wanted.within.is_none_or(|within| within.has(prefix)),
            Key::Peer(name) => self.is_wanted_peer(name),
            Key::Event(event) => self.is_wanted_event(event),
        }
    }

    fn is_wanted_peer(&self, name: &str) -> bool {
        is_among(self.wanted.peers.as_deref(), Some(name))
    }

    fn is_wanted_event(&self, event: &EventRow) -> bool {
        is_among(self.wanted.peers.as_deref(), event.subject.as_deref())
    }

    fn route_filter(&self) -> RouteFilter {
        let (prefix, longer) = self.within();
        RouteFilter { prefix, longer, ..RouteFilter::default() }
    }

    fn fib_filter(&self) -> FibFilter {
        let (prefix, longer) = self.within();
        FibFilter { prefix, longer, ..FibFilter::default() }
    }

    fn within(&self) -> (Option<String>, bool) {
        let within = self.wanted.within;
        (within.map(|within| within.prefix.to_string()), within.is_some_and(|within| within.longer))
    }
}

/// Paths and kernel routes by prefix, peers by name.
type Rows = (HashMap<String, Vec<RouteRow>>, HashMap<String, FibRow>, HashMap<String, PeerRow>);

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
