//! The node's own address by the rules of `node.detect`: awaited at the start, looked for again while the daemon runs.
//!
//! What a running daemon uses it keeps. Router id, sources of sessions, next hops and subnets all come from it, so that
//! another one means every session anew; and the rule may pick it only because somebody has added an interface. So a
//! change is said, in the log, in `roost show status` and as a metric, and a restart takes it over when the operator
//! wants it: with graceful restart that costs no packet. The same holds when the address is gone: the one in use is kept,
//! as it may come back.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use fib_sync::netlink::Interfaces;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use crate::api::model::NodeAddress;
use crate::config::{self, Config, ConfigErrors, Loaded};
use crate::detect::{NotFound, Pick, pick};

/// Names and ways to hosts change without an address that comes or goes: while one is awaited, and later.
const RETRY: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Between two looks at a machine whose addresses come in numbers: a start is to be fast.
const BREATH: Duration = Duration::from_millis(100);
/// An interface gets its addresses one after the other, and pods come in numbers.
const SETTLE: Duration = Duration::from_secs(1);

/// The configuration once every address is found that `loaded` may lack; meanwhile it says what is missing.
///
/// # Errors
/// When `node.detect.wait` has passed without it, or the file has got mistakes meanwhile.
pub async fn awaited(path: &Path, mut loaded: Loaded, tell: &watch::Sender<Vec<String>>) -> Result<Loaded> {
    let Some(wait) = loaded.config.node.detect.as_ref().map(|detect| detect.wait) else { return Ok(loaded) };
    let deadline = Instant::now() + wait;
    let mut changes = Interfaces::open().context("cannot listen for addresses")?;
    while loaded.config.node.is_undetected() {
        tell.send_replace(loaded.warnings.iter().map(|warning| format!("{warning:#}")).collect());
        if Instant::now() >= deadline {
            let late = read(path, config::load_detected).await;
            return late.with_context(|| format!("waited {wait:?} for the node's address"));
        }
        tokio::select! {
            () = changes.changed() => sleep(BREATH).await,
            () = sleep_until(deadline.min(Instant::now() + RETRY)) => {}
        }
        loaded = read(path, config::load).await?;
    }
    for pick in &loaded.config.node.picked {
        info!(rule = %pick.rule.method, address = %pick.address, interface = pick.interface, "the node's address");
    }
    Ok(loaded)
}

/// The resolver may keep a thread waiting.
async fn read(path: &Path, load: fn(&Path) -> Result<Loaded, ConfigErrors>) -> Result<Loaded> {
    let path: PathBuf = path.to_owned();
    Ok(tokio::task::spawn_blocking(move || load(&path)).await??)
}

/// The addresses in use, and what their rules would pick now.
pub struct NodeAddresses {
    /// The configuration that has them.
    pub config: Arc<Config>,
    /// For each of `config.node.picked`.
    now: Mutex<Vec<Result<Pick, NotFound>>>,
}

impl NodeAddresses {
    /// As they are at the start.
    pub fn new(config: Arc<Config>) -> Arc<Self> {
        let now = config.node.picked.iter().cloned().map(Ok).collect();
        Arc::new(Self { config, now: Mutex::new(now) })
    }

    /// Looks again whenever an address of the machine comes or goes, and each minute. Ends at once without rules.
    pub async fn keep(self: Arc<Self>) {
        if self.config.node.picked.is_empty() {
            return;
        }
        let mut changes = Interfaces::open()
            .inspect_err(|error| {
                warn!(event = "address", %error, "changes of addresses are not heard of; looking each minute");
            })
            .ok();
        loop {
            self.look().await;
            let changed = async {
                match &mut changes {
                    Some(changes) => changes.changed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = changed => sleep(SETTLE).await,
                () = sleep(LOOK_AGAIN) => {}
            }
        }
    }

    async fn look(&self) {
        let config = self.config.clone();
        let again = move || -> Vec<_> {
            let node = &config.node;
            node.detect.iter().flat_map(|detect| node.picked.iter().map(|used| pick(detect, &used.rule))).collect()
        };
        let Ok(found) = tokio::task::spawn_blocking(again).await else { return };
        let before = std::mem::replace(&mut *self.now.lock().unwrap_or_else(PoisonError::into_inner), found.clone());
        for ((used, before), now) in self.config.node.picked.iter().zip(before).zip(found) {
            if before != now {
                tell(used, &now);
            }
        }
    }

    /// What `show status` says of each address.
    pub fn rows(&self) -> Vec<NodeAddress> {
        let node = &self.config.node;
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let row = |address: &ipnetwork::IpNetwork| {
            let picked = node.picked.iter().zip(&*now).find(|(used, _)| used.address == *address);
            NodeAddress {
                address: address.to_string(),
                interface: picked.map(|(used, now)| interface(used, now).to_owned()),
                rule: picked.map(|(used, _)| used.rule.method.to_string()),
                change: picked.and_then(|(used, now)| change(used, now)),
            }
        };
        node.addresses.iter().map(row).collect()
    }
}

/// Where the address in use is: it may have moved, as onto a bond.
fn interface<'a>(used: &'a Pick, now: &'a Result<Pick, NotFound>) -> &'a str {
    let same = now.as_ref().ok().filter(|now| now.address == used.address);
    &same.unwrap_or(used).interface
}

/// What is different from what is in use, and what to do; `None`: nothing.
fn change(used: &Pick, now: &Result<Pick, NotFound>) -> Option<String> {
    match now {
        Ok(now) if now.address == used.address => None,
        Ok(now) => Some(format!("now it picks {now}: restart roost to use that one")),
        Err(why) => Some(format!("now it finds none, and this one stays in use: {why}")),
    }
}

fn tell(used: &Pick, now: &Result<Pick, NotFound>) {
    let (rule, address) = (&used.rule.method, used.address);
    match change(used, now) {
        None => info!(event = "address", %rule, %address, "node.detect picks the node's address as it is in use"),
        Some(change) => warn!(event = "address", %rule, %address, "node.detect: {change}"),
    }
}
