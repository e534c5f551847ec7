//! One LAN with roost (or several) and the others on it: 10.9.0.0/24 and fd00:9::/64, node N is .N.

use roost_tests::{Lab, Lan, Netns, until};

use crate::LIMIT;
use crate::other::Seen;

/// A lab that is one LAN.
pub struct Wired {
    lan: Lan,
    lab: Lab,
}

impl Wired {
    /// `name` and the daemon's name make the lab's name.
    pub fn new(name: &str, daemon: &str) -> Wired {
        let daemon: String = daemon.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        let lab = Lab::new(&format!("{name}{daemon}"));
        Wired { lan: lab.lan("lan"), lab }
    }

    /// A namespace on the LAN.
    pub fn plug(&self, name: &str, n: u8) -> Netns {
        let ns = self.lab.netns(name);
        self.lan.plug(&self.lab, &ns, "eth0", &format!("port{n}"));
        ns.ip(&format!("addr add 10.9.0.{n}/24 dev eth0"));
        ns.ip(&format!("addr add fd00:9::{n}/64 dev eth0 nodad"));
        ns
    }
}

/// Waits for one route of roost's kernel, as a line of `ip route`.
#[track_caller]
pub fn kernel_has(ns: &Netns, wanted: &str) {
    until(&format!("the kernel of {} has {wanted}", ns.name()), LIMIT, || {
        let have = kernel(ns);
        if have.iter().any(|route| route == wanted) { Ok(()) } else { Err(have.join("\n")) }
    });
}

/// Waits until roost's kernel has no route to a prefix.
#[track_caller]
pub fn kernel_lacks(ns: &Netns, prefix: &str) {
    until(&format!("the kernel of {} lacks {prefix}", ns.name()), LIMIT, || {
        let have = kernel(ns);
        let is_it = |route: &String| route.starts_with(&format!("{prefix} "));
        if have.iter().any(is_it) { Err(have.join("\n")) } else { Ok(()) }
    });
}

/// Every route of roost in the kernel; without the metric and preference the kernel adds to IPv6 ones.
pub fn kernel(ns: &Netns) -> Vec<String> {
    let six = ns.routes6("proto bird").into_iter();
    let six = six.map(|route| route.split(" metric ").next().unwrap_or("").to_owned());
    ns.routes("proto bird").into_iter().chain(six).collect()
}

/// Waits until a daemon's table shows a path that `wanted` likes.
#[track_caller]
pub fn path_when(what: &str, paths: impl Fn() -> Vec<Seen>, wanted: impl Fn(&Seen) -> bool) -> Seen {
    until(what, LIMIT, || {
        let paths = paths();
        paths.iter().find(|path| wanted(path)).cloned().ok_or_else(|| format!("{paths:#?}"))
    })
}
