//! roost's own battery: raw BGP over TCP to the built binary, and exactly what comes back.
//!
//! A case is a function whose name says what must be; the RFC's section stands beside it. Each has a roost of its own on
//! loopback addresses of its own, so cases run side by side, need no privileges, and cannot disturb each other. See
//! [`harness`] for the words the cases are told in.
//!
//! | module | what |
//! |---|---|
//! | [`header`], [`open`] | RFC 4271 §6.1, §6.2 and what changed them: the exact NOTIFICATION for each wrong octet |
//! | [`fsm`] | RFC 4271 §8: order of messages, timers, collisions, ends |
//! | [`transport`] | IPv6, TTLs, TCP MD5: the connection under the session |
//! | [`update_errors`] | RFC 7606: what an error costs, and that it costs no more |
//! | [`semantics`] | UPDATEs that can be read and must not be used |
//! | [`reflection`] | who is told what (RFC 4456), and how it is rewritten |
//! | [`best_path`] | RFC 4271 §9.1.2.2, a case a step |
//! | [`features`] | what both sides must agree on before it is used |
//! | [`memory`] | what `show memory` says |
//! | [`abuse`] | peers and strangers that mean no good |

#![allow(clippy::unwrap_used, missing_docs)]

mod abuse;
mod best_path;
mod features;
mod fsm;
mod harness;
mod header;
mod memory;
mod open;
mod reflection;
mod semantics;
mod transport;
mod update_errors;
