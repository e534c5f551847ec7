//! What the command line makes of itself: bash completes with the script, and groff finds nothing wrong with the manual.

use std::path::PathBuf;
use std::process::Command;

use roost_tests::peers;

/// What a program prints, which must be all it prints.
#[track_caller]
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{command:?}: {}\n{errors}", output.status);
    String::from_utf8(output.stdout).unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// What bash offers after `words` when the last of them is not finished, without its files.
fn completed(words: &[&str]) -> Vec<String> {
    let script = "source <(roost completions bash)\n\
        COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1))\n\
        words=$(complete -p roost) && words=${words#*-F } && function=${words%% *}\n\
        \"$function\" roost \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"\n\
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let folder = peers::roost().parent().expect("the binary lies in a folder").display().to_string();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", script, "bash"]).args(words).env("PATH", path);
    output(&mut bash).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_and_options() {
    for (words, offered) in [
        (&["roost", "anno"][..], &["announce"][..]),
        (&["roost", "show", "ro"], &["routes", "route"]),
        (&["roost", "show", "routes", "--lon"], &["--longer"]),
        (&["roost", "peer", "refresh", "--family", "ipv"], &["ipv4", "ipv6"]),
        (&["roost", "completions", "z"], &["zsh"]),
        (&["roost", "fly"], &[""]),
    ] {
        assert_eq!(completed(words), offered, "{words:?}");
    }
}

#[test]
fn every_shell_has_its_script() {
    for (shell, known_by) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef roost"),
        ("fish", "complete -c roost"),
        ("elvish", "edit:completion"),
    ] {
        let script = output(Command::new(peers::roost()).args(["completions", shell]));
        assert!(script.contains(known_by) && script.contains("withdraw"), "{shell}: {script}");
    }
}

/// The pages that `roost man` writes, in a folder that is there for as long as the first value.
fn manual() -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let written = output(Command::new(peers::roost()).arg("man").arg(folder.path()));
    (folder, written.lines().map(PathBuf::from).collect())
}

#[test]
fn groff_has_no_warning_about_any_page() {
    let (_folder, pages) = manual();
    assert!(pages.iter().any(|page| page.ends_with("roost-peer-refresh.1")), "{pages:?}");
    for page in pages {
        let name = page.file_stem().expect("a page has a name").to_string_lossy().into_owned();
        let text = output(Command::new("groff").args(["-ww", "-man", "-Tascii", "-P-cbou", "-rLL=200n"]).arg(&page));
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS"] {
            assert!(text.lines().any(|line| line == section), "{name} has no {section}:\n{text}");
        }
        let headline = text.lines().find(|line| line.trim_start().starts_with(&format!("{name} - ")));
        assert!(headline.is_some_and(|line| line.len() > name.len() + 15), "{name} does not say what it is:\n{text}");
    }
}

#[test]
fn a_page_says_what_the_help_says() {
    let (folder, _) = manual();
    let page = |name: &str| {
        let file = folder.path().join(name);
        output(Command::new("groff").args(["-man", "-Tascii", "-P-cbou", "-rLL=200n"]).arg(file))
    };
    let roost = page("roost.1");
    assert_eq!(roost, {
        let printed = folder.path().join("printed");
        std::fs::write(&printed, output(Command::new(peers::roost()).arg("man"))).expect("the folder takes a file");
        page("printed")
    });
    for words in ["ROOST_SOCKET", "roost-completions(1)", "3   no daemon answers on the socket"] {
        assert!(roost.contains(words), "{words} is missing:\n{roost}");
    }
    let doctor = page("roost-fib-doctor.1");
    assert!(doctor.contains("1   something is; each finding says what to type"), "{doctor}");
}
