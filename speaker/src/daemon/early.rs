//! The metrics listener from the first moment on: a start may wait for the node's address for a minute, and a probe that is
//! refused meanwhile gets the process killed.
//!
//! What it tells then is short. The daemon takes the listener over, and no connection is refused in between: the socket
//! stays open.

use std::net::{SocketAddr, TcpListener as StdListener};

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::metrics;
use crate::api::{self, Awaited};
use crate::config::Config;

/// The listener, and who answers on it until the daemon does.
pub struct Early {
    socket: StdListener,
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Early {
    /// Listens where `metrics.listen` says, if it does.
    ///
    /// # Errors
    /// When it cannot be listened on.
    pub async fn begin(config: &Config, awaited: &Awaited) -> Result<Option<Self>> {
        let Some(settings) = &config.metrics else { return Ok(None) };
        let address = settings.listen;
        let listener = bind(address).await?;
        let socket = listener.into_std()?;
        let stop = CancellationToken::new();
        let copy = TcpListener::from_std(socket.try_clone()?)?;
        let server = tokio::spawn(api::serve_start(copy, awaited.clone(), metrics::starting()?, stop.clone()));
        Ok(Some(Self { socket, address, stop, server }))
    }

    /// The listener of `config`, which may have been read again meanwhile, for the daemon.
    ///
    /// # Errors
    /// When it cannot be listened on.
    pub async fn take_over(early: Option<Self>, config: &Config) -> Result<Option<TcpListener>> {
        let listen = config.metrics.as_ref().map(|settings| settings.listen);
        let kept = match early {
            Some(Self { socket, address, stop, server }) => {
                stop.cancel();
                // It has answered whom it had accepted, or given up on them.
                let _ = server.await;
                (Some(address) == listen).then_some(socket)
            }
            None => None,
        };
        match (kept, listen) {
            (Some(socket), _) => Ok(Some(TcpListener::from_std(socket)?)),
            (None, Some(address)) => bind(address).await.map(Some),
            (None, None) => Ok(None),
        }
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("cannot listen on {address} for metrics (metrics.listen)"))
}

/// Nothing to wait for is known yet.
pub fn awaited() -> (watch::Sender<Vec<String>>, Awaited) {
    watch::channel(vec!["roost starts".to_owned()])
}
