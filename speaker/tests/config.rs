//! The configuration as its users meet it: files that load, and what is said about files that do not.
//!
//! What people read is golden (`snapshots/`); what the daemon gets is asserted.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bgp_proto::{Asn, Family, FamilySet};
use speaker::config::{
    Config, ConfigErrors, Loaded, LogFormat, Password, PeerOrigin, PeerSettings, PolicyRef, PoolMode, Ttl,
    check_command, load, parse,
};

/// A router with a node, to which a test adds what it is about.
const BASE: &str = "\
router: { asn: 64512 }
node: { name: n1, addresses: [172.16.1.1/24, 'fd00::1/64'], blocks: [10.65.1.0/26] }
";

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/config")
}

#[track_caller]
fn good(text: &str) -> Config {
    match parse("test.yaml", text) {
        Ok(Loaded { config, .. }) => config,
        Err(errors) => panic!("expected a good file:\n{text}\n{errors}"),
    }
}

#[track_caller]
fn bad(text: &str) -> ConfigErrors {
    parse("test.yaml", text).expect_err("expected a file with mistakes")
}

/// The peer with an address.
#[track_caller]
fn peer<'c>(config: &'c Config, address: &str) -> &'c PeerSettings {
    let address: IpAddr = address.parse().unwrap();
    config.peers.iter().find(|peer| peer.address == address).expect("a peer with this address")
}

#[test]
fn six_different_mistakes_are_told_at_once_each_with_its_place() {
    let text = "\
router:
  asnn: 64512
  router_id: 0.0.0.0
node:
  name: n1
  addresses: [172.16.1.1/24]
  blocks: [10.65.1.3/26]
pools:
  - { cidr: 10.65.0.0/16, mode: ipip }
  - { cidr: 10.65.128.0/17, mode: direct }
peers:
  - { address: 172.16.1.1, asn: 64512, password: hunter2 }
  - { address: 172.16.1.2, asn: 64512, hold_time: 2s, password: hunter2 }
";
    let errors = bad(text);
    let places: Vec<_> = errors.0.iter().map(|error| (error.line, error.column)).collect();
    assert_eq!(places, [(2, 3), (3, 14), (7, 12), (10, 13), (12, 16), (13, 51)]);
    insta::assert_snapshot!("six_mistakes", errors.to_string());
}

/// One mistake each; the snapshot is what people read.
const MISTAKES: &[(&str, &str)] = &[
    ("nothing at all", ""),
    ("not a mapping", "roost\n"),
    ("an unknown section", "peer: []\nrouter: { asn: 1, router_id: 1.1.1.1 }\n"),
    ("an unknown key far from any other", "router: { asn: 1, router_id: 1.1.1.1, colour: red }\n"),
    ("another program's word", "router: { remote_as: 1, router_id: 1.1.1.1 }\n"),
    ("no AS number", "router: { router_id: 1.1.1.1 }\n"),
    ("no router id and no IPv4 address", "router: { asn: 1 }\nnode: { addresses: ['fd00::1/64'] }\n"),
    // RFC 7607
    ("AS 0", "router: { asn: 0, router_id: 1.1.1.1 }\n"),
    // RFC 6793 §9
    ("AS_TRANS", "router: { asn: 23456, router_id: 1.1.1.1 }\n"),
    // RFC 7300 §2
    ("AS 65535", "router: { asn: 65535, router_id: 1.1.1.1 }\n"),
    ("the last AS", "router: { asn: 4294967295, router_id: 1.1.1.1 }\n"),
    ("an AS beyond the last", "router: { asn: 4294967296, router_id: 1.1.1.1 }\n"),
    ("an asdot AS out of range", "router: { asn: 1.65536, router_id: 1.1.1.1 }\n"),
    ("listen without a port", "router: { asn: 1, router_id: 1.1.1.1, listen: ['::'] }\n"),
    ("listen that is no list", "router: { asn: 1, router_id: 1.1.1.1, listen: 0.0.0.0:179 }\n"),
    ("listen twice", "router: { asn: 1, router_id: 1.1.1.1, listen: ['1.1.1.1:1', '1.1.1.1:1'] }\n"),
    // RFC 4724 §3
    (
        "a restart time of more than twelve bits",
        "router: { asn: 1, router_id: 1.1.1.1, graceful_restart: { restart_time: 4096 } }\n",
    ),
    ("yes for true", "router: { asn: 1, router_id: 1.1.1.1, graceful_restart: { enabled: yes } }\n"),
    ("a quoted boolean", "router: { asn: 1, router_id: 1.1.1.1, graceful_restart: { enabled: 'false' } }\n"),
    ("two bad blocks", "+node: { addresses: [10.0.0.1], blocks: [10.65.1.3/26, 10.65.2.7/26] }\n"),
    ("a block twice", "+node: { addresses: [10.0.0.1], blocks: [10.65.1.0/26, 10.65.1.0/26] }\n"),
    ("a block without a length", "+node: { addresses: [10.0.0.1], blocks: [10.65.1.0] }\n"),
    ("a block with too long a length", "+node: { addresses: [10.0.0.1], blocks: [10.65.1.0/33] }\n"),
    ("an address twice", "+node: { addresses: [10.0.0.1/24, 10.0.0.1] }\n"),
    ("a multicast address", "+node: { addresses: [10.0.0.1, 224.0.0.5] }\n"),
    ("an IPv4-mapped address", "+node: { addresses: [10.0.0.1, '::ffff:10.0.0.2'] }\n"),
    ("a pool without cidr", "++pools: [ { mode: ipip } ]\n"),
    ("a mode with a typo", "++pools: [ { cidr: 10.65.0.0/16, mode: ipip_cross_subnet } ]\n"),
    ("a pool twice", "++pools: [ { cidr: 10.65.0.0/16 }, { cidr: 10.65.0.0/16 } ]\n"),
    ("overlapping pools", "++pools: [ { cidr: 10.65.0.0/16 }, { cidr: 10.64.0.0/10 } ]\n"),
    ("an IPv6 pool in tunl0", "++pools: [ { cidr: 10.65.0.0/16 }, { cidr: 'fd00:65::/32', mode: ipip } ]\n"),
    ("a device with too long a name", "++pools: [ { cidr: 10.65.0.0/16, mode: ipip, device: a-very-long-device } ]\n"),
    ("ge above le", "++prefix_lists: { pods: [ { prefix: 10.0.0.0/8, ge: 26, le: 24 } ] }\n"),
    ("ge below the prefix's length", "++prefix_lists: { pods: [ { prefix: 10.0.0.0/8, ge: 7 } ] }\n"),
    ("le beyond the family", "++prefix_lists: { pods: [ { prefix: 10.0.0.0/8, le: 33 } ] }\n"),
    ("a range without prefix", "++prefix_lists: { pods: [ { ge: 26 } ] }\n"),
    ("an unknown prefix list", "++policies: { p: { rules: [ { match: { prefix_list: pods }, action: accept } ] } }\n"),
    (
        "a misspelt prefix list",
        "++prefix_lists: { pods: [] }\npolicies: { p: { rules: [ { match: { prefix_list: podz }, action: accept } ] } }\n",
    ),
    ("a rule without action", "++policies: { p: { rules: [ { set: { med: 1 } } ] } }\n"),
    ("a policy called accept", "++policies: { accept: { default: reject } }\n"),
    (
        "a community out of range",
        "++policies: { p: { rules: [ { set: { communities: { add: ['65536:1'] } }, action: accept } ] } }\n",
    ),
    (
        "a local_pref out of range",
        "++policies: { p: { rules: [ { set: { local_pref: 4294967296 }, action: accept } ] } }\n",
    ),
    ("a peer without address", "++peers: [ { asn: 64512 } ]\n"),
    ("a peer without asn", "++peers: [ { address: 172.16.1.2 } ]\n"),
    ("an address with a port", "++peers: [ { address: '172.16.1.2:179', asn: 64512 } ]\n"),
    ("a link-local address without interface", "++peers: [ { address: 'fe80::1', asn: 64512 } ]\n"),
    ("a zone on a global address", "++peers: [ { address: 'fd00::2%eth0', asn: 64512 } ]\n"),
    ("a peer that is ourselves", "++peers: [ { address: 172.16.1.1, asn: 64512 } ]\n"),
    (
        "a peer twice",
        "++peers:\n  - { address: 172.16.1.2, asn: 64512 }\n  - { address: 172.16.1.2, asn: 64512, port: 1179 }\n",
    ),
    (
        "an unknown group",
        "++peer_groups: { nodes: { asn: 64512 } }\npeers: [ { address: 172.16.1.2, group: node }, { address: 172.16.1.3, group: nodes } ]\n",
    ),
    ("an unknown policy", "++peers: [ { address: 172.16.1.2, asn: 64512, import: pods } ]\n"),
    // RFC 8212 §3
    ("an eBGP peer without policies", "++peers: [ { address: 172.16.1.2, asn: 65001 } ]\n"),
    ("an eBGP peer without export", "++peers: [ { address: 172.16.1.2, asn: 65001, import: accept } ]\n"),
    // RFC 4456 §7
    (
        "an eBGP client",
        "++peers: [ { address: 172.16.1.2, asn: 65001, import: accept, export: accept, route_reflector_client: true } ]\n",
    ),
    // RFC 4271 §4.2
    ("a hold time of two seconds", "++peers: [ { address: 172.16.1.2, asn: 64512, hold_time: 2s } ]\n"),
    ("a hold time with a fraction", "++peers: [ { address: 172.16.1.2, asn: 64512, hold_time: 3500ms } ]\n"),
    ("a duration with a wrong unit", "++peers: [ { address: 172.16.1.2, asn: 64512, connect_retry: 5 sec } ]\n"),
    // RFC 4271 §4.4
    (
        "keepalive above the hold time",
        "++peers: [ { address: 172.16.1.2, asn: 64512, hold_time: 9s, keepalive: 10s } ]\n",
    ),
    (
        "idle_hold_max below idle_hold",
        "++peers: [ { address: 172.16.1.2, asn: 64512, idle_hold: 10s, idle_hold_max: 5s } ]\n",
    ),
    ("an IPv6 source for an IPv4 peer", "++peers: [ { address: 172.16.1.2, asn: 64512, source: 'fd00::1' } ]\n"),
    (
        "password and password_file",
        "++peers: [ { address: 172.16.1.2, asn: 64512, password: hunter2, password_file: secret } ]\n",
    ),
    ("an empty password", "++peers: [ { address: 172.16.1.2, asn: 64512, password: '' } ]\n"),
    ("no family", "++peers: [ { address: 172.16.1.2, asn: 64512, families: [] } ]\n"),
    ("an unknown family", "++peers: [ { address: 172.16.1.2, asn: 64512, families: [ipv4, vpnv4] } ]\n"),
    (
        "a family without a next hop",
        "+node: { addresses: [172.16.1.1/24] }\npeers: [ { address: 172.16.1.2, asn: 64512, families: [ipv4, ipv6] } ]\n",
    ),
    // RFC 5082 §3
    (
        "multihop and GTSM",
        "++peers: [ { address: 172.16.1.2, asn: 65001, import: accept, export: accept, ebgp_multihop: 2, ttl_security: 2 } ]\n",
    ),
    ("port 0", "++peers: [ { address: 172.16.1.2, asn: 64512, port: 0 } ]\n"),
    ("a mesh without this node", "++mesh: { nodes: [ { name: n2, addresses: [172.16.1.2] } ] }\n"),
    (
        "a mesh node twice",
        "++mesh: { nodes: [ { name: n1, addresses: [172.16.1.1] }, { name: n2, addresses: [172.16.1.2] }, { name: n2, addresses: [172.16.1.3] } ] }\n",
    ),
    (
        "a mesh node with two addresses of a family",
        "++mesh: { nodes: [ { name: n1, addresses: [172.16.1.1] }, { name: n2, addresses: [172.16.1.2, 172.16.1.3] } ] }\n",
    ),
    (
        "a mesh node with our address",
        "++mesh: { nodes: [ { name: n1, addresses: [172.16.1.1] }, { name: n2, addresses: [172.16.1.1] } ] }\n",
    ),
    (
        "a mesh node that is a peer already",
        "++peers: [ { address: 172.16.1.2, asn: 64512 } ]\nmesh: { nodes: [ { name: n1, addresses: [172.16.1.1] }, { name: n2, addresses: [172.16.1.2] } ] }\n",
    ),
    (
        "a mesh node without name and addresses",
        "++mesh: { nodes: [ { name: n1, addresses: [172.16.1.1] }, { port: 179 } ] }\n",
    ),
    (
        "a mesh of another AS without policies",
        "++mesh: { nodes: [ { name: n1, addresses: [172.16.1.1] }, { name: n2, addresses: [172.16.1.2], asn: 65001 } ] }\n",
    ),
    ("the kernel's own protocol", "++fib: { protocol: 2 }\n"),
    ("an unknown protocol", "++fib: { protocol: zebra }\n"),
    ("the table local", "++fib: { table: 255 }\n"),
    ("a relative socket", "++api: { socket: roost.sock }\n"),
    (
        "a socket with too long a path",
        "++api: { socket: /a-path-that-is-longer-than-the-hundred-and-seven-bytes-the-kernel-allows-for-the-address-of-a-unix-socket/roost }\n",
    ),
    ("permissions with a nine", "++api: { mode: 0690 }\n"),
    ("an unknown level", "++log: { level: warning }\n"),
    ("a key given twice", "++log: { level: info }\nlog: { level: debug }\n"),
    ("a list where a mapping belongs", "++fib: [ protocol ]\n"),
    ("a mapping where a value belongs", "++fib: { protocol: { id: 12 } }\n"),
    ("a mapping as a key", "++? { a: b }\n: c\n"),
    ("a second document", "++---\nrouter: { asn: 2 }\n"),
    ("an alias without anchor", "++peers: [ { address: 172.16.1.2, asn: 64512, password: *hunter2 } ]\n"),
    ("an alias inside itself", "++x-a: &a [ *a ]\n"),
    ("a tag", "++log: !custom { level: info }\n"),
    ("a merge of a list", "++log: { <<: [ 1 ] }\n"),
    ("a syntax error", "++peers: [ { address: 172.16.1.2, asn: 64512 }\n"),
    ("a tab as indentation", "++log:\n\tlevel: info\n"),
    (
        "a line that is longer than a screen",
        "++peers: [ { address: 172.16.1.2, asn: 64512, description: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, colour: red } ]\n",
    ),
    ("characters wider than a byte", "++peers: [ { description: Zürich ↔ Genève, address: 172.16.1.2, asn: x } ]\n"),
];

#[test]
fn every_mistake_says_what_where_and_what_to_do() {
    let mut golden = String::new();
    for (name, text) in MISTAKES {
        let text = match text.strip_prefix("++") {
            Some(rest) => format!("{BASE}{rest}"),
            None => text
                .strip_prefix('+')
                .map_or_else(|| (*text).to_owned(), |rest| format!("router: {{ asn: 64512 }}\n{rest}")),
        };
        let errors = bad(&text);
        assert!(!errors.to_string().contains("hunter2"), "{name}: a secret is shown:\n{errors}");
        writeln!(golden, "## {name}\n{errors}\n").unwrap();
    }
    insta::assert_snapshot!("single_mistakes", golden);
}

#[test]
fn doubts_are_warnings_and_keep_nothing_from_running() {
    let text = "\
router: { asn: 64512 }
node: { name: n1, addresses: [172.16.1.1/24], blocks: [10.66.1.0/26] }
pools: [ { cidr: 10.65.0.0/16, mode: direct, device: tunl0 } ]
policies: { p: { rules: [ { set: { med: 1 }, action: reject } ] } }
peer_groups: { unused: { asn: 64512 } }
peers:
  - { address: 172.16.1.2, asn: 64512, ebgp_multihop: 2, source: 172.16.1.9 }
  - { address: 172.16.1.3, asn: 64512, hold_time: 0, keepalive: 5s }
  - { address: 172.16.1.4, asn: 64512, hold_time: 9s, keepalive: 4s }
mesh:
  nodes:
    - { name: n1, addresses: [172.16.2.1] }
    - { name: n2, addresses: ['fd00::2'] }
";
    let loaded = parse("test.yaml", text).unwrap();
    let shown: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!("warnings", shown.join("\n\n"));
    assert_eq!(loaded.config.peers.len(), 3);
}

#[test]
fn the_examples_load_without_a_doubt() {
    for name in ["node-mesh", "route-reflector", "tor-peering"] {
        let loaded = load(&examples().join(name).with_extension("yaml")).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(loaded.warnings, [], "{name}");
        assert!(loaded.config.peers.len() >= 4, "{name}");
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
    assert_eq!((config.fib.enabled, config.fib.protocol, config.fib.metric, config.fib.table), (true, 12, None, 254));
    let api = config.api.unwrap();
    assert_eq!((api.socket.to_str().unwrap(), api.mode.bits()), ("/run/roost/roost.sock", 0o660));
    assert_eq!(config.metrics, None);
    assert_eq!(config.log.format, LogFormat::Auto);
}

fn address_id(text: &str) -> bgp_proto::RouterId {
    text.parse().unwrap()
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
        "router: { asn: 1, router_id: 1.1.1.1 }\nfib: { protocol: bgp, table: 100, metric: 1024 }",
        |c| format!("{} {} {:?}", c.fib.protocol, c.fib.table, c.fib.metric),
        "186 100 Some(1024)",
    ),
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
  - {{ address: 10.9.9.9, asn: 64512, route_reflector_client: true, add_path: {{ send: true }} }}
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

#[test]
fn a_secret_is_never_shown_whatever_is_wrong_beside_it() {
    let peer = |rest: &str| format!("{BASE}peers:\n  - address: 172.16.1.2\n    asn: 64512\n{rest}");
    for text in [
        peer("    password: hunter2\n    password_file: x\n"),
        peer("    pasword: hunter2\n"),
        peer("    passwrod: \"hunter2\"\n    colour: red\n"),
        peer("    Password: hunter2 # and hunter2 again\n"),
        peer("    secret: hunter2\n"),
        peer("    colour: red # the password is hunter2\n"),
        peer("    # password: hunter2\n    password: [ hunter2 ]\n"),
        peer("    password:\n      hunter2: x\n"),
        peer(
            "    password: |\n      hunter2\n      hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2\n",
        ),
        peer("    password: \"hunter2\n      hunter2\n"),
        peer("    password: hunter2: x\n"),
        peer("    password: *hunter2\n"),
        peer("    password: &hunter2 [\n"),
        peer("    password: !hunter2 x\n"),
        peer("    password: hunter2\n    password: hunter2\n"),
        peer("    import: 'password: hunter2\n"),
        peer("    import: 'x, password: hunter2'\n"),
        peer("    ? password\n    : hunter2\n   colour: red\n"),
        format!(
            "{BASE}x-p: &p hunter2\npeerz: 1\npeers: [ {{ address: 172.16.1.2, asn: 64512, password: *p, colour: red }} ]\n"
        ),
        format!("{BASE}p: &p hunter2\npeers: [ {{ address: 172.16.1.2, asn: 64512, password: *p }} ]\n"),
        format!("{BASE}peers: [ {{ address: 172.16.1.2, password: 'hun''hunter2', asn: hello, port: 0 }} ]\n"),
        format!("{BASE}peers: [ {{ address: 172.16.1.2, \"password\": \"hunter2\" \"x\" }} ]\n"),
    ] {
        let errors = bad(&text);
        let told = format!("{errors} {errors:#} {errors:?} {}", errors.to_json());
        assert!(!told.contains("hunter2"), "{text}\n{errors}");
    }
    let config = good(&peer("    password: hunter2\n"));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn carets_stand_under_their_word_behind_a_blanked_secret_and_a_wide_character() {
    let text =
        format!("{BASE}peers: [ {{ description: Zürich, password: a-long-secret, asn: x, address: 172.16.1.2 }} ]\n");
    let shown = bad(&text).to_string();
    let lines: Vec<&str> = shown.lines().collect();
    let column = lines[2].chars().position(|c| c == '^').unwrap();
    assert_eq!(lines[1].chars().skip(column).take(2).collect::<String>(), "x,", "{shown}");
}

#[test]
fn aliases_cannot_multiply() {
    // Each line stands for ten of the line before: a billion nodes in 300 bytes.
    let mut text = "x-0: &a0 [a, a, a, a, a, a, a, a, a, a]\n".to_owned();
    for level in 1..10 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        writeln!(text, "x-{level}: &a{level} [{before}]").unwrap();
    }
    let started = Instant::now();
    let errors = bad(&text);
    assert!(errors.to_string().contains("this alias makes the configuration too large"), "{errors}");
    // The same with one long text: what is copied counts.
    let long = "é\\n".repeat(100_000);
    let text = format!("x-0: &a \"{long}\"\nx-1: [{}]\n", "*a, ".repeat(20_000));
    assert!(bad(&text).to_string().contains("too large"));
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn nesting_and_size_are_limited() {
    let deep = format!("router: {}", "[".repeat(100_000));
    assert!(!bad(&deep).0.is_empty());
    let deep: String = (0..5_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert!(!bad(&deep).0.is_empty());
    let large = format!("router: {{ asn: 1, router_id: 1.1.1.1 }}\n#{}\n", " ".repeat(speaker::config::MAX_FILE_SIZE));
    assert!(bad(&large).to_string().contains("more than 16 MiB"));
    // A file of mistakes only, on one line: bounded in number, in width and in time.
    let errors = bad(&format!("{BASE}pools: [{}]", "x, ".repeat(200_000)));
    assert_eq!(errors.0.len(), 1_000);
    assert!(errors.0.iter().all(|error| error.to_string().len() < 1_000));
}

#[test]
fn no_number_of_mistakes_takes_for_ever() {
    let started = Instant::now();
    let unknown: String = (0..30_000).map(|index| format!("key{index}: 1\n")).collect();
    assert_eq!(bad(&format!("{BASE}{unknown}")).0.len(), 1_000);
    let address = |index: u32| std::net::Ipv4Addr::from(index + 1);
    let groups: String = (0..10_000).map(|index| format!("  g{index}: {{}}\n")).collect();
    let peers: String =
        (0..10_000).map(|index| format!("  - {{ address: {}, group: h{index} }}\n", address(index))).collect();
    assert!(bad(&format!("{BASE}peer_groups:\n{groups}peers:\n{peers}")).0.len() >= 1_000);
    let pools: String = (0..10_000).map(|index| format!("  - {{ cidr: {}/32 }}\n", address(index))).collect();
    assert!(bad(&format!("{BASE}pools:\n{pools}")).to_string().contains("pools has more than 1024 entries"));
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_flood_of_warnings_hides_no_error() {
    let groups: String = (0..2_000).map(|index| format!("  g{index}: {{}}\n")).collect();
    let errors = bad(&format!("{BASE}peer_groups:\n{groups}fib: {{ protocol: 2 }}\n"));
    assert!(errors.to_string().contains("fib.protocol"));
}

#[test]
fn twenty_thousand_mesh_nodes_load() {
    let mut text = format!("{BASE}mesh:\n  nodes:\n    - {{ name: n1, addresses: [172.16.1.1] }}\n");
    for index in 0..20_000_u32 {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + index);
        writeln!(text, "    - {{ name: node-{index}, addresses: [{address}] }}").unwrap();
    }
    assert_eq!(good(&text).peers.len(), 20_000);
}

#[test]
fn fifty_thousand_peers_load() {
    let mut text = format!("{BASE}peers:\n");
    for index in 0..50_000_u32 {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + index);
        writeln!(text, "  - {{ address: {address}, asn: 64512, hold_time: 90s, description: p{index} }}").unwrap();
    }
    assert_eq!(good(&text).peers.len(), 50_000);
}

#[test]
fn password_files_are_read_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roost.yaml");
    std::fs::write(folder.path().join("good.key"), "hunter2\n").unwrap();
    std::fs::write(folder.path().join("empty.key"), "\n").unwrap();
    let write = |key: &str| {
        let text = format!("{BASE}peers: [ {{ address: 172.16.1.2, asn: 64512, password_file: {key} }} ]\n");
        std::fs::write(&file, text).unwrap();
        load(&file)
    };
    let loaded = write("good.key").unwrap();
    let password = loaded.config.peers[0].password.clone().unwrap();
    assert_eq!(password.secret().unwrap().expose(), "hunter2");
    assert!(!format!("{password:?}").contains("hunter2"));
    for (key, why) in [("missing.key", "cannot be read"), ("empty.key", "found 0"), (".", "no regular file")] {
        let errors = write(key).unwrap_err();
        assert!(errors.to_string().contains(why), "{errors}");
        assert_eq!((errors.0[0].line, errors.0.len()), (3, 1));
    }
}

/// Status, standard output and standard error of `roost check`.
fn check(path: &Path) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = check_command(path, &mut out, &mut err).unwrap();
    (status, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn the_check_command_tells_good_from_bad_from_unreadable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roost.yaml");
    std::fs::write(&file, BASE).unwrap();
    assert_eq!(check(&file), (0, "ok: 0 peers, 1 block, 0 pools\n".to_owned(), String::new()));

    std::fs::write(&file, format!("{BASE}pools: [ {{ cidr: 10.66.0.0/16 }} ]\n")).unwrap();
    let (status, out, err) = check(&file);
    assert_eq!((status, &*out), (0, "ok: 0 peers, 1 block, 1 pool\n"));
    assert!(err.contains(":2:70: warning: block 10.65.1.0/26 lies in no pool"), "{err}");

    std::fs::write(&file, format!("{BASE}colour: red\nsize: big\n")).unwrap();
    let (status, out, err) = check(&file);
    assert_eq!((status, &*out), (1, ""));
    assert!(
        err.contains("roost.yaml:3:1: unknown key `colour` at the top level") && err.ends_with("\n2 errors\n"),
        "{err}"
    );

    std::fs::write(&file, b"router: { asn: 1, \xff }\n").unwrap();
    let (status, _, err) = check(&file);
    assert_eq!(status, 1);
    assert!(err.contains("roost.yaml:1:19: not text"), "{err}");

    let (status, out, err) = check(&folder.path().join("missing.yaml"));
    assert_eq!((status, &*out), (2, ""));
    assert!(err.contains("missing.yaml: cannot be read: No such file"), "{err}");
    assert_eq!(check(folder.path()).0, 2);
}

#[test]
fn errors_as_json_name_place_message_and_help() {
    let json = bad("router: { asn: 1, router_id: 1.1.1.1, color: 1 }\n").to_json();
    assert_eq!(json[0]["line"], 1);
    assert_eq!(json[0]["column"], 39);
    assert_eq!(json[0]["severity"], "error");
    assert_eq!(json[0]["message"], "unknown key `color` in `router`");
    assert!(json[0]["help"].as_str().unwrap().starts_with("the keys here are asn, "));
}
