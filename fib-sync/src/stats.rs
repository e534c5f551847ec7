//! Counters for metrics. Cheap to copy; the thread publishes a new copy after each turn.

use crate::errnos::Errnos;
use crate::kernel::KernelError;
use crate::latency::Latency;
use std::time::Instant;

/// What the route thread has done and how things stand. Counters start at zero with the thread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FibStats {
    /// Prefixes somebody wants.
    pub wanted: usize,
    /// … of which the kernel holds exactly what is wanted.
    pub installed: usize,
    /// … not yet tried.
    pub pending: usize,
    /// … held back: no usable next hop or tunnel, protected, too many, or fought over.
    pub withheld: usize,
    /// … of which so many wait until fewer than the most allowed are installed.
    pub over_limit: usize,
    /// … of which so many for what is wrong on this node itself: see [`Reason::is_local`](crate::Reason::is_local).
    pub barred: usize,
    /// … left to another program, in whose pool they are.
    pub others: usize,
    /// … that need no route of their own (a blackhole for a single address).
    pub skipped: usize,
    /// … whose place a foreign route holds.
    pub conflicts: usize,
    /// … the kernel refused; they are retried.
    pub failed: usize,
    /// Routes found at start that nobody has wanted yet, waiting for the sweep.
    pub adopted: usize,
    /// Learned routes that have one of the places of [`FibConfig::max_routes`](crate::FibConfig::max_routes).
    pub placed: usize,
    /// Routes in the kernel that are ours.
    pub kernel_routes: usize,
    /// … of which are IPv6.
    pub kernel_routes_ipv6: usize,
    /// Distinct next hops, of wanted prefixes and watched.
    pub next_hops: usize,
    /// Routes created.
    pub adds: u64,
    /// Routes replaced in place.
    pub replaces: u64,
    /// Routes deleted.
    pub deletes: u64,
    /// Operations the kernel refused or did not answer.
    pub errors: u64,
    /// … by the kernel's error number.
    pub errnos: Errnos,
    /// Routes that had gone or changed without us, by how it was noticed.
    pub repairs: Repairs,
    /// Times everything was read back.
    pub resyncs: u64,
    /// … because the kernel said more than we could hear.
    pub overruns: u64,
    /// Messages of the kernel that could not be fully understood.
    pub refused: u64,
    /// When the oldest wish was handed in of those taken up that the kernel has not been asked for yet, or has not answered.
    pub oldest: Option<Instant>,
    /// How long wishes have waited for the kernel: one observation for those handed in together, of the oldest.
    pub latency: Latency,
}

impl FibStats {
    pub(crate) fn refused_operation(&mut self, error: &KernelError) {
        self.errors += 1;
        self.errnos.count(error);
    }
}

/// Repairs by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repairs {
    /// Someone deleted a route of ours; the kernel told us.
    pub deleted: u64,
    /// Someone rewrote a route of ours; the kernel told us.
    pub changed: u64,
    /// The kernel dropped it silently, with its link, address or device.
    pub lost: u64,
}

impl Repairs {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.deleted + self.changed + self.lost
    }
}
