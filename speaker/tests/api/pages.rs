//! Pages, and the problems that stand in their place.

use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use serde_json::json;
use speaker::api::model::{FibRow, RouteRow};
use speaker::api::serve_metrics;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::fake::{self, Fake, ask, get, serve};

#[tokio::test]
async fn tables_come_as_the_daemon_gave_them() {
    let server = serve(Fake::default());
    assert_eq!(get(&server.socket, "/v1/peers").await.json(), serde_json::to_value(fake::peers()).unwrap());
    assert_eq!(get(&server.socket, "/v1/routes").await.json(), serde_json::to_value(fake::routes()).unwrap());
    assert_eq!(get(&server.socket, "/v1/fib").await.json(), serde_json::to_value(fake::fib()).unwrap());
    assert_eq!(get(&server.socket, "/v1/pools").await.json(), serde_json::to_value(fake::pools()).unwrap());
    let detail = get(&server.socket, "/v1/peers/172.16.1.2").await.json();
    assert_eq!(detail["address"], "172.16.1.2", "the row's fields stand beside the others");
    assert_eq!(detail["messages"]["open_out"], 3);
}

#[tokio::test]
async fn a_long_list_comes_in_pieces_and_is_the_same_list() {
    let server = serve(Fake { copies: 1_000, ..Fake::default() });
    let answer = get(&server.socket, "/v1/fib").await;
    assert_eq!(answer.headers[header::TRANSFER_ENCODING], "chunked");
    let rows: Vec<FibRow> = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((&rows[..4], rows.len()), (&fake::fib()[..], 1_004));
    let answer = get(&server.socket, "/v1/routes").await;
    assert_eq!(answer.headers[header::TRANSFER_ENCODING], "chunked");
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
    let rows: Vec<RouteRow> = serde_json::from_slice(&answer.body).unwrap();
    let last = fake::routes().pop().unwrap();
    assert_eq!((&rows[..6], rows.len()), (&fake::routes()[..], 1_006));
    assert!(rows[6..].iter().all(|row| *row == last));
    // A short one has its length, and an empty one is a list, too.
    let answer = get(&server.socket, "/v1/routes?prefix=10.65.1.0/26").await;
    assert_eq!(answer.headers[header::CONTENT_LENGTH], answer.body.len().to_string());
    assert_eq!(get(&server.socket, "/v1/routes?prefix=10.99.0.0/16").await.body, "[]");
}

#[tokio::test]
async fn half_of_a_list_is_not_taken_for_all_of_it() {
    let server = serve(Fake { broken: true, copies: 1_000, ..Fake::default() });
    let stream = UnixStream::connect(&server.socket).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let response = sender.send_request(fake::request(Method::GET, "/v1/routes", None)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "it began well");
    let error = response.into_body().collect().await.unwrap_err();
    assert_eq!(error.to_string(), "error reading a body from connection");
    drop(connection.await);
    // What ends before it began is a problem as any other.
    let server = serve(Fake { broken: true, ..Fake::default() });
    let problem = get(&server.socket, "/v1/routes?prefix=10.99.0.0/16").await.problem();
    assert_eq!((problem.status, problem.detail.as_str()), (503, "the daemon is ending"));
}

#[tokio::test]
async fn a_route_is_found_by_prefix_by_escaped_prefix_and_by_address() {
    let server = serve(Fake::default());
    for path in ["10.65.2.0/26", "10.65.2.0%2F26", "10.65.2.7"] {
        let rows = get(&server.socket, &format!("/v1/routes/{path}")).await.json();
        assert_eq!(rows.as_array().unwrap().len(), 2, "{path}");
        assert_eq!(rows[0]["prefix"], "10.65.2.0/26", "{path}");
    }
    let problem = get(&server.socket, "/v1/routes/10.99.0.0/16").await.problem();
    // RFC 9457 §3.1.3: the title says the same for each problem of the kind
    assert_eq!((problem.status, problem.title.as_str()), (404, "Not Found"));
    assert_eq!(problem.detail, "no path for 10.99.0.0/16");
    let problem = get(&server.socket, "/v1/routes/10.99.0.0/33").await.problem();
    assert_eq!(problem.status, 400);
    assert!(problem.detail.contains("prefix length 33 is more than 32"), "{problem:?}");
}

#[tokio::test]
async fn filters_reach_the_daemon_and_wrong_ones_are_named() {
    let server = serve(Fake::default());
    let rows = get(&server.socket, "/v1/routes?peer=172.16.2.1&best=false").await.json();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    let rows = get(&server.socket, "/v1/routes?address=fd00%3A65%3A2%3A%3A1&best=true").await.json();
    assert_eq!(rows[0]["prefix"], "fd00:65:2::/122");
    let fib = get(&server.socket, "/v1/fib?prefix=10.65.0.0%2F16&longer=true&state=adopted").await.json();
    assert_eq!((fib[0]["prefix"].as_str(), fib.as_array().map(Vec::len)), (Some("10.65.9.0/26"), Some(1)));
    for (query, named) in [
        ("routes?best=7", "best"),
        ("routes?colour=red", "colour"),
        ("routes?longer=true", "longer"),
        ("routes?address=", "address"),
        ("routes?state=fine", "unknown variant `fine`, expected one of `best`, `multipath`"),
        ("fib?longer=true", "longer"),
        ("fib?prefix=10.65.2.7%2F26", "bits behind the prefix length are set"),
        ("peers?state=up", "unknown variant `up`, expected one of `down`"),
    ] {
        let problem = get(&server.socket, &format!("/v1/{query}")).await.problem();
        assert_eq!(problem.status, 400, "{query}");
        assert!(problem.detail.contains(named), "{query}: {problem:?}");
    }
}

#[tokio::test]
async fn unknown_pages_peers_and_methods_are_problems() {
    let server = serve(Fake::default());
    for (path, status) in [("/", 404), ("/v2/status", 404), ("/v1/peers/10.9.9.9", 404), ("/v1/peers/me", 404)] {
        let problem = get(&server.socket, path).await.problem();
        assert_eq!(problem.status, status, "{path}");
    }
    let answer = ask(&server.socket, Method::DELETE, "/v1/peers", None).await;
    assert_eq!(answer.problem().status, 405);
    assert_eq!(answer.headers[header::ALLOW], "GET,HEAD");
    let answer = get(&server.socket, "/v1/announce").await;
    assert_eq!((answer.problem().status, &answer.headers[header::ALLOW]), (405, &"POST".parse().unwrap()));
}

#[tokio::test]
async fn announce_and_withdraw_say_what_they_changed() {
    let server = serve(Fake::default());
    let announce = |body: &'static str| ask(&server.socket, Method::POST, "/v1/announce", Some(body));
    let answer = announce(r#"{"prefixes":["10.65.1.0/26","10.65.1.7"]}"#).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["changed"], json!(["10.65.1.0/26", "10.65.1.7/32"]));
    let again = announce(r#"{"prefixes":["10.65.1.7/32"]}"#).await.json();
    assert_eq!(again, json!({"changed": [], "unchanged": ["10.65.1.7/32"]}));
    let body = r#"{"prefixes":["10.65.1.7","10.65.9.9"]}"#;
    let gone = ask(&server.socket, Method::POST, "/v1/withdraw", Some(body)).await.json();
    assert_eq!(gone, json!({"changed": ["10.65.1.7/32"], "unchanged": ["10.65.9.9/32"]}));
}

#[tokio::test]
async fn a_wrong_body_is_refused_with_the_path_of_the_field() {
    let server = serve(Fake::default());
    for (body, status, named, pointer) in [
        (r#"{"prefixes":["10.0.0.0/8",7]}"#, 422, "prefixes[1]", Some("/prefixes/1")),
        (r#"{"prefixes":["10.0.0.0/8","10.0.0.1/8"]}"#, 400, "prefixes[1]", Some("/prefixes/1")),
        (r#"{"services":["x"],"owner":"a b"}"#, 400, "services[0]", Some("/services/0")),
        (r#"{"pre/f~ix":[]}"#, 422, "pre/f~ix", Some("/pre~1f~0ix")),
        (r#"{"prefixes":"#, 400, "line 1 column 12", None),
        ("", 400, "line 1 column 0", None),
    ] {
        let problem = ask(&server.socket, Method::POST, "/v1/announce", Some(body)).await.problem();
        assert_eq!(problem.status, status, "{body}");
        assert!(problem.detail.contains(named), "{body}: {problem:?}");
        if let Some(pointer) = pointer {
            // RFC 6901 §3
            assert!(problem.errors.iter().any(|error| error.pointer == pointer), "{body}: {problem:?}");
        }
    }
    let problem = ask(&server.socket, Method::POST, "/v1/announce", None).await.problem();
    assert_eq!(problem.status, 415, "a body that does not say it is JSON");
}

#[tokio::test]
async fn a_wrong_order_is_refused_with_the_name_of_the_field() {
    let server = serve(Fake::default());
    for (page, body, status, named) in [
        ("refresh", r#"{"peers":["172.16.1.2"],"direction":"up"}"#, 422, "direction"),
        ("refresh", r#"{"peers":["172.16.1.2"],"families":["ipv5"]}"#, 400, "families[0]"),
        ("reset", r#"{"peers":[]}"#, 400, "peers"),
        ("disable", r#"{"peers":["172.16.1.2"],"mesage":"x"}"#, 422, "mesage"),
        ("enable", r#"{"peers":["10.9.9.9"]}"#, 404, "10.9.9.9"),
    ] {
        let path = format!("/v1/peers/{page}");
        let problem = ask(&server.socket, Method::POST, &path, Some(body)).await.problem();
        assert_eq!(problem.status, status, "{body}");
        assert!(problem.detail.contains(named), "{body}: {problem:?}");
    }
}

#[tokio::test]
async fn levels_of_the_log_are_changed_and_wrong_targets_named() {
    let server = serve(Fake::default());
    let body = r#"{"level":"warn","targets":{"fib_sync":"debug","speaker::daemon::peer_task":"trace"}}"#;
    let changed = ask(&server.socket, Method::POST, "/v1/log", Some(body)).await.json();
    assert_eq!(changed["targets"]["speaker::daemon::peer_task"], "trace");
    assert_eq!(get(&server.socket, "/v1/log").await.json(), changed);
    for (body, status, named) in [
        (r#"{"targets":{"fibsync":"debug"}}"#, 400, "/targets/fibsync"),
        (r#"{"targets":{"fib_sync::":"debug"}}"#, 400, "/targets/fib_sync::"),
        (r#"{"targets":{"speaker=trace,a/b":"debug"}}"#, 400, "/targets/speaker=trace,a~1b"),
        (r#"{"targets":{"fib_sync":"loud"}}"#, 422, "targets.fib_sync"),
        (r#"{"level":"off"}"#, 422, "level"),
    ] {
        let problem = ask(&server.socket, Method::POST, "/v1/log", Some(body)).await.problem();
        assert_eq!(problem.status, status, "{body}");
        let found = problem.errors.iter().any(|error| error.pointer == named) || problem.detail.contains(named);
        assert!(found, "{body}: {problem:?}");
    }
}

/// What was logged meanwhile, as text.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn who_changes_something_is_logged_once_and_who_looks_is_not() {
    let written = Written::default();
    let writer = written.clone();
    let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(log);
    let server = serve(Fake::default());
    for (path, body) in [
        ("/v1/peers/reset", r#"{"peers":["172.16.1.2"]}"#),
        ("/v1/peers/enable", r#"{"peers":["10.9.9.9"]}"#),
        ("/v1/drain", "{}"),
        ("/v1/undrain", ""),
        ("/v1/reload", "{}"),
        ("/v1/log", "{}"),
        // Nothing changes, or it is said elsewhere what has changed, and by whom.
        ("/v1/plan", r#"{"name":"-","text":"x"}"#),
        ("/v1/apply", r#"{"name":"-","text":"x"}"#),
        ("/v1/confirm", "{}"),
        ("/v1/announce", r#"{"prefixes":["10.65.1.0/26"]}"#),
    ] {
        ask(&server.socket, Method::POST, path, Some(body)).await;
    }
    get(&server.socket, "/v1/status").await;
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> =
        text.lines().filter_map(|line| line.split_once("control socket: ").map(|(_, said)| said)).collect();
    let by = format!("by=uid {}, pid {}", nix::unistd::getuid(), std::process::id());
    let expected =
        [("peers/reset", 200), ("peers/enable", 404), ("drain", 200), ("undrain", 200), ("reload", 200), ("log", 200)];
    let expected = expected.map(|(page, status)| format!("POST /v1/{page} {by} status={status}"));
    assert_eq!(lines, expected, "{text}");
}

#[tokio::test]
async fn the_metrics_listener_reads_and_nothing_else() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let task = tokio::spawn(serve_metrics(listener, Fake::default(), stop.clone()));
    let ask = async |method, path| {
        fake::send(TcpStream::connect(address).await.unwrap(), fake::request(method, path, Some("{}"))).await
    };

    let answer = ask(Method::GET, "/metrics").await;
    assert_eq!(answer.headers[header::CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    assert!(answer.body.starts_with(b"# TYPE roost_peers gauge\n"));
    for path in ["/v1/announce", "/v1/withdraw", "/v1/peers", "/openapi.json"] {
        assert_eq!(ask(Method::POST, path).await.problem().status, 404, "{path}");
    }
    assert_eq!(ask(Method::POST, "/metrics").await.problem().status, 405);

    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn probes_get_a_status_and_the_reasons() {
    let stop = CancellationToken::new();
    let ask = async |daemon: Fake, path| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve_metrics(listener, daemon, stop.clone()));
        fake::send(TcpStream::connect(address).await.unwrap(), fake::request(Method::GET, path, None)).await
    };
    let alive = ask(Fake::default(), "/livez").await;
    assert_eq!((alive.status, &alive.json()["alive"]), (StatusCode::OK, &true.into()));
    assert_eq!(alive.headers[header::CONTENT_TYPE], "application/json");
    let stuck = ask(Fake { stuck: Some("fib-sync"), ..Fake::default() }, "/livez").await;
    assert_eq!(stuck.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(stuck.json()["reasons"][0], "fib-sync has given no sign for 31 s");
    let ready = ask(Fake::default(), "/readyz").await;
    assert_eq!((ready.status, &ready.json()["reasons"]), (StatusCode::OK, &serde_json::json!([])));
    let starting = ask(Fake { starting: true, ..Fake::default() }, "/readyz").await;
    assert_eq!(starting.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((&starting.json()["ready"], &starting.json()["peers_synced"]), (&false.into(), &2.into()));
    assert_eq!(starting.json()["reasons"][0], "peer 172.16.1.3: it is not up yet");
    stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn the_listener_says_that_it_looks_around_also_when_nobody_calls() {
    let daemon = Fake::default();
    let _server = serve(daemon.clone());
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    let looks = daemon.looks.load(Ordering::Relaxed);
    assert!((10..=13).contains(&looks), "once a second: {looks}");
}

#[tokio::test]
async fn why_wants_an_address() {
    let server = serve(Fake::default());
    for address in ["10.65.2.7", "fd00:65:2::7"] {
        assert_eq!(get(&server.socket, &format!("/v1/why/{address}")).await.json()["address"], address);
    }
    for wrong in ["10.65.2.0/26", "node-b", "10.65.2"] {
        let problem = get(&server.socket, &format!("/v1/why/{wrong}")).await.problem();
        let detail = format!("{wrong:?} is no address; write one such as 10.65.2.7, without a length");
        assert_eq!((problem.status, problem.detail), (400, detail));
    }
}

#[tokio::test]
async fn an_owner_is_replaced_patched_and_removed() {
    let server = serve(Fake::default());
    let ask = async |method, body| ask(&server.socket, method, "/v1/owners/cni", body).await;
    let done = ask(Method::PUT, Some(r#"{"prefixes":["10.65.1.0/26","10.65.2.0/26"]}"#)).await.json();
    assert_eq!(done["announced"], json!(["10.65.1.0/26", "10.65.2.0/26"]));
    let patch = r#"{"announce":["10.65.2.0/26"],"services":["10.9.9.9"],"withdraw":["10.65.1.0/26","10.65.7.0/26"]}"#;
    let done = ask(Method::PATCH, Some(patch)).await.json();
    assert_eq!(done, json!({"announced": ["10.9.9.9/32"], "withdrawn": ["10.65.1.0/26"], "unchanged": 2, "kept": []}));
    assert_eq!(ask(Method::GET, None).await.json()["prefixes"], json!(["10.65.2.0/26", "10.9.9.9/32"]));
    let done = ask(Method::DELETE, None).await.json();
    assert_eq!(done["withdrawn"], json!(["10.65.2.0/26", "10.9.9.9/32"]));
    let problem = get(&server.socket, "/v1/owners/a%20b").await.problem();
    assert!(problem.detail.starts_with("\"a b\" is no name of an owner; expected 1 to 63 of"), "{problem:?}");
}

#[tokio::test]
async fn each_wrong_field_of_an_owner_is_named_with_its_pointer() {
    let server = serve(Fake::default());
    for (method, body, pointers) in [
        (
            Method::PUT,
            r#"{"prefixes":["::/0","x"],"services":["y","::/0"],"lease":{"seconds":0}}"#,
            vec!["/prefixes/1", "/services/0", "/services/1", "/lease/seconds"],
        ),
        (
            Method::PATCH,
            r#"{"announce":["::1"],"withdraw":["::2","::1"],"lease":{"seconds":86401}}"#,
            vec!["/withdraw/1", "/lease/seconds"],
        ),
        (Method::PATCH, r#"{"lease":{"seconds":9,"then":"wait"}}"#, vec!["/lease/then"]),
        (Method::PUT, r#"{"lease":{"seconds":-1}}"#, vec!["/lease/seconds"]),
        (Method::PUT, r#"{"lease":[9]}"#, vec!["/lease"]),
        (Method::PUT, r#"[]"#, vec![""]),
    ] {
        let problem = ask(&server.socket, method, "/v1/owners/cni", Some(body)).await.problem();
        let found: Vec<_> = problem.errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(found, pointers, "{body}: {problem:?}");
    }
}
