//! What is wanted and nevertheless not written: protected ranges, and routes beyond the limit.

use super::*;

fn lab(config: FibConfig) -> Lab {
    Lab { engine: Engine::new(config).unwrap(), ..Lab::new(world()) }
}

fn guarded() -> FibConfig {
    FibConfig {
        protect: vec![net("10.96.0.0/12")],
        protect_subnets_of: vec!["172.16.1.1".parse().unwrap(), "fd00:1::1".parse().unwrap()],
        ..config()
    }
}

#[test]
fn learned_routes_into_a_protected_range_are_withheld_and_say_why() {
    let mut lab = lab(guarded());
    lab.want(&[
        ("172.16.1.2/32", target("172.17.1.9")),
        ("172.16.1.128/25", target("172.17.1.9")),
        ("fd00:1::2/128", target("fd00:1::9")),
        ("10.96.0.10/32", target("172.17.1.9")),
        // Allowed: the default route, another rack's subnet, a subnet of an interface that is not the node's.
        ("0.0.0.0/0", target("172.17.1.9")),
        ("172.16.2.0/24", target("172.17.1.9")),
        ("172.17.1.64/26", target("172.17.1.9")),
        // Our own: a service range's block may be dropped here.
        ("10.97.0.0/24", Some(Target::Blackhole)),
    ]);
    assert_eq!(
        lab.kernel.text(12),
        "default via 172.17.1.9 dev eth1 proto bird\nblackhole 10.97.0.0/24 proto bird\n172.16.2.0/24 via 172.17.1.9 \
         dev eth1 proto bird\n172.17.1.64/26 via 172.17.1.9 dev eth1 proto bird\n"
    );
    assert_eq!(
        lab.state("172.16.1.2/32").to_string(),
        "withheld: it would take over addresses of 172.16.1.0/24, a subnet of this node; if they are pods, make the range \
         a pool; to let peers do so, set fib.protect_node_subnets: false"
    );
    assert_eq!(
        lab.state("10.96.0.10/32").to_string(),
        "withheld: no peer may take over 10.96.0.0/12, which is listed in fib.protect; remove it there to allow this"
    );
    assert_eq!(lab.engine.report(lab.now).withheld, 4);
}

#[test]
fn a_protected_route_is_no_ground_for_next_hops() {
    let mut lab = lab(guarded());
    lab.kernel.delete(net("0.0.0.0/0"), |_| true);
    lab.want(&[("10.96.0.0/24", target("172.17.1.9")), ("10.66.2.0/26", target("10.96.0.1"))]);
    assert!(lab.state("10.66.2.0/26").to_string().contains("is unreachable"), "{}", lab.state("10.66.2.0/26"));
    lab.want(&[("10.96.0.0/11", target("172.17.1.9"))]);
    assert_eq!(lab.state("10.66.2.0/26"), State::Installed);
}

#[test]
fn protection_comes_and_goes_with_the_nodes_address_and_the_kind_of_route() {
    let mut lab = lab(guarded());
    let (prefix, address) = ("172.16.9.2/32", net("172.16.9.1/24"));
    lab.want(&[(prefix, target("172.17.1.9"))]);
    assert_eq!(lab.state(prefix), State::Installed);
    // Another subnet for the node's address.
    lab.engine = Engine::new(FibConfig { protect_subnets_of: vec![address.ip()], ..config() }).unwrap();
    lab.want(&[(prefix, target("172.17.1.9"))]);
    assert_eq!(lab.state(prefix), State::Installed);
    lab.kernel.address(2, address);
    lab.run();
    assert_eq!(lab.state(prefix), State::Withheld { reason: Reason::NodeSubnet(net("172.16.9.0/24")) });
    assert_eq!(lab.kernel.text(12), "", "what was there before goes");
    // Down is not gone: a way round for the whole subnet is what it is protected from.
    lab.kernel.link(2, "eth0", false);
    lab.run();
    assert_eq!(lab.kernel.text(12), "");
    lab.kernel.link(2, "eth0", true);
    lab.kernel.address_gone(2, address);
    lab.run();
    assert_eq!(lab.state(prefix), State::Installed);
    // The same range as an own block is no takeover.
    let mut lab = self::lab(guarded());
    lab.want(&[("10.96.0.0/24", target("172.17.1.9"))]);
    assert!(matches!(lab.state("10.96.0.0/24"), State::Withheld { .. }));
    lab.want(&[("10.96.0.0/24", Some(Target::Blackhole))]);
    assert_eq!(lab.state("10.96.0.0/24"), State::Installed);
}

fn installed(lab: &Lab) -> Vec<String> {
    let prefixes = lab.kernel.routes().into_iter().filter(|route| route.protocol == 12).map(|route| route.prefix);
    let mut prefixes: Vec<_> = prefixes.collect();
    prefixes.sort_unstable();
    prefixes.iter().map(ToString::to_string).collect()
}

#[test]
fn beyond_the_limit_new_routes_wait_and_places_are_filled_from_the_lowest_prefix() {
    let mut lab = lab(FibConfig { max_routes: 3, ..config() });
    let out = |n: u32| (format!("10.66.{n}.0/24"), target("172.16.1.2"));
    let want = |lab: &mut Lab, numbers: &[u32]| {
        lab.engine.update(numbers.iter().map(|n| (net(&out(*n).0), out(*n).1)));
        lab.run();
    };
    want(&mut lab, &[9, 5, 7]);
    want(&mut lab, &[1, 8, 3, 6]);
    lab.want(&[("10.65.1.0/26", Some(Target::Blackhole))]);
    let blackhole = "10.65.1.0/26";
    let routes =
        |numbers: [u32; 3]| Vec::from_iter([blackhole.to_owned()].into_iter().chain(numbers.map(|n| out(n).0)));
    assert_eq!(installed(&lab), routes([5, 7, 9]), "who came first stays, and own blocks don't count");
    assert_eq!(
        lab.state("10.66.1.0/24").to_string(),
        "withheld: 3 learned routes are installed, and fib.max_routes allows no more; see which peer announces so many, \
         or raise it"
    );
    let stats = lab.engine.report(lab.now);
    assert_eq!((stats.installed, stats.withheld, stats.over_limit), (4, 4, 4));

    // A newcomer in the same breath does not jump the queue.
    lab.engine.update([(net(&out(5).0), None), (net(&out(4).0), out(4).1)]);
    lab.run();
    assert_eq!(installed(&lab), routes([1, 7, 9]));
    // A change of a route that has its place is no loss of it.
    lab.want(&[("10.66.9.0/24", target("172.17.1.2"))]);
    assert_eq!(installed(&lab), routes([1, 7, 9]));
    // One that can't be used gives its place back, and comes back in its turn.
    lab.want(&[("10.66.7.0/24", target("172.16.1.1"))]);
    assert_eq!(installed(&lab), routes([1, 3, 9]));
    lab.want(&[("10.66.7.0/24", target("172.16.1.2"))]);
    assert!(matches!(lab.state("10.66.7.0/24"), State::Withheld { reason: Reason::NoPlace(3) }));
    // Of those that wait, a useless one is passed over and one no longer wanted is forgotten.
    lab.want(&[("10.66.4.0/24", target("172.16.1.1")), ("10.66.6.0/24", None), ("10.66.3.0/24", None)]);
    assert_eq!(installed(&lab), routes([1, 7, 9]));
    lab.want(&[("10.66.1.0/24", Some(Target::Blackhole)), ("10.66.9.0/24", None)]);
    assert_eq!(installed(&lab), [blackhole, "10.66.1.0/24", "10.66.7.0/24", "10.66.8.0/24"]);
    let stats = lab.engine.report(lab.now);
    assert_eq!((stats.over_limit, stats.withheld, stats.wanted), (0, 1, 5));
    assert!(lab.engine.is_idle());
}

#[test]
fn a_route_that_gives_its_place_up_and_gets_another_in_the_same_breath_is_in_the_kernel() {
    let kernel = world();
    // Left by an earlier run, and wanted again when all places are taken.
    kernel.add(Route { protocol: 12, ..foreign("10.66.1.0/24", "172.17.1.2", 0) }).unwrap();
    let config = FibConfig { max_routes: 1, ..config() };
    let mut lab = Lab { engine: Engine::new(config).unwrap(), ..Lab::new(kernel) };
    lab.run();
    lab.want(&[("10.66.2.0/24", target("172.16.1.2"))]);
    // The first finds no place and is to go, then the second can no longer be used.
    lab.want(&[("10.66.1.0/24", target("172.17.1.2")), ("10.66.2.0/24", target("172.16.1.1"))]);
    assert_eq!((lab.state("10.66.1.0/24"), installed(&lab)), (State::Installed, vec!["10.66.1.0/24".to_owned()]));
}

#[test]
fn a_lower_limit_takes_the_places_of_the_highest_prefixes_and_a_higher_one_gives_them_back() {
    let mut lab = lab(FibConfig { max_routes: 5, ..config() });
    let prefix = |n: u32| format!("10.66.{n}.0/24");
    lab.engine.update((1..=5).map(|n| (net(&prefix(n)), target("172.16.1.2"))));
    lab.run();
    for (max_routes, left) in [(2, 2), (1, 1), (4, 4), (9, 5)] {
        lab.now += Duration::from_secs(10);
        lab.engine.reconfigure(lab.now, FibConfig { max_routes, ..config() }).unwrap();
        lab.after(DUMP_DELAY);
        assert_eq!(installed(&lab), (1..=left).map(prefix).collect::<Vec<_>>(), "{max_routes}");
        assert_eq!(lab.engine.report(lab.now).over_limit, 5 - left as usize);
    }
}

#[test]
fn the_limit_holds_when_links_go_and_come_and_when_everything_is_dropped() {
    let mut lab = lab(FibConfig { max_routes: 10, ..config() });
    lab.engine.update((0..40).map(|n| {
        let gateway = if n % 2 == 0 { "172.16.1.2" } else { "172.17.1.2" };
        (net(&format!("10.66.{n}.0/24")), target(gateway))
    }));
    lab.run();
    lab.kernel.delete(net("0.0.0.0/0"), |_| true);
    for dev in [2, 3, 2, 3] {
        lab.kernel.link(dev, if dev == 2 { "eth0" } else { "eth1" }, false);
        lab.after(Duration::from_secs(1));
        let stats = lab.engine.report(lab.now);
        assert_eq!(
            (stats.installed, stats.placed, stats.over_limit),
            (10, 10, 10),
            "the other link's routes take the places"
        );
        lab.kernel.link(dev, if dev == 2 { "eth0" } else { "eth1" }, true);
        lab.after(Duration::from_secs(1));
        let stats = lab.engine.report(lab.now);
        assert_eq!((stats.installed, stats.over_limit, installed(&lab).len()), (10, 30, 10));
    }
    lab.engine.drop_all();
    lab.run();
    assert_eq!(lab.kernel.text(12), "");
    assert!(lab.engine.is_idle());
}
