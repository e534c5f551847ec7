//! The socket file: its mode, what was left behind, and what belongs to others.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;

use speaker::api::{Access, ControlSocket, SocketError};

use crate::fake::{Fake, get, serve};

#[tokio::test]
async fn the_directory_is_made_the_mode_is_set_and_the_file_goes_at_the_end() {
    let mut server = serve(Fake::default());
    let mode = std::fs::metadata(&server.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    server.stop.cancel();
    (&mut server.task).await.unwrap();
    assert!(!server.socket.exists());
}

#[tokio::test]
async fn a_file_left_by_a_killed_daemon_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("roost.sock");
    drop(UnixListener::bind(&path).unwrap()); // std leaves the file, as a kill does
    assert!(path.exists());
    ControlSocket::bind(&path, 0o660).unwrap();
}

#[tokio::test]
async fn a_living_daemon_keeps_its_socket() {
    let server = serve(Fake::default());
    let error = ControlSocket::bind(&server.socket, 0o660).unwrap_err();
    assert!(matches!(error, SocketError::InUse(_)), "{error}");
    assert!(error.to_string().contains("already running"), "{error}");
    assert_eq!(get(&server.socket, "/v1/status").await.status, 200);
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("roost.sock");
    std::fs::write(&path, "precious").unwrap();
    let error = ControlSocket::bind(&path, 0o660).unwrap_err();
    assert!(matches!(error, SocketError::NotASocket(_)), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[tokio::test]
async fn a_path_that_cannot_be_says_why() {
    let long = format!("/tmp/{}/roost.sock", "x".repeat(200));
    let error = ControlSocket::bind(long.as_ref(), 0o660).unwrap_err().to_string();
    assert!(error.contains(&long) && error.contains("path"), "{error}");
}

#[tokio::test]
async fn the_file_of_a_successor_is_not_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("roost.sock");
    let old = ControlSocket::bind(&path, 0o660).unwrap();
    std::fs::remove_file(&path).unwrap();
    let _new = ControlSocket::bind(&path, 0o660).unwrap();
    drop(old);
    assert!(path.exists());
}

#[tokio::test]
async fn the_group_is_given_by_name_or_number() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("roost.sock");
    let bind = |group: &str| ControlSocket::bind(&path, Access { mode: 0o640, group: Some(group.to_owned()) });
    // Only root can give a file to any group; everybody can to its own.
    let own = std::fs::metadata(directory.path()).unwrap();
    let (number, name) = if own.uid() == 0 { (12, "mail") } else { (own.gid(), "") }; // base-passwd of Debian
    drop(bind(&number.to_string()).unwrap());
    if own.uid() == 0 {
        let _socket = bind(name).unwrap();
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!((metadata.gid(), metadata.permissions().mode() & 0o7777), (8, 0o640));
    }
    let error = bind("nobody-has-this").unwrap_err().to_string();
    assert!(error.starts_with("the system has no group \"nobody-has-this\"; make it (groupadd)"), "{error}");
    assert!(bind("4294967296").is_err(), "a number that is none is a name");
}
