//! What was done to put another configuration in force, and which one is.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::api::apply::{Applied, Unconfirmed};
use crate::api::configuration::{ConfigStatus, ConfigSteps, ExportChanges, KernelChanges, KernelPlan, Plan, RouteFate};

/// The answer of `roost reload`; with `check` nothing was done.
pub fn config_steps(steps: &ConfigSteps, check: bool) -> String {
    let mut text: String = steps.lines().into_iter().map(|line| line + "\n").collect();
    if steps.steps.is_empty() {
        text.push_str("nothing that is in force is different\n");
    }
    let ended: Vec<_> = steps.steps.iter().filter(|step| step.ends).filter_map(|step| step.peer.as_deref()).collect();
    if !check {
        let sessions = match ended.as_slice() {
            [] => "no session was ended".to_owned(),
            [one] => format!("one session was ended: {one}"),
            more => format!("{} sessions were ended: {}", more.len(), more.join(", ")),
        };
        text.push_str(&format!("generation {} of the configuration is in force; {sessions}\n", steps.generation));
    }
    text
}

/// The answer of `roost apply`.
pub fn applied(applied: &Applied) -> String {
    let text = config_steps(&applied.steps, false);
    match applied.confirm_within {
        Some(seconds) => text + &format!("it goes back by itself in {seconds} s, unless `roost confirm` is called\n"),
        None => text + &format!("{} has this text\n", applied.file),
    }
}

/// The answer of `roost confirm`.
pub fn confirmed(status: &ConfigStatus) -> String {
    match &status.gone_back {
        Some(gone) => format!("{gone}\ngeneration {} of the configuration is in force\n", status.generation),
        None => {
            format!("generation {} of the configuration stays, and {} has its text\n", status.generation, status.file)
        }
    }
}

/// The answer of `roost plan`.
pub fn plan(plan: &Plan) -> String {
    let mut text = config_steps(&plan.steps, true);
    let ends = plan.steps.steps.iter().filter(|step| step.ends).count();
    let _ = writeln!(text, "sessions that would end: {ends}"); // writing to a String cannot fail
    let _ = writeln!(text, "routes that would change: {}", plan.routes_total);
    for fate in &plan.routes {
        let kernel = if fate.kernel { ", in the kernel, too" } else { "" };
        let [before, after] = [&fate.before, &fate.after].map(|hops| hops.as_deref().map(way));
        let what = match (before.unwrap_or_else(|| "none".to_owned()), after, fate.for_a_moment) {
            (before, Some(after), true) => format!("{before} → {after} until the session is back"),
            (before, Some(after), false) => format!("{before} → {after}"),
            (before, None, true) => format!("{before}, gone until the session is back"),
            (before, None, false) if fate.unless_new => format!("{before}, vanishes unless a new peer announces it"),
            (before, None, false) => format!("{before}, vanishes"),
        };
        let _ = writeln!(text, "  {} {what}{kernel}", fate.prefix);
    }
    if plan.routes_total > plan.routes.len() {
        let _ = writeln!(text, "  and {} more", plan.routes_total - plan.routes.len());
    }
    if plan.exports_total > 0 {
        text.push_str(&exports(plan));
    }
    plan.kernel.iter().for_each(|kernel| text.push_str(&kernel_routes(kernel, &plan.routes)));
    plan.unknown.iter().for_each(|what| text.push_str(&format!("not known: {what}\n")));
    text
}

/// Peers whose session goes on and who would be told something else.
fn exports(plan: &Plan) -> String {
    let mut text = format!("peers that would be told something else: {}\n", plan.exports_total);
    for ExportChanges { peer, announced, changed, withdrawn, for_a_moment } in &plan.exports {
        let counts =
            [(announced, "announced"), (changed, "changed"), (withdrawn, "withdrawn"), (for_a_moment, "for a moment")];
        text.push_str(&format!("  {peer}: {}\n", counted(counts)));
    }
    if plan.exports_total > plan.exports.len() {
        text.push_str(&format!("  and {} more\n", plan.exports_total - plan.exports.len()));
    }
    text
}

/// Those counts that are not zero.
fn counted(counts: [(&usize, &str); 4]) -> String {
    let counts = counts.iter().filter(|(count, _)| **count > 0);
    counts.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}

/// Counts by pool, and the routes that would move although the table decides them as before.
fn kernel_routes(kernel: &KernelPlan, decided: &[RouteFate]) -> String {
    let mut text = format!("kernel routes that would change: {}\n", kernel.routes_total);
    for KernelChanges { pool, added, removed, changed, for_a_moment } in &kernel.changes {
        let counts =
            counted([(added, "added"), (removed, "removed"), (changed, "changed"), (for_a_moment, "for a moment")]);
        let pool = pool.as_ref().map_or_else(|| "in no pool".to_owned(), |pool| format!("pool {pool}"));
        text.push_str(&format!("  {pool}: {counts}\n"));
    }
    let decided: HashSet<_> = decided.iter().map(|fate| fate.prefix.as_str()).collect();
    for fate in kernel.routes.iter().filter(|fate| !decided.contains(fate.prefix.as_str())) {
        let [before, after] = [&fate.before, &fate.after].map(|routes| match routes.as_slice() {
            [] => "none".to_owned(),
            routes => routes.join(" and "),
        });
        let moment = if fate.for_a_moment { " until the session is back" } else { "" };
        text.push_str(&format!("  {before} → {after}{moment}\n"));
    }
    text
}

fn way(next_hops: &str) -> String {
    if next_hops == "local" { "ours".to_owned() } else { format!("via {next_hops}") }
}

/// The facts of `roost show status`.
pub(super) fn facts(status: &ConfigStatus) -> Vec<(&'static str, String)> {
    let ConfigStatus { file, generation, error, needs_restart, unconfirmed, gone_back, idle, .. } = status;
    let mut facts = vec![("configuration", format!("{file}, generation {generation}"))];
    if let Some(error) = error {
        facts.push(("not in force", format!("the file as it is now, and nothing of it: {error}")));
    }
    if let Some(Unconfirmed { name, left }) = unconfirmed {
        facts.push((
            "unconfirmed",
            format!("{name} is in force, and goes in {left} s unless `roost confirm` is called"),
        ));
    }
    facts.extend(gone_back.clone().map(|gone| ("gone back", gone)));
    if !needs_restart.is_empty() {
        facts.push(("needs a restart", needs_restart.join(", ")));
    }
    facts.extend(idle.iter().map(|idle| ("not in force", format!("set at run time: {idle}"))));
    facts
}
