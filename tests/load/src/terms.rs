//! What `bench` and `speak` are told alike: a bench tells it to its generators.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::scenario::{ALL, Scenario, named};

/// How large and how long scenarios are.
#[derive(Debug, Clone, Args)]
pub struct Terms {
    /// Size: multiplies the clients, in R3, R4 and scenarios of their shape the prefixes.
    #[arg(long, default_value_t = 1.0)]
    pub scale: f64,
    /// How long prefixes flap, in seconds.
    #[arg(long, default_value_t = 20.0)]
    pub seconds: f64,
    /// Longest time of one step, in seconds. Default: the scenario's.
    #[arg(long)]
    pub limit: Option<f64>,
}

impl Terms {
    /// The scenario of a name on these terms, at each size it takes.
    ///
    /// # Errors
    /// A name that is nobody's, or terms that nothing can be run on.
    pub fn scenarios(&self, name: &str) -> Result<Vec<Scenario>> {
        ensure!(self.scale > 0.0 && self.scale <= 100.0, "--scale {}: want more than 0, at most 100", self.scale);
        let limit = self.limit.map(Duration::try_from_secs_f64).transpose().context("--limit")?;
        let known = || ALL.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(" ");
        let scenario = named(name).with_context(|| format!("no scenario {name}; known are: {}", known()))?;
        let on_terms = |size: Scenario| Scenario { limit: limit.unwrap_or(size.limit), ..size.scaled(self.scale) };
        Ok(scenario.sizes().into_iter().map(on_terms).collect())
    }

    /// The same as arguments of a command.
    pub fn args(&self) -> Vec<String> {
        let limit = self.limit.iter().flat_map(|limit| ["--limit".to_owned(), limit.to_string()]);
        let terms = ["--scale".to_owned(), self.scale.to_string(), "--seconds".to_owned(), self.seconds.to_string()];
        terms.into_iter().chain(limit).collect()
    }
}
