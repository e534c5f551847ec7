use super::Replaced;
use crate::config::{parse, steps};

/// The peers that wait when the second list takes the place of the first.
fn waiting(before: &[&str], after: &[&str]) -> Vec<String> {
    let config = |peers: &[&str]| {
        let peers: Vec<_> = peers.iter().map(|peer| format!("{{ asn: 64512, address: {peer} }}")).collect();
        let text = format!("router: {{ asn: 64512, router_id: 10.0.0.1 }}\npeers: [ {} ]\n", peers.join(", "));
        parse("roost.yaml", &text).expect("a configuration").config
    };
    let steps = steps::between(&config(before), &config(after)).expect("the same speaker").steps;
    let replaced = Replaced::by(&steps);
    replaced.iter().flat_map(|replaced| &replaced.peers).map(|peer| peer.name()).collect()
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
