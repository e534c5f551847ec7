//! Whether the packet filter lets pods' packets through: rules as `iptables -S` and `nft -j list ruleset` print them, and
//! a walk over them.
//!
//! The walk answers only where it is certain. A rule with a match it does not know may accept the packet or not, so a
//! drop behind such a rule is no finding. What it is for is the plain case: policy DROP (Docker sets it, and many hardening
//! guides) and nothing that lets pods through.

use std::collections::BTreeMap;

use ipnetwork::IpNetwork;

mod iptables;
mod nft;

pub use iptables::of_iptables;
pub use nft::of_nft;

/// Chains followed from one another.
const DEPTH: u32 = 16;

/// The chains that a forwarded packet goes through, from one entry on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// Where it is: `iptables`, or `nft table ip filter`.
    pub place: String,
    /// How a rule is put in front, up to its match: `iptables -I FORWARD`.
    pub insert: Insert,
    /// For IPv4, for IPv6.
    pub families: [bool; 2],
    /// The chain packets come in by.
    pub entry: String,
    /// Whether packets that no rule decides about are dropped.
    pub policy_drops: bool,
    /// Rules by chain.
    pub chains: BTreeMap<String, Vec<Rule>>,
}

/// The words of a command that inserts a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Insert {
    /// `TOOL -I CHAIN -s RANGE -j ACCEPT`
    Iptables(String),
    /// `nft insert rule FAMILY TABLE CHAIN ip saddr RANGE accept`
    Nft(String),
}

impl Default for Insert {
    fn default() -> Self {
        Self::Iptables("iptables -I FORWARD".to_owned())
    }
}

/// A rule, as far as it is understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Source range.
    pub source: Option<IpNetwork>,
    /// Destination range.
    pub destination: Option<IpNetwork>,
    /// Device it comes in by; a `+` or `*` at the end stands for any rest.
    pub input: Option<String>,
    /// Device it leaves by.
    pub output: Option<String>,
    /// It is not for the first packet of a connection.
    pub established: bool,
    /// It has a match that is not understood.
    pub unclear: bool,
    /// What it does.
    pub verdict: Verdict,
}

/// What a rule does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Lets the packet through.
    Accept,
    /// Drops or rejects it.
    Drop,
    /// Goes on in another chain, and comes back from there where that does not decide.
    Jump(String),
    /// Goes on in another chain, and does not come back.
    Goto(String),
    /// Goes back to the chain before.
    Return,
    /// Marks, counts, logs: goes on.
    #[default]
    Next,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Accepted,
    Dropped,
    /// No rule of the chain has decided.
    Undecided,
    /// A rule may have accepted it.
    Unclear,
}

impl Ruleset {
    /// Whether the first packet of a connection from one pod of the range to another is certainly dropped. `devices` are
    /// those that pods' packets use.
    pub fn drops(&self, range: IpNetwork, devices: &[&str]) -> bool {
        if !self.families[usize::from(range.is_ipv6())] {
            return false;
        }
        match self.walk(&self.entry, range, devices, DEPTH) {
            Fate::Dropped => true,
            Fate::Undecided => self.policy_drops,
            Fate::Accepted | Fate::Unclear => false,
        }
    }

    /// Commands that let the range through.
    pub fn letting_through(&self, range: IpNetwork) -> [String; 2] {
        let family = if range.is_ipv4() { "ip" } else { "ip6" };
        match &self.insert {
            Insert::Iptables(insert) => ["-s", "-d"].map(|side| format!("{insert} {side} {range} -j ACCEPT")),
            Insert::Nft(insert) => ["saddr", "daddr"].map(|side| format!("{insert} {family} {side} {range} accept")),
        }
    }

    fn walk(&self, chain: &str, range: IpNetwork, devices: &[&str], depth: u32) -> Fate {
        let Some(rules) = self.chains.get(chain).filter(|_| depth > 0) else { return Fate::Unclear };
        for rule in rules {
            let Some(certain) = rule.matches(range, devices) else { continue };
            let fate = match &rule.verdict {
                Verdict::Accept => Fate::Accepted,
                Verdict::Drop => Fate::Dropped,
                Verdict::Jump(to) => self.walk(to, range, devices, depth - 1),
                Verdict::Goto(to) => match self.walk(to, range, devices, depth - 1) {
                    Fate::Undecided => Fate::Unclear,
                    fate => fate,
                },
                Verdict::Return => return if certain { Fate::Undecided } else { Fate::Unclear },
                Verdict::Next => Fate::Undecided,
            };
            match fate {
                Fate::Undecided => {}
                // A rule that may drop it leaves open what the next ones do.
                Fate::Dropped if !certain => {}
                Fate::Accepted if !certain => return Fate::Unclear,
                fate => return fate,
            }
        }
        Fate::Undecided
    }
}

impl Rule {
    /// `None`: not such a packet. Else whether that is certain.
    fn matches(&self, range: IpNetwork, devices: &[&str]) -> Option<bool> {
        let mut certain = !self.unclear;
        if self.established {
            return None;
        }
        for named in [self.source, self.destination].into_iter().flatten() {
            let around = |outer: IpNetwork, inner: IpNetwork| {
                outer.is_ipv4() == inner.is_ipv4() && outer.prefix() <= inner.prefix() && outer.contains(inner.ip())
            };
            match (around(named, range), around(range, named)) {
                (true, _) => {}
                (false, true) => certain = false,
                (false, false) => return None,
            }
        }
        for pattern in [&self.input, &self.output].into_iter().flatten() {
            let is_it = |device: &&str| match pattern.strip_suffix(['+', '*']) {
                Some(start) => device.starts_with(start),
                None => device == pattern,
            };
            if !devices.iter().any(is_it) {
                return None;
            }
            certain = false;
        }
        Some(certain)
    }
}

#[cfg(test)]
mod tests;
