//! `roost fib doctor`: why pods do not reach each other although every route is learned.
//!
//! Three parts. [`look`] reads the machine and changes nothing; [`Facts`] is what it has seen; [`examine`] judges that,
//! check by check, each a pure function. What should be comes from the running daemon, or from its file where none runs.
//!
//! Each finding says what is wrong, what follows for pods, and what to type; once that is typed, the finding is gone.
//! Where a check cannot tell (a packet filter with rules it does not understand, no tool to read one), it says that, and
//! finds nothing: a doctor that cries wolf is not asked twice.

mod facts;
mod finding;
pub mod firewall;
pub mod look;
mod process;
mod routes;
mod settings;
mod tunnels;

pub use facts::{Facts, Process};
pub use finding::{Finding, Outcome, Report, Severity};

/// All checks, in the order of a packet's way.
pub fn examine(facts: &Facts, settings: String) -> Report {
    let own = vec![process::daemon(facts), process::capabilities(facts)];
    if !facts.is_of_daemon() {
        return Report { settings, netns: facts.netns.clone(), outcomes: own, looked: false };
    }
    let machine = [
        process::others(facts),
        settings::forwarding(facts),
        settings::reverse_path(facts),
        settings::packet_filter(facts),
        tunnels::devices(facts),
        tunnels::far_ends(facts),
        routes::next_hops(facts),
        routes::blackholes(facts),
        routes::not_written(facts),
        routes::strangers(facts),
        routes::shared_blocks(facts),
    ];
    let outcomes = own.into_iter().chain(machine).collect();
    Report { settings, netns: facts.netns.clone(), outcomes, looked: true }
}

#[cfg(test)]
mod tests;
