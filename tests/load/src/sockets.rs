//! What the kernel keeps in the buffers of TCP sockets.
//!
//! At rest, `ss` says it of each of the daemon's sockets. While octets flow only the kernel's own total is cheap enough to
//! be read over and over: it is the machine's, so it has the generator's ends of the connections in it, and an octet on its
//! way over loopback counts at both ends. The sockets themselves are in neither: with inode, file and dentry one is 3.7 KiB
//! (`/proc/slabinfo`, Linux 6.18).

use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::unistd::{SysconfVar, sysconf};
use serde::{Deserialize, Serialize};

/// Pause between two readings: buffers that fill up do so for longer.
const EVERY: Duration = Duration::from_millis(10);

/// Octets in buffers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buffers {
    /// Most of all the machine's sockets, beyond what they held before.
    pub peak: u64,
    /// Of the daemon's sockets at the end.
    pub rest: u64,
}

/// A thread that reads the kernel's total until [`Watch::end`].
#[derive(Debug)]
pub struct Watch {
    before: u64,
    stop: Sender<()>,
    peak: JoinHandle<Result<u64>>,
}

impl Watch {
    /// Begins.
    ///
    /// # Errors
    /// When the kernel does not say what its sockets hold.
    pub fn new() -> Result<Watch> {
        let before = total()?;
        let (stop, stopped) = channel();
        let peak = thread::spawn(move || {
            let mut peak = before;
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                peak = peak.max(total()?);
            }
            Ok(peak)
        });
        Ok(Watch { before, stop, peak })
    }

    /// Ends. The daemon's sockets are those at `port`.
    ///
    /// # Errors
    /// When there is no `ss`, or the kernel stopped saying what its sockets hold.
    ///
    /// # Panics
    /// As the thread did.
    pub fn end(self, port: u16) -> Result<Buffers> {
        drop(self.stop);
        let peak = self.peak.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(Buffers { peak: peak - self.before, rest: held_at(port)? })
    }
}

/// Octets in the buffers of all TCP sockets. The kernel counts pages, and up to 1 MiB of a processor's late.
fn total() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/net/sockstat").context("cannot read /proc/self/net/sockstat")?;
    let pages = text.lines().find(|line| line.starts_with("TCP:")).and_then(|line| line.split(" mem ").nth(1));
    let pages: u64 = pages.and_then(|pages| pages.parse().ok()).context("no TCP mem in /proc/self/net/sockstat")?;
    let page = sysconf(SysconfVar::PAGE_SIZE)?.context("the system does not know the size of a page")?;
    Ok(pages * page.cast_unsigned())
}

/// Octets in the buffers of this namespace's connections whose own port is this.
fn held_at(port: u16) -> Result<u64> {
    let output = Command::new("ss").args(["-Htnm", &format!("sport = :{port}")]).output().context("cannot run `ss`")?;
    ensure!(output.status.success(), "ss: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(held(&String::from_utf8_lossy(&output.stdout)))
}

/// The sum over what `ss -m` says: received and not read (r), written and not acknowledged (w), set aside for either (f),
/// options and keys (o), arrived while the socket was in use (bl). The others are limits, or part of these.
fn held(text: &str) -> u64 {
    let sockets = text.split("skmem:(").skip(1).filter_map(|rest| rest.split(')').next());
    let octets = |field: &str| -> Option<u64> {
        let digits = field.trim_start_matches(|c: char| c.is_ascii_lowercase());
        match &field[..field.len() - digits.len()] {
            "r" | "w" | "f" | "o" | "bl" => digits.parse().ok(),
            _ => None,
        }
    };
    sockets.flat_map(|fields| fields.split(',')).filter_map(octets).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn what_nobody_reads_is_in_the_buffers() {
        const OCTETS: usize = 32 << 20; // much more than processors count late, or other tests' sockets release meanwhile
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let mut pairs = Vec::new();
        let watch = Watch::new().expect("the kernel says what its sockets hold");
        let mut unread = 0;
        while unread < OCTETS {
            let client = TcpStream::connect(("127.0.0.1", port)).expect("connected");
            let mut daemon = listener.accept().expect("accepted").0;
            daemon.set_nonblocking(true).expect("it can be");
            while let Ok(octets) = daemon.write(&[0; 1 << 12]) {
                unread += octets;
            }
            pairs.push((client, daemon));
        }
        thread::sleep(EVERY * 3); // the thread has no event to wait for, and tells none
        let buffers = watch.end(port).expect("ss is there");
        assert!(buffers.peak > (OCTETS >> 3) as u64, "{buffers:?}");
        assert!(buffers.rest > 1 << 16, "{buffers:?}");
    }

    #[test]
    fn limits_are_not_what_is_held() {
        let text = "ESTAB 0 0 127.0.0.1:179 127.1.0.1:4\n\t skmem:(r1,rb131072,t7,tb87040,f20,w300,o4000,bl50000,d9)\n\
                    ESTAB 0 0 127.0.0.1:179 127.1.0.2:4\n\t skmem:(r0,rb131072,t0,tb87040,f4096,w0,o0,bl0,d0)\n";
        assert_eq!(held(text), 54_321 + 4_096);
        assert_eq!(held(""), 0);
    }
}
