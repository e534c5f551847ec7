use super::*;

/// Rounds begun within `time` when there is news each `gap`, and the longest that news waited.
fn rounds(sessions: usize, gap: Duration, time: Duration) -> (usize, Duration) {
    let start = Instant::now() + Duration::from_secs(60);
    let (mut pace, mut now, mut count, mut longest) = (Pace::default(), start, 0, Duration::ZERO);
    let mut news: Option<Instant> = None;
    let mut next = start;
    while now < start + time {
        if next <= now {
            news.get_or_insert(next);
            next += gap;
        }
        let late = pace.due().is_some();
        if let Some(since) = news
            && pace.may_tell(now)
        {
            longest = longest.max(now - since);
            pace.told(now, sessions, late);
            (news, count) = (None, count + 1);
        }
        now = pace.due().map_or(next, |due| due.min(next));
    }
    (count, longest)
}

#[test]
fn rare_news_never_waits() {
    let (count, longest) = rounds(100, Duration::from_millis(5), Duration::from_secs(10));
    assert_eq!((count, longest), (2_000, Duration::ZERO));
}

#[test]
fn much_news_is_told_in_rounds() {
    let (count, longest) = rounds(100, Duration::from_micros(500), Duration::from_secs(10));
    assert!((1_700..2_100).contains(&count), "{count} rounds of 20,000 changes");
    assert!(longest <= LONGEST, "{longest:?}");
}

#[test]
fn a_burst_after_a_calm_time_is_told_at_once() {
    let (count, longest) = rounds(100, Duration::from_micros(100), Duration::from_millis(1));
    assert_eq!((count, longest), (10, Duration::ZERO));
}

#[test]
fn few_sessions_are_told_more_often_and_very_many_not_more_seldom() {
    let (few, _) = rounds(2, Duration::from_micros(50), Duration::from_secs(1));
    assert!(few > 6_000, "{few}");
    let (_, longest) = rounds(5_000, Duration::from_micros(100), Duration::from_secs(1));
    assert!(longest <= LONGEST, "{longest:?}");
}
