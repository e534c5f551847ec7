//! What only a terminal gets: colours, and a line about what takes its time. `script` of util-linux makes the terminal.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use speaker::cli::render;
use tokio::io::{AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Notify;

use crate::fake::{self, Fake, serve};

/// `roost LINE` on a terminal of its own, whose output can be read.
fn on_terminal(socket: &Path, line: &str, environment: &[(&str, &str)]) -> Child {
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &format!("{} {line}", env!("CARGO_BIN_EXE_roost")), "/dev/null"]);
    script.env("ROOST_SOCKET", socket).env("TERM", "xterm");
    // Each of these says more about colours than the terminal does; a CI has `CI`, and shows colours in its log.
    for louder in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
        script.env_remove(louder);
    }
    script.envs(environment.iter().copied()).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    script.spawn().unwrap()
}

/// All it prints, with line ends as of a file.
async fn printed(child: Child) -> String {
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n")
}

#[tokio::test]
async fn colours_are_for_terminals_that_have_them() {
    let server = serve(Fake::default());
    for (line, table, red) in [
        ("show peers", render::peers(&fake::peers()), "172.16.1.3 "),
        ("show peers -o wide", render::peers_wide(&fake::peers()), "172.16.1.3 "),
        ("show fib", render::fib(&fake::fib()), "10.65.3.0/26 "),
        ("show routes", render::routes(&fake::routes()), "fd00:65:2::/122 "),
        ("show status", render::status(&fake::status(Vec::new())), "  warning "),
    ] {
        let coloured = printed(on_terminal(&server.socket, line, &[])).await;
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), table, "{line}");
        let painted: Vec<_> = coloured.lines().filter(|line| line.starts_with("\u{1b}[3")).collect();
        assert!(painted.iter().any(|line| line.contains(red)), "{line}: {painted:?}");
        assert!(painted.len() < table.lines().count() - 1, "{line}: all is painted: {painted:?}");
        for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            assert_eq!(printed(on_terminal(&server.socket, line, &[environment])).await, table, "{environment:?}");
        }
    }
    let json = printed(on_terminal(&server.socket, "show routes --json", &[])).await;
    assert_eq!(json, serde_json::to_string(&fake::routes()).unwrap() + "\n");
}

#[tokio::test]
async fn what_takes_longer_than_a_second_says_so_until_its_answer_comes() {
    let gate = Arc::new((Notify::new(), Notify::new()));
    let server = serve(Fake { gate: Some(gate.clone()), ..Fake::default() });
    let mut child = on_terminal(&server.socket, "show status", &[("NO_COLOR", "1")]);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut seen = String::new();
    while !seen.contains("roost: waiting for the daemon, 1 s") {
        let mut octets = [0; 256];
        let count = output.read(&mut octets).await.unwrap();
        assert!(count > 0, "it ended: {seen:?}");
        seen.push_str(std::str::from_utf8(&octets[..count]).unwrap());
    }
    gate.1.notify_one();
    output.read_to_string(&mut seen).await.unwrap();
    let answer = seen.rsplit("\r\u{1b}[K").next().unwrap().replace("\r\n", "\n");
    assert_eq!(answer, render::status(&fake::status(Vec::new())), "the line is wiped away first: {seen:?}");
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn what_is_answered_at_once_says_nothing() {
    let server = serve(Fake::default());
    let printed = printed(on_terminal(&server.socket, "announce 10.65.1.7", &[])).await;
    assert_eq!(printed, "10.65.1.7/32 announced\n");
}
