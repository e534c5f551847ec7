//! The machine's file system: an archive (cpio) that the kernel unpacks into memory, made anew for each run.
//!
//! ```text
//! /init            busybox sh: mounts, loads the modules, runs the guest, resets the machine
//! /bin             busybox, ip, bridge, ping, tcpdump, roost, vm-guest
//! /lib             every library these are linked with
//! /modules         the kernel's modules, and in `order` their names, each after those it needs
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::peers;

/// What the guest's labs need of the kernel beside what is built in.
const MODULES: [&str; 4] = ["veth", "bridge", "ipip", "vxlan"];

/// Commands of busybox that are called by their names.
const APPLETS: [&str; 2] = ["sh", "cat"];

const INIT: &str = "#!/bin/busybox sh
export PATH=/bin LD_LIBRARY_PATH=/lib ROOST_BIN=/bin/roost RUST_BACKTRACE=0
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs dev /dev
while read -r module; do
    busybox insmod /modules/$module || echo \"cannot load $module\"
done </modules/order
/bin/vm-guest
busybox reboot -f
";

/// Makes the archive in `folder`.
///
/// # Panics
/// When a part is missing, naming it.
pub(super) fn build(folder: &Path, guest: &Path) -> PathBuf {
    let root = folder.join("root");
    for inside in ["bin", "lib", "lib64", "modules", "proc", "sys", "dev", "etc", "run", "tmp"] {
        fs::create_dir_all(root.join(inside)).unwrap_or_else(|error| panic!("cannot make {inside}: {error}"));
    }
    let busybox = peers::vm_program("busybox");
    copy(&busybox, &root.join("bin/busybox"));
    for applet in APPLETS {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(applet))
            .unwrap_or_else(|error| panic!("cannot link {applet}: {error}"));
    }
    for name in ["ip", "bridge", "ping", "tcpdump"] {
        program(&root, &peers::vm_program(name), name);
    }
    program(&root, &stripped(folder, &peers::roost()), "roost");
    program(&root, &stripped(folder, guest), "vm-guest");
    modules(&root.join("modules"));
    fs::write(root.join("init"), INIT)
        .and_then(|()| fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755)))
        .unwrap_or_else(|error| panic!("cannot write init: {error}"));
    // tcpdump asks who root is.
    fs::write(root.join("etc/passwd"), "root:x:0:0::/:/bin/sh\n").unwrap_or_else(|error| panic!("etc/passwd: {error}"));
    archive(&busybox, &root, &folder.join("image"))
}

/// The kernel.
pub(super) fn kernel() -> PathBuf {
    let boot = peers::vm().join("boot");
    let files = fs::read_dir(&boot).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut kernels =
        files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz")));
    kernels.next().unwrap_or_else(|| panic!("no kernel in {}: type `sudo tests/setup vm`", boot.display()))
}

/// Where the libraries of unpacked programs are.
pub(super) fn library_path() -> std::ffi::OsString {
    let vm = peers::vm();
    let folders = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"].map(|folder| vm.join(folder));
    std::env::join_paths(folders).expect("`tests/setup` unpacks into a folder without a colon")
}

/// Puts a program and its libraries in place.
fn program(root: &Path, from: &Path, name: &str) {
    copy(from, &root.join("bin").join(name));
    let listed = run(Command::new("ldd").arg(from).env("LD_LIBRARY_PATH", library_path()));
    // "libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…)", and for the loader "/lib64/ld-linux-x86-64.so.2 (0x…)".
    for library in listed.split_whitespace().filter(|word| word.starts_with('/')).map(Path::new) {
        let folder = if library.starts_with("/lib64") { "lib64" } else { "lib" };
        let name = library.file_name().unwrap_or_else(|| panic!("ldd {}: {listed}", from.display()));
        copy(library, &root.join(folder).join(name));
    }
    assert!(!listed.contains("not found"), "{} does not run here: {listed}", from.display());
}

/// The program without symbols: a tenth of the size.
fn stripped(folder: &Path, from: &Path) -> PathBuf {
    let to = folder.join(from.file_name().unwrap_or_else(|| panic!("{} is no program", from.display())));
    run(Command::new("strip").arg("-o").arg(&to).arg(from));
    to
}

/// The modules and those they need, from the list that `tests/setup` had made: "path/of.ko: its.ko needs.ko", the needs in
/// such an order that the last has to be loaded first.
fn modules(to: &Path) {
    let versions = peers::vm().join("lib/modules");
    let version = fs::read_dir(&versions).into_iter().flatten().flatten().next();
    let version = version.unwrap_or_else(|| panic!("no modules in {}", versions.display())).path();
    let list = fs::read_to_string(version.join("modules.dep")).unwrap_or_else(|error| panic!("modules.dep: {error}"));
    let mut order: Vec<&str> = Vec::new();
    for module in MODULES {
        let named = |line: &&str| line.split(':').next().is_some_and(|path| path.contains(&format!("/{module}.ko")));
        let line = list.lines().find(named).unwrap_or_else(|| panic!("the kernel has no module {module}"));
        order.extend(line.split([' ', ':']).filter(|path| !path.is_empty()).rev());
    }
    let mut seen = BTreeSet::new();
    let mut names = String::new();
    for path in order.into_iter().filter(|path| seen.insert(*path)) {
        let name = path.rsplit('/').next().unwrap_or(path);
        copy(&version.join(path), &to.join(name));
        names += &format!("{name}\n");
    }
    fs::write(to.join("order"), names).unwrap_or_else(|error| panic!("cannot write the modules' order: {error}"));
}

fn archive(busybox: &Path, root: &Path, to: &Path) -> PathBuf {
    let names = run(Command::new("find").arg(".").current_dir(root));
    let output = fs::File::create(to).unwrap_or_else(|error| panic!("cannot write {}: {error}", to.display()));
    let mut cpio = Command::new(busybox);
    cpio.args(["cpio", "-o", "-H", "newc"])
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(output)
        .stderr(Stdio::null());
    let mut cpio = cpio.spawn().unwrap_or_else(|error| panic!("cannot run busybox cpio: {error}"));
    let fed = cpio.stdin.take().expect("it is piped").write_all(names.as_bytes());
    let ended = cpio.wait();
    assert!(fed.is_ok() && ended.is_ok_and(|status| status.success()), "busybox cpio failed");
    to.to_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap_or_else(|error| panic!("cannot copy {} to {}: {error}", from.display(), to.display()));
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    crate::netns::text_of(output, || format!("{command:?}")).unwrap_or_else(|error| panic!("{error:#}"))
}
