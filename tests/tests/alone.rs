//! A node without peers: its blocks are in its kernel, and it can be looked into and told what to announce.

use roost_tests::{Daemon, Lab, PATIENCE, Roost, Speaker, until};

#[test]
fn a_node_without_peers_holds_its_blocks_and_takes_orders() {
    let lab = Lab::new("alone");
    let ns = lab.netns("a");
    ns.ip("link add eth0 type veth peer name far");
    ns.ip("link set far up");
    let speaker = Speaker::new("10.9.0.1/24", &["10.65.1.0/26"]);
    speaker.address_device(&ns, "eth0");
    let roost = Daemon::start(Roost, &ns, &speaker.roost(&ns));
    let holds = |wanted: &[&str]| {
        until(&format!("{wanted:?}"), PATIENCE, || {
            let have = ns.routes("proto bird");
            if have == wanted { Ok(()) } else { Err(format!("{have:?}")) }
        });
    };
    holds(&["blackhole 10.65.1.0/26"]);
    roost.ask("announce 10.65.9.0/26");
    holds(&["blackhole 10.65.1.0/26", "blackhole 10.65.9.0/26"]);
    roost.ask("withdraw 10.65.9.0/26");
    holds(&["blackhole 10.65.1.0/26"]);
    assert!(roost.ask("show routes").contains("10.65.1.0/26"));
}
