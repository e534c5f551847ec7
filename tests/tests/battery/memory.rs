//! `roost show memory`: what it says follows what peers announce, and is less than the process has.

use serde_json::Value;

use crate::harness::{Neighbor, Roost, Setup};

/// How many there are of a part, and their octets.
#[track_caller]
fn part(page: &Value, name: &str) -> (u64, u64) {
    let parts = page["parts"].as_array().unwrap_or_else(|| panic!("{page}"));
    let part = parts.iter().find(|part| part["part"] == name).unwrap_or_else(|| panic!("no {name}: {page}"));
    (part["count"].as_u64().expect("a number"), part["bytes"].as_u64().expect("a number"))
}

fn memory(roost: &Roost) -> Value {
    roost.page("/v1/memory")
}

#[test]
fn every_part_is_counted_and_all_of_them_are_less_than_the_process_has() {
    let roost = Setup::with([Neighbor::client(), Neighbor::client()]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let before = memory(&roost);
    assert_eq!((part(&before, "paths").0, part(&before, "peers").0, part(&before, "sessions").0), (0, 2, 2));

    let prefixes: Vec<String> = (0..500).map(|n| format!("10.{}.{}.0/24", n / 256, n % 256)).collect();
    let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    let route = from.route(&prefixes);
    from.update(&route).settle(&roost);
    assert_eq!(to.adj_out_prefixes().len(), 500);
    let page = memory(&roost);
    // The marker's attributes are those of the others.
    for (name, count) in [("prefixes", 501), ("paths", 501), ("attribute sets", 1), ("next hops", 1)] {
        let (found, bytes) = part(&page, name);
        assert_eq!(found, count, "{name}");
        assert!(bytes >= count * 16, "{name}: {bytes}");
    }
    assert_eq!((part(&page, "group log entries").0, part(&page, "group members").0), (501, 2));
    assert!(part(&page, "sessions").1 > 2 * 500, "{page}");
    let number = |name: &str| page[name].as_u64().unwrap_or_else(|| panic!("{name}: {page}"));
    let sum: u64 = page["parts"].as_array().into_iter().flatten().filter_map(|part| part["bytes"].as_u64()).sum();
    assert_eq!(number("accounted"), sum);
    assert_eq!(number("resident"), sum + number("unaccounted"));
    assert!(number("resident_peak") >= number("resident") && number("per_path") > 50);
}
