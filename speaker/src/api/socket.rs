//! The Unix socket file: made with its mode before anyone can connect, cleared of what a killed daemon left behind,
//! never taken from a daemon that lives.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixListener;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// A listening control socket. Its file is removed when it is dropped, unless it is another one by then.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    file: SocketFile,
}

/// Who may use a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Permissions of its file, such as `0o660`.
    pub mode: u32,
    /// Group of its file, by name or number; `None`: the process's own.
    pub group: Option<String>,
}

impl From<u32> for Access {
    /// With these permissions, and the process's own group.
    fn from(mode: u32) -> Self {
        Self { mode, group: None }
    }
}

/// Why the control socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// A living process listens on it.
    #[error("{}: another process answers on this socket; is roost already running? Stop it, or choose another `api.socket`", .0.display())]
    InUse(PathBuf),
    /// Something stands there that is no socket, and is not ours to remove.
    #[error("{}: is there, but no socket; remove it, or choose another `api.socket`", .0.display())]
    NotASocket(PathBuf),
    /// The group is not known here.
    #[error("the system has no group {0:?}; make it (groupadd), write its number, or choose another `api.group`")]
    NoGroup(String),
    /// The system says no.
    #[error("{}: cannot {what}: {error}", .path.display())]
    Io {
        /// Of the socket.
        path: PathBuf,
        /// The step that failed.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

impl ControlSocket {
    /// Listens on `path` for those who have `access`; a missing parent directory is made.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When another process answers there, something else than a socket stands there, or the system refuses.
    pub fn bind(path: &Path, access: impl Into<Access>) -> Result<Self, SocketError> {
        let Access { mode, group } = access.into();
        let group = group.map(group_id).transpose()?;
        let failed = |what| move |error| SocketError::Io { path: path.to_owned(), what, error };
        let address = SockAddr::unix(path).map_err(failed("use this path"))?;
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(failed("make its directory"))?;
        }
        clear_stale(path, &address)?;

        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed("make a socket"))?;
        socket.set_nonblocking(true).map_err(failed("make a socket"))?;
        socket.bind(&address).map_err(failed("bind"))?;
        // Between bind and listen nobody can connect: group and mode are in place before the first client.
        if let Some(group) = group {
            let what = "give it to `api.group` (roost must be a member of it, or have CAP_CHOWN)";
            std::os::unix::fs::chown(path, None, Some(group)).map_err(failed(what))?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed("set its permissions"))?;
        let file = SocketFile::of(path).map_err(failed("look at it"))?;
        socket.listen(BACKLOG).map_err(failed("listen"))?;
        let listener = UnixListener::from_std(StdUnixListener::from(socket)).map_err(failed("listen"))?;
        Ok(Self { listener, file })
    }

    pub(crate) fn into_parts(self) -> (UnixListener, SocketFile) {
        (self.listener, self.file)
    }
}

/// The number of a group.
fn group_id(name: String) -> Result<u32, SocketError> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    match nix::unistd::Group::from_name(&name) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) | Err(_) => Err(SocketError::NoGroup(name)),
    }
}

/// Removes a socket file on which nobody listens.
fn clear_stale(path: &Path, address: &SockAddr) -> Result<(), SocketError> {
    let failed = |what| move |error| SocketError::Io { path: path.to_owned(), what, error };
    let file = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at it")(error)),
    };
    if !file.file_type().is_socket() {
        return Err(SocketError::NotASocket(path.to_owned()));
    }
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed("make a socket"))?;
    probe.set_nonblocking(true).map_err(failed("make a socket"))?; // a full backlog must not block us
    match probe.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed("remove the file a dead daemon left"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()), // its owner has just removed it
        Ok(()) => Err(SocketError::InUse(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(SocketError::InUse(path.to_owned())),
        Err(error) => Err(failed("try it")(error)),
    }
}

/// The file of a listening socket, removed on drop while it is still the same file.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            let _ = fs::remove_file(&self.path); // a file left behind is cleared by the next start
        }
    }
}

/// Device and inode of what stands at `path` itself.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}
