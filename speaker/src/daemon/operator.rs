//! Orders of the operator: whom they are for, and what became of them.
//!
//! A peer is called by its address or by its name: the node's in a mesh, else its description. A name may stand for
//! several, the IPv4 and the IPv6 session with one node above all; then the order is for each of them. A name nobody has
//! is a mistake, and nothing is done; what a peer cannot do is found out by its task, and said for that peer alone.

use std::collections::BTreeMap;
use std::net::IpAddr;

use tokio::sync::oneshot;

use super::backend::{KnownPeer, KnownPeers};
use super::peer_task::{Done, PeerCommand};
use crate::api::model::PeerDone;
use crate::api::{Order, Problem};
use crate::config::{PeerOrigin, PeerSettings, closest};

/// Names every peer.
const ALL: &str = "*";
/// Peers whose refusal stands in one answer; the rest is counted.
const NAMED: usize = 20;

/// Carries an order out for the peers of these names.
///
/// # Errors
/// 404 when nobody has one of the names, 409 when one of them can't do it: then the others have done it.
pub async fn carry_out(known: &KnownPeers, names: &[String], order: Order) -> Result<Vec<PeerDone>, Problem> {
    let all: Vec<KnownPeer> = known.all().into_values().collect();
    let everybody = names.iter().any(|name| name == ALL);
    let mut wanted = BTreeMap::new();
    for name in names {
        let found = find(&all, name);
        if found.is_empty() && !everybody {
            return Err(nobody(&all, name));
        }
        // A link-local address can be a peer's on each of several interfaces.
        wanted.extend(found.into_iter().map(|peer| ((peer.settings.address, &peer.settings.interface), peer)));
    }
    let tell = async |peer: &KnownPeer| (peer.settings.address, tell(peer, order.clone()).await);
    let answers = futures::future::join_all(wanted.into_values().map(tell)).await;
    if everybody {
        let row = |(address, answer)| match answer {
            Ok(Done { changed, text }) => PeerDone { address, changed, text },
            Err(text) => PeerDone { address, changed: false, text },
        };
        return Ok(answers.into_iter().map(row).collect());
    }
    let (mut rows, mut refused) = (Vec::new(), Vec::new());
    for (address, answer) in answers {
        match answer {
            Ok(Done { changed, text }) => rows.push(PeerDone { address, changed, text }),
            Err(reason) => refused.push(format!("{address}: {reason}")),
        }
    }
    if refused.is_empty() { Ok(rows) } else { Err(Problem::conflict(refusal(refused, rows.len()))) }
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

fn find<'p>(all: &'p [KnownPeer], name: &str) -> Vec<&'p KnownPeer> {
    let address = name.parse::<IpAddr>().ok();
    let is_it = |peer: &&KnownPeer| {
        name == ALL || address == Some(peer.settings.address) || names(&peer.settings).any(|own| own == name)
    };
    all.iter().filter(is_it).collect()
}

/// What a peer is called: by its address (with the interface of a link-local one), its node, its description.
fn names(peer: &PeerSettings) -> impl Iterator<Item = String> {
    let address = match &peer.interface {
        Some(interface) => format!("{}%{interface}", peer.address),
        None => peer.address.to_string(),
    };
    let node = match &peer.origin {
        PeerOrigin::Mesh { node } => Some(node.clone()),
        PeerOrigin::Peers | PeerOrigin::Dynamic { .. } => None,
    };
    [Some(address), node, peer.description.clone()].into_iter().flatten()
}

fn nobody(all: &[KnownPeer], name: &str) -> Problem {
    let names: Vec<String> = all.iter().flat_map(|peer| names(&peer.settings)).collect();
    let help = match closest(name, names.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean {meant}?"),
        None => "`roost show peers` lists them".to_owned(),
    };
    let shown: String = name.chars().take(64).collect();
    Problem::not_found(format!("no peer is called {shown:?}; {help}"))
}

fn refusal(mut refused: Vec<String>, done: usize) -> String {
    let more = refused.len().saturating_sub(NAMED);
    refused.truncate(NAMED);
    let mut text = refused.join("; ");
    if more > 0 {
        text.push_str(&format!("; and {more} more"));
    }
    if done > 0 {
        text.push_str(&format!("; done for the other {done}"));
    }
    text
}
