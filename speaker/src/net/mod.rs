//! TCP as BGP needs it: listeners that take storms, connections from a chosen source, MD5 keys and TTLs on both.
//!
//! [`tcp`] opens sockets, [`sockopt`] sets what only libc offers. Nothing here knows a BGP message.

pub mod sockopt;
pub mod tcp;
