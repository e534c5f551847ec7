//! Everything of ours taken out of the kernel while nobody runs, for uninstalling: what a running engine does when all is
//! dropped, in the same order.

use crate::FibError;
use crate::config::FibConfig;
use crate::engine::Engine;
use crate::far_ends::Part;
use crate::kernel::{Kernel, KernelError};
use crate::netlink::NetlinkKernel;
use crate::plan::Op;
use crate::view::Links;
use ipnetwork::IpNetwork;
use std::time::Instant;

/// Operations of one batch.
const OPS: usize = 256;

/// Something of ours.
#[derive(Debug)]
pub struct Cleaned {
    /// The command that removes it.
    pub command: String,
    /// Why that failed.
    pub error: Option<KernelError>,
}

/// Finds routes, far ends and tunnel devices of ours that this configuration means, and removes them if `remove`.
/// No engine may run at the same time: it would restore them.
///
/// # Errors
/// When the configuration can't be run, or the kernel can't be asked.
pub fn clean(config: FibConfig, remove: bool) -> Result<Vec<Cleaned>, FibError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.map_err(|source| FibError::Start { what: "make the runtime", source })?;
    runtime.block_on(async {
        let mut kernel =
            NetlinkKernel::open(&config).map_err(|source| FibError::Start { what: "open netlink sockets", source })?;
        clean_on(&mut kernel, Engine::new(config)?, remove).await
    })
}

async fn clean_on<K: Kernel>(kernel: &mut K, mut engine: Engine, remove: bool) -> Result<Vec<Cleaned>, FibError> {
    let now = Instant::now();
    engine.load(now, now, kernel.dump().await.map_err(FibError::Dump)?);
    engine.drop_all();
    let mut cleaned = Vec::new();
    loop {
        let ops = engine.poll_ops(now, OPS);
        if ops.is_empty() {
            return Ok(cleaned);
        }
        let commands: Vec<String> = ops.iter().map(|op| command(op, engine.links())).collect();
        let (ops, results) = match remove {
            true => {
                kernel.begin(ops);
                kernel.finish().await
            }
            false => {
                let done = vec![Ok(()); ops.len()];
                (ops, done)
            }
        };
        // Time stands still, so nothing is tried twice, and no notification is waited for.
        engine.results(now, ops, results.clone());
        engine.drained();
        let errors = results.into_iter().map(Result::err);
        cleaned.extend(commands.into_iter().zip(errors).map(|(command, error)| Cleaned { command, error }));
    }
}

/// As somebody would type it.
fn command(op: &Op, links: &Links) -> String {
    let program = match op {
        Op::Add(route) | Op::Replace { new: route, .. } | Op::Delete(route) => match route.prefix {
            IpNetwork::V4(_) => "ip route",
            IpNetwork::V6(_) => "ip -6 route",
        },
        Op::SetFar(entry) | Op::DropFar(entry) if entry.part == Part::Forwarding => "bridge",
        _ => "ip",
    };
    format!("{program} {}", op.text(links))
}

#[cfg(test)]
mod tests;
