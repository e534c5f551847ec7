//! Who is told what, and how it is rewritten: RFC 4271 §9.1.3, §9.2, §5.1; RFC 4456; RFC 1997.
//!
//! What a peer is told is read with a route refresh between its two marks (RFC 7313), so "is not told" is as sure as
//! "is told".
//!
//! | module | what |
//! |---|---|
//! | [`who`] | who is told a route at all |
//! | [`external`], [`internal`] | what stands in it for external peers; for internal ones and clients |
//! | [`carried`] | what passes unchanged |
//! | [`changes`] | news, withdrawals, the next best |
//! | [`ipv6`] | the same for IPv6 |

use crate::harness::{Neighbor, Roost, Setup, Told, Update};

mod carried;
mod changes;
mod external;
mod internal;
mod ipv6;
mod who;

const PREFIX: &str = "10.1.0.0/16";

/// What the second peer is told of the first one's route.
#[track_caller]
fn told(from: Neighbor, to: Neighbor, edit: impl Fn(Update) -> Update) -> Told {
    let roost = Setup::with([from, to]).start();
    let (mut from, mut to) = (roost.peer(0), roost.peer(1));
    let route = edit(from.route(&[PREFIX]));
    from.update(&route).settle(&roost);
    to.told(PREFIX)
}

/// What a peer is told of our own block.
#[track_caller]
fn told_own(to: Neighbor) -> (Told, Roost) {
    let roost = Setup::with([to]).blocks(&["10.65.0.0/26"]).start();
    let told = roost.peer(0).told("10.65.0.0/26");
    (told, roost)
}

fn same(update: Update) -> Update {
    update
}
