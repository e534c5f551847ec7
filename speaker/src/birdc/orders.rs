//! What changes something: `enable`, `disable`, `restart`, `reload` and `configure`.

use std::io;

use bgp_proto::FamilySet;
use tokio::io::AsyncWrite;

use super::command::{Order, Which};
use super::protocols::Protocol;
use super::reply::Reply;
use crate::api::model::{Direction, PeerRow};
use crate::api::{self, Backend};

/// Carries an order out for each of the sessions that are meant, and says what became of it.
///
/// # Errors
/// When the client is gone, or does not read.
pub(super) async fn order<B: Backend, W: AsyncWrite + Unpin>(
    mut reply: Reply<'_, W>,
    backend: &B,
    order: Order,
    protocols: Vec<Protocol>,
    which: &Which,
) -> io::Result<()> {
    for protocol in protocols {
        let name = protocol.name();
        match protocol {
            Protocol::Session(peer) => {
                if let Some((code, text)) = of_session(backend, order, &peer).await {
                    reply.line(code, format_args!("{name}: {text}"));
                }
            }
            Protocol::BuiltIn(_) if order == Order::Enable => reply.line(10, format_args!("{name}: already enabled")),
            // Of all and of patterns it is the sessions that are meant.
            Protocol::BuiltIn(_) if matches!(which, Which::Name(_)) => {
                reply.line(8007, format_args!("{name}: always runs, in roost orders are for BGP sessions"));
            }
            Protocol::BuiltIn(_) => {}
        }
        reply.pace().await?;
    }
    reply.done().await
}

/// BIRD's code and words for what was done, if it has any.
async fn of_session<B: Backend>(backend: &B, order: Order, peer: &PeerRow) -> Option<(u16, String)> {
    let disabled = peer.state == "disabled";
    let (order, code, done) = match order {
        Order::Enable if !disabled => return Some((10, "already enabled".to_owned())),
        Order::Enable => (api::Order::Enable, 11, "enabled"),
        _ if disabled => return Some((8, "already disabled".to_owned())),
        Order::Disable => (api::Order::Disable { message: None }, 9, "disabled"),
        Order::Restart => (api::Order::Reset { message: None, graceful: false }, 12, "restarted"),
        Order::Reload { .. } if peer.state != "established" => return None, // it has no routes
        Order::Reload { incoming, outgoing } => {
            let direction = match (incoming, outgoing) {
                (true, false) => Direction::In,
                (false, true) => Direction::Out,
                _ => Direction::Both,
            };
            (api::Order::Refresh { families: FamilySet::EMPTY, direction }, 15, "reloading")
        }
    };
    let reload = matches!(order, api::Order::Refresh { .. });
    Some(match backend.order(vec![peer.name()], order).await {
        Ok(_) => (code, done.to_owned()),
        Err(problem) if reload => (8006, format!("reload failed: {}", problem.detail)),
        Err(problem) => (8007, problem.detail),
    })
}

/// `configure [check]`
///
/// # Errors
/// When the client is gone, or does not read.
pub(super) async fn configure<B: Backend, W: AsyncWrite + Unpin>(
    mut reply: Reply<'_, W>,
    backend: &B,
    check: bool,
) -> io::Result<()> {
    let read = backend.reread(check).await;
    reply.line(2, format_args!("Reading configuration from {}", read.file));
    match read.outcome {
        Ok(done) => {
            done.lines().iter().for_each(|said| reply.line(2, format_args!("{said}")));
            let (code, text) = if check { (20, "Configuration OK") } else { (3, "Reconfigured") };
            reply.end(code, text).await
        }
        Err(mistakes) => {
            let (last, others) = match mistakes.split_last() {
                Some((last, others)) => (last.as_str(), others),
                None => ("the file cannot be used", &[][..]),
            };
            others.iter().for_each(|mistake| reply.line(8002, format_args!("{mistake}")));
            reply.end(8002, last).await
        }
    }
}
