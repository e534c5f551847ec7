use std::net::Ipv4Addr;

use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;

use super::*;

fn prefix(n: u32) -> Prefix {
    Prefix::new(Ipv4Addr::from(n).into(), 32).expect("32 is a length")
}

fn routes(range: std::ops::Range<u32>) -> Option<impl Iterator<Item = Prefix>> {
    Some(range.map(prefix))
}

fn numbers(notes: Option<Notes>) -> Option<Vec<u64>> {
    notes.map(|notes| notes.notes.iter().map(|(at, _)| *at).collect())
}

#[test]
fn topics_share_one_sequence_and_are_read_a_slice_at_a_time() {
    let journal = Arc::new(Journal::default());
    let _place = journal.place().unwrap();
    journal.begin_routes();
    let at = *journal.head().borrow();
    journal.routes(routes(0..3));
    journal.fib(routes(0..1));
    journal.peer("a");
    journal.routes(routes(3..4));
    let all = journal.read(&Topic::ALL, at, 10).unwrap();
    let keys: Vec<_> = all.notes.iter().map(|(_, key)| key.clone()).collect();
    let route = |n| Key::Route(prefix(n));
    assert_eq!(keys, [route(0), route(1), route(2), Key::Fib(prefix(0)), Key::Peer("a".into()), route(3)]);
    assert_eq!((all.notes[0].0, all.upto), (at + 1, at + 6));
    let mut from = at;
    let mut seen = Vec::new();
    while from != at + 6 {
        let Notes { notes, upto } = journal.read(&Topic::ALL, from, 2).unwrap();
        seen.extend(notes.into_iter().map(|(_, key)| key));
        from = upto;
    }
    assert_eq!(seen, keys);
    assert_eq!(numbers(journal.read(&[Topic::Peers], at, 10)), Some(vec![at + 5]));
}

#[test]
fn who_comes_too_late_is_told_and_the_rings_do_not_grow() {
    let journal = Arc::new(Journal::default());
    let _place = journal.place().unwrap();
    journal.begin_routes();
    let at = *journal.head().borrow();
    for n in 0..100 {
        journal.routes(routes(n * 1000..(n + 1) * 1000));
    }
    let head = *journal.head().borrow();
    assert_eq!(head, at + 100_000);
    assert_eq!(journal.read(&[Topic::Routes], at, 10), None);
    assert_eq!(journal.read(&[Topic::Routes], head - PREFIXES as u64 - 1, 10), None);
    assert_eq!(journal.read(&[Topic::Routes], head - PREFIXES as u64, usize::MAX).unwrap().notes.len(), PREFIXES);
    assert_eq!(numbers(journal.read(&[Topic::Events], at, 10)), Some(vec![]), "another topic lost nothing");
    assert_eq!(journal.read(&[Topic::Events], head + 1, 10), None, "nobody was given that number");
    assert_eq!(journal.read(&[Topic::Events], 0, 10), None);
    journal.routes(None::<[Prefix; 0]>);
    assert_eq!(journal.read(&[Topic::Routes], head, 10), None, "there were too many to name");
    assert_eq!(numbers(journal.read(&[Topic::Routes], head + 1, 10)), Some(vec![]));
}

#[tokio::test(start_paused = true)]
async fn routes_are_noted_only_for_watchers_and_for_a_minute_after_them() {
    let journal = Arc::new(Journal::default());
    assert!(!journal.routes(routes(0..1)));
    let begin = *journal.head().borrow();
    assert_eq!(journal.read(&[Topic::Routes], begin, 10), None);
    drop(journal.place());
    journal.begin_routes();
    tokio::time::advance(LINGER - Duration::from_secs(1)).await;
    assert!(journal.routes(routes(0..1)));
    assert_eq!(numbers(journal.read(&[Topic::Routes], begin, 10)), Some(vec![begin + 1]));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(!journal.routes(routes(1..2)), "nobody has come back");
    assert_eq!(journal.read(&[Topic::Routes], begin + 1, 10), None);
    let _place = journal.place();
    assert_eq!(journal.read(&[Topic::Routes], begin + 1, 10), None, "who watches something else has no routes noted");
    journal.begin_routes();
    assert_eq!(journal.read(&[Topic::Routes], begin, 10), None, "what was not noted meanwhile is missing");
    assert_eq!(numbers(journal.read(&[Topic::Routes], begin + 1, 10)), Some(vec![]));
}

#[test]
fn a_token_means_something_to_its_own_run_only() {
    let (one, two) = (Journal::default(), Journal { run: "2".to_owned(), ..Journal::default() });
    assert_eq!(one.parse(&one.token(7)), Ok(Some(7)));
    assert_eq!(two.parse(&one.token(7)), Ok(None));
    for wrong in ["", "7", "now", "a-", "a-b", &"x".repeat(1000)] {
        let error = one.parse(wrong).unwrap_err();
        assert!(error.contains("is no token; write `now`") && error.len() < 200, "{error}");
    }
}

#[test]
fn log_lines_with_a_kind_become_events_whatever_their_level() {
    let journal = Arc::new(Journal::default());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
    let quiet = lines.with_filter(tracing_subscriber::filter::LevelFilter::ERROR);
    let registry = tracing_subscriber::registry().with(quiet).with(EventLayer::of(journal.clone()));
    tracing::subscriber::with_default(registry, || {
        let hint = Some("look there".to_owned());
        tracing::warn!(event = "peer-down", peer = %"192.0.2.1", reason = "hold-timer", hint, "session lost: {}", "why");
        tracing::info!("of no kind");
        tracing::info!(event = "ready", "{}", "x".repeat(5000));
    });
    let events = journal.events();
    let [down, ready] = &events[..] else { panic!("{events:?}") };
    assert_eq!((down.kind.as_str(), down.subject.as_deref()), ("peer-down", Some("192.0.2.1")));
    assert_eq!(down.text, "session lost: why (reason=hold-timer, hint=look there)");
    assert_eq!((ready.subject.as_deref(), ready.text.len()), (None, 1024));
}

#[test]
fn what_the_rings_take_is_counted_and_given_back() {
    let journal = Arc::new(Journal::default());
    assert_eq!(journal.memory(), (0, 0));
    journal.peer(&"x".repeat(100));
    let (notes, bytes) = journal.memory();
    assert!(notes == 1 && (100..1000).contains(&bytes), "{bytes}");
    let place = journal.place();
    journal.begin_routes();
    journal.routes(routes(0..2 * PREFIXES as u32));
    let (notes, bytes) = journal.memory();
    assert!(notes == 1 + PREFIXES && (PREFIXES * 24..PREFIXES * 64).contains(&bytes), "{bytes}");
    assert_eq!(journal.watching(), Watching { watchers: 1, resyncs: 0 });
    drop(place);
    journal.lock().left = None;
    journal.routes(routes(0..1));
    assert_eq!(journal.memory().0, 1, "nobody watches any more");
}
