use std::net::Ipv4Addr;

use super::*;

fn three() -> Arc<Unopened> {
    let open_timeout = Duration::from_secs(60);
    Unopened::new(Limits { unopened: 3, unopened_per_peer: 2, open_timeout, ..Limits::default() })
}

fn host(number: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, number).into()
}

fn refusal(of: Result<Ticket, Refusal>) -> Option<Refusal> {
    of.err()
}

#[test]
fn an_address_has_its_share_and_gets_it_back() {
    let unopened = three();
    let first = unopened.admit(host(1)).ok();
    let second = unopened.admit(host(1)).ok();
    assert!(first.is_some() && second.is_some());
    assert_eq!(refusal(unopened.admit(host(1))), Some(Refusal::PerPeer));
    assert_eq!(unopened.waiting(), 2);
    drop(first);
    assert!(unopened.admit(host(1)).is_ok());
    assert_eq!(unopened.refused(Refusal::PerPeer), 1);
}

#[test]
fn known_peers_get_in_while_unknown_ones_fill_the_rest() {
    let unopened = three();
    unopened.know(host(9));
    let mut tickets: Vec<Ticket> = (1..4).filter_map(|number| unopened.admit(host(number)).ok()).collect();
    assert_eq!(tickets.len(), 3);
    assert_eq!(refusal(unopened.admit(host(4))), Some(Refusal::Unopened));
    assert!(unopened.admit(host(9)).is_ok());
    // One that has sent its OPEN is known from then on, and no longer counts.
    tickets.remove(0).opened();
    let again = unopened.admit(host(1)).ok();
    let other = unopened.admit(host(4)).ok();
    assert!(again.is_some() && other.is_some());
    assert_eq!(refusal(unopened.admit(host(5))), Some(Refusal::Unopened));
    // Until it is forgotten.
    drop(again);
    unopened.forget(host(1));
    assert_eq!(refusal(unopened.admit(host(1))), Some(Refusal::Unopened));
    drop((tickets, other));
    assert_eq!(unopened.waiting(), 0);
    assert_eq!(unopened.refused(Refusal::Unopened), 3);
}

#[test]
fn unknown_ones_have_less_time_when_they_are_many() {
    // RFC 4271 §8.2.2
    let unopened = three();
    unopened.know(host(9));
    let few = unopened.admit(host(1)).expect("there is room");
    assert_eq!(few.open_timeout(), Duration::from_secs(60));
    let many = unopened.admit(host(2)).expect("there is room");
    assert_eq!(many.open_timeout(), Duration::from_secs(15));
    let listed = unopened.admit(host(9)).expect("it is known");
    assert_eq!(listed.open_timeout(), Duration::from_secs(60));
    many.refuse(Refusal::OpenTimeout);
    assert_eq!((unopened.refused(Refusal::OpenTimeout), unopened.waiting()), (1, 2));
}

#[test]
fn each_reason_is_counted_by_itself() {
    let unopened = three();
    for (count, refusal) in (1..).zip(Refusal::ALL) {
        (0..count).for_each(|_| unopened.count(refusal, host(1)));
    }
    assert_eq!(Refusal::ALL.map(|refusal| unopened.refused(refusal)), [1, 2, 3, 4, 5]);
}
