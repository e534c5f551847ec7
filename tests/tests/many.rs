//! Twenty thousand blocks of one BIRD through roost: into roost's kernel, on to a second BIRD, and away again.

use std::fmt::Write as _;

use roost_tests::{Daemon, Kind, Lab, PATIENCE, Peer, Speaker, until};

const BLOCKS: usize = 20_000;

#[test]
fn twenty_thousand_blocks_go_through_roost_and_away_again() {
    let lab = Lab::new("many");
    let lan = lab.lan("lan");
    let [a, b, c] = ["a", "b", "c"].map(|name| {
        let ns = lab.netns(name);
        lan.plug(&lab, &ns, "eth0", &format!("port-{name}"));
        ns
    });
    let client = |n: u8| Peer { client: true, ..Peer::new(&format!("10.9.0.{n}"), 64512) };
    let roost = Speaker::new("10.9.0.1/24", &[]).with_peer(client(2)).with_peer(client(3));
    let mut source = Speaker::new("10.9.0.2/24", &[]).with_peer(Peer::new("10.9.0.1", 64512));
    let sink = Speaker::new("10.9.0.3/24", &[]).with_peer(Peer::new("10.9.0.1", 64512));
    for (speaker, ns) in [(&roost, &a), (&source, &b), (&sink, &c)] {
        speaker.address_device(ns, "eth0");
    }
    source.more = "protocol static many { ipv4;\n".into();
    for n in 0..BLOCKS {
        let _ = writeln!(source.more, "  route 10.{}.{}.{}/26 blackhole;", 64 + n / 1024, n / 4 % 256, n % 4 * 64);
    }
    source.more += "}\n";
    let config = source.bird2().replace("export where proto = \"blocks_ipv4\"", "export where proto = \"many\"");

    let roost = roost.start(Kind::Roost, &a);
    let sink = sink.start(Kind::Bird2, &c);
    let source = Daemon::start(roost_tests::Bird2::default(), &b, &config);
    let count = |wanted: usize| {
        for daemon in [&roost, &sink] {
            let name = format!("{wanted} routes in the kernel of {}", daemon.ns().name());
            until(&name, PATIENCE, || {
                let have = daemon.ns().routes("proto bird").len();
                if have == wanted { Ok(()) } else { Err(format!("{have} routes")) }
            });
        }
    };
    count(BLOCKS);
    let first = format!("10.64.0.0/26 via {} dev eth0", "10.9.0.2");
    assert_eq!(c.routes("10.64.0.0/26"), [format!("{first} proto bird")]);
    source.ask("disable many");
    count(0);
    source.ask("enable many");
    count(BLOCKS);
}
