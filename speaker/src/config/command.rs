//! `roost check FILE`: says what is wrong with a file, or in one line what it holds.

use std::io::Write;
use std::path::Path;

use super::{Config, ConfigErrors, Diagnostic, Loaded, examine, load, read_text};

/// Checks the file at `path` (`-` is standard input), writes the summary to `out` and diagnostics to `err`.
/// Returns the exit status: 0 the file is good, 1 it has mistakes, 2 it cannot be read.
pub fn check_command(path: &Path, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let result = match path.to_str() {
        Some("-") => read_text(Ok(std::io::stdin().lock()), "stdin")
            .and_then(|text| examine("stdin", &text, Some(Path::new("")))),
        _ => load(path),
    };
    // A reader that has gone away (a closed pipe) changes nothing about the file.
    let _ = match &result {
        Ok(Loaded { config, warnings }) => show(err, warnings).and_then(|()| writeln!(out, "ok: {}", summary(config))),
        Err(ConfigErrors(errors)) => show(err, errors).and_then(|()| {
            let count = errors.iter().filter(|error| error.severity == super::Severity::Error).count();
            if errors.iter().any(|error| error.line > 0) {
                writeln!(err, "{}", counted(count, "error"))
            } else {
                Ok(())
            }
        }),
    };
    match result {
        Ok(_) => 0,
        Err(ConfigErrors(errors)) if errors.iter().any(|error| error.line > 0) => 1,
        Err(_) => 2,
    }
}

fn show(err: &mut dyn Write, diagnostics: &[Diagnostic]) -> std::io::Result<()> {
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
