//! The generator as a process of its own, in the namespace of the daemon that is measured.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::play::{Outcome, READY};

/// One that runs. Dropped, it ends as its input does.
#[derive(Debug)]
pub struct Generator {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// What it has said so far.
    said: String,
}

impl Generator {
    /// Starts it.
    pub fn start(mut command: Command) -> Result<Generator> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot run the generator")?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the generator has no pipes");
        };
        Ok(Generator { child, input, output: BufReader::new(output), said: String::new() })
    }

    /// Waits until the daemon may start; `false` if the generator has ended.
    pub fn is_ready(&mut self) -> Result<bool> {
        self.output.read_line(&mut self.said).context("the generator's first line")?;
        let ready = self.said.trim() == READY;
        if ready {
            self.said.clear();
        }
        Ok(ready)
    }

    /// The daemon is there: these are its processes.
    pub fn begin(&mut self, pids: &[String]) -> Result<()> {
        writeln!(self.input, "{}", pids.join(",")).context("the generator does not listen")
    }

    /// Waits for what it has measured.
    pub fn finish(mut self) -> Result<Outcome> {
        self.output.read_to_string(&mut self.said).context("the generator's output")?;
        drop(self.input);
        let end = self.child.wait_with_output().context("the generator's end")?;
        serde_json::from_str(&self.said)
            .with_context(|| format!("the generator: {} {}", end.status, String::from_utf8_lossy(&end.stderr).trim()))
    }
}
