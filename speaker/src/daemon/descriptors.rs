//! File descriptors: as many as the system lets this process have.
//!
//! Systems give a process 1024 to begin with and far more when it asks, for the sake of programs that use `select(2)`;
//! this one does not. A thousand connections that wait for their OPEN must not keep a peer out for want of a descriptor.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::warn;

use crate::config::Limits;

/// Asks for as many descriptors as there may be; returns how many that is.
pub fn raise() -> u64 {
    let (now, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    match setrlimit(Resource::RLIMIT_NOFILE, most, most) {
        Ok(()) => most,
        Err(error) => {
            warn!(
                event = "start", %error,
                "the number of file descriptors stays at {now} where {most} are allowed"
            );
            now
        }
    }
}

/// The limits that `descriptors` descriptors allow: three quarters are for peers, the kernel and the API.
pub fn fit(limits: Limits, descriptors: u64) -> Limits {
    let room = usize::try_from(descriptors / 4).unwrap_or(usize::MAX).max(1);
    if limits.unopened <= room {
        return limits;
    }
    warn!(
        event = "start",
        descriptors,
        unopened = room,
        "router.limits.unopened is {}, more than a quarter of the file descriptors there are; raise RLIMIT_NOFILE \
         (LimitNOFILE= in a systemd unit)",
        limits.unopened
    );
    Limits { unopened: room, ..limits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_had() {
        let descriptors = raise();
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE), Ok((descriptors, descriptors)));
    }

    #[test]
    fn connections_without_an_open_leave_descriptors_for_the_rest() {
        let limits = Limits { unopened: 1_000, ..Limits::default() };
        assert_eq!(fit(limits, 4_000), limits);
        assert_eq!(fit(limits, 1_024).unopened, 256);
        assert_eq!(fit(limits, 0).unopened, 1);
    }
}
