//! `roost watch`, also over a restart of the daemon, and `roost show events`.

use std::path::Path;
use std::process::Stdio;

use speaker::api::ControlSocket;
use speaker::api::model::EventRow;
use speaker::cli::render;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio_util::sync::CancellationToken;

use crate::fake::{Fake, serve};

struct Roost {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    err: Lines<BufReader<ChildStderr>>,
}

impl Roost {
    fn watch(socket: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roost"));
        command.arg("watch").args(arguments).env("ROOST_SOCKET", socket).stdin(Stdio::null()).kill_on_drop(true);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        let err = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, out, err }
    }

    async fn out(&mut self) -> String {
        self.out.next_line().await.unwrap().expect("it goes on")
    }

    async fn err(&mut self) -> String {
        self.err.next_line().await.unwrap().expect("it goes on")
    }

    async fn code(&mut self) -> Option<i32> {
        self.child.wait().await.unwrap().code()
    }
}

fn happened(kind: &str) -> EventRow {
    let subject = Some("172.16.1.2".to_owned());
    EventRow { at: 1_795_223_219_250, kind: kind.to_owned(), subject, text: "established".to_owned() }
}

#[tokio::test]
async fn each_change_is_a_line() {
    let fake = Fake::default();
    let journal = fake.journal.clone();
    let server = serve(fake);
    let mut watch = Roost::watch(&server.socket, &["--all", "events", "peers", "--peer", "172.16.1.2"]);
    let first = watch.out().await;
    assert!(first.ends_with("  all there is follows: the watch begins"), "{first}");
    let peer = watch.out().await;
    assert!(peer.ends_with("  peer   172.16.1.2  established, 1204 received"), "{peer}");
    journal.event(happened("peer-up"));
    assert_eq!(watch.out().await, "2026-11-21T01:06:59.250Z  event  172.16.1.2  peer-up: established");
}

#[tokio::test]
async fn a_restart_of_the_daemon_is_told_and_all_there_is_follows() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("roost.sock");
    let start = |fake: Fake| {
        let stop = CancellationToken::new();
        let control = ControlSocket::bind(&socket, 0o600).unwrap();
        (tokio::spawn(speaker::api::serve(control, fake, stop.clone())), stop)
    };
    let first = Fake::default();
    first.journal.event(happened("one"));
    let (task, stop) = start(first.clone());
    let mut watch = Roost::watch(&socket, &["events", "--all", "--json"]);
    let mut whats = Vec::new();
    for _ in 0..3 {
        whats.push(what(&watch.out().await));
    }
    assert_eq!(whats, ["resync", "one", "synced"]);
    stop.cancel();
    task.await.unwrap();
    let text = watch.err().await;
    assert!(text.starts_with("roost: the watch is interrupted: it has ended; trying again"), "{text}");
    // The same run again: as after an interrupted connection.
    first.journal.event(happened("two"));
    let (task, stop) = start(first);
    assert_eq!(watch.err().await, "roost: connected again: nothing was missed");
    assert_eq!([what(&watch.out().await), what(&watch.out().await)], ["synced", "two"]);
    stop.cancel();
    task.await.unwrap();
    watch.err().await;
    // Another one.
    let second = Fake::default();
    second.journal.event(happened("three"));
    let _running = start(second);
    assert_eq!(watch.err().await, "roost: connected again: the daemon was started again; all there is follows");
    assert_eq!([what(&watch.out().await), what(&watch.out().await)], ["resync", "three"]);
}

fn what(line: &str) -> String {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    line["event"]["kind"].as_str().or(line["what"].as_str()).unwrap().to_owned()
}

#[tokio::test]
async fn exit_codes_of_a_watch() {
    let server = serve(Fake::default());
    assert_eq!(Roost::watch(&server.socket, &["--timeout", "1"]).code().await, Some(0));
    assert_eq!(Roost::watch(&server.socket, &["--from", "yesterday"]).code().await, Some(1));
    assert_eq!(Roost::watch(&server.socket, &["roads"]).code().await, Some(2));
    assert_eq!(Roost::watch(Path::new("/nonexistent/roost.sock"), &[]).code().await, Some(3));
}

#[tokio::test]
async fn events_are_a_table() {
    let fake = Fake::default();
    fake.journal.event(happened("peer-up"));
    fake.journal.event(EventRow { subject: None, ..happened("ready") });
    let server = serve(fake);
    let mut command = Command::new(env!("CARGO_BIN_EXE_roost"));
    let shown = command.args(["show", "events"]).env("ROOST_SOCKET", &server.socket).output().await.unwrap();
    let rows = [happened("peer-up"), EventRow { subject: None, ..happened("ready") }];
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), render::events(&rows));
    insta::assert_snapshot!(render::events(&rows), @r"
    TIME                      KIND     ABOUT       WHAT
    2026-11-21T01:06:59.250Z  peer-up  172.16.1.2  established
    2026-11-21T01:06:59.250Z  ready    -           established
    ");
}
