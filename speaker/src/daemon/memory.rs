//! Where the memory goes: the RIB's own figures, the sessions' buffers, and what the kernel says of the process.
//!
//! Nothing is walked for it but peers, groups, queues and notes of what has happened, so it can be asked for at any load.

use std::fs;

use rib::{Held, MemoryView};

use crate::api::model::{Memory, MemoryPart};

/// What the owner knows.
#[derive(Clone, Copy, Default)]
pub struct OfOwner {
    /// The RIB's part.
    pub rib: MemoryView,
    /// Octets in the queues of the sessions.
    pub unsent: usize,
}

/// What the peers' tasks know.
#[derive(Clone, Copy, Default)]
pub struct OfSessions {
    /// Tasks, with what their read buffers and control messages take.
    pub tasks: Held,
    /// Octets of routes the connections hold.
    pub unsent: usize,
}

/// The answer.
pub fn memory(owner: &OfOwner, sessions: &OfSessions, notes: Held) -> Memory {
    let rib = &owner.rib;
    let parts = [
        ("prefixes", rib.dests),
        ("prefix index", rib.index),
        ("paths", rib.paths),
        ("attribute sets", rib.attrs),
        ("next hops", rib.next_hops),
        ("kernel targets", rib.targets),
        ("group log entries", rib.log),
        ("group slices", rib.slices),
        ("group members", rib.members),
        ("peers", rib.peers),
        ("sessions", sessions.tasks),
        ("events and notes for watchers", notes),
    ];
    let parts = parts.map(|(part, Held { count, bytes })| MemoryPart {
        part: part.to_owned(),
        count: count as u64,
        bytes: bytes as u64,
    });
    let accounted = parts.iter().map(|part| part.bytes).sum();
    let table = rib.bytes() - rib.slices.bytes - rib.members.bytes - rib.peers.bytes;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = field(&status, "VmRSS:");
    Memory {
        parts: parts.into(),
        accounted,
        resident,
        resident_peak: field(&status, "VmHWM:"),
        unaccounted: resident.map(|resident| resident.saturating_sub(accounted)),
        per_path: table.checked_div(rib.paths.count).unwrap_or(0) as u64,
        unsent: (owner.unsent + sessions.unsent) as u64,
    }
}

/// A size of proc_pid_status(5), in octets. The kernel says "kB" and means 1024.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_and_the_rest_is_said() {
        let held = |count, bytes| Held { count, bytes };
        let rib = MemoryView { paths: held(10, 400), attrs: held(1, 300), slices: held(2, 5000), ..Default::default() };
        let sessions = OfSessions { tasks: held(3, 60), unsent: 7 };
        let memory = memory(&OfOwner { rib, unsent: 5 }, &sessions, held(4, 40));
        assert_eq!((memory.accounted, memory.per_path, memory.unsent), (5800, 70, 12));
        let (resident, peak) = (memory.resident.expect("Linux says it"), memory.resident_peak.expect("and this"));
        assert!(resident > 1 << 20 && peak >= resident);
        assert_eq!(memory.unaccounted, Some(resident - 5800));
    }

    #[test]
    fn sizes_are_read_as_the_kernel_writes_them() {
        let status = "Name:\troost\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\nThreads:\t3\n";
        assert_eq!((field(status, "VmRSS:"), field(status, "VmHWM:")), (Some(10 << 20), Some(20 << 20)));
        assert_eq!((field(status, "VmSwap:"), field("VmRSS:\tmany\n", "VmRSS:")), (None, None));
    }
}
