//! A kernel in memory: as silent as Linux about what it drops, and it fails on demand.
//!
//! Clones share one world: the engine holds one as its [`Kernel`], a test another to be everybody
//! else: it takes links down, deletes routes, writes foreign ones, loses answers. What is modelled is
//! what was observed on Linux 6.18: which changes make routes vanish without a notification is the
//! whole point of it.

use crate::device::DeviceKind;
use crate::far_ends::{FarEntry, Part};
use crate::kernel::{Address, Dump, Event, Kernel, KernelError, Link, LinkKind, RouteChange};
use crate::plan::{Leave, Op};
use crate::route::{Form, Hop, Hops, Route, contains, masked};
use ipnetwork::IpNetwork;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// RTPROT_KERNEL: connected routes.
const PROTOCOL_KERNEL: u8 = 2;
/// Port id of everybody else in notifications.
pub const OTHERS: u32 = 4711;

/// A batch, and what became of each operation.
type Tried = (Vec<Op>, Vec<Result<(), KernelError>>);

/// A shared world.
#[derive(Debug, Clone, Default)]
pub struct MemoryKernel {
    world: Arc<Mutex<World>>,
    news: Arc<Notify>,
    /// Of this clone's own operations.
    tried: VecDeque<Tried>,
}

#[derive(Debug, Default)]
struct World {
    links: BTreeMap<u32, Link>,
    addresses: BTreeSet<Address>,
    routes: BTreeMap<IpNetwork, Vec<Route>>,
    /// Legs of IPv4 routes that lead nowhere since their device went down or lost its last address: prefix, metric, table
    /// and device.
    dead: BTreeSet<(IpNetwork, u32, u32, u32)>,
    far_ends: BTreeSet<FarEntry>,
    events: VecDeque<Event>,
    refuse: HashMap<IpNetwork, (i32, u32)>,
    lose_answers: u32,
    fail_dumps: u32,
    writes: u64,
    dumps: u64,
    touched: BTreeSet<IpNetwork>,
    /// The highest index that an interface ever had.
    last_index: u32,
    trespasses: Vec<Route>,
}

impl MemoryKernel {
    /// An empty world.
    pub fn new() -> MemoryKernel {
        MemoryKernel::default()
    }

    fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let done = act(&mut lock(&self.world));
        self.news.notify_one();
        done
    }

    /// Adds an interface, or brings one up or down.
    pub fn link(&self, index: u32, name: &str, up: bool) {
        self.with(|world| {
            let known = world.links.get(&index).cloned().unwrap_or_else(|| Link { mtu: 1500, ..Link::default() });
            world.link(Link { index, name: name.to_owned(), up, carrier: up, ..known });
        });
    }

    /// Adds an interface, or changes what there is of one.
    pub fn set_link(&self, link: Link) {
        self.with(|world| world.link(link));
    }

    /// The interface of that name.
    pub fn find_link(&self, name: &str) -> Option<Link> {
        lock(&self.world).links.values().find(|link| link.name == name).cloned()
    }

    /// The other end of an interface comes or goes.
    pub fn carrier(&self, index: u32, carrier: bool) {
        self.with(|world| {
            let link = world.links.get(&index).cloned();
            link.into_iter().for_each(|link| world.link(Link { carrier, ..link }));
        });
    }

    /// Deletes an interface with everything on it.
    pub fn link_gone(&self, index: u32) {
        self.with(|world| world.link_gone(index));
    }

    /// Adds an address (with its connected route if the link is up).
    pub fn address(&self, dev: u32, net: IpNetwork) {
        self.with(|world| world.address(Address { dev, net }));
    }

    /// Removes an address.
    pub fn address_gone(&self, dev: u32, net: IpNetwork) {
        self.with(|world| world.address_gone(Address { dev, net }));
    }

    /// Somebody else adds a route (exclusively), as `ip route add` does.
    ///
    /// # Errors
    /// As the kernel would refuse it.
    pub fn add(&self, route: Route) -> Result<(), KernelError> {
        self.with(|world| {
            world.add(&route)?;
            world.say(RouteChange::Added, route, OTHERS);
            Ok(())
        })
    }

    /// Somebody else writes a route over whatever has its key, as `ip route replace` does.
    ///
    /// # Errors
    /// As the kernel would refuse it.
    pub fn replace(&self, route: Route) -> Result<(), KernelError> {
        self.with(|world| {
            world.check(&route)?;
            let change = match world.replace(&route) {
                true => RouteChange::Replaced,
                false => {
                    world.put(&route);
                    RouteChange::Added
                }
            };
            world.say(change, route, OTHERS);
            Ok(())
        })
    }

    /// Somebody else deletes every route of the prefix that matches; says how many.
    pub fn delete(&self, prefix: IpNetwork, matches: impl Fn(&Route) -> bool) -> usize {
        self.with(|world| {
            let gone = world.take_at(prefix, matches);
            let count = gone.len();
            gone.into_iter().for_each(|route| world.say(RouteChange::Removed, route, OTHERS));
            count
        })
    }

    /// Somebody else writes or removes an entry of a VXLAN device.
    pub fn far_end(&self, entry: FarEntry, there: bool) {
        self.with(|world| {
            world.set_far(entry, there);
            let FarEntry { part, dev, node, mac } = entry;
            world.events.push_back(match there {
                true => Event::FarEnd(entry),
                false => Event::FarEndGone { part, dev, node, mac: Some(mac) },
            });
        });
    }

    /// All entries of VXLAN devices.
    pub fn far_ends(&self) -> Vec<FarEntry> {
        lock(&self.world).far_ends.iter().copied().collect()
    }

    /// Operations on this prefix fail with this error number, so many times.
    pub fn refuse(&self, prefix: IpNetwork, errno: i32, times: u32) {
        self.with(|world| world.refuse.insert(prefix, (errno, times)));
    }

    /// So many of the next operations are done, but their answers are lost.
    pub fn lose_answers(&self, count: u32) {
        self.with(|world| world.lose_answers = count);
    }

    /// So many of the next dumps fail.
    pub fn fail_dumps(&self, count: u32) {
        self.with(|world| world.fail_dumps = count);
    }

    /// Everything said but not yet heard is lost.
    pub fn overrun(&self) {
        self.with(|world| {
            world.events.clear();
            world.events.push_back(Event::Overrun);
        });
    }

    /// All routes, in order of prefix.
    pub fn routes(&self) -> Vec<Route> {
        lock(&self.world).routes.values().flatten().cloned().collect()
    }

    /// Routes of one protocol as `ip route` prints them, a line each.
    pub fn text(&self, protocol: u8) -> String {
        let world = lock(&self.world);
        let mut links = crate::view::Links::default();
        for link in world.links.values() {
            links.set(link.clone());
        }
        let routes = world.routes.values().flatten().filter(|route| route.protocol == protocol);
        routes.map(|route| format!("{}\n", route.text(&links))).collect()
    }

    /// How many operations the engine has run here, refused ones included.
    pub fn writes(&self) -> u64 {
        lock(&self.world).writes
    }

    /// Prefixes the engine has ever written to.
    pub fn touched(&self) -> BTreeSet<IpNetwork> {
        lock(&self.world).touched.clone()
    }

    /// Routes under another protocol id than the engine's that it has replaced or removed.
    pub fn trespasses(&self) -> Vec<Route> {
        lock(&self.world).trespasses.clone()
    }

    /// How many dumps the engine has asked for.
    pub fn dumps(&self) -> u64 {
        lock(&self.world).dumps
    }
}

impl World {
    fn say(&mut self, change: RouteChange, route: Route, by: u32) {
        self.events.push_back(Event::Route { change, route, by });
    }

    /// Removes matching routes.
    fn take(&mut self, matches: impl Fn(&Route) -> bool) -> Vec<Route> {
        let mut gone = Vec::new();
        for routes in self.routes.values_mut() {
            gone.extend(routes.extract_if(.., |route| matches(route)));
        }
        self.routes.retain(|_, routes| !routes.is_empty());
        gone
    }

    /// Removes matching routes of a prefix.
    fn take_at(&mut self, prefix: IpNetwork, matches: impl Fn(&Route) -> bool) -> Vec<Route> {
        let Some(routes) = self.routes.get_mut(&prefix) else { return Vec::new() };
        let gone = routes.extract_if(.., |route| matches(route)).collect();
        if routes.is_empty() {
            self.routes.remove(&prefix);
        }
        gone
    }

    /// IPv4 goes without a word, IPv6 is announced.
    fn vanish(&mut self, matches: impl Fn(&Route) -> bool) {
        for route in self.take(matches) {
            if route.prefix.is_ipv6() {
                self.say(RouteChange::Removed, route, 0);
            }
        }
    }

    /// The device is down, or has no IPv4 address any more: a route stays as long as one of its legs is alive.
    fn idle(&mut self, dev: u32) {
        let leg = |route: &Route, dev| (route.prefix, route.metric, route.table, dev);
        let on_it = self.routes.values().flatten().filter(|route| route.prefix.is_ipv4() && uses(route, dev));
        self.dead.extend(on_it.map(|route| leg(route, dev)));
        let dead = self.dead.clone();
        self.vanish(|route| uses(route, dev) && route.hops().iter().all(|hop| dead.contains(&leg(route, hop.dev))));
    }

    /// Legs over the device are alive again.
    fn revive(&mut self, dev: u32) {
        self.dead.retain(|(_, _, _, on)| *on != dev);
    }

    /// A route written anew has no dead legs.
    fn put(&mut self, route: &Route) {
        let leg = |dev| (route.prefix, route.metric, route.table, dev);
        while let Some(dead) = self.dead.range(leg(0)..=leg(u32::MAX)).next().copied() {
            self.dead.remove(&dead);
        }
        let there = self.routes.entry(route.prefix).or_default();
        match there.iter_mut().find(|other| other.same_key(route)) {
            Some(other) => other.clone_from(route),
            None => there.push(route.clone()),
        }
    }

    fn link(&mut self, link: Link) {
        let (dev, up) = (link.index, link.up);
        self.last_index = self.last_index.max(dev);
        let was_up = self.links.get(&dev).is_some_and(|old| old.up);
        self.events.push_back(Event::Link(link.clone()));
        self.links.insert(dev, link);
        let own: Vec<Address> = self.addresses.iter().filter(|a| a.dev == dev).copied().collect();
        if was_up && !up {
            self.idle(dev);
            let ups: BTreeSet<u32> = self.links.values().filter(|l| l.up).map(|l| l.index).collect();
            let is_left = |route: &Route| route.hops().iter().any(|hop| ups.contains(&hop.dev));
            self.vanish(|route| route.prefix.is_ipv6() && uses(route, dev) && !is_left(route));
            for address in own.into_iter().filter(|a| a.net.is_ipv6()) {
                self.addresses.remove(&address);
                self.events.push_back(Event::AddressGone(address));
            }
        } else if up && !was_up {
            self.revive(dev);
            own.into_iter().for_each(|address| self.connect(address));
        }
    }

    fn link_gone(&mut self, dev: u32) {
        if self.links.remove(&dev).is_none() {
            return;
        }
        self.vanish(|route| uses(route, dev));
        self.far_ends.retain(|entry| entry.dev != dev);
        let gone: Vec<Address> = self.addresses.iter().filter(|a| a.dev == dev).copied().collect();
        for address in gone {
            self.addresses.remove(&address);
            self.events.push_back(Event::AddressGone(address));
        }
        self.events.push_back(Event::LinkGone(dev));
    }

    fn address(&mut self, address: Address) {
        if self.links.contains_key(&address.dev) && self.addresses.insert(address) {
            self.events.push_back(Event::Address(address));
            if address.net.is_ipv4() && self.links.get(&address.dev).is_some_and(|link| link.up) {
                self.revive(address.dev);
            }
            self.connect(address);
        }
    }

    fn address_gone(&mut self, address: Address) {
        if !self.addresses.remove(&address) {
            return;
        }
        self.events.push_back(Event::AddressGone(address));
        let (dev, subnet) = (address.dev, masked(address.net));
        let mut left = self.addresses.iter().filter(|a| a.dev == dev && a.net.is_ipv4());
        if !left.any(|a| masked(a.net) == subnet) {
            let connected = |r: &Route| r.protocol == PROTOCOL_KERNEL && r.prefix == subnet && uses(r, dev);
            for route in self.take(connected) {
                self.say(RouteChange::Removed, route, 0);
            }
        }
        let any_left = self.addresses.iter().any(|a| a.dev == dev && a.net.is_ipv4());
        if address.net.is_ipv4() && !any_left {
            self.idle(dev);
        }
    }

    fn connect(&mut self, address: Address) {
        let (prefix, dev) = (masked(address.net), address.dev);
        let hops = Hops::from_iter([Hop { via: None, dev, onlink: false, weight: 0 }]);
        let metric = if prefix.is_ipv6() { 256 } else { 0 };
        let (form, table) = (Form::Unicast(hops), crate::config::TABLE_MAIN);
        let route = Route { prefix, metric, table, protocol: PROTOCOL_KERNEL, tos: 0, form, extras: false };
        let known = self.routes.get(&prefix).is_some_and(|routes| routes.contains(&route));
        if !known && self.links.get(&dev).is_some_and(|link| link.up) && !crate::route::is_host(prefix) {
            // The kernel puts its own first, whoever has the key.
            self.routes.entry(prefix).or_default().insert(0, route.clone());
            self.say(RouteChange::Added, route, 0);
        }
    }

    fn check(&self, route: &Route) -> Result<(), KernelError> {
        let bad = |errno, words: &str| Err(KernelError::from_errno(errno, Some(words)));
        for hop in route.hops() {
            let Some(link) = self.links.get(&hop.dev) else { return bad(libc::ENODEV, "") };
            if !link.up {
                return bad(libc::ENETDOWN, "Nexthop device is not up.");
            }
            let Some(via) = hop.via.filter(|_| !hop.onlink) else { continue };
            // A route without a gateway puts its destinations on the link, whoever wrote it.
            let on_link = |hops: &[Hop]| hops.iter().any(|h| h.dev == hop.dev && h.via.is_none());
            if !self.routes.values().flatten().any(|r| contains(r.prefix, via) && on_link(r.hops())) {
                return match via.is_ipv6() {
                    true => bad(libc::EHOSTUNREACH, ""),
                    false => bad(libc::ENETUNREACH, "Nexthop has invalid gateway."),
                };
            }
        }
        Ok(())
    }

    fn add(&mut self, route: &Route) -> Result<(), KernelError> {
        self.check(route)?;
        if self.routes.get(&route.prefix).into_iter().flatten().any(|other| other.same_key(route)) {
            return Err(KernelError::from_errno(libc::EEXIST, None));
        }
        self.put(route);
        Ok(())
    }

    /// A node has one neighbour entry, a MAC address one forwarding entry. One that leads to another node is not removed.
    fn set_far(&mut self, entry: FarEntry, there: bool) -> bool {
        let same = |other: &&FarEntry| {
            (other.part, other.dev) == (entry.part, entry.dev)
                && match entry.part {
                    Part::Neighbour => other.node == entry.node,
                    Part::Forwarding => other.mac == entry.mac && (there || other.node == entry.node),
                }
        };
        let known = self.far_ends.iter().find(same).copied();
        if let Some(known) = known {
            self.far_ends.remove(&known);
        }
        if there {
            self.far_ends.insert(entry);
        }
        known.is_some()
    }

    /// The first of the key is rewritten, whoever owns it.
    fn replace(&mut self, route: &Route) -> bool {
        let known = self.routes.get(&route.prefix).into_iter().flatten().any(|other| other.same_key(route));
        if known {
            self.put(route);
        }
        known
    }

    /// What Linux does with a tunnel device, and tells of it also whoever asked for it.
    fn device(&mut self, op: &Op) -> Result<(), KernelError> {
        let bad = |errno| Err(KernelError::from_errno(errno, None));
        match op {
            Op::Make(device) => {
                let kind = match device.kind {
                    DeviceKind::Ipip { .. } => return bad(libc::EOPNOTSUPP),
                    DeviceKind::Vxlan { vni, port } => LinkKind::Vxlan { vni, port, local: Some(device.local) },
                };
                let network = |link: &Link| match (&kind, &link.kind) {
                    (LinkKind::Vxlan { vni, port, .. }, LinkKind::Vxlan { vni: other, port: others, .. }) => {
                        (vni, port) == (other, others)
                    }
                    _ => false,
                };
                if self.links.values().any(|link| link.name == device.name || network(link)) {
                    return bad(libc::EEXIST);
                }
                // Never one that was used before.
                self.last_index = self.links.keys().copied().fold(self.last_index, u32::max) + 1;
                let (index, name) = (self.last_index, device.name.clone());
                self.link(Link {
                    index,
                    name,
                    up: true,
                    carrier: true,
                    mtu: device.mtu,
                    mac: device.mac(),
                    alias: None,
                    kind,
                });
            }
            Op::Amend { device, mac } => {
                let Some(link) = self.links.values().find(|link| link.name == device.name).cloned() else {
                    return bad(libc::ENODEV);
                };
                if mac.is_some() {
                    // NETDEV_CHANGEADDR: the device's neighbours are forgotten.
                    let lost = self.far_ends.extract_if(.., |far| far.dev == link.index && far.part == Part::Neighbour);
                    for FarEntry { part, dev, node, mac } in lost.collect::<Vec<_>>() {
                        self.events.push_back(Event::FarEndGone { part, dev, node, mac: Some(mac) });
                    }
                }
                let alias = Some(device.mark().into());
                self.link(Link { up: true, carrier: true, mtu: device.mtu, mac: mac.or(link.mac), alias, ..link });
            }
            Op::Leave { index, how, .. } => {
                let Some(link) = self.links.get(index).cloned() else { return bad(libc::ENODEV) };
                match how {
                    Leave::Delete => self.link_gone(*index),
                    Leave::Down => self.link(Link { up: false, carrier: false, alias: None, ..link }),
                    Leave::HandOver => self.link(Link { alias: None, ..link }),
                }
            }
            Op::SetAddress(address) => self.address(*address),
            Op::DropAddress(address) => self.address_gone(*address),
            _ => {}
        }
        Ok(())
    }

    fn run(&mut self, op: &Op) -> Result<(), KernelError> {
        self.writes += 1;
        self.touched.insert(op.prefix());
        if let Some((errno, times)) = self.refuse.get_mut(&op.prefix())
            && *times > 0
        {
            *times -= 1;
            return Err(KernelError::from_errno(*errno, None));
        }
        let done = match op {
            Op::Add(route) => self.add(route),
            Op::Replace { new, .. } => self.check(new).and_then(|()| {
                let first = self.routes.get(&new.prefix).and_then(|routes| routes.iter().find(|r| r.same_key(new)));
                self.trespasses.extend(first.filter(|route| route.protocol != new.protocol).cloned());
                match self.replace(new) {
                    true => Ok(()),
                    false => Err(KernelError::from_errno(libc::ENOENT, None)),
                }
            }),
            Op::Delete(route) => match self.take_at(route.prefix, |other| other == route).len() {
                0 => Err(KernelError::from_errno(libc::ESRCH, None)),
                _ => Ok(()),
            },
            Op::SetFar(entry) if !self.links.contains_key(&entry.dev) => {
                Err(KernelError::from_errno(libc::ENODEV, None))
            }
            Op::SetFar(entry) => {
                self.set_far(*entry, true);
                Ok(())
            }
            Op::Make(_) | Op::Amend { .. } | Op::Leave { .. } | Op::SetAddress(_) | Op::DropAddress(_) => {
                self.device(op)
            }
            Op::DropFar(entry) => match self.set_far(*entry, false) {
                true => Ok(()),
                false => Err(KernelError::from_errno(libc::ENOENT, None)),
            },
        };
        if self.lose_answers > 0 {
            self.lose_answers -= 1;
            return Err(KernelError::unknown("answer lost"));
        }
        done
    }
}

impl Kernel for MemoryKernel {
    async fn dump(&mut self) -> io::Result<Dump> {
        let mut world = lock(&self.world);
        world.dumps += 1;
        if world.fail_dumps > 0 {
            world.fail_dumps -= 1;
            return Err(io::Error::other("dump refused"));
        }
        Ok(Dump {
            links: world.links.values().cloned().collect(),
            addresses: world.addresses.iter().copied().collect(),
            routes: world.routes.values().flatten().cloned().collect(),
            far_ends: world.far_ends.iter().copied().collect(),
        })
    }

    fn begin(&mut self, ops: Vec<Op>) {
        let mut world = lock(&self.world);
        let results = ops.iter().map(|op| world.run(op)).collect();
        drop(world);
        self.tried.push_back((ops, results));
    }

    async fn finish(&mut self) -> (Vec<Op>, Vec<Result<(), KernelError>>) {
        self.tried.pop_front().unwrap_or_default()
    }

    fn drain(&mut self, limit: usize, events: &mut Vec<Event>) -> bool {
        let mut world = lock(&self.world);
        let count = limit.min(world.events.len());
        events.extend(world.events.drain(..count));
        world.events.is_empty()
    }

    async fn ready(&mut self) {
        while lock(&self.world).events.is_empty() {
            self.news.notified().await;
        }
    }
}

fn uses(route: &Route, dev: u32) -> bool {
    route.hops().iter().any(|hop| hop.dev == dev)
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}
