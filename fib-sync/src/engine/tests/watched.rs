//! What is told of watched next hops, and when.

use super::*;
use std::collections::BTreeMap;

const UNREACHABLE: &str = "is unreachable: no subnet of an up interface and no route leads to it";

fn addr(text: &str) -> NextHop {
    text.parse().unwrap()
}

fn line((next_hop, report): (NextHop, NextHopReport)) -> String {
    assert_eq!(report.usable, report.why_not.is_none());
    let through: Vec<String> = report.through.iter().map(ToString::to_string).collect();
    match report.why_not {
        Some(error) => format!("{next_hop} {error}"),
        None if report.on_link => format!("{next_hop} on link"),
        None if through.is_empty() => format!("{next_hop} usable"),
        None => format!("{next_hop} through {}", through.join(" ")),
    }
}

impl Lab {
    fn watch(&mut self, next_hops: &str) {
        self.engine.watch_next_hops(next_hops.split(' ').map(|text| (addr(text), true)));
        self.run();
    }

    /// The news, a line each: what can be used, how, and why not.
    fn news(&mut self) -> Vec<String> {
        self.engine.take_next_hop_changes().into_iter().map(line).collect()
    }

    /// The news after all of this moment's work is done.
    fn told(&mut self) -> Vec<String> {
        self.run();
        self.news()
    }
}

#[test]
fn a_next_hop_costs_what_the_kernels_route_to_it_says() {
    // RFC 4271 §9.1.2.2 e
    let mut lab = Lab::new(world());
    lab.kernel.add(foreign("172.20.0.0/16", "172.17.1.254", 20)).unwrap();
    lab.kernel.add(Route { metric: u32::MAX, ..foreign("172.21.0.0/16", "172.17.1.254", 0) }).unwrap();
    lab.want(&[("172.22.0.0/16", target("172.16.1.2"))]);
    lab.watch("172.16.1.2 172.16.9.9 172.20.0.1 172.21.0.1 172.22.0.1 fd00:9::9");
    let costs = |lab: &mut Lab| -> Vec<(String, u32)> {
        lab.run();
        let news = lab.engine.take_next_hop_changes().into_iter();
        news.map(|(next_hop, report)| (next_hop.to_string(), report.cost)).collect()
    };
    let cost = |next_hop: &str, cost| (next_hop.to_owned(), cost);
    let expected = [
        cost("172.16.1.2", 0),
        cost("172.16.9.9", 101),
        cost("172.20.0.1", 21),
        cost("172.21.0.1", u32::MAX),
        cost("172.22.0.1", u32::MAX),
        cost("fd00:9::9", u32::MAX),
    ];
    assert_eq!(costs(&mut lab), expected);
    lab.kernel.add(foreign("172.20.0.0/16", "172.17.1.254", 10)).unwrap();
    assert_eq!(costs(&mut lab), [cost("172.20.0.1", 11)]);
}

#[test]
fn every_watched_next_hop_is_reported_once_with_what_is_wrong() {
    let mut lab = Lab::new(world());
    lab.kernel.add(Route { form: Form::Other(7), ..foreign("198.51.100.0/24", "172.17.1.9", 0) }).unwrap();
    lab.watch("172.17.1.9 172.16.1.1 172.16.9.9 198.51.100.1 fd00:1::2 fe80::1 127.0.0.1");
    lab.watch("fd00:9::9");
    let expected = [
        "127.0.0.1 can't be a gateway",
        "172.16.1.1 is an address of this node",
        "172.16.9.9 usable",
        "172.17.1.9 on link",
        "198.51.100.1 falls into 198.51.100.0/24, which drops its packets",
        "fd00:1::2 on link",
        &format!("fd00:9::9 {UNREACHABLE}"),
        "fe80::1 is link-local and names no interface; announce a global next hop",
    ];
    assert_eq!(lab.news(), expected);
    lab.after(Duration::from_secs(61));
    assert_eq!(lab.news(), [""; 0], "a rescan is no news");
    lab.watch("fd00:1::2");
    assert_eq!(lab.news(), ["fd00:1::2 on link"], "asked anew, answered anew");
}

#[test]
fn links_and_foreign_routes_come_and_go() {
    let mut lab = Lab::new(world());
    lab.kernel.delete(net("0.0.0.0/0"), |_| true);
    lab.watch("172.17.1.9 172.17.1.8");
    lab.watch("192.0.2.9");
    assert_eq!(lab.news().len(), 3);
    for _ in 0..20 {
        lab.kernel.link(3, "eth1", false);
        assert_eq!(lab.told(), [format!("172.17.1.8 {UNREACHABLE}"), format!("172.17.1.9 {UNREACHABLE}")]);
        // What hangs on the kernel alone never waits.
        lab.kernel.link(3, "eth1", true);
        assert_eq!(lab.told(), ["172.17.1.8 on link", "172.17.1.9 on link"]);
    }
    lab.kernel.add(foreign("192.0.2.0/24", "172.17.1.7", 0)).unwrap();
    assert_eq!(lab.told(), ["192.0.2.9 usable"]);
    lab.kernel.delete(net("192.0.2.0/24"), |_| true);
    assert_eq!(lab.told(), [format!("192.0.2.9 {UNREACHABLE}")]);
    // Down and up again before anybody asks: nothing has changed.
    lab.kernel.link(3, "eth1", false);
    lab.kernel.link(3, "eth1", true);
    assert_eq!(lab.told(), [""; 0]);
}

#[test]
fn an_address_that_becomes_this_nodes_own_is_unusable_while_it_is() {
    let mut lab = Lab::new(world());
    lab.watch("172.17.1.9");
    assert_eq!(lab.news(), ["172.17.1.9 on link"]);
    lab.kernel.address(3, net("172.17.1.9/24"));
    assert_eq!(lab.told(), ["172.17.1.9 is an address of this node"]);
    lab.kernel.address_gone(3, net("172.17.1.9/24"));
    assert_eq!(lab.told(), ["172.17.1.9 on link"]);
}

#[test]
fn nobody_is_told_who_asks_no_more_and_users_keep_what_they_use() {
    let mut lab = Lab::new(world());
    lab.want(&[("10.66.2.0/26", target("172.17.1.9"))]);
    lab.watch("172.17.1.9 172.17.1.8");
    lab.engine.watch_next_hops([(addr("172.17.1.9"), false), (addr("172.17.1.8"), false)]);
    assert_eq!(lab.told(), [""; 0], "not even what was found out already");
    assert_eq!(lab.engine.report(lab.now).next_hops, 1);
    lab.kernel.link(3, "eth1", false);
    assert_eq!(lab.told(), [""; 0]);
    assert_eq!(lab.engine.next_hops.facts(addr("172.17.1.9")).map(|facts| facts.underlay.is_ok()), Some(true));
    // The other way round: the last user goes, the watch stays.
    lab.watch("172.17.1.9");
    lab.want(&[("10.66.2.0/26", None)]);
    lab.kernel.delete(net("0.0.0.0/0"), |_| true);
    lab.run();
    assert_eq!(lab.told(), [format!("172.17.1.9 {UNREACHABLE}")]);
}

#[test]
fn nothing_is_told_on_yesterdays_news() {
    let mut lab = Lab::new(world());
    lab.engine.watch_next_hops([(addr("172.17.1.9"), true)]);
    assert!(!lab.engine.has_work(), "before the first dump there is nothing to judge by");
    assert_eq!(lab.told(), ["172.17.1.9 on link"]);
    lab.kernel.link(3, "eth1", false);
    lab.kernel.delete(net("0.0.0.0/0"), |_| true);
    lab.kernel.overrun();
    assert_eq!(lab.told(), [""; 0]);
    lab.after(Duration::from_secs(1));
    assert_eq!(lab.news(), [format!("172.17.1.9 {UNREACHABLE}")]);
}

/// RFC 4271 §9.1.2.1
#[test]
fn a_report_names_our_own_routes_it_stands_on() {
    let mut lab = Lab::new(world());
    lab.kernel.delete(net("0.0.0.0/0"), |_| true);
    lab.watch("172.20.0.1");
    assert_eq!(lab.news(), [format!("172.20.0.1 {UNREACHABLE}")]);
    // Its own prefix, by way of itself: no way at all.
    lab.want(&[("172.20.0.0/16", target("172.20.0.1"))]);
    assert_eq!(lab.news(), [""; 0]);
    lab.want(&[("172.20.0.0/16", target("172.17.1.9"))]);
    assert_eq!(lab.news(), ["172.20.0.1 through 172.20.0.0/16"]);
    // A chain hangs on each of its members.
    lab.want(&[("172.20.0.0/16", target("172.21.0.1")), ("172.21.0.0/16", target("172.17.1.9"))]);
    assert_eq!(lab.news(), ["172.20.0.1 through 172.20.0.0/16 172.21.0.0/16"]);
    // Two ways: neither is indispensable; what both pass is.
    lab.want(&[("172.20.0.0/16", target("172.21.0.1 172.16.1.2"))]);
    lab.after(Duration::from_secs(31));
    assert_eq!(lab.news(), ["172.20.0.1 through 172.20.0.0/16"]);
    lab.kernel.add(default_route()).unwrap();
    lab.after(Duration::from_secs(61));
    assert_eq!(lab.news(), ["172.20.0.1 usable"], "without them the node's own default route would do");
}

/// Two prefixes, each of which the preferred next hop of the other lies in: chosen together they fall together. A caller
/// that takes every report at its word must come to rest, and soon.
#[test]
fn routes_that_are_each_others_ground_do_not_swing_for_ever() {
    let mut lab = Lab::new(world());
    lab.kernel.delete(net("0.0.0.0/0"), |_| true);
    let prefixes = ["172.20.0.0/16", "172.21.0.0/16"];
    let choices = [["172.21.0.1", "172.17.1.8"], ["172.20.0.1", "172.17.1.9"]];
    lab.watch("172.21.0.1 172.20.0.1 172.17.1.8 172.17.1.9");
    let mut reports: BTreeMap<NextHop, NextHopReport> = BTreeMap::new();
    let (mut changes, mut last) = (0, Duration::ZERO);
    let began = lab.now;
    for _ in 0..2_000 {
        lab.run();
        let news = lab.engine.take_next_hop_changes();
        changes += news.len();
        if !news.is_empty() {
            last = lab.now - began;
        }
        reports.extend(news);
        let choose = |n: usize| {
            let fits = |text: &&str| {
                reports.get(&addr(text)).is_some_and(|r| r.usable && !r.through.contains(&net(prefixes[n])))
            };
            (prefixes[n], choices[n].iter().find(|text| fits(text)).and_then(|text| target(text)))
        };
        let chosen = [choose(0), choose(1)];
        lab.want(&chosen);
        lab.now += Duration::from_millis(10);
    }
    assert!(last < Duration::from_secs(2) && changes < 30, "{changes} changes, the last after {last:?}");
    // One of both stands on the other's second choice.
    let targets = prefixes.map(|prefix| lab.engine.find(net(prefix)).unwrap().target.unwrap().to_string());
    assert!(targets == ["via 172.21.0.1", "via 172.17.1.9"] || targets == ["via 172.17.1.8", "via 172.20.0.1"]);
}
