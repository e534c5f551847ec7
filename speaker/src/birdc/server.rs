//! Accepts clients, so many at once, reads their lines and has them answered, one after the other.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, BufReader};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::clock::Clock;
use super::command::{self, Command, Refusal};
use super::protocols::{self, Protocol};
use super::reply::Reply;
use super::{Scope, VERSION, orders, routes, status};
use crate::api::model::PeerFilter;
use crate::api::{Backend, Caller, ControlSocket};

/// Clients served at once; further ones wait in the kernel's backlog.
const CLIENTS: usize = 64;
/// Longest line in octets, with its end; BIRD's.
const LINE: u64 = 4096;
/// How long a client may say nothing. A person at `birdc` can connect again; one that was forgotten keeps others out.
const IDLE: Duration = Duration::from_secs(600);

/// Serves BIRD's control protocol on the socket until `stop`; then the socket file goes.
pub async fn serve<B: Backend>(socket: ControlSocket, backend: B, scope: Scope, stop: CancellationToken) {
    let (listener, _file) = socket.into_parts();
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = clients.join_next() => {}
            accepted = listener.accept(), if clients.len() < CLIENTS => match accepted {
                Ok((stream, _)) => {
                    let caller = Caller::of(&stream);
                    clients.spawn(serve_caller(stream, caller, backend.clone(), scope));
                }
                // Out of descriptors: they come back, and the client waits in the backlog.
                Err(error) => {
                    debug!(%error, "BIRD socket: cannot accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
}

/// Serves one client until it ends, says nothing for ten minutes, or does not read.
pub async fn serve_stream<B: Backend>(stream: impl AsyncRead + AsyncWrite + Unpin, backend: B, scope: Scope) {
    serve_caller(stream, Caller::default(), backend, scope).await;
}

async fn serve_caller<B: Backend>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    caller: Caller,
    backend: B,
    scope: Scope,
) {
    let (reading, mut writing) = tokio::io::split(stream);
    let mut client = Client { backend, caller, scope, restricted: false };
    if let Err(error) = client.serve(BufReader::new(reading), &mut writing).await {
        debug!(%error, "BIRD socket: client dropped");
    }
}

/// Who is served.
struct Client<B> {
    backend: B,
    caller: Caller,
    scope: Scope,
    /// It may only look.
    restricted: bool,
}

impl<B: Backend> Client<B> {
    async fn serve<W: AsyncWrite + Unpin>(
        &mut self,
        mut lines: impl AsyncBufRead + Unpin,
        out: &mut W,
    ) -> io::Result<()> {
        Reply::new(out).end(1, &format!("BIRD {VERSION} ready.")).await?;
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut bounded = (&mut lines).take(LINE);
            let read = timeout(IDLE, bounded.read_until(b'\n', &mut line));
            let read = read.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            if line.last() != Some(&b'\n') {
                let too_long = read as u64 == LINE;
                return if too_long { Reply::new(out).end(9000, "Command too long").await } else { Ok(()) };
            }
            self.answer(&String::from_utf8_lossy(&line), Reply::new(out)).await?;
        }
    }

    async fn answer<W: AsyncWrite + Unpin>(&mut self, line: &str, reply: Reply<'_, W>) -> io::Result<()> {
        let command = match command::parse(line) {
            Ok(command) => command,
            Err(Refusal { code, text }) => return reply.end(code, &text).await,
        };
        if matches!(command, Command::Order(..) | Command::Configure { .. }) {
            if self.restricted {
                return reply.end(8007, "Access denied").await;
            }
            info!(by = %self.caller, command = line.trim(), "BIRD socket: order");
        }
        let (backend, clock) = (&self.backend, Clock::now());
        match command {
            Command::Status => status::status(reply, &backend.status().await, &clock).await,
            Command::Memory => status::memory(reply, &backend.memory().await).await,
            Command::Routes(wanted) => routes::show(reply, backend, self.scope, &wanted, &clock).await,
            Command::Configure { check } => orders::configure(reply, backend, check).await,
            Command::Restrict => {
                self.restricted = true;
                reply.end(16, "Access restricted").await
            }
            Command::Protocols { all, which } => match protocols::find(self.protocols().await, &which) {
                Ok(found) => self.show(reply, found, all, &clock).await,
                Err((code, text)) => reply.end(code, &text).await,
            },
            Command::Order(order, which) => match protocols::find(self.protocols().await, &which) {
                Ok(found) => orders::order(reply, backend, order, found, &which).await,
                Err((code, text)) => reply.end(code, &text).await,
            },
        }
    }

    /// Those that this socket shows.
    async fn protocols(&self) -> Vec<Protocol> {
        let peers = self.backend.peers(PeerFilter::default()).await.unwrap_or_default();
        protocols::all(peers.into_iter().filter(|peer| self.scope.shows(peer.address)).collect())
    }

    async fn show<W: AsyncWrite + Unpin>(
        &self,
        mut reply: Reply<'_, W>,
        found: Vec<Protocol>,
        all: bool,
        clock: &Clock,
    ) -> io::Result<()> {
        let status = self.backend.status().await;
        let shown = |block: &&String| {
            let address = block.split('/').next().and_then(|address| address.parse().ok());
            address.is_some_and(|address| self.scope.shows(address))
        };
        let blocks = status.originated.iter().filter(shown).count();
        protocols::header(&mut reply);
        for protocol in &found {
            protocols::line(&mut reply, protocol, status.started_at, clock);
            match protocol {
                _ if !all => {}
                Protocol::BuiltIn(at) => protocols::built_in(&mut reply, *at, blocks).await?,
                Protocol::Session(peer) => match self.backend.peer(peer.name()).await {
                    Ok(detail) => protocols::session(&mut reply, &detail).await?,
                    Err(problem) => reply.line(1006, format_args!("  {}", problem.detail)), // it has just gone
                },
            }
        }
        reply.done().await
    }
}
