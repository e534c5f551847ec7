//! `roost check FILE`: says what is wrong with a file, or in one line what it holds.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::diagnostic::Report;
use super::{Config, ConfigErrors, Diagnostic, Loaded, Severity, examine, load, read_text};

/// The exit status for a file that cannot be read.
const UNREAD: u8 = 2;

/// What `roost check --json` prints.
#[derive(Serialize)]
struct Verdict<'a> {
    /// Whether the file can be run.
    ok: bool,
    /// What it holds, when it can.
    summary: Option<String>,
    /// Errors and doubts, in order of place; line and column are 0 for the file as a whole.
    diagnostics: &'a [Diagnostic],
}

/// Checks the file at `path` (`-` is standard input), writes the summary to `out` and diagnostics to `err`; with `json`
/// both to `out`, as one object. Returns the exit status: 0 the file is good, 1 it has mistakes, 2 it cannot be read.
///
/// # Errors
/// Whatever `out` or `err` say when they are written to.
pub fn check_command(path: &Path, json: bool, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let result = match path.to_str() {
        Some("-") => read_text(Ok(io::stdin().lock()), "stdin")
            .and_then(|text| examine("stdin", &text, Some((Path::new(""), Severity::Warning)))),
        _ => load(path),
    };
    if json {
        return verdict(&result, out);
    }
    match result {
        Ok(Loaded { config, warnings, .. }) => {
            show(err, &warnings)?;
            writeln!(out, "ok: {}", summary(&config))?;
            for pick in &config.node.picked {
                writeln!(out, "{} ({}) picks {pick}", pick.rule.key(), pick.rule.method)?;
            }
            Ok(0)
        }
        Err(ConfigErrors(diagnostics)) => {
            show(err, &diagnostics)?;
            if is_unread(&diagnostics) {
                return Ok(UNREAD);
            }
            let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
            let more = if errors >= Report::MAX_FINDINGS { " or more" } else { "" };
            writeln!(err, "{}{more}", counted(errors, "error"))?;
            Ok(1)
        }
    }
}

fn verdict(result: &Result<Loaded, ConfigErrors>, out: &mut dyn Write) -> io::Result<u8> {
    let (verdict, status) = match result {
        Ok(Loaded { config, warnings, .. }) => {
            (Verdict { ok: true, summary: Some(summary(config)), diagnostics: warnings }, 0)
        }
        Err(ConfigErrors(diagnostics)) => {
            let status = if is_unread(diagnostics) { UNREAD } else { 1 };
            (Verdict { ok: false, summary: None, diagnostics }, status)
        }
    };
    serde_json::to_writer(&mut *out, &verdict)?;
    writeln!(out)?;
    Ok(status)
}

/// Nothing was read of the file.
fn is_unread(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().all(|diagnostic| diagnostic.line == 0)
}

fn show(err: &mut dyn Write, diagnostics: &[Diagnostic]) -> io::Result<()> {
    diagnostics.iter().try_for_each(|diagnostic| writeln!(err, "{diagnostic}\n"))
}

fn summary(config: &Config) -> String {
    [
        counted(config.peers.len(), "peer"),
        counted(config.node.blocks.len(), "block"),
        counted(config.pools.len(), "pool"),
    ]
    .join(", ")
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
