//! OpenBGPD, asked through bgpctl.
//!
//! It gives up root for a user of its own and looks that user up. The user need not exist on the machine: `ip netns
//! exec` has given the program a view of the file system of its own, in which `/etc/passwd` and `/etc/group` are
//! replaced before it starts. Nothing outside sees it.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Files, Program};
use crate::{netns::text_of, peers};

/// OpenBGPD. Its config must name [`Daemon::socket`](super::Daemon::socket) as `socket`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Openbgpd;

impl Program for Openbgpd {
    fn kind(&self) -> &'static str {
        "openbgpd"
    }

    fn command(&self, files: &Files) -> (PathBuf, Vec<String>) {
        let write = |name: &str, text: String| {
            let path = files.dir.join(name);
            std::fs::write(&path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        };
        let empty = files.dir.join("empty"); // it changes its root to its user's home
        std::fs::create_dir_all(&empty).unwrap_or_else(|error| panic!("cannot make {}: {error}", empty.display()));
        let home = empty.display();
        write("passwd", format!("root:x:0:0::/root:/bin/sh\n_openbgpd:x:997:997::{home}:/bin/false\n"));
        write("group", "root:x:0:\n_openbgpd:x:997:\n".to_owned());
        // It refuses a config that others could read: there may be passwords in it.
        std::fs::set_permissions(&files.config, std::fs::Permissions::from_mode(0o600))
            .unwrap_or_else(|error| panic!("cannot chmod {}: {error}", files.config.display()));
        let script = format!(
            "mount --bind {dir}/passwd /etc/passwd && mount --bind {dir}/group /etc/group && \
             LD_LIBRARY_PATH={libraries} exec {bgpd} -d -v -f {config}",
            dir = files.dir.display(),
            libraries = peers::libraries(&[]),
            bgpd = peers::openbgpd("bgpd").display(),
            config = files.config.display(),
        );
        ("/bin/sh".into(), vec!["-c".to_owned(), script])
    }

    /// `command` is what follows `bgpctl`, e.g. `-j show rib`.
    fn control(&self, files: &Files, command: &str) -> Result<String> {
        let mut bgpctl = Command::new(peers::openbgpd("bgpctl"));
        bgpctl.env("LD_LIBRARY_PATH", peers::libraries(&[]));
        // A word in quotes may hold spaces: the text of a shutdown.
        let words = command
            .split('"')
            .enumerate()
            .flat_map(|(n, part)| if n % 2 == 1 { vec![part] } else { part.split_whitespace().collect() });
        bgpctl.arg("-s").arg(&files.socket).args(words);
        let output = bgpctl.output().context("cannot run bgpctl")?;
        text_of(output, || format!("bgpctl {command}"))
    }

    fn ready(&self) -> &'static str {
        "show"
    }
}
