//! `roost birdcl`: speaks BIRD's control protocol and prints what BIRD's own `birdcl` would.
//!
//! Apart from the rest of the command line on purpose: it knows nothing of roost's API and talks to a BIRD as well.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::client::ClientError;
use super::{EXIT_FAILED, EXIT_OK};

/// Longest wait for a line.
const ANSWER: Duration = Duration::from_secs(60);
/// From here on reply codes mean that it was not done.
const ERRORS: u16 = 8000;

/// A connection to a control socket.
pub(super) struct Conversation<'o, O> {
    stream: BufReader<UnixStream>,
    out: &'o mut O,
    /// Print the codes, too.
    codes: bool,
}

impl<'o, O: Write> Conversation<'o, O> {
    /// Connects and prints the greeting.
    ///
    /// # Errors
    /// When nobody answers there.
    pub fn begin(socket: &Path, codes: bool, out: &'o mut O) -> anyhow::Result<Self> {
        let stream =
            UnixStream::connect(socket).map_err(|error| ClientError::Connect { socket: socket.to_owned(), error })?;
        stream.set_read_timeout(Some(ANSWER))?;
        let mut conversation = Self { stream: BufReader::new(stream), out, codes };
        conversation.answer()?;
        Ok(conversation)
    }

    /// Sends one command and prints the answer; the exit code says whether it was done.
    ///
    /// # Errors
    /// When the connection ends, or what comes is no answer.
    pub fn ask(&mut self, command: &str) -> anyhow::Result<u8> {
        writeln!(self.stream.get_mut(), "{command}")?;
        let code = self.answer()?;
        self.out.flush()?;
        Ok(if code >= ERRORS { EXIT_FAILED } else { EXIT_OK })
    }

    /// Asks line by line, to the end of the input or `quit`; the exit code is that of the last.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn ask_all(&mut self, input: impl BufRead, prompt: bool) -> anyhow::Result<u8> {
        let mut exit = EXIT_OK;
        self.prompt(prompt)?;
        for line in input.lines() {
            match line?.trim() {
                "" => {}
                "quit" | "exit" => break,
                command => exit = self.ask(command)?,
            }
            self.prompt(prompt)?;
        }
        Ok(exit)
    }

    fn prompt(&mut self, prompt: bool) -> io::Result<()> {
        self.out.write_all(if prompt { b"bird> " } else { b"" })?;
        self.out.flush()
    }

    /// Prints lines up to the last, whose code it returns.
    fn answer(&mut self) -> anyhow::Result<u16> {
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.stream.read_line(&mut line).context("no answer")?;
            ensure!(read > 0, "the daemon has closed the connection");
            let text = line.trim_end_matches('\n');
            if let Some(more) = text.strip_prefix(' ') {
                writeln!(self.out, "{}{more}", if self.codes { "     " } else { "" })?;
                continue;
            }
            let code = text.get(..4).and_then(|code| code.parse::<u16>().ok());
            let (Some(code), Some(mark @ (b' ' | b'-'))) = (code, text.as_bytes().get(4)) else {
                anyhow::bail!("{text:?} is no line of BIRD's control protocol");
            };
            if code != 0 {
                writeln!(self.out, "{}", if self.codes { text } else { &text[5..] })?;
            }
            if *mark == b' ' {
                return Ok(code);
            }
        }
    }
}
