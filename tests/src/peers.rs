//! Where the daemons are: roost from this checkout, the others unpacked by `tests/setup` or installed.
//!
//! Debian's `bird` and `bird2` exclude each other, so `tests/setup` unpacks both packages under `target/peers/`
//! without installing them. Nothing here falls back to a skipped test: a missing daemon fails, with what to type.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The root of the checkout.
pub fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests crate lies in a folder of the checkout")
}

/// BIRD 2.
///
/// # Panics
/// When there is none.
pub fn bird2() -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| find("BIRD 2", "bird2/usr/sbin/bird", "/usr/sbin/bird", "BIRD version 2.")).clone()
}

/// BIRD 1.6, its IPv6 program when asked.
///
/// # Panics
/// When there is none.
pub fn bird1(ipv6: bool) -> PathBuf {
    let (unpacked, installed) =
        if ipv6 { ("bird/usr/sbin/bird6", "/usr/sbin/bird6") } else { ("bird/usr/sbin/bird", "/usr/sbin/bird") };
    find("BIRD 1.6", unpacked, installed, "BIRD version 1.6")
}

/// BIRD's own clients, of the packages that `tests/setup` has unpacked: `birdc` of 1.6, `birdc` and `birdcl` of 2.
///
/// # Panics
/// When they are not there.
pub fn bird_clients() -> [PathBuf; 3] {
    ["bird/usr/sbin/birdc", "bird2/usr/sbin/birdc", "bird2/usr/sbin/birdcl"].map(|path| unpacked("BIRD's client", path))
}

/// FRR's bgpd.
///
/// # Panics
/// When there is none.
pub fn frr() -> PathBuf {
    unpacked("FRR", "frr/usr/lib/frr/bgpd")
}

/// `gobgpd`, or `gobgp`, its client.
///
/// # Panics
/// When there is none.
pub fn gobgp(program: &str) -> PathBuf {
    unpacked("GoBGP", &format!("gobgpd/usr/bin/{program}"))
}

/// OpenBGPD's `bgpd`, or `bgpctl`, its client.
///
/// # Panics
/// When there is none.
pub fn openbgpd(program: &str) -> PathBuf {
    unpacked("OpenBGPD", &format!("openbgpd/usr/sbin/{program}"))
}

/// The folder from which `/usr/bin/python3` imports ExaBGP.
///
/// # Panics
/// When there is none.
pub fn exabgp() -> PathBuf {
    let python = Path::new("/usr/bin/python3");
    assert!(python.exists(), "ExaBGP needs {}: type `sudo tests/setup exabgp`", python.display());
    unpacked("ExaBGP", "python3-exabgp/usr/lib/python3/dist-packages")
}

/// Prometheus' own checker of metrics and rules.
///
/// # Panics
/// When there is none.
pub fn promtool() -> PathBuf {
    find("promtool", "prometheus/usr/bin/promtool", "/usr/bin/promtool", "promtool, version")
}

/// A program for the VM test: of the packages that `tests/setup vm` has unpacked, else of the machine.
///
/// # Panics
/// When there is none.
pub fn vm_program(name: &str) -> PathBuf {
    let folders = ["usr/bin", "usr/sbin", "bin", "sbin"];
    let places = [vm(), PathBuf::from("/")].into_iter().flat_map(|root| folders.map(|folder| root.join(folder)));
    let found = places.map(|folder| folder.join(name)).find(|place| place.exists());
    found.unwrap_or_else(|| panic!("there is no {name}: type `sudo tests/setup ip ping vm`"))
}

/// The folder with the kernel of the VM test, its modules, and QEMU.
///
/// # Panics
/// When it is not complete.
pub fn vm() -> PathBuf {
    let folder = root().join("vm");
    assert!(folder.join("complete").exists(), "no VM in {}: type `sudo tests/setup vm`", folder.display());
    folder
}

/// `LD_LIBRARY_PATH` for a daemon that is not installed: folders of its own package, and the libraries it needs.
pub fn libraries(own: &[&str]) -> String {
    let folders = own.iter().copied().chain(["lib/usr/lib/x86_64-linux-gnu", "lib/lib/x86_64-linux-gnu"]);
    folders.map(|folder| root().join(folder).display().to_string()).collect::<Vec<_>>().join(":")
}

/// The roost binary: `ROOST_BIN`, which `tests/run` sets, else what cargo builds now.
///
/// # Panics
/// When it cannot be built.
pub fn roost() -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| std::env::var_os("ROOST_BIN").map_or_else(build_roost, PathBuf::from)).clone()
}

/// schemathesis, in a Python environment of its own.
///
/// # Panics
/// When `tests/setup schemathesis` has not been run.
#[track_caller]
pub fn schemathesis() -> PathBuf {
    let path = root().join("schemathesis/bin/schemathesis");
    assert!(path.exists(), "schemathesis is not in {}: type `tests/setup schemathesis`", path.display());
    path
}

/// The example agent, which is built beside roost.
///
/// # Panics
/// When it is not there.
#[track_caller]
pub fn agent() -> PathBuf {
    let agent = roost().with_file_name("examples").join("agent");
    assert!(agent.exists(), "{} is missing: type `cargo build -p speaker --example agent`", agent.display());
    agent
}

fn build_roost() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(checkout()).args([
        "build",
        "--quiet",
        "--package",
        "speaker",
        "--bin",
        "roost",
        "--example",
        "agent",
    ]);
    let output = build.output().unwrap_or_else(|error| panic!("cannot run cargo to build roost: {error}"));
    assert!(output.status.success(), "roost does not build:\n{}", String::from_utf8_lossy(&output.stderr));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| checkout().join("target"), PathBuf::from);
    target.join("debug/roost")
}

fn find(what: &str, unpacked: &str, installed: &str, version: &str) -> PathBuf {
    let places = [root().join(unpacked), PathBuf::from(installed)];
    for place in &places {
        // BIRD prints its version to standard error.
        let said = Command::new(place).arg("--version").output().map(|o| [o.stdout, o.stderr].concat());
        if said.is_ok_and(|text| String::from_utf8_lossy(&text).contains(version)) {
            return place.clone();
        }
    }
    panic!("{what} is neither {} nor {}: type `sudo tests/setup`", places[0].display(), places[1].display());
}

/// Where `tests/setup` unpacks.
fn root() -> PathBuf {
    std::env::var_os("ROOST_PEERS").map_or_else(|| checkout().join("target/peers"), PathBuf::from)
}

/// A file that `tests/setup` has unpacked (it has also seen that the program runs).
fn unpacked(what: &str, path: &str) -> PathBuf {
    let path = root().join(path);
    assert!(path.exists(), "{what} is not in {}: type `sudo tests/setup`", path.display());
    path
}
