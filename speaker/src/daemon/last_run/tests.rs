//! The file by itself; whole daemons with it in `tests/tests/kept_state.rs`.

use super::*;

fn fresh() -> (tempfile::TempDir, LastRun, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roost.sock.ran");
    let last = LastRun::beside(&folder.path().join("roost.sock"));
    (folder, last, path)
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_run_is_recent_for_as_long_as_peers_keep_routes() {
    let (_folder, last, path) = fresh();
    assert!(!last.is_within(MINUTE), "never ran");
    last.note(FamilySet::EMPTY).unwrap();
    assert!(last.is_within(MINUTE));
    let file = OpenOptions::new().append(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - 2 * MINUTE).unwrap();
    assert!(!last.is_within(MINUTE));
    assert!(last.is_within(2 * MINUTE), "a beat may be missing");
    file.set_modified(SystemTime::now() + MINUTE).unwrap();
    assert!(last.is_within(MINUTE), "the clock was set back");
    file.set_modified(SystemTime::now() - 2 * MINUTE).unwrap();
    last.note(FamilySet::EMPTY).unwrap();
    assert!(last.is_within(Duration::ZERO), "touched, though it says the same");
}

#[test]
fn a_folder_that_is_not_there_is_a_first_start() {
    let last = LastRun::beside(Path::new("/nonexistent/roost.sock"));
    assert!(!last.is_within(Duration::MAX - BEAT));
    assert!(last.note(FamilySet::ALL).is_err());
    assert!(last.without_routes().is_empty());
}

#[test]
fn families_without_routes_are_known_at_the_next_start() {
    let (_folder, last, path) = fresh();
    assert!(last.without_routes().is_empty(), "never ran");
    for families in [FamilySet::ALL, without(0, 1), without(1, 0), FamilySet::EMPTY] {
        last.note(families).unwrap();
        assert_eq!(last.without_routes(), families, "{:?}", std::fs::read_to_string(&path));
    }
    assert_eq!(without(0, 0), FamilySet::ALL);
}

/// RFC 4724 §3: what is not known to be preserved is not said to be.
#[test]
fn a_file_of_another_boot_or_with_any_other_octets_says_nothing() {
    let (_folder, last, path) = fresh();
    last.note(FamilySet::ALL).unwrap();
    let good = std::fs::read(&path).unwrap();
    let other_boot = LastRun { boot: "00000000-0000-0000-0000-000000000000".to_owned(), ..last.clone() };
    assert!(other_boot.without_routes().is_empty());
    for cut in 0..good.len() {
        std::fs::write(&path, &good[..cut]).unwrap();
        assert!(last.without_routes().is_empty(), "cut at {cut}");
    }
    let damaged: [&[u8]; 5] =
        [&[0xff; 64], &[0; 64], b"no routes: ipv4\n", b"boot \nno routes: ipv4\n", &[&good[..], b"x"].concat()];
    for octets in damaged.into_iter().chain([&[b'\n'; MOST + 1][..]]) {
        std::fs::write(&path, octets).unwrap();
        assert!(last.without_routes().is_empty(), "{octets:?}");
    }
    std::fs::write(&path, [&good[..good.len() - 1], b" ipv5\n"].concat()).unwrap();
    assert!(last.without_routes().is_empty());
    last.note(FamilySet::ALL).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), good, "put right by the next note");
    let nobody = LastRun { boot: String::new(), ..last.clone() };
    nobody.note(FamilySet::ALL).unwrap();
    assert!(nobody.without_routes().is_empty(), "without a boot id nothing is known to be of this boot");
}

#[test]
fn a_file_that_cannot_be_replaced_says_nothing_any_more() {
    let (folder, last, path) = fresh();
    last.note(FamilySet::ALL).unwrap();
    // A folder in the place of the fresh file: it cannot be written, for root neither.
    std::fs::create_dir(folder.path().join("roost.sock.ran.new")).unwrap();
    assert!(last.note(FamilySet::EMPTY).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"");
    assert!(last.is_within(Duration::ZERO) && last.without_routes().is_empty());
    std::fs::remove_dir(folder.path().join("roost.sock.ran.new")).unwrap();
    last.note(FamilySet::ALL).unwrap();
    assert_eq!(last.without_routes(), FamilySet::ALL);
}

fn known(restart: Restart, peers: KnownPeers, all_listed: bool, forgotten: Duration) -> Known {
    let forgotten = Instant::now() + forgotten;
    Known { fib: None, restart: Arc::new(restart), peers: Arc::new(peers), all_listed, forgotten, told: false.into() }
}

/// A run that could not say "preserved" does not let the next one say it, before peers have heard.
#[test]
fn what_was_lost_is_told_to_all_peers_before_it_is_forgotten() {
    let lost = || Restart::of_kernel(0, 0, FamilySet::EMPTY);
    assert!(known(lost(), KnownPeers::default(), true, MINUTE).is_told(), "there are none");
    assert!(!known(lost(), KnownPeers::default(), false, MINUTE).is_told(), "who may connect is not known");
    assert!(known(lost(), KnownPeers::default(), false, Duration::ZERO).is_told(), "nobody keeps anything any more");
}
