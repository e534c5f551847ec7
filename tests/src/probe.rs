//! The metrics listener of a roost in a namespace, as a kubelet or Prometheus asks it.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::netns::Netns;
use crate::wait::PATIENCE;

/// The status and the body of a page of port 9179 on the namespace's loopback.
///
/// # Panics
/// When there is no answer.
#[track_caller]
pub fn probe(ns: &Netns, page: &str) -> (u16, String) {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", 9179))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {page} HTTP/1.0\r\nHost: roost\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    let text = ns.enter(ask).unwrap_or_else(|error| panic!("{page}: {error}"));
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{page}: no answer: {text}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("{page}: no status: {head}")), body.to_owned())
}
