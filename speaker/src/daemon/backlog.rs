//! How much the owner takes in before it decides.
//!
//! What several peers say of a prefix meanwhile costs one decision and is announced once: thirty that withdraw the same
//! prefixes cost a decision of each, not thirty. But the kernel and the peers wait for so long, and do their part of the work
//! beside the owner's: so of what comes after a rest the first is decided soon, and more is taken in each time.

/// After a rest.
const FIRST: usize = 1024;
/// At most: what a peer announces while a full table arrives waits behind so many.
const MOST: usize = 32 * FIRST;

/// Prefixes that may wait to be decided while mail is taken in.
#[derive(Debug)]
pub struct Backlog(usize);

impl Default for Backlog {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Backlog {
    /// So many, at the moment.
    pub fn room(&self) -> usize {
        self.0
    }

    /// Some have been decided; whether more wait.
    pub fn decided(&mut self, more: bool) {
        self.0 = if more { MOST.min(self.0 * 2) } else { FIRST };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_after_a_rest_are_decided_soon_and_then_ever_more_together() {
        let mut backlog = Backlog::default();
        let rooms: Vec<_> = (0..7).map(|_| (backlog.room(), backlog.decided(true)).0).collect();
        assert_eq!(rooms, [1024, 2048, 4096, 8192, 16_384, 32_768, 32_768]);
        backlog.decided(false);
        assert_eq!(backlog.room(), 1024);
    }
}
