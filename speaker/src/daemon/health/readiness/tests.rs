use super::*;

/// `synced` peers that have sent everything, and `missing` ones; long after the start.
fn facts(synced: usize, missing: usize) -> Facts {
    let peer =
        |n: usize, missing: Option<&str>| PeerFact { name: format!("10.9.0.{n}"), missing: missing.map(str::to_owned) };
    let peers =
        (0..synced).map(|n| peer(n, None)).chain((synced..synced + missing).map(|n| peer(n, Some("no answer"))));
    Facts {
        uptime: Duration::from_secs(60),
        startup_wait: Duration::from_secs(30),
        quorum: 1,
        out_of_service: false,
        damaged: Vec::new(),
        peers: peers.collect(),
        undecided: Some(0),
        kernel: Some(KernelFacts::default()),
        was_ready: true,
    }
}

#[test]
fn what_could_not_be_read_is_said_until_somebody_has_seen_to_it() {
    let reason = "peers and pools that were set over the API could not be read: set them again".to_owned();
    let judged = judge(&Facts { damaged: vec![reason.clone()], ..facts(1, 0) });
    assert_eq!((judged.ready, judged.reasons), (false, vec![reason]));
}

#[test]
fn how_many_peers_are_enough() {
    let early = Duration::from_secs(29);
    let late = Duration::from_secs(30);
    for (uptime, quorum, synced, missing, needed) in [
        (early, 1, 0, 0, 0), // nobody to wait for
        (early, 1, 3, 0, 3),
        (early, 1, 2, 1, 3),
        (late, 1, 2, 1, 1),
        (late, 1, 0, 100, 1),
        (late, 1, 0, 101, 2),
        (late, 50, 2, 2, 2),
        (late, 50, 1, 2, 2),
        (late, 100, 9, 1, 10),
    ] {
        let judged = judge(&Facts { uptime, quorum, ..facts(synced, missing) });
        let row = format!("{uptime:?} {quorum} % {synced} {missing}");
        assert_eq!(
            (judged.peers, judged.peers_synced, judged.peers_needed),
            (synced + missing, synced, needed),
            "{row}"
        );
        assert_eq!(judged.ready, synced >= needed, "{row}");
    }
}

#[test]
fn the_missing_peers_are_named_and_when_fewer_are_enough() {
    let judged = judge(&Facts { uptime: Duration::from_secs(10), ..facts(1, 1) });
    let told = "of 2 peers 1 are up and have sent everything; wanted are 2, 1 from 21 s on";
    assert_eq!(judged.reasons, [told, "peer 10.9.0.1: no answer"]);
    let judged = judge(&facts(0, 20));
    assert_eq!(judged.reasons.len(), 10);
    assert_eq!(judged.reasons[9], "and 12 peers more");
}

#[test]
fn who_was_not_ready_must_have_caught_up_and_who_was_may_be_a_little_behind() {
    let lagging = |was_ready, undecided, behind| Facts {
        was_ready,
        undecided: Some(undecided),
        kernel: Some(KernelFacts { behind: Duration::from_millis(behind), ..KernelFacts::default() }),
        ..facts(1, 0)
    };
    for (was_ready, undecided, behind, ready) in [
        (false, 0, 0, true),
        (false, 1, 0, false),
        (false, 0, 1, false),
        (true, 1, 1, true),
        (true, 1, 1000, true),
        (true, 0, 1001, false),
    ] {
        let judged = judge(&lagging(was_ready, undecided, behind));
        assert_eq!(judged.ready, ready, "{was_ready} {undecided} {behind}: {:?}", judged.reasons);
    }
}

#[test]
fn a_kernel_that_diverges_and_parts_that_have_ended_are_reasons() {
    let kernel = KernelFacts {
        divergent: 9,
        named: (0..9).map(|n| format!("10.65.{n}.0/26: conflict")).collect(),
        ..KernelFacts::default()
    };
    let reasons = judge(&Facts { kernel: Some(kernel), ..facts(1, 0) }).reasons;
    assert_eq!(reasons[..2], ["routes that are not in the kernel as they should be: 9", "10.65.0.0/26: conflict"]);
    assert_eq!(reasons.last().map(String::as_str), Some("and 1 routes more"));
    let ended = KernelFacts { ended: true, ..KernelFacts::default() };
    let reasons = judge(&Facts { kernel: Some(ended), undecided: None, ..facts(1, 0) }).reasons;
    let told = ["the owner of the table does not answer", "the thread that writes the kernel's routes has ended"];
    assert_eq!(reasons, told);
    let reasons = judge(&Facts { out_of_service: true, ..facts(0, 0) }).reasons;
    assert_eq!(reasons, ["the node is out of service (`roost drain`); `roost undrain` takes it back"]);
    assert!(judge(&Facts { kernel: None, ..facts(1, 0) }).ready, "a reflector has no kernel to diverge");
}
