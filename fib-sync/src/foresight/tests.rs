//! A part of the table, tried out, against what then becomes of the whole.

use super::*;
use crate::config::{Metric, Mode, Pool, TABLE_MAIN};
use crate::desired::Via;
use crate::device::{Device, DeviceKind};
use crate::route::{Form, Hop, Hops};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn net(text: &str) -> IpNetwork {
    text.parse().unwrap()
}

/// eth0 172.16.1.1/24 and fd00:1::1/64, eth1 172.17.1.1/24; a default route, and one of somebody's in a pool.
fn world() -> Dump {
    let kernel = MemoryKernel::new();
    for (index, name) in [(1, "lo"), (2, "eth0"), (3, "eth1")] {
        kernel.link(index, name, true);
    }
    for (dev, address) in [(2, "172.16.1.1/24"), (2, "fd00:1::1/64"), (3, "172.17.1.1/24")] {
        kernel.address(dev, net(address));
    }
    for (prefix, gateway) in [("0.0.0.0/0", "172.16.1.254"), ("10.65.3.0/26", "172.17.1.9")] {
        let form =
            Form::Unicast(Hops::from_iter([Hop::via(gateway.parse().unwrap(), 2 + u32::from(prefix != "0.0.0.0/0"))]));
        let somebody =
            Route { prefix: net(prefix), metric: 0, table: TABLE_MAIN, protocol: 3, tos: 0, form, extras: false };
        kernel.add(somebody).unwrap();
    }
    kernel.read()
}

fn managed(name: &str, kind: DeviceKind) -> Device {
    Device { name: name.into(), local: "172.16.1.1".parse().unwrap(), mtu: 0, kind }
}

fn any_pool(cidr: &'static str) -> impl Strategy<Value = Pool> {
    let mode = prop_oneof![
        Just(Mode::Direct),
        Just(Mode::HostGw),
        Just(Mode::Ipip),
        Just(Mode::IpipCrossSubnet),
        Just(Mode::Vxlan),
        Just(Mode::VxlanCrossSubnet),
    ];
    let metric = prop_oneof![Just(None), Just(Some(Metric::Fixed(77))), Just(Some(Metric::FromPreference))];
    let whose = prop_oneof![6 => Just((true, true)), 1 => Just((false, true)), 1 => Just((false, false))];
    let place = prop_oneof![4 => Just((None, None)), 1 => Just((Some(186), None)), 1 => Just((None, Some(100)))];
    (mode, metric, whose, place).prop_map(move |(mode, metric, (install, blackholes), (protocol, table))| Pool {
        install,
        blackholes,
        protocol,
        metric,
        table,
        ..Pool::new(net(cidr), mode)
    })
}

fn any_config() -> impl Strategy<Value = FibConfig> {
    let devices = prop::sample::subsequence(
        vec![
            managed("tunl0", DeviceKind::Ipip { address: None }),
            managed("vxlan.roost", DeviceKind::Vxlan { vni: 4096, port: 4789 }),
        ],
        0..=2,
    );
    let protect = prop_oneof![3 => Just(Vec::new()), 1 => Just(vec![net("10.65.4.0/22")])];
    (any_pool("10.65.0.0/16"), any_pool("10.66.0.0/16"), any_pool("fd00:65::/32"), devices, protect).prop_map(
        |(a, b, c, devices, protect)| FibConfig { pools: vec![a, b, c], devices, protect, ..FibConfig::default() },
    )
}

/// On a link, behind a gateway, in a route that is learned itself, nowhere.
const NEXT_HOPS: [&str; 7] =
    ["172.16.1.2", "172.16.1.3", "172.17.1.2", "172.18.9.9", "192.168.5.5", "127.0.0.1", "fd00:1::2"];
const PREFIXES: [&str; 16] = [
    "10.65.1.0/26",
    "10.65.2.0/26",
    "10.65.3.0/26",
    "10.65.4.0/26",
    "10.65.5.0/26",
    "10.65.5.1/32",
    "10.66.1.0/26",
    "10.66.2.0/26",
    "10.66.3.0/26",
    "10.67.1.0/24",
    "10.67.2.0/24",
    "192.168.5.0/24",
    "172.18.0.0/16",
    "fd00:65:1::/64",
    "fd00:65:2::/64",
    "fd00:67:2::/64",
];

fn any_target() -> impl Strategy<Value = Target> {
    let next_hops = prop::collection::vec(prop::sample::select(NEXT_HOPS.to_vec()), 1..3);
    let via = (next_hops, 100..102u32).prop_map(|(next_hops, preference)| {
        let next_hops = next_hops.into_iter().map(|next_hop| next_hop.parse().unwrap());
        Target::via(Via { preference, ..next_hops.collect() })
    });
    prop_oneof![5 => via, 1 => Just(Target::Blackhole)]
}

type Wanted = BTreeMap<&'static str, Target>;

fn any_wanted() -> impl Strategy<Value = Wanted> {
    prop::collection::btree_map(prop::sample::select(PREFIXES.to_vec()), any_target(), 4..PREFIXES.len())
}

fn any_wishes() -> impl Strategy<Value = Vec<OtherWish>> {
    let any = || prop::option::of(any_target());
    let wish = (prop::sample::select(PREFIXES.to_vec()), any(), any());
    prop::collection::vec(wish, 0..5).prop_map(|wishes| {
        let by_prefix: BTreeMap<_, _> = wishes.into_iter().map(|(prefix, one, other)| (prefix, (one, other))).collect();
        let wish = |(prefix, (at_once, at_last))| OtherWish { prefix: net(prefix), at_once, at_last };
        by_prefix.into_iter().map(wish).collect()
    })
}

proptest! {
    #[test]
    fn a_few_prefixes_fare_on_the_copy_as_they_do_among_all_of_them(
        (now, next) in (any_config(), prop::option::of(any_config())),
        wanted in any_wanted(),
        wishes in any_wishes(),
        few in 1..6usize,
    ) {
        let wanted = wanted.into_iter().map(|(prefix, target)| (net(prefix), target)).collect();
        let mut real = Copy::new(unlimited(&now), world(), wanted).unwrap();
        let mut foreseen = BTreeMap::new();
        let asked: Vec<IpNetwork> = PREFIXES.iter().map(|prefix| net(prefix)).collect();
        let targets = wishes.iter().flat_map(|wish| [&wish.at_once, &wish.at_last]).flatten();
        let next_hops: Vec<NextHop> = targets.flat_map(Target::next_hops).collect();
        for slice in asked.chunks(few) {
            let excerpt = real.engine.excerpt(slice.to_vec(), &next_hops);
            let concerned: BTreeSet<IpNetwork> = excerpt.prefixes().collect();
            let wishes: Vec<_> = wishes.iter().filter(|wish| concerned.contains(&wish.prefix)).cloned().collect();
            foreseen.extend(excerpt.foresee(next.as_ref(), &wishes).into_iter().map(|fate| (fate.prefix, fate)));
        }
        let before = real.routes();
        if let Some(next) = &next {
            real.engine.reconfigure(real.now, unlimited(next)).unwrap();
        }
        real.engine.update(wishes.iter().map(|wish| (wish.prefix, wish.at_once.clone())));
        real.settle();
        let at_once = real.routes();
        real.engine.sweep();
        real.engine.update(wishes.iter().map(|wish| (wish.prefix, wish.at_last.clone())));
        real.settle();
        let at_last = real.routes();
        for prefix in asked {
            let of = |routes: &Texts| routes.get(&prefix).cloned().unwrap_or_default();
            let fate = Foreseen { prefix, before: of(&before), at_once: of(&at_once), at_last: of(&at_last) };
            match foreseen.remove(&prefix) {
                Some(foreseen) => prop_assert_eq!(foreseen, fate),
                None => prop_assert!(fate.is_the_same(), "not foreseen: {:?}", fate),
            }
        }
    }
}

fn via(next_hop: &str) -> Target {
    Target::via([next_hop.parse().unwrap()].into_iter().collect())
}

fn config(pools: Vec<Pool>) -> FibConfig {
    FibConfig {
        pools,
        devices: vec![managed("vxlan.roost", DeviceKind::Vxlan { vni: 4096, port: 4789 })],
        ..FibConfig::default()
    }
}

#[test]
fn a_pool_in_a_tunnel_makes_its_device_and_one_of_others_loses_its_routes_with_the_sweep() {
    let direct = || Pool::new(net("10.65.0.0/16"), Mode::Direct);
    let (one, two) = (net("10.65.1.0/26"), net("10.66.1.0/26"));
    let wanted = vec![(one, via("172.16.1.2")), (two, via("172.16.1.2"))];
    let now = config(vec![direct(), Pool::new(net("10.66.0.0/16"), Mode::Direct)]);
    let real = Copy::new(FibConfig { devices: Vec::new(), ..now }, world(), wanted).unwrap();
    let others = Pool { install: false, blackholes: false, ..Pool::new(net("10.66.0.0/16"), Mode::Direct) };
    let next = |protocol| config(vec![Pool { mode: Mode::Vxlan, ..direct() }, Pool { protocol, ..others.clone() }]);
    let fates = real.engine.excerpt(vec![one, two], &[]).foresee(Some(&next(Some(80))), &[]);
    let text = |prefix: &str, rest: &str| vec![format!("{prefix} via 172.16.1.2 dev {rest}")];
    // Where theirs have our protocol, ours are theirs from then on, as they stand.
    let by_protocol = real.engine.excerpt(vec![two], &[]).foresee(Some(&next(None)), &[]);
    assert!(by_protocol.is_empty(), "{by_protocol:?}");
    let tunnelled = text("10.65.1.0/26", "vxlan.roost proto bird onlink");
    let kept = text("10.66.1.0/26", "eth0 proto bird");
    assert_eq!(
        fates,
        [
            Foreseen {
                prefix: one,
                before: text("10.65.1.0/26", "eth0 proto bird"),
                at_once: tunnelled.clone(),
                at_last: tunnelled
            },
            Foreseen { prefix: two, before: kept.clone(), at_once: kept, at_last: Vec::new() },
        ]
    );
    assert!(real.engine.excerpt(vec![one, two], &[]).foresee(None, &[]).is_empty(), "nothing is different");
}

#[test]
fn what_is_not_ours_stays_not_ours_on_the_copy() {
    let mut real = Copy::new(FibConfig::default(), world(), vec![(net("10.65.1.0/26"), via("172.16.1.2"))]).unwrap();
    // A BIRD beside us: our protocol, another metric.
    let form = Form::Unicast(Hops::from_iter([Hop::via("172.16.1.9".parse().unwrap(), 2)]));
    let prefix = net("10.65.1.0/26");
    let stranger = Route { prefix, metric: 32, table: TABLE_MAIN, protocol: 12, tos: 0, form, extras: false };
    real.kernel.add(stranger).unwrap();
    real.settle();
    let gone = OtherWish { prefix, at_once: None, at_last: None };
    let fates = real.engine.excerpt(vec![prefix], &[]).foresee(None, &[gone]);
    let before = vec!["10.65.1.0/26 via 172.16.1.2 dev eth0 proto bird".to_owned()];
    assert_eq!(fates, [Foreseen { prefix, before, at_once: Vec::new(), at_last: Vec::new() }]);
}
