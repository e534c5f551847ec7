//! Accepts connections and runs a router on them: at most so many at once, each with a limit on waiting, and an end
//! that lets answers finish.
//!
//! Why not `axum::serve`: it has no bound on connections and no timer, so a few clients that connect and say nothing
//! would hold descriptors that the BGP sessions need.

use std::pin::pin;
use std::time::Duration;

use axum::serve::Listener;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::backend::Backend;
use super::caller::Caller;
use super::endpoints::{metrics_router, router};
use super::socket::ControlSocket;
use super::start::{Awaited, start_router};

/// How much one listener may cost.
#[derive(Clone, Copy)]
struct Limits {
    /// Connections served at once; further ones wait in the kernel's backlog.
    connections: usize,
    /// Longest wait for the head of a request, also of the next one on a connection kept alive.
    head: Duration,
    /// Longest life of a connection. `None`: as long as the client likes.
    life: Option<Duration>,
    /// How long running answers may take after the stop.
    grace: Duration,
}

/// Longest head of a request in octets, request line included; also what is read at once of a body.
const HEAD_LIMIT: usize = 16 << 10;

/// Time between two looks around of a listener that nobody calls.
const TICK: Duration = Duration::from_secs(1);

const CONTROL: Limits =
    Limits { connections: 64, head: Duration::from_secs(30), life: None, grace: Duration::from_secs(2) };

/// Anybody may reach it, so a reader that stops reading is cut off too.
const METRICS: Limits = Limits {
    connections: 32,
    head: Duration::from_secs(30),
    life: Some(Duration::from_secs(60)),
    grace: Duration::from_secs(2),
};

/// Serves the control socket until `stop`; then running answers may finish for two seconds, and the socket file goes.
pub async fn serve<B: Backend>(socket: ControlSocket, backend: B, stop: CancellationToken) {
    let (listener, _file) = socket.into_parts();
    let router = router(backend.clone());
    let of_caller = |stream: &UnixStream| router.clone().layer(Extension(Caller::of(stream)));
    run(listener, of_caller, CONTROL, stop, || backend.served()).await;
}

/// Serves `/metrics`, `/livez` and `/readyz` until `stop`.
pub async fn serve_metrics<B: Backend>(listener: TcpListener, backend: B, stop: CancellationToken) {
    let router = metrics_router(backend);
    run(listener, |_: &TcpStream| router.clone(), METRICS, stop, || ()).await;
}

/// Serves the same pages until `stop`, before there is a daemon to ask: alive, not ready because of what is `awaited`, and
/// this text of metrics.
pub async fn serve_start(listener: TcpListener, awaited: Awaited, metrics: String, stop: CancellationToken) {
    let router = start_router(awaited, metrics);
    run(listener, |_: &TcpStream| router.clone(), METRICS, stop, || ()).await;
}

/// Serves the control socket's pages on one connection, which is there already, until the client ends it.
pub async fn serve_stream<B: Backend>(stream: impl Stream, backend: B) {
    let router = router(backend).layer(Extension(Caller::default()));
    serve_connection(stream, router, CONTROL, CancellationToken::new()).await;
}

/// Serves the metrics listener's pages on one connection, which is there already, for 60 seconds at most.
pub async fn serve_metrics_stream<B: Backend>(stream: impl Stream, backend: B) {
    serve_connection(stream, metrics_router(backend), METRICS, CancellationToken::new()).await;
}

/// The connection that a request came by, for answers that go on and on.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    /// The daemon is about to end: answers should, too.
    pub stop: CancellationToken,
    /// Ends the connection at once, when its client reads nothing.
    pub cut: CancellationToken,
}

/// What HTTP can be spoken on.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// `look_around` is called each second at least.
async fn run<L: Listener>(
    mut listener: L,
    router: impl Fn(&L::Io) -> Router,
    limits: Limits,
    stop: CancellationToken,
    look_around: impl Fn(),
) {
    let mut connections = JoinSet::new();
    let mut tick = tokio::time::interval(TICK);
    loop {
        look_around();
        tokio::select! {
            _ = tick.tick() => {}
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            (stream, _) = listener.accept(), if connections.len() < limits.connections => {
                let router = router(&stream);
                connections.spawn(serve_connection(stream, router, limits, stop.clone()));
            }
        }
    }
    drop(listener);
    let finish = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.grace, finish).await.is_err() {
        tracing::debug!("API connections did not end in time and are cut");
    }
}

async fn serve_connection(stream: impl Stream, router: Router, limits: Limits, stop: CancellationToken) {
    let connection = Connection { stop: stop.clone(), cut: CancellationToken::new() };
    let cut = connection.cut.clone();
    let service = TowerToHyperService::new(router.layer(Extension(connection)));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_buf_size(HEAD_LIMIT)
            .max_header_size(HEAD_LIMIT)
            .half_close(true) // `nc -N` closes its side behind the request, and still waits for the answer
            .serve_connection(TokioIo::new(stream), service)
    );
    let serve = async {
        let result = tokio::select! {
            result = connection.as_mut() => result,
            () = cut.cancelled() => return,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(%error, "API connection ended");
        }
    };
    match limits.life {
        None => serve.await,
        Some(life) => {
            if tokio::time::timeout(life, serve).await.is_err() {
                tracing::debug!("API connection cut: it was open for {} s", life.as_secs());
            }
        }
    }
}
