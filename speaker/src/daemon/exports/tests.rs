use super::*;

const PEERS: [PeerId; 3] = [PeerId(0), PeerId(1), PeerId(2)];

/// A group of all three: which peer each prefix comes from, and with which preference.
fn told(paths: &[(&str, u32, u32)]) -> Vec<Told> {
    let path = |(prefix, source, local_pref): &(&str, u32, u32)| {
        let next_hop = std::net::IpAddr::from([192, 0, 2, 1]).into();
        let attrs = PathAttrs { local_pref: Some(*local_pref), ..PathAttrs::originated(next_hop) };
        ((prefix.parse().unwrap(), PathId::NONE), (PeerId(*source), Arc::new(attrs)))
    };
    let paths = paths.iter().map(path).collect();
    vec![Told { family: Family::IPV4_UNICAST, members: PEERS.to_vec(), paths }]
}

fn counts(announced: usize, changed: usize, withdrawn: usize, for_a_moment: usize) -> Counts {
    Counts { announced, changed, withdrawn, for_a_moment }
}

#[test]
fn a_path_s_source_is_not_told_it_and_has_a_count_of_its_own() {
    let before = || told(&[("10.0.1.0/24", 0, 100), ("10.0.2.0/24", 0, 100), ("10.0.3.0/24", 1, 100)]);
    let after = || told(&[("10.0.1.0/24", 1, 100), ("10.0.2.0/24", 0, 200), ("10.0.4.0/24", 1, 100)]);
    let stages = Stages { before: before(), meanwhile: after(), after: after() };
    let exports = stages.compare(&PEERS.into());
    // From one source to the other with the same words: only the two take notice.
    assert_eq!(exports[&PEERS[0]], counts(2, 0, 1, 0), "10.0.1.0 and 10.0.4.0 come, 10.0.3.0 goes");
    assert_eq!(exports[&PEERS[1]], counts(0, 1, 1, 0), "10.0.2.0 changes, 10.0.1.0 goes, as it is its own now");
    assert_eq!(exports[&PEERS[2]], counts(1, 1, 1, 0));
    let away = Stages { before: before(), meanwhile: after(), after: before() };
    assert_eq!(away.compare(&[PEERS[2]].into()), [(PEERS[2], counts(0, 0, 0, 3))].into());
}

#[test]
fn whoever_moves_to_another_group_is_compared_with_what_that_one_is_told() {
    let mut after = told(&[("10.0.1.0/24", 0, 100)]);
    let mut other = told(&[("10.0.1.0/24", 0, 70)]);
    (after[0].members, other[0].members) = (vec![PEERS[0], PEERS[1]], vec![PEERS[2]]);
    after.extend(other);
    let before = told(&[("10.0.1.0/24", 0, 100)]);
    let exports = Stages { before, meanwhile: after.clone(), after }.compare(&PEERS.into());
    assert_eq!(PEERS.map(|peer| exports[&peer]), [counts(0, 0, 0, 0), counts(0, 0, 0, 0), counts(0, 1, 0, 0)]);
    let mut sum = Exports::new();
    add(&mut sum, &exports);
    add(&mut sum, &exports);
    assert_eq!((sum[&PEERS[2]], sum[&PEERS[0]].is_empty()), (counts(0, 2, 0, 0), true));
}
