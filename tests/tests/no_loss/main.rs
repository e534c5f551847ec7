//! Packets are numbered and counted while everything happens to a node that happens to nodes: none is lost.
//!
//! Pods send to each other through their nodes, a packet each millisecond both ways, and [`Witness`](lab::Witness) says in
//! the end which ones never arrived. The control comes first: a route that really goes is seen as loss.

mod lab;
mod legs;
mod reflectors;
mod reload;
mod restarts;
mod to_reflectors;
