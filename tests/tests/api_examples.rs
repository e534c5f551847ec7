//! The scripts of `examples/api`, each run as it stands against a roost: what they ask for is done, and the log says by whom.

use std::collections::BTreeMap;
use std::process::Command;

use roost_tests::{Kind, Lab, PATIENCE, peers, two_nodes, until};

/// What must stand in the answers of each; `[]` is no word for something that went wrong.
const WORDS: [(&str, &[&str]); 8] = [
    ("announce", &[r#""changed":["10.65.7.0/26","10.65.9.7/32"]"#, r#""unchanged":[]"#]),
    ("configuration", &[r#""generation":1"#, r#""needs_restart":[]"#]),
    ("drain", &[r#""state":"leaving""#, r#""message":"new disk, back at 6""#, r#""state":"off""#]),
    ("log", &[r#""targets":{"fib_sync":"debug"}"#, r#""targets":{}"#]),
    ("look", &[r#""phase":"#, r#""address":"10.9.0.2""#, r#""prefix":"10.65.1.0/26""#]),
    ("owner", &[r#""prefixes":["10.65.3.0/26"],"services":["10.96.0.10/32"],"lease":{"seconds":90"#]),
    (
        "peer-at-run-time",
        &[r#""text":"peer 10.9.0.7: added""#, r#""kind":"pool","name":"10.66.0.0/16""#, "peer 10.9.0.7: removed"],
    ),
    ("peers", &[r#""address":"10.9.0.2""#, "disabled", r#""changed":true"#]),
];

#[test]
fn each_script_does_what_it_says_and_the_log_names_the_caller() {
    let lab = Lab::new("curl");
    let ([a, b], [one, two]) = two_nodes(&lab);
    let _bird = two.start(Kind::Bird2, &b);
    let roost = one.start(Kind::Roost, &a);
    until("the two nodes know each other", PATIENCE, || {
        let routes = a.routes("proto bird");
        if routes.len() == 2 { Ok(()) } else { Err(format!("{routes:?}")) }
    });
    let folder = peers::checkout().join("examples/api");
    let names = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let names = names.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut words = BTreeMap::from(WORDS);
    for name in names.collect::<std::collections::BTreeSet<_>>() {
        let words = words.remove(&*name).unwrap_or_else(|| panic!("what has examples/api/{name} to print?"));
        let mut script = Command::new(folder.join(&name));
        let output = script.env("ROOST_SOCKET", &roost.files().socket).output();
        let output = output.unwrap_or_else(|error| panic!("examples/api/{name}: {error}"));
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "examples/api/{name}: {}\n{said}\n{}", output.status, roost.log());
        for word in words {
            assert!(said.contains(word), "examples/api/{name} lacks {word}:\n{said}");
        }
    }
    assert!(words.is_empty(), "there is no {:?}", words.keys());

    let log = roost.log();
    for page in ["peers/refresh", "peers/disable", "peers/enable", "peers/reset", "reload", "drain", "undrain", "log"] {
        let line = log.lines().find(|line| line.contains(&format!("POST /v1/{page}")));
        assert!(line.is_some_and(|line| line.contains("uid 0, pid ")), "{page}: {line:?}\n{log}");
    }
    let edits = log.lines().filter(|line| line.contains("what an owner announces has changed"));
    assert!(edits.clone().count() >= 4 && edits.clone().all(|line| line.contains("uid 0, pid ")), "{log}");
}
