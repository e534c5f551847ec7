//! What is wanted and nevertheless not written: protected ranges.

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
