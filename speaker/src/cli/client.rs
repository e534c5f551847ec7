//! One request to the daemon over its Unix socket, and what its failure means to a person.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{Method, Request, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::api::model::Problem;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest wait for the answer to begin, and then for each further piece of it.
const ANSWER: Duration = Duration::from_secs(60);

/// A client of one control socket. Each request is a connection of its own: a command asks once and ends.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    /// Octets of answers so far.
    octets: Arc<AtomicU64>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection.
    #[error("cannot reach the daemon on {}: {error}\n  {}", .socket.display(), likely_cause(.error))]
    Connect {
        /// The socket's path.
        socket: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A connection, but nothing comes.
    #[error("the daemon on {} does not answer within {} s; it may be stuck: see its log", .socket.display(), ANSWER.as_secs())]
    Timeout {
        /// The socket's path.
        socket: PathBuf,
    },
    /// The daemon answered that it will not.
    #[error("{}", .0.detail)]
    Refused(Problem),
    /// The connection broke, or something else than roost answers there.
    #[error("{}: {what}; is it a roost of this version that listens there?", .socket.display())]
    Strange {
        /// The socket's path.
        socket: PathBuf,
        /// What came instead.
        what: String,
    },
}

impl ClientError {
    /// The exit code it means.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Connect { .. } | Self::Timeout { .. } => super::EXIT_NO_DAEMON,
            Self::Refused(_) | Self::Strange { .. } => super::EXIT_FAILED,
        }
    }
}

fn likely_cause(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "There is no such socket: roost is not running, or its socket is at another path (--socket, ROOST_SOCKET; birdcl -s)."
        }
        io::ErrorKind::ConnectionRefused => "Nobody listens on it: roost has ended without removing it. Start roost.",
        io::ErrorKind::PermissionDenied => {
            "You may not use it: run as root, or set `api.mode` of the configuration so that your group may."
        }
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "Too many clients wait on it; try again.",
        _ => "Is it the socket of a running roost (--socket, ROOST_SOCKET)?",
    }
}

impl Client {
    /// A client of the daemon behind `socket`.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into(), octets: Arc::default() }
    }

    /// The same, and what it has heard can be seen from outside.
    #[must_use]
    pub fn counting(self, octets: Arc<AtomicU64>) -> Self {
        Self { octets, ..self }
    }

    /// The socket's path.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// `GET path`, read as `T`.
    ///
    /// # Errors
    /// No connection, no answer, a [`Problem`], or an answer that is no `T`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.parse(&self.answer(Method::GET, path, None).await?)
    }

    /// `POST path` with a JSON body, read as `T`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        self.post_bytes(path, self.json(body)?).await
    }

    /// `PUT path`, likewise.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        self.parse(&self.answer(Method::PUT, path, Some(self.json(body)?)).await?)
    }

    /// A method without a body, or with one that is JSON already, read as `T`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<T, ClientError> {
        self.parse(&self.answer(method, path, body).await?)
    }

    /// `PATCH path`, likewise.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        self.parse(&self.answer(Method::PATCH, path, Some(self.json(body)?)).await?)
    }

    /// A POST with a body that is JSON already.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn post_bytes<T: DeserializeOwned>(&self, path: &str, body: Bytes) -> Result<T, ClientError> {
        self.parse(&self.answer(Method::POST, path, Some(body)).await?)
    }

    /// The answer's own bytes, handed to `piece` as they come: for output that is passed through.
    ///
    /// # Errors
    /// As [`get`](Self::get), or what `piece` returns.
    pub async fn pass<E: From<ClientError>>(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        mut piece: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut answer = self.request(method, path, body).await?;
        while let Some(data) = self.next(&mut answer).await? {
            self.octets.fetch_add(data.len() as u64, Ordering::Relaxed);
            piece(&data)?;
        }
        Ok(())
    }

    /// A request body.
    ///
    /// # Errors
    /// When `body` has no form in JSON.
    pub fn json(&self, body: &impl Serialize) -> Result<Bytes, ClientError> {
        serde_json::to_vec(body).map(Bytes::from).map_err(|error| self.strange(error))
    }

    async fn answer(&self, method: Method, path: &str, body: Option<Bytes>) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        self.pass(method, path, body, |piece| {
            bytes.extend_from_slice(piece);
            Ok::<(), ClientError>(())
        })
        .await?;
        Ok(bytes)
    }

    /// Sends one request and returns the body of its answer when that is a success.
    async fn request(&self, method: Method, path: &str, body: Option<Bytes>) -> Result<Incoming, ClientError> {
        let connect = |error| ClientError::Connect { socket: self.socket.clone(), error };
        let stream = match timeout(CONNECT, UnixStream::connect(&self.socket)).await {
            Ok(stream) => stream.map_err(connect)?,
            Err(_) => return Err(connect(io::ErrorKind::TimedOut.into())),
        };
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.strange(error))?;
        tokio::spawn(connection); // ends with the sender; its error also ends the request

        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "roost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|error| self.strange(error))?;
        let response = match timeout(ANSWER, sender.send_request(request)).await {
            Ok(response) => response.map_err(|error| self.strange(error))?,
            Err(_) => return Err(ClientError::Timeout { socket: self.socket.clone() }),
        };
        if response.status().is_success() {
            return Ok(response.into_body());
        }
        let status = response.status();
        let mut body = response.into_body();
        let mut bytes = Vec::new();
        while let Some(data) = self.next(&mut body).await? {
            bytes.extend_from_slice(&data);
        }
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Err(ClientError::Refused(problem)),
            Err(_) => Err(self.strange(format!("it answers {status} to {path}"))),
        }
    }

    /// The next piece of a body.
    async fn next(&self, body: &mut Incoming) -> Result<Option<Bytes>, ClientError> {
        loop {
            match timeout(ANSWER, body.frame()).await {
                Err(_) => return Err(ClientError::Timeout { socket: self.socket.clone() }),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(self.strange(error)),
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    fn parse<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, ClientError> {
        serde_json::from_slice(bytes).map_err(|error| self.strange(format!("its answer cannot be read: {error}")))
    }

    fn strange(&self, what: impl ToString) -> ClientError {
        ClientError::Strange { socket: self.socket.clone(), what: what.to_string() }
    }
}

/// A filter as a query, with its question mark when there is one: the fields that are neither `null` nor `false`.
///
/// # Errors
/// When `filter` has no form in JSON.
pub fn query(filter: &impl Serialize) -> Result<String, serde_json::Error> {
    let fields: serde_json::Map<String, Value> = serde_json::from_value(serde_json::to_value(filter)?)?;
    let field = |(name, value): (String, Value)| match value {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) => Some(format!("{name}={}", escape(&text))),
        value => Some(format!("{name}={}", escape(&value.to_string()))),
    };
    let fields: Vec<_> = fields.into_iter().filter_map(field).collect();
    Ok(if fields.is_empty() { String::new() } else { format!("?{}", fields.join("&")) })
}

/// Percent-encodes what has a meaning in a URL. RFC 3986 §2.3
pub fn escape(text: &str) -> String {
    use std::fmt::Write;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}"); // writing to a String cannot fail
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn only_unreserved_characters_stand_for_themselves() {
        // RFC 3986 §2.3
        assert_eq!(escape("Az09-._~"), "Az09-._~");
        assert_eq!(escape("fe80::1%eth0 10.0.0.0/8?é"), "fe80%3A%3A1%25eth0%2010.0.0.0%2F8%3F%C3%A9");
    }
}
