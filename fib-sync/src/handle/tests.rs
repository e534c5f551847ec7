use super::*;
use crate::memory::MemoryKernel;
use crate::route::{Form, Hop, Hops, Route};

fn via(gateway: &str) -> Option<Target> {
    Some(Target::via([gateway.parse().unwrap()].into_iter().collect()))
}

fn world() -> MemoryKernel {
    let kernel = MemoryKernel::new();
    kernel.link(2, "eth0", true);
    kernel.address(2, "172.16.1.1/24".parse().unwrap());
    let form = Form::Unicast(Hops::from_iter([Hop::via("172.16.1.9".parse().unwrap(), 2)]));
    let prefix = "10.9.0.0/24".parse().unwrap();
    kernel.add(Route { prefix, metric: 0, table: 254, protocol: 12, tos: 0, form, extras: false }).unwrap();
    kernel
}

fn begin(kernel: &MemoryKernel) -> (FibHandle, Adopted) {
    let kernel = kernel.clone();
    start_on(FibConfig::default(), move || Ok(kernel)).unwrap()
}

#[tokio::test]
async fn the_last_word_wins_and_a_flush_waits_for_it() {
    let kernel = world();
    let (fib, adopted) = begin(&kernel);
    assert_eq!(adopted, Adopted { ipv4: 1, ipv6: 0 });
    let prefix: IpNetwork = "10.66.2.0/26".parse().unwrap();
    for n in 2..200 {
        fib.update([(prefix, via(&format!("172.16.1.{n}")))]);
    }
    fib.flush().await;
    assert!(kernel.text(12).contains("10.66.2.0/26 via 172.16.1.199 dev eth0"), "{}", kernel.text(12));
    let rows = fib.rows(RowFilter::All).await;
    assert_eq!(rows.iter().map(|row| row.state.name()).collect::<Vec<_>>(), ["adopted", "installed"]);
    assert_eq!(fib.rows(RowFilter::Within("10.66.0.0/16".parse().unwrap())).await.len(), 1);
    let all: Vec<_> = fib.rows(RowFilter::All).await.iter().map(|row| row.prefix).collect();
    assert_eq!((fib.prefixes(None).await, all.len() > 1), (all, true));
    assert_eq!(fib.prefixes(Some("10.66.0.0/16".parse().unwrap())).await.len(), 1);
    assert_eq!(fib.rows(RowFilter::Troubled).await.len(), 0);
    let each = fib.rows(RowFilter::Each(vec![prefix, "10.99.0.0/16".parse().unwrap()])).await;
    assert_eq!(each.iter().map(|row| row.prefix).collect::<Vec<_>>(), [prefix]);

    kernel.delete(prefix, |_| true);
    while fib.stats().repairs.deleted == 0 || fib.stats().pending > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(kernel.text(12).lines().count(), 2);
    let other = fib.clone();
    fib.sweep();
    fib.shutdown(true).await;
    assert_eq!(kernel.text(12).lines().count(), 1, "what was handed in before the end was done");
    other.flush().await;
    assert!(!other.is_alive() && other.rows(RowFilter::All).await.is_empty());
}

#[tokio::test]
async fn a_wish_that_cannot_be_tried_puts_us_behind_and_the_thread_answers_all_the_same() {
    let kernel = world();
    let (fib, _) = begin(&kernel);
    assert_eq!(fib.behind(), Duration::ZERO);
    kernel.fail_dumps(1);
    kernel.overrun();
    while kernel.dumps() < 2 {
        tokio::task::yield_now().await;
    }
    fib.update([("10.66.2.0/26".parse().unwrap(), via("172.16.1.2"))]);
    for _ in 0..3 {
        assert!(fib.answers().await);
        assert!(fib.behind() > Duration::ZERO, "nothing is written before the tables can be read");
    }
    fib.flush().await;
    assert_eq!((fib.behind(), fib.stats().installed, fib.waiting()), (Duration::ZERO, 1, 0));
    let (count, sum) = fib.stats().latency.total();
    assert!(count == 1 && sum > Duration::from_millis(500), "it waited for the next reading: {sum:?}");
    let other = fib.clone();
    fib.shutdown(true).await;
    assert!(!other.answers().await);
}

#[test]
fn a_wish_that_is_taken_up_waits_until_the_turn_has_counted_it() {
    let (shared, (commands, _)) = (Arc::new(Shared::default()), mpsc::channel(1));
    let fib = FibHandle { shared: shared.clone(), commands };
    fib.update([("10.66.2.0/26".parse().unwrap(), via("172.16.1.2"))]);
    assert!(fib.behind() > Duration::ZERO);
    assert_eq!(shared.take_targets().targets.len(), 1);
    assert_eq!(shared.take_targets().targets.len(), 0);
    assert!(fib.behind() > Duration::ZERO);
    shared.publish(FibStats::default(), &[]);
    assert_eq!(fib.behind(), Duration::ZERO);
}

#[tokio::test]
async fn what_goes_wrong_on_this_node_is_told_apart_from_what_others_do() {
    let kernel = world();
    let taken: IpNetwork = "10.66.3.0/26".parse().unwrap();
    let form = Form::Unicast(Hops::from_iter([Hop::via("172.16.1.9".parse().unwrap(), 2)]));
    kernel.add(Route { prefix: taken, metric: 0, table: 254, protocol: 4, tos: 0, form, extras: false }).unwrap();
    let pool = crate::Pool {
        device: Some("tunl0".into()),
        ..crate::Pool::new("10.67.0.0/16".parse().unwrap(), crate::Mode::Ipip)
    };
    let config = FibConfig { pools: vec![pool], ..FibConfig::default() };
    let theirs = kernel.clone();
    let (fib, _) = start_on(config, move || Ok(theirs)).unwrap();
    let prefix = |text: &str| text.parse::<IpNetwork>().unwrap();
    fib.update([
        (prefix("10.66.2.0/26"), via("172.16.9.9")),
        (taken, via("172.16.1.2")),
        (prefix("10.67.2.0/26"), via("172.16.1.2")),
    ]);
    fib.flush().await;
    let stats = fib.stats();
    assert_eq!((stats.withheld, stats.barred, stats.conflicts, fib.behind()), (2, 1, 1, Duration::ZERO));
    let divergent = fib.rows(RowFilter::Divergent).await;
    assert_eq!(divergent.iter().map(|row| row.prefix).collect::<Vec<_>>(), [taken, prefix("10.67.2.0/26")]);
    assert_eq!(fib.rows(RowFilter::Troubled).await.len(), 3);
    fib.update([(prefix("10.67.2.0/26"), None)]);
    fib.flush().await;
    assert_eq!((fib.stats().withheld, fib.stats().barred), (1, 0));
    fib.shutdown(true).await;
}

#[tokio::test]
async fn leaving_takes_routes_along_only_when_asked_to() {
    let kernel = world();
    begin(&kernel).0.shutdown(true).await;
    assert_eq!(kernel.text(12).lines().count(), 1);
    begin(&kernel).0.shutdown(false).await;
    assert_eq!(kernel.text(12), "");
}

#[test]
fn a_start_that_fails_says_what_was_tried() {
    let kernel = world();
    kernel.fail_dumps(1);
    let fail = |config, open: io::Result<MemoryKernel>| start_on(config, || open).unwrap_err().to_string();
    let denied = || Err(io::Error::from_raw_os_error(libc::EPERM));
    assert!(
        fail(FibConfig::default(), denied()).starts_with("fib: cannot open netlink sockets: Operation not permitted")
    );
    assert!(
        fail(FibConfig::default(), Ok(kernel))
            .contains("cannot read the kernel's links, addresses and routes: dump refused")
    );
    assert!(fail(FibConfig { protocol: 0, ..FibConfig::default() }, Ok(world())).contains("protocol id 0"));
}
