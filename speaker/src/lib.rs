//! roost: a BGP speaker and route reflector for Kubernetes node meshes.
//!
//! The library behind the `roost` binary: who runs with which configuration, and how to look inside.
//!
//! * [`config`] reads the YAML file, [`daemon`] runs it;
//! * [`api`] is the control socket and the metrics listener, [`cli`] the command line and client of both;
//! * [`birdc`] is the same for those who know BIRD's control socket;
//! * [`detect`] finds the node's own address on its interfaces;
//! * [`decode`] turns captures into JSON;
//! * [`doctor`] says why packets of pods are lost although every route is learned;
//! * [`journal`] has what changed lately, for those who watch;
//! * `net` opens BGP's sockets, and has the project's only `unsafe`.
//!
//! How a path is chosen is `rib`'s business, how the kernel gets there `fib-sync`'s, what the bytes mean `bgp-proto`'s.

pub mod api;
pub mod birdc;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod decode;
pub mod detect;
pub mod doctor;
pub mod journal;

mod logging;
mod net;
