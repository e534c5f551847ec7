//! TCP as BGP needs it: listeners that take storms, connections from a chosen source, MD5 keys and TTLs on both.
//!
//! [`tcp`] opens sockets, [`sockopt`] sets what only libc offers, [`md5_counters`] reads what the kernel dropped for
//! want of the right key, [`zone`] writes addresses with their links. Nothing here knows a BGP message.

pub mod md5_counters;
pub mod sockopt;
pub mod tcp;
pub mod zone;
