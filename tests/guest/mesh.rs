//! Three nodes on two subnets, as in `examples/node-mesh`, with a pod behind each that has an address in every pool.
//!
//! ```text
//!   n1 172.16.1.1   n2 172.16.1.2              n3 172.16.2.3
//!         └──── 172.16.1.0/24 ──── router ──── 172.16.2.0/24
//! ```
//!
//! Pool 10.65 is ipip-cross-subnet, 10.66 direct, 10.67 vxlan-cross-subnet, 10.68 vxlan, 10.69 ipip. Of the pools the router
//! knows the direct one alone, as a top-of-rack switch would; the nodes send it all they know no better way for.

use std::process::{Command, ExitStatus};
use std::time::Duration;

use roost_tests::{Daemon, Lab, Netns, Peer, Roost, Speaker, until};

/// Which numbers the pools have: `10.POOL.0.0/16`.
pub const POOLS: [u8; 5] = [65, 66, 67, 68, 69];

/// For everything whose speed is not the question. An emulated processor beside others' work takes its time.
pub const PATIENCE: Duration = Duration::from_secs(150);

pub struct Mesh {
    pub nodes: [Node; 3],
    pub router: Netns,
    _lab: Lab,
}

pub struct Node {
    number: u8,
    pub ns: Netns,
    pub pod: Netns,
    pub roost: Daemon,
    config: String,
}

impl Mesh {
    /// A mesh on a network of this MTU. `tunl0` is what a node's configuration says of the ipip pools' tunnel, and
    /// `prepare` is done to each node before its roost starts.
    #[track_caller]
    pub fn start(name: &str, mtu: u32, tunl0: impl Fn(u8) -> String, prepare: impl Fn(&Netns, u8)) -> Mesh {
        let lab = Lab::new(name);
        let router = lab.netns("router");
        router.sysctl("ipv4/ip_forward", "1");
        for subnet in [1, 2] {
            router.ip(&format!("link add lan{subnet} type bridge forward_delay 0"));
            router.ip(&format!("addr add 172.16.{subnet}.254/24 dev lan{subnet}"));
            router.ip(&format!("link set lan{subnet} up"));
        }
        let nodes = [1, 2, 3].map(|number| {
            let (ns, pod) = wired_node(&lab, &router, number, mtu);
            router.ip(&format!("route add 10.66.{number}.0/26 via {}", address(number)));
            prepare(&ns, number);
            let blocks = POOLS.map(|pool| block(pool, number));
            let mut speaker = Speaker::new(&format!("{}/24", address(number)), &blocks.each_ref().map(String::as_str));
            speaker.peers = others(number).map(|other| Peer::new(&address(other), 64512)).collect();
            speaker.more = pools(&tunl0(number));
            let config = speaker.roost(&ns);
            let roost = Daemon::start(Roost, &ns, &config);
            Node { number, ns, pod, roost, config }
        });
        Mesh { nodes, router, _lab: lab }
    }

    /// Every pod pings every other one in every pool, all at once.
    #[track_caller]
    pub fn every_pod_reaches_every_other(&self) {
        let mut pings = Vec::new();
        for from in &self.nodes {
            for (to, pool) in others(from.number).flat_map(|to| POOLS.map(|pool| (to, pool))) {
                let line = format!("-n -c 1 -W 60 -I {} {}", pod(pool, from.number), pod(pool, to));
                let mut ping = from.pod.command("ping");
                ping.args(line.split(' ')).stdout(std::process::Stdio::piped());
                pings.push((line, ping.spawn().expect("ping runs")));
            }
        }
        for (line, ping) in pings {
            let output = ping.wait_with_output().expect("ping ends");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(said.contains(" 1 received"), "ping {line}: {said}");
        }
    }
}

impl Node {
    /// Waits until the kernel holds exactly these routes of a routing daemon, in whatever order.
    #[track_caller]
    pub fn holds(&self, wanted: &[String]) {
        let mut wanted = wanted.to_vec();
        wanted.sort();
        until(&format!("the routes of n{}", self.number), PATIENCE, || {
            // `ip route show proto bird` leaves out the words it filters by.
            let mut have = self.ns.routes("");
            have.retain(|line| line.contains(" proto bird"));
            have.sort();
            let fib = || self.roost.control("show fib").unwrap_or_else(|error| format!("{error:#}"));
            if have == wanted { Ok(()) } else { Err(format!("want {wanted:#?}\nhave {have:#?}\n{}", fib())) }
        });
    }

    /// What it must hold while all tunnels are there.
    pub fn wanted(&self) -> Vec<String> {
        let line = |(pool, other): (u8, u8)| {
            let near = subnet(other) == subnet(self.number);
            let way = match pool {
                65 if !near => format!("via {} dev tunl0 proto bird onlink", address(other)),
                67 if !near => format!("via {} dev vxlan.roost proto bird onlink", address(other)),
                68 => format!("via {} dev vxlan.roost proto bird onlink", address(other)),
                69 => format!("via {} dev tunl0 proto bird onlink", address(other)),
                _ if near => format!("via {} dev eth0 proto bird", address(other)),
                _ => format!("via {} dev eth0 proto bird", router(self.number)),
            };
            format!("{} {way}", block(pool, other))
        };
        let learned = others(self.number).flat_map(|other| POOLS.map(|pool| (pool, other)));
        let own = POOLS.map(|pool| format!("blackhole {} proto bird", block(pool, self.number)));
        learned.map(line).chain(own).collect()
    }

    /// What is left of it when there is no way through tunl0.
    pub fn wanted_without_tunl0(&self) -> Vec<String> {
        self.wanted().into_iter().filter(|line| !line.contains("tunl0")).collect()
    }

    /// Has roost read its configuration again (SIGHUP), in which `new` stands for `old`.
    #[track_caller]
    pub fn reload(&mut self, old: &str, new: &str) {
        assert!(self.config.contains(old), "{old} is not in\n{}", self.config);
        self.config = self.config.replace(old, new);
        self.roost.write_config(&self.config);
        self.roost.signal(libc::SIGHUP);
    }

    /// Every session up, everything heard, and the start over.
    pub fn settled(&self) -> Result<(), String> {
        let ask = |what: &str| -> Result<serde_json::Value, String> {
            let text = self.roost.control(what).map_err(|error| format!("{error:#}"))?;
            serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
        };
        let (peers, status) = (ask("show peers --json")?, ask("show status --json")?);
        let rows = peers.as_array().map(Vec::as_slice).unwrap_or_default();
        let up = rows.iter().filter(|row| row["state"] == "established" && row["stale"] == 0).count();
        if up == 2 && status["phase"] == "running" { Ok(()) } else { Err(format!("{status:#}\n{peers:#}")) }
    }

    /// The row of `show fib --json` for a prefix.
    #[track_caller]
    pub fn fib_row(&self, prefix: &str) -> serde_json::Value {
        let text = self.roost.ask("show fib --json");
        let rows: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let row = rows.as_array().and_then(|rows| rows.iter().find(|row| row["prefix"] == prefix));
        row.cloned().unwrap_or_else(|| panic!("no row of {prefix}: {text}"))
    }
}

fn wired_node(lab: &Lab, router: &Netns, number: u8, mtu: u32) -> (Netns, Netns) {
    let (ns, pod_ns) = (lab.netns(&format!("n{number}")), lab.netns(&format!("pod{number}")));
    ns.sysctl("ipv4/ip_forward", "1");
    // Replies may come plainly to what went out in the tunnel.
    ns.sysctl("ipv4/conf/all/rp_filter", "0");
    ns.sysctl("ipv4/conf/default/rp_filter", "0");
    lab.wire((&ns, "eth0"), (router, &format!("to-n{number}")));
    router.ip(&format!("link set to-n{number} master lan{}", subnet(number)));
    ns.ip(&format!("link set eth0 mtu {mtu}"));
    ns.ip(&format!("addr add {}/24 dev eth0", address(number)));
    ns.ip(&format!("route add default via {}", self::router(number)));
    ns.ip(&format!("route add 172.16.{}.0/24 via {}", 3 - subnet(number), self::router(number)));
    lab.wire((&ns, "pod"), (&pod_ns, "eth0"));
    ns.ip("addr add 169.254.1.1/32 dev pod scope link");
    for pool in POOLS {
        ns.ip(&format!("route add {}/32 dev pod", pod(pool, number)));
        pod_ns.ip(&format!("addr add {}/32 dev eth0", pod(pool, number)));
    }
    pod_ns.ip("route add 169.254.1.1 dev eth0");
    pod_ns.ip("route add default via 169.254.1.1");
    (ns, pod_ns)
}

fn pools(tunl0: &str) -> String {
    format!(
        "pools:
  - {{ cidr: 10.65.0.0/16, mode: ipip-cross-subnet, {tunl0} }}
  - {{ cidr: 10.66.0.0/16, mode: direct }}
  - {{ cidr: 10.67.0.0/16, mode: vxlan-cross-subnet, manage: true }}
  - {{ cidr: 10.68.0.0/16, mode: vxlan, manage: true }}
  - {{ cidr: 10.69.0.0/16, mode: ipip, {tunl0} }}"
    )
}

fn subnet(node: u8) -> u8 {
    if node == 3 { 2 } else { 1 }
}

fn address(node: u8) -> String {
    format!("172.16.{}.{node}", subnet(node))
}

fn router(node: u8) -> String {
    format!("172.16.{}.254", subnet(node))
}

fn block(pool: u8, node: u8) -> String {
    format!("10.{pool}.{node}.0/26")
}

/// The pod of a node in a pool.
pub fn pod(pool: u8, node: u8) -> String {
    format!("10.{pool}.{node}.2")
}

fn others(number: u8) -> impl Iterator<Item = u8> {
    (1..=3).filter(move |other| *other != number)
}

/// The kernel's number of tunl0, another one for each life of the device.
#[track_caller]
pub fn index_of_tunl0(ns: &Netns) -> String {
    ns.run("cat /sys/class/net/tunl0/ifindex")
}

/// Takes tunl0 away in all namespaces: the only way there is.
#[track_caller]
pub fn unload_ipip() {
    busybox(&["rmmod", "ipip"]);
}

/// And makes it again, down and without an address.
#[track_caller]
pub fn load_ipip() {
    busybox(&["insmod", "/modules/ipip.ko"]);
}

#[track_caller]
fn busybox(words: &[&str]) {
    let status = Command::new("busybox").args(words).status();
    assert!(status.as_ref().is_ok_and(ExitStatus::success), "busybox {words:?}: {status:?}");
}
