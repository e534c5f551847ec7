//! Each check on a node that is well, and on one where a single thing is wrong.

use fib_sync::Mac;
use fib_sync::netlink::{Forwarding, Neighbour, SeenDevice, SeenHop, SeenRoute, Snapshot};

use super::firewall::of_iptables;
use super::*;
use crate::api::model::{Examination, FibRow, KernelState, ManagedRow, PoolRow, ProcessFacts, SharedBlock};

fn device(index: u32, name: &str, kind: &str, mtu: u32) -> SeenDevice {
    let (name, kind) = (name.to_owned(), kind.to_owned());
    SeenDevice { index, name, up: true, carrier: true, mtu, kind, ..SeenDevice::default() }
}

fn route(text: &str, via: &str, name: &str) -> SeenRoute {
    let prefix = text.split(' ').find_map(|word| word.parse().ok()).expect("a prefix");
    let hop = SeenHop { via: via.parse().ok(), device: name.to_owned(), dead: false, linkdown: false };
    let drops = text.starts_with("blackhole");
    let hops = if drops { Vec::new() } else { vec![hop] };
    SeenRoute { prefix, protocol: 12, table: 254, metric: 0, drops, local: false, hops, text: text.to_owned() }
}

fn pool(cidr: &str, mode: &str, device: Option<&str>) -> PoolRow {
    let (cidr, mode, device) = (cidr.to_owned(), mode.to_owned(), device.map(str::to_owned));
    PoolRow { cidr, mode, device, install: true, protocol: 12, table: 254, managed: None }
}

const MAC: Mac = Mac([2, 0x72, 172, 16, 2, 4]);

/// A node with a pool of each kind, of which nothing is wrong.
fn well() -> Facts {
    let managed = ManagedRow { vni: 4096, port: 4789, local: "172.16.1.1".parse().ok(), mtu: 0 };
    let meant = Examination {
        process: Some(ProcessFacts {
            pid: 7,
            netns: "net:[1]".to_owned(),
            capabilities: 1 << 12 | 1 << 10,
            program: "/usr/bin/roost".to_owned(),
        }),
        enabled: true,
        addresses: vec!["172.16.1.1/24".to_owned(), "fd00:1::1/64".to_owned()],
        ports: vec![179],
        protocol: 12,
        table: 254,
        pools: vec![
            pool("10.65.0.0/16", "ipip-cross-subnet", Some("tunl0")),
            pool("fd00:65::/48", "direct", None),
            PoolRow { managed: Some(managed), ..pool("10.68.0.0/16", "vxlan", Some("vxlan.roost")) },
        ],
        originated: vec!["10.65.1.0/26".to_owned()],
        ..Examination::default()
    };
    let vxlan = Some((4096, 4789, "172.16.1.1".parse().ok()));
    let sysctls = [("ipv4/ip_forward", "1\n"), ("ipv6/conf/all/forwarding", "1\n"), ("ipv4/conf/all/rp_filter", "0\n")];
    Facts {
        meant,
        netns: "net:[1]".to_owned(),
        sysctls: sysctls.map(|(path, value)| (path.to_owned(), value.to_owned())).into(),
        kernel: Snapshot {
            devices: vec![
                device(2, "eth0", "", 1500),
                device(3, "tunl0", "ipip", 1480),
                SeenDevice { vxlan, ..device(4, "vxlan.roost", "vxlan", 1450) },
            ],
            addresses: vec![
                ("eth0".to_owned(), "172.16.1.1/24".parse().expect("a network")),
                ("eth0".to_owned(), "fd00:1::1/64".parse().expect("a network")),
            ],
            routes: vec![
                route("10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird", "172.16.1.2", "eth0"),
                route("10.68.4.0/26 via 172.16.2.4 dev vxlan.roost proto bird onlink", "172.16.2.4", "vxlan.roost"),
                route("blackhole 10.65.1.0/26 proto bird", "", ""),
            ],
            neighbours: vec![
                Neighbour {
                    device: "vxlan.roost".to_owned(),
                    address: "172.16.2.4".parse().expect("an address"),
                    mac: Some(MAC),
                    state: "PERMANENT",
                },
                Neighbour {
                    device: "eth0".to_owned(),
                    address: "172.16.1.2".parse().expect("an address"),
                    mac: Some(MAC),
                    state: "REACHABLE",
                },
            ],
            forwarding: vec![Forwarding {
                device: "vxlan.roost".to_owned(),
                mac: MAC,
                node: "172.16.2.4".parse().expect("an address"),
            }],
        },
        firewalls: vec![of_iptables("iptables", false, "-P FORWARD ACCEPT\n").expect("it has the chain")],
        firewall_tools: vec!["iptables".to_owned()],
        processes: vec![Process { pid: 9, name: "kubelet".to_owned() }],
    }
}

/// What is found once this is changed: severity, check, what, and what to type.
fn found(change: impl FnOnce(&mut Facts)) -> Vec<String> {
    let mut facts = well();
    change(&mut facts);
    let report = examine(&facts, String::new());
    let lines = report.outcomes.iter().flat_map(|outcome| {
        outcome.findings.iter().map(|finding| {
            let says_what_to_do = !finding.remedy.is_empty() || !finding.hint.is_empty();
            assert!(says_what_to_do || finding.severity == Severity::Note, "{finding:?}");
            assert!(!finding.why.is_empty(), "{finding:?}");
            let typed = finding.remedy.iter().map(|command| format!(" [{command}]")).collect::<String>();
            format!("{:?} {}: {}{typed}", finding.severity, outcome.check, finding.what)
        })
    });
    lines.collect()
}

fn set(path: &str, value: &str) -> impl FnOnce(&mut Facts) {
    move |facts| drop(facts.sysctls.insert(path.to_owned(), format!("{value}\n")))
}

fn find<'a>(facts: &'a mut Facts, name: &str) -> &'a mut SeenDevice {
    facts.kernel.devices.iter_mut().find(|device| device.name == name).expect("it is there")
}

#[test]
fn of_a_node_that_is_well_nothing_is_said() {
    assert_eq!(found(|_| ()), [""; 0]);
    let report = examine(&well(), String::new());
    assert!(report.is_well() && report.looked && report.outcomes.iter().all(|outcome| outcome.not_checked.is_none()));
    // Of a node whose daemon does not run, what only the daemon knows is not judged.
    let stopped = Facts { meant: Examination { process: None, ..well().meant }, ..well() };
    let report = examine(&stopped, String::new());
    assert!(report.is_well());
    let not: Vec<_> =
        report.outcomes.iter().filter(|outcome| outcome.not_checked.is_some()).map(|outcome| outcome.check).collect();
    assert_eq!(not, ["daemon", "capabilities", "blackholes", "wanted routes", "foreign routes", "blocks"]);
}

#[test]
fn another_namespace_than_the_daemons_is_not_judged() {
    let change = |facts: &mut Facts| {
        facts.netns = "net:[2]".to_owned();
        facts.sysctls.clear();
    };
    assert_eq!(
        found(change),
        ["Error daemon: this command looks at net:[2], and roost runs in net:[1] [nsenter -t 7 -n roost fib doctor]"]
    );
    let mut facts = well();
    change(&mut facts);
    assert!(!examine(&facts, String::new()).looked);
}

#[test]
fn the_process_may_do_what_it_must_and_is_alone() {
    let capabilities =
        |bits: u64| move |facts: &mut Facts| facts.meant.process.as_mut().expect("it runs").capabilities = bits;
    let setcap = "[setcap cap_net_admin,cap_net_bind_service+ep /usr/bin/roost]";
    assert_eq!(
        found(capabilities(1 << 10)),
        [format!("Error capabilities: roost has not the capability CAP_NET_ADMIN {setcap}")]
    );
    assert_eq!(
        found(capabilities(1 << 12)),
        [format!(
            "Warning capabilities: roost has not the capability CAP_NET_BIND_SERVICE, and listens on port 179 {setcap}"
        )]
    );
    let free = |facts: &mut Facts| {
        set("ipv4/ip_unprivileged_port_start", "179")(facts);
        capabilities(1 << 12)(facts);
    };
    assert_eq!(found(free), [""; 0], "a port that everybody may use");
    assert_eq!(
        found(|facts| facts.meant.enabled = false),
        ["Note daemon: routes are not put into the kernel (fib.enabled: false)"]
    );
    let process = |name: &str| {
        let name = name.to_owned();
        move |facts: &mut Facts| facts.processes.push(Process { pid: 41, name })
    };
    for name in ["bird", "bird6", "roost"] {
        let text = format!(
            "Error other daemons: process 41 ({name}) writes routes with protocol id 12, as roost does [kill 41]"
        );
        assert_eq!(found(process(name)), [text]);
    }
    assert_eq!(found(process("zebra")), [""; 0], "whose routes have another id");
    let felix = |facts: &mut Facts| {
        facts.meant.pools[0].protocol = 80;
        facts.kernel.routes.clear();
        process("calico-node")(facts);
    };
    assert_eq!(
        found(felix),
        ["Error other daemons: process 41 (calico-node) writes routes with protocol id 80, as roost does [kill 41]"]
    );
}

#[test]
fn switches_of_the_kernel() {
    let table: [(&str, &str, &[&str]); 8] = [
        (
            "ipv4/ip_forward",
            "0",
            &["Error forwarding: IPv4 forwarding is off: net/ipv4/ip_forward is 0 [sysctl -w net/ipv4/ip_forward=1]"],
        ),
        (
            "ipv6/conf/all/forwarding",
            "0",
            &["Error forwarding: IPv6 forwarding is off: net/ipv6/conf/all/forwarding is 0 [sysctl -w \
               net/ipv6/conf/all/forwarding=1]"],
        ),
        (
            "ipv4/conf/tunl0/forwarding",
            "0",
            &["Error forwarding: IPv4 forwarding is off on tunl0: net/ipv4/conf/tunl0/forwarding is 0 [sysctl -w \
               net/ipv4/conf/tunl0/forwarding=1]"],
        ),
        ("ipv4/conf/docker0/forwarding", "0", &[]),
        // RFC 3704 §2.2: strict
        (
            "ipv4/conf/vxlan.roost/rp_filter",
            "1",
            &[
                "Error rp_filter: the reverse path filter is strict on vxlan.roost (the higher of all and vxlan.roost is 1) \
               [sysctl -w net/ipv4/conf/vxlan.roost/rp_filter=2]",
            ],
        ),
        (
            "ipv4/conf/all/rp_filter",
            "1",
            &[
                "Error rp_filter: the reverse path filter is strict on tunl0 (the higher of all and tunl0 is 1) [sysctl -w \
                 net/ipv4/conf/tunl0/rp_filter=2]",
                "Error rp_filter: the reverse path filter is strict on vxlan.roost (the higher of all and vxlan.roost is 1) \
                 [sysctl -w net/ipv4/conf/vxlan.roost/rp_filter=2]",
            ],
        ),
        ("ipv4/conf/all/rp_filter", "2", &[]),
        ("ipv4/conf/eth0/rp_filter", "1", &[]),
    ];
    for (path, value, wanted) in table {
        assert_eq!(found(set(path, value)), wanted, "{path} {value}");
    }
    let two_uplinks = |facts: &mut Facts| {
        facts.kernel.devices.push(device(9, "eth1", "", 1500));
        facts.kernel.routes.push(route("10.65.3.0/26 via 172.17.1.2 dev eth1 proto bird", "172.17.1.2", "eth1"));
        set("ipv4/conf/eth1/rp_filter", "1")(facts);
    };
    assert_eq!(
        found(two_uplinks),
        ["Warning rp_filter: the reverse path filter is strict on eth1 (the higher of all and eth1 is 1) [sysctl -w \
          net/ipv4/conf/eth1/rp_filter=2]"]
    );
    // Of a family that no pod has nothing is asked.
    let only_v4 = |facts: &mut Facts| {
        facts.meant.pools.remove(1);
        set("ipv6/conf/all/forwarding", "0")(facts);
    };
    assert_eq!(found(only_v4), [""; 0]);
}

#[test]
fn the_packet_filter() {
    let rules = |text: &str| {
        let ruleset = of_iptables("iptables", false, text).expect("it has the chain");
        move |facts: &mut Facts| facts.firewalls = vec![ruleset]
    };
    let dropped = |pool: &str| {
        format!(
            "Error FORWARD: iptables: chain FORWARD has policy DROP, and no rule accepts {pool} [iptables -I FORWARD -s {pool} \
             -j ACCEPT] [iptables -I FORWARD -d {pool} -j ACCEPT]"
        )
    };
    assert_eq!(found(rules("-P FORWARD DROP\n")), [dropped("10.65.0.0/16"), dropped("10.68.0.0/16")]);
    assert_eq!(found(rules("-P FORWARD DROP\n-A FORWARD -s 10.65.0.0/16 -j ACCEPT\n")), [dropped("10.68.0.0/16")]);
    assert_eq!(found(rules("-P FORWARD DROP\n-A FORWARD -i tunl0 -j ACCEPT\n")), [""; 0], "perhaps");
    let rejected = found(rules("-P FORWARD ACCEPT\n-A FORWARD -j REJECT\n"));
    assert!(rejected[0].contains("chain FORWARD drops what it does not know"), "{rejected:?}");
    let mut facts = well();
    (facts.firewalls, facts.firewall_tools) = (Vec::new(), Vec::new());
    let report = examine(&facts, String::new());
    let not = report.outcomes.iter().find_map(|outcome| outcome.not_checked.as_deref());
    assert_eq!(not, Some("neither nft nor iptables found, or they failed"));
}

#[test]
fn tunnel_devices() {
    let without =
        |name: &'static str| move |facts: &mut Facts| facts.kernel.devices.retain(|device| device.name != name);
    let make = "[ip link add vxlan.roost address 02:72:ac:10:01:01 type vxlan id 4096 dstport 4789 local 172.16.1.1 \
                nolearning] [ip link set vxlan.roost up mtu 1450]";
    assert_eq!(
        found(without("tunl0")),
        ["Error tunnels: tunnel device tunl0 does not exist [modprobe ipip] [ip link set tunl0 up mtu 1480]"]
    );
    let gone = found(without("vxlan.roost"));
    assert_eq!(gone[0], format!("Error tunnels: tunnel device vxlan.roost does not exist {make}"));
    assert!(gone[1].contains("routes lead to") || gone[1].contains("which does not exist"), "{gone:?}");
    let down = found(|facts| find(facts, "tunl0").up = false);
    assert_eq!(down, ["Error tunnels: tunnel device tunl0 is down [ip link set tunl0 up]"]);
    assert_eq!(
        found(|facts| find(facts, "tunl0").kind = "dummy".to_owned()),
        [
            "Error tunnels: tunl0 is of kind dummy, and ipip-cross-subnet needs ipip [ip link del tunl0] [modprobe ipip] [ip link \
          set tunl0 up mtu 1480]"
        ]
    );
    // RFC 7348 §5: what VXLAN adds; ipip adds 20
    for (name, mtu, fits, less) in [("tunl0", 1500, 1480, 20), ("vxlan.roost", 1500, 1450, 50)] {
        assert_eq!(
            found(|facts| find(facts, name).mtu = mtu),
            [format!(
                "Error tunnels: {name} has MTU {mtu}, and {fits} is the most that fits (eth0 has 1500, less {less}) [ip link \
                 set {name} mtu {fits}]"
            )]
        );
    }
    assert_eq!(
        found(|facts| find(facts, "tunl0").mtu = 1440),
        ["Note tunnels: tunl0 has MTU 1440, and 1480 would fit (eth0 has 1500, less 20) [ip link set tunl0 mtu 1480]"]
    );
    let meant = |facts: &mut Facts| {
        find(facts, "vxlan.roost").mtu = 1400;
        facts.meant.pools[2].managed.as_mut().expect("it is").mtu = 1400;
    };
    assert_eq!(found(meant), [""; 0], "as the configuration says");
    assert_eq!(
        found(|facts| find(facts, "vxlan.roost").vxlan = Some((7, 8472, None))),
        [format!(
            "Error tunnels: vxlan.roost has VNI 7, not 4096, UDP port 8472, not 4789, local address none, not 172.16.1.1 [ip \
             link del vxlan.roost] {make}"
        )]
    );
    let warned = |facts: &mut Facts| facts.meant.warnings.push("tunnel device tunl0 can't be set up: …".to_owned());
    assert_eq!(found(warned), ["Warning tunnels: tunnel device tunl0 can't be set up: …"]);
    let both = |facts: &mut Facts| {
        warned(facts);
        find(facts, "tunl0").up = false;
    };
    assert_eq!(found(both), ["Error tunnels: tunnel device tunl0 is down [ip link set tunl0 up]"], "it is said once");
    assert_eq!(found(|facts| find(facts, "tunl0").kind = "veth".to_owned()), [""; 0], "of labs without ipip");
    // RFC 8200 §5
    let small = |facts: &mut Facts| {
        facts.meant.pools[2].cidr = "fd00:68::/48".to_owned();
        find(facts, "vxlan.roost").mtu = 1270;
    };
    assert!(found(small)[0].contains("has MTU 1270, and IPv6 needs 1280"));
}

#[test]
fn far_ends_of_vxlan_devices() {
    let fdb = "[bridge fdb replace 02:72:ac:10:02:04 dst 172.16.2.4 dev vxlan.roost self permanent]";
    let no = |part: &str| {
        format!("Error far ends: vxlan.roost has no {part} entry for node 172.16.2.4, which routes lead to")
    };
    assert_eq!(found(|facts| facts.kernel.forwarding.clear()), [format!("{} {fdb}", no("forwarding"))]);
    let neigh = "[ip neigh replace 172.16.2.4 lladdr 02:72:ac:10:02:04 dev vxlan.roost nud permanent]";
    assert_eq!(found(|facts| facts.kernel.neighbours.clear()), [format!("{} {neigh} {fdb}", no("neighbour"))]);
}

#[test]
fn routes_that_lead_to_nothing() {
    let led = "1 route leads via 172.16.1.2 dev eth0, such as `10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird`";
    assert_eq!(
        found(|facts| find(facts, "eth0").up = false),
        [format!("Error next hops: {led}, which is down [ip link set eth0 up]")]
    );
    assert_eq!(
        found(|facts| find(facts, "eth0").carrier = false),
        [format!("Error next hops: {led}, which has no carrier")]
    );
    assert_eq!(
        found(|facts| facts.kernel.neighbours[1].state = "FAILED"),
        [
            "Error next hops: 172.16.1.2 does not answer on eth0, and 1 route leads there, such as `10.65.2.0/26 via 172.16.1.2 \
          dev eth0 proto bird` [ping -c 3 -W 2 172.16.1.2]"
        ]
    );
    let elsewhere = |facts: &mut Facts| {
        facts.kernel.neighbours[1].address = "172.16.1.77".parse().expect("an address");
        facts.kernel.neighbours[1].state = "FAILED";
    };
    assert_eq!(found(elsewhere), [""; 0], "no route of ours leads there");
    let many = |facts: &mut Facts| {
        for n in 0..1000 {
            let text = format!("10.65.{}.{}/26 via 172.16.1.2 dev eth0 proto bird", n / 4, n % 4 * 64);
            facts.kernel.routes.push(route(&text, "172.16.1.2", "eth0"));
        }
        find(facts, "eth0").up = false;
    };
    let [one] = &found(many)[..] else { panic!("one finding for a device") };
    assert!(one.starts_with("Error next hops: 1001 routes lead via 172.16.1.2 dev eth0, such as"), "{one}");
}

#[test]
fn routes_that_should_not_be_there() {
    let hole = |text: &'static str| move |facts: &mut Facts| facts.kernel.routes.push(route(text, "", ""));
    assert_eq!(
        found(hole("blackhole 10.65.7.0/26 proto bird")),
        [
            "Error blackholes: `blackhole 10.65.7.0/26 proto bird` is in the kernel, and 10.65.7.0/26 is no block of this node [ip \
          route del blackhole 10.65.7.0/26 proto bird]"
        ]
    );
    assert_eq!(
        found(hole("blackhole fd00:65:0:7::/64 dev lo proto bird metric 1024"))[0]
            .rsplit_once(" [")
            .map(|(_, typed)| typed.to_owned()),
        Some("ip -6 route del blackhole fd00:65:0:7::/64 dev lo proto bird metric 1024]".to_owned())
    );
    assert_eq!(found(hole("blackhole 10.65.0.0/16 proto static")), [""; 0], "under the whole pool: what no block has");
    assert_eq!(found(hole("blackhole 10.65.1.0/27 proto 80")), [""; 0], "in a block of this node");
    assert_eq!(found(hole("blackhole 10.99.7.0/26 proto bird")), [""; 0], "in no pool");
    let strangers = |facts: &mut Facts| {
        facts.meant.strangers = (0..7).map(|n| format!("10.9.{n}.0/24 via 172.16.1.9 dev eth0 proto bird")).collect();
        facts.meant.strangers_total = 7;
    };
    let [one] = &found(strangers)[..] else { panic!("one finding for all of them") };
    assert!(one.starts_with("Warning foreign routes: 7 routes carry roost's protocol id and are not roost's"), "{one}");
    assert_eq!(one.matches("[ip route del 10.9.").count(), 5);
}

#[test]
fn routes_that_should_be_there() {
    let row = |prefix: &str, state: &str, reason: &str| FibRow {
        prefix: prefix.to_owned(),
        wanted: "via 172.16.2.3".to_owned(),
        kernel: KernelState { state: state.to_owned(), route: None, reason: Some(reason.to_owned()) },
    };
    let unreachable = "next hop 172.16.2.3 is unreachable";
    assert_eq!(
        found(|facts| {
            facts.meant.troubled =
                vec![row("10.65.3.0/26", "withheld", unreachable), row("10.65.4.0/26", "withheld", unreachable)];
        }),
        [
            "Error wanted routes: 2 wanted routes are not in the kernel, such as 10.65.3.0/26: withheld: next hop 172.16.2.3 is \
          unreachable"
        ]
    );
    assert_eq!(
        found(|facts| facts.meant.troubled = vec![row("10.65.3.0/26", "withheld", "tunnel device tunl0 is down and …")]),
        [""; 0],
        "the device has a finding of its own"
    );
    let conflict = |facts: &mut Facts| {
        let text = "10.65.3.0/26 via 172.16.1.9 dev eth0 proto static";
        facts.kernel.routes.push(SeenRoute { protocol: 4, ..route(text, "172.16.1.9", "eth0") });
        facts.meant.troubled = vec![row("10.65.3.0/26", "conflict", "the kernel has it from others")];
    };
    assert_eq!(
        found(conflict),
        [
            "Error wanted routes: 1 wanted route is not in the kernel, such as 10.65.3.0/26: conflict: the kernel has it from \
          others [ip route del 10.65.3.0/26 via 172.16.1.9 dev eth0 proto static]"
        ]
    );
}

#[test]
fn a_block_of_two_nodes() {
    let shared = |facts: &mut Facts| {
        let nodes = vec!["172.16.1.2 (b)".to_owned(), "172.16.1.3".to_owned()];
        facts.meant.shared_blocks = vec![SharedBlock { prefix: "10.65.2.0/26".to_owned(), nodes }];
    };
    assert_eq!(
        found(shared),
        ["Error blocks: 10.65.2.0/26 is announced by 172.16.1.2 (b) and by 172.16.1.3 [roost show route 10.65.2.0/26]"]
    );
}
