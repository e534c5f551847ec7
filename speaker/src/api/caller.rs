//! Who is at the other end of a connection, for the log: the kernel says so, and it cannot be forged.

use std::fmt;

use tokio::net::UnixStream;

/// Credentials of a client, as they were when it connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    uid: Option<u32>,
    pid: Option<i32>,
}

impl Caller {
    /// Of a Unix socket (SO_PEERCRED, unix(7)).
    pub fn of(stream: &UnixStream) -> Self {
        let credentials = stream.peer_cred().ok();
        Self { uid: credentials.map(|who| who.uid()), pid: credentials.and_then(|who| who.pid()) }
    }

    /// The user, where the kernel says so.
    pub fn uid(&self) -> Option<u32> {
        self.uid
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.uid {
            Some(uid) => write!(f, "uid {uid}")?,
            None => f.write_str("unknown uid")?,
        }
        match self.pid {
            Some(pid) => write!(f, ", pid {pid}"),
            None => Ok(()),
        }
    }
}
