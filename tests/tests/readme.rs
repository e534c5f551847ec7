//! The README tells the truth: every command in it is run here, against a daemon that is up.
//!
//! A fenced block marked `sh` holds commands, one a line. The two big ones are tests of their own (`node_mesh`, and
//! this whole suite), so here it is only checked that they are there and can be executed.

use std::process::{Command, Stdio};

use roost_tests::{Kind, Lab, Netns, PATIENCE, peers, two_nodes, until};

/// The lines of all `sh` blocks, without comments and without what goes to another machine.
fn commands(markdown: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut inside = false;
    for line in markdown.lines() {
        match line.trim() {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => {
                let command = line.split(" # ").next().unwrap_or(line).trim();
                if !command.is_empty() && !command.starts_with('#') {
                    commands.push(command.to_owned());
                }
            }
            _ => {}
        }
    }
    commands
}

#[test]
fn every_command_of_the_readme_works() {
    let readme = std::fs::read_to_string(peers::checkout().join("README.md")).expect("there is a README.md");
    let commands = commands(&readme);
    assert!(commands.iter().any(|line| line.contains("examples/node-mesh/run")), "the first command is missing");
    assert!(commands.iter().any(|line| line.contains("tests/run")), "the second command is missing");

    let lab = Lab::new("readme");
    let ([a, b], [one, two]) = two_nodes(&lab);
    // As on every node: else the doctor finds that.
    a.sysctl("ipv4/ip_forward", "1");
    let _bird = two.start(Kind::Bird2, &b);
    let roost = one.start(Kind::Roost, &a);
    until("the two nodes know each other", PATIENCE, || {
        let routes = a.routes("proto bird");
        if routes.len() == 2 { Ok(()) } else { Err(format!("{routes:?}")) }
    });
    for command in &commands {
        run(command, &a, &roost.files().socket);
    }
}

/// Runs one command of the README as its reader would, in the checkout, beside a running roost.
#[track_caller]
fn run(command: &str, ns: &Netns, socket: &std::path::Path) {
    let script = command.split_whitespace().find(|word| word.starts_with("examples/") || word.starts_with("tests/"));
    if let Some(script) = script.filter(|_| !command.starts_with("roost")) {
        use std::os::unix::fs::PermissionsExt;
        let path = peers::checkout().join(script);
        let mode = std::fs::metadata(&path).unwrap_or_else(|error| panic!("{script}: {error}")).permissions().mode();
        assert!(mode & 0o111 != 0, "{script} can't be executed");
        return;
    }
    // Building and running the daemon is what this lab has done already.
    if command.starts_with("cargo ") || command.starts_with("git ") || command.starts_with("roost run") {
        return;
    }
    let bin = peers::roost();
    let folder = bin.parent().expect("the binary lies in a folder").display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell: Command = ns.command("sh");
    shell.args(["-c", command]).current_dir(peers::checkout()).stdin(Stdio::null());
    shell.env("PATH", format!("{folder}:{path}")).env("ROOST_SOCKET", socket);
    let output = shell.output().unwrap_or_else(|error| panic!("cannot run sh: {error}"));
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "`{command}` of the README: {}\n{text}", output.status);
}

#[test]
fn commands_are_taken_from_sh_blocks_only() {
    let text = "# x\n```sh\n# a comment\nroost check f.yaml   # says whether\n\n```\n```yaml\nnot: this\n```\n";
    assert_eq!(commands(text), ["roost check f.yaml"]);
}
