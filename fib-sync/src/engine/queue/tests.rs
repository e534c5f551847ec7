use super::*;

fn net(n: u32) -> IpNetwork {
    IpNetwork::new(std::net::Ipv4Addr::from(0x0a41_0000 + n * 64).into(), 26).unwrap()
}

fn rest(queue: &mut Queue) -> Vec<IpNetwork> {
    std::iter::from_fn(|| queue.pop_first()).collect()
}

#[test]
fn each_comes_once_in_the_order_it_came() {
    let mut queue = Queue::default();
    queue.extend([3, 1, 3, 2, 1].map(net));
    assert_eq!(rest(&mut queue), [3, 1, 2].map(net));
    assert!(queue.is_empty());
}

#[test]
fn who_leaves_is_not_served_and_may_come_again() {
    let mut queue = Queue::default();
    queue.extend([1, 2, 3].map(net));
    queue.remove(net(2));
    assert_eq!(queue.pop_first(), Some(net(1)));
    queue.extend([1, 2].map(net));
    let mut rest = rest(&mut queue);
    rest.sort_unstable();
    assert_eq!(rest, [1, 2, 3].map(net));
}

#[test]
fn the_line_does_not_grow_with_those_who_come_and_go() {
    let mut queue = Queue::default();
    queue.insert(net(0));
    for n in 1..10_000 {
        queue.insert(net(n % 7));
        queue.remove(net(n % 7));
        queue.insert(net(100 + n % 3));
        assert!(queue.line.len() <= SLACK + 2 * 6, "{} in line", queue.line.len());
    }
    let mut left: Vec<IpNetwork> = rest(&mut queue);
    left.sort_unstable();
    left.dedup();
    assert_eq!(left.len(), 3, "{left:?}");
}
