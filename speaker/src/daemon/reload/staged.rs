//! The text that is to take the configuration file's place. It is written beside it before anything else is done: what can
//! be refused or run out of room has been by then, and what is left is one rename.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Component, Path, PathBuf};

use crate::config::MAX_FILE_SIZE;
use crate::daemon::whole_file;

/// What to do where the file is not roost's to write.
const ELSEWHERE: &str = "change it where it comes from (an editor, `kubectl edit configmap`), and `roost reload` takes it \
                         over; `roost plan` says before what that does";

/// A text beside the file. Dropped, it is removed, and the file stays as it is.
pub struct Staged {
    /// The file itself, no link to it.
    file: PathBuf,
    /// What it said.
    old: String,
    /// Where the text waits.
    fresh: PathBuf,
}

impl Staged {
    /// Writes `text` beside the file, for whoever may read the file.
    ///
    /// # Errors
    /// Why the file cannot be replaced, and what to do, in words.
    pub fn beside(file: &Path, text: &str) -> Result<Self, String> {
        let refused = |error: io::Error| refusal(file, &error);
        let real = fs::canonicalize(file).map_err(refused)?;
        // As kubelet writes volumes: it will replace the folder, whatever is in it.
        if real
            .components()
            .any(|part| matches!(part, Component::Normal(name) if name.to_string_lossy().starts_with("..")))
        {
            return Err(format!("{} is a mounted ConfigMap or Secret: {ELSEWHERE}", file.display()));
        }
        let old = whole_file::read(&real, MAX_FILE_SIZE).map_err(refused)?.unwrap_or_default();
        let mut name = std::ffi::OsString::from(".");
        name.push(real.file_name().unwrap_or_default());
        name.push(".apply");
        let staged = Self { fresh: real.with_file_name(name), file: real, old };
        staged.write(text).map_err(refused)?;
        Ok(staged)
    }

    fn write(&self, text: &str) -> io::Result<()> {
        // Of a roost that was killed.
        if let Err(error) = fs::remove_file(&self.fresh)
            && error.kind() != ErrorKind::NotFound
        {
            return Err(error);
        }
        let like = fs::metadata(&self.file)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.fresh)?;
        // Who is not root can give it to nobody else; then it is ours, and as readable as the old one.
        let _ = fchown(&file, Some(like.uid()), Some(like.gid()));
        file.set_permissions(fs::Permissions::from_mode(like.mode() & 0o7777))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    /// Whether the file says this.
    pub fn was(&self, text: &str) -> bool {
        self.old == text
    }

    /// Puts the text into the file's place.
    ///
    /// # Errors
    /// Why not, in words: also when somebody else has changed the file meanwhile.
    pub fn take_place(&self) -> Result<(), String> {
        let refused = |error: io::Error| refusal(&self.file, &error);
        let now = whole_file::read(&self.file, MAX_FILE_SIZE).map_err(refused)?;
        if now.as_ref() != Some(&self.old) {
            let file = self.file.display();
            return Err(format!("{file} was changed by somebody else meanwhile, and would be overwritten"));
        }
        fs::rename(&self.fresh, &self.file).map_err(refused)?;
        // What is done is done: that the name is on the disk, too, is only for the next power failure.
        let _ = self.file.parent().map(|folder| File::open(folder)?.sync_all());
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Not there when it has taken the file's place.
        let _ = fs::remove_file(&self.fresh);
    }
}

fn refusal(file: &Path, error: &io::Error) -> String {
    let file = file.display();
    match error.kind() {
        ErrorKind::ReadOnlyFilesystem => {
            format!(
                "{file} is on a read-only file system, as mounted ConfigMaps and /etc of a systemd unit are: {ELSEWHERE}"
            )
        }
        ErrorKind::PermissionDenied => {
            format!("{file} cannot be replaced, as roost may not write in its folder: {ELSEWHERE}")
        }
        ErrorKind::ResourceBusy => {
            format!("{file} cannot be replaced, as it is mounted by itself: mount its folder instead, or {ELSEWHERE}")
        }
        _ => format!("{file} cannot be replaced: {error}"),
    }
}

#[cfg(test)]
mod tests;
