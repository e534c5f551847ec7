//! `show status` and `show memory`.

use std::io;

use tokio::io::AsyncWrite;

use super::VERSION;
use super::clock::Clock;
use super::reply::Reply;
use crate::api::model::{Memory, Status};

/// `show status`
pub(super) async fn status<W: AsyncWrite + Unpin>(
    mut reply: Reply<'_, W>,
    status: &Status,
    clock: &Clock,
) -> io::Result<()> {
    reply.line(1000, format_args!("BIRD {VERSION}"));
    reply.line(1011, format_args!("Router ID is {}", status.router_id));
    reply.line(1011, format_args!("Current server time is {}", clock.long(clock.now)));
    reply.line(1011, format_args!("Last reboot on {}", clock.long(status.started_at)));
    reply.line(1011, format_args!("Last reconfiguration on {}", clock.long(status.configured_at)));
    if status.phase == "starting" {
        let absent = status.peers.saturating_sub(status.peers_established);
        reply.line(24, format_args!("Graceful restart recovery in progress"));
        reply.line(24, format_args!("  Waiting for {absent} protocols to recover"));
    }
    reply.end(13, "Daemon is up and running").await
}

/// `show memory`
pub(super) async fn memory<W: AsyncWrite + Unpin>(mut reply: Reply<'_, W>, memory: &Memory) -> io::Result<()> {
    let (mut tables, mut attributes, mut protocols) = (0, 0, 0);
    for part in &memory.parts {
        match part.part.as_str() {
            "attribute sets" | "next hops" => attributes += part.bytes,
            "peers" | "sessions" => protocols += part.bytes,
            _ => tables += part.bytes,
        }
    }
    reply.line(1018, format_args!("BIRD memory usage"));
    let sizes = [
        ("Routing tables:", tables),
        ("Route attributes:", attributes),
        ("ROA tables:", 0),
        ("Protocols:", protocols),
        ("Total:", memory.resident.unwrap_or(memory.accounted)),
    ];
    for (what, octets) in sizes {
        let (size, unit) = in_units(octets);
        reply.line(1018, format_args!("{what:<17} {size:>4} {unit}B"));
    }
    reply.done().await
}

/// At most four digits, and the letter of their unit.
fn in_units(octets: u64) -> (u64, char) {
    let (mut size, mut units) = (octets, " kMGT".chars());
    let mut unit = units.next().unwrap_or(' ');
    while size >= 10_000
        && let Some(next) = units.next()
    {
        (size, unit) = (size.saturating_add(512) / 1024, next);
    }
    (size, unit)
}
