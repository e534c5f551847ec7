//! A long-running program of the lab: its pid, its log file, its end.
//!
//! Both outputs go straight into a file, so no pipe can fill up and stall a daemon, and the log survives a `kill -9`.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::wait::until;

/// A running program; dropping it kills it by its pid.
#[derive(Debug)]
pub struct Process {
    label: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with its outputs appended to `<dir>/<label>.log`.
    #[track_caller]
    pub fn start(mut command: Command, label: &str, dir: &Path) -> Process {
        let log = dir.join(format!("{label}.log"));
        let open = || {
            let file = OpenOptions::new().create(true).append(true).open(&log);
            file.unwrap_or_else(|error| panic!("cannot open {}: {error}", log.display()))
        };
        command.stdin(Stdio::null()).stdout(open()).stderr(open());
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {label} ({command:?}): {error}"));
        Process { label: label.to_owned(), child, log }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has printed so far (all lives of the same label).
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The exit status once it has ended, `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill_9(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal by number, e.g. `libc::SIGTERM`. Nothing happens when it has ended.
    pub fn signal(&mut self, signal: i32) {
        if self.ended().is_some() {
            return;
        }
        let pid = i32::try_from(self.child.id()).expect("Linux pids are below 2^22");
        // SAFETY: kill on the pid of a child that has not been waited for: it cannot have been given to another process.
        #[expect(unsafe_code, reason = "std has no such call")]
        unsafe {
            libc::kill(pid, signal);
        }
    }

    /// SIGTERM, and waits for the end.
    #[track_caller]
    pub fn terminate(&mut self, limit: Duration) -> ExitStatus {
        self.signal(libc::SIGTERM);
        let label = self.label.clone();
        until(&format!("{label} ends after SIGTERM"), limit, || {
            self.ended().ok_or_else(|| format!("{label} still runs"))
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_9();
    }
}
