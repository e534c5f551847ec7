//! The daemon's process, and others that write routes beside it.

use super::facts::Facts;
use super::finding::{Finding, Outcome};

/// Bits of a capability set (capability.h).
const CAP_NET_BIND_SERVICE: u32 = 10;
const CAP_NET_ADMIN: u32 = 12;
/// Ports below need CAP_NET_BIND_SERVICE where the kernel does not say otherwise.
const UNPRIVILEGED: u32 = 1024;

/// It runs, here, and writes routes.
pub fn daemon(facts: &Facts) -> Outcome {
    const CHECK: &str = "daemon";
    let Some(process) = &facts.meant.process else {
        return Outcome::not_checked(CHECK, "roost does not run: only what the file says is known");
    };
    let mut findings = Vec::new();
    if process.netns != facts.netns {
        let what = format!("this command looks at {}, and roost runs in {}", facts.netns, process.netns);
        let why = "what is said of devices, routes and settings is not said of those that roost works with";
        let finding = Finding::error(what, why);
        findings.push(finding.typing(format!("nsenter -t {} -n roost fib doctor", process.pid)));
    }
    if !facts.meant.enabled {
        let why = "what peers announce leads nowhere on this machine; right for a route reflector that is no node";
        let finding = Finding::note("routes are not put into the kernel (fib.enabled: false)", why);
        findings.push(finding);
    }
    Outcome::of(CHECK, format!("runs as process {} in {}", process.pid, process.netns), findings)
}

/// It may do what it must.
pub fn capabilities(facts: &Facts) -> Outcome {
    const CHECK: &str = "capabilities";
    let Some(process) = &facts.meant.process else { return Outcome::not_checked(CHECK, "roost does not run") };
    let has = |bit: u32| process.capabilities & (1 << bit) != 0;
    let mut findings = Vec::new();
    let give = |finding: Finding, all: &str| {
        let how = "then restart it; in Kubernetes add them to securityContext.capabilities.add of its container";
        finding.typing(format!("setcap {all}+ep {}", process.program)).hint(how)
    };
    let first_free = facts.sysctl("ipv4/ip_unprivileged_port_start").unwrap_or(UNPRIVILEGED);
    let port = facts.meant.ports.iter().find(|port| u32::from(**port) < first_free);
    let all = if port.is_some() { "cap_net_admin,cap_net_bind_service" } else { "cap_net_admin" };
    if facts.meant.enabled && !has(CAP_NET_ADMIN) {
        let why = "the kernel refuses every route it writes: pods of other nodes are not reached";
        findings.push(give(Finding::error("roost has not the capability CAP_NET_ADMIN", why), all));
    }
    if let Some(port) = port.filter(|_| !has(CAP_NET_BIND_SERVICE)) {
        let what = format!("roost has not the capability CAP_NET_BIND_SERVICE, and listens on port {port}");
        let why = "at its next start it cannot listen, and peers that connect to it are refused";
        findings.push(give(Finding::warning(what, why), all));
    }
    Outcome::of(CHECK, format!("{:#x}", process.capabilities), findings)
}

/// No other routing daemon of this network namespace marks its routes as roost does.
pub fn others(facts: &Facts) -> Outcome {
    let meant = &facts.meant;
    let mut protocols: Vec<u8> = meant.pools.iter().filter(|pool| pool.install).map(|pool| pool.protocol).collect();
    protocols.push(meant.protocol);
    let mut findings = Vec::new();
    for process in &facts.processes {
        let marks = marks_of(&process.name);
        let Some(protocol) = protocols.iter().find(|protocol| marks == Some(**protocol)).copied() else { continue };
        let (pid, name) = (process.pid, &process.name);
        let what = format!("process {pid} ({name}) writes routes with protocol id {protocol}, as roost does");
        let why = "each takes the other's routes for its own leftovers, removes them and writes them again: packets are \
                   lost in between";
        let hint = "end it by what has started it, or let it return; or give roost's routes another id: fib.protocol";
        findings.push(Finding::error(what, why).typing(format!("kill {pid}")).hint(hint));
    }
    Outcome::of("other daemons", format!("{} processes of this network namespace", facts.processes.len()), findings)
}

/// The protocol id (rtnetlink.h) that a routing daemon gives its routes.
fn marks_of(name: &str) -> Option<u8> {
    Some(match name {
        "bird" | "bird6" | "roost" => 12,
        "zebra" => 11,
        "calico-node" | "calico-felix" => 80,
        _ => return None,
    })
}
