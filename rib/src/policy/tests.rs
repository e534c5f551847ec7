use super::*;

fn p(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn entry(prefix: &str, ge: Option<u8>, le: Option<u8>) -> PrefixListEntry {
    PrefixListEntry { prefix: p(prefix), ge, le }
}

fn attrs() -> PathAttrs {
    PathAttrs::originated(std::net::IpAddr::from([192, 0, 2, 1]).into())
}

fn pools() -> Arc<PrefixList> {
    Arc::new(PrefixList::new(
        "pools",
        [
            entry("10.65.0.0/16", Some(24), Some(26)),
            entry("fd00::/16", None, Some(122)),
            entry("192.0.2.0/24", None, None),
        ],
    ))
}

fn rule(matches: Vec<Match>, set: Vec<Set>, action: Action) -> Rule {
    Rule { matches, set, action }
}

#[test]
fn a_prefix_list_matches_by_block_and_length() {
    for (prefix, expected) in [
        ("10.65.1.0/26", true),
        ("10.65.0.0/24", true),
        ("10.65.1.0/27", false),
        ("10.65.0.0/16", false),
        ("10.66.1.0/26", false),
        ("fd00::/16", true),
        ("fd00:10::/122", true),
        ("fd00:10::1/128", false),
        ("fe00::/16", false),
        ("192.0.2.0/24", true),
        ("192.0.2.0/25", false),
        ("0.0.0.0/0", false),
    ] {
        assert_eq!(pools().contains(&p(prefix)), expected, "{prefix}");
    }
    let from_24 = PrefixList::new("x", [entry("10.0.0.0/8", Some(24), None)]);
    assert!(from_24.contains(&p("10.1.2.3/32")), "ge alone reaches to host routes");
    assert!(!from_24.contains(&p("10.0.0.0/8")));
}

#[test]
fn equal_lists_are_equal_policies_wherever_they_came_from() {
    let policy =
        || Policy::new("x", vec![rule(vec![Match::Prefixes(pools())], vec![], Action::Accept)], Verdict::Reject);
    assert_eq!(policy(), policy());
    assert_ne!(policy(), Policy::reject());
}

#[test]
fn rules_decide_from_top_to_bottom_and_the_answer_names_the_rule() {
    let no_export = Community::NO_EXPORT;
    let policy = Policy::new(
        "table",
        vec![
            rule(vec![Match::Community(no_export)], vec![], Action::Reject),
            rule(
                vec![Match::Prefixes(pools())],
                vec![Set::LocalPref(200), Set::AddCommunity(Community(1))],
                Action::Next,
            ),
            rule(
                vec![Match::Community(Community(1)), Match::Family(Family::IPV4_UNICAST)],
                vec![Set::Med(5)],
                Action::Accept,
            ),
            rule(vec![Match::AsInPath(Asn(7))], vec![Set::Prepend(Asn(9), 2)], Action::Accept),
        ],
        Verdict::Reject,
    );
    let mut tagged = attrs();
    tagged.communities = [no_export].into();
    let mut via7 = attrs();
    via7.as_path = bgp_proto::attr::AsPath::sequence([Asn(7)]);
    // prefix, attributes, verdict, rule, (local pref, med, path) after
    type Row<'a> = (&'a str, &'a PathAttrs, Verdict, Option<u16>, Option<(Option<u32>, Option<u32>, &'a str)>);
    let plain = attrs();
    let rows: [Row<'_>; 5] = [
        ("10.65.1.0/26", &tagged, Verdict::Reject, Some(0), None),
        ("10.65.1.0/26", &plain, Verdict::Accept, Some(2), Some((Some(200), Some(5), ""))),
        ("fd00::/64", &plain, Verdict::Reject, None, None),
        ("198.51.100.0/24", &via7, Verdict::Accept, Some(3), Some((None, None, "9 9 7"))),
        ("198.51.100.0/24", &plain, Verdict::Reject, None, None),
    ];
    for (prefix, attrs, verdict, rule, after) in rows {
        let got = policy.evaluate(&p(prefix), attrs);
        assert_eq!((got.verdict, got.rule), (verdict, rule), "{prefix}");
        assert_eq!(got.med_set, after.is_some_and(|(_, med, _)| med.is_some()), "{prefix}");
        let changed = got.changed.map(|a| (a.local_pref, a.med, a.as_path.to_string()));
        assert_eq!(changed, after.map(|(pref, med, path)| (pref, med, path.to_owned())), "{prefix}");
    }
}

#[test]
fn communities_stay_sorted_and_single() {
    let set = |sets: Vec<Set>| Policy::new("x", vec![rule(vec![], sets, Action::Accept)], Verdict::Reject);
    let run = |sets| set(sets).evaluate(&p("10.0.0.0/8"), &attrs()).changed.map(|a| a.communities.to_vec());
    let c = |values: &[u32]| Some(values.iter().copied().map(Community).collect::<Vec<_>>());
    assert_eq!(run(vec![Set::Communities(vec![Community(3), Community(1), Community(3)])]), c(&[1, 3]));
    assert_eq!(run(vec![Set::AddCommunity(Community(3)), Set::AddCommunity(Community(1))]), c(&[1, 3]));
    assert_eq!(run(vec![Set::AddCommunity(Community(3)), Set::RemoveCommunity(Community(3))]), None, "nothing changed");
}

#[test]
fn the_built_in_policies_say_yes_and_no() {
    assert_eq!(Policy::accept().evaluate(&p("10.0.0.0/8"), &attrs()).verdict, Verdict::Accept);
    assert_eq!(Policy::reject().evaluate(&p("10.0.0.0/8"), &attrs()).verdict, Verdict::Reject);
    assert_eq!((Policy::accept().name(), Policy::reject().name()), ("accept", "reject"));
    assert!(!Policy::accept().is_per_prefix());
}
