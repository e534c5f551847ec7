//! A network namespace of its own for each test.
//!
//! Entering a namespace from a thread needs an unsafe call. So a test starts itself once more through
//! `ip netns exec NAME`, which enters it and then runs this same test binary with only that test; the
//! second run finds its marker in the environment and does the work.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

const MARKER: &str = "ROOST_FIB_TEST_NETNS";

/// Runs `body`, a closure of the test function itself, in a new namespace with `lo` up.
pub fn in_netns<F: AsyncFnOnce()>(body: F) {
    if std::env::var_os(MARKER).is_some() {
        ip("link set lo up");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(body());
    }
    // `kernel::repair::a_test::{{closure}}`: the test's name is what is between.
    let name = std::any::type_name::<F>();
    let name = name.split_once("::").unwrap().1.split("::{{").next().unwrap();
    let space = Space::new();
    let out = Command::new("ip")
        .args(["netns", "exec", &space.0])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(MARKER, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
    // A name that matches no test would succeed too.
    assert!(out.status.success() && said.contains("1 passed"), "{name} inside its namespace:\n{said}");
}

struct Space(String);

impl Space {
    fn new() -> Space {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("roost-fib-{}-{count}", std::process::id());
        let made = Command::new("ip").args(["netns", "add", &name]).output();
        match made {
            Ok(out) if out.status.success() => Space(name),
            Ok(out) => panic!(
                "can't make a network namespace: {}\nrun the test as root (or in a container with CAP_SYS_ADMIN and CAP_NET_ADMIN)",
                String::from_utf8_lossy(&out.stderr)
            ),
            Err(error) => panic!("can't run `ip`: {error}\ninstall it: apt-get install iproute2"),
        }
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // Also takes the veth pairs with it.
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

/// Runs one `ip` command; panics with its words if it fails.
pub fn ip(arguments: &str) -> String {
    let out = Command::new("ip").args(arguments.split_whitespace()).output().unwrap();
    assert!(out.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// The lines of `ip route` and `ip -6 route` with `proto bird`, next hops of a multipath route on its line.
pub fn bird_routes() -> Vec<String> {
    // With `proto` in the filter iproute2 leaves the word out of the lines; so all are listed.
    let all = ip("-4 route show") + &ip("-6 route show");
    let mut routes: Vec<String> = Vec::new();
    for line in all.lines() {
        match line.strip_prefix('\t') {
            Some(hop) => {
                let last = routes.last_mut().unwrap();
                last.push_str(" | ");
                last.push_str(hop.trim());
            }
            None => routes.push(line.trim().to_owned()),
        }
    }
    routes.retain(|route| route.contains("proto bird"));
    routes
}
