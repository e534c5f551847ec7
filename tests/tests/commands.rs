//! The commands a person types, on the built binary: `roost check`, `schema`, `decode`, and what they exit with.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use roost_tests::peers;

#[track_caller]
fn roost(arguments: &[&str], stdin: &[u8]) -> (Output, String) {
    let mut command = Command::new(peers::roost());
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot run roost: {error}"));
    // A command that does not read its input may have ended already: then the pipe is closed, and that is fine.
    let _ = child.stdin.take().expect("asked for a pipe above").write_all(stdin);
    let output = child.wait_with_output().unwrap_or_else(|error| panic!("roost {arguments:?}: {error}"));
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output, String::from_utf8_lossy(&text).into_owned())
}

fn in_file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("the file takes a few lines");
    file
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().expect("temporary files have plain names")
}

const SIX_MISTAKES: &str = "\
router: { asn: 64512, router_id: 10.9.0.1 }
node:
  name: n1
  addresses: [10.9.0.1/24]
  bloks: [10.65.1.0/26]
pools:
  - { cidr: 10.65.0.0/16, mode: direct }
  - { cidr: 10.65.128.0/17, mode: direct }
peers:
  - { address: 10.9.0.2, asn: many }
  - { address: 10.9.0.3, asn: 64512, hold_time: 2s }
  - { address: 10.9.0.3, asn: 64512 }
  - { address: 10.9.0.1, asn: 64512 }
";

#[test]
fn check_prints_each_of_six_mistakes_with_its_place() {
    let file = in_file(SIX_MISTAKES);
    let (output, text) = roost(&["check", path(&file)], b"");
    assert_eq!(output.status.code(), Some(1), "{text}");
    // The line each mistake is on: misspelt key, overlapping pools, wrong type, out of range, duplicate peer, ourselves.
    for line in [5, 8, 10, 11, 12, 13] {
        let place = format!("{}:{line}:", path(&file));
        assert!(text.contains(&place), "nothing said about line {line}:\n{text}");
    }
    assert!(text.contains("blocks"), "no suggestion for `bloks`:\n{text}");
    assert!(text.contains('^'), "no caret:\n{text}");
}

#[test]
fn check_says_with_its_exit_code_whether_a_file_is_good_bad_or_unreadable() {
    let good = in_file("router: { asn: 64512, router_id: 10.9.0.1 }\n");
    let bad = in_file("router: { asn: 0 }\n");
    for (file, code) in [(path(&good), 0), (path(&bad), 1), ("/nonexistent/roost.yaml", 2)] {
        let (output, text) = roost(&["check", file], b"");
        assert_eq!(output.status.code(), Some(code), "{file}: {text}");
    }
}

#[test]
fn no_secret_is_ever_printed() {
    let file = in_file(
        "router: { asn: 64512, router_id: 10.9.0.1 }\n\
         peers: [{ address: 10.9.0.2, asn: 64512, password: hunter2secret, passwrd: hunter3secret }]\n",
    );
    let (output, text) = roost(&["check", path(&file)], b"");
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn every_example_configuration_is_accepted() {
    let folder = peers::checkout().join("examples/config");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let file = entry.expect("a readable folder").path();
        if file.extension().is_some_and(|x| x == "yaml") {
            let (output, text) = roost(&["check", file.to_str().expect("a plain name")], b"");
            assert!(output.status.success(), "{}: {text}", file.display());
            count += 1;
        }
    }
    assert!(count >= 3, "node mesh, route reflector and ToR peering should be there; found {count}");
}

#[test]
fn schema_is_a_json_schema_that_knows_the_sections() {
    let (output, text) = roost(&["schema"], b"");
    assert!(output.status.success(), "{text}");
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for section in ["router", "node", "pools", "peers", "mesh", "fib", "api", "log"] {
        assert!(schema["properties"][section].is_object(), "no section {section}: {text}");
    }
}

#[test]
fn decode_reads_hex_and_prints_one_object_a_message() {
    let keepalive = "ffffffffffffffffffffffffffffffff001304";
    let (output, text) = roost(&["decode"], format!("{keepalive}\n{keepalive}\n").as_bytes());
    assert!(output.status.success(), "{text}");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let messages: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    assert_eq!(messages.len(), 2, "{text}");
    assert!(text.to_lowercase().contains("keepalive"), "{text}");

    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), format!("{keepalive}\n")).expect("written");
    let path = file.path().to_str().expect("a name");
    let (output, text) = roost(&["decode", path], b"");
    assert!(output.status.success() && text.to_lowercase().contains("keepalive"), "{text}");
    let (output, text) = roost(&["decode", "/nonexistent/capture"], b"");
    assert!(!output.status.success() && text.contains("/nonexistent/capture"), "{text}");
}

#[test]
fn without_a_daemon_show_says_so_and_exits_with_3() {
    let (output, text) = roost(&["--socket", "/nonexistent/roost.sock", "show", "peers"], b"");
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("/nonexistent/roost.sock"), "{text}");
    assert!(!Path::new("/nonexistent").exists());
}
