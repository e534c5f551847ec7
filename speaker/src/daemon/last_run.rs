//! What the kernel does not tell of the run before this one: when it was, and of which families it had no routes there.
//!
//! A reflector that restarts must hold back its End-of-RIB until its clients have told it their routes again, or every
//! other client drops them (RFC 4724 §4.1). One that starts for the first time must not: nobody keeps anything for it,
//! and an absent client would delay everybody's End-of-RIB. The age of a file beside the control socket says which it
//! is: it is touched each [`BEAT`] while roost runs, so after a kill it is hardly older than the moment of the kill.
//!
//! A node all of whose routes are another program's finds none of its own in the kernel, like one whose routes were
//! lost. The file's text tells them apart: the kernel's boot, and the families without a route of ours. Of those a
//! restart has lost nothing, and forwarding is as it was (RFC 4724 §4.1). It is looked at each [`LOOK`], and written
//! when it is no longer true; a route that is the first of its family, goes into the kernel less than that before a
//! kill, and is taken away before the next start, is not known of.
//!
//! A family is named when peers know what was lost before, too: this run said "preserved" to them, or each has had a
//! session with it, or none keeps anything any more ([`Known`]).
//!
//! Where it cannot be written (a disk that is full, or read-only) it ages, or is emptied: then it says nothing, and
//! nothing is what is said of a family that has no routes in the kernel.
//!
//! Without a control socket there is no place for the file, and every start is taken for a restart: a late End-of-RIB
//! costs less than routes that are dropped. Where the socket's folder does not outlive the process (a container without
//! a volume there, a RuntimeDirectory of systemd that is not preserved), every start is taken for the first.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bgp_proto::{Family, FamilySet};
use fib_sync::FibHandle;
use tokio::time::MissedTickBehavior;
use tracing::warn;

use super::known_peers::KnownPeers;
use super::restart::Restart;
use super::whole_file;

/// Time between touches.
const BEAT: Duration = Duration::from_secs(5);
/// Time between looks at what is to be said.
const LOOK: Duration = Duration::from_secs(1);
/// Octets of the text: more than the longest.
const MOST: usize = 128;
/// Another one each time the machine starts, so what it names is of this kernel.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Families by their names in the text.
const NAMES: [(&str, Family); 2] = [("ipv4", Family::IPV4_UNICAST), ("ipv6", Family::IPV6_UNICAST)];

/// The file.
#[derive(Clone, Debug)]
pub struct LastRun {
    path: PathBuf,
    boot: String,
}

impl LastRun {
    /// The one that belongs to a control socket: `roost.sock` has `roost.sock.ran`.
    pub fn beside(socket: &Path) -> Self {
        let mut path = socket.as_os_str().to_owned();
        path.push(".ran");
        // Without one no text is believed: it names a boot.
        let boot = std::fs::read_to_string(BOOT_ID).unwrap_or_default().trim().to_owned();
        Self { path: path.into(), boot }
    }

    /// Whether the last run ended no longer ago than that, as far as the beats tell. A time in the future is recent: the
    /// clock was set back.
    pub fn is_within(&self, time: Duration) -> bool {
        let touched = std::fs::metadata(&self.path).and_then(|data| data.modified());
        let age = touched.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
        age.is_ok_and(|age| age <= time.saturating_add(BEAT))
    }

    /// Families of which the last run of this boot had no route in the kernel; none where that is not known. A file that
    /// cannot be read, or is none of ours, is told of in the log.
    pub fn without_routes(&self) -> FamilySet {
        let read = whole_file::read(&self.path, MOST).and_then(|text| match text.as_deref() {
            None | Some("") => Ok(FamilySet::EMPTY),
            Some(text) => self.parse(text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is damaged")),
        });
        read.unwrap_or_else(|error| {
            warn!(
                event = "start", file = %self.path.display(), %error,
                "cannot tell what the last run had in the kernel: forwarding is said to be preserved only of families with routes there"
            );
            FamilySet::EMPTY
        })
    }

    fn parse(&self, text: &str) -> Option<FamilySet> {
        let (boot, names) = text.strip_prefix("boot ")?.strip_suffix('\n')?.split_once("\nno routes:")?;
        let family = |name: &str| NAMES.iter().find(|(known, _)| *known == name).map(|(_, family)| *family);
        let families = names.split_whitespace().map(family).collect::<Option<FamilySet>>()?;
        Some(if boot == self.boot && !boot.is_empty() { families } else { FamilySet::EMPTY })
    }

    fn text(&self, without_routes: FamilySet) -> String {
        let mut text = format!("boot {}\nno routes:", self.boot);
        for (name, _) in NAMES.iter().filter(|(_, family)| without_routes.contains(*family)) {
            text.push(' ');
            text.push_str(name);
        }
        text + "\n"
    }

    /// Says in it that roost runs, and of which families it has no routes in the kernel.
    ///
    /// # Errors
    /// When the folder or the file cannot be written. Then the file says nothing, or what it said, and ages.
    pub fn note(&self, without_routes: FamilySet) -> io::Result<()> {
        let text = self.text(without_routes);
        let known = whole_file::read(&self.path, MOST).is_ok_and(|old| old.as_ref() == Some(&text));
        let written = if known { Ok(()) } else { whole_file::replace(&self.path, &text) };
        if written.is_err() {
            // What it says is no longer true. Of a full disk this takes nothing.
            OpenOptions::new().write(true).open(&self.path)?.set_len(0)?;
        }
        written.and(OpenOptions::new().create(true).append(true).open(&self.path)?.set_modified(SystemTime::now()))
    }

    /// Keeps it true until dropped.
    pub async fn keep(self, known: Arc<Known>) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut noted: Option<(Instant, FamilySet)> = None;
        let mut failed = false;
        loop {
            looks.tick().await;
            let now = known.without_routes();
            if noted.is_some_and(|(at, said)| said == now && at.elapsed() < BEAT) {
                continue;
            }
            let file = self.clone();
            let written = tokio::task::spawn_blocking(move || file.note(now)).await;
            let error = written.map_err(io::Error::other).and_then(|written| written).err();
            if let Some(error) = error.as_ref().filter(|_| !failed) {
                warn!(
                    event = "fault", file = %self.path.display(), %error,
                    "cannot note that roost runs: the next start may not be taken for a restart"
                );
            }
            failed = error.is_some();
            noted = Some((Instant::now(), now));
        }
    }
}

/// What there is to be said at the next start.
pub struct Known {
    /// The kernel side, if there is one.
    pub fib: Option<FibHandle>,
    /// What peers are told of the run before this one.
    pub restart: Arc<Restart>,
    /// Who is to know.
    pub peers: Arc<KnownPeers>,
    /// Whether these are all: no others connect.
    pub all_listed: bool,
    /// When no peer keeps anything of before this run.
    pub forgotten: Instant,
    /// All peers know.
    pub told: AtomicBool,
}

impl Known {
    /// Families of which the kernel has no route of ours, and peers know of all that was lost.
    pub fn without_routes(&self) -> FamilySet {
        let Some(stats) = self.fib.as_ref().map(FibHandle::stats) else { return FamilySet::EMPTY };
        let ipv6 = stats.kernel_routes_ipv6;
        let bare = without(stats.kernel_routes.saturating_sub(ipv6), ipv6);
        if self.is_told() { bare } else { bare.intersection(self.restart.preserved(false)) }
    }

    fn is_told(&self) -> bool {
        let told = self.told.load(Ordering::Relaxed)
            || Instant::now() >= self.forgotten
            || (self.all_listed && self.peers.have_all_been_up());
        self.told.store(told, Ordering::Relaxed);
        told
    }
}

/// The families with no routes, of these numbers.
fn without(ipv4: usize, ipv6: usize) -> FamilySet {
    let counts = [(Family::IPV4_UNICAST, ipv4), (Family::IPV6_UNICAST, ipv6)];
    counts.into_iter().filter(|(_, count)| *count == 0).map(|(family, _)| family).collect()
}

#[cfg(test)]
mod tests;
