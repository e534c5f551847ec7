//! What both sides must agree on before it is used: each feature when it is negotiated, and when it is not.

mod add_path;
mod graceful_restart;
mod messages;
mod refresh;
mod two_octet;
