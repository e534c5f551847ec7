//! Every scenario runs at a tiny size, against roost and against the floor: the generator, the configurations and the
//! counting work. Nothing is timed here.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use roost_load::scenario::{ALL, Course, Scenario};
use roost_tests::peers;
use serde_json::Value;

/// Multiplies clients, or prefixes where there are many thousands of them.
fn scale(scenario: &Scenario) -> f64 {
    if scenario.scales_prefixes { 500.0 / scenario.prefixes as f64 } else { 6.0 / scenario.senders as f64 }
}

/// Beside roost, the floor, or what writes routes without a daemon; with sizes, roost alone, as it is by default.
fn daemons(scenario: &Scenario) -> &'static [&'static str] {
    match scenario.course {
        Course::Routes => &["roost", "raw"],
        _ if scenario.grows.is_some() => &["roost"],
        _ => &["roost", "floor"],
    }
}

/// Runs `roost-load bench`, which must succeed, and returns what its JSON says of each run, with its table.
fn bench(scenario: &Scenario, folder: &Path) -> (Vec<Value>, String) {
    let scale = scale(scenario);
    let mut command = Command::new(env!("CARGO_BIN_EXE_roost-load"));
    command.args(["bench", scenario.name, "--runs", "1", "--seconds", "1"]);
    if scenario.grows.is_none() {
        command.args(["--daemons", &daemons(scenario).join(",")]);
    }
    command.args(["--scale", &scale.to_string(), "--out"]).arg(folder).env("ROOST_BIN", peers::roost());
    let output = command.output().expect("roost-load runs");
    let text = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{}: {}\n{text}", scenario.name, output.status);
    let mut files = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    let file = files.find(|path| path.extension().is_some_and(|end| end == "json")).expect("a JSON file");
    let json: Value = serde_json::from_slice(&std::fs::read(file).expect("readable")).expect("JSON");
    let runs = json["scenarios"][0]["runs"].as_array().expect("runs").clone();
    (runs, String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn every_scenario_runs_at_a_tiny_size() {
    // Most of the time nothing happens: the generator waits until a daemon is silent.
    for some in ALL.chunks(4) {
        std::thread::scope(|scope| {
            let runs: Vec<_> = some.iter().map(|scenario| scope.spawn(|| runs_at_a_tiny_size(scenario))).collect();
            runs.into_iter().for_each(|run| run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        });
    }
}

fn runs_at_a_tiny_size(scenario: &Scenario) {
    let folder = tempfile::tempdir().expect("a folder");
    let (runs, table) = bench(scenario, folder.path());
    let sizes: Vec<Scenario> = scenario.sizes().iter().map(|size| size.scaled(scale(scenario))).collect();
    let wanted = sizes.iter().flat_map(|small| daemons(scenario).iter().map(move |&daemon| (small, daemon)));
    assert_eq!(runs.len(), wanted.clone().count(), "{}", scenario.name);
    for (run, (small, wanted)) in runs.into_iter().zip(wanted) {
        assert_eq!(run["daemon"], wanted, "{}", scenario.name);
        assert_eq!(run["size"].as_u64(), small.size().map(|size| size as u64), "{}", scenario.name);
        let (daemon, outcome) = (run["daemon"].as_str().expect("a name"), &run["outcome"]);
        let said = format!("{} {daemon}: {outcome:#}\n{table}", scenario.name);
        if daemon == "floor" && scenario.name == "R2" {
            assert_eq!(outcome["error"], "writes no routes into the kernel", "{said}");
            continue;
        }
        assert_eq!(outcome["error"], Value::Null, "{said}");
        assert_eq!(outcome["speakers"], small.speakers(), "{said}");
        let steps = outcome["steps"].as_array().expect("steps");
        let names: Vec<&str> = steps.iter().filter_map(|step| step["name"].as_str()).collect();
        let wanted: &[&str] = match scenario.course {
            Course::Converge => &["announce", "withdraw half"],
            Course::Announce if scenario.stalled > 0 => &["announce", "catch up"],
            Course::Announce => &["announce"],
            Course::Flap { .. } => &["flap", "settle"],
            Course::Storm => &["up"],
            Course::Routes => &["announce", "replace", "withdraw"],
        };
        assert_eq!(names, wanted, "{said}");
        assert!(steps.iter().all(|step| step["done"] == true), "{said}");
        if daemon == "raw" {
            assert!(steps.iter().all(|step| step["cpu"].as_f64().is_some_and(|cpu| cpu > 0.0)), "{said}");
            assert!(table.contains("| roost ÷ raw | "), "{said}");
            continue;
        }
        assert!(steps.iter().all(|step| step["peak_kib"].as_u64().is_some_and(|kib| kib > 1_000)), "{said}");
        if scenario.grows.is_some() {
            // Each session is a file of the daemon's, and sessions cost memory.
            let files = steps[0]["files"].as_u64().expect("a count");
            assert!(files > small.speakers() as u64 && files < small.speakers() as u64 + 100, "{said}");
            let rss = |when: &str| outcome[when]["rss_kib"].as_u64().expect("KiB");
            assert!(rss("before") > 1_000 && rss("before") <= rss("up"), "{said}");
            assert!(steps[0]["buffers"]["rest"].is_u64(), "{said}");
            let heard = outcome["heard"].as_array().expect("what watchers heard");
            assert_eq!(heard.len(), small.watchers, "{said}");
            assert!(heard.iter().all(|heard| heard["routes"].as_u64() > Some(0)), "{said}");
            let row = format!("| roost | {} | ", small.size().expect("it grows"));
            assert!(table.contains(&row), "{said}");
        }
        if let Course::Flap { .. } = scenario.course {
            // All of them, unless the machine stands still for half a second: the prefix is gone again by then.
            assert!(steps[0]["latency"]["delivered_percent"].as_f64().is_some_and(|share| share > 95.0), "{said}");
            assert!(steps[0]["latency"]["announce"]["max"].as_u64().is_some_and(|max| max > 0), "{said}");
        }
    }
}

#[test]
fn a_daemon_that_never_completes_fails_in_words_and_in_time() {
    // A port at which nobody listens.
    let mut command = Command::new(env!("CARGO_BIN_EXE_roost-load"));
    command.args(["speak", "R1", "--scale", "0.004", "--limit", "0.5", "--target", "127.0.0.2:1"]);
    let output = command.output().expect("roost-load runs");
    assert!(!output.status.success());
    let outcome: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let error = outcome["error"].as_str().expect("an error");
    assert!(error.starts_with("0 of 2 sessions up after 0.5 s; ") && error.contains("refused"), "{error}");
    assert!(outcome["refused"].as_u64().is_some_and(|count| count >= 2), "{outcome}");
}

#[test]
fn receivers_are_in_the_update_groups_the_scenario_says_or_the_run_fails() {
    // The floor has no export policies: nobody gets the MED of his.
    let free = TcpListener::bind("127.77.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let roost_load = || Command::new(env!("CARGO_BIN_EXE_roost-load"));
    let mut floor = roost_load().args(["repeat", "--listen", &free.to_string()]).spawn().expect("roost-load runs");
    let mut speak = roost_load();
    speak.args(["speak", "scale-groups", "--size", "2", "--scale", "0.0001", "--target", &free.to_string()]);
    let output = speak.output();
    floor.kill().and_then(|()| floor.wait()).expect("it ran");
    let outcome: Value = serde_json::from_slice(&output.expect("roost-load runs").stdout).expect("JSON");
    let error = outcome["error"].as_str().expect("an error");
    assert!(
        error.starts_with("an UPDATE to 127.1.0.") && error.contains(" has MED None; its export policy sets "),
        "{error}"
    );
}
