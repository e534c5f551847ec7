//! What is made from the definition of the command line itself: completion scripts and the manual.
//!
//! Nothing of either is kept in a file: a command that is there cannot be missing from them.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::args::{Args, EXIT_CODES};

/// The script for one shell.
///
/// # Errors
/// Whatever `out` says when it is written to.
pub(super) fn completions(shell: Shell, out: &mut impl Write) -> io::Result<()> {
    // clap_complete panics when its writer fails, which a closed pipe does.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "roost", &mut script);
    out.write_all(&script)
}

/// A page for each command into `folder`, and their names to `out`; without one roost(1) to `out`.
///
/// # Errors
/// A folder that cannot be written to, or whatever `out` says.
pub(super) fn man(folder: Option<&Path>, out: &mut impl Write) -> anyhow::Result<()> {
    let mut roost = Args::command();
    roost.build();
    match folder {
        Some(folder) => pages(&roost, folder, out),
        None => Ok(out.write_all(&page(&roost)?)?),
    }
}

fn pages(command: &Command, folder: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let file = folder.join(Man::new(command.clone()).get_filename());
    std::fs::write(&file, page(command)?).with_context(|| format!("cannot write {}", file.display()))?;
    writeln!(out, "{}", file.display())?;
    command.get_subcommands().try_for_each(|command| pages(command, folder, out))
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    // The roff crate leaves out an empty date, and what follows would take its place.
    let man =
        Man::new(command.clone()).date("\"\"").manual("roost").source(concat!("roost ", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    exit_status(command).to_writer(&mut page)?;
    Ok(page)
}

/// The command's own exit codes, or those of all: a line is `CODE  MEANING`, below a title.
fn exit_status(command: &Command) -> Roff {
    let codes = command.get_after_help().map_or_else(|| EXIT_CODES.to_owned(), ToString::to_string);
    let mut section = Roff::new();
    section.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in codes.lines().skip(1).filter_map(|line| line.trim().split_once("  ")) {
        section.control("TP", ["4"]);
        section.text([roman(code)]);
        section.text([roman(meaning)]);
    }
    section
}
