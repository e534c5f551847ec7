//! Programs that read the socket, by their own rules: Calico's readiness probe and node status, and bird_exporter.

use super::*;

#[test]
fn the_readiness_probe_finds_who_is_established_and_who_is_not() {
    let node = Node::new("birdprobe");
    let _roost = node.roost(true);
    let peers = probe(&node.socket("bird.ctl"));
    let established: Vec<_> = peers.iter().filter(|peer| peer.bgp == "Established").collect();
    assert_eq!(established.iter().map(|peer| peer.address.as_str()).collect::<Vec<_>>(), ["10.9.0.2"]);
    assert_eq!((established[0].kind, established[0].state.as_str()), ("Mesh", "up"));
    let others: Vec<_> = peers.iter().filter(|peer| peer.bgp != "Established").collect();
    assert_eq!(
        others.iter().map(|peer| (peer.kind, peer.address.as_str())).collect::<Vec<_>>(),
        [("Node", "10.9.0.3"), ("Global", "10.9.0.4")]
    );
    assert_eq!((others[1].bgp.as_str(), others[1].state.as_str()), ("Passive", "start"));
    assert!(others.iter().all(|peer| !peer.info.is_empty()), "why is said");

    let six = probe(&node.socket("bird6.ctl"));
    assert_eq!(six.iter().map(|peer| (peer.kind, peer.address.as_str())).collect::<Vec<_>>(), [("Mesh", "fd00:9::2")]);
    assert_eq!(six[0].bgp, "Established");

    wait_until_ready(&node.socket("bird.ctl"));
    // The liveness probe takes what `birdcl` prints for alive when it begins with this.
    let output = std::process::Command::new(roost_tests::peers::roost())
        .args(["birdcl", "-s", node.socket("bird.ctl").to_str().expect("a plain path"), "show", "status"])
        .output()
        .expect("roost runs");
    assert!(output.status.success() && output.stdout.starts_with(b"BIRD"), "{output:?}");
}

#[test]
fn the_status_reporter_finds_each_peer_and_each_route() {
    let node = Node::new("birdreporter");
    let _roost = node.roost(true);
    for (socket, peer, address, routes) in [
        ("bird.ctl", "Mesh_10_9_0_2", "10.9.0.2", ["10.65.1.0/26 blackhole", "10.65.2.0/26 via 10.9.0.2 eth0"]),
        (
            "bird6.ctl",
            "Mesh_fd00_9__2",
            "fd00:9::2",
            ["fd00:65:1::/122 blackhole", "fd00:65:2::/122 via fd00:9::2 eth0"],
        ),
    ] {
        // All on one connection.
        let (mut client, greeting) = Client::connect(&node.socket(socket));
        assert!(greeting.contains("BIRD") && greeting.contains("ready"), "{greeting}");
        let status = client.ask("show status");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.split_once(name));
            line.unwrap_or_else(|| panic!("no {name:?}: {status}")).1.to_owned()
        };
        assert_eq!(field("Router ID is "), "10.9.0.1");
        assert!(field("1000-BIRD ").starts_with("1.6.8"));
        for name in ["Current server time is ", "Last reboot on ", "Last reconfiguration on "] {
            let time = field(name);
            assert!(time.len() == 19 && time.as_bytes()[10] == b' ' && time.as_bytes()[16] == b':', "{name}{time}");
        }
        assert!(client.ask("show protocols").contains(peer));
        let detail = client.ask(&format!("show protocols all {peer}"));
        let value = |name: &str| detail.lines().find_map(|line| Some(line.split_once(name)?.1.trim().to_owned()));
        assert_eq!(value("BGP state:").as_deref(), Some("Established"), "{detail}");
        assert_eq!(value("Neighbor address:").as_deref(), Some(address), "{detail}");
        let table = client.ask("show route");
        let found: Vec<String> = table.lines().filter_map(route).collect();
        routes.iter().for_each(|route| assert!(found.iter().any(|of| of == route), "{route}: {found:?}"));
        assert_eq!(found.len() + 1, table.lines().count(), "a row that no rule knows: {table}");
    }
}

/// Numbers with their words.
type Counts = Vec<(u64, String)>;

#[test]
fn the_exporter_counts_the_routes_of_each_session() {
    let node = Node::new("birdexporter");
    let _roost = node.roost(true);
    let answer = ask(&node.socket("bird.ctl"), "show protocols all");
    let mut protocols: Vec<(String, String, Counts)> = Vec::new();
    for line in answer.lines() {
        let row = line.strip_prefix("1002-").map(|row| row.split_whitespace().collect::<Vec<_>>());
        if let Some([name, kind, table, state, since, info @ ..]) = row.as_deref() {
            assert_eq!((*table, since.len()), ("master", if since.contains(':') { 8 } else { 10 }), "{line}");
            let up = *state == "up" && (*kind != "BGP" || info.first() == Some(&"Established"));
            protocols.push(((*name).to_owned(), format!("{kind} {}", if up { "up" } else { "down" }), Vec::new()));
        } else if let Some((_, counts)) = line.split_once("Routes:") {
            let counts = counts.split(',').map(|count| count.trim().split_once(' ').expect("a number and a word"));
            let counts = counts.map(|(number, word)| (number.parse().expect("a number"), word.to_owned())).collect();
            protocols.last_mut().expect("a row before").2 = counts;
        } else if line.contains("updates:") || line.contains("withdraws:") {
            let columns = line.split_whitespace().skip(2).collect::<Vec<_>>();
            assert!(columns.len() == 5 && columns.iter().all(|n| *n == "---" || n.parse::<u64>().is_ok()), "{line}");
        }
    }
    let of = |name: &str| protocols.iter().find(|(of, ..)| of == name).unwrap_or_else(|| panic!("no {name}: {answer}"));
    let counts = |imported, exported, preferred| {
        [(imported, "imported"), (exported, "exported"), (preferred, "preferred")]
            .map(|(number, word): (u64, &str)| (number, word.to_owned()))
            .to_vec()
    };
    assert_eq!((&of("Mesh_10_9_0_2").1[..], &of("Mesh_10_9_0_2").2), ("BGP up", &counts(3, 1, 3)));
    assert_eq!((&of("Global_10_9_0_4").1[..], &of("Global_10_9_0_4").2), ("BGP down", &counts(0, 0, 0)));
    assert_eq!((&of("static1").1[..], &of("static1").2), ("Static up", &counts(1, 0, 1)));
}

/// A peer, as the probe reads it.
struct Probed {
    kind: &'static str,
    address: String,
    state: String,
    bgp: String,
    info: String,
}

/// The rules of the readiness probe: codes it does not know are an error, and so are other columns.
#[track_caller]
fn probe(socket: &Path) -> Vec<Probed> {
    let answer = ask(socket, "show protocols");
    let mut peers = Vec::new();
    let mut columns = Vec::new();
    for line in answer.lines() {
        let (code, text) = line.strip_prefix(' ').map_or_else(|| line.split_at(4), |text| ("", text));
        match code {
            "0000" | "0001" => {}
            "2002" => columns = text[1..].split_whitespace().collect(),
            "" | "1002" => {
                assert_eq!(columns, ["name", "proto", "table", "state", "since", "info"]);
                let fields: Vec<&str> = text.trim_start_matches('-').split_whitespace().collect();
                let kind = ["Global", "Node", "Mesh"].into_iter().find(|kind| fields[0].starts_with(kind));
                let (Some(kind), "BGP") = (kind, fields[1]) else { continue };
                let between = if fields[0].contains("__") || fields[0].starts_with("Mesh_fd") { ":" } else { "." };
                peers.push(Probed {
                    kind,
                    address: fields[0][kind.len() + 1..].replace('_', between),
                    state: fields[3].to_owned(),
                    bgp: fields[5].to_owned(),
                    info: fields[6..].join(" "),
                });
            }
            _ => panic!("the probe does not know this line: {line}"),
        }
    }
    peers
}

/// Within its first seconds a node is not ready while it recovers.
#[track_caller]
pub fn wait_until_ready(socket: &Path) {
    until("the end of the recovery", PATIENCE, || {
        let status = ask(socket, "show status");
        let known = ["0001", "1000", "1011", "0024", "0013", " "];
        assert!(status.lines().all(|line| known.iter().any(|code| line.starts_with(code))), "{status}");
        if status.contains("0024") { Err(status) } else { Ok(()) }
    });
}

/// `PREFIX via GATEWAY INTERFACE`, or `PREFIX blackhole`, of a row that has one of the reporter's forms.
fn route(line: &str) -> Option<String> {
    let words: Vec<&str> = line.trim_start_matches("1007-").split_whitespace().collect();
    match words[..] {
        [prefix, "via", gateway, "on", device, _, _, "*", ..] if line.contains("] * (") => {
            Some(format!("{prefix} via {gateway} {device}"))
        }
        [prefix, kind @ ("blackhole" | "unreachable"), ..] => Some(format!("{prefix} {kind}")),
        _ => None,
    }
}
