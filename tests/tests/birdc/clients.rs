//! BIRD's own clients and roost's, each with each command.

use std::process::Command;

use roost_tests::peers;

use super::*;

/// Every command that the socket knows, with words that its answer has (each client gives each order again).
const COMMANDS: &[(&str, &[&str])] = &[
    ("show status", &["Router ID is 10.9.0.1\n", "Daemon is up and running\n"]),
    (
        "show protocols",
        &["name     proto    table    state  since       info\n", "Mesh_10_9_0_2 BGP      master   up "],
    ),
    ("show protocols all", &["  BGP state:          Established\n", "    Neighbor address: 10.9.0.2\n"]),
    ("show protocols all Mesh_10_9_0_2", &["    Neighbor ID:      10.9.0.2\n", "    Hold timer:       "]),
    (
        "show route",
        &["10.65.1.0/26       blackhole [static1 ", "10.65.2.0/26       via 10.9.0.2 on eth0 [Mesh_10_9_0_2 "],
    ),
    ("show route all", &["\tBGP.next_hop: 10.9.0.2\n", "\tType: static unicast univ\n"]),
    ("show route for 10.65.4.4", &["10.65.4.4/32       via 10.9.0.2 on eth0 ["]),
    ("show route protocol static1", &["10.65.1.0/26       blackhole ["]),
    ("show route primary", &["] * (100/0) [i]\n"]),
    ("show route count", &["4 of 4 routes for 4 networks\n"]),
    ("show memory", &["BIRD memory usage\nRouting tables:  ", "Total:  "]),
    ("configure check", &["Reading configuration from ", "Configuration OK\n"]),
    ("configure soft", &["Reconfigured\n"]),
    ("configure", &["Reconfigured\n"]),
    ("disable Node_10_9_0_3", &["disabled\n"]),
    ("enable Node_10_9_0_3", &["enabled\n"]),
    ("restart Node_10_9_0_3", &["Node_10_9_0_3: restarted\n"]),
    ("reload Mesh_10_9_0_2", &["Mesh_10_9_0_2: reloading\n"]),
    ("show interfaces", &["roost has no `show interfaces`\n"]),
];

#[test]
fn birdc_and_birdcl_of_both_packages_talk_to_roost() {
    let node = Node::new("birdclients");
    let _roost = node.roost(true);
    let socket = node.socket("bird.ctl");
    let socket = socket.to_str().expect("a plain path");
    let mut clients: Vec<(PathBuf, Vec<&str>)> = Vec::from(peers::bird_clients().map(|client| (client, Vec::new())));
    clients.push((peers::roost(), vec!["birdcl"]));
    for (command, expected) in COMMANDS {
        let mut first = None;
        for (client, before) in &clients {
            let answer = run(client, before, &["-s", socket], command);
            let said = format!("{} {command}:\n{answer}", client.display());
            assert!(answer.starts_with("BIRD 1.6.8+roost-") && answer.contains(" ready.\n"), "{said}");
            expected.iter().for_each(|words| assert!(answer.contains(words), "{words:?} is not in what {said}"));
            // What does not change from one moment to the next is printed alike by all of them.
            if ["show route", "show protocols Mesh", "configure", "show route count"].contains(command) {
                assert_eq!(first.get_or_insert(answer.clone()), &answer, "{}", client.display());
            }
        }
    }
}

#[test]
fn a_client_can_be_kept_from_changing_anything() {
    let node = Node::new("birdrestricted");
    let _roost = node.roost(true);
    let socket = node.socket("bird.ctl");
    let socket = socket.to_str().expect("a plain path");
    let mut clients: Vec<(PathBuf, Vec<&str>)> = Vec::from(peers::bird_clients().map(|client| (client, Vec::new())));
    clients.push((peers::roost(), vec!["birdcl"]));
    for (client, before) in &clients {
        let answer = run(client, before, &["-r", "-s", socket], "disable all");
        assert!(answer.ends_with(" ready.\nAccess restricted\nAccess denied\n"), "{}: {answer}", client.display());
    }
    let rows = ask(&node.socket("bird.ctl"), "show protocols Mesh_10_9_0_2");
    assert!(rows.contains("Established"), "{rows}");
}

#[track_caller]
fn run(client: &Path, before: &[&str], options: &[&str], command: &str) -> String {
    let mut process = Command::new(client);
    process.args(before).args(options).args(command.split(' '));
    process.env("LD_LIBRARY_PATH", peers::libraries(&[])).env("TERM", "dumb");
    let output = process.output().unwrap_or_else(|error| panic!("cannot run {}: {error}", client.display()));
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8(text).expect("text")
}
