//! Random wishes, faults and meddling; then peace. After it the kernel holds what is wanted, a fresh
//! engine finds nothing to do, and nothing foreign was ever touched.
//!
//! proptest prints and stores the shortest sequence that fails.

use super::*;
use crate::config::Metric;
use crate::far_ends::{FarEntry, Mac};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
enum Step {
    Want(usize, usize),
    Unwant(usize),
    Watch(usize, bool),
    Sweep,
    LinkDown(usize),
    LinkUp(usize),
    LinkAnew(usize),
    AddressGone(usize),
    AddressBack(usize),
    Meddle(usize, Meddling),
    /// An entry of the VXLAN device is removed, or gets another MAC address.
    MeddleFar(usize, bool),
    Reconfigure(usize),
    Default(bool),
    Refuse(usize, i32),
    LoseAnswers(u32),
    FailDumps,
    Overrun,
    Turns(u8),
    Wait(u16),
}

#[derive(Debug, Clone, Copy)]
enum Meddling {
    Delete,
    AddForeign,
    ReplaceByForeign,
    ReplaceUnderOurId,
    AddOtherMetric,
    DeleteForeign,
}

const PREFIXES: [&str; 14] = [
    "10.65.2.0/26",
    "10.65.3.0/26",
    "10.66.2.0/26",
    "10.66.2.0/27",
    "10.67.2.0/26",
    "10.67.3.7/32",
    "172.20.0.0/16",
    "172.21.0.0/16",
    "fd00:10:2::/122",
    "fd00:10:3::/122",
    "10.68.2.0/26",
    "10.68.3.0/26",
    // Protected: by the list, and as the node's own subnet.
    "10.96.0.10/32",
    "172.16.1.77/32",
];
/// "" is a blackhole.
const TARGETS: [&str; 12] = [
    "172.16.1.2",
    "172.17.1.2",
    "172.16.1.2 172.17.1.2",
    "172.16.9.9",
    "172.20.0.1",
    "172.21.0.1",
    "172.20.0.1 172.16.1.3",
    "172.16.1.1",
    "192.0.2.1",
    "fd00:1::2",
    "fd00:1::2 fd00:1::3",
    "",
];
const WATCHED: [&str; 9] = [
    "172.16.1.2",
    "172.17.1.1",
    "172.17.1.2",
    "172.16.9.9",
    "172.20.0.1",
    "172.21.0.1",
    "192.0.2.1",
    "fd00:1::2",
    "fd00:10:2::1",
];
/// Strays under our id where nothing is ever wanted.
const STRAY: &str = "10.99.0.0/24";
/// Protocol ids of ours.
const OURS: [u8; 2] = [12, 186];
const LINKS: [&str; 4] = ["eth0", "eth1", "tunl0", "vxlan.roost"];
const ADDRESSES: [(usize, &str); 3] = [(0, "172.16.1.1/24"), (1, "172.17.1.1/24"), (0, "fd00:1::1/64")];

/// Pools of all kinds, few places, protected ranges: each with something that the others do not have.
fn settings(n: usize) -> FibConfig {
    let pool = |cidr: &str, mode| Pool::new(net(cidr), mode);
    let protect = vec![net("10.96.0.0/12")];
    let protect_subnets_of = vec!["172.16.1.1".parse().unwrap()];
    let usual = FibConfig { protect, protect_subnets_of, ..FibConfig::default() };
    match n {
        0 => FibConfig {
            pools: vec![
                pool("10.65.0.0/16", Mode::Ipip),
                pool("10.67.0.0/16", Mode::IpipCrossSubnet),
                pool("10.68.0.0/16", Mode::Vxlan),
            ],
            ..usual
        },
        1 => FibConfig {
            metric: Metric::FromPreference,
            pools: vec![
                Pool {
                    protocol: Some(186),
                    table: Some(100),
                    metric: Some(Metric::Fixed(7)),
                    ..pool("10.65.0.0/16", Mode::Direct)
                },
                pool("10.66.0.0/16", Mode::Ipip),
                pool("10.68.0.0/16", Mode::VxlanCrossSubnet),
            ],
            ..usual
        },
        2 => FibConfig {
            max_routes: 3,
            pools: vec![
                Pool { install: false, blackholes: false, protocol: Some(80), ..pool("10.65.0.0/16", Mode::Direct) },
                Pool { metric: Some(Metric::Fixed(1024)), ..pool("10.66.0.0/16", Mode::Direct) },
                pool("10.67.0.0/16", Mode::Ipip),
                pool("10.68.0.0/16", Mode::Vxlan),
            ],
            ..usual
        },
        _ => unreachable!("there are three"),
    }
}

fn step() -> impl Strategy<Value = Step> {
    use Meddling::{AddForeign, AddOtherMetric, Delete, DeleteForeign, ReplaceByForeign, ReplaceUnderOurId};
    let meddling = prop::sample::select(vec![
        Delete,
        Delete,
        AddForeign,
        ReplaceByForeign,
        ReplaceUnderOurId,
        AddOtherMetric,
        DeleteForeign,
    ]);
    let errno = prop::sample::select(vec![libc::ENETUNREACH, libc::ENOMEM, libc::EINVAL, libc::EEXIST, libc::ENOENT]);
    let prefix = 0..PREFIXES.len();
    prop_oneof![
        12 => (prefix.clone(), 0..TARGETS.len()).prop_map(|(p, t)| Step::Want(p, t)),
        4 => prefix.clone().prop_map(Step::Unwant),
        6 => (0..WATCHED.len(), prop::bool::weighted(0.8)).prop_map(|(n, watch)| Step::Watch(n, watch)),
        1 => Just(Step::Sweep),
        2 => (0..4usize).prop_map(Step::LinkDown),
        2 => (0..4usize).prop_map(Step::LinkUp),
        1 => (0..4usize).prop_map(Step::LinkAnew),
        2 => (0..3usize).prop_map(Step::AddressGone),
        2 => (0..3usize).prop_map(Step::AddressBack),
        8 => (prefix.clone(), meddling).prop_map(|(p, m)| Step::Meddle(p, m)),
        1 => (0..8usize, any::<bool>()).prop_map(|(n, gone)| Step::MeddleFar(n, gone)),
        2 => (0..3usize).prop_map(Step::Reconfigure),
        1 => any::<bool>().prop_map(Step::Default),
        2 => (prefix, errno).prop_map(|(p, e)| Step::Refuse(p, e)),
        1 => (1..4u32).prop_map(Step::LoseAnswers),
        1 => Just(Step::FailDumps),
        1 => Just(Step::Overrun),
        10 => (1..4u8).prop_map(Step::Turns),
        3 => (1..3000u16).prop_map(Step::Wait),
    ]
}

struct Chaos {
    lab: Lab,
    indexes: [u32; 4],
    next_index: u32,
    wanted: BTreeMap<IpNetwork, Target>,
    /// Watched next hops with what was told of each.
    watched: BTreeMap<NextHop, Option<NextHopReport>>,
}

fn target_of(n: usize) -> Target {
    if TARGETS[n].is_empty() { Target::Blackhole } else { target(TARGETS[n]).unwrap() }
}

impl Chaos {
    fn new() -> Chaos {
        let kernel = world();
        kernel.link(9, "vxlan.roost", true);
        // An earlier run's: one that may be wanted, one that never is.
        for prefix in ["10.66.2.0/26", "10.98.0.0/24"] {
            kernel.add(Route { protocol: 12, ..foreign(prefix, "172.17.1.2", 0) }).unwrap();
        }
        let mut lab = Lab { engine: Engine::new(settings(0)).unwrap(), ..Lab::new(kernel) };
        lab.run();
        lab.kernel.add(Route { protocol: 12, ..foreign(STRAY, "172.17.1.2", 0) }).unwrap();
        Chaos { lab, indexes: [2, 3, 7, 9], next_index: 20, wanted: BTreeMap::new(), watched: BTreeMap::new() }
    }

    fn address(&self, n: usize) {
        let (link, text) = ADDRESSES[n];
        self.lab.kernel.address(self.indexes[link], net(text));
    }

    fn step(&mut self, step: Step) {
        let kernel = self.lab.kernel.clone();
        match step {
            Step::Want(p, t) => {
                self.wanted.insert(net(PREFIXES[p]), target_of(t));
                self.lab.engine.update([(net(PREFIXES[p]), Some(target_of(t)))]);
            }
            Step::Unwant(p) => {
                self.wanted.remove(&net(PREFIXES[p]));
                self.lab.engine.update([(net(PREFIXES[p]), None)]);
            }
            Step::Watch(n, watch) => {
                let next_hop = WATCHED[n].parse().unwrap();
                self.lab.engine.watch_next_hops([(next_hop, watch)]);
                match watch {
                    true => drop(self.watched.insert(next_hop, None)),
                    false => drop(self.watched.remove(&next_hop)),
                }
            }
            Step::Sweep => self.lab.engine.sweep(),
            Step::LinkDown(n) => kernel.link(self.indexes[n], LINKS[n], false),
            Step::LinkUp(n) => kernel.link(self.indexes[n], LINKS[n], true),
            Step::LinkAnew(n) => {
                kernel.link_gone(self.indexes[n]);
                self.next_index += 1;
                self.indexes[n] = self.next_index;
                kernel.link(self.next_index, LINKS[n], true);
            }
            Step::AddressGone(n) => {
                let (link, text) = ADDRESSES[n];
                kernel.address_gone(self.indexes[link], net(text));
            }
            Step::AddressBack(n) => self.address(n),
            Step::Meddle(p, meddling) => self.meddle(PREFIXES[p], meddling),
            Step::MeddleFar(n, gone) => {
                if let Some(entry) = kernel.far_ends().get(n).copied() {
                    let other = FarEntry { mac: Mac([2, 0x99, 0, 0, 0, 1]), ..entry };
                    kernel.far_end(if gone { entry } else { other }, !gone);
                }
            }
            Step::Reconfigure(n) => self.lab.engine.reconfigure(self.lab.now, settings(n)).unwrap(),
            Step::Default(true) => drop(kernel.add(self.default_route())),
            Step::Default(false) => drop(kernel.delete(net("0.0.0.0/0"), |_| true)),
            Step::Refuse(p, errno) => kernel.refuse(net(PREFIXES[p]), errno, 2),
            Step::LoseAnswers(count) => kernel.lose_answers(count),
            Step::FailDumps => kernel.fail_dumps(1),
            Step::Overrun => kernel.overrun(),
            Step::Turns(count) => (0..count).for_each(|_| self.lab.turn()),
            Step::Wait(millis) => self.lab.after(Duration::from_millis(millis.into())),
        }
        self.listen();
    }

    fn listen(&mut self) {
        for (next_hop, report) in self.lab.engine.take_next_hop_changes() {
            let told = self.watched.get_mut(&next_hop).expect("only what is watched is told of");
            assert_ne!(told.as_ref(), Some(&report), "{next_hop}: no news");
            *told = Some(report);
        }
    }

    fn default_route(&self) -> Route {
        let hops = Hops::from_iter([Hop::via("172.16.1.254".parse().unwrap(), self.indexes[0])]);
        Route { form: Form::Unicast(hops), ..default_route() }
    }

    fn meddle(&self, prefix: &str, meddling: Meddling) {
        let kernel = &self.lab.kernel;
        let v6 = prefix.contains(':');
        let (gateway, dev) = if v6 { ("fd00:1::9", self.indexes[0]) } else { ("172.17.1.9", self.indexes[1]) };
        let hops = Hops::from_iter([Hop::via(gateway.parse().unwrap(), dev)]);
        // Where ours is or would be.
        let target = self.wanted.get(&net(prefix)).cloned().unwrap_or(Target::Blackhole);
        let key = self.lab.engine.config.key_of(net(prefix), &target);
        let (metric, table) = key.map_or((if v6 { 1024 } else { 0 }, TABLE_MAIN), |key| (key.metric, key.table));
        let other = Route { form: Form::Unicast(hops), table, ..foreign(prefix, gateway, metric) };
        // What the kernel refuses to others makes no difference.
        let _ = match meddling {
            Meddling::Delete => {
                kernel.delete(net(prefix), |route| OURS.contains(&route.protocol));
                Ok(())
            }
            Meddling::DeleteForeign => {
                kernel.delete(net(prefix), |route| route.protocol == 4);
                Ok(())
            }
            Meddling::AddForeign => kernel.add(other),
            Meddling::ReplaceByForeign => kernel.replace(other),
            // Where nothing of ours is, this would make one more stray.
            Meddling::ReplaceUnderOurId => {
                let ours = |route: &&Route| OURS.contains(&route.protocol) && route.same_key(&other);
                match kernel.routes().iter().find(ours) {
                    Some(ours) => kernel.replace(Route { protocol: ours.protocol, ..other }),
                    None => Ok(()),
                }
            }
            Meddling::AddOtherMetric => kernel.add(Route { metric: 77, ..other }),
        };
    }

    /// No more faults; everything that is retried gets its time.
    fn peace(&mut self) {
        let kernel = &self.lab.kernel;
        PREFIXES.iter().for_each(|prefix| kernel.refuse(net(prefix), 0, 0));
        kernel.lose_answers(0);
        kernel.fail_dumps(0);
        for _ in 0..6 {
            self.lab.after(Duration::from_secs(31));
        }
        self.listen();
    }

    /// One that knows only the kernel and the wishes comes to the same.
    fn agrees_with_a_fresh_engine(&self, kernel: &MemoryKernel) {
        let text = || kernel.text(OURS[0]) + &kernel.text(OURS[1]);
        let (before, ends) = (text(), kernel.far_ends());
        // Protocol ids and tables of former settings are among what it adopts.
        let config = self.lab.engine.config.clone();
        let mut fresh = Lab { kernel: kernel.clone(), engine: Engine::new(config).unwrap(), now: self.lab.now };
        fresh.run();
        fresh.engine.update(self.wanted.clone().into_iter().map(|(prefix, target)| (prefix, Some(target))));
        fresh.engine.watch_next_hops(self.watched.keys().map(|next_hop| (*next_hop, true)));
        fresh.run();
        let anew: BTreeMap<_, _> =
            fresh.engine.take_next_hop_changes().into_iter().map(|(a, r)| (a, Some(r))).collect();
        assert_eq!(self.watched, anew, "what was told last is how things stand");
        assert_eq!((text(), kernel.far_ends()), (before.clone(), ends), "the old engine had not got there");
        for (prefix, target) in &self.wanted {
            let (old, new) = (self.lab.engine.find(*prefix).unwrap(), fresh.engine.find(*prefix).unwrap());
            assert_eq!((old.state, &old.kernel), (new.state, &new.kernel), "{prefix} {target}");
            assert!(!matches!(old.state, State::Pending | State::Failed { .. }), "{prefix} {}", old.state);
            if matches!(old.state, State::Installed) {
                let text = format!("{}\n", old.kernel.unwrap());
                assert!(before.contains(&text), "{text} not in the kernel:\n{before}");
            }
        }
    }

    fn check(&mut self) {
        let kernel = self.lab.kernel.clone();
        assert_eq!(kernel.trespasses(), [], "something foreign was replaced");
        assert!(!kernel.touched().contains(&net(STRAY)), "a stray was touched");
        // Whoever has a place keeps it, so who has one hangs on what came first; how many do does not.
        let over = self.lab.engine.report(self.lab.now).over_limit;
        if over == 0 {
            self.agrees_with_a_fresh_engine(&kernel);
        }
        let learned = |route: &&Route| route.form != Form::Blackhole && self.wanted.contains_key(&route.prefix);
        let ours = kernel.routes().into_iter().filter(|route| self.lab.engine.view.marks.may_be_ours(route));
        let written = ours.filter(|route| learned(&route)).map(|route| route.prefix).collect::<BTreeSet<_>>();
        let adopted = written.iter().filter(|prefix| self.lab.engine.adopted.contains(prefix)).count();
        assert!(written.len() - adopted <= self.lab.engine.config.max_routes, "{written:?}");
        // Under our id there is nothing but what is wanted, what waits for the sweep, and the stray.
        for route in kernel.routes().into_iter().filter(|route| OURS.contains(&route.protocol)) {
            let prefix = route.prefix;
            let known = self.wanted.contains_key(&prefix) || prefix == net(STRAY);
            assert!(known || self.lab.engine.adopted.contains(&prefix), "left behind: {route:?}");
        }
        // Every far end is somebody's, but for what another hand has written.
        for FarEntry { dev, node, .. } in kernel.far_ends().into_iter().filter(|entry| entry.mac == Mac::of(entry.node))
        {
            assert!(!self.lab.engine.far_ends.users((dev, node)).is_empty(), "left behind: {node}");
        }
        let stats = self.lab.engine.report(self.lab.now);
        let sum = stats.others
            + stats.installed
            + stats.withheld
            + stats.skipped
            + stats.conflicts
            + stats.failed
            + stats.pending;
        assert_eq!((sum, stats.wanted), (self.wanted.len(), self.wanted.len()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn after_all_meddling_the_kernel_holds_what_is_wanted(steps in prop::collection::vec(step(), 1..80)) {
        let mut chaos = Chaos::new();
        for step in steps {
            chaos.step(step);
        }
        chaos.peace();
        chaos.check();
    }
}
