//! A kernel in memory: as silent as Linux about what it drops, and it fails on demand.
//!
//! Clones share one world: the engine holds one as its [`Kernel`], a test another to be everybody
//! else: it takes links down, deletes routes, writes foreign ones, loses answers. What is modelled is
//! what was observed on Linux 6.18: which changes make routes vanish without a notification is the
//! whole point of it.

use crate::far_ends::FarEntry;
use crate::kernel::{Address, Dump, Event, Kernel, KernelError, Link, RouteChange};
use crate::plan::Op;
use crate::route::Route;
use ipnetwork::IpNetwork;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use world::World;

mod ops;
mod world;

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

impl MemoryKernel {
    /// An empty world.
    pub fn new() -> MemoryKernel {
        MemoryKernel::default()
    }

    /// One that has all this, and that makes what tunnel devices it is asked for.
    pub(crate) fn of(dump: Dump) -> MemoryKernel {
        let Dump { links, addresses, routes, far_ends } = dump;
        let mut world = World { makes_ipip: true, ..World::default() };
        world.last_index = links.iter().map(|link| link.index).max().unwrap_or_default();
        world.links = links.into_iter().map(|link| (link.index, link)).collect();
        world.addresses = addresses.into_iter().collect();
        world.far_ends = far_ends.into_iter().collect();
        for route in routes {
            world.routes.entry(route.prefix).or_default().push(route);
        }
        MemoryKernel { world: Arc::new(Mutex::new(world)), ..MemoryKernel::default() }
    }

    /// Everything there is.
    pub(crate) fn read(&self) -> Dump {
        lock(&self.world).dump()
    }

    /// Tries these operations, and says what became of each.
    pub(crate) fn carry_out(&self, ops: &[Op]) -> Vec<Result<(), KernelError>> {
        let mut world = lock(&self.world);
        ops.iter().map(|op| world.run(op)).collect()
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

impl Kernel for MemoryKernel {
    async fn dump(&mut self) -> io::Result<Dump> {
        let mut world = lock(&self.world);
        world.dumps += 1;
        if world.fail_dumps > 0 {
            world.fail_dumps -= 1;
            return Err(io::Error::other("dump refused"));
        }
        Ok(world.dump())
    }

    fn begin(&mut self, ops: Vec<Op>) {
        let results = self.carry_out(&ops);
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

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}
