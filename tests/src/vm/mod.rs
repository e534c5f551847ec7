//! A virtual machine for what this machine's kernel may not have: real ipip and VXLAN devices.
//!
//! QEMU runs Debian's cloud kernel with nothing but memory and a serial line. The whole file system is one archive in
//! memory ([`image`]): roost, the program `vm-guest` (`tests/guest/`), which is a test of the usual kind with labs and
//! namespaces, and the commands these call. The guest has no way out but the serial line, where it tells what it found
//! ([`report`]); it is never asked anything.
//!
//! Without KVM on purpose: the processor is emulated, so the test runs wherever the tests run, also inside a virtual
//! machine. It costs some two seconds for the kernel's start, and everything in it takes about ten times longer.

mod image;
pub mod report;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::peers;
use crate::watch::Lines;
use report::Report;

/// How long the machine may take from power-on to its last word. Alone on two cores it takes a tenth of it.
const LIMIT: Duration = Duration::from_secs(600);

/// Starts a machine in which `guest` runs as the only program, and returns what it reported when it has ended.
///
/// # Panics
/// When QEMU or the kernel are missing, or the archive cannot be made; with what to type.
pub fn run(guest: &Path) -> Report {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder for the machine: {error}"));
    let image = image::build(folder.path(), guest);
    let console = Lines::start(qemu(&image));
    let start = console.mark();
    let _ended_or_late = console.wait_for(start, LIMIT, |line| line == report::END);
    Report::read(console.since(start).into_iter().map(|line| line.text))
}

fn qemu(image: &Path) -> Command {
    let vm = peers::vm();
    let libraries = vm.join("usr/lib/x86_64-linux-gnu");
    let mut qemu = Command::new(peers::vm_program("qemu-system-x86_64"));
    qemu.env("LD_LIBRARY_PATH", image::library_path());
    if libraries.join("qemu").exists() {
        qemu.env("QEMU_MODULE_DIR", libraries.join("qemu")).arg("-L").arg(vm.join("usr/share/qemu"));
    }
    // microvm: no firmware to speak of, no buses, so it boots at once. Its reset ends QEMU.
    qemu.args(["-M", "microvm,acpi=off", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "512"]);
    qemu.args(["-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot"]);
    qemu.arg("-kernel").arg(image::kernel()).arg("-initrd").arg(image);
    qemu.args(["-append", "console=ttyS0 quiet panic=-1 reboot=t"]);
    qemu
}
