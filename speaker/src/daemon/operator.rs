//! Orders of the operator: whom they are for, and what became of them.
//!
//! A name may stand for several peers (see [`names`]); then the order is for each of them. A name nobody has is a mistake,
//! and nothing is done; what a peer cannot do is found out by its task, and said for that peer alone.

use std::collections::BTreeMap;

use tokio::sync::oneshot;

use super::known_peers::{KnownPeer, KnownPeers};
use super::names;
use super::peer_task::{Done, PeerCommand};
use crate::api::model::PeerDone;
use crate::api::{Order, Problem};

/// Names every peer.
const ALL: &str = "*";

/// Carries an order out for the peers of these names.
///
/// # Errors
/// 404 when nobody has one of the names, 409 when one of them can't do it: then the others have done it.
pub async fn carry_out(known: &KnownPeers, names: &[String], order: Order) -> Result<Vec<PeerDone>, Problem> {
    let all = known.all();
    let everybody = names.iter().any(|name| name == ALL);
    let mut wanted = BTreeMap::new();
    if everybody {
        wanted.extend(all.iter().map(|(_, peer)| (peer.settings.place(), peer)));
    } else {
        for name in names {
            wanted.extend(names::find(&all, name)?.into_iter().map(|(_, peer)| (peer.settings.place(), peer)));
        }
    }
    let tell = async |peer: &KnownPeer| (row(peer), tell(peer, order.clone()).await);
    let answers = futures::future::join_all(wanted.into_values().map(tell)).await;
    let (mut rows, mut refused) = (Vec::new(), Vec::new());
    for (row, answer) in answers {
        match answer {
            Ok(Done { changed, text }) => rows.push(PeerDone { changed, text, ..row }),
            Err(text) if everybody => rows.push(PeerDone { text, ..row }),
            Err(reason) => refused.push(format!("{}: {reason}", row.name())),
        }
    }
    if refused.is_empty() { Ok(rows) } else { Err(Problem::conflict(refusal(refused, rows.len()))) }
}

/// Nothing was done yet.
fn row(peer: &KnownPeer) -> PeerDone {
    let interface = peer.settings.interface.as_ref().map(ToString::to_string);
    PeerDone { address: peer.settings.address, interface, changed: false, text: String::new() }
}

async fn tell(peer: &KnownPeer, order: Order) -> Result<Done, String> {
    let Some(commands) = &peer.commands else {
        return Err("disabled in the configuration; write `enabled: true` there and start roost again".to_owned());
    };
    let (answer, receive) = oneshot::channel();
    let ended = |_| "the peer is just going".to_owned();
    commands.send(PeerCommand::Order((order, answer))).await.map_err(|_| ended(()))?;
    receive.await.map_err(|_| ended(()))?
}

fn refusal(refused: Vec<String>, done: usize) -> String {
    let text = names::listed(refused, "; ");
    if done > 0 { format!("{text}; done for the other {done}") } else { text }
}
