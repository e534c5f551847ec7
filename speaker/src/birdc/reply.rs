//! Answers on the wire: `CCCC-text` for each line, ` text` where the code is that of the line before, and `CCCC text` for
//! the last.

use std::fmt::{Arguments, Write as _};
use std::io;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Octets that are collected before they are written.
const PIECE: usize = 32 << 10;
/// How long the client may take to read a piece.
const PATIENCE: Duration = Duration::from_secs(10);

/// One answer, on its way to a client.
pub(super) struct Reply<'w, W> {
    out: &'w mut W,
    text: String,
    last: u16,
}

impl<'w, W: AsyncWrite + Unpin> Reply<'w, W> {
    /// Nothing is said yet.
    pub fn new(out: &'w mut W) -> Self {
        Self { out, text: String::new(), last: 0 }
    }

    /// A line, with more to come. Whatever it is made of, it stays one line.
    pub fn line(&mut self, code: u16, text: Arguments<'_>) {
        if code == self.last {
            self.text.push(' ');
        } else {
            let _ = write!(self.text, "{code:04}-"); // writing to a String cannot fail
        }
        self.write(code, text);
    }

    /// The last line.
    ///
    /// # Errors
    /// When the client is gone, or does not read.
    pub async fn end(mut self, code: u16, text: &str) -> io::Result<()> {
        let _ = write!(self.text, "{code:04} ");
        self.write(code, format_args!("{text}"));
        self.flush().await
    }

    /// The last line of an answer that has said all: `0000` and nothing.
    pub async fn done(self) -> io::Result<()> {
        self.end(0, "").await
    }

    /// Writes what has been collected, if that is a piece.
    ///
    /// # Errors
    /// When the client is gone, or does not read.
    pub async fn pace(&mut self) -> io::Result<()> {
        if self.text.len() < PIECE { Ok(()) } else { self.flush().await }
    }

    fn write(&mut self, code: u16, text: Arguments<'_>) {
        let begin = self.text.len();
        let _ = self.text.write_fmt(text);
        if self.text[begin..].contains(|c: char| c.is_control() && c != '\t') {
            let clean: String =
                self.text[begin..].chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect();
            self.text.replace_range(begin.., &clean);
        }
        self.text.push('\n');
        self.last = code;
    }

    async fn flush(&mut self) -> io::Result<()> {
        let write = async {
            self.out.write_all(self.text.as_bytes()).await?;
            self.out.flush().await
        };
        timeout(PATIENCE, write).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        self.text.clear();
        Ok(())
    }
}
