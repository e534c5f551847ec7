use super::*;

#[test]
fn names_are_what_a_path_and_a_log_can_hold() {
    for good in ["cni", "k8s.example.com", "A_1-z", &"x".repeat(63)] {
        assert_eq!(good.parse::<OwnerName>().unwrap().to_string(), good);
    }
    // RFC 3986 §3.3: as steps of a path, dots alone say where to go.
    for bad in ["", ".", "..", "a b", "a/b", "ü", "a\n", &"x".repeat(64)] {
        let error = bad.parse::<OwnerName>().unwrap_err();
        assert!(error.contains("is no name of an owner; expected 1 to 63 of"), "{error}");
    }
}

#[test]
fn a_prefix_is_a_block_or_a_service_and_stays_or_goes() {
    let texts = |texts: &[&str]| -> Vec<String> { texts.iter().map(|&text| text.to_owned()).collect() };
    let patch = OwnerPatch {
        announce: texts(&["10.1.0.0/16", "10.1.0.0/16"]),
        services: texts(&["10.2.0.7", "10.1.0.0/16"]),
        withdraw: texts(&["10.3.0.0/16", "10.2.0.7/32"]),
        lease: None,
    };
    let problem = Edit::try_from(patch).unwrap_err();
    assert_eq!(
        problem.detail,
        "services[1]: 10.1.0.0/16 is in announce, too; it can be one of both; \
         withdraw[1]: 10.2.0.7/32 is announced by the same request"
    );
}
