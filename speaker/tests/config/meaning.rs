//! What a good file means.

use super::*;

#[test]
fn the_examples_load_without_a_doubt() {
    for name in ["node-mesh", "route-reflector", "tor-peering"] {
        let loaded = load(&examples().join(name).with_extension("yaml")).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(loaded.warnings, [], "{name}");
        assert!(loaded.config.peers.len() >= 3, "{name}");
    }
}

#[test]
fn defaults_are_those_the_documentation_names() {
    let config = good(BASE);
    let address = |text: &str| text.parse().unwrap();
    assert_eq!(config.router.router_id, address_id("172.16.1.1"));
    assert_eq!(config.router.cluster_id, config.router.router_id);
    assert_eq!(config.router.listen, [address("0.0.0.0:179"), address("[::]:179")]);
    assert!(config.router.graceful_restart.enabled);
    assert_eq!(config.router.graceful_restart.restart_time, Duration::from_secs(120));
    assert_eq!(config.router.startup_wait, Duration::from_secs(30));
    let limits = config.router.limits;
    assert_eq!((limits.unopened, limits.unopened_per_peer, limits.backlog), (1_000, 4, 4_096));
    assert_eq!(limits.open_timeout, Duration::from_secs(60));
    let fib = &config.fib;
    assert_eq!((fib.enabled, fib.protocol, fib.metric, fib.table), (true, 12, Metric::None, 254));
    let api = config.api.unwrap();
    assert_eq!((api.socket.to_str().unwrap(), api.mode.bits()), ("/run/roost/roost.sock", 0o660));
    assert_eq!(config.metrics, None);
    assert_eq!((config.readiness.peers, config.readiness.quorum), (speaker::config::ReadyPeers::All, 1));
    assert_eq!(config.log.format, LogFormat::Auto);
}

fn address_id(text: &str) -> bgp_proto::RouterId {
    text.parse().unwrap()
}

fn marks(pool: &Pool) -> String {
    let Pool { install, blackholes, protocol, metric, table, .. } = pool;
    format!("{install} {blackholes} {protocol:?} {metric:?} {table:?}")
}

/// What the file says, what to look at, and what is there.
type Row = (&'static str, fn(&Config) -> String, &'static str);

const GOOD: &[Row] = &[
    ("router: { asn: '1.10', router_id: 1.1.1.1 }", |c| c.router.asn.to_string(), "65546"),
    ("router: { asn: 1.10, router_id: 1.1.1.1 }", |c| c.router.asn.to_string(), "65546"),
    ("router: { asn: 4294967294, router_id: 1.1.1.1 }", |c| c.router.asn.to_string(), "4294967294"),
    ("router: { asn: 1, router_id: 1.1.1.1, listen: [] }", |c| format!("{:?}", c.router.listen), "[]"),
    ("router: { asn: 1, router_id: 1.1.1.1 }", |c| c.node.name.clone(), "1.1.1.1"),
    (
        "router: { asn: 1, router_id: 1.1.1.1 }\napi: null\nmetrics:\nnode: ~",
        |c| format!("{:?} {:?}", c.api, c.metrics),
        "None None",
    ),
    (
        "router: { asn: 1, router_id: 1.1.1.1 }\napi: { mode: 0600 }",
        |c| format!("{:?}", c.api.as_ref().unwrap().mode),
        "0600",
    ),
    (
        "router: { asn: 1, router_id: 1.1.1.1 }\nmetrics: {}",
        |c| c.metrics.unwrap().listen.to_string(),
        "127.0.0.1:9179",
    ),
    (
        "router: { asn: 1, router_id: 1.1.1.1 }\nreadiness: { peers: reflectors, quorum: 100 }",
        |c| format!("{:?} {}", c.readiness.peers, c.readiness.quorum),
        "Reflectors 100",
    ),
    (
        "router: { asn: 1 }\nnode: { addresses: [10.9.0.1/24] }\n\
         pools: [ { cidr: 10.65.0.0/16, mode: vxlan, manage: true, vxlan: { vni: 7 } } ]",
        |c| {
            let managed = c.pools[0].managed.unwrap();
            format!("{} {managed:?}", c.pools[0].device.as_ref().unwrap())
        },
        "vxlan.roost ManagedDevice { kind: Vxlan { vni: 7, port: 4789 }, local: 10.9.0.1, mtu: None }",
    ),
    (
        "router: { asn: 1 }\nnode: { addresses: [10.9.0.1/24] }\n\
         pools: [ { cidr: 10.65.0.0/16, mode: ipip, manage: true, ipip: { address: 10.65.1.1/32, mtu: 1400 } } ]",
        |c| {
            let managed = c.pools[0].managed.unwrap();
            format!("{} {managed:?}", c.pools[0].device.as_ref().unwrap())
        },
        "tunl0 ManagedDevice { kind: Ipip { address: Some(V4(Ipv4Network { addr: 10.65.1.1, prefix: 32 })) }, local: \
         10.9.0.1, mtu: Some(1400) }",
    ),
    (
        "router: { asn: 1, router_id: 1.1.1.1 }\npools: [ { cidr: 10.65.0.0/16, mode: host-gw }, { cidr: 10.66.0.0/16, mode: \
         none }, { cidr: 10.67.0.0/16, mode: vxlan, far_ends: false } ]",
        |c| c.pools.iter().map(|pool| format!("{:?} {} ", pool.mode, pool.far_ends)).collect(),
        "HostGw true HostGw true Vxlan false ",
    ),
    (
        "router: { asn: 1, router_id: 1.1.1.1 }\nfib: { protocol: bgp, table: 100, metric: 1024 }",
        |c| format!("{} {} {:?}", c.fib.protocol, c.fib.table, c.fib.metric),
        "186 100 Fixed(1024)",
    ),
    (
        "router: { asn: 1, router_id: 1.1.1.1 }\nfib: { protect: [10.96.0.0/12, '::/0'], protect_node_subnets: false }",
        |c| format!("{:?} {}", c.fib.protect, c.fib.protect_node_subnets),
        "[10.96.0.0/12, ::/0] false",
    ),
    (
        "router: { asn: 1, router_id: 1.1.1.1 }",
        |c| format!("{:?} {}", c.fib.protect, c.fib.protect_node_subnets),
        "[] true",
    ),
    ("router: { asn: 1, router_id: 1.1.1.1 }\nfib: { metric: 0 }", |c| format!("{:?}", c.fib.metric), "None"),
    (
        "router: { asn: 1, router_id: 1.1.1.1 }\nfib: { metric: local-pref, adopt: [ { protocol: 186 }, { table: 100 } ] }",
        |c| format!("{:?} {:?}", c.fib.metric, c.fib.adopt),
        "FromPreference [(186, 254), (12, 100)]",
    ),
    (
        "router: { asn: 1, router_id: 1.1.1.1 }\npools: [ { cidr: 10.65.0.0/16 } ]",
        |c| marks(&c.pools[0]),
        "true true None None None",
    ),
    (
        "router: { asn: 1, router_id: 1.1.1.1 }\npools: [ { cidr: 10.65.0.0/16, install: false, protocol: 80 } ]",
        |c| marks(&c.pools[0]),
        "false false Some(80) None None",
    ),
    (
        "router: { asn: 1, router_id: 1.1.1.1 }\npools: [ { cidr: 10.65.0.0/16, install: false, blackholes: true, metric: \
         local-pref, table: 100 } ]",
        |c| marks(&c.pools[0]),
        "false true None Some(FromPreference) Some(100)",
    ),
    ("router: { asn: 1, router_id: 1.1.1.1 }\nfib: { max_routes: 20000 }", |c| c.fib.max_routes.to_string(), "20000"),
    ("router: { asn: 1, router_id: 1.1.1.1 }", |c| c.fib.max_routes.to_string(), "1000000"),
    ("router: { asn: 1 }\nnode: { addresses: [10.0.0.1] }", |c| c.node.addresses[0].to_string(), "10.0.0.1/32"),
    ("router: { asn: 1 }\nnode: { addresses: [10.0.0.1/24] }", |c| c.node.addresses[0].to_string(), "10.0.0.1/24"),
    ("{\"router\": {\"asn\": 1, \"router_id\": \"1.1.1.1\"}}", |c| c.router.asn.to_string(), "1"),
    ("x-common: &r { asn: 7 }\nrouter: { <<: *r, router_id: 1.1.1.1 }", |c| c.router.asn.to_string(), "7"),
    (
        "x-common: &r { asn: 7, router_id: 2.2.2.2 }\nrouter: { router_id: 1.1.1.1, <<: *r }",
        |c| c.router.router_id.to_string(),
        "1.1.1.1",
    ),
    (
        "\u{feff}router: { asn: 1, router_id: 1.1.1.1 }\r\nlog: { level: debug }\r\n",
        |c| c.log.level.as_str().to_owned(),
        "debug",
    ),
    (
        "router: { asn: 1, router_id: 1.1.1.1 }\npools: [ { cidr: 'fd00::/32', mode: ipip, device: ip6tnl0 } ]",
        |c| format!("{:?}", c.pools[0].device),
        "Some(ip6tnl0)",
    ),
    ("router: { asn: 1, router_id: 1.1.1.1 }", |c| format!("{:?}", c.node.detect), "None"),
    (
        "router: { asn: 1 }\nnode: { addresses: ['fd00::1/64'], detect: { ipv4: { method: first-found } } }",
        |c| {
            let detect = c.node.detect.as_ref().unwrap();
            format!("{} {:?} {} {:?}", detect.rules[0].method, detect.wait, detect.exclude.len(), c.node.picked)
        },
        "first-found 60s 19 []",
    ),
    (
        "router: { asn: 1 }\nnode: { detect: { exclude: [^ceph], wait: 5s,
            ipv6: { method: skip-interface, interfaces: [^eth9$, ib] }, ipv4: { method: internal-name, host: n1.lan } } }",
        |c| {
            let detect = c.node.detect.as_ref().unwrap();
            let rules: Vec<_> = detect.rules.iter().map(|rule| (rule.ipv4, rule.method.to_string())).collect();
            format!("{rules:?} {:?} {:?}", detect.exclude, detect.wait)
        },
        "[(true, \"internal-name=n1.lan\"), (false, \"skip-interface=^eth9$,ib\")] [\"^ceph\"] 5s",
    ),
];

#[test]
fn good_files_mean_what_they_say() {
    for (text, look, expected) in GOOD {
        assert_eq!(look(&good(text)), *expected, "{text}");
    }
}

#[test]
fn a_peer_says_more_than_its_group_and_the_group_more_than_the_defaults() {
    let config = good(&format!(
        "{BASE}
policies: {{ tor: {{ default: accept }} }}
peer_groups:
  tors: {{ asn: 65001, hold_time: 30s, import: tor, export: reject, passive: true, ttl_security: 1, password: hunter2,
           graceful_restart: {{ restart_time: 60s }}, description: a tor }}
peers:
  - {{ address: 172.16.1.2, group: tors }}
  - {{ address: 172.16.1.3, group: tors, hold_time: 9s, asn: 65002, passive: false, password_file: tor.key,
       graceful_restart: {{ enabled: false }}, enabled: false, description: b, families: [ipv6, ipv4] }}
  - {{ address: 10.9.9.9, asn: 64512, route_reflector_client: true, cluster_id: 10.0.0.9, add_path: {{ send: true }} }}
"
    ));
    let tor = peer(&config, "172.16.1.2");
    assert_eq!((tor.asn, tor.hold_time.as_secs(), tor.keepalive), (Asn(65001), 30, Duration::from_secs(10)));
    assert!(matches!(&tor.import, PolicyRef::Named(policy) if policy.name == "tor"));
    assert_eq!(
        (&tor.export, tor.ttl, tor.passive, tor.enabled),
        (&PolicyRef::Reject, Ttl::Security { hops: 1 }, true, true)
    );
    assert_eq!(tor.password.as_ref().unwrap().secret().unwrap().expose(), "hunter2");
    assert_eq!((tor.graceful_restart.enabled, tor.graceful_restart.restart_time), (true, Duration::from_secs(60)));
    assert_eq!(tor.families, FamilySet::from_iter([Family::IPV4_UNICAST]));
    assert_eq!(tor.source, Some("172.16.1.1".parse().unwrap()));
    assert_eq!(tor.label(), "a tor");

    let other = peer(&config, "172.16.1.3");
    assert_eq!((other.asn, other.hold_time.as_secs(), other.passive, other.enabled), (Asn(65002), 9, false, false));
    assert_eq!(other.password, Some(Password::File { path: "tor.key".into(), secret: None }));
    assert_eq!((other.graceful_restart.enabled, other.graceful_restart.restart_time), (false, Duration::from_secs(60)));
    assert_eq!((other.families, other.label()), (FamilySet::ALL, "b".to_owned()));

    let client = peer(&config, "10.9.9.9");
    assert_eq!((client.hold_time.as_secs(), client.ttl, client.port), (90, Ttl::Send(64), 179));
    assert_eq!((&client.import, &client.export), (&PolicyRef::Accept, &PolicyRef::Accept));
    assert_eq!((tor.cluster_id, client.cluster_id), (None, Some("10.0.0.9".parse().unwrap())));
    assert!(client.route_reflector_client && client.add_path.send && !client.add_path.receive);
    // iBGP off our subnets: the others know us by our first address.
    assert_eq!(client.source, Some("172.16.1.1".parse().unwrap()));
}

#[test]
fn the_mesh_is_every_other_node_once_per_common_family() {
    let config = good(&format!(
        "{BASE}
mesh:
  passive: auto
  port: 1179
  nodes:
    - {{ name: n1, addresses: [172.16.1.1, 'fd00::1'] }}
    - {{ name: n2, addresses: [172.16.1.2, 'fd00::2'] }}
    - {{ name: n3, addresses: [172.16.1.10], port: 180 }}
    - {{ name: n4, addresses: ['fd00::0'] }}
"
    ));
    let seen: Vec<_> = config
        .peers
        .iter()
        .map(|peer| (peer.label(), peer.address.to_string(), peer.port, peer.source.unwrap().to_string(), peer.passive))
        .collect();
    let row = |label: &str, address: &str, port, source: &str, passive| {
        (label.to_owned(), address.to_owned(), port, source.to_owned(), passive)
    };
    // The smaller address as text waits: "172.16.1.1" < "172.16.1.10" < "172.16.1.2", "fd00::" < "fd00::1".
    let expected = [
        row("mesh n2", "172.16.1.2", 1179, "172.16.1.1", true),
        row("mesh n2", "fd00::2", 1179, "fd00::1", true),
        row("mesh n3", "172.16.1.10", 180, "172.16.1.1", true),
        row("mesh n4", "fd00::", 1179, "fd00::1", false),
    ];
    assert_eq!(seen, expected);
    assert_eq!(config.peers[0].origin, PeerOrigin::Mesh { node: "n2".to_owned() });
    assert!(config.peers.iter().all(|peer| peer.asn == Asn(64512)));
}

#[test]
fn both_ends_of_a_mesh_session_agree_on_who_waits() {
    let nodes = "nodes: [ { name: a, addresses: [10.0.0.9] }, { name: b, addresses: [10.0.0.10] } ]";
    let passive = |own: &str| {
        let text =
            format!("router: {{ asn: 1 }}\nnode: {{ addresses: [{own}] }}\nmesh: {{ passive: auto, {nodes} }}\n");
        good(&text).peers[0].passive
    };
    assert!(passive("10.0.0.10") && !passive("10.0.0.9"));
}

#[test]
fn a_policy_carries_its_prefix_lists() {
    let config = good(&format!(
        "{BASE}
prefix_lists: {{ pods: [ {{ prefix: 10.65.0.0/16, ge: 26, le: 32 }}, {{ prefix: 10.66.0.0/16, ge: 26 }}, {{ prefix: 10.67.0.0/16 }} ] }}
policies:
  p:
    rules:
      - match: {{ prefix_list: pods }}
        set: {{ local_pref: 200, med: 5, communities: {{ add: ['64512:1'], remove: [no-export] }} }}
        action: accept
"
    ));
    let rule = &config.policies[0].rules[0];
    let list = rule.prefix_list.as_ref().unwrap();
    let matches = |prefix: &str| list.entries.iter().any(|range| range.matches(&prefix.parse().unwrap()));
    for (prefix, expected) in [
        ("10.65.1.0/26", true),
        ("10.65.1.1/32", true),
        ("10.65.1.0/25", false),
        ("10.66.1.1/32", true),
        ("10.67.0.0/16", true),
        ("10.67.0.0/17", false),
        ("10.68.1.0/26", false),
    ] {
        assert_eq!(matches(prefix), expected, "{prefix}");
    }
    assert_eq!((rule.set.local_pref, rule.set.med), (Some(200), Some(5)));
    assert_eq!(format!("{:?} {:?}", rule.set.add_communities, rule.set.remove_communities), "[64512:1] [no-export]");
    assert_eq!(config.pools.first().map(|pool| pool.mode), None::<PoolMode>);
}
