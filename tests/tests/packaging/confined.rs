//! A program as a container has it: a root of its own, and of root's capabilities a few.

use std::ffi::CString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Capabilities that a manifest or a unit may name, by their numbers in linux/capability.h.
const CAPABILITIES: [(&str, libc::c_ulong); 2] = [("NET_BIND_SERVICE", 10), ("NET_ADMIN", 12)];
/// The last one there is in Linux 6.18, and room for more: what the kernel does not know cannot be dropped.
const LAST: libc::c_ulong = 63;

/// `command` in the folder `root`, as a root whose capabilities are `kept` and never more.
///
/// # Panics
/// For a capability that is no business of roost.
#[track_caller]
pub fn confined(root: &Path, kept: &[String], command: &[String]) -> Command {
    let kept: Vec<_> = kept.iter().map(|name| number(name)).collect();
    let root = CString::new(root.as_os_str().as_encoded_bytes()).expect("a path has no NUL");
    let mut confined = Command::new(&command[0]);
    confined.args(&command[1..]).env_clear();
    // SAFETY: between fork and exec, and these are system calls alone, which allocate nothing.
    #[expect(unsafe_code, reason = "std has no such calls")]
    unsafe {
        confined.pre_exec(move || {
            asked(libc::chroot(root.as_ptr()))?;
            asked(libc::chdir(c"/".as_ptr()))?;
            for capability in (0..=LAST).filter(|capability| !kept.contains(capability)) {
                // The exec below takes root's capabilities from this set.
                if libc::prctl(libc::PR_CAPBSET_READ, capability) == 1 {
                    asked(libc::prctl(libc::PR_CAPBSET_DROP, capability))?;
                }
            }
            asked(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        });
    }
    confined
}

#[track_caller]
fn number(name: &str) -> libc::c_ulong {
    let known = CAPABILITIES.iter().find(|(known, _)| *known == name);
    known.unwrap_or_else(|| panic!("what would roost do with CAP_{name}?")).1
}

fn asked(answer: libc::c_int) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
