//! Installs, changes, reads back and removes many routes and says how fast. Run it in a namespace of its own:
//!
//! ```text
//! ip netns add bench
//! ip netns exec bench sh -c 'ip link add eth0 type veth peer name peer0; ip addr add 172.16.1.1/24 dev eth0
//!     ip link set peer0 up; ip link set eth0 up; cargo run --release -p fib-sync --example install 100000'
//! ip netns del bench
//! ```
#![expect(clippy::print_stdout, reason = "an example that shows what it does")]

use fib_sync::{FibConfig, FibError, FibHandle, Target, start};
use ipnetwork::{IpNetwork, Ipv4Network};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), FibError> {
    let count: u32 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000).min(1 << 20);
    let mut fib = begin()?;
    println!("{count} /26 routes to write");
    for (what, gateway) in [("add", Some([172, 16, 1, 2])), ("replace", Some([172, 16, 1, 3])), ("delete", None)] {
        let target = gateway.map(|octets| Target::via([IpAddr::from(octets).into()].into_iter().collect()));
        measure(&fib, what, count, || fib.update((0..count).map(|n| (prefix(n), target.clone())))).await;
        if what == "replace" {
            // As a new run of the program does: find them all in the kernel, then want them again.
            fib.shutdown(true).await;
            fib = begin()?;
            measure(&fib, "want", count, || fib.update((0..count).map(|n| (prefix(n), target.clone())))).await;
            let back = Target::via([IpAddr::from([172, 16, 1, 2]).into()].into_iter().collect());
            let began = Instant::now();
            fib.update([(prefix(count / 2), Some(back))]);
            fib.flush().await;
            println!("{:>8} one among them: {:?}", "", began.elapsed());
        }
    }
    println!("{:?}", fib.stats());
    fib.shutdown(true).await;
    Ok(())
}

fn begin() -> Result<FibHandle, FibError> {
    let began = Instant::now();
    let (fib, adopted) = start(FibConfig { rescan: Duration::from_secs(3600), ..FibConfig::default() })?;
    println!("   start {:?}, {} routes of ours found", began.elapsed(), adopted.ipv4);
    Ok(fib)
}

async fn measure(fib: &FibHandle, what: &str, count: u32, act: impl FnOnce()) {
    let began = Instant::now();
    act();
    fib.flush().await;
    let took = began.elapsed();
    println!("{what:>8} {took:?}, {:.0} routes/s", f64::from(count) / took.as_secs_f64());
}

fn prefix(n: u32) -> IpNetwork {
    let net = Ipv4Network::new(Ipv4Addr::from(0x0b00_0000 + n * 64), 26);
    IpNetwork::V4(net.expect("26 is a length of IPv4"))
}
