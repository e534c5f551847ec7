//! One lab: the owner of every namespace, wire, process and file of one test.
//!
//! Names are `roost-<lab>-<pid>-<n>`: the pid lets the next lab tell a living test's namespaces from those of a run
//! that was killed, and no two tests can collide. Wires are made directly between two namespaces, so interface names
//! (15 characters at most in Linux) need no uniqueness and nothing is ever visible in the machine's own namespace.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::netns::{Netns, ip};

/// Lines of each daemon's log that a failing test prints.
const TAIL: usize = 40;

/// A lab of network namespaces; dropping it removes all of them with every process inside.
#[derive(Debug)]
pub struct Lab {
    name: String,
    dir: Option<tempfile::TempDir>,
    count: Cell<u32>,
    namespaces: RefCell<Vec<Netns>>,
}

impl Lab {
    /// Makes an empty lab. `name` is 1 to 20 lower-case letters and digits.
    ///
    /// # Panics
    /// When not root or without iproute2, saying what to type.
    pub fn new(name: &str) -> Lab {
        assert!(
            (1..=20).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
            "lab name {name:?}: want 1 to 20 of a-z and 0-9"
        );
        // SAFETY: geteuid has no preconditions and cannot fail.
        #[expect(unsafe_code, reason = "std has no such call")]
        let uid = unsafe { libc::geteuid() };
        assert!(uid == 0, "the lab makes network namespaces and needs root: type `sudo tests/run`");
        if let Err(error) = Command::new("ip").arg("-V").output() {
            panic!("the lab needs `ip` of iproute2 ({error}): type `tests/setup`");
        }
        sweep();
        let dir = tempfile::Builder::new().prefix(&format!("roost-{name}-")).tempdir();
        let dir = dir.unwrap_or_else(|error| panic!("no temporary folder for lab {name}: {error}"));
        Lab { name: name.to_owned(), dir: Some(dir), count: Cell::new(0), namespaces: RefCell::default() }
    }

    /// A new namespace with `lo` up. IPv6 duplicate address detection is off, so addresses are usable at once.
    #[track_caller]
    pub fn netns(&self, name: &str) -> Netns {
        let n = self.count.replace(self.count.get() + 1);
        let full = format!("roost-{}-{}-{n}", self.name, std::process::id());
        if ip(&["netns", "add", &full]).is_err() {
            remove(&full); // an earlier process with our pid was killed and left it
            ip(&["netns", "add", &full]).unwrap_or_else(|error| panic!("{error:#}"));
        }
        let ns = Netns::new(full, name.to_owned(), self.dir().to_owned());
        self.namespaces.borrow_mut().push(ns.clone());
        ns.sysctl("ipv6/conf/default/accept_dad", "0");
        ns.sysctl("ipv6/conf/all/accept_dad", "0");
        ns.ip("link set lo up");
        ns
    }

    /// A veth pair between two namespaces, both ends up.
    #[track_caller]
    pub fn wire(&self, (a, a_dev): (&Netns, &str), (b, b_dev): (&Netns, &str)) {
        let made = ip(&[
            "link",
            "add",
            a_dev,
            "netns",
            a.full_name(),
            "type",
            "veth",
            "peer",
            "name",
            b_dev,
            "netns",
            b.full_name(),
        ]);
        made.unwrap_or_else(|error| panic!("{error:#}"));
        a.ip(&format!("link set {a_dev} up"));
        b.ip(&format!("link set {b_dev} up"));
    }

    /// A LAN: a namespace holding one bridge, into which nodes are plugged.
    #[track_caller]
    pub fn lan(&self, name: &str) -> Lan {
        let ns = self.netns(name);
        ns.ip("link add br0 type bridge forward_delay 0");
        ns.ip("link set br0 up");
        Lan { ns }
    }

    /// The lab's folder: configs, sockets and logs. Short enough for Unix sockets (107 bytes).
    pub fn dir(&self) -> &Path {
        self.dir.as_ref().expect("taken only in drop").path()
    }

    /// The last lines of every log in the lab, for a failure text.
    pub fn log_tails(&self) -> String {
        log_tails(self.dir())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let failed = std::thread::panicking();
        if failed {
            #[expect(clippy::print_stderr, reason = "for whoever reads the failed test")]
            {
                eprintln!("{}", self.log_tails());
            }
        }
        for ns in self.namespaces.borrow().iter() {
            remove(ns.full_name());
        }
        let keep = std::env::var_os("ROOST_LAB_KEEP").is_some();
        if let (true, Some(dir)) = (failed && keep, self.dir.take()) {
            let path = dir.keep();
            #[expect(clippy::print_stderr, reason = "for whoever reads the failed test")]
            {
                eprintln!("ROOST_LAB_KEEP: the lab's files stay in {}", path.display());
            }
        }
    }
}

/// A bridge in a namespace of its own.
#[derive(Debug)]
pub struct Lan {
    /// The namespace with the bridge `br0`.
    pub ns: Netns,
}

impl Lan {
    /// Plugs `dev` of `node` into the LAN; the bridge's side is called `port`.
    #[track_caller]
    pub fn plug(&self, lab: &Lab, node: &Netns, dev: &str, port: &str) {
        lab.wire((node, dev), (&self.ns, port));
        self.ns.ip(&format!("link set {port} master br0"));
    }
}

/// The last lines of every `*.log` in `dir`.
pub(crate) fn log_tails(dir: &Path) -> String {
    let mut logs: Vec<PathBuf> = std::fs::read_dir(dir)
        .map(|entries| {
            entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|x| x == "log")).collect()
        })
        .unwrap_or_default();
    logs.sort();
    let mut out = String::new();
    for log in logs {
        let bytes = std::fs::read(&log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(TAIL);
        out += &format!("--- {} (last {} of {} lines)\n", log.display(), lines.len() - from, lines.len());
        for line in &lines[from..] {
            out += &format!("    {line}\n");
        }
    }
    out
}

/// Removes a namespace and every process inside it. All of them were started by a lab: nobody else enters its namespaces.
fn remove(full_name: &str) {
    if let Ok(pids) = ip(&["netns", "pids", full_name]) {
        for pid in pids.split_whitespace().filter_map(|p| p.parse::<i32>().ok()) {
            // SAFETY: kill on a pid number touches no memory of ours.
            #[expect(unsafe_code, reason = "std has no such call")]
            unsafe {
                libc::kill(pid, libc::SIGKILL);
            }
        }
    }
    let _ = ip(&["netns", "del", full_name]); // already gone is as good
}

/// Removes the namespaces of test processes that no longer live.
fn sweep() {
    let Ok(list) = ip(&["netns", "list"]) else { return };
    for name in list.lines().filter_map(|line| line.split_whitespace().next()) {
        if owner_pid(name).is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            remove(name);
        }
    }
}

/// The pid in `roost-<lab>-<pid>-<n>`; `None` for any other name.
fn owner_pid(name: &str) -> Option<u32> {
    let mut parts = name.strip_prefix("roost-")?.split('-');
    let (_lab, pid, n) = (parts.next()?, parts.next()?, parts.next()?);
    n.parse::<u32>().ok()?;
    if parts.next().is_some() { None } else { pid.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::owner_pid;

    #[test]
    fn only_names_of_a_lab_have_an_owner() {
        assert_eq!(owner_pid("roost-basic-4711-0"), Some(4711));
        for other in ["roost-mesh-4711-n1", "roost-basic-4711", "roost-a-1-2-3", "calico-basic-4711-0", "roost-a-b-0"] {
            assert_eq!(owner_pid(other), None, "{other}");
        }
    }
}
