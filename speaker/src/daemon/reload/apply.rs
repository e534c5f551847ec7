//! `roost apply`: a configuration that somebody sends, for good or until it is confirmed.
//!
//! The file has the new text when that is to stay, and not before: what waits to be confirmed stands in memory alone, so a
//! restart comes up with the old file, whatever the reason for it was. The clock runs here, so it does not matter whether
//! whoever sent it is still there: often it is his own session that has broken.
//!
//! Meanwhile the file is not read, as there would be two new configurations and one way back. Who asks for it is told so,
//! and has it when the one that waits is not confirmed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use tracing::{error, info, warn};

use super::staged::Staged;
use super::{Mistakes, Read, Reload, lock};
use crate::api::Problem;
use crate::api::apply::{self, Applied, Apply};
use crate::config::overlay::Idle;
use crate::config::{self, Config, steps};

/// What is in force and waits to be confirmed.
pub(super) struct Unconfirmed {
    /// What it was called.
    name: String,
    /// What takes the file's place.
    staged: Staged,
    before: Before,
    /// When it goes.
    pub until: Instant,
    /// Whether somebody wanted the file to be read meanwhile.
    pub read_later: bool,
}

/// What there is to go back to.
struct Before {
    config: Config,
    /// Keys of the file that wait for the next start.
    waiting: Vec<&'static str>,
    /// The file's text.
    text: Arc<str>,
    /// What was set over the API and is not in force.
    idle: Vec<Idle>,
    warned: BTreeSet<String>,
}

impl Unconfirmed {
    /// What the API says of it.
    pub fn shown(&self) -> (String, Instant) {
        (self.name.clone(), self.until)
    }

    /// Why nothing else can be put in force now.
    pub fn in_the_way(&self) -> String {
        let left = whole_seconds(self.until);
        let name = &self.name;
        format!(
            "{name} waits to be confirmed: `roost confirm` keeps it, `roost confirm --undo` goes back now, which it does by itself in {left} s"
        )
    }
}

/// Seconds until then, rounded up.
pub(super) fn whole_seconds(until: Instant) -> u64 {
    until.saturating_duration_since(Instant::now()).as_millis().div_ceil(1_000) as u64
}

impl Reload {
    /// Puts a text in force; it goes by itself unless it is confirmed in time, if that is asked for.
    pub(super) async fn apply(&mut self, apply: Apply) -> Result<Applied, Problem> {
        if let Some(unconfirmed) = &self.unconfirmed {
            return Err(Problem::conflict(unconfirmed.in_the_way()));
        }
        let began = Instant::now();
        let Apply { name, text, confirm } = apply;
        let read = self.read_text(name.clone(), text.clone()).await.map_err(unprocessable)?;
        let staged = self.stage(text.clone()).await.map_err(Problem::conflict)?;
        if confirm.is_some() && staged.was(&text) && !read.steps.steps.is_empty() {
            let file = self.path.display();
            return Err(Problem::conflict(format!(
                "{file} has this text already, so that a restart would bring it, confirmed or not: leave the old text there, \
                 and apply another file"
            )));
        }
        let (text_before, idle) = (self.base.text.clone(), self.base.idle.clone());
        let waiting = lock(&self.state).waiting.clone();
        let before =
            Before { config: self.config.clone(), waiting, text: text_before, idle, warned: self.warned.clone() };
        let why = format!("apply {name}");
        let done = self.take_over(read).await.map_err(unprocessable)?;
        let done = self.with_new_warnings(done);
        self.told(&why, began, &done);
        lock(&self.state).gone_back = None;
        let applied = Applied { steps: done, file: self.path.display().to_string(), confirm_within: None };
        match confirm {
            Some(time) if !staged.was(&text) => {
                self.wait_for_confirmation(name, staged, before, time);
                Ok(Applied { confirm_within: Some(time.as_secs()), ..applied })
            }
            _ => match staged.take_place() {
                Ok(()) => {
                    self.is_the_file(began);
                    Ok(applied)
                }
                Err(reason) => {
                    self.go_back(before, &format!("{name} cannot be kept: {reason}")).await;
                    Err(Problem::conflict(reason))
                }
            },
        }
    }

    /// Keeps what waits to be confirmed, or goes back.
    pub(super) async fn confirm(&mut self, undo: bool) -> Result<(), Problem> {
        let Some(unconfirmed) = self.unconfirmed.take() else {
            let gone = lock(&self.state).gone_back.clone();
            let gone = gone.map(|gone| format!(": {gone}")).unwrap_or_default();
            return Err(Problem::conflict(format!("no configuration waits to be confirmed{gone}")));
        };
        if undo {
            self.give_up(unconfirmed, "it was taken back").await;
            return Ok(());
        }
        if let Err(reason) = unconfirmed.staged.take_place() {
            let detail = format!("{reason}; {} waits on", unconfirmed.name);
            self.unconfirmed = Some(unconfirmed);
            return Err(Problem::conflict(detail));
        }
        info!(event = "reload", "{} is confirmed, and {} has its text now", unconfirmed.name, self.path.display());
        self.is_the_file(Instant::now());
        Ok(())
    }

    /// The time is over.
    pub(super) async fn not_confirmed(&mut self) {
        if let Some(unconfirmed) = self.unconfirmed.take() {
            self.give_up(unconfirmed, "nobody confirmed it in time").await;
        }
    }

    fn wait_for_confirmation(&mut self, name: String, staged: Staged, before: Before, time: Duration) {
        warn!(
            event = "reload",
            "{name} is in force for {} s, and longer if it is confirmed (roost confirm)",
            time.as_secs()
        );
        let unconfirmed = Unconfirmed { name, staged, before, until: Instant::now() + time, read_later: false };
        lock(&self.state).unconfirmed = Some(unconfirmed.shown());
        self.unconfirmed = Some(unconfirmed);
    }

    async fn give_up(&mut self, unconfirmed: Unconfirmed, why: &str) {
        let Unconfirmed { name, staged, before, read_later, .. } = unconfirmed;
        drop(staged);
        self.go_back(before, &format!("{name} is not in force any more: {why}")).await;
        if read_later {
            drop(self.again("the file was to be read meanwhile").await);
        }
    }

    /// Puts in force what was before.
    async fn go_back(&mut self, Before { config, waiting, text, idle, warned }: Before, why: &str) {
        let began = Instant::now();
        let steps = steps::between(&self.with_replaced(), &config).map_err(|error| vec![error.to_string()]);
        let done = match steps {
            Ok(steps) => self.take_over(Read { steps, warnings: Vec::new(), text, idle }).await,
            Err(mistakes) => Err(mistakes),
        };
        let said = match &done {
            Ok(done) => {
                self.told("going back", began, done);
                why.to_owned()
            }
            Err(mistakes) => format!("{why}; but what was before cannot be put in force: {}", mistakes.join("; ")),
        };
        error!(event = "reload", "{said}");
        self.warned = warned;
        let mut state = lock(&self.state);
        (state.waiting, state.unconfirmed, state.gone_back) = (waiting, None, Some(said));
    }

    /// What is in force is what the file says.
    fn is_the_file(&self, at: Instant) {
        let mut state = lock(&self.state);
        (state.read, state.error, state.unconfirmed) = (at, None, None);
    }

    async fn stage(&self, text: String) -> Result<Staged, String> {
        let path = self.path.clone();
        let staged = tokio::task::spawn_blocking(move || Staged::beside(&path, &text)).await;
        staged.map_err(|error| error.to_string())?
    }

    pub(super) async fn read_text(&self, name: String, text: String) -> Result<Read, Mistakes> {
        let folder = self.path.parent().unwrap_or(std::path::Path::new("")).to_owned();
        let overlay = self.base.overlay.clone();
        self.read(move || config::load_text_over(&name, &text, &folder, &overlay, &[])).await
    }
}

/// Mistakes of a text.
pub(super) fn unprocessable(mistakes: Mistakes) -> Problem {
    let mistakes = mistakes.join("\n");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("it is not in force, and nothing has changed:\n{mistakes}"))
}

/// As the API has it.
pub(super) fn shown((name, until): (String, Instant)) -> apply::Unconfirmed {
    apply::Unconfirmed { name, left: whole_seconds(until) }
}
