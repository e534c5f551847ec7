//! What one client can cost the daemon.

use std::sync::Arc;

use axum::http::Method;
use speaker::api::model::Problem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use crate::fake::{Fake, ask, get, serve};

#[tokio::test]
async fn a_body_over_eight_mebibytes_is_refused() {
    let server = serve(Fake::default());
    let body = |size: usize| format!("{{\"prefixes\":[\"{}\"]}}", "x".repeat(size));
    let problem = ask(&server.socket, Method::POST, "/v1/announce", Some(&body(8 << 20))).await.problem();
    assert_eq!(problem.status, 413);
    let problem = ask(&server.socket, Method::POST, "/v1/announce", Some(&body((8 << 20) - 20))).await.problem();
    assert_eq!(problem.status, 400, "within the limit it is read, and found wrong");
}

#[tokio::test]
async fn four_large_bodies_are_held_at_once_and_further_ones_wait() {
    let edits = Arc::new((Semaphore::new(0), Semaphore::new(0)));
    let server = serve(Fake { edits: Some(edits.clone()), ..Fake::default() });
    let body = format!("{{\"prefixes\":[{}\"10.65.1.0/26\"]}}", " ".repeat(1 << 20));
    let request = || {
        let (socket, body) = (server.socket.clone(), body.clone());
        tokio::spawn(async move { ask(&socket, Method::POST, "/v1/announce", Some(&body)).await.status })
    };
    let four = [request(), request(), request(), request()];
    edits.0.acquire_many(4).await.unwrap().forget();
    let fifth = request();
    // Small ones go past it: an edit that is let go at once, and the fifth is where it was.
    let small = {
        let socket = server.socket.clone();
        tokio::spawn(async move { ask(&socket, Method::POST, "/v1/withdraw", Some(r#"{"prefixes":[]}"#)).await.status })
    };
    edits.0.acquire().await.unwrap().forget();
    assert_eq!((edits.0.available_permits(), fifth.is_finished()), (0, false));
    edits.1.add_permits(6);
    for answer in four.into_iter().chain([fifth, small]) {
        assert_eq!(answer.await.unwrap(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_half_way_is_given_up_after_30_seconds() {
    // RFC 9110 §15.5.9
    let server = serve(Fake::default());
    let started = Instant::now();
    let mut halves = Vec::new();
    for _ in 0..64 {
        let mut stream = UnixStream::connect(&server.socket).await.unwrap();
        let half = "POST /v1/announce HTTP/1.1\r\nHost: roost\r\nContent-Type: application/json\r\n\
                    Content-Length: 100\r\n\r\n{\"prefixes\":[\"10.65.1.0/26\"";
        stream.write_all(half.as_bytes()).await.unwrap();
        halves.push(stream);
    }
    // All places are taken, and free again by themselves.
    assert_eq!(get(&server.socket, "/v1/status").await.json()["originated"], serde_json::json!([]));
    assert_eq!(started.elapsed().as_secs(), 30);
    for mut stream in halves {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap(); // to the end of the connection
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 408 ") && head.contains("connection: close"), "{answer}");
        let problem: Problem = serde_json::from_str(body).unwrap();
        assert_eq!((problem.status, problem.title.as_str()), (408, "Request Timeout"));
        assert!(problem.detail.contains("within 30 s"), "{problem:?}");
    }
    assert_eq!(started.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn idle_connections_hold_their_number_of_places_and_no_more() {
    let server = serve(Fake::default());
    let mut served = Vec::new();
    for _ in 0..64 {
        let mut stream = UnixStream::connect(&server.socket).await.unwrap();
        answered(&mut stream).await; // its place is taken now, and kept: keep-alive
        served.push(stream);
    }
    // The 65th is in the backlog: it connects, and waits.
    let mut waiting = UnixStream::connect(&server.socket).await.unwrap();
    let mut answer = std::pin::pin!(answered(&mut waiting));
    answered(&mut served[63]).await; // the server has had its turn and serves those it has
    assert!(futures::poll!(answer.as_mut()).is_pending());
    served.pop();
    answer.await;
}

/// Asks on a kept-alive connection and reads the whole (small) answer.
async fn answered(stream: &mut UnixStream) {
    stream.write_all(b"GET /v1/status HTTP/1.1\r\nHost: roost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}}") {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).await.unwrap();
        assert_ne!(length, 0, "closed after {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..length]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_head_over_16_kibibytes_is_refused() {
    let server = serve(Fake::default());
    let status = async |size: usize| {
        let mut stream = UnixStream::connect(&server.socket).await.unwrap();
        let request = "GET /v1/status HTTP/1.1\r\nX: \r\n\r\n";
        let head = request.replace("X: ", &format!("X: {}", "x".repeat(size - request.len())));
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut line = [0; 12];
        stream.read_exact(&mut line).await.unwrap(); // not to the end: what was not read by the server is a reset
        String::from_utf8(line.to_vec()).unwrap()
    };
    assert_eq!(status(16 << 10).await, "HTTP/1.1 200");
    assert_eq!(status((16 << 10) + 1).await, "HTTP/1.1 431");
}

#[tokio::test]
async fn a_client_that_closes_its_side_behind_the_request_gets_its_answer() {
    let gate = Arc::new((Notify::new(), Notify::new()));
    let server = serve(Fake { gate: Some(gate.clone()), ..Fake::default() });
    let mut stream = UnixStream::connect(&server.socket).await.unwrap();
    stream.write_all(b"GET /v1/status HTTP/1.1\r\nHost: roost\r\n\r\n").await.unwrap();
    gate.0.notified().await; // the handler runs
    stream.shutdown().await.unwrap();
    gate.1.notify_one(); // and may end
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("}}"), "{answer}");
}

#[tokio::test]
async fn a_stop_lets_the_running_answer_finish_and_takes_no_new_one() {
    let gate = Arc::new((Notify::new(), Notify::new()));
    let mut server = serve(Fake { gate: Some(gate.clone()), ..Fake::default() });
    let socket = server.socket.clone();
    let running = tokio::spawn(async move { get(&socket, "/v1/status").await });
    gate.0.notified().await; // the handler runs
    server.stop.cancel();
    gate.1.notify_one(); // and may end
    assert_eq!(running.await.unwrap().json()["node"], "node-a");
    (&mut server.task).await.unwrap();
    assert!(UnixStream::connect(&server.socket).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_client_that_never_reads() {
    let gate = Arc::new((Notify::new(), Notify::new()));
    let mut server = serve(Fake { gate: Some(gate.clone()), ..Fake::default() });
    let socket = server.socket.clone();
    let running = tokio::spawn(async move {
        let mut stream = UnixStream::connect(&socket).await.unwrap();
        stream.write_all(b"GET /v1/status HTTP/1.1\r\nHost: roost\r\n\r\n").await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        rest
    });
    gate.0.notified().await;
    server.stop.cancel();
    (&mut server.task).await.unwrap(); // though the answer never comes
    assert_eq!(running.await.unwrap(), b"");
}
