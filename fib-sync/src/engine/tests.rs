//! The engine against a kernel in memory, with time as a number.

use super::*;
use crate::config::{Mode, Pool, TABLE_MAIN};
use crate::desired::{Reason, State};
use crate::driver::turn;
use crate::kernel::Kernel;
use crate::kernel::{Dump, Event, RouteChange};
use crate::memory::MemoryKernel;
use crate::plan::Op;
use crate::route::{Form, Hop, Hops, Route};
use futures::FutureExt;
use std::net::IpAddr;

mod carrier;
mod changes;
mod chaos;
mod devices;
mod explain;
mod far;
mod fights;
mod flap;
mod flights;
mod limits;
mod macs;
mod pools;
mod watched;

/// An engine, its kernel, and the time.
struct Lab {
    kernel: MemoryKernel,
    engine: Engine,
    now: Instant,
}

fn net(text: &str) -> IpNetwork {
    text.parse().unwrap()
}

fn target(next_hops: &str) -> Option<Target> {
    Some(Target::via(next_hops.split_whitespace().map(|text| text.parse().unwrap()).collect()))
}

fn config() -> FibConfig {
    let pool = |cidr: &str, mode| Pool::new(net(cidr), mode);
    FibConfig {
        pools: vec![pool("10.65.0.0/16", Mode::Ipip), pool("10.67.0.0/16", Mode::IpipCrossSubnet)],
        ..FibConfig::default()
    }
}

fn foreign(prefix: &str, gateway: &str, metric: u32) -> Route {
    let hops = Hops::from_slice(&[Hop::via(gateway.parse().unwrap(), 3)]);
    let form = Form::Unicast(hops);
    Route { prefix: net(prefix), metric, table: TABLE_MAIN, protocol: 4, tos: 0, form, extras: false }
}

/// eth0 172.16.1.1/24 and fd00:1::1/64, eth1 172.17.1.1/24, tunl0; a default route through eth0.
fn world() -> MemoryKernel {
    let kernel = MemoryKernel::new();
    for (index, name) in [(1, "lo"), (2, "eth0"), (3, "eth1"), (7, "tunl0")] {
        kernel.link(index, name, true);
    }
    kernel.address(2, net("172.16.1.1/24"));
    kernel.address(2, net("fd00:1::1/64"));
    kernel.address(3, net("172.17.1.1/24"));
    kernel.add(default_route()).unwrap();
    kernel
}

fn default_route() -> Route {
    let hops = Hops::from_slice(&[Hop::via("172.16.1.254".parse().unwrap(), 2)]);
    Route { form: Form::Unicast(hops), ..foreign("0.0.0.0/0", "172.16.1.254", 100) }
}

impl Lab {
    fn new(kernel: MemoryKernel) -> Lab {
        Lab { kernel, engine: Engine::new(config()).unwrap(), now: Instant::now() }
    }

    fn turn(&mut self) {
        let done = turn(&mut self.kernel, &mut self.engine, self.now, |_| false);
        done.now_or_never().expect("a turn never waits for news");
    }

    /// Takes the results of a batch that is out.
    fn land(&mut self) {
        let (ops, results) = self.kernel.finish().now_or_never().expect("answers at once");
        self.engine.results(self.now, ops, results);
    }

    /// Runs until nothing is left to do at this moment.
    fn run(&mut self) {
        for _ in 0..1000 {
            self.turn();
            if !self.engine.has_work() && !self.engine.wants_dump(self.now) {
                return;
            }
        }
        panic!("never at rest: {:?}", self.engine);
    }

    fn after(&mut self, time: Duration) {
        self.now += time;
        self.run();
    }

    fn want(&mut self, wanted: &[(&str, Option<Target>)]) {
        self.engine.update(wanted.iter().map(|(prefix, target)| (net(prefix), target.clone())));
        self.run();
    }

    fn state(&self, prefix: &str) -> State {
        self.engine.find(net(prefix)).unwrap().state.clone()
    }
}

#[test]
fn wanted_routes_are_written_once_and_withdrawn_ones_removed() {
    let mut lab = Lab::new(world());
    lab.want(&[("10.65.2.0/26", target("172.16.1.2")), ("10.66.2.0/26", target("172.16.9.9"))]);
    assert_eq!(
        lab.kernel.text(12),
        "10.65.2.0/26 via 172.16.1.2 dev tunl0 proto bird onlink\n10.66.2.0/26 via 172.16.1.254 dev eth0 proto bird\n"
    );
    lab.want(&[("10.65.2.0/26", target("172.16.1.2"))]);
    lab.after(Duration::from_secs(61));
    assert_eq!((lab.kernel.writes(), lab.kernel.dumps()), (2, 2), "the same wish twice and a rescan write nothing");
    lab.want(&[("10.65.2.0/26", None), ("10.66.2.0/26", None), ("10.99.0.0/26", None)]);
    assert_eq!(lab.kernel.text(12), "");
    assert_eq!(lab.kernel.writes(), 4);
    assert_eq!(lab.engine.report(lab.now).kernel_routes, 0);
}

#[test]
fn host_bits_of_a_wish_are_cut_off() {
    let mut lab = Lab::new(world());
    lab.want(&[("10.65.2.7/26", target("172.16.1.2"))]);
    assert_eq!(lab.kernel.text(12), "10.65.2.0/26 via 172.16.1.2 dev tunl0 proto bird onlink\n");
    lab.want(&[("10.65.2.9/26", None)]);
    assert_eq!(lab.kernel.text(12), "");
}

#[test]
fn additions_come_before_deletions_across_prefixes() {
    let mut lab = Lab::new(world());
    lab.want(&[("10.65.2.0/26", target("172.16.1.2"))]);
    lab.engine.update([
        (net("10.65.2.0/26"), None),
        (net("10.65.2.0/27"), target("172.16.1.2")),
        (net("10.65.2.32/27"), target("172.16.1.3")),
    ]);
    let ops = lab.engine.poll_ops(lab.now, 64);
    let kinds: Vec<bool> = ops.iter().map(|op| matches!(op, Op::Delete(_))).collect();
    assert_eq!(kinds, [false, false, true]);
}

#[test]
fn a_turn_ends_however_many_wishes_come_to_nothing() {
    let mut lab = Lab::new(world());
    lab.run();
    let mut taken = 0u32;
    let wishes = |engine: &mut Engine| {
        taken += 1;
        let single = std::net::Ipv4Addr::from(0x0a41_0000 + taken);
        engine.update([(IpAddr::from(single).into(), Some(Target::Blackhole))]);
        true
    };
    turn(&mut lab.kernel, &mut lab.engine, lab.now, wishes).now_or_never().expect("a turn never waits for news");
    assert_eq!((taken, lab.engine.stats.skipped), (16, 16));
}

#[test]
fn one_change_among_many_plans_one_prefix() {
    let mut lab = Lab::new(world());
    let prefix = |n: u32| IpNetwork::new(std::net::Ipv4Addr::from(0x0b00_0000 + n * 64).into(), 26).unwrap();
    lab.engine.update((0..5000).map(|n| (prefix(n), target("172.16.1.2"))));
    lab.run();
    assert_eq!(lab.engine.stats.installed, 5000);
    lab.engine.update([(prefix(7), target("172.16.1.3"))]);
    assert_eq!(lab.engine.dirty.len(), 1);
    // A pod comes and goes: its route concerns no next hop of ours.
    lab.run();
    let pod = foreign("10.64.0.9/32", "172.17.1.2", 0);
    lab.kernel.add(pod.clone()).unwrap();
    let mut events = Vec::new();
    crate::Kernel::drain(&mut lab.kernel, 10, &mut events);
    events.into_iter().for_each(|event| lab.engine.event(lab.now, event));
    lab.engine.judge_next_hops(lab.now);
    assert!(lab.engine.dirty.is_empty());
    let (writes, dumps) = (lab.kernel.writes(), lab.kernel.dumps());
    lab.kernel.delete(pod.prefix, |_| true);
    lab.run();
    assert_eq!((lab.kernel.writes(), lab.kernel.dumps()), (writes, dumps));
}

#[test]
fn silent_losses_are_found_and_repaired() {
    let mut lab = Lab::new(world());
    lab.want(&[
        ("10.66.2.0/26", target("172.16.1.2")),
        ("10.66.9.0/26", target("172.16.1.2 172.17.1.2")),
        ("10.67.2.0/26", target("172.17.1.2")),
    ]);
    let before = lab.kernel.text(12);
    lab.kernel.link(3, "eth1", false);
    lab.kernel.link(3, "eth1", true);
    lab.run();
    lab.after(Duration::from_millis(20));
    assert_eq!(lab.kernel.text(12), before, "a flap over before it was heard of");
    assert_eq!(lab.engine.stats.repairs.lost, 1);
    lab.kernel.link_gone(3);
    lab.run();
    lab.after(Duration::from_millis(20));
    assert_eq!(
        lab.kernel.text(12),
        "10.66.2.0/26 via 172.16.1.2 dev eth0 proto bird\n\
         10.66.9.0/26 via 172.16.1.2 dev eth0 proto bird\n\
         10.67.2.0/26 via 172.17.1.2 dev tunl0 proto bird onlink\n"
    );
    lab.kernel.link(30, "eth1", true);
    lab.kernel.address(30, net("172.17.1.1/24"));
    lab.run();
    assert_eq!(lab.kernel.text(12), before, "another index");
}

#[test]
fn a_way_whose_gateway_is_in_no_subnet_any_more_is_taken_as_it_is() {
    let kernel = world();
    kernel.address(2, net("10.11.0.1/24"));
    let mut lab = Lab::new(kernel);
    // The default route stays on its link, which has another address left; the kernel takes its gateway only as a neighbour.
    lab.kernel.address_gone(2, net("172.16.1.1/24"));
    lab.want(&[("10.66.2.0/26", target("172.16.2.3"))]);
    assert_eq!(lab.kernel.text(12), "10.66.2.0/26 via 172.16.1.254 dev eth0 proto bird onlink\n");
    lab.kernel.address(2, net("172.16.1.1/24"));
    lab.run();
    assert_eq!(lab.kernel.text(12), "10.66.2.0/26 via 172.16.1.254 dev eth0 proto bird\n");
}

#[test]
fn a_pods_interface_comes_and_goes_without_a_dump() {
    let mut lab = Lab::new(world());
    lab.want(&[("10.66.2.0/26", target("172.16.1.2")), ("10.66.3.0/26", target("10.64.0.9"))]);
    let before = lab.kernel.text(12);
    let pod = |dev| {
        let hops = Hops::from_iter([Hop { via: None, dev, onlink: false, weight: 0 }]);
        Route { form: Form::Unicast(hops), protocol: 80, ..foreign("10.64.0.9/32", "172.17.1.2", 0) }
    };
    for dev in 100..110 {
        lab.kernel.link(dev, "cali", true);
        lab.kernel.address(dev, net("fe80::1/64"));
        lab.kernel.add(pod(dev)).unwrap();
        lab.run();
        assert!(lab.kernel.text(12).contains("10.66.3.0/26 via 10.64.0.9 dev cali proto bird"));
        // What resolves through it would be lost with it; that one must be looked for.
        lab.engine.update([(net("10.66.3.0/26"), None)]);
        lab.run();
        lab.kernel.link_gone(dev);
        lab.run();
        lab.want(&[("10.66.3.0/26", target("10.64.0.9"))]);
        assert_eq!(lab.kernel.text(12), before, "the pod's route is known to be gone");
    }
    assert_eq!(lab.kernel.dumps(), 1);
}

#[test]
fn a_missing_tunnel_withholds_and_removes_what_would_leak() {
    let kernel = world();
    kernel.link_gone(7);
    // Left by an earlier run that had the pool as direct.
    kernel.add(Route { protocol: 12, ..foreign("10.65.2.0/26", "172.17.1.2", 0) }).unwrap();
    let mut lab = Lab::new(kernel);
    lab.run();
    lab.want(&[("10.65.2.0/26", target("172.16.1.2"))]);
    assert_eq!(lab.kernel.text(12), "");
    assert_eq!(lab.state("10.65.2.0/26"), State::Withheld { reason: Reason::TunnelMissing("tunl0".into()) });
    lab.kernel.link(9, "tunl0", false);
    lab.run();
    assert_eq!(lab.state("10.65.2.0/26"), State::Withheld { reason: Reason::TunnelDown("tunl0".into()) });
    lab.kernel.link(9, "tunl0", true);
    lab.run();
    assert_eq!(lab.kernel.text(12), "10.65.2.0/26 via 172.16.1.2 dev tunl0 proto bird onlink\n");
}

#[test]
fn refusals_are_retried_with_growing_pauses_and_at_once_when_links_change() {
    let mut lab = Lab::new(world());
    lab.kernel.refuse(net("10.66.2.0/26"), libc::ENETUNREACH, 100);
    lab.want(&[("10.66.2.0/26", target("172.16.1.2"))]);
    assert_eq!(
        lab.state("10.66.2.0/26"),
        State::Failed { error: "Network is unreachable".into(), errno: Some(libc::ENETUNREACH) }
    );
    let mut pauses = Vec::new();
    for _ in 0..11 {
        let at = lab.engine.retry.first().unwrap().0;
        pauses.push((at - lab.now).as_millis());
        lab.now = at;
        lab.run();
        assert!(matches!(lab.state("10.66.2.0/26"), State::Failed { .. }), "shown until it has succeeded");
    }
    assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]);
    lab.kernel.refuse(net("10.66.2.0/26"), 0, 0);
    lab.kernel.link(9, "eth9", true);
    lab.run();
    assert_eq!(lab.state("10.66.2.0/26"), State::Installed);
    assert_eq!(lab.engine.report(lab.now).failed, 0);
}

#[test]
fn news_sent_before_our_last_write_is_checked_and_not_believed() {
    let mut lab = Lab::new(world());
    lab.want(&[("10.66.2.0/26", target("172.16.1.2"))]);
    // Somebody deletes ours; before we hear of it we have written it anew (a wish changed).
    let ours = lab.kernel.routes().into_iter().find(|route| route.protocol == 12).unwrap();
    lab.engine.update([(net("10.66.2.0/26"), target("172.16.1.3"))]);
    let ops = lab.engine.poll_ops(lab.now, 64);
    lab.kernel.begin(ops);
    let (ops, results) = lab.kernel.finish().now_or_never().unwrap();
    lab.engine.results(lab.now, ops, results);
    let stale = Event::Route { change: RouteChange::Replaced, route: foreign("10.66.2.0/26", "172.17.1.9", 0), by: 9 };
    lab.engine.event(lab.now, stale);
    assert!(lab.engine.poll_ops(lab.now, 64).is_empty(), "nothing is written on doubtful news");
    lab.after(Duration::from_millis(20));
    assert_eq!(lab.state("10.66.2.0/26"), State::Installed);
    assert_ne!(lab.kernel.routes().into_iter().find(|route| route.protocol == 12).unwrap(), ours);
    assert_eq!((lab.kernel.dumps(), lab.kernel.trespasses().len()), (2, 0));
}

#[test]
fn lost_answers_overruns_and_failed_dumps_end_well() {
    let mut lab = Lab::new(world());
    lab.run();
    lab.kernel.lose_answers(2);
    lab.want(&[("10.66.2.0/26", target("172.16.1.2")), ("10.66.3.0/26", target("172.16.1.2"))]);
    assert!(matches!(lab.state("10.66.2.0/26"), State::Failed { errno: None, .. }));
    lab.kernel.fail_dumps(1);
    lab.after(Duration::from_secs(2));
    lab.after(Duration::from_secs(2));
    assert_eq!((lab.state("10.66.2.0/26"), lab.state("10.66.3.0/26")), (State::Installed, State::Installed));
    lab.kernel.delete(net("10.66.2.0/26"), |_| true);
    lab.kernel.overrun();
    lab.run();
    assert_eq!(lab.engine.stats.overruns, 1);
    lab.after(Duration::from_secs(1));
    assert_eq!(lab.kernel.text(12).lines().count(), 2);
    lab.kernel.lose_answers(1);
    lab.want(&[("10.66.2.0/26", None)]);
    lab.after(Duration::from_secs(31));
    assert_eq!(lab.kernel.text(12).lines().count(), 1);
}

#[test]
fn dumps_take_at_most_a_fifth_of_the_time() {
    let mut lab = Lab::new(world());
    lab.run();
    let dump = Dump { links: vec![], addresses: vec![], routes: lab.kernel.routes(), far_ends: vec![] };
    lab.engine.load(lab.now, lab.now + Duration::from_secs(1), dump);
    lab.now += Duration::from_secs(1);
    lab.engine.event(lab.now, Event::Overrun);
    assert!(!lab.engine.wants_dump(lab.now + Duration::from_secs(3)));
    assert!(lab.engine.wants_dump(lab.now + Duration::from_secs(4)));
}

#[test]
fn a_moved_next_hop_moves_its_users_also_through_our_own_routes() {
    let mut lab = Lab::new(world());
    lab.want(&[
        ("172.20.0.0/16", target("172.17.1.9")),
        ("10.66.2.0/26", target("172.20.0.1")),
        ("10.66.3.0/26", target("172.16.1.2")),
    ]);
    assert!(lab.kernel.text(12).starts_with("10.66.2.0/26 via 172.17.1.9 dev eth1"));
    lab.want(&[("172.20.0.0/16", target("172.17.1.8"))]);
    assert!(lab.kernel.text(12).starts_with("10.66.2.0/26 via 172.17.1.8 dev eth1"));
    let writes = lab.kernel.writes();
    // Somebody's longer route takes the next hop over, and gives it back.
    lab.kernel.add(foreign("172.20.0.0/24", "172.17.1.7", 0)).unwrap();
    lab.run();
    assert!(lab.kernel.text(12).starts_with("10.66.2.0/26 via 172.17.1.7 dev eth1"));
    assert_eq!(lab.kernel.writes(), writes + 1);
    lab.kernel.delete(net("172.20.0.0/24"), |_| true);
    lab.want(&[("172.20.0.0/16", None)]);
    assert!(lab.kernel.text(12).starts_with("10.66.2.0/26 via 172.16.1.254 dev eth0"));
}

#[test]
fn the_end_of_a_chain_of_our_own_routes_follows_its_beginning() {
    let mut lab = Lab::new(world());
    lab.want(&[
        ("10.66.2.0/26", target("172.21.0.1")),
        ("172.21.0.0/16", target("172.20.0.1")),
        ("172.20.0.0/16", target("172.17.1.9")),
    ]);
    for gateway in ["172.17.1.9", "172.17.1.8", "172.17.1.7"] {
        lab.want(&[("172.20.0.0/16", target(gateway))]);
        let text = lab.kernel.text(12);
        assert_eq!(text.matches(&format!(" via {gateway} dev eth1 ")).count(), 3, "{text}");
    }
}

#[test]
fn a_foreign_default_route_is_not_captured_by_a_learned_one() {
    let mut lab = Lab::new(world());
    lab.want(&[("10.66.2.0/26", target("172.16.2.3")), ("0.0.0.0/0", target("172.17.1.254"))]);
    assert_eq!(
        lab.kernel.text(12),
        "default via 172.17.1.254 dev eth1 proto bird\n10.66.2.0/26 via 172.16.1.254 dev eth0 proto bird\n"
    );
    lab.kernel.delete(net("0.0.0.0/0"), |route| route.protocol == 4);
    lab.run();
    assert!(lab.kernel.text(12).ends_with("10.66.2.0/26 via 172.17.1.254 dev eth1 proto bird\n"), "the last resort");
    lab.kernel.add(default_route()).unwrap();
    lab.run();
    assert!(lab.kernel.text(12).ends_with("10.66.2.0/26 via 172.16.1.254 dev eth0 proto bird\n"));
}

#[test]
fn the_counts_by_state_always_add_up() {
    let mut lab = Lab::new(world());
    lab.kernel.add(foreign("10.66.3.0/26", "172.17.1.9", 0)).unwrap();
    lab.kernel.refuse(net("10.66.4.0/26"), libc::ENOMEM, 1);
    lab.want(&[
        ("10.66.2.0/26", target("172.16.1.2")),
        ("10.66.3.0/26", target("172.16.1.2")),
        ("10.66.4.0/26", target("172.16.1.2")),
        ("10.66.5.0/26", target("172.16.1.1")),
        ("10.65.1.1/32", Some(Target::Blackhole)),
    ]);
    let stats = lab.engine.report(lab.now);
    let by_state = [stats.installed, stats.conflicts, stats.failed, stats.withheld, stats.skipped, stats.pending];
    assert_eq!((stats.wanted, by_state), (5, [1, 1, 1, 1, 1, 0]));
    assert_eq!((stats.kernel_routes, stats.errors, stats.next_hops), (1, 1, 2));
    lab.engine.drop_all();
    lab.run();
    let stats = lab.engine.report(lab.now);
    assert_eq!((stats.wanted, stats.installed, stats.withheld, stats.next_hops, stats.kernel_routes), (0, 0, 0, 0, 0));
}

#[test]
fn a_kernel_that_contradicts_itself_is_not_asked_for_ever() {
    let mut lab = Lab::new(world());
    lab.want(&[("10.66.2.0/26", target("172.16.1.2")), ("10.66.3.0/26", target("172.16.1.2"))]);
    lab.kernel.refuse(net("10.66.2.0/26"), libc::ESRCH, 1000);
    lab.kernel.refuse(net("10.66.3.0/26"), libc::ENOENT, 1000);
    lab.want(&[("10.66.2.0/26", None), ("10.66.3.0/26", target("172.16.1.3"))]);
    for _ in 0..100 {
        lab.after(Duration::from_millis(50));
    }
    assert!(lab.kernel.writes() < 25 && lab.kernel.dumps() < 15, "{} {}", lab.kernel.writes(), lab.kernel.dumps());
    lab.kernel.refuse(net("10.66.2.0/26"), 0, 0);
    lab.kernel.refuse(net("10.66.3.0/26"), 0, 0);
    lab.after(Duration::from_secs(31));
    assert_eq!(lab.kernel.text(12), "10.66.3.0/26 via 172.16.1.3 dev eth0 proto bird\n");
}
