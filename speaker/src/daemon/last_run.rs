//! When this roost ran last, where no kernel routes tell: the age of a file beside the control socket.
//!
//! A reflector that restarts must hold back its End-of-RIB until its clients have told it their routes again, or every
//! other client drops them (RFC 4724 §4.1). One that starts for the first time must not: nobody keeps anything for it,
//! and an absent client would delay everybody's End-of-RIB. The file says which it is: it is touched each [`BEAT`] while
//! roost runs, so after a kill it is hardly older than the moment of the kill. Nothing is read from it.
//!
//! Without a control socket there is no place for the file, and every start is taken for a restart: a late End-of-RIB
//! costs less than routes that are dropped. Where the socket's folder does not outlive the process (a container without
//! a volume there, a RuntimeDirectory of systemd that is not preserved), every start is taken for the first.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tracing::warn;

/// Time between touches.
const BEAT: Duration = Duration::from_secs(5);

/// The file.
#[derive(Clone, Debug)]
pub struct LastRun(PathBuf);

impl LastRun {
    /// The one that belongs to a control socket: `roost.sock` has `roost.sock.ran`.
    pub fn beside(socket: &Path) -> Self {
        let mut path = socket.as_os_str().to_owned();
        path.push(".ran");
        Self(path.into())
    }

    /// Whether the last run ended no longer ago than that, as far as the beats tell. A time in the future is recent: the
    /// clock was set back.
    pub fn is_within(&self, time: Duration) -> bool {
        let touched = std::fs::metadata(&self.0).and_then(|data| data.modified());
        let age = touched.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
        age.is_ok_and(|age| age <= time.saturating_add(BEAT))
    }

    /// Touches it until dropped.
    pub async fn keep(self) {
        let mut beat = tokio::time::interval(BEAT);
        let mut failed = false;
        loop {
            beat.tick().await;
            let file = self.clone();
            let touched = tokio::task::spawn_blocking(move || file.touch()).await;
            let error = touched.map_err(io::Error::other).and_then(|touched| touched).err();
            if let Some(error) = error.as_ref().filter(|_| !failed) {
                warn!(file = %self.0.display(), %error, "cannot note that roost runs: the next start will not be taken for a restart");
            }
            failed = error.is_some();
        }
    }

    /// Makes the file, or makes it new.
    ///
    /// # Errors
    /// When the folder or the file cannot be written.
    pub fn touch(&self) -> io::Result<()> {
        OpenOptions::new().create(true).append(true).open(&self.0)?.set_modified(SystemTime::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_recent_for_as_long_as_peers_keep_routes() {
        let folder = tempfile::tempdir().unwrap();
        let last = LastRun::beside(&folder.path().join("roost.sock"));
        let minute = Duration::from_secs(60);
        assert!(!last.is_within(minute), "never ran");
        last.touch().unwrap();
        assert!(last.is_within(minute));
        let file = OpenOptions::new().append(true).open(folder.path().join("roost.sock.ran")).unwrap();
        file.set_modified(SystemTime::now() - 2 * minute).unwrap();
        assert!(!last.is_within(minute));
        assert!(last.is_within(2 * minute), "a beat may be missing");
        file.set_modified(SystemTime::now() + minute).unwrap();
        assert!(last.is_within(minute), "the clock was set back");
        last.touch().unwrap();
        assert!(last.is_within(Duration::ZERO));
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_first_start() {
        let last = LastRun::beside(Path::new("/nonexistent/roost.sock"));
        assert!(!last.is_within(Duration::MAX - BEAT));
        assert!(last.touch().is_err());
    }
}
