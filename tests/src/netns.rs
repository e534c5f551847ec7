//! One network namespace: `ip` and other commands inside it.
//!
//! A [`Netns`] is a name, cheap to clone; the [`Lab`](crate::Lab) that made it owns it. Commands are written as one
//! line of words, as they would be typed: no word of the lab holds a space.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::Process;
use crate::wait::until;

/// A network namespace of a lab.
#[derive(Debug, Clone)]
pub struct Netns {
    full_name: String,
    name: String,
    dir: PathBuf,
}

impl Netns {
    pub(crate) fn new(full_name: String, name: String, dir: PathBuf) -> Netns {
        Netns { full_name, name, dir }
    }

    /// The kernel's name for it, as `ip netns` lists it.
    pub fn full_name(&self) -> &str {
        &self.full_name
    }

    /// The name the test gave it: also the stem of its daemons' files.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The lab's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A command that will run inside the namespace; the child's pid is the program's own (`ip netns exec` execs).
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.full_name]).arg(program).stdin(Stdio::null());
        command
    }

    /// Runs one line inside the namespace and returns its standard output.
    pub fn try_run(&self, line: &str) -> Result<String> {
        let mut words = line.split_whitespace();
        let program = words.next().context("an empty command line")?;
        let output = self.command(program).args(words).output().with_context(|| format!("cannot run `{line}`"))?;
        text_of(output, || format!("[{}] {line}", self.name))
    }

    /// [`Netns::try_run`], where a failure fails the test.
    #[track_caller]
    pub fn run(&self, line: &str) -> String {
        self.try_run(line).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// `ip -n NAMESPACE LINE`.
    pub fn try_ip(&self, line: &str) -> Result<String> {
        let mut words = vec!["-n", &self.full_name];
        words.extend(line.split_whitespace());
        ip(&words)
    }

    /// [`Netns::try_ip`], where a failure fails the test.
    #[track_caller]
    pub fn ip(&self, line: &str) -> String {
        self.try_ip(line).unwrap_or_else(|error| panic!("in {}: {error:#}", self.name))
    }

    /// The lines of `ip route show SELECTOR`, each on one line with single spaces (a multipath route as well).
    #[track_caller]
    pub fn routes(&self, selector: &str) -> Vec<String> {
        self.ip(&format!("-o -4 route show {selector}")).lines().map(one_line).collect()
    }

    /// The lines of `ip -6 route show SELECTOR`, as [`Netns::routes`].
    #[track_caller]
    pub fn routes6(&self, selector: &str) -> Vec<String> {
        self.ip(&format!("-o -6 route show {selector}")).lines().map(one_line).collect()
    }

    /// Waits until the kernel holds exactly these IPv4 routes of a routing daemon (`proto bird`), in this order.
    /// `more` adds to the failure text what the daemons think.
    #[track_caller]
    pub fn wait_for_routes(&self, wanted: &[&str], limit: Duration, more: impl Fn() -> String) {
        until(&format!("the routes of {}", self.name), limit, || {
            let have = self.routes("proto bird");
            if have == wanted { Ok(()) } else { Err(format!("want {wanted:#?}\nhave {have:#?}\n{}", more())) }
        });
    }

    /// Runs `work` on a thread of its own inside the namespace. Sockets it makes belong there wherever they are used.
    ///
    /// # Panics
    /// When the namespace cannot be entered, and with `work`.
    #[track_caller]
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let path = Path::new("/run/netns").join(&self.full_name);
        let file = File::open(&path).unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
        let inside = || {
            // SAFETY: the descriptor is open, and only this thread changes its namespace, which ends right after.
            #[expect(unsafe_code, reason = "std has no such call")]
            let entered = unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) };
            assert!(entered == 0, "cannot enter {}: {}", path.display(), std::io::Error::last_os_error());
            work()
        };
        let ended = std::thread::scope(|scope| scope.spawn(inside).join());
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Sets a key of `/proc/sys/net` in this namespace, e.g. `("ipv4/ip_forward", "1")`.
    #[track_caller]
    pub fn sysctl(&self, key: &str, value: &str) {
        let path = format!("/proc/sys/net/{key}");
        let output = self.command("sh").args(["-c", &format!("echo {value} > {path}")]).output();
        let output = output.unwrap_or_else(|error| panic!("cannot run sh: {error}"));
        text_of(output, || format!("[{}] echo {value} > {path}", self.name))
            .unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Starts a long-running program inside the namespace; both its outputs go to `<dir>/<label>.log`.
    #[track_caller]
    pub fn spawn(&self, label: &str, program: &Path, args: &[String]) -> Process {
        let mut command = self.command(program);
        command.args(args);
        Process::start(command, label, &self.dir)
    }
}

/// Runs `ip` with these words in the machine's own namespace.
pub(crate) fn ip(words: &[&str]) -> Result<String> {
    let output = Command::new("ip").args(words).stdin(Stdio::null()).output().context("cannot run `ip`")?;
    text_of(output, || format!("ip {}", words.join(" ")))
}

/// What a command printed, or an error with everything it said.
pub(crate) fn text_of(output: Output, what: impl FnOnce() -> String) -> Result<String> {
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let err = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}): {}{}", what(), output.status, out.trim(), err.trim());
    }
    Ok(out)
}

/// iproute2 breaks a route over several lines with `\` and tabs; tests compare one line with single spaces.
pub fn one_line(line: &str) -> String {
    line.replace('\\', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}
