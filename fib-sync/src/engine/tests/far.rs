//! Far ends of VXLAN devices: there before the first route that needs them, gone after the last.

use super::*;
use crate::device::{Device, DeviceKind};
use crate::far_ends::{FarEntry, Mac, Part};
use crate::kernel::{Kernel, Link};
use std::net::IpAddr;

pub(super) const FAR: &str = "10.68.2.0/26";

pub(super) fn device() -> Device {
    let kind = DeviceKind::Vxlan { vni: 4096, port: 4789 };
    Device { name: "vxlan.roost".into(), local: "172.16.1.1".parse().unwrap(), mtu: 0, kind }
}

pub(super) fn vxlan_config() -> FibConfig {
    let pool = |cidr: &str, mode| Pool::new(net(cidr), mode);
    FibConfig {
        pools: vec![
            pool("10.68.0.0/16", Mode::Vxlan),
            pool("10.69.0.0/16", Mode::VxlanCrossSubnet),
            pool("fd00:10::/32", Mode::Vxlan),
        ],
        ..FibConfig::default()
    }
}

pub(super) fn lab_of(kernel: MemoryKernel, config: FibConfig) -> Lab {
    let mut lab = Lab { kernel, engine: Engine::new(config).unwrap(), now: Instant::now() };
    lab.run();
    lab
}

pub(super) fn vxlan_lab() -> Lab {
    let kernel = world();
    kernel.link(9, "vxlan.roost", true);
    lab_of(kernel, vxlan_config())
}

impl Lab {
    /// What is sent to the kernel until nothing is left to do, a list for each batch.
    pub(super) fn batches(&mut self, wanted: &[(&str, Option<Target>)]) -> Vec<Vec<String>> {
        self.engine.update(wanted.iter().map(|(prefix, target)| (net(prefix), target.clone())));
        let mut batches = Vec::new();
        for _ in 0..100 {
            let mut events = Vec::new();
            self.kernel.drain(usize::MAX, &mut events);
            for event in events {
                self.engine.event(self.now, event);
            }
            self.engine.drained();
            let ops = self.engine.poll_ops(self.now, 100);
            if ops.is_empty() && !self.engine.has_work() {
                return batches;
            }
            if !ops.is_empty() {
                batches.push(ops.iter().map(|op| op.text(&self.engine.view.links).to_string()).collect());
            }
            self.kernel.begin(ops);
            self.land();
        }
        panic!("never at rest: {batches:#?}");
    }
}

fn entry(part: Part, node: &str) -> FarEntry {
    let node: IpAddr = node.parse().unwrap();
    FarEntry { part, dev: 9, node, mac: Mac::of(node) }
}

pub(super) fn both(node: &str) -> Vec<FarEntry> {
    vec![entry(Part::Neighbour, node), entry(Part::Forwarding, node)]
}

#[test]
fn neighbour_then_forwarding_then_route_and_back() {
    let mut lab = vxlan_lab();
    assert_eq!(
        lab.batches(&[(FAR, target("172.16.1.2"))]),
        [
            &[
                "neigh replace 172.16.1.2 lladdr 02:72:ac:10:01:02 dev vxlan.roost nud permanent",
                "fdb replace 02:72:ac:10:01:02 dst 172.16.1.2 dev vxlan.roost self permanent"
            ][..],
            &["add 10.68.2.0/26 via 172.16.1.2 dev vxlan.roost proto bird onlink"],
        ]
    );
    assert_eq!(
        lab.batches(&[("10.68.2.64/26", target("172.16.1.2"))]),
        [["add 10.68.2.64/26 via 172.16.1.2 dev vxlan.roost proto bird onlink"]],
        "it stands"
    );
    assert_eq!(
        lab.batches(&[(FAR, target("172.16.1.3")), ("10.68.2.64/26", None)]),
        [
            &["del 10.68.2.64/26 via 172.16.1.2 dev vxlan.roost proto bird onlink"][..],
            &[
                "neigh replace 172.16.1.3 lladdr 02:72:ac:10:01:03 dev vxlan.roost nud permanent",
                "fdb replace 02:72:ac:10:01:03 dst 172.16.1.3 dev vxlan.roost self permanent"
            ],
            &["replace 10.68.2.0/26 via 172.16.1.3 dev vxlan.roost proto bird onlink"],
            &[
                "fdb del 02:72:ac:10:01:02 dst 172.16.1.2 dev vxlan.roost self permanent",
                "neigh del 172.16.1.2 lladdr 02:72:ac:10:01:02 dev vxlan.roost nud permanent"
            ],
        ]
    );
    let gone = lab.batches(&[(FAR, None)]);
    assert_eq!(gone.len(), 2, "{gone:#?}");
    assert!(gone[0][0].starts_with("del 10.68.2.0/26") && gone[1][0].starts_with("fdb del"), "{gone:#?}");
    assert!(lab.kernel.far_ends().is_empty() && lab.kernel.text(12).is_empty());
}

#[test]
fn neighbours_of_the_subnet_need_no_far_end_and_ipv6_has_one() {
    let mut lab = vxlan_lab();
    lab.want(&[
        ("10.69.2.0/26", target("172.16.1.2")),
        ("10.69.3.0/26", target("172.16.2.3")),
        ("fd00:10:2::/122", target("fd00:1::2")),
    ]);
    assert_eq!(
        lab.kernel.text(12),
        "10.69.2.0/26 via 172.16.1.2 dev eth0 proto bird\n\
         10.69.3.0/26 via 172.16.2.3 dev vxlan.roost proto bird onlink\n\
         fd00:10:2::/122 via fd00:1::2 dev vxlan.roost proto bird metric 1024 onlink\n"
    );
    let nodes: BTreeSet<IpAddr> = lab.kernel.far_ends().iter().map(|entry| entry.node).collect();
    assert_eq!(nodes, ["172.16.2.3", "fd00:1::2"].map(|node| node.parse().unwrap()).into());
}

#[test]
fn what_another_program_takes_away_is_restored() {
    let kernel = world();
    let alias = Some("roost".into());
    let made = device();
    kernel.set_link(Link {
        index: 9,
        name: made.name.clone(),
        up: true,
        mtu: 1450,
        mac: made.mac(),
        alias,
        ..Link::default()
    });
    let mut lab = lab_of(kernel, FibConfig { devices: vec![made], ..vxlan_config() });
    lab.want(&[(FAR, target("172.16.1.2"))]);
    let whole = both("172.16.1.2");
    assert_eq!(lab.kernel.far_ends(), whole);
    for entry in whole.clone() {
        lab.kernel.far_end(entry, false);
        lab.run();
        assert_eq!(lab.kernel.far_ends(), whole, "{entry:?} was removed");
        let changed = match entry.part {
            Part::Neighbour => FarEntry { mac: Mac([2, 0, 0, 0, 0, 1]), ..entry },
            Part::Forwarding => FarEntry { node: "172.16.1.9".parse().unwrap(), ..entry },
        };
        lab.kernel.far_end(changed, true);
        lab.run();
        assert_eq!(lab.kernel.far_ends(), whole, "{entry:?} was changed");
    }
    assert_eq!(lab.state(FAR), State::Installed);
}

/// The kernel says of a forwarding entry that it is there, and not who wrote it.
#[test]
fn its_own_writing_is_not_another_programs_nor_a_reason_to_read_everything_back() {
    let mut lab = vxlan_lab();
    // One entry of the first far end stands from an earlier life; the second far end is missing meanwhile.
    lab.kernel.far_end(entry(Part::Neighbour, "172.16.1.2"), true);
    lab.run();
    let wanted = [(FAR, target("172.16.1.2")), ("10.68.3.0/26", target("172.16.1.3"))];
    lab.engine.update(wanted.map(|(prefix, target)| (net(prefix), target)));
    let asked = lab.engine.poll_ops(lab.now, 2);
    assert!(asked.is_empty() && lab.engine.far_ends.is_missing(), "both are asked for: {asked:?}");
    let ops = lab.engine.poll_ops(lab.now, 1);
    let forwarding = entry(Part::Forwarding, "172.16.1.2");
    assert!(matches!(&ops[..], [Op::SetFar(one)] if *one == forwarding), "{ops:?}");
    assert!(lab.engine.far_ends.is_missing());
    lab.kernel.begin(ops);
    lab.engine.event(lab.now, Event::FarEnd(forwarding));
    lab.land();
    lab.after(Duration::from_millis(100));
    assert_eq!((lab.state(FAR), lab.state("10.68.3.0/26")), (State::Installed, State::Installed));
    assert_eq!((lab.engine.loud.lines, lab.kernel.dumps()), (0, 1));

    lab.kernel.far_end(forwarding, false);
    lab.run();
    assert_eq!(lab.engine.loud.lines, 1, "another program's doing is told");
}

#[test]
fn a_device_goes_with_all_it_held_and_comes_back_with_another_index() {
    let mut lab = vxlan_lab();
    lab.want(&[(FAR, target("172.16.1.2"))]);
    lab.kernel.link_gone(9);
    lab.run();
    assert!(matches!(lab.state(FAR), State::Withheld { reason: Reason::TunnelMissing(_) }), "{:?}", lab.state(FAR));
    lab.kernel.link(12, "vxlan.roost", true);
    lab.after(Duration::from_secs(1));
    assert_eq!(lab.state(FAR), State::Installed);
    assert_eq!(lab.kernel.far_ends().iter().map(|entry| entry.dev).collect::<Vec<_>>(), [12, 12]);
}

/// Felix and flannel write their own, with MAC addresses of their own.
#[test]
fn on_another_agents_device_its_entries_are_never_written_over() {
    let mut lab = vxlan_lab();
    let theirs = FarEntry { mac: Mac([0x66, 0, 0, 0, 0, 2]), ..entry(Part::Neighbour, "172.16.1.2") };
    lab.kernel.far_end(theirs, true);
    lab.want(&[(FAR, target("172.16.1.2")), ("10.68.3.0/26", target("172.16.1.3"))]);
    let why = lab.state(FAR).to_string();
    for part in [
        "it has `neigh add 172.16.1.2 lladdr 66:00:00:00:00:02 dev vxlan.roost`",
        "`far_ends: false`",
        "`ip neigh del 172.16.1.2 lladdr 66:00:00:00:00:02 dev vxlan.roost`",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    assert_eq!(lab.kernel.text(12), "10.68.3.0/26 via 172.16.1.3 dev vxlan.roost proto bird onlink\n");
    lab.after(Duration::from_secs(61));
    assert!(lab.kernel.far_ends().contains(&theirs));

    // It makes room, and takes another one over.
    lab.kernel.far_end(theirs, false);
    let over = FarEntry { node: "172.16.1.9".parse().unwrap(), ..entry(Part::Forwarding, "172.16.1.3") };
    lab.kernel.far_end(over, true);
    lab.run();
    assert_eq!(lab.state(FAR), State::Installed);
    let why = lab.state("10.68.3.0/26").to_string();
    assert!(why.contains("`bridge fdb del 02:72:ac:10:01:03 dst 172.16.1.9 dev vxlan.roost self`"), "{why}");
    assert!(lab.kernel.far_ends().contains(&over));
    lab.kernel.far_end(over, false);
    lab.run();
    assert_eq!(lab.state("10.68.3.0/26"), State::Installed);

    // Left to it altogether: the route needs the device alone, and nothing there is ours to sweep.
    let mut config = vxlan_config();
    config.pools.iter_mut().for_each(|pool| pool.far_ends = false);
    let mut next = lab_of(lab.kernel.clone(), config);
    next.want(&[(FAR, target("172.16.1.4"))]);
    let before = next.kernel.far_ends();
    next.engine.sweep();
    next.run();
    assert_eq!(next.kernel.text(12), "10.68.2.0/26 via 172.16.1.4 dev vxlan.roost proto bird onlink\n");
    assert_eq!(next.kernel.far_ends(), before);
}

#[test]
fn a_restart_adopts_far_ends_and_the_sweep_takes_only_ours() {
    let mut lab = vxlan_lab();
    lab.want(&[(FAR, target("172.16.1.2")), ("10.68.3.0/26", target("172.16.1.3"))]);
    let foreign = FarEntry { mac: Mac([2, 0, 0, 0, 0, 9]), ..entry(Part::Neighbour, "172.16.1.9") };
    lab.kernel.far_end(foreign, true);
    let mut next = lab_of(lab.kernel.clone(), vxlan_config());
    assert_eq!(next.batches(&[(FAR, target("172.16.1.2"))]), Vec::<Vec<String>>::new(), "all of it stands");
    assert_eq!(next.kernel.far_ends().len(), 5);
    next.engine.sweep();
    next.run();
    let mut left = both("172.16.1.2");
    left.push(foreign);
    left.sort();
    assert_eq!(next.kernel.far_ends(), left);
    assert_eq!(next.kernel.text(12), "10.68.2.0/26 via 172.16.1.2 dev vxlan.roost proto bird onlink\n");
}

#[test]
fn a_refused_far_end_is_told_with_the_prefix_and_tried_again() {
    let mut lab = vxlan_lab();
    lab.kernel.refuse(net("172.16.1.2/32"), libc::EPERM, 2);
    lab.want(&[(FAR, target("172.16.1.2"))]);
    let state = lab.state(FAR).to_string();
    assert!(state.contains("Operation not permitted") && state.contains("dst 172.16.1.2 dev vxlan.roost"), "{state}");
    assert!(lab.kernel.text(12).is_empty(), "no route before its far end");
    lab.after(Duration::from_secs(1));
    assert_eq!(lab.state(FAR), State::Installed);
}

#[test]
fn a_missing_device_is_made_and_made_again() {
    let mut lab = lab_of(world(), FibConfig { devices: vec![device()], ..vxlan_config() });
    lab.want(&[(FAR, target("172.16.1.2"))]);
    lab.after(Duration::from_secs(1));
    assert_eq!(lab.kernel.text(12), "10.68.2.0/26 via 172.16.1.2 dev vxlan.roost proto bird onlink\n");
    let index = lab.kernel.far_ends()[0].dev;
    lab.kernel.link_gone(index);
    lab.run();
    lab.after(Duration::from_secs(1));
    assert_eq!(lab.state(FAR), State::Installed);
    assert_eq!(lab.kernel.text(12), "10.68.2.0/26 via 172.16.1.2 dev vxlan.roost proto bird onlink\n");
}

#[test]
fn a_far_end_whose_writing_was_not_answered_goes_when_nobody_needs_it() {
    let mut lab = vxlan_lab();
    lab.kernel.lose_answers(2);
    lab.engine.update([(net(FAR), target("172.16.2.3"))]);
    // It is asked for, written, and not answered.
    (0..3).for_each(|_| lab.turn());
    assert_eq!(lab.kernel.far_ends().len(), 2, "written all the same");
    assert!(!lab.kernel.text(12).contains(FAR), "no route before it is seen");
    lab.engine.update([(net(FAR), None)]);
    lab.after(Duration::from_secs(1));
    assert_eq!(lab.kernel.far_ends(), []);
}
