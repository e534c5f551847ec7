//! Reads the machine. Nothing is changed, and nothing is waited for longer than some seconds.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use fib_sync::netlink::{Inspector, Snapshot};
use tokio::process::Command;
use tokio::time::timeout;

use super::facts::{Facts, Process};
use super::firewall::{Ruleset, of_iptables, of_nft};
use crate::api::model::Examination;

/// For one tool to print its rules.
const TOOL: Duration = Duration::from_secs(5);
/// For a neighbour to say its address: it is asked again after a second.
const ANSWER: Duration = Duration::from_millis(1_100);
/// RT_TABLE_MAIN
const MAIN: u32 = 254;

/// What there is to see for these settings, in the network namespace of this process.
///
/// # Errors
/// When the kernel cannot be asked for its devices and routes.
pub async fn look(meant: Examination) -> Result<Facts> {
    let mut tables: Vec<u32> = meant.pools.iter().map(|pool| pool.table).chain([MAIN, meant.table]).collect();
    tables.sort_unstable();
    tables.dedup();
    let kernel = look_twice(&tables).await.context("the kernel cannot be asked for its devices and routes")?;
    let netns = std::fs::read_link("/proc/self/ns/net").context("cannot read /proc/self/ns/net: is /proc mounted?")?;
    let (firewalls, firewall_tools) = firewalls().await;
    Ok(Facts {
        netns: netns.display().to_string(),
        sysctls: sysctls(&kernel),
        processes: processes(&netns, meant.process.as_ref().map(|process| process.pid)),
        kernel,
        firewalls,
        firewall_tools,
        meant,
    })
}

/// A neighbour that is asked for its address and has not said it a second later counts as failed. Mostly it never is for
/// long: what waits for it is sent again as soon as it has failed, and where there are many neighbours, the kernel forgets
/// those that failed (`net.ipv4.neigh.default.gc_thresh1`).
async fn look_twice(tables: &[u32]) -> io::Result<Snapshot> {
    let mut inspector = Inspector::open()?;
    let first = inspector.look(tables).await?;
    let asked: Vec<_> = first.neighbours.iter().filter(|neighbour| neighbour.state == "INCOMPLETE").collect();
    if asked.is_empty() {
        return Ok(first);
    }
    tokio::time::sleep(ANSWER).await;
    let mut second = inspector.look(tables).await?;
    for neighbour in second.neighbours.iter_mut().filter(|neighbour| neighbour.state == "INCOMPLETE") {
        if asked.iter().any(|one| (one.address, &one.device) == (neighbour.address, &neighbour.device)) {
            neighbour.state = "FAILED";
        }
    }
    Ok(second)
}

fn sysctls(kernel: &Snapshot) -> BTreeMap<String, String> {
    let general =
        ["ipv4/ip_forward", "ipv4/ip_unprivileged_port_start", "ipv4/conf/all/rp_filter", "ipv6/conf/all/forwarding"];
    let of_devices = kernel
        .devices
        .iter()
        .flat_map(|device| ["rp_filter", "forwarding"].map(|key| format!("ipv4/conf/{}/{key}", device.name)));
    let paths = general.into_iter().map(str::to_owned).chain(of_devices);
    paths
        .filter_map(|path| Some((path.clone(), std::fs::read_to_string(Path::new("/proc/sys/net").join(&path)).ok()?)))
        .collect()
}

/// Those that share the network namespace, but for ourselves and the daemon.
fn processes(netns: &Path, daemon: Option<u32>) -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut found: Vec<Process> = pids.filter_map(|pid| process(pid, netns, daemon)).collect();
    found.sort_by_key(|process| process.pid);
    found
}

fn process(pid: u32, netns: &Path, daemon: Option<u32>) -> Option<Process> {
    let folder = Path::new("/proc").join(pid.to_string());
    let here = std::fs::read_link(folder.join("ns/net")).ok()? == netns;
    let name = std::fs::read_to_string(folder.join("comm")).ok()?.trim_end().to_owned();
    // Its own number, as it knows itself: the last of `NSpid`, where it is in a namespace of process ids.
    let status = std::fs::read_to_string(folder.join("status")).ok()?;
    let own =
        status.lines().find_map(|line| line.strip_prefix("NSpid:")?.split_whitespace().last()?.parse::<u32>().ok());
    // Other uses of the same program (`roost show …`, this command) write no routes.
    let arguments = std::fs::read(folder.join("cmdline")).ok()?;
    let runs = name != "roost" || arguments.split(|byte| *byte == 0).any(|word| word == b"run");
    (here && runs && pid != std::process::id() && own != daemon).then_some(Process { pid, name })
}

/// Rules of every packet filter that a tool can print, and the tools.
async fn firewalls() -> (Vec<Ruleset>, Vec<String>) {
    let (mut found, mut tools) = (Vec::new(), Vec::new());
    if let Some(rulesets) = print(&["nft", "-j", "list", "ruleset"]).await.and_then(|text| of_nft(&text).ok()) {
        found.extend(rulesets);
        tools.push("nft".to_owned());
    }
    // What `nft` does not show. To ask for rules that are not there would load the modules for them.
    let has_legacy = |v6: bool| {
        let names = if v6 { "/proc/net/ip6_tables_names" } else { "/proc/net/ip_tables_names" };
        std::fs::read_to_string(names).is_ok_and(|names| names.lines().any(|name| name == "filter"))
    };
    let nft = !tools.is_empty();
    // Of what iptables writes into nft's tables, `nft` knows not all words.
    for (v6, tool, place) in
        [(false, "iptables-nft", "nft table ip filter"), (true, "ip6tables-nft", "nft table ip6 filter")]
    {
        let Some(at) = found.iter().position(|ruleset: &Ruleset| ruleset.place == place) else { continue };
        if let Some(ruleset) = print(&[tool, "-S"]).await.and_then(|text| of_iptables(tool, v6, &text)) {
            found[at] = ruleset;
            tools.push(tool.to_owned());
        }
    }
    for (v6, legacy, any) in [(false, "iptables-legacy", "iptables"), (true, "ip6tables-legacy", "ip6tables")] {
        let tool = match (has_legacy(v6), nft) {
            (true, _) if is_there(legacy) => legacy,
            (true, _) | (false, false) => any,
            (false, true) => continue,
        };
        if let Some(ruleset) = print(&[tool, "-S"]).await.and_then(|text| of_iptables(tool, v6, &text)) {
            found.push(ruleset);
            tools.push(tool.to_owned());
        }
    }
    (found, tools)
}

fn is_there(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}

/// What a command prints; `None` where there is none of this name, where it fails or takes too long.
async fn print(command: &[&str]) -> Option<String> {
    let [program, arguments @ ..] = command else { return None };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output: io::Result<_> = timeout(TOOL, command.output()).await.ok()?;
    let output = output.ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}
