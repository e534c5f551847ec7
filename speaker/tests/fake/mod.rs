//! A made-up daemon behind the real API server, and a bare HTTP client: shared by the tests of the API and the CLI.
#![allow(dead_code, reason = "each of the two uses its part")]

mod daemon;

use std::path::{Path, PathBuf};

use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use speaker::api::ControlSocket;
use speaker::api::model::Problem;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use daemon::*;

/// A running API server on a socket of its own directory; both go when it is dropped.
pub struct Server {
    pub socket: PathBuf,
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
    _directory: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub fn serve(fake: Fake) -> Server {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("run/roost.sock");
    let stop = CancellationToken::new();
    let control = ControlSocket::bind(&socket, 0o600).unwrap();
    let task = tokio::spawn(speaker::api::serve(control, fake, stop.clone()));
    Server { socket, stop, task, _directory: directory }
}

/// One HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The problem it must be, by RFC 9457.
    pub fn problem(&self) -> Problem {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{self:?}");
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.status, self.status.as_u16());
        problem
    }
}

/// One request on a connection of its own.
pub async fn send<S>(stream: S, request: Request<Full<Bytes>>) -> Answer
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let response = sender.send_request(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
}

pub fn request(method: Method, path: &str, json: Option<&str>) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, "roost");
    if json.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    request.body(Full::new(Bytes::from(json.unwrap_or_default().to_owned()))).unwrap()
}

pub async fn ask(socket: &Path, method: Method, path: &str, json: Option<&str>) -> Answer {
    send(UnixStream::connect(socket).await.unwrap(), request(method, path, json)).await
}

pub async fn get(socket: &Path, path: &str) -> Answer {
    ask(socket, Method::GET, path, None).await
}
