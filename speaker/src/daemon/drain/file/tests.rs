use super::*;

fn order(message: Option<&str>, settle: u64, timeout: u64) -> Drain {
    let [settle, timeout] = [settle, timeout].map(Duration::from_secs);
    Drain { message: message.map(str::to_owned), settle, timeout, until_restart: false }
}

#[test]
fn the_files_say_that_the_node_is_drained_why_and_how_far_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = DrainFile::beside(&folder.path().join("roost.sock"));
    assert_eq!(file.read(), None);
    for text in [Some("disk"), None] {
        let asked = order(text, 3600, 86_400);
        file.begin(&asked).unwrap();
        assert_eq!(file.read(), Some((DrainPhase::Leaving, asked.clone())));
        file.complete();
        file.complete();
        let usual = Drain { message: text.map(str::to_owned), ..Drain::default() };
        assert_eq!(file.read(), Some((DrainPhase::Drained, usual)), "its times are over");
        file.write(&order(Some("more"), 1, 1)).unwrap();
        assert_eq!(file.read().unwrap().1.message.as_deref(), Some("more"));
    }
    file.begin(&order(None, 1, 1)).unwrap();
    file.remove().unwrap();
    file.remove().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    // A start that was killed between the two of them.
    std::fs::write(folder.path().join("roost.sock.leaving"), "settle 1 timeout 1\n").unwrap();
    assert_eq!(file.read(), None);
}

#[test]
fn what_cannot_be_read_says_so_too_and_takes_the_usual_times() {
    let folder = tempfile::tempdir().unwrap();
    let file = DrainFile::beside(&folder.path().join("roost.sock"));
    file.write(&Drain::default()).unwrap();
    for times in ["", "settle 1", "settle x timeout 1", "settle 1 timeout 99999999999", &"x".repeat(TIMES + 1)] {
        std::fs::write(folder.path().join("roost.sock.leaving"), times).unwrap();
        assert_eq!(file.read(), Some((DrainPhase::Leaving, Drain::default())), "{times}");
    }
    file.remove().unwrap();
    // What nobody can read is there all the same: better no traffic than one that nobody expects.
    std::fs::create_dir(folder.path().join("roost.sock.drained")).unwrap();
    assert_eq!(file.read(), Some((DrainPhase::Drained, Drain::default())));
    assert!(file.remove().unwrap_err().contains("the node stays drained"));
    let nowhere = DrainFile::beside(Path::new("/nonexistent/roost.sock"));
    for kept in [nowhere.begin(&Drain::default()), nowhere.write(&Drain::default())] {
        assert!(kept.unwrap_err().contains("--until-restart"));
    }
}
