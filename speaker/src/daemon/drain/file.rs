//! That the node is drained, kept beside the control socket for the next start: under `/run` it goes with a reboot.
//!
//! One file says that it is, and holds the operator's text. A second one is there for as long as the drain is under way,
//! with its times: whoever is killed in the middle of it has peers that keep its routes (RFC 4724 §4.2) and were told
//! nothing yet, or not all. Without the first one the second says nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bgp_proto::message::MAX_SHUTDOWN_TEXT;
use tracing::warn;

use crate::api::Drain;
use crate::api::model::DrainPhase;
use crate::daemon::whole_file;

/// Octets of the times: two numbers of seconds of at most five digits, and their names.
const TIMES: usize = 64;

/// The two files.
#[derive(Clone, Debug)]
pub struct DrainFile {
    drained: PathBuf,
    leaving: PathBuf,
}

impl DrainFile {
    /// Those that belong to a control socket: `roost.sock` has `roost.sock.drained` and `roost.sock.leaving`.
    pub fn beside(socket: &Path) -> Self {
        Self { drained: whole_file::beside(socket, ".drained"), leaving: whole_file::beside(socket, ".leaving") }
    }

    /// How far the drain was when it was kept last, and its order; `None` if there is none. A file that is there and cannot be
    /// read says that there is one, too.
    pub fn read(&self) -> Option<(DrainPhase, Drain)> {
        let text = whole_file::read(&self.drained, MAX_SHUTDOWN_TEXT).unwrap_or_else(|error| {
            warn!(
                event = "drain", file = %self.drained.display(), %error,
                "cannot read why the node is drained; it is, as the file is there"
            );
            Some(String::new())
        })?;
        let order = Drain { message: Some(text).filter(|text| !text.is_empty()), ..Drain::default() };
        match whole_file::read(&self.leaving, TIMES) {
            Ok(None) => Some((DrainPhase::Drained, order)),
            Ok(Some(times)) => Some((DrainPhase::Leaving, with_times(order, &times))),
            Err(_) => Some((DrainPhase::Leaving, order)),
        }
    }

    /// The node is to be drained, and is not yet.
    ///
    /// # Errors
    /// When it cannot be kept; then nothing new is.
    pub fn begin(&self, order: &Drain) -> Result<(), String> {
        let Drain { settle, timeout, .. } = order;
        let times = format!("settle {} timeout {}\n", settle.as_secs(), timeout.as_secs());
        whole_file::replace(&self.leaving, &times).map_err(|error| self.not_kept(&error))?;
        self.write(order)
    }

    /// The node is drained, and was told so with this order.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn write(&self, order: &Drain) -> Result<(), String> {
        let text = order.message.as_deref().unwrap_or_default();
        whole_file::replace(&self.drained, text).map_err(|error| self.not_kept(&error))
    }

    fn not_kept(&self, error: &io::Error) -> String {
        format!(
            "{}: cannot keep that the node is drained: {error}; nothing was changed; without a file it can be drained until \
             roost ends (--until-restart)",
            self.drained.display()
        )
    }

    /// All peers were told.
    pub fn complete(&self) {
        if let Err(error) = remove(&self.leaving) {
            warn!(event = "drain", error, "if roost is started again, the node is drained once more");
        }
    }

    /// The node is not to be drained, or not over a restart.
    ///
    /// # Errors
    /// When it cannot be removed; then the node stays drained.
    pub fn remove(&self) -> Result<(), String> {
        remove(&self.drained).map_err(|error| format!("{error}; the node stays drained"))?;
        // Alone it says nothing.
        drop(remove(&self.leaving));
        Ok(())
    }
}

/// The order with the times of `settle SECONDS timeout SECONDS`; with its own where they are something else.
fn with_times(order: Drain, text: &str) -> Drain {
    let words: Vec<_> = text.split_whitespace().collect();
    let ["settle", settle, "timeout", timeout] = words[..] else { return order };
    let [Ok(settle), Ok(timeout)] = [settle, timeout].map(|word| word.parse::<u32>().map(u64::from)) else {
        return order;
    };
    Drain { settle: Duration::from_secs(settle), timeout: Duration::from_secs(timeout), ..order }
}

fn remove(path: &Path) -> Result<(), String> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(format!("{}: cannot remove it: {error}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
