use super::*;

fn news(attrs: u32, source: u32) -> News {
    News { path_id: PathId::NONE, attrs: AttrId(attrs), source: PeerId(source), keep_med: false }
}

fn read(log: &Log, from: u64) -> Vec<(u32, Option<u32>)> {
    log.walk(from).map(|(_, e)| (e.dest, (!e.is_gone()).then_some(e.attrs.0))).collect()
}

#[test]
fn a_prefix_stands_in_the_list_once_at_its_last_change() {
    let mut log = Log::default();
    for dest in 0..3 {
        log.insert(dest, news(dest, 1));
    }
    let first = log.find(0, PathId::NONE).expect("inserted above");
    let cursor = log.tail();
    assert_eq!(log.announce(first, news(9, 1)), (AttrId(0), 0));
    assert_eq!(read(&log, 0), [(1, Some(1)), (2, Some(2)), (0, Some(9))], "who has read nothing gets the last word");
    assert_eq!(read(&log, cursor), [(0, Some(9))], "who has read all gets the change");
    assert_eq!(log.skip_holes(0), 1);
}

#[test]
fn a_tombstone_stays_until_the_last_cursor_has_passed_it() {
    let mut log = Log::default();
    for dest in 0..3 {
        log.insert(dest, news(dest, 1));
    }
    let id = log.find(1, PathId::NONE).expect("inserted above");
    assert_eq!(log.withdraw(id).0, AttrId(1));
    let mut freed = Vec::new();
    assert_eq!(log.sweep(3, usize::MAX, |dest| freed.push(dest)), None, "a cursor stands before it");
    assert_eq!(read(&log, 3), [(1, None)]);
    assert_eq!(log.sweep(4, usize::MAX, |dest| freed.push(dest)), Some(4));
    assert_eq!(freed, [1]);
    assert_eq!(read(&log, 0), [(0, Some(0)), (2, Some(2))]);
    assert_eq!((log.live(), log.dead()), (2, 0));
}

#[test]
fn a_path_that_came_back_is_no_tombstone() {
    let mut log = Log::default();
    log.insert(7, news(1, 1));
    let id = log.find(7, PathId::NONE).expect("inserted above");
    log.withdraw(id);
    log.announce(id, news(2, 1));
    assert_eq!(log.sweep(log.tail(), usize::MAX, |_| panic!("nothing is gone")), None);
    assert_eq!(read(&log, 0), [(7, Some(2))]);
    assert!(log.entry(id).mixed, "its source may hold what was announced before");
}

#[test]
fn closing_holes_leaves_every_cursor_before_the_same_entry() {
    let mut log = Log::default();
    for dest in 0..10 {
        log.insert(dest, news(dest, 1));
    }
    for round in 0..300 {
        for dest in [3, 5, 7, 8, 9] {
            let id = log.find(dest, PathId::NONE).expect("inserted above");
            if round % 7 == 6 && dest == 5 && !log.entry(id).is_gone() {
                log.withdraw(id);
            } else {
                log.announce(id, news(round, 1));
            }
        }
    }
    assert!(log.is_sparse());
    let mut cursors: Vec<u64> = (0..=log.tail()).step_by(13).collect();
    cursors.push(log.tail());
    let before: Vec<_> = cursors.iter().map(|&at| read(&log, at)).collect();
    let (tail, mut never) = (log.tail(), u64::MAX);
    let mut positions: Vec<&mut u64> = cursors.iter_mut().collect();
    positions.push(&mut never);
    log.compact(positions);
    assert_eq!((log.tail(), never), (tail, u64::MAX));
    assert!(!log.is_sparse());
    assert_eq!(cursors.iter().map(|&at| read(&log, at)).collect::<Vec<_>>(), before);
}

#[test]
fn a_source_that_changed_is_remembered_until_all_have_read_it() {
    let mut log = Log::default();
    log.insert(1, news(1, 1));
    let id = log.find(1, PathId::NONE).expect("inserted above");
    assert!(!log.entry(id).mixed);
    log.announce(id, news(2, 2));
    assert!(log.entry(id).mixed, "peer 2 may hold the path of peer 1");
    log.announce(id, news(3, 2));
    assert!(log.entry(id).mixed);
    log.sweep(log.tail(), usize::MAX, |_| {});
    log.announce(id, news(4, 2));
    assert!(!log.entry(id).mixed);
}

#[test]
fn several_paths_of_a_dest_come_and_go_one_by_one() {
    let mut log = Log::default();
    for path in 1..=3 {
        log.insert(4, News { path_id: PathId(path), ..news(path, path) });
    }
    for gone in [2, 3, 1] {
        let id = log.find(4, PathId(gone)).expect("inserted above");
        log.withdraw(id);
        log.sweep(log.tail(), usize::MAX, |dest| assert_eq!(dest, 4));
        assert_eq!(log.find(4, PathId(gone)), None);
    }
    assert_eq!((log.entries_of(4).count(), log.live()), (0, 0));
}
