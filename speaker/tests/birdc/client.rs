//! `roost birdcl`, run as people run it, on a socket of its own.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use speaker::api::ControlSocket;
use speaker::birdc::serve;
use tokio_util::sync::CancellationToken;

use super::*;

/// Runs it with these arguments and this input, on the socket of a made-up daemon.
async fn run(arguments: &'static [&'static str], input: &'static str) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("bird.ctl");
    let stop = CancellationToken::new();
    let control = ControlSocket::bind(&socket, 0o600).unwrap();
    let server = tokio::spawn(serve(control, Fake::default(), Scope::Both, stop.clone()));
    let client = tokio::task::spawn_blocking(move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roost"));
        command.args(["birdcl", "-s"]).arg(&socket).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // One that was given a command does not read.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    });
    let output = client.await.unwrap();
    stop.cancel();
    server.await.unwrap();
    assert!(!directory.path().join("bird.ctl").exists(), "the socket goes with its server");
    output
}

fn said(output: &Output) -> String {
    steady(std::str::from_utf8(&output.stdout).unwrap())
}

#[tokio::test]
async fn one_command_is_asked_and_its_codes_are_left_out() {
    let output = run(&["show", "protocols", "\"Mesh*\""], "").await;
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(said(&output), @r"
    BIRD 1.6.8+roost-VERSION ready.|
    name     proto    table    state  since       info|
    Mesh_172_16_1_2 BGP      master   up     TIME  Established   |
    ");
    let output = run(&["-v", "show", "route", "count"], "").await;
    assert_eq!(said(&output), "0001 BIRD 1.6.8+roost-VERSION ready.|\n0014 5 of 5 routes for 5 networks|\n");
}

#[tokio::test]
async fn what_is_refused_is_exit_code_1_and_nobody_is_3() {
    let output = run(&["-r", "disable", "all"], "").await;
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).ends_with(" ready.|\nAccess restricted|\nAccess denied|\n"), "{}", said(&output));
    let nobody =
        Command::new(env!("CARGO_BIN_EXE_roost")).args(["birdcl", "-s", "/nonexistent", "down"]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(3));
}

#[tokio::test]
async fn lines_of_the_input_are_asked_one_after_the_other() {
    let output = run(&[], "show route count\n\n bogus \nquit\nshow status\n").await;
    assert_eq!(output.status.code(), Some(1), "that of the last");
    insta::assert_snapshot!(said(&output), @r"
    BIRD 1.6.8+roost-VERSION ready.|
    5 of 5 routes for 5 networks|
    syntax error|
    ");
}
