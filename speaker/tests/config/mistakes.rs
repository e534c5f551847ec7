//! What is said about files with mistakes, and about doubtful ones.

use super::*;

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
    ("a managed device of no tunnel", "++pools: [ { cidr: 10.65.0.0/16, manage: true } ]\n"),
    (
        "a managed ipip device of IPv6",
        "++pools: [ { cidr: 'fd00:65::/32', mode: ipip, device: tun6, manage: true } ]\n",
    ),
    (
        "an IPv6 address of tunl0",
        "++pools: [ { cidr: 10.65.0.0/16, mode: ipip, manage: true, ipip: { address: 'fd00:65::1/128' } } ]\n",
    ),
    (
        "two devices for one VNI",
        "++pools: [ { cidr: 10.65.0.0/16, mode: vxlan, manage: true }, { cidr: 10.66.0.0/16, mode: vxlan, manage: true, \
         device: vx2 } ]\n",
    ),
    ("a VNI too large", "++pools: [ { cidr: 10.65.0.0/16, mode: vxlan, manage: true, vxlan: { vni: 16777216 } } ]\n"),
    (
        "two pools that share a device and differ",
        "++pools: [ { cidr: 10.65.0.0/16, mode: vxlan, manage: true }, { cidr: 10.66.0.0/16, mode: vxlan } ]\n",
    ),
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
    // RFC 4456 §7
    (
        "a cluster of a peer that is no client",
        "++peers: [ { address: 172.16.1.2, asn: 64512, cluster_id: 10.9.9.9 } ]\n",
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
    ("a metric in words", "++fib: { metric: low }\n"),
    ("a pool of the kernel's own protocol", "++pools: [ { cidr: 10.65.0.0/16, protocol: 2 } ]\n"),
    ("no routes at all", "++fib: { max_routes: 0 }\n"),
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
    (
        "a rule for the node's address without a method",
        "+node: { name: n1, detect: { ipv4: { interfaces: [eth] } } }\n",
    ),
    (
        "methods without what they are about",
        "+node:\n  detect:\n    ipv4: { method: interface, interfaces: [] }\n    ipv6: { method: can-reach }\n",
    ),
    ("a method without its ranges", "+node: { detect: { ipv4: { method: cidr } } }\n"),
    (
        "a method with another one's keys",
        "+node: { detect: { ipv4: { method: first-found, interfaces: [eth], cidrs: [10.0.0.0/8], host: n1 } } }\n",
    ),
    ("Calico's name of a method", "+node: { detect: { ipv4: { method: kubernetes-internal-ip } } }\n"),
    (
        "patterns that are none",
        "+node: { detect: { ipv4: { method: interface, interfaces: ['eth[', '(x{99}){99}', ''] } } }\n",
    ),
    (
        "the other family",
        "+node: { detect: { ipv4: { method: cidr, cidrs: ['fd00::/8'] }, ipv6: { method: can-reach, host: 10.0.0.1 } } }\n",
    ),
    (
        "hosts that are none",
        "+node: { detect: { ipv4: { method: can-reach, host: 10.0.0 }, ipv6: { method: can-reach, host: 'n1:80' } } }\n",
    ),
    (
        "an address both written and looked for",
        "+node: { addresses: [10.0.0.1/24], detect: { ipv4: { method: first-found } } }\n",
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
pools:
  - { cidr: 10.65.0.0/16, mode: direct, device: tunl0, install: false, metric: 7 }
  - { cidr: 10.66.0.0/16, mode: host-gw, far_ends: false, vxlan: { vni: 7 } }
  - { cidr: 10.67.0.0/16, mode: ipip, ipip: { mtu: 1400 } }
  - { cidr: 10.68.0.0/16, mode: vxlan, manage: true, far_ends: false, ipip: { mtu: 1400 } }
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
fib: { protect: [10.64.0.0/10, 0.0.0.0/0] }
";
    let loaded = parse("test.yaml", text).unwrap();
    let shown: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!("warnings", shown.join("\n\n"));
    assert_eq!(loaded.config.peers.len(), 3);
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
fn errors_as_json_name_place_message_and_help() {
    let json = bad("router: { asn: 1, router_id: 1.1.1.1, color: 1 }\n").to_json();
    assert_eq!(json[0]["line"], 1);
    assert_eq!(json[0]["column"], 39);
    assert_eq!(json[0]["severity"], "error");
    assert_eq!(json[0]["message"], "unknown key `color` in `router`");
    assert!(json[0]["help"].as_str().unwrap().starts_with("the keys here are asn, "));
}
