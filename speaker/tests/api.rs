//! The API server over a real Unix socket, with a made-up daemon behind it.
#![allow(clippy::unwrap_used)]

mod fake;

#[path = "api/document.rs"]
mod document;
#[path = "api/limits.rs"]
mod limits;
#[path = "api/pages.rs"]
mod pages;
#[path = "api/socket.rs"]
mod socket;
