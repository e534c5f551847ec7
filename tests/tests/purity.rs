//! `bgp-proto` and `rib` hold no socket, no clock and no tokio: in their source and in what they depend on.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

use roost_tests::peers::checkout;
use roost_tests::purity::impure_lines;

const PURE: [&str; 2] = ["bgp-proto", "rib"];

/// Crates that talk to the operating system, or run async code, whatever features they have.
const IMPURE_CRATES: &[&str] = &[
    "async-io",
    "async-std",
    "axum",
    "chrono",
    "getrandom",
    "hyper",
    "libc",
    "mio",
    "netlink-sys",
    "nix",
    "polling",
    "rand",
    "rtnetlink",
    "rustix",
    "smol",
    "socket2",
    "time",
    "tokio",
    "tokio-util",
    "tracing-subscriber",
    "windows-sys",
];

#[test]
fn sources_of_the_pure_crates_hold_no_socket_no_clock_and_no_runtime() {
    let mut wrong = Vec::new();
    for name in PURE {
        let files = sources(&checkout().join(name).join("src"));
        assert!(!files.is_empty(), "{name} has no sources: is the path right?");
        for file in files {
            for finding in impure_lines(&std::fs::read_to_string(&file).unwrap()) {
                let file = file.strip_prefix(checkout()).unwrap().display();
                wrong.push(format!("{file}:{}: {} ({})", finding.line, finding.found, finding.promise));
            }
        }
    }
    assert!(wrong.is_empty(), "impure lines in pure crates:\n{}", wrong.join("\n"));
}

#[test]
fn dependencies_of_the_pure_crates_hold_no_socket_and_no_runtime() {
    for name in PURE {
        let found: Vec<String> =
            dependencies(name).into_iter().filter(|d| IMPURE_CRATES.contains(&d.as_str())).collect();
        assert!(
            found.is_empty(),
            "{name} depends on {found:?}; `cargo tree -p {name} -e normal -i {}` says why",
            found[0]
        );
    }
}

#[test]
fn the_dependency_check_would_see_tokio() {
    assert!(dependencies("speaker").iter().any(|name| name == "tokio"));
}

/// All `.rs` files below `dir` that are not only test code.
fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let only_tests = stem == "tests" || stem.starts_with("test_") || stem.ends_with("_tests");
        if path.is_dir() && !only_tests {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|x| x == "rs") && !only_tests {
            files.push(path);
        }
    }
    files
}

/// The names of everything `package` links, itself included.
fn dependencies(package: &str) -> Vec<String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(checkout());
    cargo.args(["tree", "--offline", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}
