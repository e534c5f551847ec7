//! The API server over a real Unix socket, with a made-up daemon behind it.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod fake;

#[path = "api/document.rs"]
mod document;
#[path = "api/limits.rs"]
mod limits;
#[path = "api/pages.rs"]
mod pages;
#[path = "api/socket.rs"]
mod socket;
#[path = "api/watch.rs"]
mod watch;
