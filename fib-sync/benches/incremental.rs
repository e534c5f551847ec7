//! What a change costs among many routes, in the engine and with a kernel in memory: it must not hang on how many there are.
//!
//! `cargo bench -p fib-sync --bench incremental`. The argument is the number of routes.
#![expect(clippy::unwrap_used, reason = "a panic is how a bench fails")]

use divan::{AllocProfiler, Bencher};
use fib_sync::memory::MemoryKernel;
use fib_sync::{Engine, FibConfig, Form, Hop, Hops, Kernel, Route, Target};
use futures::FutureExt;
use ipnetwork::{IpNetwork, Ipv4Network};
use std::net::Ipv4Addr;
use std::time::Instant;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

/// Routes in the kernel.
const SIZES: [u32; 3] = [1_000, 10_000, 100_000];
/// Routes of the next hop that moves.
const USERS: u32 = 100;
/// Routes over the link that flaps.
const ON_LINK: u32 = 10;
const MOVING: [u8; 4] = [172, 16, 9, 9];

fn main() {
    divan::main();
}

/// An engine whose routes the kernel holds: all by one neighbour, but [`USERS`] by a node that is not on the link, and
/// [`ON_LINK`] more over another link.
struct Lab {
    kernel: MemoryKernel,
    engine: Engine,
}

impl Lab {
    fn new(count: u32) -> Lab {
        let kernel = MemoryKernel::new();
        kernel.link(2, "eth0", true);
        kernel.address(2, "172.16.1.1/24".parse().unwrap());
        kernel.link(3, "eth1", true);
        kernel.address(3, "172.16.2.1/24".parse().unwrap());
        kernel.add(way(253)).unwrap();
        let mut lab = Lab { kernel, engine: Engine::new(FibConfig::default()).unwrap() };
        lab.want((0..count).map(|n| (block(n), Some(via(if n < USERS { MOVING } else { [172, 16, 1, 2] })))));
        lab.want((0..ON_LINK).map(|n| (block(count + n), Some(via([172, 16, 2, 2])))));
        assert_eq!(lab.engine.report(Instant::now()).installed, (count + ON_LINK) as usize);
        lab
    }

    fn want(&mut self, wishes: impl IntoIterator<Item = (IpNetwork, Option<Target>)>) {
        self.engine.update(wishes);
        self.run();
    }

    /// As the driver does, until nothing is left to do.
    fn run(&mut self) {
        let now = Instant::now();
        let mut events = Vec::new();
        loop {
            while !self.kernel.drain(4096, &mut events) {}
            events.drain(..).for_each(|event| self.engine.event(now, event));
            self.engine.drained();
            if self.engine.wants_dump(now) {
                let dump = self.kernel.dump().now_or_never().unwrap().unwrap();
                self.engine.load(now, now, dump);
            }
            let ops = self.engine.poll_ops(now, 1024);
            if !ops.is_empty() {
                self.kernel.begin(ops);
                let (ops, results) = self.kernel.finish().now_or_never().unwrap();
                self.engine.results(now, ops, results);
            } else if !self.engine.has_work() {
                return;
            }
        }
    }
}

/// Behind 172.16.1.0/24, which the kernel in memory looks for from the first route on whenever it checks a gateway.
fn block(n: u32) -> IpNetwork {
    IpNetwork::V4(Ipv4Network::new(Ipv4Addr::from(0xc000_0000 + n * 64), 26).unwrap())
}

fn via(next_hop: [u8; 4]) -> Target {
    Target::via([Ipv4Addr::from(next_hop).to_string().parse().unwrap()].into_iter().collect())
}

/// The kernel's own way to the moving next hop.
fn way(gateway: u8) -> Route {
    let form = Form::Unicast(Hops::from_iter([Hop::via(Ipv4Addr::new(172, 16, 1, gateway).into(), 2)]));
    let prefix = "172.16.9.0/24".parse().unwrap();
    Route { prefix, metric: 0, table: 254, protocol: 4, tos: 0, form, extras: false }
}

#[divan::bench(args = SIZES)]
fn one_block_moves(bencher: Bencher<'_, '_>, count: u32) {
    let mut lab = Lab::new(count);
    let mut gateway = 2;
    bencher.bench_local(|| {
        gateway ^= 1;
        lab.want([(block(count / 2), Some(via([172, 16, 1, gateway])))]);
    });
}

#[divan::bench(args = SIZES)]
fn one_block_goes_and_comes(bencher: Bencher<'_, '_>, count: u32) {
    let mut lab = Lab::new(count);
    bencher.bench_local(|| {
        lab.want([(block(count / 2), None)]);
        lab.want([(block(count / 2), Some(via([172, 16, 1, 2])))]);
    });
}

#[divan::bench(args = SIZES)]
fn the_way_of_100_routes_moves(bencher: Bencher<'_, '_>, count: u32) {
    let mut lab = Lab::new(count);
    let (mut gateway, before) = (252, lab.kernel.dumps());
    bencher.bench_local(|| {
        gateway ^= 1;
        lab.kernel.replace(way(gateway)).unwrap();
        lab.run();
    });
    assert_eq!(lab.kernel.dumps(), before, "a change that was heard of needs no dump");
}

#[divan::bench(args = SIZES, sample_size = 1)]
fn a_link_with_10_routes_flaps(bencher: Bencher<'_, '_>, count: u32) {
    let mut lab = Lab::new(count);
    let (kernel, before) = (lab.kernel.clone(), lab.kernel.dumps());
    let mut flaps = 0;
    // Not counted: the kernel in memory looks for the routes on the link among all, after which the processor's caches hold
    // none of the engine's.
    let flap = || {
        flaps += 1;
        kernel.link(3, "eth1", false);
        kernel.link(3, "eth1", true);
    };
    let writes = lab.kernel.writes();
    bencher.with_inputs(flap).bench_local_values(|()| lab.run());
    assert_eq!(lab.kernel.writes() - writes, flaps * u64::from(ON_LINK), "they are written anew, and nothing else");
    assert_eq!(lab.kernel.dumps(), before, "what the link took away is known");
}
