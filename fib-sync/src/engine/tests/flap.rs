//! A link goes and comes back: what that costs, and what the kernel keeps silent about.

use super::*;
use crate::engine::flights::Flights;

const MANY: u32 = 100_000;
const FEW: u32 = 10;

/// As [`world`], but nothing leads where no link does.
fn island() -> MemoryKernel {
    let kernel = world();
    kernel.delete(net("0.0.0.0/0"), |_| true);
    kernel
}

fn block(n: u32) -> IpNetwork {
    IpNetwork::new(std::net::Ipv4Addr::from(0xc000_0000 + n * 64).into(), 26).unwrap()
}

/// What an engine has asked of its kernel.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    reads: u64,
    writes: u64,
}

impl Lab {
    fn cost_of(&mut self, act: impl FnOnce(&mut Lab)) -> Cost {
        let (reads, writes) = (self.kernel.dumps(), self.kernel.writes());
        act(self);
        self.run();
        // Whatever was to be read back shortly.
        self.after(Duration::from_millis(100));
        Cost { reads: self.kernel.dumps() - reads, writes: self.kernel.writes() - writes }
    }

    fn flap(&mut self, index: u32, name: &str) {
        self.kernel.link(index, name, false);
        self.run();
        self.kernel.link(index, name, true);
    }
}

#[test]
fn a_link_with_10_of_100_000_routes_costs_these_10() {
    let mut lab = Lab::new(island());
    let next_hop = |n| target(if n < FEW { "172.17.1.2" } else { "172.16.1.2" });
    lab.engine.update((0..MANY).map(|n| (block(n), next_hop(n))));
    lab.run();
    let cost = lab.cost_of(|lab| {
        lab.kernel.link(3, "eth1", false);
        let mut events = Vec::new();
        lab.kernel.drain(10, &mut events);
        events.into_iter().for_each(|event| lab.engine.event(lab.now, event));
        lab.engine.judge_next_hops(lab.now);
        assert_eq!(lab.engine.dirty.len(), FEW as usize, "looked at again");
        lab.run();
        assert_eq!(lab.engine.stats.installed, (MANY - FEW) as usize);
        lab.kernel.link(3, "eth1", true);
    });
    assert_eq!(cost, Cost { reads: 0, writes: FEW.into() });
    let over = lab.cost_of(|lab| {
        // Over before it was heard of.
        lab.kernel.link(3, "eth1", false);
        lab.kernel.link(3, "eth1", true);
    });
    assert_eq!(over, Cost { reads: 0, writes: FEW.into() });
    let address = lab.cost_of(|lab| {
        lab.kernel.address_gone(3, net("172.17.1.1/24"));
        lab.kernel.address(3, net("172.17.1.1/24"));
    });
    assert_eq!(address, Cost { reads: 0, writes: FEW.into() });
    let anew = lab.cost_of(|lab| {
        lab.kernel.link_gone(3);
        lab.kernel.link(30, "eth1", true);
        lab.kernel.address(30, net("172.17.1.1/24"));
    });
    assert_eq!(anew, Cost { reads: 0, writes: FEW.into() });
    let on = |dev: u32| {
        let all = lab.kernel.routes();
        all.iter().filter(|route| route.protocol == 12 && route.leads_over(dev)).count()
    };
    assert_eq!((on(30), on(2)), (FEW as usize, (MANY - FEW) as usize));
    assert_eq!(lab.engine.stats.repairs.lost, 3 * u64::from(FEW), "the first time they were withheld");
}

#[test]
fn routes_of_several_legs_are_known_to_stay_or_to_be_gone() {
    let mut lab = Lab::new(island());
    lab.want(&[
        ("10.66.2.0/26", target("172.16.1.2 172.17.1.2")),
        ("10.66.3.0/26", target("172.17.1.2 172.17.1.3")),
        ("10.66.4.0/26", target("172.16.1.2")),
    ]);
    lab.after(Duration::from_secs(2));
    let before = lab.kernel.text(12);
    // One leg fewer; none left. Then what was gone is added, and what had stayed is replaced.
    let mut down = String::new();
    let cost = lab.cost_of(|lab| {
        lab.kernel.link(3, "eth1", false);
        lab.run();
        down = lab.kernel.text(12);
        lab.kernel.link(3, "eth1", true);
    });
    assert_eq!(
        down,
        "10.66.2.0/26 via 172.16.1.2 dev eth0 proto bird\n10.66.4.0/26 via 172.16.1.2 dev eth0 proto bird\n"
    );
    assert_eq!(cost, Cost { reads: 0, writes: 2 });
    lab.after(Duration::from_secs(2));
    assert_eq!(lab.kernel.text(12), before);
    // Both links, one after the other, before any of it was heard of.
    let both = lab.cost_of(|lab| {
        for up in [false, true] {
            lab.kernel.link(2, "eth0", up);
            lab.kernel.link(3, "eth1", up);
        }
    });
    assert_eq!(both, Cost { reads: 0, writes: 3 });
    lab.after(Duration::from_secs(2));
    assert_eq!(lab.kernel.text(12), before);
    // A device that is deleted takes routes along that had another leg.
    let cost = lab.cost_of(|lab| lab.kernel.link_gone(3));
    assert_eq!(cost, Cost { reads: 0, writes: 1 });
    assert_eq!(
        lab.kernel.text(12),
        "10.66.2.0/26 via 172.16.1.2 dev eth0 proto bird\n10.66.4.0/26 via 172.16.1.2 dev eth0 proto bird\n"
    );
}

#[test]
fn a_leg_that_may_have_died_before_is_looked_up() {
    let mut lab = Lab::new(world());
    let hop = |via: &str, dev| Hop::onlink(via.parse().unwrap(), dev);
    let hops = Hops::from_slice(&[hop("172.17.9.9", 3), hop("10.9.9.9", 7)]);
    lab.kernel.add(Route { form: Form::Unicast(hops), ..foreign("10.66.2.0/26", "172.17.1.2", 0) }).unwrap();
    lab.want(&[("10.66.2.0/26", target("172.16.1.2"))]);
    assert!(matches!(lab.state("10.66.2.0/26"), State::Conflict { .. }));
    // The tunnel is up and has no address: its leg is alive unless it lost its last one while the route was there.
    let cost = lab.cost_of(|lab| lab.kernel.link(3, "eth1", false));
    assert_eq!(cost.reads, 1);
    assert!(matches!(lab.state("10.66.2.0/26"), State::Conflict { .. }));
    let cost = lab.cost_of(|lab| lab.kernel.link(7, "tunl0", false));
    assert_eq!(cost, Cost { reads: 0, writes: 1 });
    assert_eq!(lab.kernel.text(12), "10.66.2.0/26 via 172.16.1.2 dev eth0 proto bird\n");
}

#[test]
fn a_link_that_flaps_while_its_routes_are_written_is_looked_up() {
    let mut lab = Lab::new(world());
    lab.run();
    let plan = |lab: &mut Lab, n| {
        lab.engine.update([(block(n), target("172.17.1.2"))]);
        lab.engine.poll_ops(lab.now, 64)
    };
    // Written, and gone again before the result was known.
    let ops = plan(&mut lab, 1);
    lab.kernel.begin(ops);
    let cost = lab.cost_of(|lab| lab.flap(3, "eth1"));
    assert_eq!((cost.reads, lab.engine.stats.installed), (1, 1));
    // The flap was before the write, and heard of after its result: the route is there.
    let mut events = Vec::new();
    lab.kernel.link(3, "eth1", false);
    lab.kernel.link(3, "eth1", true);
    lab.kernel.drain(100, &mut events);
    let ops = plan(&mut lab, 2);
    lab.kernel.begin(ops);
    lab.land();
    events.into_iter().for_each(|event| lab.engine.event(lab.now, event));
    lab.engine.update([(block(2), None)]);
    let cost = lab.cost_of(|_| {});
    assert_eq!(cost.reads, 1);
    assert_eq!(lab.kernel.text(12).lines().count(), 1, "it was not taken for gone, but deleted");
    // Another link's flap is nothing to a batch.
    let ops = plan(&mut lab, 3);
    lab.kernel.begin(ops);
    let cost = lab.cost_of(|lab| lab.flap(7, "tunl0"));
    assert_eq!((cost.reads, lab.engine.stats.installed), (0, 2));
}

#[test]
fn a_route_whose_writing_was_not_answered_is_not_forgotten_with_its_link() {
    let mut lab = Lab::new(world());
    lab.want(&[("10.66.2.0/26", target("172.17.1.2"))]);
    lab.kernel.lose_answers(1);
    lab.want(&[("10.66.2.0/26", target("172.16.1.2"))]);
    // It is on the other link by now, which is not known; and it is not wanted any more.
    lab.kernel.link(3, "eth1", false);
    lab.engine.update([(net("10.66.2.0/26"), None)]);
    let cost = lab.cost_of(|_| {});
    assert_eq!((cost.reads, lab.kernel.text(12)), (1, String::new()));
}

#[test]
fn an_adopted_route_goes_with_its_link() {
    let kernel = world();
    kernel.add(Route { protocol: 12, ..foreign("10.66.2.0/26", "172.17.1.2", 0) }).unwrap();
    let mut lab = Lab::new(kernel);
    lab.run();
    assert_eq!(lab.engine.report(lab.now).adopted, 1);
    let cost = lab.cost_of(|lab| lab.flap(3, "eth1"));
    assert_eq!(cost, Cost { reads: 0, writes: 0 });
    let stats = lab.engine.report(lab.now);
    assert_eq!((stats.adopted, stats.kernel_routes), (0, 0));
}

#[test]
fn links_that_went_are_forgotten_with_the_last_batch_that_was_out() {
    let mut flights = Flights::default();
    flights.lose(3);
    let route = Route { protocol: 12, ..foreign("10.66.2.0/26", "172.17.1.2", 0) };
    let op = Op::Add(route.clone());
    assert!(!flights.may_have_lost(&op), "nothing was out");
    flights.depart(false);
    flights.depart(false);
    flights.lose(3);
    flights.depart(false);
    let lost: Vec<bool> = (0..3)
        .map(|_| {
            flights.land();
            flights.may_have_lost(&op)
        })
        .collect();
    assert_eq!(lost, [true, true, false]);
    assert!(!flights.may_have_lost(&Op::Delete(route)));
}
