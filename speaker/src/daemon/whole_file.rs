//! Small files of our own beside the control socket: read to a bound, and written as a whole or not at all.
//!
//! Why not written in place: a reader, or the next start after a kill, could find half of the old and half of the new.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tracing::error;

/// All of a file of at most `limit` octets; nothing if there is none.
///
/// # Errors
/// When it cannot be read, is longer, or is no regular file of UTF-8 text.
pub fn read(path: &Path, limit: usize) -> io::Result<Option<String>> {
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(limit as u64 + 1).read_to_string(&mut text)?;
    if text.len() > limit {
        Err(invalid(format!("it is longer than {limit} octets, so it is none of ours")))
    } else {
        Ok(Some(text))
    }
}

/// What can be read of the first `limit` octets of a file, whatever it is.
pub fn read_some(path: &Path, limit: usize) -> Vec<u8> {
    let mut octets = Vec::new();
    let read = open(path).and_then(|file| file.take(limit as u64).read_to_end(&mut octets));
    drop(read); // what came before the error counts
    octets
}

fn open(path: &Path) -> io::Result<File> {
    // Opening a pipe would wait for its other end.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(invalid("it is no regular file".to_owned())) }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// What a start reads in a file of at most `limit` octets; the default if there is none. One that cannot be read, or is not
/// what `parse` knows, is put aside, and said to be: `what` it held, and what is to be done about it (`remedy`).
pub fn load<T: Default>(
    path: &Path,
    limit: usize,
    parse: impl FnOnce(&str) -> Result<T, String>,
    (what, remedy): (&str, &str),
) -> T {
    let text = read(path, limit).map_err(|error| error.to_string());
    let read = text.and_then(|text| text.map_or(Ok(T::default()), |text| parse(&text)));
    read.unwrap_or_else(|why| {
        let shown = path.display();
        let lost = format!("{shown}: {what} cannot be read, and is not in force: {why}");
        match set_aside(path) {
            Ok(aside) => {
                error!(event = "damaged", "{lost}; it is {} now: {remedy}", aside.display());
            }
            Err(error) => {
                error!(event = "damaged", "{lost}; nor can it be put aside ({error}): {remedy}");
            }
        }
        T::default()
    })
}

/// Where a file is that a start had to put aside, while it is there.
pub fn put_aside(path: &Path) -> Option<PathBuf> {
    Some(aside(path)).filter(|aside| aside.exists())
}

/// Replaces it: a crash leaves the old text or the new one.
///
/// # Errors
/// When the folder cannot be written to, or is full; the old file is then still there.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    replace_with(path, text, 0o666)
}

/// The same with a file that only its owner can read: there are secrets in it.
///
/// # Errors
/// As [`replace`].
pub fn replace_secret(path: &Path, text: &str) -> io::Result<()> {
    replace_with(path, text, 0o600)
}

/// A file that cannot be read, out of the way and under another name, for whoever wants to look at it. Says which.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = aside(path);
    std::fs::rename(path, &aside)?;
    Ok(aside)
}

/// Where a damaged file goes.
fn aside(path: &Path) -> PathBuf {
    beside(path, ".damaged")
}

/// The path with this at its end.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn replace_with(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let fresh = beside(path, ".new");
    // What a crash has left may have another mode.
    let _ = std::fs::remove_file(&fresh);
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.and_then(|()| std::fs::rename(&fresh, path)).inspect_err(|_| {
        // Half of it would take room where there is none.
        let _ = std::fs::remove_file(&fresh);
    })
}
