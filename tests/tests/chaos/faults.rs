//! What can happen to a node, drawn at random.

use std::time::Instant;

use fastrand::Rng;
use ipnetwork::IpNetwork;

use super::model::Path;
use super::peers::End;
use super::seen::{BIRD, STATIC};
use super::settings::{AGENT, TUNNEL, VXLAN, net};
use super::world::World;

/// Prefixes that any peer may announce, over any of [`NODES`].
const PREFIXES: [&str; 31] = [
    "10.65.2.0/26",
    "10.65.3.0/26",
    "10.65.4.0/26",
    "10.65.1.9/32",
    "10.66.2.0/26",
    "10.66.3.0/26",
    "10.66.4.0/26",
    "10.66.4.0/27",
    "10.66.1.9/32",
    "10.66.1.10/32",
    "10.67.2.0/26",
    "10.67.3.0/26",
    "10.67.4.0/26",
    "10.68.2.0/26",
    "10.68.3.0/26",
    "10.68.4.0/26",
    "10.68.1.9/32",
    "10.69.2.0/26",
    "10.69.3.0/26",
    "10.69.4.0/26",
    "10.70.2.0/26",
    "10.70.3.0/26",
    "10.71.2.0/26",
    "10.71.3.0/26",
    "10.71.4.0/26",
    "203.0.113.0/24",
    // The node's neighbour, and a range that is protected.
    "172.16.1.77/32",
    "10.97.0.1/32",
    "fd00:10:2::/122",
    "fd00:10:3::/122",
    "fd00:10:4::/122",
];

/// Next hops: on the two links, behind a router, behind nothing, the node itself.
pub const NODES: [&str; 7] =
    ["172.16.1.2", "172.16.1.3", "172.17.1.2", "172.17.1.3", "172.16.2.3", "172.16.9.9", "172.16.1.1"];
const NODES_V6: [&str; 3] = ["fd00:1::2", "fd00:1::3", "fd00:2::3"];

/// Announced by one peer alone, over nodes that other announcements lead to.
const CHAIN: [(&str, &[&str]); 6] = [
    ("172.20.0.0/16", &["172.16.1.9", "172.17.1.9", "172.16.2.9"]),
    ("172.21.0.0/16", &["172.20.0.2", "172.17.1.9"]),
    ("10.66.20.0/26", &["172.20.0.1"]),
    ("10.66.21.0/26", &["172.21.0.1"]),
    ("10.65.20.0/26", &["172.20.0.1", "172.21.0.1"]),
    ("10.71.20.0/26", &["172.21.0.1"]),
];

/// What BIRD announces.
pub fn of_bird() -> Vec<(IpNetwork, Path)> {
    let path = |next_hop: &str, local_pref| Path { next_hop: next_hop.parse().expect("an address"), local_pref };
    [
        ("10.65.2.0/26", path("172.16.1.3", 100)),
        ("10.66.2.0/26", path("172.16.1.3", 100)),
        ("10.67.2.0/26", path("172.17.1.3", 200)),
        ("10.68.2.0/26", path("172.16.2.3", 100)),
        ("10.71.2.0/26", path("172.17.1.2", 100)),
        ("10.66.7.0/26", path("172.16.2.3", 100)),
    ]
    .map(|(prefix, path)| (net(prefix), path))
    .to_vec()
}

const DEVICES: [&str; 3] = ["eth0", "eth1", TUNNEL];
const ADDRESSES: [(&str, &str); 4] =
    [("eth0", "172.16.1.1/24"), ("eth1", "172.17.1.1/24"), ("eth0", "fd00:1::1/64"), ("eth1", "10.11.0.1/24")];
/// What is reached how by other programs' routes.
const UNDERLAY: [&str; 5] = [
    "172.16.2.0/24 via 172.16.1.254 proto static",
    "172.16.2.0/24 via 172.17.1.254 proto static metric 20",
    "default via 172.17.1.254 proto dhcp metric 100",
    "unreachable 172.16.9.0/24 proto static",
    "172.20.0.0/24 via 172.17.1.77 proto static",
];

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Fault {
    /// A played peer announces and withdraws: prefix and, if announced, next hop and LOCAL_PREF.
    Talk(usize, Vec<(&'static str, Option<(&'static str, u32)>)>),
    SessionEnds(usize, End),
    SessionBack(usize),
    BirdToggles(usize),
    BirdRestarts,
    Link(&'static str, bool),
    Flap(&'static str),
    Carrier(&'static str, bool),
    AddressGone(usize),
    AddressBack(usize),
    /// Deleted and made again at once under its name.
    Anew(&'static str),
    DeviceGone(&'static str),
    DeviceBack(&'static str),
    /// So many of ours, drawn with a seed.
    Delete(usize, u64),
    /// One of ours is written over: under our own id or not.
    Overwrite(u64, bool),
    Flush,
    /// A route of others of one of our prefixes, with or without our metric.
    Foreign(&'static str, bool),
    ForeignGone(&'static str),
    Underlay(usize, bool),
    Stray(u8),
    FarEndGone(u64, bool),
    FarEndChanged(u64),
    FarEndOfOthers(u8),
    /// More news than roost's socket holds, while it sleeps.
    Overrun,
    /// Routes come and go all the while.
    Churn,
    Hangup(usize),
    /// Roost ends, by -9 or SIGTERM, things happen, and it is started again, so many times; with other settings perhaps.
    Restart {
        kill: bool,
        times: u8,
        settings: usize,
        meanwhile: Vec<Fault>,
    },
    Announce(&'static str),
    Withdraw(&'static str),
}

const ANNOUNCED: [&str; 4] = ["10.66.1.64/26", "10.65.9.7/32", "10.71.1.64/26", "10.66.9.0/26"];

impl Fault {
    /// One that has to do with roost or its peers, or with the kernel.
    pub fn draw(rng: &mut Rng) -> Fault {
        match rng.u32(..100) {
            0..24 => Fault::talk(rng),
            24..28 => Fault::SessionEnds(rng.usize(..3), one(rng, &[End::Close, End::Reset, End::Notification])),
            28..33 => Fault::SessionBack(rng.usize(..3)),
            33..36 => Fault::BirdToggles(rng.usize(..6)),
            36 if rng.u8(..3) == 0 => Fault::BirdRestarts,
            36 if rng.u8(..2) == 0 => Fault::Overrun,
            37 => Fault::Churn,
            38..42 => Fault::Hangup(rng.usize(..3)),
            42..46 => {
                let meanwhile = (0..rng.usize(..3)).map(|_| Fault::draw_of_kernel(rng)).collect();
                let times = if rng.u8(..4) == 0 { 2 } else { 1 };
                Fault::Restart { kill: rng.bool(), times, settings: rng.usize(..3), meanwhile }
            }
            46..48 => Fault::Announce(one(rng, &ANNOUNCED)),
            48..50 => Fault::Withdraw(one(rng, &ANNOUNCED)),
            _ => Fault::draw_of_kernel(rng),
        }
    }

    fn draw_of_kernel(rng: &mut Rng) -> Fault {
        match rng.u32(..60) {
            0..3 => Fault::Link(one(rng, &[&DEVICES[..], &[VXLAN]].concat()), false),
            3..9 => Fault::Link(one(rng, &[&DEVICES[..], &[VXLAN]].concat()), true),
            9..12 => Fault::Flap(one(rng, &DEVICES)),
            12..15 => Fault::Carrier(one(rng, &DEVICES[..2]), rng.bool()),
            15..18 => Fault::AddressGone(rng.usize(..4)),
            18..23 => Fault::AddressBack(rng.usize(..4)),
            23..25 => Fault::Anew(one(rng, &DEVICES)),
            25 => Fault::DeviceGone(one(rng, &[TUNNEL, VXLAN, VXLAN])),
            26..28 => Fault::DeviceBack(TUNNEL),
            28..33 => Fault::Delete(rng.usize(1..6), rng.u64(..)),
            33..36 => Fault::Overwrite(rng.u64(..), rng.bool()),
            36 => Fault::Flush,
            37..42 => Fault::Foreign(one(rng, &PREFIXES), rng.bool()),
            42..48 => Fault::ForeignGone(one(rng, &PREFIXES)),
            48..50 => Fault::Underlay(rng.usize(..UNDERLAY.len()), false),
            50..54 => Fault::Underlay(rng.usize(..UNDERLAY.len()), true),
            54 => Fault::Stray(rng.u8(..9)),
            55..57 => Fault::FarEndGone(rng.u64(..), rng.bool()),
            57..59 => Fault::FarEndChanged(rng.u64(..)),
            _ => Fault::FarEndOfOthers(rng.u8(..9)),
        }
    }

    fn talk(rng: &mut Rng) -> Fault {
        let peer = rng.usize(..3);
        let count = if rng.u8(..8) == 0 { 40 } else { rng.usize(1..8) };
        let change = |rng: &mut Rng| {
            if peer == 0 && rng.u8(..4) == 0 {
                let (prefix, over) = one(rng, &CHAIN);
                return (prefix, (rng.u8(..3) > 0).then(|| (one(rng, over), 100)));
            }
            let prefix = one(rng, &PREFIXES);
            let over = if prefix.contains(':') { &NODES_V6[..] } else { &NODES[..] };
            (prefix, (rng.u8(..3) > 0).then(|| (one(rng, over), if rng.u8(..4) == 0 { 200 } else { 100 })))
        };
        Fault::Talk(peer, (0..count).map(|_| change(rng)).collect())
    }

    pub fn happen(&self, world: &mut World) {
        match self {
            Fault::Talk(peer, changes) => {
                for (prefix, path) in changes {
                    let path = path.map(|(next_hop, local_pref)| Path {
                        next_hop: next_hop.parse().expect("an address"),
                        local_pref,
                    });
                    world.played[*peer].announce(net(prefix), path);
                }
            }
            Fault::SessionEnds(peer, end) => world.end_session(*peer, *end),
            Fault::SessionBack(peer) if !world.played[*peer].is_up() => world.played[*peer].connect(),
            Fault::SessionBack(_) => {}
            Fault::BirdToggles(number) => world.bird.toggle(*number),
            Fault::BirdRestarts => world.bird.restart(),
            Fault::Overrun => world.overrun(),
            Fault::Churn => world.churn = Some(world.start_churn(254, 1500)),
            Fault::Hangup(settings) => {
                if *settings != world.settings {
                    world.taken.clear();
                }
                world.write_settings(*settings);
                world.roost.signal(libc::SIGHUP);
            }
            Fault::Restart { kill, times, settings, meanwhile } => restart(world, *kill, *times, *settings, meanwhile),
            Fault::Announce(prefix) => {
                world.roost.ask(&format!("announce {prefix}"));
                world.announced.insert(net(prefix));
            }
            Fault::Withdraw(prefix) => {
                world.roost.ask(&format!("withdraw {prefix}"));
                world.announced.remove(&net(prefix));
            }
            _ => self.happen_to_kernel(world),
        }
    }

    fn happen_to_kernel(&self, world: &mut World) {
        if let Fault::Link(dev, _) | Fault::Flap(dev) | Fault::Carrier(dev, _) | Fault::Anew(dev) = self
            && dev.starts_with("eth")
        {
            world.moved.insert(dev, Instant::now());
        }
        match self {
            Fault::Link(dev, up) => world.ip(&format!("link set {dev} {}", if *up { "up" } else { "down" })),
            Fault::Flap(dev) => {
                world.ip(&format!("link set {dev} down"));
                world.ip(&format!("link set {dev} up"));
            }
            Fault::Carrier(dev, there) => world.carrier(dev, *there),
            Fault::AddressGone(number) => {
                let (dev, address) = ADDRESSES[*number];
                world.ip(&format!("addr del {address} dev {dev}"));
            }
            Fault::AddressBack(number) => {
                let (dev, address) = ADDRESSES[*number];
                world.ip(&format!("addr add {address} dev {dev}"));
            }
            Fault::Anew(dev) => {
                world.ip(&format!("link del {dev}"));
                world.wire(dev);
            }
            Fault::DeviceGone(dev) => world.ip(&format!("link del {dev}")),
            Fault::DeviceBack(dev) => {
                if world.node.try_ip(&format!("link show dev {dev}")).is_err() {
                    world.wire(dev);
                }
            }
            Fault::Delete(count, seed) => {
                let mut ours = world.ours();
                Rng::with_seed(*seed).shuffle(&mut ours);
                for route in ours
                    .iter()
                    .take(*count)
                    .filter(|route| world.may_be_taken(route.prefix))
                    .cloned()
                    .collect::<Vec<_>>()
                {
                    world.take_away(&route);
                }
            }
            Fault::Overwrite(seed, under_our_id) => world.overwrite(*seed, *under_our_id),
            Fault::Flush => {
                let ours = world.ours();
                if ours.iter().all(|route| world.may_be_taken(route.prefix)) {
                    ours.iter().for_each(|route| *world.taken.entry(route.prefix).or_default() += 1);
                    world.ip("route flush proto bird");
                    world.ip("-6 route flush proto bird");
                    world.strays.clear();
                }
            }
            Fault::Foreign(prefix, same_metric) => {
                let metric = world.settings().key_of(net(prefix), Some(100)).2;
                let metric = if *same_metric { metric } else { metric.wrapping_add(50) % 0x7fff_ffff };
                let protocol = if prefix.starts_with("10.70.") { AGENT } else { STATIC };
                let via = if prefix.contains(':') { "fd00:1::99 dev eth0" } else { "172.17.1.99 dev eth1" };
                world.ip(&format!("route add {prefix} via {via} proto {protocol} metric {metric}"));
            }
            Fault::ForeignGone(prefix) => {
                let protocol = if prefix.starts_with("10.70.") { AGENT } else { STATIC };
                let via = if prefix.contains(':') { "fd00:1::99" } else { "172.17.1.99" };
                world.ip(&format!("route del {prefix} via {via} proto {protocol}"));
            }
            Fault::Underlay(number, there) => {
                world.ip(&format!("route {} {}", if *there { "add" } else { "del" }, UNDERLAY[*number]));
            }
            Fault::Stray(n) => {
                let prefix = format!("10.99.{n}.0/24");
                if world.node.try_ip(&format!("route add blackhole {prefix} proto {BIRD}")).is_ok() {
                    world.strays.insert(net(&prefix));
                }
            }
            Fault::FarEndGone(seed, forwarding) => {
                if let Some((node, mac)) = world.far_end(*seed) {
                    match forwarding {
                        true => world.bridge(&format!("fdb del {mac} dst {node} dev {VXLAN} self")),
                        false => world.ip(&format!("neigh del {node} dev {VXLAN}")),
                    }
                }
            }
            Fault::FarEndChanged(seed) => {
                if let Some((node, _)) = world.far_end(*seed) {
                    world.ip(&format!("neigh replace {node} lladdr 02:99:00:00:00:01 dev {VXLAN} nud permanent"));
                }
            }
            Fault::FarEndOfOthers(n) => {
                world.ip(&format!("neigh replace 192.0.2.{n} lladdr 02:99:00:00:01:0{n} dev {VXLAN} nud permanent"));
                world.bridge(&format!("fdb replace 02:99:00:00:01:0{n} dst 192.0.2.{n} dev {VXLAN} self permanent"));
            }
            _ => unreachable!("{self:?} does not happen to the kernel"),
        }
    }
}

fn restart(world: &mut World, kill: bool, times: u8, settings: usize, meanwhile: &[Fault]) {
    for _ in 0..times {
        match kill {
            true => world.roost.kill_9(),
            false => assert!(world.roost.stop().success(), "SIGTERM ends roost well"),
        }
        let back: Vec<bool> = world.played.iter().map(|peer| peer.is_up()).collect();
        world.played.iter_mut().for_each(|peer| peer.roost_ended());
        meanwhile.iter().for_each(|fault| fault.happen_to_kernel(world));
        world.write_settings(settings);
        world.launch();
        for (peer, back) in world.played.iter_mut().zip(back) {
            if back {
                peer.connect();
            }
        }
    }
    world.await_started();
}

impl World {
    /// Whether it can be taken away once more without roost calling it a fight.
    fn may_be_taken(&self, prefix: IpNetwork) -> bool {
        self.taken.get(&prefix).is_none_or(|times| *times < 3)
    }

    fn take_away(&mut self, route: &super::seen::Route) {
        *self.taken.entry(route.prefix).or_default() += 1;
        let family = if route.prefix.is_ipv6() { "-6 " } else { "" };
        let (kind, prefix) = (if route.kind == "unicast" { "" } else { "blackhole " }, route.prefix);
        self.ip(&format!(
            "{family}route del {kind}{prefix} table {} proto {} metric {}",
            route.table, route.protocol, route.metric
        ));
    }

    fn overwrite(&mut self, seed: u64, under_our_id: bool) {
        let ours = self.ours();
        let Some(route) = World::random(&mut Rng::with_seed(seed), &ours) else { return };
        if !self.may_be_taken(route.prefix) {
            return;
        }
        let v6 = route.prefix.is_ipv6();
        let via = if v6 { "fd00:1::99 dev eth0" } else { "172.17.1.99 dev eth1" };
        let protocol = if under_our_id { route.protocol } else { STATIC };
        let family = if v6 { "-6 " } else { "" };
        // Without making one where roost has just taken its own away.
        let done = self.node.try_ip(&format!(
            "{family}route change {} via {via} table {} proto {protocol} metric {}",
            route.prefix, route.table, route.metric
        ));
        if done.is_ok() {
            *self.taken.entry(route.prefix).or_default() += 1;
        }
    }

    /// One of the far ends that stand, as node and MAC address.
    fn far_end(&self, seed: u64) -> Option<(String, String)> {
        let ends: Vec<String> = self.seen().far_ends.into_iter().filter(|end| end.starts_with("neigh 172.")).collect();
        let end = World::random(&mut Rng::with_seed(seed), &ends)?;
        let mut words = end.split(' ').skip(1).map(str::to_owned);
        Some((words.next()?, words.next()?))
    }
}

fn one<T: Copy>(rng: &mut Rng, all: &[T]) -> T {
    all[rng.usize(..all.len())]
}
