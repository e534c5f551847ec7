//! Each command's answer, octet by octet.

use super::*;

/// A conversation, with the lines that were sent marked.
async fn conversation(fake: Fake, scope: Scope, lines: &[&str]) -> String {
    let mut client = Client::connect(fake, scope).await;
    let mut all = String::new();
    for line in lines {
        all += &format!("> {line}\n{}", steady(&client.ask(line).await));
    }
    all
}

#[tokio::test]
async fn status_and_memory() {
    insta::assert_snapshot!(conversation(Fake::default(), Scope::Both, &["show status", "show memory"]).await);
}

#[tokio::test]
async fn a_daemon_that_waits_for_its_peers_is_in_recovery_as_bird_says_it() {
    let fake = Fake { starting: true, ..Fake::default() };
    let answer = conversation(fake, Scope::Both, &["show status"]).await;
    assert!(
        answer.contains("0024-Graceful restart recovery in progress|\n   Waiting for 2 protocols to recover|\n0013 "),
        "{answer}"
    );
}

#[tokio::test]
async fn protocols() {
    let lines = ["show protocols", "show protocols \"*172*2\"", "show protocols 'Node_172_16_1_3'"];
    insta::assert_snapshot!(conversation(Fake::default(), Scope::Both, &lines).await);
}

#[tokio::test]
async fn protocols_in_full() {
    let lines =
        ["show protocols all Mesh_172_16_1_2", "show protocols all Node_172_16_1_3", "show protocols all \"*1\""];
    insta::assert_snapshot!(conversation(Fake::default(), Scope::Both, &lines).await);
}

#[tokio::test]
async fn routes() {
    let lines = [
        "show route",
        "show route all",
        "show route primary",
        "show route filtered",
        "show route for 10.65.2.7",
        "show route for 10.65.2.8/30",
        "show route 10.65.2.0/26 all protocol Global_172_16_2_1",
        "show route protocol static1",
        "show route protocol kernel1 stats",
        "show route count",
        "show route count primary",
        "show route protocol Mesh_172_16_1_2 count",
    ];
    insta::assert_snapshot!(conversation(Fake::default(), Scope::Both, &lines).await);
}

#[tokio::test]
async fn the_sockets_of_the_families_share_the_peers_and_the_routes() {
    let lines =
        ["show protocols", "show route", "show route count", "show route for 10.65.2.7", "show route ::/0 primary"];
    let four = conversation(Fake::default(), IPV4, &lines).await;
    let six = conversation(Fake::default(), IPV6, &lines).await;
    insta::assert_snapshot!(format!("{four}\n---\n\n{six}"));
}

#[tokio::test]
async fn orders() {
    let lines = [
        "enable Mesh_172_16_1_2",
        "disable Mesh_172_16_1_2",
        "restart \"Node*\"",
        "reload Mesh_172_16_1_2",
        "reload in Mesh_172_16_1_2",
        "reload out all",
        "enable static1",
        "disable static1",
        "disable nobody",
        "restart \"nobody*\"",
        "configure",
        "configure soft",
        "configure check",
    ];
    insta::assert_snapshot!(conversation(Fake::default(), Scope::Both, &lines).await);
}

#[tokio::test]
async fn a_configuration_with_mistakes_is_refused_with_their_places() {
    let broken = Fake { broken: true, ..Fake::default() };
    let answer = conversation(broken, Scope::Both, &["configure check", "configure", "show route"]).await;
    insta::assert_snapshot!(answer);
}

#[tokio::test]
async fn a_restricted_client_only_looks() {
    let mut client = Client::connect(Fake::default(), Scope::Both).await;
    assert_eq!(client.ask("restrict").await, "0016 Access restricted\n");
    for line in ["configure", "configure check", "disable all", "reload Mesh_172_16_1_2"] {
        assert_eq!(client.ask(line).await, "8007 Access denied\n", "{line}");
    }
    assert!(client.ask("show status").await.ends_with("0013 Daemon is up and running\n"));
}

#[tokio::test]
async fn what_is_no_command_is_told_from_what_roost_has_not() {
    let lines = [
        "",
        "show",
        "SHOW STATUS",
        "show status extra",
        "show   status # with a comment",
        "show protocols Mesh_172_16_1_2 all",
        "enable \"unfinished",
        "show route 10.65.2.0/99",
        "show route nonsense",
        "show route for",
        "show route protocol nobody",
        "show route table master",
        "show route table other",
        "show route export Mesh_172_16_1_2",
        "show route where net ~ 10.65.0.0/16",
        "show route 192.0.2.0/24",
        "show interfaces summary",
        "configure undo",
        "configure timeout 5",
        "configure \"other.conf\"",
        "echo all",
        "down",
        "show protocols all \u{7}\u{1b}[1m",
    ];
    insta::assert_snapshot!(conversation(Fake::default(), IPV4, &lines).await);
}

#[tokio::test]
async fn a_line_of_a_peer_stays_a_line() {
    let fake = Fake { reason: Some("it said \"bye\n0000 \r\n0013 all is well\"".to_owned()), ..Fake::default() };
    let answer = conversation(fake, Scope::Both, &["show protocols Node_172_16_1_3"]).await;
    assert!(answer.contains("it said \"bye 0000   0013 all is well\"|\n0000 |\n"), "{answer}");
}
