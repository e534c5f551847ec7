use super::*;
use crate::config::{FibConfig, TABLE_MAIN};
use crate::kernel::Address;
use crate::route::{Form, Hop, Hops};

fn route(prefix: &str, protocol: u8, gateway: &str) -> Route {
    let hops = Hops::from_slice(&[Hop::via(gateway.parse().unwrap(), 2)]);
    let (metric, form) = (if prefix.contains(':') { 1024 } else { 0 }, Form::Unicast(hops));
    Route { prefix: prefix.parse().unwrap(), metric, table: TABLE_MAIN, protocol, tos: 0, form, extras: false }
}

fn view(ours: &[Route], foreign: &[Route]) -> View {
    let mut view = View::new(Marks::new(&FibConfig::default()));
    for route in ours {
        view.wrote(route.clone());
    }
    for route in foreign {
        view.routes.insert(Held { route: route.clone(), ours: false });
    }
    view
}

#[test]
fn notifications_of_others_are_understood_or_doubted() {
    use RouteChange::{Added, Removed, Replaced};
    let (v4, v6) = ("10.0.0.0/24", "fd00::/64");
    let ours4 = || vec![route(v4, 12, "172.16.1.2")];
    let ours6 = || vec![route(v6, 12, "fd01::2")];
    let alien4 = || vec![route(v4, 4, "172.16.1.9")];
    // Every link has one of these, all under one key.
    let link6 = |dev| {
        let form = Form::Unicast(Hops::from_slice(&[Hop { via: None, dev, onlink: false, weight: 0 }]));
        Route { metric: 256, form, ..route("fe80::/64", 2, "fe80::1") }
    };
    // kernel: ours, foreign; then somebody does this; what it means; how many are left, how many ours
    let table = [
        (ours4(), vec![], Removed, route(v4, 12, "172.16.1.2"), Seen::OursGone, (0, 0)),
        (ours4(), vec![], Removed, route(v4, 12, "172.16.1.3"), Seen::Doubt, (1, 1)),
        (vec![], alien4(), Removed, route(v4, 4, "172.16.1.9"), Seen::Foreign, (0, 0)),
        (vec![], vec![], Removed, route(v4, 4, "172.16.1.9"), Seen::Nothing, (0, 0)),
        (ours4(), vec![], Replaced, route(v4, 4, "172.16.1.9"), Seen::OursChanged, (1, 0)),
        (ours4(), vec![], Replaced, route(v4, 12, "172.16.1.9"), Seen::OursChanged, (1, 1)),
        (ours4(), alien4(), Replaced, route(v4, 3, "172.16.1.9"), Seen::Doubt, (2, 1)),
        (ours4(), vec![], Added, route(v4, 4, "172.16.1.9"), Seen::Foreign, (2, 1)),
        (vec![], vec![], Added, route(v4, 12, "172.16.1.9"), Seen::Foreign, (1, 0)),
        (ours6(), vec![], Added, route(v6, 4, "fd01::9"), Seen::Doubt, (1, 1)),
        (vec![], vec![link6(2)], Added, link6(3), Seen::Foreign, (2, 0)),
        (vec![], vec![link6(2), link6(3)], Removed, link6(3), Seen::Foreign, (1, 0)),
        (ours6(), vec![], Replaced, route(v6, 4, "fd01::9"), Seen::OursChanged, (1, 0)),
        (vec![], vec![], Added, Route { table: 99, ..route(v4, 4, "172.16.1.9") }, Seen::Nothing, (0, 0)),
    ];
    for (ours, foreign, change, other, seen, (left, left_ours)) in table {
        let mut view = view(&ours, &foreign);
        let what = format!("{change:?} {other:?} over {ours:?} and {foreign:?}");
        assert_eq!(view.apply(change, other, false), seen, "{what}");
        let [ours4, ours6] = view.routes.count_ours();
        assert_eq!((view.routes.iter().count(), ours4 + ours6), (left, left_ours), "{what}");
        assert_eq!(ours6, view.routes.ours().filter(|held| held.route.prefix.is_ipv6()).count(), "{what}");
        assert_eq!(view.routes.ours().count(), left_ours);
    }
    // Under our id, with the very key we want: ours.
    let mut wanted = view(&[], &[]);
    assert_eq!(wanted.apply(Added, route(v4, 12, "172.16.1.9"), true), Seen::OursChanged);
    assert_eq!(wanted.routes.count_ours(), [1, 0]);
}

#[test]
fn a_route_of_our_id_in_another_table_is_not_ours() {
    let mut view = View::new(Marks::new(&FibConfig { table: 100, ..FibConfig::default() }));
    let dump = Dump {
        routes: vec![
            Route { table: 100, ..route("10.0.0.0/24", 12, "172.16.1.2") },
            route("10.0.0.0/24", 12, "172.16.1.3"),
            Route { table: 7, ..route("10.0.0.0/24", 12, "172.16.1.4") },
        ],
        ..Dump::default()
    };
    view.load(dump, |_, _| true);
    let tables =
        |ours: bool| view.routes.iter().filter(|held| held.ours == ours).map(|held| held.route.table).collect();
    let (ours, foreign): (Vec<u32>, Vec<u32>) = (tables(true), tables(false));
    assert_eq!((ours, foreign), (vec![100], vec![TABLE_MAIN]), "nor is a table kept that nobody needs");
}

#[test]
fn lengths_follow_what_is_there() {
    let mut view = view(&[route("10.0.0.0/24", 12, "172.16.1.2")], &[route("10.0.0.0/24", 4, "172.16.1.3")]);
    assert!(view.routes.has_length(false, 24) && !view.routes.has_length(true, 24));
    view.erased(&route("10.0.0.0/24", 12, "172.16.1.2"));
    assert!(view.routes.has_length(false, 24), "the foreign one is left");
    view.routes.remove("10.0.0.0/24".parse().unwrap(), |_| true);
    assert!(!view.routes.has_length(false, 24) && !view.routes.has_length(false, 200));
}

#[test]
fn an_address_on_two_links_is_ours_until_both_are_gone() {
    let mut links = Links::default();
    for (index, name, up) in [(1, "lo", true), (2, "eth0", true), (3, "eth1", false), (7, "tunl0", true)] {
        links.set(crate::kernel::Link { index, name: name.into(), up, carrier: up, mtu: 1500, ..Default::default() });
    }
    let address = |dev, net: &str| Address { dev, net: net.parse().unwrap() };
    for new in
        [address(2, "10.0.0.1/24"), address(3, "10.0.0.1/16"), address(7, "10.65.0.1/24"), address(1, "127.0.0.1/8")]
    {
        assert!(links.add_address(new));
        assert!(!links.add_address(new), "twice is once");
    }
    assert_eq!(links.subnets(&["tunl0"]).map(|net| net.to_string()).collect::<Vec<_>>(), ["10.0.0.1/24"]);
    assert!(links.remove_address(address(2, "10.0.0.1/24")));
    assert!(links.is_own("10.0.0.1".parse().unwrap()));
    assert_eq!(links.forget(3).unwrap().name, "eth1");
    assert!(!links.is_own("10.0.0.1".parse().unwrap()));
}
