//! Which of the machine's addresses is the node's: the rules of Calico's IP autodetection.
//!
//! A rule and the interfaces are all that [`Detect::pick`] needs, so that the choice is a pure function; [`machine`]
//! reads the interfaces and asks the two questions the kernel and the resolver answer. The configuration's check
//! calls it for each family with a rule, and what is picked stands in `node.addresses` from there on. The daemon looks
//! again whenever an address of the machine comes or goes.
//!
//! The order is Calico's: interfaces by *falling* index, the youngest first, and of each its addresses as the kernel has
//! them; the first global unicast address that the rule takes is the one. Patterns are found anywhere in a name unless
//! they are anchored, interfaces that are down count, and only first-found and skip-interface heed the list of excluded
//! interfaces.
//!
//! One thing is different: an address by name (internal-name, Calico's kubernetes-internal-ip) must be on an interface
//! of this machine. Calico takes one that is not as a /32; a name that means another machine, or an address that is
//! about to come, would give a node the wrong identity or the wrong subnet until its next start.

mod machine;
mod pattern;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bgp_proto::Prefix;
use fib_sync::netlink::Interface;
use ipnetwork::IpNetwork;

pub use machine::pick;
pub use pattern::{MAX_PATTERN, Pattern};

/// Interfaces that hold addresses of the machine's inside: bridges, tunnels, pods. Calico's list.
pub const EXCLUDED: [&str; 19] = [
    "^docker.*",
    "^cbr.*",
    "^dummy.*",
    "^podman.*",
    "^virbr.*",
    "^lxcbr.*",
    "^veth.*",
    "^lo",
    "^br-.*",
    "^cali.*",
    "^tunl.*",
    "^flannel.*",
    "^kube-ipvs.*",
    "^cni.*",
    r"^vxlan\.calico.*",
    r"^vxlan-v6\.calico.*",
    r"^wireguard\.cali.*",
    r"^wg-v6\.cali.*",
    "^nodelocaldns.*",
];

/// Interfaces that a [`NotFound`] tells about.
const TOLD: usize = 8;

/// How the node's addresses are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detect {
    /// At most one of each family, IPv4 first.
    pub rules: Vec<Rule>,
    /// Interfaces that first-found and skip-interface pass over.
    pub exclude: Vec<Pattern>,
    /// How long a start may wait for the addresses.
    pub wait: Duration,
}

/// How the address of one family is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// IPv4, not IPv6.
    pub ipv4: bool,
    /// By what.
    pub method: Method,
}

/// What singles an address out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// The first one of the interfaces that are not excluded.
    FirstFound,
    /// The first one of the interfaces whose name one of these is found in.
    Interface(Vec<Pattern>),
    /// The first one of the interfaces that are neither excluded nor named by one of these.
    SkipInterface(Vec<Pattern>),
    /// The first one in one of these.
    Cidr(Vec<Prefix>),
    /// The one the kernel sends packets to this host from.
    CanReach(Host),
    /// The one this name stands for; none: the machine's own.
    InternalName(Option<Host>),
}

/// A host, by address or name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// By address.
    Address(IpAddr),
    /// By a name of the DNS or of /etc/hosts.
    Name(String),
}

/// What a rule has picked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    /// The address with the length of its subnet.
    pub address: IpNetwork,
    /// The interface that has it.
    pub interface: String,
    /// The rule.
    pub rule: Rule,
}

/// Why a rule has picked nothing, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotFound(pub String);

impl Detect {
    /// The address the rule picks among those of `interfaces` (in order of index). `ask` gives the addresses that the
    /// kernel or the resolver names, for the two methods that need them.
    ///
    /// # Errors
    /// When no address fits, with what stands against each interface.
    pub fn pick(
        &self,
        rule: &Rule,
        interfaces: &[Interface],
        ask: impl FnOnce(&Rule) -> Result<Vec<IpAddr>, NotFound>,
    ) -> Result<Pick, NotFound> {
        let find = |takes: &dyn Fn(IpAddr) -> bool| {
            let counts = |ip: IpAddr| ip.is_ipv4() == rule.ipv4 && is_global_unicast(ip) && takes(ip);
            let heeded = |interface: &&Interface| self.passed_over(rule, &interface.name).is_none();
            interfaces.iter().rev().filter(heeded).find_map(|interface| {
                let address = *interface.addresses.iter().find(|address| counts(address.ip()))?;
                Some(Pick { address, interface: interface.name.clone(), rule: rule.clone() })
            })
        };
        match &rule.method {
            Method::FirstFound | Method::Interface(_) | Method::SkipInterface(_) => find(&|_| true),
            Method::Cidr(cidrs) => find(&|ip| cidrs.iter().any(|cidr| cidr.contains_addr(ip))),
            Method::CanReach(_) | Method::InternalName(_) => {
                let named = ask(rule)?;
                let found = named.iter().find_map(|wanted| find(&|ip| ip == *wanted));
                return found.ok_or_else(|| not_here(rule, &named));
            }
        }
        .ok_or_else(|| self.nowhere(rule, interfaces))
    }

    /// Why the rule does not look at an interface; `None`: it does.
    fn passed_over(&self, rule: &Rule, name: &str) -> Option<String> {
        let by = |patterns: &[Pattern], how: &str| {
            patterns.iter().find(|pattern| pattern.is_in(name)).map(|pattern| format!("{how} by {pattern}"))
        };
        let excluded = || by(&self.exclude, "excluded");
        match &rule.method {
            Method::FirstFound => excluded(),
            Method::SkipInterface(skipped) => by(skipped, "skipped").or_else(excluded),
            Method::Interface(named) => by(named, "named").is_none().then(|| "not named".to_owned()),
            Method::Cidr(_) | Method::CanReach(_) | Method::InternalName(_) => None,
        }
    }

    /// No interface has an address for the rule: what is with each.
    fn nowhere(&self, rule: &Rule, interfaces: &[Interface]) -> NotFound {
        let of_each = interfaces.iter().rev().map(|interface| {
            let own = || interface.addresses.iter().filter(|address| address.is_ipv4() == rule.ipv4);
            let why = match (self.passed_over(rule, &interface.name), own().find(|own| is_global_unicast(own.ip()))) {
                (Some(why), _) => why,
                (None, Some(address)) => format!("{address} is in none of the ranges"),
                (None, None) => own().next().map_or_else(
                    || format!("no {} address", rule.family()),
                    |address| format!("{address} is no global unicast address"),
                ),
            };
            format!("{}: {why}", interface.name)
        });
        let told: Vec<String> = of_each.take(TOLD).collect();
        let more = match interfaces.len().saturating_sub(TOLD) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        NotFound(format!("no interface has such an address ({}{more})", told.join("; ")))
    }
}

/// What the kernel or the resolver has named is no address of this machine.
fn not_here(rule: &Rule, named: &[IpAddr]) -> NotFound {
    let mut named: Vec<String> = named.iter().filter(|ip| ip.is_ipv4() == rule.ipv4).map(IpAddr::to_string).collect();
    named.truncate(TOLD);
    let family = rule.family();
    NotFound(match (&rule.method, named.is_empty()) {
        (Method::CanReach(_), _) => {
            format!("packets to it leave from {}, no global address of an interface", named.join(", "))
        }
        (_, true) => format!("the name stands for no {family} address"),
        (_, false) => format!("the name stands for {}, no global address of an interface here", named.join(", ")),
    })
}

/// As Go's `net.IP.IsGlobalUnicast`, which Calico asks: private addresses are global, too.
fn is_global_unicast(address: IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4 == Ipv4Addr::BROADCAST,
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !(link_local || address.is_unspecified() || address.is_loopback() || address.is_multicast())
}

impl Rule {
    /// The family's name.
    pub fn family(&self) -> &'static str {
        if self.ipv4 { "IPv4" } else { "IPv6" }
    }

    /// The key of the configuration that holds it.
    pub fn key(&self) -> &'static str {
        if self.ipv4 { "node.detect.ipv4" } else { "node.detect.ipv6" }
    }
}

/// As the value of Calico's IP_AUTODETECTION_METHOD.
impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list<T: fmt::Display>(items: &[T]) -> String {
            items.iter().map(T::to_string).collect::<Vec<_>>().join(",")
        }
        match self {
            Self::FirstFound => f.write_str("first-found"),
            Self::Interface(named) => write!(f, "interface={}", list(named)),
            Self::SkipInterface(skipped) => write!(f, "skip-interface={}", list(skipped)),
            Self::Cidr(cidrs) => write!(f, "cidr={}", list(cidrs)),
            Self::CanReach(host) => write!(f, "can-reach={host}"),
            Self::InternalName(None) => f.write_str("internal-name"),
            Self::InternalName(Some(host)) => write!(f, "internal-name={host}"),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// `172.16.1.1/24 of eth0`.
impl fmt::Display for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.address, self.interface)
    }
}
