//! The example that a newcomer types first: `examples/node-mesh/run`.

use std::process::{Command, Stdio};

use roost_tests::peers;

/// Runs the example and returns what it printed, or everything it said when it failed.
#[track_caller]
fn run(arguments: &[&str]) -> String {
    let mut example = Command::new(peers::checkout().join("examples/node-mesh/run"));
    example.args(arguments).env("ROOST_BIN", peers::roost()).stdin(Stdio::null());
    let output = example.output().unwrap_or_else(|error| panic!("cannot run the example: {error}"));
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "examples/node-mesh/run {arguments:?}: {}\n{out}\n{err}", output.status);
    out
}

#[track_caller]
fn assert_good(out: &str) {
    // Eight pods ping eight pods; per node two blocks of its own and two of each of the other three.
    let words = |wanted: &str| out.split_whitespace().filter(|word| *word == wanted).count();
    assert_eq!((words("ok"), words("--")), (64, 0), "{out}");
    let lines: Vec<&str> =
        out.lines().filter(|line| line.ends_with(" proto bird") || line.ends_with(" onlink")).collect();
    assert_eq!(lines.iter().filter(|line| line.starts_with("blackhole 10.6")).count(), 8, "{out}");
    assert_eq!(lines.iter().filter(|line| line.contains(" dev eth0 proto bird")).count(), 16, "{out}");
    assert_eq!(lines.iter().filter(|line| line.contains(" dev tunl0 proto bird onlink")).count(), 8, "{out}");
}

#[test]
fn the_node_mesh_example_carries_packets() {
    let out = run(&[]);
    assert_good(&out);
    assert!(out.contains("roost show peers"), "{out}");
}

#[test]
fn the_node_mesh_example_carries_packets_with_bird_alone() {
    assert_good(&run(&["--kinds", "bird bird bird bird"]));
}

#[test]
fn the_node_mesh_example_carries_packets_with_roost_alone() {
    assert_good(&run(&["--kinds", "roost roost roost roost"]));
}

#[test]
fn a_kept_lab_is_left_and_removed() {
    let out = run(&["--keep", "--kinds", "bird bird bird bird"]);
    let id = out.split("--remove ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or_default();
    let namespaces = || {
        let list = Command::new("ip").args(["netns", "list"]).output().map(|o| o.stdout).unwrap_or_default();
        String::from_utf8_lossy(&list).matches(&format!("roost-mesh-{id}-")).count()
    };
    let kept = namespaces();
    run(&["--remove", id]);
    assert_eq!((kept, namespaces()), (13, 0), "four nodes, a router and eight pods\n{out}");
}
