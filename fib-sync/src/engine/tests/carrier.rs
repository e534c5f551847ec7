//! A link that is up and whose other end is gone: the kernel keeps its routes and sends into it.

use super::*;

const BOTH: &str =
    "10.66.2.0/26 proto bird nexthop via 172.16.1.2 dev eth0 weight 1 nexthop via 172.17.1.2 dev eth1 weight 1\n";

#[test]
fn of_two_legs_the_one_without_carrier_is_left_until_it_is_back() {
    let mut lab = Lab::new(world());
    lab.want(&[("10.66.2.0/26", target("172.16.1.2 172.17.1.2"))]);
    assert_eq!(lab.kernel.text(12), BOTH);
    lab.kernel.carrier(2, false);
    lab.run();
    assert_eq!(lab.kernel.text(12), "10.66.2.0/26 via 172.17.1.2 dev eth1 proto bird\n");
    // Nowhere to go: both may as well stay.
    lab.kernel.carrier(3, false);
    lab.run();
    assert_eq!(lab.kernel.text(12), BOTH);
    lab.kernel.carrier(2, true);
    lab.run();
    assert_eq!(lab.kernel.text(12), "10.66.2.0/26 via 172.16.1.2 dev eth0 proto bird\n");
    lab.after(Duration::from_secs(3));
    lab.kernel.carrier(3, true);
    lab.run();
    assert_eq!(lab.kernel.text(12), "10.66.2.0/26 via 172.16.1.2 dev eth0 proto bird\n", "it may not answer yet");
    assert!(lab.engine.poll_timeout().is_some_and(|at| at <= lab.now + Duration::from_secs(2)));
    lab.after(Duration::from_secs(2));
    assert_eq!(lab.kernel.text(12), BOTH);
    let stats = lab.engine.report(lab.now);
    assert_eq!((stats.adds, stats.deletes), (1, 0), "each change replaced the route in place");
}

#[test]
fn the_only_leg_stays_without_carrier() {
    let mut lab = Lab::new(world());
    lab.want(&[("10.66.2.0/26", target("172.17.1.2"))]);
    let before = lab.kernel.text(12);
    lab.kernel.carrier(3, false);
    lab.run();
    assert_eq!(lab.kernel.text(12), before);
    assert_eq!(lab.engine.report(lab.now).replaces, 0);
}

#[test]
fn of_a_gateway_that_two_links_lead_to_the_one_with_carrier_is_taken() {
    let kernel = world();
    let hop = |via: &str, dev| Hop::via(via.parse().unwrap(), dev);
    let hops = Hops::from_slice(&[hop("172.16.1.254", 2), hop("172.17.1.254", 3)]);
    kernel.add(Route { form: Form::Unicast(hops), ..foreign("100.64.0.0/16", "172.17.1.254", 0) }).unwrap();
    let mut lab = Lab::new(kernel);
    lab.kernel.carrier(2, false);
    lab.want(&[("10.66.2.0/26", target("100.64.1.1"))]);
    assert_eq!(lab.kernel.text(12), "10.66.2.0/26 via 172.17.1.254 dev eth1 proto bird\n");
}
