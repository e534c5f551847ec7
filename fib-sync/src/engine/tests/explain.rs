//! What is told to somebody who asks for the way to an address.

use super::*;

fn way(lab: &Lab, next_hop: &str) -> Way {
    lab.engine.explain("10.65.2.5".parse().unwrap(), &[next_hop.parse().unwrap()]).ways.remove(0)
}

fn hops(way: &Way) -> Vec<String> {
    way.hops.iter().map(|(via, device)| format!("{via} {device}")).collect()
}

#[test]
fn an_address_is_explained_by_the_routes_around_it_and_the_ways_to_its_next_hops() {
    let mut lab = Lab::new(world());
    lab.want(&[
        ("10.65.1.0/26", Some(Target::Blackhole)),
        ("10.65.2.0/26", target("172.16.2.3")),
        ("10.1.0.0/16", target("172.16.1.9")),
        ("10.2.0.0/24", target("10.1.0.5")),
    ]);
    lab.run();
    let texts = |address: &str| -> Vec<String> {
        let explanation = lab.engine.explain(address.parse().unwrap(), &[]);
        let mark = |route: Covering| {
            format!("{}{}{}", if route.ours { "+" } else { "" }, if route.drops { "!" } else { "" }, route.text)
        };
        explanation.covering.into_iter().map(mark).collect()
    };
    let default = "default via 172.16.1.254 dev eth0 proto static metric 100";
    assert_eq!(texts("10.65.2.5"), ["+10.65.2.0/26 via 172.16.2.3 dev tunl0 proto bird onlink", default]);
    assert_eq!(texts("10.65.1.9"), ["+!blackhole 10.65.1.0/26 proto bird", default]);
    assert_eq!(texts("fd00:99::1"), [""; 0]);

    let pool = |address: &str| lab.engine.explain(address.parse().unwrap(), &[]).pool.map(|pool| pool.cidr.to_string());
    assert_eq!(pool("10.65.2.5").as_deref(), Some("10.65.0.0/16"));
    assert_eq!(pool("10.99.0.1"), None);
    assert!(lab.engine.explain("172.16.1.1".parse().unwrap(), &[]).own);

    let far = way(&lab, "172.16.2.3");
    assert_eq!((hops(&far), far.by.as_deref()), (vec!["172.16.1.254 eth0".to_owned()], Some(default)));
    assert!(far.report.usable && !far.report.on_link && far.through.is_empty());
    let near = way(&lab, "172.16.1.9");
    assert!(near.report.on_link);
    assert_eq!(hops(&near), ["172.16.1.9 eth0"]);
    // RFC 4271 §9.1.2.1: through another of our routes
    let recursive = way(&lab, "10.1.0.5");
    assert_eq!((recursive.through.clone(), recursive.by.as_deref()), (vec![net("10.1.0.0/16")], None));
    assert_eq!(hops(&recursive), ["172.16.1.9 eth0"]);
    let none = way(&lab, "fd00:99::1");
    assert!(!none.report.usable && none.hops.is_empty());
}

#[test]
fn what_carries_our_marks_and_is_not_ours_is_named() {
    let mut lab = Lab::new(world());
    lab.want(&[("10.65.2.0/26", target("172.16.2.3"))]);
    lab.run();
    assert_eq!(lab.engine.overview().strangers, [""; 0]);
    assert_eq!(lab.engine.overview().tables, [TABLE_MAIN]);
    for n in 0..150 {
        lab.kernel.add(Route { protocol: 12, ..foreign(&format!("10.9.{n}.0/24"), "172.17.1.9", 0) }).unwrap();
    }
    lab.run();
    let overview = lab.engine.overview();
    assert_eq!((overview.strangers.len(), overview.strangers_count), (100, 150));
    assert!(overview.strangers[0].ends_with("via 172.17.1.9 dev eth1 proto bird"), "{:?}", overview.strangers[0]);
}
