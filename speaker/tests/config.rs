//! The configuration as its users meet it: files that load, and what is said about files that do not.
//!
//! What people read is golden (`snapshots/`); what the daemon gets is asserted.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "config/command.rs"]
mod command;
#[path = "config/limits.rs"]
mod limits;
#[path = "config/meaning.rs"]
mod meaning;
#[path = "config/mistakes.rs"]
mod mistakes;
#[path = "config/secrets.rs"]
mod secrets;

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bgp_proto::{Asn, Family, FamilySet};
use fib_sync::Metric;
use speaker::config::{
    Config, ConfigErrors, Loaded, LogFormat, Password, PeerOrigin, PeerSettings, PolicyRef, Pool, PoolMode, Ttl,
    check_command, load, parse,
};

/// A router with a node, to which a test adds what it is about.
const BASE: &str = "\
router: { asn: 64512 }
node: { name: n1, addresses: [172.16.1.1/24, 'fd00::1/64'], blocks: [10.65.1.0/26] }
";

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/config")
}

#[track_caller]
fn good(text: &str) -> Config {
    match parse("test.yaml", text) {
        Ok(Loaded { config, .. }) => config,
        Err(errors) => panic!("expected a good file:\n{text}\n{errors}"),
    }
}

#[track_caller]
fn bad(text: &str) -> ConfigErrors {
    parse("test.yaml", text).expect_err("expected a file with mistakes")
}

/// The peer with an address.
#[track_caller]
fn peer<'c>(config: &'c Config, address: &str) -> &'c PeerSettings {
    let address: IpAddr = address.parse().unwrap();
    config.peers.iter().find(|peer| peer.address == address).expect("a peer with this address")
}
