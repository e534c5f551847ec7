//! Whom the socket lets go.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_line_that_is_too_long_is_the_last() {
    let mut client = Client::connect(Fake::default(), Scope::Both).await;
    let longest = format!("show status #{}", "x".repeat(4095 - 13));
    assert!(client.ask(&longest).await.ends_with("0013 Daemon is up and running\n"));
    client.stream.write_all(&[b'x'; 4096]).await.unwrap();
    assert_eq!(client.answer().await, "9000 Command too long\n");
    assert!(client.ended().await);
}

#[tokio::test]
async fn lines_that_come_at_once_are_answered_one_after_the_other() {
    let mut client = Client::connect(Fake::default(), Scope::Both).await;
    client.stream.write_all(b"show status\r\nbogus\nrestrict\n").await.unwrap();
    assert!(client.answer().await.ends_with("0013 Daemon is up and running\n"));
    assert_eq!(client.answer().await, "9001 syntax error\n");
    assert_eq!(client.answer().await, "0016 Access restricted\n");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_dropped() {
    // 20,000 rows are far more than the pipe and the reply's buffer hold.
    let fake = Fake { copies: 20_000, ..Fake::default() };
    let (mut stream, server) = tokio::io::duplex(4096);
    let server = tokio::spawn(serve_stream(server, fake, Scope::Both));
    stream.write_all(b"show route\n").await.unwrap();
    tokio::time::timeout(Duration::from_secs(11), server).await.expect("it is dropped").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_dropped() {
    let mut client = Client::connect(Fake::default(), Scope::Both).await;
    tokio::time::sleep(Duration::from_secs(599)).await;
    assert_eq!(client.ask("bogus").await, "9001 syntax error\n");
    let ended = tokio::time::timeout(Duration::from_secs(601), client.ended()).await;
    assert_eq!(ended, Ok(true));
}

#[tokio::test]
async fn a_table_is_sent_while_it_is_read() {
    let fake = Fake { copies: 20_000, ..Fake::default() };
    let mut client = Client::connect(fake, Scope::Both).await;
    let answer = client.ask("show route").await;
    assert_eq!(answer.matches(" via fd00:172:16::2 on ").count(), 20_001);
    assert!(answer.ends_with("\n0000 \n"));
}
