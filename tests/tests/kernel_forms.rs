//! Each form a route of ours has in the kernel, as the exact text of `ip route`, in the two forms of a Kubernetes mesh of
//! today: without metrics, and with metrics made of LOCAL_PREF (2147483647 less it: 1024 where all is well).
//!
//! ```text
//!   a 172.16.1.1   b 172.16.1.2   d 172.16.1.4                c 172.16.2.3
//!        └────────────── 172.16.1.0/24 ───── tor ───── 172.16.2.0/24 ┘
//! ```
//!
//! `a` is roost; BIRD 2 on `b`, `c`, `d` of its AS, and on `tor`, which is of another. `d` says LOCAL_PREF 100, as nodes
//! do that have not been upgraded yet.
//!
//! One line of BIRD's is not ours: where a next hop leads nowhere it writes `unreachable 10.66.5.0/26`. We write none and
//! say so in `show fib`. An unreachable route answers for its prefix although a shorter one (a switch's, another
//! daemon's) may know the way; and a next hop that one daemon cannot resolve for a moment must not cost that way, too.
//! In a tunnelled pool the route stays: no packet of the pool may leave outside the tunnel, and one inside that has no
//! way to the far end is answered like one that meets an unreachable route.

use roost_tests::{Bird2, Daemon, Lab, Netns, PATIENCE, Peer, Roost, Speaker, until};

/// LOCAL_PREF of metric 1024, 512.
const NORMAL: u32 = 2_147_482_623;
const ELEVATED: u32 = 2_147_483_135;

/// Whether metrics are made of LOCAL_PREF.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Plain,
    LocalPref,
}

/// What it is; the line, with `{}` where the metric stands; the metric in the plain form, and in the other.
type Row = (&'static str, &'static str, &'static str, &'static str);

const V4: &[Row] = &[
    ("an own block in a tunnelled pool", "blackhole 10.65.1.0/26 proto bird{}", "", ""),
    ("an own block", "blackhole 10.66.1.0/26 proto bird{}", "", ""),
    ("direct, same subnet", "10.66.2.0/26 via 172.16.1.2 dev eth0 proto bird{}", "", "1024"),
    ("direct, other subnet", "10.66.3.0/26 via 172.16.1.254 dev eth0 proto bird{}", "", "1024"),
    ("ipip, same subnet", "10.65.2.0/26 via 172.16.1.2 dev tunl0 proto bird{} onlink", "", "1024"),
    ("ipip, other subnet", "10.65.3.0/26 via 172.16.2.3 dev tunl0 proto bird{} onlink", "", "1024"),
    ("ipip-cross-subnet, same subnet", "10.67.2.0/26 via 172.16.1.2 dev eth0 proto bird{}", "", "1024"),
    ("ipip-cross-subnet, other subnet", "10.67.3.0/26 via 172.16.2.3 dev tunl0 proto bird{} onlink", "", "1024"),
    ("an address borrowed from our block", "10.66.1.9 via 172.16.1.2 dev eth0 proto bird{}", "", "1024"),
    ("one borrowed from a tunnelled block", "10.65.1.9 via 172.16.1.2 dev tunl0 proto bird{} onlink", "", "1024"),
    ("an address on the move", "10.66.1.10 via 172.16.1.2 dev eth0 proto bird{}", "", "512"),
    ("ipip, next hop that leads nowhere", "10.65.5.0/26 via 172.16.9.9 dev tunl0 proto bird{} onlink", "", "1024"),
    ("the same across subnets", "10.67.5.0/26 via 172.16.9.9 dev tunl0 proto bird{} onlink", "", "1024"),
    ("learned from the switch", "203.0.113.0/24 via 172.16.1.254 dev eth0 proto bird{}", "", "2147483547"),
    ("the switch's default route", "default via 172.16.1.254 dev eth0 proto bird{}", "", "2147483547"),
    ("of a node not upgraded yet", "10.66.4.0/26 via 172.16.1.4 dev eth0 proto bird{}", "", "2147483547"),
    ("an own block in a VXLAN", "blackhole 10.68.1.0/26 proto bird{}", "", ""),
    ("vxlan, same subnet", "10.68.2.0/26 via 172.16.1.2 dev vxlan.roost proto bird{} onlink", "", "1024"),
    ("vxlan, other subnet", "10.68.3.0/26 via 172.16.2.3 dev vxlan.roost proto bird{} onlink", "", "1024"),
    (
        "one borrowed from a block in a VXLAN",
        "10.68.1.9 via 172.16.1.2 dev vxlan.roost proto bird{} onlink",
        "",
        "1024",
    ),
    ("vxlan-cross-subnet, same subnet", "10.69.2.0/26 via 172.16.1.2 dev eth0 proto bird{}", "", "1024"),
    ("vxlan-cross-subnet, other subnet", "10.69.3.0/26 via 172.16.2.3 dev vxlan.roost proto bird{} onlink", "", "1024"),
    (
        "two next hops",
        "10.66.9.0/26 proto bird{} nexthop via 172.16.1.2 dev eth0 weight 1 nexthop via 172.16.1.4 dev eth0 weight 1",
        "",
        "1024",
    ),
    (
        "two next hops in the tunnel",
        "10.65.9.0/26 proto bird{} nexthop via 172.16.1.2 dev tunl0 weight 1 onlink \
         nexthop via 172.16.1.4 dev tunl0 weight 1 onlink",
        "",
        "1024",
    ),
];

const V6: &[Row] = &[
    ("an own block", "blackhole fd00:10:1::/122 dev lo proto bird{} pref medium", "1024", "1024"),
    ("same subnet", "fd00:10:2::/122 via fd00:1::2 dev eth0 proto bird{} pref medium", "1024", "1024"),
    ("other subnet", "fd00:10:3::/122 via fd00:1::254 dev eth0 proto bird{} pref medium", "1024", "1024"),
    ("not upgraded yet", "fd00:10:4::/122 via fd00:1::4 dev eth0 proto bird{} pref medium", "1024", "2147483547"),
];

impl Form {
    fn lines(self, rows: &[Row]) -> Vec<String> {
        let line = |(_, line, plain, local_pref): &Row| {
            let metric = if self == Form::Plain { plain } else { local_pref };
            line.replace("{}", &if metric.is_empty() { String::new() } else { format!(" metric {metric}") })
        };
        let mut lines: Vec<String> = rows.iter().map(line).collect();
        lines.sort_unstable();
        lines
    }
}

struct Mesh {
    a: Netns,
    roost: Daemon,
    b: Daemon,
    _others: [Daemon; 3],
    _lab: Lab,
}

impl Mesh {
    #[track_caller]
    fn start(name: &str, form: Form) -> Mesh {
        let lab = Lab::new(name);
        let rack = lab.lan("rack");
        let [a, b, c, d, tor, far] = ["a", "b", "c", "d", "tor", "far"].map(|name| lab.netns(name));
        for (ns, port) in [(&a, "port-a"), (&b, "port-b"), (&d, "port-d"), (&tor, "port-tor")] {
            rack.plug(&lab, ns, "eth0", port);
        }
        lab.wire((&tor, "eth1"), (&c, "eth0"));
        // Not every kernel has ipip. A veth takes the same routes and shows them in the same words.
        lab.wire((&a, "tunl0"), (&far, "eth0"));
        tor.ip("addr add 172.16.2.254/24 dev eth1");
        tor.sysctl("ipv4/ip_forward", "1");

        let ours = |address: &str| Peer { both_families: true, ..Peer::new(address, 64512) };
        let node = |address: &str, address6: &str, blocks: &[&str]| {
            Speaker::new(address, blocks).with_address6(address6).with_peer(ours("172.16.1.1"))
        };
        let b_blocks = [
            "10.65.2.0/26",
            "10.66.2.0/26",
            "10.67.2.0/26",
            "10.68.2.0/26",
            "10.69.2.0/26",
            "fd00:10:2::/122",
            "10.66.1.9/32",
            "10.65.1.9/32",
            "10.68.1.9/32",
            "10.66.1.10/32",
            "10.66.5.0/26",
            "10.65.5.0/26",
            "10.67.5.0/26",
            "10.66.9.0/26",
            "10.65.9.0/26",
        ];
        let speaker_b = node("172.16.1.2/24", "fd00:1::2/64", &b_blocks);
        let c_blocks =
            ["10.65.3.0/26", "10.66.3.0/26", "10.67.3.0/26", "10.68.3.0/26", "10.69.3.0/26", "fd00:10:3::/122"];
        let speaker_c = node("172.16.2.3/24", "fd00:2::3/64", &c_blocks);
        let d_blocks = ["10.66.4.0/26", "fd00:10:4::/122", "10.66.9.0/26", "10.65.9.0/26"];
        let speaker_d = node("172.16.1.4/24", "fd00:1::4/64", &d_blocks);
        let speaker_tor = Speaker { asn: 65000, ..Speaker::new("172.16.1.254/24", &["203.0.113.0/24", "0.0.0.0/0"]) };
        let speaker_tor = speaker_tor.with_peer(Peer::new("172.16.1.1", 64512));
        let own = ["10.65.1.0/26", "10.66.1.0/26", "10.68.1.0/26", "10.66.1.77/32", "fd00:10:1::/122"];
        let mut speaker_a = Speaker::new("172.16.1.1/24", &own)
            .with_address6("fd00:1::1/64")
            .with_peer(ours("172.16.1.2"))
            .with_peer(ours("172.16.2.3"))
            .with_peer(ours("172.16.1.4"))
            .with_peer(Peer::new("172.16.1.254", 65000));
        speaker_a.more =
            "pools:\n  - { cidr: 10.65.0.0/16, mode: ipip, device: tunl0 }\n  - { cidr: 10.66.0.0/16 }\n  \
                          - { cidr: 10.67.0.0/16, mode: ipip-cross-subnet, device: tunl0 }\n  \
                          - { cidr: 10.68.0.0/16, mode: vxlan, manage: true }\n  \
                          - { cidr: 10.69.0.0/16, mode: vxlan-cross-subnet, manage: true }\n  \
                          - { cidr: 'fd00:10::/32' }\n"
                .into();
        if form == Form::LocalPref {
            speaker_a.more += &format!(
                "fib: {{ metric: local-pref }}\nprefix_lists: {{ moving: [ {{ prefix: 10.66.1.77/32 }} ] }}\npolicies:\n  \
                 announced:\n    rules:\n      \
                 - {{ match: {{ prefix_list: moving }}, set: {{ local_pref: {ELEVATED} }}, action: accept }}\n      \
                 - {{ set: {{ local_pref: {NORMAL} }}, action: accept }}\n"
            );
        }
        let everybody = [(&speaker_a, &a), (&speaker_b, &b), (&speaker_c, &c), (&speaker_d, &d), (&speaker_tor, &tor)];
        for (speaker, ns) in everybody {
            speaker.address_device(ns, "eth0");
        }
        // The node's own default route, which leads to the other subnet whatever the switch announces.
        a.ip("route add default via 172.16.1.254 proto dhcp metric 100");
        a.ip("route add unreachable 172.16.9.0/24");
        a.ip("-6 route add fd00:2::/64 via fd00:1::254");
        c.ip("route add 172.16.1.0/24 via 172.16.2.254");

        let config = speaker_a.roost(&a);
        let config = match form {
            Form::Plain => config,
            Form::LocalPref => {
                config.replace("asn: 64512, connect_retry", "asn: 64512, export: announced, connect_retry")
            }
        };
        let start = |speaker: &Speaker, ns| Daemon::start(Bird2 { recover: true }, ns, &prefer(&speaker.bird2(), form));
        let (b, others) = (start(&speaker_b, &b), [(&speaker_c, &c), (&speaker_d, &d), (&speaker_tor, &tor)]);
        let others = others.map(|(speaker, ns)| start(speaker, ns));
        let roost = Daemon::start(Roost, &a, &config);
        Mesh { a, roost, b, _others: others, _lab: lab }
    }

    /// The routes of ours, IPv4 and IPv6, whole and sorted.
    fn kernel(&self) -> [Vec<String>; 2] {
        [self.a.routes(""), self.a.routes6("")].map(|mut lines| {
            lines.retain(|line| line.contains(" proto bird"));
            lines.sort_unstable();
            lines
        })
    }

    #[track_caller]
    fn check(&self, form: Form) {
        let wanted = [form.lines(V4), form.lines(V6)];
        until("the kernel holds each form, and nothing else", PATIENCE, || {
            let have = self.kernel();
            if have == wanted { Ok(()) } else { Err(format!("want {wanted:#?}\nhave {have:#?}")) }
        });
        let rows: serde_json::Value = serde_json::from_str(&self.roost.ask("show fib --json")).unwrap_or_default();
        let lost = rows.as_array().and_then(|rows| rows.iter().find(|row| row["prefix"] == "10.66.5.0/26"));
        let reason = lost.map(|row| format!("{} {}", row["state"], row["reason"])).unwrap_or_default();
        assert!(reason.contains("withheld") && reason.contains("172.16.9.9"), "{rows:#}");
    }

    /// LOCAL_PREF of a block of ours, as BIRD on `b` has received it.
    fn received(&self, block: &str) -> String {
        until("b knows the block", PATIENCE, || {
            let text = self.b.control(&format!("show route {block} all")).map_err(|error| format!("{error:#}"))?;
            let value = text.lines().find_map(|line| line.trim().strip_prefix("BGP.local_pref: "));
            value.map(str::to_owned).ok_or(text)
        })
    }
}

/// BIRD's configuration with the LOCAL_PREF of each block it announces, and one next hop that leads nowhere.
fn prefer(config: &str, form: Form) -> String {
    let mut config = config.to_owned();
    for family in ["ipv4", "ipv6"] {
        let (old, moving) = match family {
            "ipv4" => ("10.66.4.0/26", "if net = 10.66.1.10/32 then bgp_local_pref = "),
            _ => ("fd00:10:4::/122", "if net = fd00::/128 then bgp_local_pref = "),
        };
        let preference = match form {
            Form::Plain => String::new(),
            Form::LocalPref => {
                format!("if net != {old} then bgp_local_pref = {NORMAL}; {moving}{ELEVATED}; ")
            }
        };
        let nowhere = if family == "ipv4" {
            "if net ~ [ 10.65.5.0/26, 10.66.5.0/26, 10.67.5.0/26 ] then bgp_next_hop = 172.16.9.9; "
        } else {
            ""
        };
        let plain = format!("export where proto = \"blocks_{family}\"");
        let filter =
            format!("export filter {{ if proto != \"blocks_{family}\" then reject; {preference}{nowhere}accept; }}");
        config = config.replace(&plain, &filter);
    }
    config
}

#[test]
fn without_metrics_each_form_reads_as_in_a_mesh_of_old() {
    let mesh = Mesh::start("formsplain", Form::Plain);
    mesh.check(Form::Plain);
    for block in ["10.66.1.0/26", "10.66.1.77/32"] {
        assert_eq!(mesh.received(block), "100", "{block}");
    }
}

#[test]
fn with_metrics_of_local_pref_each_form_reads_as_in_a_mesh_of_today() {
    let mesh = Mesh::start("formspref", Form::LocalPref);
    mesh.check(Form::LocalPref);
    // The pod on its way to b still has its route here, with the metric that such routes have: packets follow it to b.
    mesh.a.ip("route add 10.66.1.10/32 dev tunl0 proto 80 metric 1024");
    let way = mesh.a.ip("route get 10.66.1.10");
    assert!(way.contains("via 172.16.1.2 dev eth0"), "{way}");
    for (block, local_pref) in [("10.65.1.0/26", NORMAL), ("10.66.1.0/26", NORMAL), ("10.66.1.77/32", ELEVATED)] {
        assert_eq!(mesh.received(block), local_pref.to_string(), "{block}");
    }
}
