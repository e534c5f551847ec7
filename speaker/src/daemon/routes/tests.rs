use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bgp_proto::Prefix;
use futures::StreamExt;
use rib::Rib;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::super::news::FromPeer;
use super::super::owner::Owner;
use super::super::prefixes::PLACES;
use super::super::restart::Restart;
use super::super::setup;
use super::{SLICE, Sources, slices};
use crate::api::Kind;
use crate::api::model::RouteFilter;
use crate::config;

/// A running owner of so many prefixes; it ends with the sender.
fn owner(count: usize) -> (Sources, JoinHandle<()>, mpsc::Sender<FromPeer>) {
    let config = config::parse("roost.yaml", "router: { asn: 64512, router_id: 10.0.0.1 }").expect("a configuration");
    let rib = Rib::new(setup::rib(&config.config));
    let (restart, (sender, news)) = (Arc::new(Restart::of_last_run(true)), mpsc::channel(1));
    let (mut owner, handle) = Owner::new(rib, None, restart, [], Duration::ZERO, Arc::default(), news);
    for n in 0..count {
        let address = Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(n).expect("a small table"));
        owner.originate(Prefix::host(address.into()), Kind::Block);
    }
    (Sources { owner: handle, fib: None, peers: Arc::default() }, tokio::spawn(owner.run()), sender)
}

#[tokio::test]
async fn a_table_comes_in_slices_in_order_and_without_a_gap() {
    let (sources, _running, _news) = owner(2 * SLICE + 7);
    let slices = slices(sources.clone(), &RouteFilter::default()).await.unwrap_or_else(|problem| panic!("{problem:?}"));
    let slices: Vec<_> = slices.map(|slice| slice.expect("the owner lives")).collect().await;
    assert_eq!(slices.iter().map(Vec::len).collect::<Vec<_>>(), [SLICE, SLICE, 7]);
    let addresses =
        slices.iter().flatten().map(|row| row.prefix.strip_suffix("/32").expect("a host").parse().expect("it"));
    let bits: Vec<u32> = addresses.map(Ipv4Addr::to_bits).collect();
    assert!(bits.iter().zip(0x0a00_0000..).all(|(have, want)| *have == want), "{bits:x?}");
    let row = &slices[2][6];
    assert_eq!(
        (row.from.as_str(), row.best, row.kernel.as_ref().map(|kernel| kernel.state.as_str())),
        ("local", true, Some("off"))
    );
}

#[tokio::test]
async fn prefixes_beyond_those_of_the_first_turn_are_found() {
    let (sources, _running, _news) = owner(PLACES as usize + 7);
    let wanted = RouteFilter { prefix: Some("10.1.0.0/16".to_owned()), longer: true, ..RouteFilter::default() };
    let mut slices = slices(sources, &wanted).await.unwrap_or_else(|problem| panic!("{problem:?}"));
    let rows = slices.next().await.expect("a slice").expect("the owner lives");
    let prefixes: Vec<_> = rows.iter().map(|row| row.prefix.clone()).collect();
    assert_eq!(prefixes, (0..7).map(|n| format!("10.1.0.{n}/32")).collect::<Vec<_>>());
    assert!(slices.next().await.is_none());
}

#[tokio::test]
async fn an_owner_that_ends_in_between_ends_the_list_with_a_problem() {
    let (sources, running, news) = owner(SLICE + 1);
    let mut slices = slices(sources, &RouteFilter::default()).await.unwrap_or_else(|problem| panic!("{problem:?}"));
    assert_eq!(slices.next().await.and_then(Result::ok).map(|rows| rows.len()), Some(SLICE));
    drop(news);
    running.await.expect("it ends as it should");
    assert_eq!(slices.next().await.map(|slice| slice.map_err(|problem| problem.status)), Some(Err(503)));
    assert!(slices.next().await.is_none());
}
