//! What the kernel refuses with: error numbers counted by name, so few that each has its place.

use crate::kernel::{Failure, KernelError};

/// Those that rtnetlink answers to what we ask. The list is short, as each is a series of its own for whoever collects.
const KNOWN: [(i32, &str); 14] = [
    (libc::EPERM, "EPERM"),
    (libc::ENOENT, "ENOENT"),
    (libc::ESRCH, "ESRCH"),
    (libc::ENOMEM, "ENOMEM"),
    (libc::EACCES, "EACCES"),
    (libc::EBUSY, "EBUSY"),
    (libc::EEXIST, "EEXIST"),
    (libc::ENODEV, "ENODEV"),
    (libc::EINVAL, "EINVAL"),
    (libc::ENOSPC, "ENOSPC"),
    (libc::EADDRNOTAVAIL, "EADDRNOTAVAIL"),
    (libc::ENETUNREACH, "ENETUNREACH"),
    (libc::EHOSTUNREACH, "EHOSTUNREACH"),
    (libc::EOPNOTSUPP, "EOPNOTSUPP"),
];

/// How often the kernel has refused, by the name of the error number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Errnos {
    known: [u64; KNOWN.len()],
    other: u64,
    unanswered: u64,
}

impl Errnos {
    pub(crate) fn count(&mut self, error: &KernelError) {
        let place = match error.failure {
            Failure::Errno(number) => match KNOWN.iter().position(|(known, _)| *known == number) {
                Some(index) => &mut self.known[index],
                None => &mut self.other,
            },
            Failure::Unknown => &mut self.unanswered,
        };
        *place += 1;
    }

    /// Those that occurred, and always `other` and `unanswered`: what has no name here, and what got no answer.
    pub fn by_name(self) -> impl Iterator<Item = (&'static str, u64)> {
        let known = KNOWN.into_iter().zip(self.known).map(|((_, name), count)| (name, count));
        known.filter(|(_, count)| *count > 0).chain([("other", self.other), ("unanswered", self.unanswered)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_name_and_what_has_none_together() {
        let mut errnos = Errnos::default();
        for failure in [
            Failure::Errno(libc::EINVAL),
            Failure::Errno(libc::EINVAL),
            Failure::Errno(libc::ENODEV),
            Failure::Errno(libc::EXDEV),
            Failure::Errno(-1),
            Failure::Unknown,
        ] {
            errnos.count(&KernelError { failure, text: String::new() });
        }
        let counts: Vec<_> = errnos.by_name().collect();
        assert_eq!(counts, [("ENODEV", 1), ("EINVAL", 2), ("other", 2), ("unanswered", 1)]);
    }
}
