//! How others look inside a running roost, and tell it what to announce: HTTP + JSON.
//!
//! Two listeners with different powers:
//!
//! * the control socket ([`ControlSocket`], a Unix socket whose file mode says who may): everything under `/v1`, for
//!   the CLI and the CNI agent;
//! * the metrics listener (TCP, any reader): `/metrics`, `/livez` and `/readyz`, nothing that changes or names a route.
//!
//! [`model`] has the types that travel, [`Backend`] what the daemon must answer, `endpoints` the one table from which
//! both the router and the OpenAPI document are made: a page that is served cannot be missing from the document.
//! Every error is a [`Problem`] (RFC 9457). Only what is not HTTP, or has a head of over 16 KiB, gets a bare 400, 414 or
//! 431, or none, and the connection is closed.
//!
//! ```text
//! curl --unix-socket /run/roost/roost.sock http://roost/v1/peers
//! curl --unix-socket /run/roost/roost.sock http://roost/v1/announce --json '{"prefixes":["10.65.1.0/26"]}'
//! curl --unix-socket /run/roost/roost.sock http://roost/v1/owners/cni -X PUT --json '{"prefixes":["10.65.1.0/26"]}'
//! ```

pub mod apply;
pub mod backend;
pub mod configuration;
pub mod model;

mod body;
mod caller;
mod calls;
mod drain;
mod endpoints;
mod fields;
mod list;
mod log_pages;
mod object;
mod openapi;
mod orders;
mod overlay;
mod owner_pages;
mod owners;
mod pages;
mod prefixes;
mod problem;
mod server;
mod socket;
mod start;
mod watch;

pub use backend::{Backend, Reread};
pub use caller::Caller;
pub use drain::Drain;
pub use list::Slices;
pub use model::Problem;
pub use openapi::document as openapi_document;
pub use orders::Order;
pub use overlay::Setting;
pub use owners::{Edit, Edited, Kind, OwnerName, Withdraw};
pub use prefixes::parse_prefixes;
pub use server::{Stream, serve, serve_metrics, serve_metrics_stream, serve_start, serve_stream};
pub use socket::{Access, ControlSocket, SocketError};
pub use start::Awaited;
