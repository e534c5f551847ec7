use proptest::prelude::*;

use super::*;
use crate::config::{Password, parse};

/// A configuration with one peer of these keys, and these keys besides.
fn config(peer: &str, more: &str) -> Config {
    let router = if more.contains("router:") { "" } else { "router: { asn: 64512, router_id: 10.0.0.1 }\n" };
    let policies =
        "policies: { some: { default: accept } }\npeer_groups: { all: { import: accept, export: accept } }\n";
    let peers =
        if peer.is_empty() { "".into() } else { format!("peers:\n  - {{ address: 10.0.0.2, group: all, {peer} }}\n") };
    let text = format!("{router}{policies}{peers}{more}");
    parse("roost.yaml", &text).unwrap_or_else(|errors| panic!("{text}{errors}")).config
}

fn peer(keys: &str) -> Config {
    config(&format!("asn: 64513, {keys}"), "node: { addresses: [10.0.0.1, \"fd00::1\"] }\n")
}

fn steps_of(now: &Config, next: &Config) -> Vec<Step> {
    between(now, next).expect("the same speaker").steps
}

/// What became different of the one peer.
fn changes_of(now: &Config, next: &Config) -> Vec<(&'static str, Cost)> {
    match &steps_of(now, next)[..] {
        [] => Vec::new(),
        [Step::ChangePeer { changes, .. }] => changes.iter().map(|change| (change.key, change.cost)).collect(),
        others => panic!("one peer has changed: {others:?}"),
    }
}

#[test]
fn every_key_of_a_peer_has_its_cost_and_back_it_costs_the_same() {
    let open = Cost::Reset("it is agreed on when a session begins");
    let own_as = Cost::Reset("it is our AS on the session");
    let moved = Cost::Reset("the connection has another address");
    let signed = Cost::Reset("a connection is signed from its first segment on, or not at all");
    for (before, after, key, cost) in [
        ("", "description: rack 7", "description", Cost::Nothing),
        ("", "port: 1790", "port", Cost::NextSession),
        ("source: 10.0.0.1", "source: 10.0.0.9", "source", moved),
        ("", "passive: true", "passive", Cost::NextSession),
        ("families: [ipv4]", "families: [ipv4, ipv6]", "families", open),
        ("", "extended_next_hop: true", "extended_next_hop", open),
        ("", "add_path: { send: true }", "add_path", open),
        ("password: one", "password: two", "password", Cost::Nothing),
        ("", "password: one", "password", signed),
        ("password_file: a", "password_file: b", "password", Cost::Nothing),
        ("ebgp_multihop: 2", "ebgp_multihop: 3", "ttl", Cost::Nothing),
        ("keepalive: 10s", "hold_time: 180s, keepalive: 10s", "hold_time", Cost::NextSession),
        ("", "keepalive: 10s", "keepalive", Cost::NextSession),
        ("", "send_hold: 10m", "send_hold", Cost::Nothing),
        ("", "connect_retry: 7s", "connect_retry", Cost::Nothing),
        ("", "idle_hold: 2s", "idle_hold", Cost::Nothing),
        ("", "idle_hold_max: 2m", "idle_hold_max", Cost::Nothing),
        ("", "graceful_restart: { restart_time: 7s }", "graceful_restart", Cost::NextSession),
        ("", "next_hop_self: true", "next_hop_self", Cost::Routes),
        ("", "import: some", "import", Cost::Routes),
        ("", "export: reject", "export", Cost::Routes),
        ("", "max_prefix: { ipv4: 10 }", "max_prefix", Cost::Nothing),
        ("", "allow_as_in: 2", "allow_as_in", Cost::Routes),
        ("", "enforce_first_as: false", "enforce_first_as", Cost::Routes),
        ("", "connected_check: false", "connected_check", Cost::Routes),
        ("", "graceful_shutdown: false", "graceful_shutdown", Cost::Routes),
        ("", "blackhole: true", "blackhole", Cost::Routes),
        ("", "accept_as_set: true", "accept_as_set", Cost::Routes),
        ("", "role: customer", "role", open),
        ("role: customer", "role: customer, strict_role: true", "strict_role", Cost::NextSession),
        ("", "local_as: 64514", "local_as", own_as),
        ("local_as: 64514", "local_as: 64514, local_as_no_prepend: true", "local_as", Cost::Routes),
        ("", "remove_private_as: all", "remove_private_as", Cost::Routes),
    ] {
        let (before, after) = (peer(before), peer(after));
        assert_eq!(changes_of(&before, &after), [(key, cost)], "{key}");
        assert_eq!(changes_of(&after, &before), [(key, cost)], "{key}, back");
        assert_eq!(changes_of(&after, &after), []);
    }
}

#[test]
fn an_internal_peer_becomes_a_client_and_keeps_its_session() {
    // RFC 4456 §6: nothing in an OPEN says who is whose client.
    let now = config("asn: 64512", "");
    let next = config("asn: 64512, route_reflector_client: true", "");
    assert_eq!(changes_of(&now, &next), [("route_reflector_client", Cost::Routes)]);
    let another = config("asn: 64512, route_reflector_client: true, cluster_id: 10.9.9.9", "");
    assert_eq!(changes_of(&next, &another), [("cluster_id", Cost::Routes)]);
}

#[test]
fn a_peer_of_the_mesh_that_becomes_a_listed_one_keeps_its_session() {
    let mesh = "node: { name: n1, addresses: [10.0.0.1] }\nmesh: { passive: false, nodes: [ { name: n1, addresses: [10.0.0.1] }, \
                { name: n2, addresses: [10.0.0.2] } ] }";
    let listed = "node: { name: n1, addresses: [10.0.0.1] }";
    let (mesh, listed) = (config("", mesh), config("asn: 64512", listed));
    let keys = [("description", Cost::Nothing), ("group", Cost::Nothing), ("origin", Cost::Nothing)];
    assert_eq!(changes_of(&mesh, &listed), keys);
}

#[test]
fn the_as_of_a_peer_resets_it_and_enabling_begins_and_ends() {
    let another = Cost::Reset("a session with another AS is another session");
    let (now, next) = (config("asn: 64513", ""), config("asn: 64514", ""));
    assert_eq!(changes_of(&now, &next), [("asn", another)]);
    let (on, off) = (peer(""), peer("enabled: false"));
    assert_eq!(changes_of(&on, &off), [("enabled", Cost::Ends)]);
    assert_eq!(changes_of(&off, &on), [("enabled", Cost::Begins)]);
    let ends = |now, next| steps_of(now, next)[0].ends().map(|(_, why)| why);
    assert_eq!(ends(&on, &off), Some("the file disables it"));
    assert_eq!(ends(&off, &on), None);
}

#[test]
fn what_comes_stands_before_what_goes() {
    let now = "node: { blocks: [10.65.1.0/26, 10.65.2.0/26] }\n";
    let next = "node: { blocks: [10.65.2.0/26, 10.65.3.0/26] }\npools: [ { cidr: 10.65.0.0/16 } ]\nfib: { metric: 7 }\nreadiness: { quorum: 50 }\n";
    let peers = "peers: [ { address: 10.0.0.3, asn: 64512 }, { address: 10.0.0.4, asn: 64512, enabled: false } ]\n";
    let router = "router: { asn: 64512, router_id: 10.0.0.1, always_compare_med: true }\n";
    let steps = steps_of(&config("asn: 64512", now), &config("", &format!("{router}{next}{peers}")));
    let said: Vec<_> = steps.iter().map(Step::to_string).collect();
    let expected = [
        "block 10.65.3.0/26: announced",
        "router.always_compare_med: all routes are decided anew, sessions stay",
        "readiness: judged anew",
        "peer 10.0.0.3: added",
        "peer 10.0.0.4: added, disabled",
        "pools, fib: kernel routes move to the new settings",
        "peer 10.0.0.2: removed, its session ends",
        "block 10.65.1.0/26: withdrawn",
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_change_is_said_in_words() {
    let said = |before: &str, after: &str| steps_of(&peer(before), &peer(after))[0].to_string();
    assert_eq!(
        said("", "families: [ipv6], description: x"),
        "peer 10.0.0.2: families, description changed; the session is reset, because of families: it is agreed on when a \
         session begins"
    );
    assert_eq!(
        said("", "import: some, hold_time: 30s, keepalive: 10s"),
        "peer 10.0.0.2: hold_time, keepalive, import changed; the session stays, hold_time, keepalive from the next one on"
    );
    assert_eq!(said("", "enabled: false"), "peer 10.0.0.2: enabled changed; the session ends");
}

#[test]
fn ranges_of_dynamic_peers_come_change_and_go_each_for_itself() {
    let ranges = |ranges: &str| config("asn: 64512", &format!("dynamic_peers: [ {ranges} ]\n"));
    let first = "{ prefix: 10.1.0.0/16, asn: 64512, group: all }";
    let said = |now: &str, next: &str| -> Vec<_> {
        steps_of(&ranges(now), &ranges(next)).iter().map(Step::to_string).collect()
    };
    let second = |keys: &str| format!("{first}, {{ prefix: 10.2.0.0/16, group: all, {keys} }}");
    assert_eq!(said(first, &second("asn: 64512")), ["dynamic peers 10.2.0.0/16: added"]);
    assert_eq!(said(&second("asn: 64512"), first), ["dynamic peers 10.2.0.0/16: removed, their sessions end"]);
    assert_eq!(
        said(&second("asn: 64512"), &second("asn: 64512, limit: 7, forget_after: 1s")),
        ["dynamic peers 10.2.0.0/16: limit, forget_after changed; their sessions stay"]
    );
    assert_eq!(
        said(&second("asn: [64513, 64515]"), &second("asn: [64513, 64514]")),
        [
            "dynamic peers 10.2.0.0/16: asn changed; their sessions end, because of asn: a session with another AS is another \
          session"
        ]
    );
    // The group's keys are theirs.
    let group = |keys: &str| {
        let router = "router: { asn: 64512, router_id: 10.0.0.1 }";
        let text = format!("{router}\npeer_groups: {{ all: {{ {keys} }} }}\ndynamic_peers: [ {first} ]\n");
        parse("roost.yaml", &text).unwrap_or_else(|errors| panic!("{errors}")).config
    };
    let of_group = |now: &str, next: &str| -> Vec<_> {
        steps_of(&group(now), &group(next)).iter().map(|step| (step.to_string(), step.reset().is_some())).collect()
    };
    let stay = "dynamic peers 10.1.0.0/16: route_reflector_client changed; their sessions stay";
    assert_eq!(of_group("hold_time: 90s", "hold_time: 90s, route_reflector_client: true"), [(stay.to_owned(), false)]);
    let end =
        "dynamic peers 10.1.0.0/16: enabled changed; their sessions end, because of enabled: the file disables it";
    assert_eq!(of_group("enabled: true", "enabled: false"), [(end.to_owned(), true)]);
}

#[test]
fn what_needs_a_restart_is_named_and_stays_as_it_is() {
    let now = config("asn: 64512", "");
    let next = config(
        "asn: 64512, description: x",
        "router: { asn: 64512, router_id: 10.0.0.1, listen: [\"127.0.0.1:1179\"], limits: { unopened: 7 } }\n\
         fib: { enabled: false, metric: 7 }\napi: null\nmetrics: { listen: \"127.0.0.1:9\" }\nlog: { level: debug, format: json }\n",
    );
    let steps = between(&now, &next).expect("the same speaker");
    assert_eq!(steps.waiting, ["router.listen", "router.limits", "fib.enabled", "api", "metrics", "log.format"]);
    let said: Vec<_> = steps.steps.iter().map(Step::to_string).collect();
    let expected = [
        "log.level: debug from now on",
        "peer 10.0.0.2: description changed; the session stays",
        "fib: kernel routes move to the new settings",
    ];
    assert_eq!(said, expected);
    // What waits is as it was, and waits still when the file is read again; the rest is in force.
    let again = between(&steps.next, &next).expect("the same speaker");
    assert_eq!((again.steps, again.waiting, &again.next), (Vec::new(), steps.waiting, &steps.next));
    assert_eq!((steps.next.router.listen, steps.next.fib.metric), (now.router.listen, next.fib.metric));
}

#[test]
fn another_identity_takes_over_nothing() {
    let now = config("asn: 64512", "");
    for (key, router) in [
        ("router.asn", "router: { asn: 64999, router_id: 10.0.0.1 }\n"),
        ("router.confederation", "router: { asn: 64512, router_id: 10.0.0.1, confederation: { id: 7 } }\n"),
        ("node.addresses", "router: { asn: 64512, router_id: 10.0.0.1 }\nnode: { addresses: [10.0.0.1/24] }\n"),
    ] {
        assert!(between(&now, &config("asn: 64512", router)).is_err_and(|keys| keys.0.contains(&key)), "{key}");
    }
    let router = "router: { asn: 64512, router_id: 10.0.0.7 }\nnode: { name: n1 }\n";
    let error = between(&now, &config("asn: 64512", router)).expect_err("another speaker");
    assert_eq!(
        error.to_string(),
        "router.router_id, node.name have changed, and everything else hangs on that: nothing of the file is in force \
         before roost is started again"
    );
}

#[test]
fn what_stands_in_a_password_file_is_no_change_of_the_configuration() {
    let now = peer("password_file: one");
    let mut filled = now.clone();
    let secret = crate::config::Secret::in_file("hunter2").ok();
    assert!(secret.is_some());
    filled.peers[0].password = Some(Password::File { path: "one".into(), secret });
    assert_ne!(filled, now);
    assert_eq!(steps_of(&now, &filled), []);
}

/// Any of these, so that two of them have much in common.
fn any_config() -> impl Strategy<Value = Config> {
    let peer = (
        prop_oneof![Just("asn: 64512"), Just("asn: 64513")],
        prop::sample::subsequence(
            vec![
                "description: x",
                "passive: true",
                "enabled: false",
                "hold_time: 30s",
                "port: 1790",
                "next_hop_self: true",
            ],
            0..=6,
        ),
    );
    let peers = prop::collection::btree_map(2_u8..8, peer, 0..6);
    let blocks = prop::sample::subsequence(vec!["10.65.1.0/26", "10.65.2.0/26", "10.65.3.0/26"], 0..=3);
    let ranges = prop::collection::btree_map(1_u8..4, 1_u8..3, 0..3);
    (peers, ranges, blocks, any::<bool>(), 0_u32..3).prop_map(|(peers, ranges, blocks, med, metric)| {
        let range = |(n, limit)| format!("{{ prefix: 10.{n}.0.0/16, asn: 64512, group: all, limit: {limit} }}");
        let ranges: Vec<_> = ranges.into_iter().map(range).collect();
        let peers: Vec<_> = peers
            .into_iter()
            .map(|(n, (asn, keys))| format!("{{ address: 10.0.0.{n}, {asn}, group: all, {} }}", keys.join(", ")))
            .collect();
        let text = format!(
            "router: {{ asn: 64512, router_id: 10.0.0.1, always_compare_med: {med} }}\n\
             peer_groups: {{ all: {{ import: accept, export: accept }} }}\nnode: {{ blocks: {blocks:?} }}\n\
             fib: {{ metric: {metric} }}\npeers: [ {} ]\n\
             dynamic_peers: [ {} ]\n",
            peers.join(", "),
            ranges.join(", ")
        )
        .replace(", }", " }");
        parse("roost.yaml", &text).unwrap_or_else(|errors| panic!("{text}{errors}")).config
    })
}

/// What one gets who does the steps, and nothing else.
fn done(mut config: Config, steps: &[Step], next: &Config) -> Config {
    for step in steps {
        match step {
            Step::Announce(block) => config.node.blocks.push(*block),
            Step::Withdraw(block) => config.node.blocks.retain(|other| other != block),
            Step::Decide(_) => config.router = next.router.clone(),
            Step::Readiness => config.readiness = next.readiness,
            Step::LogLevel(level) => config.log.level = *level,
            Step::Reload(by) => config.reload = *by,
            Step::Kernel(_) => (config.pools, config.fib) = (next.pools.clone(), next.fib.clone()),
            Step::AddPeer(peer) => config.peers.push(peer.clone()),
            Step::RemovePeer(peer) => config.peers.retain(|other| other != peer),
            Step::AddRange(range) => config.dynamic_peers.push(range.clone()),
            Step::RemoveRange(range) => config.dynamic_peers.retain(|other| other != range),
            Step::ChangeRange { to, .. } => {
                let range = config.dynamic_peers.iter_mut().find(|range| range.prefix == to.prefix);
                *range.expect("a range that changes is there") = to.clone();
            }
            Step::ChangePeer { to, .. } => {
                let peer = config.peers.iter_mut().find(|peer| peer.place() == to.place());
                *peer.expect("a peer that changes is there") = to.clone();
            }
        }
    }
    config.peers.sort_by(|a, b| a.place().cmp(&b.place()));
    config.dynamic_peers.sort_by_key(|range| range.prefix);
    config.node.blocks.sort_unstable();
    config
}

proptest! {
    #[test]
    fn the_steps_lead_from_any_configuration_to_any_other(now in any_config(), next in any_config()) {
        let steps = between(&now, &next).expect("the same speaker");
        prop_assert_eq!(done(now, &steps.steps, &next), done(next.clone(), &[], &next));
        prop_assert_eq!(between(&steps.next, &next).expect("the same speaker").steps, Vec::new());
        let both: Vec<_> = steps.steps.iter().filter_map(Step::ends).map(|(peer, _)| peer.name()).collect();
        prop_assert_eq!(both.len(), both.iter().collect::<std::collections::BTreeSet<_>>().len(), "each ends once");
    }
}
