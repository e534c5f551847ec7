//! Hostile and huge files: bounded in memory and time.

use super::*;

#[test]
fn aliases_cannot_multiply() {
    // Each line stands for ten of the line before: a billion nodes in 300 bytes.
    let mut text = "x-0: &a0 [a, a, a, a, a, a, a, a, a, a]\n".to_owned();
    for level in 1..10 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        writeln!(text, "x-{level}: &a{level} [{before}]").unwrap();
    }
    let started = Instant::now();
    let errors = bad(&text);
    assert!(errors.to_string().contains("this alias makes the configuration too large"), "{errors}");
    // The same with one long text: what is copied counts.
    let long = "é\\n".repeat(100_000);
    let text = format!("x-0: &a \"{long}\"\nx-1: [{}]\n", "*a, ".repeat(20_000));
    assert!(bad(&text).to_string().contains("too large"));
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn nesting_and_size_are_limited() {
    let deep = format!("router: {}", "[".repeat(100_000));
    assert!(!bad(&deep).0.is_empty());
    let deep: String = (0..5_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert!(!bad(&deep).0.is_empty());
    let large = format!("router: {{ asn: 1, router_id: 1.1.1.1 }}\n#{}\n", " ".repeat(speaker::config::MAX_FILE_SIZE));
    assert!(bad(&large).to_string().contains("more than 16 MiB"));
    // A file of mistakes only, on one line: bounded in number, in width and in time.
    let errors = bad(&format!("{BASE}pools: [{}]", "x, ".repeat(200_000)));
    assert_eq!(errors.0.len(), 1_000);
    assert!(errors.0.iter().all(|error| error.to_string().len() < 1_000));
}

#[test]
fn no_number_of_mistakes_takes_for_ever() {
    let started = Instant::now();
    let unknown: String = (0..30_000).map(|index| format!("key{index}: 1\n")).collect();
    assert_eq!(bad(&format!("{BASE}{unknown}")).0.len(), 1_000);
    let address = |index: u32| std::net::Ipv4Addr::from(index + 1);
    let groups: String = (0..10_000).map(|index| format!("  g{index}: {{}}\n")).collect();
    let peers: String =
        (0..10_000).map(|index| format!("  - {{ address: {}, group: h{index} }}\n", address(index))).collect();
    assert!(bad(&format!("{BASE}peer_groups:\n{groups}peers:\n{peers}")).0.len() >= 1_000);
    let pools: String = (0..10_000).map(|index| format!("  - {{ cidr: {}/32 }}\n", address(index))).collect();
    assert!(bad(&format!("{BASE}pools:\n{pools}")).to_string().contains("pools has more than 1024 entries"));
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_flood_of_warnings_hides_no_error() {
    let groups: String = (0..2_000).map(|index| format!("  g{index}: {{}}\n")).collect();
    let errors = bad(&format!("{BASE}peer_groups:\n{groups}fib: {{ protocol: 2 }}\n"));
    assert!(errors.to_string().contains("fib.protocol"));
}

#[test]
fn twenty_thousand_mesh_nodes_load() {
    let mut text = format!("{BASE}mesh:\n  nodes:\n    - {{ name: n1, addresses: [172.16.1.1] }}\n");
    for index in 0..20_000_u32 {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + index);
        writeln!(text, "    - {{ name: node-{index}, addresses: [{address}] }}").unwrap();
    }
    assert_eq!(good(&text).peers.len(), 20_000);
}

#[test]
fn fifty_thousand_peers_load() {
    let mut text = format!("{BASE}peers:\n");
    for index in 0..50_000_u32 {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + index);
        writeln!(text, "  - {{ address: {address}, asn: 64512, hold_time: 90s, description: p{index} }}").unwrap();
    }
    assert_eq!(good(&text).peers.len(), 50_000);
}
