use super::*;
use crate::kernel::Link;
use crate::route::{Hop, Hops};

fn links() -> Links {
    let mut links = Links::default();
    for (index, name) in [(1, "lo"), (2, "eth0"), (7, "tunl0")] {
        links.set(Link { index, name: name.into(), up: true, carrier: true, mtu: 1500, ..Link::default() });
    }
    links
}

fn route(prefix: &str, protocol: u8, metric: u32, form: Form) -> Route {
    Route { prefix: prefix.parse().unwrap(), metric, table: 254, protocol, tos: 0, form, extras: false }
}

fn via(prefix: &str, gateway: &str) -> Route {
    let hop = Hop::via(gateway.parse().unwrap(), 2);
    route(prefix, 12, 0, Form::Unicast(Hops::from_slice(&[hop])))
}

fn tunnel(prefix: &str, far: &str) -> Route {
    let hop = Hop::onlink(far.parse().unwrap(), 7);
    route(prefix, 12, 0, Form::Unicast(Hops::from_slice(&[hop])))
}

/// What is planned, as text: `ours` and `foreign` are in the kernel.
fn planned(ours: &[Route], foreign: &[Route], desired: &[Route]) -> String {
    let ours = ours.iter().map(|r| (r.clone(), true));
    let kernel: Vec<_> = ours.chain(foreign.iter().map(|r| (r.clone(), false))).collect();
    plan(&kernel, desired).text(&links())
}

#[test]
fn new_comes_before_old_over_the_whole_table() {
    let kernel =
        [via("10.66.1.0/26", "172.16.1.2"), via("10.66.2.0/26", "172.16.1.2"), via("10.66.3.0/26", "172.16.1.3")];
    let desired = [
        via("10.66.2.0/26", "172.16.1.2"),
        tunnel("10.66.3.0/26", "172.16.2.3"),
        route("10.65.1.0/26", 12, 0, Form::Blackhole),
        route("fd00:10::/122", 12, 1024, Form::Blackhole),
    ];
    assert_eq!(
        planned(&kernel, &[], &desired),
        "add blackhole 10.65.1.0/26 proto bird\n\
         replace 10.66.3.0/26 via 172.16.2.3 dev tunl0 proto bird onlink\n\
         add blackhole fd00:10::/122 dev lo proto bird metric 1024\n\
         del 10.66.1.0/26 via 172.16.1.2 dev eth0 proto bird\n"
    );
    assert_eq!(planned(&desired, &[], &desired), "");
}

#[test]
fn another_metric_waits_until_its_successor_is_in() {
    let (old, new) = (Route { metric: 32, ..via("10.66.1.0/26", "172.16.1.2") }, via("10.66.1.0/26", "172.16.1.2"));
    let desired = std::slice::from_ref(&new);
    assert_eq!(
        planned(std::slice::from_ref(&old), &[], desired),
        "add 10.66.1.0/26 via 172.16.1.2 dev eth0 proto bird\n"
    );
    assert_eq!(
        planned(&[old, new.clone()], &[], desired),
        "del 10.66.1.0/26 via 172.16.1.2 dev eth0 proto bird metric 32\n"
    );
}

#[test]
fn a_foreign_route_of_our_key_is_left_alone() {
    let wanted = [via("10.66.1.0/26", "172.16.1.2")];
    let foreign = |metric| [Route { protocol: 4, metric, ..via("10.66.1.0/26", "172.16.1.9") }];
    assert_eq!(planned(&[], &foreign(0), &wanted), "", "same key: wait");
    assert_eq!(planned(&[], &foreign(50), &wanted), "add 10.66.1.0/26 via 172.16.1.2 dev eth0 proto bird\n");
    assert_eq!(planned(&[], &foreign(0), &[]), "", "nobody wants it: still not ours to delete");
    // Ours and a foreign one beside it (appended): a replace might hit the foreign one.
    let stale = [via("10.66.1.0/26", "172.16.1.3")];
    assert_eq!(planned(&stale, &foreign(0), &wanted), "del 10.66.1.0/26 via 172.16.1.3 dev eth0 proto bird\n");
    let former = [Route { metric: 32, ..via("10.66.1.0/26", "172.16.1.3") }];
    assert_eq!(
        planned(&former, &foreign(0), &wanted),
        "del 10.66.1.0/26 via 172.16.1.3 dev eth0 proto bird metric 32\n",
        "of former settings: no successor will come that it could wait for"
    );
    assert_eq!(planned(&wanted, &foreign(0), &wanted), "", "beside it and right: nothing to do");
    // The IPv4 key has the type of service in it.
    let with_tos = [Route { tos: 8, ..foreign(0)[0].clone() }];
    assert_eq!(planned(&[], &with_tos, &wanted), "add 10.66.1.0/26 via 172.16.1.2 dev eth0 proto bird\n");
}

#[test]
fn the_verdict_names_the_foreign_route() {
    let foreign = Route { protocol: 4, ..via("10.66.1.0/26", "172.16.1.9") };
    let held = [Held { route: foreign.clone(), ours: false }];
    let wanted = via("10.66.1.0/26", "172.16.1.2");
    assert_eq!(plan_prefix(&held, Want::Route(wanted.clone())), (Ops::new(), Verdict::Conflict(foreign)));
    assert_eq!(plan_prefix(&[], Want::Route(wanted.clone())).1, Verdict::Changing);
    assert_eq!(
        plan_prefix(&[Held { route: wanted.clone(), ours: true }], Want::Route(wanted.clone())).1,
        Verdict::Held
    );
    assert_eq!(plan_prefix(&held, Want::Nothing), (Ops::new(), Verdict::Nothing));
}

#[test]
fn the_order_of_next_hops_makes_no_difference_and_extras_do() {
    let two = |a: &str, b: &str| {
        let hops = [a, b].map(|gateway| Hop::via(gateway.parse().unwrap(), 2));
        route("10.66.1.0/26", 12, 0, Form::Unicast(Hops::from_slice(&hops)))
    };
    assert_eq!(planned(&[two("172.16.1.3", "172.16.1.2")], &[], &[two("172.16.1.2", "172.16.1.3")]), "");
    let odd = Route { extras: true, ..via("10.66.1.0/26", "172.16.1.2") };
    assert_eq!(
        planned(&[odd], &[], &[via("10.66.1.0/26", "172.16.1.2")]),
        "replace 10.66.1.0/26 via 172.16.1.2 dev eth0 proto bird\n"
    );
}
