//! What processes cost: processor time, peak memory, and system calls where `perf` can count them.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use nix::sys::{resource, signal};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// What a set of processes has cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time of all threads, user and system, in seconds.
    pub cpu: f64,
    /// Sum of the processes' peak resident sets, in KiB (`VmHWM`).
    pub peak_kib: u64,
    /// Sum of their resident sets now, in KiB (`VmRSS`).
    pub rss_kib: u64,
    /// Files they have open, sockets among them.
    pub files: usize,
}

impl Usage {
    /// Of these processes now. One that has ended counts as nothing.
    pub fn of(pids: &[u32]) -> Usage {
        pids.iter().fold(Usage::default(), |sum, &pid| Usage {
            cpu: sum.cpu + cpu(pid).unwrap_or(0.0),
            peak_kib: sum.peak_kib + status_kib(pid, "VmHWM:").unwrap_or(0),
            rss_kib: sum.rss_kib + status_kib(pid, "VmRSS:").unwrap_or(0),
            files: sum.files + std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count),
        })
    }

    /// Of this process.
    pub fn own() -> Usage {
        Usage::of(&[std::process::id()])
    }
}

/// These processes and all their descendants: OpenBGPD is three processes, for instance.
pub fn with_descendants(roots: &[u32]) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(parent) = stat(pid).and_then(|fields| fields.get(1)?.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut all = roots.to_vec();
    let mut at = 0;
    while let Some(pid) = all.get(at) {
        all.extend(children.remove(pid).unwrap_or_default());
        at += 1;
    }
    all
}

/// The fields of `/proc/PID/stat` from the third (state) on: the second may hold anything.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

/// The kernel's total in hundredths, or the sum over the threads there are in nanoseconds, whichever is more: short steps
/// are less than a hundredth, and threads that have ended are in the total alone.
fn cpu(pid: u32) -> Option<f64> {
    let fields = stat(pid)?;
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    let total = (ticks(11)? + ticks(12)?) / 100.0; // proc_pid_stat(5): utime, stime; USER_HZ is 100 on every Linux
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    Some(total.max(nanoseconds.sum::<f64>() / 1e9))
}

fn status_kib(pid: u32, field: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Counts the system calls of processes, by `perf stat`. It makes each of them a little slower.
#[derive(Debug)]
pub struct Syscalls {
    perf: Child,
}

impl Syscalls {
    /// Begins to count; returns once `perf` has begun.
    pub fn count(pids: &[u32]) -> Result<Syscalls> {
        let pids = pids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let mut perf = Command::new("perf");
        perf.args(["stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-p", &pids]);
        let perf = perf.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let perf = perf.spawn().context("cannot run `perf`, which counts system calls")?;
        // It says nothing when it is ready, and needs a few milliseconds.
        std::thread::sleep(std::time::Duration::from_millis(300));
        Ok(Syscalls { perf })
    }

    /// Ends, and says how many there were.
    pub fn end(mut self) -> Result<u64> {
        signal::kill(pid(self.perf.id()), signal::Signal::SIGINT).context("cannot end perf")?;
        let mut text = String::new();
        self.perf.stderr.take().context("perf's output")?.read_to_string(&mut text)?;
        self.perf.wait()?;
        let count = text.lines().find(|line| line.contains("sys_enter")).and_then(|line| line.split(',').next());
        count.and_then(|count| count.parse().ok()).with_context(|| format!("perf stat said: {text}"))
    }
}

/// The load average of the last minute; 0 when the system does not say.
pub fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// Lets this process, and those it starts, open as many files as the machine permits: a session is one.
pub fn many_files() -> Result<()> {
    let (_, most) = resource::getrlimit(resource::Resource::RLIMIT_NOFILE)?;
    resource::setrlimit(resource::Resource::RLIMIT_NOFILE, most, most).context("cannot raise the limit of open files")
}

/// As nix has it.
fn pid(number: u32) -> Pid {
    Pid::from_raw(number.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_what_it_has_cost() {
        let before = Usage::own();
        let spent = std::time::Instant::now();
        let mut sum = 0_u64;
        while Usage::own().cpu < before.cpu + 0.02 {
            sum = sum.wrapping_add((0..100_000).fold(sum, |sum, n| sum ^ n));
            assert!(spent.elapsed().as_secs() < 60, "no processor time in a minute: {sum}");
        }
        assert!(before.peak_kib > 500 && before.rss_kib > 500, "{before:?}");
        let files: Vec<_> = (0..50).map(|_| std::fs::File::open("/proc/self/stat").expect("it is there")).collect();
        assert!(Usage::own().files >= files.len() + 3, "{:?}", Usage::own());
        assert_eq!(Usage::of(&[]), Usage::default());
    }

    #[test]
    fn children_of_children_are_descendants() {
        let mut shell =
            Command::new("sh").args(["-c", "sleep 60 & echo; wait"]).stdout(Stdio::piped()).spawn().expect("sh");
        let mut line = [0];
        shell.stdout.as_mut().expect("piped").read_exact(&mut line).expect("sh has started sleep");
        let all = with_descendants(&[std::process::id()]);
        let sleep: Vec<_> = with_descendants(&[shell.id()]).into_iter().filter(|&pid| pid != shell.id()).collect();
        assert_eq!(sleep.len(), 1, "{sleep:?}");
        assert!(all.contains(&shell.id()) && all.contains(&sleep[0]), "{all:?}");
        signal::kill(super::pid(sleep[0]), signal::Signal::SIGKILL).expect("it is this test's");
        shell.wait().expect("sh ends when sleep has");
    }
}
