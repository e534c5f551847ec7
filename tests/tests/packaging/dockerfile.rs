//! The Dockerfile, read: enough of its language to see that it holds together, and to do by hand what it does.

use std::path::{Path, PathBuf};
use std::process::Command;

use roost_tests::peers;

use super::text;

const PATH: &str = "container/Dockerfile";

/// What one stage does: instructions with the rest of their (joined) lines.
struct Stage {
    base: String,
    name: Option<String>,
    instructions: Vec<(String, String)>,
}

impl Stage {
    /// What follows each instruction of this name.
    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.instructions.iter().filter(move |(instruction, _)| instruction == name).map(|(_, rest)| rest.as_str())
    }

    /// The one instruction of this name, in its exec form.
    #[track_caller]
    fn words(&self, name: &str) -> Vec<String> {
        let [one] = self.all(name).collect::<Vec<_>>()[..] else { panic!("want one {name} in {PATH}") };
        serde_json::from_str(one).unwrap_or_else(|error| panic!("{name} {one}: want a list of strings: {error}"))
    }
}

fn stages(dockerfile: &str) -> Vec<Stage> {
    let lines = dockerfile.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n");
    let mut stages: Vec<Stage> = Vec::new();
    for line in lines.replace("\\\n", " ").lines().filter(|line| !line.trim().is_empty()) {
        let (instruction, rest) = line.trim().split_once(' ').unwrap_or((line, ""));
        match (instruction, stages.last_mut()) {
            ("FROM", _) => {
                let (base, name) = rest.split_once(" AS ").map_or((rest, None), |(base, name)| (base, Some(name)));
                let (base, name) = (base.to_owned(), name.map(str::to_owned));
                stages.push(Stage { base, name, instructions: Vec::new() });
            }
            (_, Some(stage)) => stage.instructions.push((instruction.to_owned(), rest.trim().to_owned())),
            (_, None) => panic!("{PATH}: {instruction} before the first FROM"),
        }
    }
    stages
}

/// What the image holds and runs.
pub struct Image {
    /// From the file in the build stage to its place in the image.
    pub files: Vec<(String, String)>,
    /// What it runs, with its default arguments.
    pub command: Vec<String>,
    /// The shell commands of the build stage.
    build: Vec<String>,
}

impl Image {
    /// As the Dockerfile says.
    #[track_caller]
    pub fn read() -> Image {
        let [build, last] = &stages(&text(PATH))[..] else { panic!("{PATH}: want a stage that builds and the image") };
        let from = format!("--from={} ", build.name.as_deref().expect("the stage that builds has a name"));
        let copy = |rest: &str| {
            let files = rest.strip_prefix(&from).unwrap_or_else(|| panic!("COPY {rest}: want {from}"));
            let (source, place) = files.split_once(' ').unwrap_or_else(|| panic!("COPY {rest}: want two paths"));
            (source.to_owned(), place.to_owned())
        };
        Image {
            files: last.all("COPY").map(copy).collect(),
            command: [last.words("ENTRYPOINT"), last.words("CMD")].concat(),
            build: build.all("RUN").flat_map(|run| run.split("&&")).map(|command| command.trim().to_owned()).collect(),
        }
    }

    /// Builds its program as the Dockerfile does, only faster: without `--release`. Returns where it is.
    #[track_caller]
    pub fn build(&self) -> PathBuf {
        let of = |what: &str| self.build.iter().find(|command| command.starts_with(what));
        let (Some(cargo), Some(copy)) = (of("cargo build "), of("cp ")) else { panic!("{PATH}: {:?}", self.build) };
        let faster = cargo.replace(" --release", " --quiet");
        let output = Command::new("sh").args(["-c", &faster]).current_dir(peers::checkout()).output();
        let output = output.unwrap_or_else(|error| panic!("cannot run sh: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`{faster}` (is its target there? type `tests/setup musl`):\n{said}");

        let [(in_stage, _)] = &self.files[..] else { panic!("{PATH}: want one file, not {:?}", self.files) };
        let built = copy.strip_prefix("cp \"target/").and_then(|rest| rest.strip_suffix(&format!("\" {in_stage}")));
        let built = built.unwrap_or_else(|| panic!("`{copy}` does not copy out of target/ to {in_stage}"));
        let built = built.replace("$(uname -m)", std::env::consts::ARCH).replace("/release/", "/debug/");
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| peers::checkout().join("target"), PathBuf::from);
        target.join(built)
    }

    /// Puts into the empty folder `root` what the image has.
    #[track_caller]
    pub fn unpack(&self, root: &Path) {
        let built = self.build();
        for (_, place) in &self.files {
            let place = root.join(place.trim_start_matches('/'));
            let folder = place.parent().expect("a file of an image lies in a folder");
            std::fs::create_dir_all(folder).expect("the root is empty");
            std::fs::copy(&built, &place).unwrap_or_else(|error| panic!("{}: {error}", built.display()));
        }
    }
}

#[test]
fn the_image_is_one_file_from_scratch_and_what_it_runs_is_in_it() {
    let stages = stages(&text(PATH));
    let last = stages.last().expect("read as two stages");
    assert_eq!(last.base, "scratch");
    let names: Vec<_> = last.instructions.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["COPY", "ENTRYPOINT", "CMD"], "only what needs no shell");
    let image = Image::read();
    assert!(image.files.iter().any(|(_, place)| place == &image.command[0]), "{} is not copied", image.command[0]);
}

#[test]
fn it_is_built_of_this_checkout_with_the_rust_it_wants() {
    let stages = stages(&text(PATH));
    let [build, ..] = &stages[..] else { panic!("no stage") };
    let cargo_toml = std::fs::read_to_string(peers::checkout().join("Cargo.toml")).expect("there is a Cargo.toml");
    let wanted = cargo_toml.lines().find_map(|line| line.strip_prefix("rust-version = ")).expect("a rust-version");
    assert_eq!(build.base, format!("docker.io/library/rust:{}", wanted.trim_matches('"')));
    for copy in build.all("COPY") {
        for source in copy.split_whitespace().rev().skip(1) {
            assert!(peers::checkout().join(source).exists(), "COPY {copy}: there is no {source}");
        }
    }
    let ignored = text("container/Dockerfile.dockerignore");
    assert!(ignored.lines().any(|line| line == "target"), "the folder of what cargo builds would be sent along");
}

#[test]
fn what_is_wrong_with_a_dockerfile_is_seen() {
    let [build, last] = &stages("# x\nFROM a AS b\nRUN one && \\\n    two\nFROM scratch\nCMD [\"x\"]\n")[..] else {
        panic!("two stages")
    };
    assert_eq!((build.base.as_str(), build.name.as_deref()), ("a", Some("b")));
    assert_eq!(build.all("RUN").collect::<Vec<_>>(), ["one &&      two"]);
    assert_eq!(last.words("CMD"), ["x"]);
    assert!(std::panic::catch_unwind(|| stages("FROM a\nCMD x\n")[0].words("CMD")).is_err(), "the shell form");
}
