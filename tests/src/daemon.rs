//! A routing daemon in a namespace: one config, one name, as many lives as the test wants.
//!
//! [`Program`] says how a kind of daemon is called and asked (the only thing that differs between them); [`Daemon`]
//! is one of them with its files, started, killed and started again. Several daemons share the machine's file
//! system, so each has its own config, control socket and log, named after it, in the lab's folder.

pub mod bird1;
pub mod bird2;
pub mod exabgp;
pub mod frr;
pub mod gobgp;
pub mod openbgpd;
pub mod roost;

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::Result;

use crate::netns::Netns;
use crate::process::Process;
use crate::wait::PATIENCE;

/// The files of one daemon.
#[derive(Debug, Clone)]
pub struct Files {
    /// Its configuration.
    pub config: PathBuf,
    /// Its control socket.
    pub socket: PathBuf,
    /// A folder of its own for anything else.
    pub dir: PathBuf,
}

/// How one kind of daemon is started and asked.
pub trait Program: std::fmt::Debug + Send + Sync {
    /// What it is called in file names and failure texts.
    fn kind(&self) -> &'static str;

    /// The program and its arguments; in the foreground, logging to its standard outputs.
    fn command(&self, files: &Files) -> (PathBuf, Vec<String>);

    /// Sends one command and returns the answer.
    fn control(&self, files: &Files, command: &str) -> Result<String>;

    /// A command that succeeds as soon as the daemon listens to commands.
    fn ready(&self) -> &'static str;
}

/// One daemon of a lab.
#[derive(Debug)]
pub struct Daemon {
    program: Box<dyn Program>,
    ns: Netns,
    label: String,
    files: Files,
    process: Option<Process>,
}

impl Daemon {
    /// Writes `config` and starts the program in `ns`; returns once it answers on its control socket.
    #[track_caller]
    pub fn start(program: impl Program + 'static, ns: &Netns, config: &str) -> Daemon {
        let mut daemon = Daemon::prepare(program, ns, config);
        daemon.launch();
        daemon
    }

    /// As [`Daemon::start`], without starting it yet.
    #[track_caller]
    pub fn prepare(program: impl Program + 'static, ns: &Netns, config: &str) -> Daemon {
        let label = format!("{}-{}", ns.name(), program.kind());
        let dir = ns.dir().join(&label);
        std::fs::create_dir_all(&dir).unwrap_or_else(|error| panic!("cannot make {}: {error}", dir.display()));
        let files = Files { config: dir.join("config"), socket: Daemon::socket(ns, program.kind()), dir };
        let daemon = Daemon { program: Box::new(program), ns: ns.clone(), label, files, process: None };
        daemon.write_config(config);
        daemon
    }

    /// Where the control socket of a daemon of this kind in this namespace is, for its config.
    pub fn socket(ns: &Netns, kind: &str) -> PathBuf {
        ns.dir().join(format!("{}-{kind}", ns.name())).join("ctl")
    }

    /// Replaces the config file; the daemon reads it when told to or at its next start.
    #[track_caller]
    pub fn write_config(&self, config: &str) {
        let path = &self.files.config;
        std::fs::write(path, config).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    }

    /// Starts it again after [`Daemon::kill_9`] or [`Daemon::stop`].
    #[track_caller]
    pub fn launch(&mut self) {
        assert!(self.process.is_none(), "{} runs already", self.label);
        let (program, args) = self.program.command(&self.files);
        self.process = Some(self.ns.spawn(&self.label, &program, &args));
        let start = std::time::Instant::now();
        loop {
            let error = match self.control(self.program.ready()) {
                Ok(_) => return,
                Err(error) => error,
            };
            let ended = self.process.as_mut().and_then(Process::ended);
            if ended.is_some() || start.elapsed() > PATIENCE {
                let state = ended.map_or("does not answer".to_owned(), |status| format!("ended at once ({status})"));
                let config = std::fs::read_to_string(&self.files.config).unwrap_or_default();
                panic!("{} {state}: {error:#}\n--- log\n{}\n--- config\n{config}", self.label, self.log());
            }
            std::thread::sleep(crate::wait::POLL);
        }
    }

    /// `kill -9`: no goodbye, no clean-up.
    #[track_caller]
    pub fn kill_9(&mut self) {
        self.process.take().unwrap_or_else(|| panic!("{} does not run", self.label)).kill_9();
    }

    /// SIGTERM, and the end awaited.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        let mut process = self.process.take().unwrap_or_else(|| panic!("{} does not run", self.label));
        process.terminate(PATIENCE)
    }

    /// Stops and continues the process (SIGSTOP, SIGCONT): a peer that hangs.
    #[track_caller]
    pub fn signal(&mut self, signal: i32) {
        self.process.as_mut().unwrap_or_else(|| panic!("{} does not run", self.label)).signal(signal);
    }

    /// Waits for the daemon to end by itself.
    pub fn wait_ended(&mut self, limit: Duration) -> Option<ExitStatus> {
        let start = std::time::Instant::now();
        while start.elapsed() < limit {
            if let Some(status) = self.process.as_mut()?.ended() {
                return Some(status);
            }
            std::thread::sleep(crate::wait::POLL);
        }
        None
    }

    /// Asks the daemon; the command is in its own language.
    pub fn control(&self, command: &str) -> Result<String> {
        self.program.control(&self.files, command)
    }

    /// [`Daemon::control`], where a refusal fails the test.
    #[track_caller]
    pub fn ask(&self, command: &str) -> String {
        self.control(command).unwrap_or_else(|error| panic!("{}: `{command}`: {error:#}", self.label))
    }

    /// Its namespace.
    pub fn ns(&self) -> &Netns {
        &self.ns
    }

    /// The kind of program, as [`Program::kind`].
    pub fn kind(&self) -> &'static str {
        self.program.kind()
    }

    /// Its files.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Its process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Everything it has logged, over all its lives.
    pub fn log(&self) -> String {
        let path = self.ns.dir().join(format!("{}.log", self.label));
        String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
    }
}

/// A program with more in its environment: by way of `env`, which execs it, so the pid is the program's own.
pub(crate) fn env_command<'a>(
    environment: &[(&str, String)],
    program: &Path,
    words: impl Iterator<Item = &'a str>,
) -> (PathBuf, Vec<String>) {
    let mut args: Vec<String> = environment.iter().map(|(key, value)| format!("{key}={value}")).collect();
    args.push(program.display().to_string());
    args.extend(words.map(str::to_owned));
    ("/usr/bin/env".into(), args)
}

/// Speaks BIRD's control protocol, which is the same in 1.6, 2 and 3: a line in, lines `CCCC-text` out until `CCCC text`.
pub(crate) fn ask_bird(socket: &Path, command: &str) -> Result<String> {
    use std::io::{BufRead, BufReader, Write};
    let stream = std::os::unix::net::UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?; // 0001 BIRD … ready.
    writeln!(&stream, "{command}")?;
    let mut answer = String::new();
    loop {
        line.clear();
        anyhow::ensure!(reader.read_line(&mut line)? > 0, "bird closed its control socket in the middle of an answer");
        let last = line.len() > 4 && line.as_bytes()[4] == b' ' && line[..4].bytes().all(|b| b.is_ascii_digit());
        let code = line.get(..4).filter(|c| c.bytes().all(|b| b.is_ascii_digit()));
        let text = if code.is_some() { line.get(5..).unwrap_or("") } else { line.get(1..).unwrap_or("") };
        if let Some(code) = code.filter(|c| c.starts_with(['8', '9'])) {
            anyhow::bail!("bird refused `{command}`: {code} {}", text.trim());
        }
        answer += text;
        if last {
            return Ok(answer);
        }
    }
}
