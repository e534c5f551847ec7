use super::Replaced;
use crate::config::{Config, parse, steps};

fn config(peers: &[&str]) -> Config {
    let peers: Vec<_> = peers.iter().map(|peer| format!("{{ asn: 64512, address: {peer} }}")).collect();
    let text = format!("router: {{ asn: 64512, router_id: 10.0.0.1 }}\npeers: [ {} ]\n", peers.join(", "));
    parse("roost.yaml", &text).expect("a configuration").config
}

/// Who waits when one list after the other takes the place of the one before.
fn after(lists: &[&[&str]]) -> Option<Replaced> {
    let mut waiting: Option<Replaced> = None;
    for pair in lists.windows(2) {
        let mut now = config(pair[0]);
        now.peers.extend(waiting.iter().flat_map(|waiting| waiting.peers.clone()));
        let steps = steps::between(&now, &config(pair[1])).expect("the same speaker").steps;
        waiting = Replaced::by(&steps, waiting.as_ref());
    }
    waiting
}

fn names(replaced: Option<&Replaced>) -> Vec<String> {
    replaced.iter().flat_map(|replaced| &replaced.peers).map(|peer| peer.name()).collect()
}

/// The peers that wait when the second list takes the place of the first.
fn waiting(before: &[&str], then: &[&str]) -> Vec<String> {
    names(after(&[before, then]).as_ref())
}

#[test]
fn peers_wait_for_those_that_take_their_place() {
    assert_eq!(waiting(&["10.0.0.2", "10.0.0.3"], &["10.0.0.3", "10.0.0.9"]), ["10.0.0.2"]);
}

#[test]
fn nobody_waits_for_nobody() {
    let none: [&str; 0] = [];
    assert_eq!(waiting(&["10.0.0.2", "10.0.0.3"], &["10.0.0.3"]), none);
    assert_eq!(waiting(&["10.0.0.2"], &["10.0.0.2", "10.0.0.3"]), none);
    assert_eq!(waiting(&["10.0.0.2"], &["10.0.0.9, enabled: false"]), none, "who is disabled replaces nobody");
    assert_eq!(waiting(&["10.0.0.2, enabled: false"], &["10.0.0.9"]), none, "who is disabled has no session to keep");
}

#[test]
fn another_change_lets_nobody_go_who_waits() {
    let (mesh, reflector): (&[&str], &[&str]) = (&["10.0.0.2", "10.0.0.3"], &["10.0.0.9"]);
    let two: &[&str] = &["10.0.0.9", "10.0.0.8"];
    let once = after(&[mesh, reflector]).unwrap();
    let again = after(&[mesh, reflector, reflector]).unwrap();
    assert_eq!(names(Some(&again)), ["10.0.0.2", "10.0.0.3"], "the same file read once more");
    assert_eq!(again.awaited, once.awaited);
    let more = after(&[mesh, reflector, two]).unwrap();
    assert_eq!((names(Some(&more)).len(), more.awaited.len()), (2, 2), "both are waited for");
    let only_one = after(&[mesh, two, reflector]).unwrap();
    assert_eq!(names(Some(&only_one)), ["10.0.0.2", "10.0.0.3"], "10.0.0.8 is nobody's, so it goes at once");
    assert_eq!(only_one.awaited, once.awaited);
    assert!(after(&[mesh, reflector, mesh]).is_none(), "back: those who waited have never gone");
    assert!(after(&[mesh, reflector, &[]]).is_none(), "nobody takes their place any more");
    assert!(after(&[mesh, reflector, &["10.0.0.9, enabled: false"]]).is_none());
    let kept = after(&[mesh, reflector]).unwrap().but_for(&config(&["10.0.0.2"]).peers);
    assert_eq!(names(kept.as_ref()), ["10.0.0.3"], "who is added again over the API stays");
    assert!(kept.unwrap().but_for(&config(mesh).peers).is_none());
}

#[test]
fn a_change_that_adds_nobody_does_not_make_them_wait_for_longer() {
    let (mesh, reflector): (&[&str], &[&str]) = (&["10.0.0.2"], &["10.0.0.9"]);
    let first = after(&[mesh, reflector]).unwrap();
    let mut now = config(reflector);
    now.peers.extend(first.peers.clone());
    let steps = steps::between(&now, &config(reflector)).unwrap().steps;
    assert_eq!(Replaced::by(&steps, Some(&first)).unwrap().until, first.until);
}
