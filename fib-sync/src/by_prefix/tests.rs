use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn net(n: u8) -> IpNetwork {
    format!("10.66.{n}.0/26").parse().unwrap()
}

#[test]
fn the_entry_of_the_last_look_and_the_one_behind_it_are_found_without_the_table() {
    let mut map = ByPrefix::default();
    (0..9).for_each(|n| map.insert(net(n), n));
    for n in 0..9 {
        assert_eq!((map.get(net(n)), map.near.get()), (Some(&n), usize::from(n)));
    }
    // The last one takes the place of one that goes; a look there is not misled.
    assert_eq!(map.get(net(3)), Some(&3));
    assert_eq!(map.remove(net(3)), Some(3));
    assert_eq!((map.get(net(3)), map.get(net(8)), map.near.get()), (None, Some(&8), 3));
    assert_eq!((map.remove(net(7)), map.get(net(7)), map.get(net(6))), (Some(7), None, Some(&6)));
}

proptest! {
    #[test]
    fn whatever_is_done_it_has_what_a_plain_map_has(steps in prop::collection::vec((0..4_u8, 0..12_u8), 0..200)) {
        let (mut map, mut plain) = (ByPrefix::default(), BTreeMap::new());
        for (n, (step, prefix)) in steps.into_iter().enumerate() {
            let prefix = net(prefix);
            match step {
                0 => {
                    map.insert(prefix, n);
                    plain.insert(prefix, n);
                }
                1 => prop_assert_eq!(map.remove(prefix), plain.remove(&prefix)),
                2 => {
                    *map.get_or_default(prefix) += 1;
                    *plain.entry(prefix).or_default() += 1;
                }
                _ => prop_assert_eq!(map.get_mut(prefix), plain.get_mut(&prefix)),
            }
            prop_assert_eq!(map.get(prefix), plain.get(&prefix));
        }
        prop_assert_eq!(map.iter().map(|(prefix, n)| (prefix, *n)).collect::<BTreeMap<_, _>>(), plain);
    }
}
