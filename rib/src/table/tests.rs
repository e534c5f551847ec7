use super::*;

#[test]
fn a_path_and_a_dest_stay_small() {
    // The goal is 150 octets a path, attributes included.
    assert!(size_of::<Path>() <= 40, "{}", size_of::<Path>());
    assert!(size_of::<Dest>() <= 40, "{}", size_of::<Dest>());
}

#[test]
fn what_comes_again_in_a_row_is_found_in_its_row_and_a_free_place_is_nobodys() {
    let prefix = |text: &str| text.parse::<Prefix>().unwrap();
    let mut table = Table::default();
    let all: Vec<Prefix> = (0..5).map(|n| prefix(&format!("10.66.{n}.0/26"))).collect();
    let ids: Vec<u32> = all.iter().map(|one| table.find_or_insert(*one)).collect();
    assert_eq!(ids, [0, 1, 2, 3, 4]);
    table.find_or_insert(all[1]);
    assert_eq!((table.find_near(all[2]), table.find_near(all[3])), (Some(2), None));
    assert_eq!(all.iter().rev().map(|one| table.find_or_insert(*one)).collect::<Vec<_>>(), [4, 3, 2, 1, 0]);
    // What stands in a free place looks like the default route.
    let default = Dest::default().prefix;
    assert_eq!(default, prefix("0.0.0.0/0"));
    assert!(table.try_remove(1));
    table.find_or_insert(all[0]);
    assert_eq!((table.find_near(default), table.find(&default)), (None, None));
    assert_eq!((table.find_or_insert(default), table.find_or_insert(all[2])), (1, 2));
}
