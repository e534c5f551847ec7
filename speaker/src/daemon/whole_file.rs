//! Small files of our own beside the control socket: read to a bound, and written as a whole or not at all.
//!
//! Why not written in place: a reader, or the next start after a kill, could find half of the old and half of the new.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// All of a file of at most `limit` octets; nothing if there is none.
///
/// # Errors
/// When it cannot be read, is longer, or is no regular file of UTF-8 text.
pub fn read(path: &Path, limit: usize) -> io::Result<Option<String>> {
    let wrong = |what: String| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    // Opening a pipe would wait for its other end.
    let file = match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return wrong("it is no regular file".to_owned());
    }
    let mut text = String::new();
    file.take(limit as u64 + 1).read_to_string(&mut text)?;
    if text.len() > limit {
        wrong(format!("it is longer than {limit} octets, so it is none of ours"))
    } else {
        Ok(Some(text))
    }
}

/// Replaces it: a crash leaves the old text or the new one.
///
/// # Errors
/// When the folder cannot be written to, or is full; the old file is then still there.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    std::fs::write(&fresh, text).and_then(|()| std::fs::rename(&fresh, path)).inspect_err(|_| {
        // Half of it would take room where there is none.
        let _ = std::fs::remove_file(&fresh);
    })
}
