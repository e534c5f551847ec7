//! `roost check FILE`: says what is wrong with a file, or in one line what it holds.

use std::io::{self, Write};
use std::path::Path;

use super::diagnostic::Report;
use super::{Config, ConfigErrors, Diagnostic, Loaded, Severity, examine, load, read_text};

/// Checks the file at `path` (`-` is standard input), writes the summary to `out` and diagnostics to `err`.
/// Returns the exit status: 0 the file is good, 1 it has mistakes, 2 it cannot be read.
///
/// # Errors
/// Whatever `out` or `err` say when they are written to.
pub fn check_command(path: &Path, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let result = match path.to_str() {
        Some("-") => read_text(Ok(io::stdin().lock()), "stdin")
            .and_then(|text| examine("stdin", &text, Some((Path::new(""), Severity::Warning)))),
        _ => load(path),
    };
    match result {
        Ok(Loaded { config, warnings }) => {
            show(err, &warnings)?;
            writeln!(out, "ok: {}", summary(&config))?;
            for pick in &config.node.picked {
                writeln!(out, "{} ({}) picks {pick}", pick.rule.key(), pick.rule.method)?;
            }
            Ok(0)
        }
        Err(ConfigErrors(diagnostics)) => {
            show(err, &diagnostics)?;
            if diagnostics.iter().all(|diagnostic| diagnostic.line == 0) {
                return Ok(2);
            }
            let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
            let more = if errors >= Report::MAX_FINDINGS { " or more" } else { "" };
            writeln!(err, "{}{more}", counted(errors, "error"))?;
            Ok(1)
        }
    }
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
