//! What `roost show` leaves out when it is told what is wanted: each filter on a real daemon, with a real kernel.

use roost_tests::{Daemon, Kind, Lab, PATIENCE, Peer, Roost, Speaker, until};

/// The first words of a table's rows.
fn first_words(table: &str) -> Vec<&str> {
    table.lines().skip(1).take_while(|line| !line.is_empty()).filter_map(|line| line.split(' ').next()).collect()
}

#[test]
fn each_filter_of_show_leaves_what_it_says() {
    let lab = Lab::new("filters");
    let (a, b) = (lab.netns("a"), lab.netns("b"));
    lab.wire((&a, "eth0"), (&b, "eth0"));
    let one = Speaker::new("10.9.0.1/24", &["10.65.1.0/26"])
        .with_peer(Peer::new("10.9.0.2", 64512))
        .with_peer(Peer::new("10.9.0.9", 64512));
    // One block equal to the node's own subnet: it stays out of the kernel.
    let mut two = Speaker::new("10.9.0.2/24", &["10.65.2.0/26", "10.65.3.0/26", "10.9.0.0/24"])
        .with_peer(Peer::new("10.9.0.1", 64512));
    two.more = "prefix_lists: { some: [{ prefix: 10.65.3.0/26 }] }\n\
        policies: { mark: { rules: [{ match: { prefix_list: some }, set: { communities: { add: [64512:7] } }, action: accept }],\
        \x20 default: accept } }"
        .to_owned();
    one.address_device(&a, "eth0");
    two.address_device(&b, "eth0");
    let marked = two.roost(&b).replace("asn: 64512, connect", "asn: 64512, export: mark, connect");
    let _two = Daemon::start(Roost, &b, &marked);
    let roost = one.start(Kind::Roost, &a);
    until("what the other one says is in the kernel", PATIENCE, || {
        let table = roost.ask("show fib --state installed");
        if first_words(&table).len() == 3 { Ok(()) } else { Err(table) }
    });
    for (command, rows) in [
        ("show fib --state installed", &["10.65.1.0/26", "10.65.2.0/26", "10.65.3.0/26"][..]),
        ("show fib --state withheld", &["10.9.0.0/24"]),
        ("show fib --prefix 10.65.2.0/23 --longer", &["10.65.2.0/26", "10.65.3.0/26"]),
        ("show fib --prefix 10.65.2.0/26", &["10.65.2.0/26"]),
        ("show fib --prefix 10.65.0.0/16", &[]),
        ("show routes --state withheld", &["10.9.0.0/24"]),
        ("show routes --state installed --peer 10.9.0.2", &["10.65.2.0/26", "10.65.3.0/26"]),
        ("show routes --state rejected", &[]),
        ("show routes --community 64512:7", &["10.65.3.0/26"]),
        ("show routes --community 64512:7 --state withheld", &[]),
        ("show groups", &["ipv4"]),
        ("show peers --state down", &["10.9.0.9"]),
        ("show peers --state established", &["10.9.0.2"]),
        ("show peers --state established --peer 10.9.0.9", &[]),
    ] {
        let table = roost.ask(command);
        assert_eq!(first_words(&table), rows, "{command}:\n{table}");
        let json = roost.ask(&format!("{command} --json"));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
        assert_eq!(json.as_array().map(Vec::len), Some(rows.len()), "{command} --json: {json}");
    }
}
