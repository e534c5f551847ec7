//! `/v1/watch` and `/v1/events`: what is told, in which order, what is kept for those who come back, and what one who
//! does not read costs.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::Method;
use bgp_proto::Prefix;
use speaker::api::model::{EventRow, WatchLine, WatchNews};
use speaker::journal::{WATCHERS, Watching};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::Instant;

use crate::fake::{Fake, fib, get, peers, request, routes, send, serve};

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn event(kind: &str, subject: &str) -> EventRow {
    EventRow { at: 7, kind: kind.to_owned(), subject: Some(subject.to_owned()), text: "so it goes".to_owned() }
}

/// A watcher that reads line by line.
struct Watch(BufReader<UnixStream>);

impl Watch {
    async fn begin(socket: &Path, query: &str) -> Self {
        let mut stream = UnixStream::connect(socket).await.unwrap();
        let head = format!("GET /v1/watch?{query} HTTP/1.1\r\nHost: roost\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut watch = Self(BufReader::new(stream));
        assert_eq!(watch.text().await, "HTTP/1.1 200 OK");
        while !watch.text().await.is_empty() {}
        watch
    }

    async fn text(&mut self) -> String {
        let mut text = String::new();
        self.0.read_line(&mut text).await.unwrap();
        text.trim_end().to_owned()
    }

    /// The next line of JSON: between them are the lengths of chunks.
    async fn next(&mut self) -> WatchLine {
        loop {
            let text = self.text().await;
            if text.starts_with('{') {
                return serde_json::from_str(&text).unwrap();
            }
            assert_ne!(text, "0", "the stream has ended");
        }
    }

    /// The next line as a few words, with its token.
    async fn word(&mut self) -> (String, String) {
        let line = self.next().await;
        let word = match line.news {
            WatchNews::Resync { reason } => format!("resync: {reason}"),
            WatchNews::Synced => "synced".to_owned(),
            WatchNews::Alive => "alive".to_owned(),
            WatchNews::Route { prefix, paths } => format!("route {prefix} {}", paths.len()),
            WatchNews::Fib { prefix, row } => format!("fib {prefix} {}", row.is_some()),
            WatchNews::Peer { peer, row } => format!("peer {peer} {}", row.is_some()),
            WatchNews::Event { event } => format!("event {} {}", event.kind, event.subject.unwrap_or_default()),
        };
        (word, line.token)
    }

    async fn words(&mut self, count: usize) -> Vec<String> {
        let mut words = Vec::new();
        for _ in 0..count {
            words.push(self.word().await.0);
        }
        words
    }
}

#[tokio::test]
async fn changes_of_all_topics_are_told_in_order() {
    let fake = Fake::default();
    let (journal, gone) = (fake.journal.clone(), fake.gone.clone());
    let server = serve(fake);
    let mut watch = Watch::begin(&server.socket, "from=now").await;
    assert_eq!(watch.word().await.0, "synced");
    journal.routes(Some([prefix("10.65.2.0/26")]));
    assert_eq!(watch.word().await.0, "route 10.65.2.0/26 1");
    journal.fib(Some([prefix("10.65.2.7/32")]));
    assert_eq!(watch.word().await.0, "fib 10.65.2.7/32 true");
    journal.event(event("peer-down", "172.16.1.3"));
    journal.peer("172.16.1.3");
    assert_eq!(watch.words(2).await, ["event peer-down 172.16.1.3", "peer 172.16.1.3 true"]);
    gone.lock().unwrap().insert("10.65.2.0/26".to_owned());
    journal.peer("192.0.2.1");
    journal.routes(Some([prefix("10.65.2.0/26")]));
    journal.fib(Some([prefix("10.99.0.0/26")]));
    assert_eq!(watch.words(3).await, ["peer 192.0.2.1 false", "route 10.65.2.0/26 0", "fib 10.99.0.0/26 false"]);
}

#[tokio::test]
async fn without_a_token_all_there_is_comes_first() {
    let fake = Fake::default();
    fake.journal.event(event("start", "x"));
    let server = serve(fake);
    let mut watch = Watch::begin(&server.socket, "").await;
    let (word, token) = watch.word().await;
    assert_eq!(word, "resync: the watch begins");
    assert!(token.ends_with("-0"), "whoever ends here begins anew: {token}");
    let by_prefix = routes().chunk_by(|a, b| a.prefix == b.prefix).count();
    let words = watch.words(peers().len() + by_prefix + fib().len() + 1).await;
    let count = |what: &str| words.iter().filter(|word| word.starts_with(what)).count();
    assert_eq!((count("peer "), count("route "), count("fib ")), (peers().len(), by_prefix, fib().len()));
    assert_eq!(words.last().unwrap(), "event start x");
    assert_eq!(watch.word().await.0, "synced");
}

#[tokio::test]
async fn a_token_goes_on_where_it_was_and_nothing_is_missed() {
    let fake = Fake::default();
    let journal = fake.journal.clone();
    let server = serve(fake);
    let mut watch = Watch::begin(&server.socket, "from=now").await;
    watch.word().await;
    journal.routes(Some([prefix("10.1.0.0/16"), prefix("10.2.0.0/16")]));
    let (first, token) = watch.word().await;
    assert_eq!(first, "route 10.1.0.0/16 1");
    drop(watch);
    journal.routes(Some([prefix("10.3.0.0/16")]));
    let mut watch = Watch::begin(&server.socket, &format!("from={token}")).await;
    assert_eq!(watch.words(3).await, ["synced", "route 10.2.0.0/16 1", "route 10.3.0.0/16 1"]);
    // The token of another run, and one of this run that was never given.
    for other in ["1-7".to_owned(), format!("{}99", watch_token(&mut watch, &journal).await)] {
        let mut watch = Watch::begin(&server.socket, &format!("topics=events&from={other}")).await;
        assert!(watch.word().await.0.starts_with("resync: "), "{other}");
        assert_eq!(watch.words(2).await, ["event start y", "synced"]);
    }
}

async fn watch_token(watch: &mut Watch, journal: &speaker::journal::Journal) -> String {
    journal.event(event("start", "y"));
    watch.word().await.1
}

#[tokio::test]
async fn a_watch_is_narrowed_to_a_prefix_or_a_peer() {
    let fake = Fake::default();
    let journal = fake.journal.clone();
    let server = serve(fake);
    let mut inside = Watch::begin(&server.socket, "from=now&prefix=10.65.0.0%2F16&longer=true").await;
    let mut peer = Watch::begin(&server.socket, "from=now&peer=172.16.1.3").await;
    assert_eq!((inside.word().await.0, peer.word().await.0), ("synced".to_owned(), "synced".to_owned()));
    journal.routes(Some(["10.66.0.0/16", "10.65.2.0/26"].map(prefix)));
    journal.event(event("peer-down", "172.16.1.2"));
    journal.peer("172.16.1.2");
    journal.event(event("peer-down", "172.16.1.3"));
    journal.peer("172.16.1.3");
    assert_eq!(inside.word().await.0, "route 10.65.2.0/26 1");
    assert_eq!(peer.words(2).await, ["event peer-down 172.16.1.3", "peer 172.16.1.3 true"]);
    for (query, field) in [
        ("topics=peers&prefix=10.65.0.0/16", "prefix: "),
        ("topics=fib&peer=172.16.1.3", "peer: "),
        ("topics=fib&community=64512:100", "community: narrows `routes`, "),
        ("topics=routes,events&state=down", "state: narrows `peers`, "),
        ("peer=172.16.1.3&state=installed", "topics: none is narrowed by all of peer, state; "),
        ("longer=true", "longer: "),
        ("topics=roads", "topics: "),
        ("topics=", "topics: "),
        ("timeout=0", "timeout: "),
        ("from=yesterday", "from: "),
        ("prefix=10.65.0.1/16", "prefixes[0]: "),
    ] {
        let problem = get(&server.socket, &format!("/v1/watch?{query}")).await.problem();
        assert!(problem.status == 400 && problem.detail.starts_with(field), "{query}: {problem:?}");
    }
    assert_eq!(get(&server.socket, "/v1/watch?peer=nobody").await.problem().status, 404);
}

/// The paths of 10.65.2.0/26 are of 172.16.1.2, with 64512:100, and of 172.16.2.1; 10.65.3.0/26 is stale.
#[tokio::test]
async fn rows_are_picked_by_peer_community_and_state_as_in_the_lists() {
    let server = serve(Fake::default());
    let all = async |query: &str| {
        let mut watch = Watch::begin(&server.socket, query).await;
        assert_eq!(watch.word().await.0, "resync: the watch begins");
        let mut words = Vec::new();
        loop {
            match watch.word().await.0 {
                word if word == "synced" => return words.join("; "),
                word => words.push(word),
            }
        }
    };
    assert_eq!(all("topics=routes&peer=172.16.2.1").await, "route 10.65.2.0/26 1; route 10.66.0.0/16 1");
    assert_eq!(all("community=64512:100").await, "route 10.65.2.0/26 1");
    assert_eq!(all("state=stale").await, "route 10.65.3.0/26 1");
    assert_eq!(all("state=withheld").await, "fib 10.65.3.0/26 true");
    assert_eq!(all("state=active").await, "peer 172.16.1.3 true");
    assert_eq!(all("peer=172.16.1.3").await, "peer 172.16.1.3 true; route 10.65.3.0/26 1");
    assert_eq!(all("peer=172.16.1.2&prefix=10.65.0.0/16&longer=true").await, "route 10.65.2.0/26 1");
    // The kernel's state of a path is watched as `fib`.
    let problem = get(&server.socket, "/v1/watch?topics=routes&state=installed").await.problem();
    assert!(problem.detail.starts_with("state: narrows `fib`, "), "{problem:?}");
    let problem = get(&server.socket, "/v1/watch?state=lost").await.problem();
    assert!(problem.detail.contains("`established`, `best`"), "{problem:?}");
}

/// Any path that the made-up daemon is asked for by name is of 172.16.1.2, with 64512:100.
#[tokio::test]
async fn what_leaves_a_filter_is_gone_and_what_never_passed_is_not_told() {
    let fake = Fake::default();
    let (journal, gone) = (fake.journal.clone(), fake.gone.clone());
    let server = serve(fake);
    let mut community = Watch::begin(&server.socket, "from=now&community=64512:100").await;
    let mut others = Watch::begin(&server.socket, "from=now&topics=routes&peer=172.16.1.3").await;
    assert_eq!((community.word().await.0, others.word().await.0), ("synced".to_owned(), "synced".to_owned()));
    gone.lock().unwrap().extend(["10.65.2.0/26", "10.65.9.0/26"].map(str::to_owned));
    // It was there before, the next never passed, and the last one comes.
    journal.routes(Some(["10.65.2.0/26", "10.65.9.0/26", "10.65.8.0/26"].map(prefix)));
    assert_eq!(community.words(2).await, ["route 10.65.2.0/26 0", "route 10.65.8.0/26 1"]);
    // Another peer's path is none of this one's, which had one for 10.65.3.0/26.
    journal.routes(Some([prefix("10.65.3.0/26")]));
    let (word, token) = others.word().await;
    assert_eq!(word, "route 10.65.3.0/26 0");
    // Who was told of what is forgotten with the connection.
    let query = format!("topics=routes&peer=172.16.1.3&from={token}");
    let mut again = Watch::begin(&server.socket, &query).await;
    assert!(again.word().await.0.starts_with("resync: rows are picked by what they say"));
    assert_eq!(again.words(2).await, ["route 10.65.3.0/26 1", "synced"]);
    // A watch without such a filter goes on from any line.
    let mut whole = Watch::begin(&server.socket, &format!("topics=routes&from={token}")).await;
    assert_eq!(whole.word().await.0, "synced");
}

#[tokio::test]
async fn a_slow_watcher_gets_a_resync_marker_and_costs_a_few_slices() {
    let fake = Fake::default();
    let (journal, asked) = (fake.journal.clone(), fake.asked.clone());
    let server = serve(fake);
    let mut watch = Watch::begin(&server.socket, "topics=routes&from=now").await;
    assert_eq!(watch.word().await.0, "synced");
    // A million changes, all of which this task lets the server have: it reads none of what comes.
    for block in 0..1000_u32 {
        let of_block = |n: u32| Prefix::new(std::net::Ipv4Addr::from(block * 1000 + n).into(), 32).unwrap();
        journal.routes(Some((0..1000).map(of_block)));
        tokio::task::yield_now().await;
    }
    let stuck = async {
        let mut before = usize::MAX;
        while before != asked.load(Ordering::Relaxed) {
            before = asked.load(Ordering::Relaxed);
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
        }
        before
    };
    let slices = stuck.await;
    assert!(slices <= 16, "{slices} slices of 128 rows were made for one who reads nothing");
    let mut lines = 0;
    let reason = loop {
        let (word, _) = watch.word().await;
        lines += 1;
        if let Some(reason) = word.strip_prefix("resync: ") {
            break reason.to_owned();
        }
    };
    assert_eq!(reason, "more has changed than is kept for those who come late");
    assert!(lines <= 16 * 128 + 1, "{lines} lines before the marker");
    while watch.word().await.0 != "synced" {}
    assert_eq!(journal.watching(), Watching { watchers: 1, resyncs: 1 });
    journal.routes(Some([prefix("10.65.2.0/26")]));
    assert_eq!(watch.word().await.0, "route 10.65.2.0/26 1");
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_reads_nothing_for_a_minute_is_cut_off() {
    let fake = Fake::default();
    let journal = fake.journal.clone();
    let server = serve(fake);
    let mut watch = Watch::begin(&server.socket, "topics=routes&from=now").await;
    watch.word().await;
    let began = Instant::now();
    journal.routes(Some((0..30_000_u32).map(|n| Prefix::new(std::net::Ipv4Addr::from(n).into(), 32).unwrap())));
    tokio::time::sleep(Duration::from_secs(61)).await;
    let mut rest = Vec::new();
    watch.0.read_to_end(&mut rest).await.unwrap();
    assert!(!rest.ends_with(b"0\r\n\r\n") && rest.len() < 30_000 * 100, "cut off in the midst of it: {}", rest.len());
    assert_eq!(began.elapsed().as_secs(), 61);
}

#[tokio::test(start_paused = true)]
async fn a_watch_shows_that_it_is_alive_and_ends_in_time() {
    let server = serve(Fake::default());
    let began = Instant::now();
    let answer = get(&server.socket, "/v1/watch?from=now&timeout=40").await;
    let lines = String::from_utf8(answer.body.to_vec()).unwrap();
    let what: Vec<_> = lines.lines().map(|line| serde_json::from_str::<WatchLine>(line).unwrap().news).collect();
    assert_eq!(what, [WatchNews::Synced, WatchNews::Alive, WatchNews::Alive]);
    assert_eq!(began.elapsed().as_secs(), 40);
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
}

#[tokio::test]
async fn so_many_may_watch_and_the_next_one_is_told_so() {
    let server = serve(Fake::default());
    let mut watches = Vec::new();
    for _ in 0..WATCHERS {
        let mut watch = Watch::begin(&server.socket, "from=now").await;
        watch.word().await;
        watches.push(watch);
    }
    let problem = get(&server.socket, "/v1/watch").await.problem();
    assert!(problem.status == 503 && problem.detail.contains("16 clients watch already"), "{problem:?}");
    assert_eq!(get(&server.socket, "/v1/status").await.status, 200, "others have their places");
    watches.pop();
    // Its place is free when the server has heard of it.
    while get(&server.socket, "/v1/watch?timeout=1&from=now").await.status != 200 {}
}

#[tokio::test]
async fn a_stop_ends_watches_at_once_and_whole() {
    let mut server = serve(Fake::default());
    let mut watch = Watch::begin(&server.socket, "from=now").await;
    watch.word().await;
    let began = Instant::now();
    server.stop.cancel();
    let mut rest = String::new();
    watch.0.read_to_string(&mut rest).await.unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "{rest:?}");
    (&mut server.task).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn events_are_listed_by_peer_and_kind() {
    let fake = Fake::default();
    for (kind, subject) in [("peer-up", "172.16.1.2"), ("peer-down", "172.16.1.3"), ("repair", "10.65.2.0/26")] {
        fake.journal.event(event(kind, subject));
    }
    let server = serve(fake);
    let kinds = async |query: &str| {
        let answer = get(&server.socket, &format!("/v1/events{query}")).await.json();
        let rows = answer.as_array().unwrap().clone();
        rows.iter().map(|row| row["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(kinds("").await, "peer-up peer-down repair");
    assert_eq!(kinds("?peer=172.16.1.3").await, "peer-down");
    assert_eq!(kinds("?kind=repair").await, "repair");
    assert_eq!(get(&server.socket, "/v1/events?peer=nobody").await.problem().status, 404);
    let ending = serve(Fake { broken: true, ..Fake::default() });
    let answer =
        send(UnixStream::connect(&ending.socket).await.unwrap(), request(Method::GET, "/v1/watch", None)).await;
    assert_eq!(answer.problem().status, 503);
}
