//! A peer or a pool is set over the API, or taken back: the same steps as of a file that has got it, or has it no more.
//!
//! It is kept on disk before it is in force, so that what was answered is there after a kill; and what cannot be in force
//! is not kept.

use tracing::{error, info};

use super::{Read, Reload, lock};
use crate::api::configuration::ConfigSteps;
use crate::api::{Caller, Problem, Setting};
use crate::config::Diagnostic;
use crate::config::overlay::{ENTRIES, Idle, Key, Overlay, Why};
use crate::config::steps;

impl Reload {
    /// Carries it out; says what was done.
    pub(super) async fn set(&mut self, setting: Setting, caller: Caller) -> Result<ConfigSteps, Problem> {
        if let Some(unconfirmed) = &self.unconfirmed {
            return Err(Problem::conflict(unconfirmed.in_the_way()));
        }
        let key = setting.key().clone();
        let what = if matches!(setting, Setting::Put(_)) { "set over the API" } else { "taken back over the API" };
        let overlay = self.overlay_with(setting).await?;
        let read = self.laid(&key, &overlay).await?;
        let (base, before) = (self.base.clone(), self.base.overlay.clone());
        let kept = overlay.clone();
        let keep = tokio::task::spawn_blocking(move || base.keep(&kept)).await.map_err(Problem::unavailable_because)?;
        keep.map_err(|error| {
            Problem::unavailable(format!("{key} cannot be kept over a restart, so nothing was changed: {error}"))
        })?;
        // Who waits to go does so whatever is set meanwhile, unless it is to stay now.
        let waiting = self.replaced.take();
        let done = self.take_over(read).await;
        self.replaced = waiting.and_then(|waiting| waiting.but_for(&self.config.peers));
        match done {
            Ok(done) => {
                self.base.overlay = overlay;
                info!(event = "reload", generation = done.generation, "{key} is {what}: {caller}");
                done.steps.iter().for_each(|step| info!(event = "reload", "{}", step.text));
                Ok(done)
            }
            Err(mistakes) => {
                if let Err(error) = self.base.keep(&before) {
                    error!(
                        event = "reload",
                        "{key} is not in force, and is kept for the next start, as that cannot be taken back: {error}"
                    );
                }
                Err(Problem::conflict(format!("nothing was changed: {}", mistakes.join("; "))))
            }
        }
    }

    /// What would have been set then.
    async fn overlay_with(&self, setting: Setting) -> Result<Overlay, Problem> {
        let mut overlay = self.base.overlay.clone();
        match setting {
            Setting::Put(entry) => overlay.put(entry),
            Setting::Remove(key) if !overlay.remove(&key) => return Err(self.not_set(key).await),
            Setting::Remove(_) => {}
        }
        if overlay.entries().len() > ENTRIES {
            return Err(Problem::conflict(format!(
                "{ENTRIES} peers and pools are set over the API already: remove some, or write them into {}",
                self.base.name
            )));
        }
        Ok(overlay)
    }

    async fn not_set(&self, key: Key) -> Problem {
        let in_force = match &key {
            Key::Peer(address, interface) => {
                self.config.peers.iter().any(|peer| peer.place() == (*address, interface.as_ref()))
            }
            Key::Pool(cidr) => self.config.pools.iter().any(|pool| pool.cidr == *cidr),
        };
        if !in_force {
            return Problem::not_found(format!("no {key} was set over the API; GET /v1/overlay lists what was"));
        }
        let (base, config, sought) = (self.base.clone(), self.config.clone(), key.clone());
        let line = tokio::task::spawn_blocking(move || base.lines_of([sought], &config)).await;
        let line = line.unwrap_or_default().remove(&key);
        // A node of `mesh` is in the file, and has no line as a peer.
        let line = line.map(|line| format!(", line {line}")).unwrap_or_default();
        Problem::conflict(format!("{key} is in {}{line}: remove it there, and `roost reload`", self.base.name))
    }

    /// What leads to the configuration with this overlay, if what it says of `key` can be in force.
    async fn laid(&self, key: &Key, overlay: &Overlay) -> Result<Read, Problem> {
        let (base, laid, config) = (self.base.clone(), overlay.clone(), self.config.clone());
        // A file system that hangs holds up nothing but this.
        let loaded = tokio::task::spawn_blocking(move || base.load(&laid, &config)).await;
        let loaded = loaded.map_err(Problem::unavailable_because)?.map_err(|errors| {
            let name = &self.base.name;
            Problem::unavailable(format!(
                "{name}, as it is in force, has got mistakes; nothing was changed: {errors:#}"
            ))
        })?;
        if let Some(Idle { why, .. }) = loaded.idle.iter().find(|idle| idle.key == *key) {
            return Err(self.refused(key, why));
        }
        let mut now = self.config.clone();
        let waiting = self.replaced.iter().flat_map(|replaced| &replaced.peers);
        // One that waits to go, and is to be there: it is a change, and it stays.
        now.peers.extend(
            waiting.filter(|peer| loaded.config.peers.iter().any(|next| next.place() == peer.place())).cloned(),
        );
        let steps = steps::between(&now, &loaded.config).map_err(|error| Problem::conflict(error.to_string()))?;
        let of_it = |warning: &&Diagnostic| warning.field.as_ref().is_some_and(|field| field.key == *key);
        let warnings = loaded.warnings.iter().filter(of_it).map(|warning| format!("{warning:#}")).collect();
        Ok(Read { steps, warnings, text: loaded.text, idle: loaded.idle })
    }

    fn refused(&self, key: &Key, why: &Why) -> Problem {
        match why {
            Why::InFile(line) => {
                let name = &self.base.name;
                Problem::conflict(format!("{key} is in {name}, line {line}: change it there, and `roost reload`"))
            }
            Why::Wrong(mistakes) => Problem::wrong_fields(
                mistakes
                    .iter()
                    .map(|mistake| {
                        let pointer = mistake.field.as_ref().map(|field| field.pointer.clone()).unwrap_or_default();
                        (pointer, mistake.in_words())
                    })
                    .collect(),
            ),
        }
    }

    /// What is in force is made of this.
    pub(super) fn is_made_of(&mut self, text: std::sync::Arc<str>, idle: Vec<Idle>) {
        (self.base.text, self.base.idle) = (text, idle);
        lock(&self.state).idle = self.base.idle();
    }
}
