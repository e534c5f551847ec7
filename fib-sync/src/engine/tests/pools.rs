//! Pools with a protocol id, a metric and a table of their own, and pools that are another program's.

use super::*;
use crate::config::Metric;
use crate::desired::Via;

fn lab(kernel: &MemoryKernel, pools: Vec<Pool>) -> Lab {
    let config = FibConfig { pools, ..FibConfig::default() };
    Lab { engine: Engine::new(config).unwrap(), ..Lab::new(kernel.clone()) }
}

fn pool(cidr: &str) -> Pool {
    Pool::new(net(cidr), Mode::Direct)
}

impl Lab {
    fn reconfigure(&mut self, pools: Vec<Pool>) {
        // How soon after one dump the next may be depends on how long it took in real time.
        self.now += Duration::from_secs(10);
        self.engine.reconfigure(self.now, FibConfig { pools, ..FibConfig::default() }).unwrap();
        self.now += DUMP_DELAY;
    }
}

fn preferred(next_hop: &str, preference: u32) -> Option<Target> {
    let next_hops = [next_hop.parse().unwrap()].into_iter().collect();
    Some(Target::via(Via { next_hops, preference, ..Via::default() }))
}

/// A route of this protocol id at metric 0 in the main table, through eth0.
fn left(prefix: &str, protocol: u8) -> Route {
    let hops = Hops::from_slice(&[Hop::via("172.16.1.2".parse().unwrap(), 2)]);
    Route { protocol, form: Form::Unicast(hops), ..foreign(prefix, "172.16.1.2", 0) }
}

/// What changes, step by step, until nothing does.
fn steps(lab: &mut Lab) -> Vec<String> {
    let mut steps = vec![lab.kernel.text(12) + &lab.kernel.text(186)];
    while lab.engine.has_work() || lab.engine.wants_dump(lab.now) {
        lab.turn();
        let now = lab.kernel.text(12) + &lab.kernel.text(186);
        if steps.last() != Some(&now) {
            steps.push(now);
        }
    }
    steps
}

#[test]
fn each_pool_has_its_own_marks() {
    let mut lab = lab(
        &world(),
        vec![
            Pool { metric: Some(Metric::FromPreference), ..pool("10.65.0.0/16") },
            Pool { protocol: Some(186), table: Some(100), metric: Some(Metric::Fixed(7)), ..pool("10.66.0.0/16") },
        ],
    );
    lab.want(&[
        ("10.65.1.0/26", Some(Target::Blackhole)),
        ("10.65.2.0/26", preferred("172.16.1.2", 2_147_482_623)),
        ("10.65.3.0/26", preferred("172.16.1.3", 100)),
        ("10.66.2.0/26", preferred("172.16.1.2", 100)),
        ("10.67.2.0/26", preferred("172.16.1.2", 100)),
    ]);
    assert_eq!(
        lab.kernel.text(12),
        "blackhole 10.65.1.0/26 proto bird\n10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird metric 1024\n\
         10.65.3.0/26 via 172.16.1.3 dev eth0 proto bird metric 2147483547\n\
         10.67.2.0/26 via 172.16.1.2 dev eth0 proto bird\n"
    );
    assert_eq!(lab.kernel.text(186), "10.66.2.0/26 via 172.16.1.2 dev eth0 table 100 proto bgp metric 7\n");
    // Deleted by hand, it is back in its own table.
    lab.kernel.delete(net("10.66.2.0/26"), |_| true);
    lab.run();
    assert_eq!(lab.kernel.text(186).lines().count(), 1);
    assert_eq!(lab.engine.stats.repairs.deleted, 1);
}

#[test]
fn a_new_preference_moves_the_route_to_a_new_metric_without_a_hole() {
    let mut lab = lab(&world(), vec![Pool { metric: Some(Metric::FromPreference), ..pool("10.65.0.0/16") }]);
    lab.want(&[("10.65.1.9/32", preferred("172.16.1.2", 2_147_482_623))]);
    let at = |gateway, metric| format!("10.65.1.9 via 172.16.1.{gateway} dev eth0 proto bird metric {metric}\n");
    lab.engine.update([(net("10.65.1.9/32"), preferred("172.16.1.3", 2_147_483_135))]);
    assert_eq!(steps(&mut lab), [at(2, 1024), at(2, 1024) + &at(3, 512), at(3, 512)]);
    assert_eq!(lab.state("10.65.1.9/32"), State::Installed);
}

/// The metric, the protocol id, the table and the device of a pool change, by a restart and while it runs.
#[test]
fn routes_move_to_other_marks_without_a_hole() {
    let line = |table: &str, proto: &str, metric: &str| {
        format!("10.65.2.0/26 via 172.16.1.2 dev eth0{table} proto {proto}{metric}\n")
    };
    let (start, seven) = (line("", "bird", ""), line("", "bird", " metric 7"));
    let elsewhere = line(" table 100", "bgp", " metric 7");
    let all = Pool { protocol: Some(186), table: Some(100), metric: Some(Metric::Fixed(7)), ..pool("10.65.0.0/16") };
    let steps_to = [
        (
            Pool { metric: Some(Metric::Fixed(7)), ..pool("10.65.0.0/16") },
            vec![start.clone(), start.clone() + &seven, seven],
        ),
        // The same key: rewritten in place.
        (Pool { protocol: Some(186), ..pool("10.65.0.0/16") }, vec![start.clone(), line("", "bgp", "")]),
        (all, vec![start.clone(), start.clone() + &elsewhere, elsewhere]),
        (
            Pool { mode: Mode::Ipip, ..pool("10.65.0.0/16") },
            vec![start.clone(), "10.65.2.0/26 via 172.16.1.2 dev tunl0 proto bird onlink\n".to_owned()],
        ),
    ];
    for (pool, expected) in steps_to {
        let kernel = world();
        kernel.add(left("10.65.2.0/26", 12)).unwrap();
        let mut restarted = lab(&kernel, vec![pool.clone()]);
        restarted.run();
        restarted.engine.update([(net("10.65.2.0/26"), target("172.16.1.2"))]);
        assert_eq!(steps(&mut restarted), expected);
        restarted.engine.sweep();
        assert_eq!(steps(&mut restarted), expected[expected.len() - 1..]);

        let kernel = world();
        let mut running = lab(&kernel, Vec::new());
        running.want(&[("10.65.2.0/26", target("172.16.1.2"))]);
        running.reconfigure(vec![pool]);
        assert_eq!(steps(&mut running), expected);
        assert_eq!(running.state("10.65.2.0/26"), State::Installed);
        // And back, also where the former id or table is nowhere in the configuration any more.
        running.reconfigure(Vec::new());
        let back = steps(&mut running);
        assert!(back.iter().all(|step| !step.is_empty()) && back.last() == Some(&start), "{back:?}");
        assert_eq!(running.engine.stats.repairs.total(), 0);
    }
}

#[test]
fn a_configuration_that_cannot_be_run_leaves_the_one_before_in_force() {
    let kernel = world();
    let mut lab = lab(&kernel, Vec::new());
    lab.want(&[("10.65.2.0/26", target("172.16.1.2"))]);
    let wrong = FibConfig { protocol: 2, ..FibConfig::default() };
    assert!(lab.engine.reconfigure(lab.now, wrong).is_err());
    kernel.delete(net("10.65.2.0/26"), |_| true);
    lab.run();
    assert_eq!(kernel.text(12), "10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird\n");
}

#[test]
fn a_pool_handed_over_and_back_while_running_is_never_without_routes() {
    let kernel = world();
    let theirs = Pool { install: false, blackholes: false, protocol: Some(80), ..pool("10.65.0.0/16") };
    let mut lab = lab(&kernel, Vec::new());
    lab.want(&[("10.65.2.0/26", target("172.16.1.2")), ("10.65.3.0/26", target("172.16.1.2"))]);
    let before = kernel.text(12);
    lab.reconfigure(vec![theirs]);
    lab.after(Duration::from_secs(1));
    assert_eq!(kernel.text(12), before, "until the sweep");
    kernel.replace(left("10.65.2.0/26", 80)).unwrap();
    lab.run();
    lab.engine.sweep();
    lab.after(Duration::from_secs(1));
    assert_eq!((kernel.text(12).as_str(), kernel.text(80).lines().count()), ("", 1));
    // Theirs is in the way until it goes; the other is written at once.
    lab.reconfigure(Vec::new());
    lab.after(Duration::from_secs(1));
    assert_eq!(kernel.text(12), "10.65.3.0/26 via 172.16.1.2 dev eth0 proto bird\n");
    kernel.delete(net("10.65.2.0/26"), |_| true);
    lab.run();
    assert_eq!(kernel.text(12), before);
}

#[test]
fn routes_of_an_id_that_is_ours_no_more_are_taken_over_when_it_is_named() {
    let kernel = world();
    kernel.add(left("10.65.2.0/26", 186)).unwrap();
    kernel.add(left("10.65.3.0/26", 186)).unwrap();
    let mut stranger = lab(&kernel, Vec::new());
    stranger.want(&[("10.65.2.0/26", target("172.16.1.2"))]);
    stranger.engine.sweep();
    stranger.run();
    assert!(matches!(stranger.state("10.65.2.0/26"), State::Conflict { .. }), "not ours, unless it is said");
    assert_eq!(kernel.text(186).lines().count(), 2);

    let config = FibConfig { adopt: vec![(186, TABLE_MAIN)], ..FibConfig::default() };
    let mut heir = Lab { engine: Engine::new(config).unwrap(), ..Lab::new(kernel.clone()) };
    heir.want(&[("10.65.2.0/26", target("172.16.1.2"))]);
    assert_eq!(kernel.text(12), "10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird\n");
    assert_eq!(kernel.text(186).lines().count(), 1, "what nobody wants waits for the sweep");
    heir.engine.sweep();
    heir.run();
    assert_eq!(kernel.text(186), "");
}

#[test]
fn in_a_pool_of_others_nothing_is_written_and_nothing_of_theirs_touched() {
    let kernel = world();
    // Theirs carries the very id of ours.
    kernel.add(left("10.65.2.0/26", 12)).unwrap();
    kernel.add(left("10.65.9.0/26", 12)).unwrap();
    let pools = vec![
        Pool { install: false, blackholes: false, ..pool("10.65.0.0/16") },
        Pool { install: false, ..pool("10.66.0.0/16") },
    ];
    let mut lab = lab(&kernel, pools);
    lab.want(&[
        ("10.65.1.0/26", Some(Target::Blackhole)),
        ("10.65.2.0/26", target("172.16.1.3")),
        ("10.65.3.0/26", target("172.16.1.3")),
        ("10.66.1.0/26", Some(Target::Blackhole)),
        ("10.66.2.0/26", target("172.16.1.3")),
        // Through what the other has written there.
        ("10.67.2.0/26", target("10.65.9.7")),
    ]);
    lab.engine.sweep();
    lab.after(Duration::from_secs(61));
    assert_eq!(
        kernel.text(12),
        "10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird\n10.65.9.0/26 via 172.16.1.2 dev eth0 proto bird\n\
         blackhole 10.66.1.0/26 proto bird\n10.67.2.0/26 via 172.16.1.2 dev eth0 proto bird\n"
    );
    for prefix in ["10.65.1.0/26", "10.65.2.0/26", "10.65.3.0/26"] {
        let why = "withheld: pool 10.65.0.0/16 is another agent's (install: false)";
        assert_eq!(lab.state(prefix).to_string(), why);
    }
    assert!(matches!(lab.state("10.66.2.0/26"), State::Withheld { reason: Reason::OthersPool(_) }));
    let troubled = crate::rows::RowFilter::Troubled.rows(&lab.engine);
    assert!(troubled.is_empty(), "as it is meant to be: {troubled:?}");
    let stats = lab.engine.report(lab.now);
    assert_eq!((stats.installed, stats.others, stats.withheld), (2, 4, 0));
    // The other takes its routes away; that is its business, too.
    kernel.delete(net("10.65.2.0/26"), |_| true);
    lab.after(Duration::from_secs(61));
    assert!(!kernel.text(12).contains("10.65.2.0/26"));
}

#[test]
fn a_pool_handed_over_keeps_our_old_routes_until_the_sweep() {
    let kernel = world();
    kernel.add(left("10.65.2.0/26", 12)).unwrap();
    kernel.add(left("10.65.3.0/26", 12)).unwrap();
    let theirs = Pool { install: false, blackholes: false, protocol: Some(80), ..pool("10.65.0.0/16") };
    let mut lab = lab(&kernel, vec![theirs]);
    lab.want(&[("10.65.2.0/26", target("172.16.1.3"))]);
    assert_eq!(kernel.text(12).lines().count(), 2, "packets still need them");
    // The other program writes one over ours, as Felix does.
    kernel.replace(left("10.65.2.0/26", 80)).unwrap();
    lab.run();
    lab.engine.sweep();
    lab.run();
    assert_eq!(kernel.text(12), "");
    assert_eq!(kernel.text(80), "10.65.2.0/26 via 172.16.1.2 dev eth0 proto 80\n");
}
