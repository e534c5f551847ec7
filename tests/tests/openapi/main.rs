//! The OpenAPI document against the daemon, by somebody else's program: schemathesis makes requests of what the document
//! says, right ones and wrong ones, and judges the answers by it.
//!
//! It speaks TCP, the control socket is a Unix socket: a thread here hands the octets on.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use roost_tests::{Kind, Lab, PATIENCE, peers, two_nodes, until};

/// Seconds in which it makes requests.
const TIME: &str = "25";

#[test]
fn schemathesis_finds_no_server_error_and_no_answer_that_the_document_does_not_promise() {
    let lab = Lab::new("openapi");
    let ([a, b], [one, two]) = two_nodes(&lab);
    let _bird = two.start(Kind::Bird2, &b);
    let mut roost = one.start(Kind::Roost, &a);
    until("the two nodes know each other", PATIENCE, || {
        let routes = a.routes("proto bird");
        if routes.len() == 2 { Ok(()) } else { Err(format!("{routes:?}")) }
    });
    let url = format!("http://{}", proxy(roost.files().socket.clone()));
    let seed = std::env::var("ROOST_SEED").unwrap_or_else(|_| fastrand::u32(..).to_string());
    eprintln!("ROOST_SEED={seed}");
    let folder = lab_folder(&a);
    let mut run = Command::new(peers::schemathesis());
    run.current_dir(&folder);
    run.env("SCHEMATHESIS_HOOKS", peers::checkout().join("tests/tests/openapi/hooks.py"));
    run.args(["run", &format!("{url}/openapi.json"), "--url", &url, "--max-time", TIME, "--seed", &seed]);
    run.args(["--no-color", "--suppress-health-check", "all", "--max-examples", "60"]);
    // An answer of it has no end unless the request says so; `speaker/tests/api/watch.rs` has its tests.
    run.args(["--exclude-path", "/v1/watch"]);
    // The document can't say all that makes a text a prefix, an address or a name: a 400 is a right answer, too.
    run.args(["--exclude-checks", "positive_data_acceptance"]);
    let output = run.output().unwrap_or_else(|error| panic!("cannot run schemathesis: {error}"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "schemathesis, seed {seed}: {}\n{said}", output.status);
    let tested = said.lines().find_map(|line| line.trim().strip_prefix("Tested: ")).unwrap_or_else(|| panic!("{said}"));
    assert!(tested.parse::<usize>().is_ok_and(|tested| tested >= 20), "only {tested} operations:\n{said}");
    let log = roost.log();
    assert!(!log.contains("panicked"), "{log}");
    assert!(roost.stop().success());
}

/// A folder of its own for what schemathesis leaves behind.
fn lab_folder(ns: &roost_tests::Netns) -> PathBuf {
    let folder = ns.dir().join("schemathesis");
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}

/// Hands TCP connections on to a Unix socket, as long as the test lives, and says where it listens.
fn proxy(socket: PathBuf) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let socket = socket.clone();
            thread::spawn(move || hand_on(&client, &socket));
        }
    });
    address
}

/// Both ways, until both have ended. An end that breaks ends the other: schemathesis judges what that means.
fn hand_on(client: &TcpStream, socket: &Path) -> io::Result<()> {
    let server = UnixStream::connect(socket)?;
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = io::copy(&mut &*client, &mut &server);
            let _ = server.shutdown(Shutdown::Write);
        });
        let _ = io::copy(&mut &server, &mut &*client);
        let _ = client.shutdown(Shutdown::Write);
    });
    Ok(())
}
