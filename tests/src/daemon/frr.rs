//! FRR's bgpd alone: no zebra, so it writes no kernel, and no vtysh, whose protocol is a few lines.

use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Files, Program, env_command};
use crate::peers;

/// FRR's bgpd. Commands are those of vtysh's enable mode; several lines run one after the other.
#[derive(Debug, Clone, Copy, Default)]
pub struct Frr;

impl Program for Frr {
    fn kind(&self) -> &'static str {
        "frr"
    }

    /// `-S`: stay the user we are, so no `frr` user and groups are needed; `-P 0`: no telnet.
    fn command(&self, files: &Files) -> (PathBuf, Vec<String>) {
        let (config, dir) = (files.config.display(), files.dir.display());
        let words = format!("-S -Z -n -P 0 --log stdout -f {config} --vty_socket {dir} -i {dir}/pid");
        let libraries = peers::libraries(&["frr/usr/lib/x86_64-linux-gnu/frr"]);
        env_command(&[("LD_LIBRARY_PATH", libraries)], &peers::frr(), words.split(' '))
    }

    fn control(&self, files: &Files, command: &str) -> Result<String> {
        let mut stream = std::os::unix::net::UnixStream::connect(files.dir.join("bgpd.vty"))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut answer = String::new();
        for line in ["enable"].into_iter().chain(command.lines()) {
            answer = ask(&mut stream, line.trim()).with_context(|| format!("vty, at `{line}`"))?;
        }
        Ok(answer)
    }

    fn ready(&self) -> &'static str {
        "show version"
    }
}

/// A line and a zero in; text, three zeros and the result's code out (0 is success, 1 a warning).
fn ask(stream: &mut std::os::unix::net::UnixStream, line: &str) -> Result<String> {
    stream.write_all(line.as_bytes())?;
    stream.write_all(&[0])?;
    let (mut answer, mut chunk) = (Vec::new(), [0; 65536]);
    loop {
        let read = match stream.read(&mut chunk) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        ensure!(read > 0, "FRR closed its vty in the middle of an answer");
        answer.extend_from_slice(&chunk[..read]);
        if let [text @ .., 0, 0, 0, code] = &answer[..] {
            let text = String::from_utf8_lossy(text).into_owned();
            ensure!(*code <= 1, "FRR refused `{line}` ({code}): {}", text.trim());
            return Ok(text);
        }
    }
}
