//! The binary itself, run as people run it.

use std::path::Path;
use std::process::{Output, Stdio};

use speaker::cli::render;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use crate::fake::{self, Fake, serve};

fn roost(socket: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roost"));
    command.args(arguments).env("ROOST_SOCKET", socket).stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn run(socket: &Path, arguments: &[&str]) -> Output {
    roost(socket, arguments).output().await.unwrap()
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[tokio::test]
async fn log_changes_levels_and_says_how_they_are() {
    let server = serve(Fake::default());
    let changed = run(&server.socket, &["log", "warn", "fib_sync=debug"]).await;
    assert!(changed.status.success(), "{}", err(&changed));
    let levels = server_log(&server.socket).await;
    assert_eq!((levels["level"].as_str(), levels["targets"]["fib_sync"].as_str()), (Some("warn"), Some("debug")));
    assert_eq!(out(&changed), out(&run(&server.socket, &["log"]).await));
    assert!(out(&changed).contains("\nfib_sync    debug\n"), "{}", out(&changed));
    assert!(run(&server.socket, &["log", "--reset"]).await.status.success());
    assert_eq!(server_log(&server.socket).await["targets"], serde_json::json!({}));
    for wrong in ["fib_sync=loud", "loud"] {
        let output = run(&server.socket, &["log", wrong]).await;
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        assert!(err(&output).contains("error, warn, info, debug, trace"), "{}", err(&output));
    }
}

async fn server_log(socket: &Path) -> serde_json::Value {
    serde_json::from_str(out(&run(socket, &["log", "--json"]).await)).unwrap()
}

#[tokio::test]
async fn show_prints_the_tables_of_the_daemon() {
    let server = serve(Fake::default());
    let one: Vec<_> = fake::routes().into_iter().filter(|row| row.prefix == "10.65.2.0/26").collect();
    let peer = fake::peer_detail(fake::peers().remove(3));
    let both = [fake::peer_detail(fake::peers().remove(0)), peer.clone()];
    let of_both: Vec<_> =
        fake::routes().into_iter().filter(|row| both.iter().any(|of| of.row.name() == row.from)).collect();
    for (arguments, expected) in [
        (vec!["show", "status"], render::status(&fake::status(Vec::new()))),
        (vec!["show", "peers"], render::peers(&fake::peers())),
        (vec!["show", "peer", "fd00:172:16::2"], render::peer(&peer)),
        (vec!["show", "peer", "node-b"], render::each_peer(&both)),
        (vec!["show", "routes"], render::routes(&fake::routes())),
        (vec!["show", "routes", "--peer", "172.16.1.3"], render::routes(&fake::routes()[3..4])),
        (vec!["show", "routes", "--peer", "node-b"], render::routes(&of_both)),
        (vec!["show", "routes", "--community", "NO-EXPORT"], render::routes(&fake::routes()[1..2])),
        (vec!["show", "routes", "--state", "rejected"], render::routes(&fake::routes()[4..5])),
        (vec!["show", "routes", "--state", "withheld", "--best"], render::routes(&fake::routes()[3..4])),
        (vec!["show", "peers", "--state", "down"], render::peers(&fake::peers()[1..3])),
        (vec!["show", "peers", "--state", "idle"], render::peers(&fake::peers()[2..3])),
        (vec!["show", "peers", "--peer", "172.16.1.3", "--state", "established"], render::peers(&[])),
        (vec!["show", "fib", "--state", "withheld"], render::fib(&fake::fib()[2..3])),
        (vec!["show", "fib", "--prefix", "10.65.2.0/24", "--longer"], render::fib(&fake::fib()[1..2])),
        (vec!["show", "route", "10.65.2.0/26"], render::route(&one)),
        (vec!["show", "route", "10.65.2.63"], render::route(&one)),
        (vec!["show", "fib"], render::fib(&fake::fib())),
        (vec!["show", "groups"], render::groups(&fake::groups())),
        (vec!["show", "pools"], render::pools(&fake::pools())),
        (vec!["show", "pools", "-o", "wide"], render::pools_wide(&fake::pools())),
        (vec!["show", "owners"], render::owners(&fake::owners())),
        (vec!["show", "memory"], render::memory(&fake::memory())),
    ] {
        let output = run(&server.socket, &arguments).await;
        assert_eq!((out(&output), err(&output)), (expected.as_str(), ""), "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
}

#[tokio::test]
async fn json_is_what_the_api_says() {
    let server = serve(Fake::default());
    let output = run(&server.socket, &["show", "routes", "--json"]).await;
    assert_eq!(out(&output), serde_json::to_string(&fake::routes()).unwrap() + "\n");
    let output = run(&server.socket, &["--json", "announce", "10.65.1.7"]).await;
    assert_eq!(out(&output), "{\"changed\":[\"10.65.1.7/32\"],\"unchanged\":[]}\n");
}

#[tokio::test]
async fn announce_and_withdraw_say_what_happened() {
    let server = serve(Fake::default());
    let output = run(&server.socket, &["announce", "10.65.1.0/26", "10.65.1.7"]).await;
    assert_eq!(out(&output), "10.65.1.0/26 announced\n10.65.1.7/32 announced\n");
    let output = run(&server.socket, &["announce", "10.65.1.0/26"]).await;
    assert_eq!(out(&output), "10.65.1.0/26 was announced already\n");
    let output = run(&server.socket, &["withdraw", "10.65.1.0/26", "10.9.0.0/16"]).await;
    assert_eq!(out(&output), "10.65.1.0/26 withdrawn\n10.9.0.0/16 was not announced\n");
    let output = run(&server.socket, &["withdraw", "--all", "--owner", "lb"]).await;
    assert_eq!(out(&output), "10.65.1.7/32 withdrawn\nlb is forgotten\n");
}

#[tokio::test]
async fn orders_to_peers_reach_the_daemon_and_their_answers_are_printed() {
    let server = serve(Fake::default());
    for (arguments, expected) in [
        (
            vec!["peer", "refresh", "172.16.1.2", "--out", "--family", "ipv6"],
            "172.16.1.2: Refresh { families: {ipv6}, direction: Out }\n",
        ),
        (
            vec!["peer", "reset", "172.16.1.2", "--message", "new keys", "--graceful"],
            "172.16.1.2: Reset { message: Some(\"new keys\"), graceful: true }\n",
        ),
        (vec!["peer", "disable", "172.16.1.2"], "172.16.1.2: Disable { message: None }\n"),
        (
            vec!["peer", "enable", "--all"],
            "172.16.1.2: Enable\n172.16.1.3: Enable\n172.16.2.1: Enable\nfd00:172:16::2: Enable\n",
        ),
        (
            vec!["peer", "enable", "172.16.1.2", "--json"],
            "[{\"address\":\"172.16.1.2\",\"interface\":null,\"changed\":true,\"text\":\"Enable\"}]\n",
        ),
    ] {
        let output = run(&server.socket, &arguments).await;
        assert_eq!((out(&output), err(&output)), (expected, ""), "{arguments:?}");
    }
    let long = "x".repeat(300);
    for (arguments, reason) in [
        (vec!["peer", "reset", "10.9.9.9"], "roost: no peer is called \"10.9.9.9\"\n"),
        (
            vec!["peer", "disable", "172.16.1.2", "--message", &long],
            "roost: message: 300 octets in UTF-8, at most 255 fit (RFC 9003); shorten it by 45\n",
        ),
    ] {
        let output = run(&server.socket, &arguments).await;
        assert_eq!((out(&output), err(&output), output.status.code()), ("", reason, Some(1)));
    }
}

#[tokio::test]
async fn what_the_daemon_refuses_is_exit_code_1_with_its_reason() {
    let server = serve(Fake::default());
    for (arguments, reason) in [
        (vec!["show", "peer", "10.9.9.9"], "roost: no peer is called \"10.9.9.9\"\n"),
        (vec!["show", "peer", "node-b", "--json"], "roost: \"node-b\" is the name of 2 peers\n"),
        (vec!["show", "routes", "--peer", "me"], "roost: no peer is called \"me\"\n"),
        (vec!["show", "route", "10.99.0.0/16"], "roost: no path for 10.99.0.0/16\n"),
        (
            vec!["announce", "10.65.1.1/26"],
            "roost: prefixes[0]: \"10.65.1.1/26\": bits behind the prefix length are set; the block is 10.65.1.0/26\n",
        ),
    ] {
        let output = run(&server.socket, &arguments).await;
        assert_eq!((out(&output), err(&output)), ("", reason));
        assert_eq!(output.status.code(), Some(1));
    }
}

#[tokio::test]
async fn without_a_daemon_it_is_exit_code_3_with_the_socket_and_the_likely_cause() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("roost.sock");
    let output = run(&socket, &["show", "peers"]).await;
    assert_eq!(output.status.code(), Some(3));
    let text = format!(
        "roost: cannot reach the daemon on {}: No such file or directory (os error 2)\n  There is no such socket: roost \
         is not running, or its socket is at another path (--socket, ROOST_SOCKET; birdcl -s).\n",
        socket.display()
    );
    assert_eq!(err(&output), text);

    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap()); // leaves the file
    let output = run(&socket, &["show", "peers"]).await;
    assert_eq!(output.status.code(), Some(3));
    assert!(err(&output).contains("Nobody listens on it"), "{}", err(&output));
}

#[tokio::test]
async fn somebody_else_on_the_socket_is_named_as_such() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("roost.sock");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    let other = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"0001 BIRD 2.0 ready.\n").await.unwrap();
        stream
    });
    let output = run(&socket, &["show", "peers"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("is it a roost of this version"), "{}", err(&output));
    other.await.unwrap();
}

#[tokio::test]
async fn a_wrong_command_line_is_exit_code_2_and_help_is_0() {
    let nowhere = Path::new("/nonexistent");
    assert_eq!(run(nowhere, &["fly"]).await.status.code(), Some(2));
    let help = run(nowhere, &["--help"]).await;
    assert_eq!(help.status.code(), Some(0));
    for code in ["Exit codes:", "\n  0  ", "\n  1  ", "\n  2  ", "\n  3  "] {
        assert!(out(&help).contains(code), "{}", out(&help));
    }
    let version = run(nowhere, &["--version"]).await;
    assert_eq!(out(&version), concat!("roost ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[tokio::test]
async fn check_and_schema_need_no_daemon() {
    let nowhere = Path::new("/nonexistent");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("roost.yaml");
    let name = file.to_str().unwrap();
    assert_eq!(run(nowhere, &["check", name]).await.status.code(), Some(2), "no such file");
    std::fs::write(&file, "router: {asn: none}\n").unwrap();
    assert_eq!(run(nowhere, &["check", name]).await.status.code(), Some(1));
    std::fs::write(&file, "router: {asn: 64512, router_id: 172.16.1.1}\n").unwrap();
    let output = run(nowhere, &["check", name]).await;
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));

    let output = run(nowhere, &["schema"]).await;
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(schema["properties"]["router"].is_object());
}

#[tokio::test]
async fn decode_reads_standard_input_and_says_when_it_cannot() {
    let nowhere = Path::new("/nonexistent");
    let decode = async |input: &[u8]| {
        let mut command = roost(nowhere, &["decode"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).await.unwrap();
        child.wait_with_output().await.unwrap()
    };
    let keepalive = format!("{}001304\n", "ff".repeat(16));
    let output = decode(keepalive.as_bytes()).await;
    assert_eq!((out(&output), err(&output)), ("{\"line\":1,\"type\":\"KEEPALIVE\"}\n", ""));
    assert_eq!(output.status.code(), Some(0));

    let output = decode(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("zcat FILE | roost decode"), "{}", err(&output));

    let output = decode(b"").await;
    assert_eq!(output.status.code(), Some(0));
    assert!(err(&output).contains("no BGP message found"), "{}", err(&output));
}

/// `roost show routes | head -1`
#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let server = serve(Fake { copies: 5_000, ..Fake::default() });
    let mut child =
        roost(&server.socket, &["show", "routes"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next_line().await.unwrap().unwrap().starts_with("PREFIX "));
    drop(lines); // the pipe is closed while most of the table, more than a pipe holds, is not written
    let output = child.wait_with_output().await.unwrap();
    assert_eq!((output.status.code(), err(&output)), (Some(0), ""));
}
