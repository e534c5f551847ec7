//! Connections on which all is said, until the peer has read it.
//!
//! A socket that is closed while octets of the peer wait in it, or that gets some more, is reset (RFC 1122 §4.2.2.13), and
//! the peer's program may hear of the reset instead of the NOTIFICATION before it: "Connection reset by peer", for a session
//! that was refused with a reason. A BIRD on a busy machine, which sends its OPEN a moment after it has been refused, never
//! heard why. So our side alone ends first, and what the peer still sends is read and thrown away until it ends, too.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// Connections at once; a flood of more is reset.
const PLACES: u32 = 256;
/// For so long at most, whatever the peer does.
const WAIT: Duration = Duration::from_secs(2);
/// So many octets at most: what may have been on the way.
const OCTETS: usize = 4 << 20;

static ROOM: Semaphore = Semaphore::const_new(PLACES as usize);

/// Ends a connection whose last message is written.
pub fn end(stream: TcpStream) {
    let Ok(place) = ROOM.try_acquire() else { return };
    tokio::spawn(async move {
        let _ = tokio::time::timeout(WAIT, read_out(stream)).await;
        drop(place);
    });
}

async fn read_out(mut stream: TcpStream) {
    let (mut buffer, mut octets) = ([0; 4096], 0);
    let mut open = stream.shutdown().await.is_ok();
    while open && octets < OCTETS {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        (open, octets) = (read > 0, octets + read);
    }
}

/// Waits until all that have ended are gone, for a moment at most: the process is about to end, and its sockets with it.
pub async fn all_heard() {
    const MOMENT: Duration = Duration::from_millis(500);
    let _ = tokio::time::timeout(MOMENT, ROOM.acquire_many(PLACES)).await;
}
