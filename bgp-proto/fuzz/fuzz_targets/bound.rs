//! How much memory one execution may take: a global allocator that counts, and a target that says its bound.
//!
//! libFuzzer's own limits see only the whole process, corpus included. This sees what the code under test asked for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bgp_proto_fuzz::input::Bound;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// The most that any execution took, to be shown when the process ends.
static RECORD: AtomicUsize = AtomicUsize::new(0);

struct Counting;

fn grown(by: usize) {
    let live = LIVE.fetch_add(by, Relaxed) + by;
    PEAK.fetch_max(live, Relaxed);
}

// SAFETY: every call goes to the system's allocator with the arguments it came with; counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        grown(size);
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs a target on `data`; panics when it held more than its bound at any time.
pub fn check(bound: Bound, data: &[u8], run: fn(&[u8])) {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    run(data);
    let held = PEAK.load(Relaxed) - before;
    let most = bound.of(data.len());
    assert!(held <= most, "{held} octets of memory for an input of {}, expected at most {most}", data.len());
    if held > RECORD.fetch_max(held, Relaxed) {
        eprintln!("memory: {held} of {most} octets for an input of {}", data.len());
    }
}
