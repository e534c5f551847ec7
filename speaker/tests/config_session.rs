//! Keys about sessions as a whole: what they mean, what is said about mistakes.

use std::time::Duration;

use bgp_proto::Asn;
use speaker::config::{Config, MaxPrefix, MaxPrefixAction, parse};

fn file(peer: &str) -> String {
    format!(
        "router: {{ asn: 64512, router_id: 10.0.0.1 }}\npeers:\n  - {{ address: 172.16.1.2, asn: 64512, {peer} }}\n"
    )
}

fn good(peer: &str) -> Config {
    parse("roost.yaml", &file(peer)).unwrap_or_else(|errors| panic!("{peer}:\n{errors}")).config
}

#[track_caller]
fn says(peer: &str, parts: &[&str]) {
    let errors = parse("roost.yaml", &file(peer)).expect_err(peer).to_string();
    for part in parts {
        assert!(errors.contains(part), "{peer}: {part:?} is not in\n{errors}");
    }
}

#[test]
fn max_prefix_is_off_unless_a_limit_is_given() {
    let limits = |peer: &str| good(peer).peers[0].max_prefix;
    assert_eq!(limits("enabled: true"), MaxPrefix::default());
    assert_eq!(
        limits("max_prefix: { limit: 1000, ipv6: 50 }"),
        MaxPrefix { ipv4: Some(1000), ipv6: Some(50), ..MaxPrefix::default() }
    );
    let action = MaxPrefixAction::Restart { after: Duration::from_secs(1800) };
    assert_eq!(
        limits("max_prefix: { ipv4: 9, warning: 90, restart_after: 30m, count: accepted }"),
        MaxPrefix { ipv4: Some(9), ipv6: None, warning: 90, action, accepted_only: true }
    );
    for (text, action) in
        [("disable", MaxPrefixAction::Disable), ("warn", MaxPrefixAction::Warn), ("block", MaxPrefixAction::Block)]
    {
        assert_eq!(limits(&format!("max_prefix: {{ limit: 9, action: {text} }}")).action, action);
    }
}

#[test]
fn the_peers_limits_replace_those_of_its_group() {
    let text = "router: { asn: 1, router_id: 10.0.0.1 }\n\
                peer_groups: { g: { asn: 1, max_prefix: { limit: 10, action: warn } } }\n\
                peers: [ { address: 10.0.0.2, group: g }, { address: 10.0.0.3, group: g, max_prefix: { ipv4: 5 } } ]\n";
    let config = parse("roost.yaml", text).unwrap().config;
    let [group, own] = [0, 1].map(|n| config.peers[n].max_prefix);
    assert_eq!((group.ipv4, group.ipv6, group.action), (Some(10), Some(10), MaxPrefixAction::Warn));
    assert_eq!((own.ipv4, own.ipv6, own.action), (Some(5), None, MaxPrefix::default().action));
}

#[test]
fn mistakes_in_max_prefix_say_what_to_write() {
    says("max_prefix: { warning: 80 }", &["max_prefix has no limit", "max_prefix: { limit: 10000 }"]);
    says("max_prefix: { limit: 0 }", &["a whole number from 1 to", "`0`"]);
    says("max_prefix: { limit: 5, warning: 101 }", &["a whole number from 1 to 100"]);
    says("max_prefix: { limit: 5, action: shutdown }", &["shutdown", "restart"]);
    says("max_prefix: { limit: 5, restart_after: 8d }", &["a duration from 1s to"]);
    let warnings =
        parse("roost.yaml", &file("max_prefix: { limit: 5, action: warn, restart_after: 1m }")).unwrap().warnings;
    assert!(warnings[0].to_string().contains("no effect"), "{warnings:?}");
}

#[test]
fn long_lived_graceful_restart_is_off_until_somebody_asks_for_it() {
    // RFC 9494
    assert_eq!(good("enabled: true").peers[0].graceful_restart.long_lived, Duration::ZERO);
    assert_eq!(
        good("graceful_restart: { long_lived: 24h }").peers[0].graceful_restart.long_lived,
        Duration::from_secs(86_400)
    );
    let text = "router: { asn: 1, router_id: 10.0.0.1, graceful_restart: { long_lived: 1h } }\n\
                peers: [ { address: 10.0.0.2, asn: 1 }, { address: 10.0.0.3, asn: 1, graceful_restart: { long_lived: 0s } } ]\n";
    let peers = parse("roost.yaml", text).unwrap().config.peers;
    assert_eq!(peers[0].graceful_restart.long_lived, Duration::from_secs(3600));
    assert_eq!(peers[1].graceful_restart.long_lived, Duration::ZERO);
    says("graceful_restart: { long_lived: 195d }", &["a duration from 0s to", "in whole seconds"]);
}

fn ranges(entries: &str) -> String {
    format!(
        "router: {{ asn: 64512, router_id: 10.0.0.1 }}\n\
         peer_groups: {{ nodes: {{ asn: 64512, hold_time: 30s }}, bare: {{}} }}\ndynamic_peers: [ {entries} ]\n"
    )
}

#[test]
fn dynamic_peers_take_their_groups_settings_and_wait() {
    let text =
        ranges("{ prefix: 10.0.0.0/16, group: nodes, limit: 50 }, { prefix: 'fd00::/64', group: bare, asn: 64512 }");
    let config = parse("roost.yaml", &text).unwrap().config;
    let [v4, v6] = &config.dynamic_peers[..] else { panic!("{config:?}") };
    assert_eq!((v4.limit, v4.forget_after, v4.template.hold_time.as_secs()), (50, Duration::from_secs(60), 30));
    assert_eq!((v6.limit, v6.template.asn.0), (1000, 64512));
    assert!(v4.template.passive && v6.template.passive);
    assert_ne!(v4.template.families, v6.template.families);
}

#[test]
fn mistakes_in_dynamic_peers_say_what_to_write() {
    let said = |entries: &str| parse("roost.yaml", &ranges(entries)).expect_err(entries).to_string();
    assert!(said("{ group: nodes }").contains("needs `prefix`"));
    assert!(said("{ prefix: 10.0.0.0/16 }").contains("needs `group`"));
    assert!(said("{ prefix: 10.0.0.0/16, group: bare }").contains("has no `asn`"));
    assert!(said("{ prefix: 10.0.0.0/16, group: node }").contains("no peer group `node`"));
    assert!(said("{ prefix: 10.0.0.1/16, group: nodes }").contains("10.0.0.0/16"));
    let twice = "{ prefix: 10.0.0.0/16, group: nodes }, { prefix: 10.0.0.0/16, group: nodes }";
    assert!(said(twice).contains("given twice"));
    assert!(said("{ prefix: 10.0.0.0/16, group: nodes, asn: 65001 }").contains("has no `import`"), "RFC 8212");
}

#[test]
fn dynamic_peers_may_be_of_several_ases_all_of_them_others() {
    let rules = "import: accept, export: accept";
    let text = |asn: &str, more: &str| {
        format!(
            "router: {{ asn: 64512, router_id: 10.0.0.1, confederation: {{ id: 64500, members: [64513] }} }}\n\
             peer_groups: {{ out: {{ {rules}{more} }} }}\n\
             dynamic_peers: [ {{ prefix: 10.0.0.0/16, group: out, asn: {asn} }} ]\n"
        )
    };
    let range = |asn: &str| parse("roost.yaml", &text(asn, "")).unwrap().config.dynamic_peers.remove(0);
    let admits = |asn: &str| [64500, 64512, 64513, 65001, 65002, 23456].map(|n| range(asn).asn.admits(Asn(n)));
    // RFC 6793 §9: the last is AS_TRANS.
    assert_eq!(admits("any"), [false, false, false, true, true, false]);
    assert_eq!(admits("[65001, 65001, 65002]"), [false, false, false, true, true, false]);
    assert_eq!(admits("[65002]"), [false, false, false, false, true, false]);
    assert_eq!((range("[65002]").template.asn, range("any").template.asn), (Asn(65002), Asn(0)));

    let said = |asn: &str, more: &str| parse("roost.yaml", &text(asn, more)).expect_err(asn).to_string();
    for (asn, words) in [
        ("[65001, 64512]", "AS 64512 is ours, and stands in a list"),
        ("[64513, 65001]", "a range of their own, with `asn: 64513`"),
        ("[]", "the list of `asn` is empty"),
        ("all", "an AS number"),
        ("[65001, x]", "dynamic_peers[0].asn[1]"),
        ("{ 65001: 1 }", "an AS number, a list of them, or any"),
    ] {
        assert!(said(asn, "").contains(words), "{asn}: {}", said(asn, ""));
    }
    assert!(said("any", ", route_reflector_client: true").contains("is in another AS, we are in AS 64512"));
    assert!(said("[65001, 65002]", ", local_as: 65001").contains("which is local_as of its group"));
    let unsaid = text("any", "").replace(rules, "hold_time: 30s");
    let error = parse("roost.yaml", &unsaid).unwrap_err().to_string();
    assert!(error.contains("has no `import`"), "RFC 8212: {error}");
}

#[test]
fn a_peer_without_password_in_a_range_with_one_is_a_doubt() {
    // RFC 2385 §2
    let warnings = |peer: &str, prefix: &str| {
        let text = format!(
            "router: {{ asn: 64512, router_id: 10.0.0.1 }}\npeer_groups: {{ nodes: {{ asn: 64512, password: x }} }}\n\
             dynamic_peers: [ {{ prefix: {prefix}, group: nodes }} ]\npeers: [ {{ address: 10.9.0.2, asn: 64512{peer} }} ]\n"
        );
        parse("roost.yaml", &text).unwrap().warnings
    };
    let said = warnings("", "10.9.0.0/24");
    assert!(said[0].to_string().contains("peer 10.9.0.2 cannot connect to us"), "{said:?}");
    assert!(said[0].to_string().contains("dynamic_peers 10.9.0.0/24"), "{said:?}");
    assert_eq!((said.len(), said[0].line), (1, 4));
    assert_eq!(warnings(", password: y", "10.9.0.0/24"), []);
    assert_eq!(warnings("", "10.10.0.0/24"), []);
}

#[test]
fn ipv4_over_ipv6_is_asked_for_but_for_link_local_peers() {
    // RFC 8950
    let over = |peer: &str| {
        let text = format!(
            "router: {{ asn: 64512, router_id: 10.0.0.1 }}\npeers: [ {{ {peer}, asn: 64512, families: [ipv4, ipv6] }} ]\n"
        );
        parse("roost.yaml", &text)
            .map(|loaded| loaded.config.peers[0].extended_next_hop)
            .map_err(|error| error.to_string())
    };
    assert_eq!(over("address: 'fe80::1%eth0'"), Ok(true));
    assert_eq!(over("address: 'fd00::1', extended_next_hop: true"), Ok(true));
    for without in ["address: 'fd00::1'", "address: 'fe80::1%eth0', extended_next_hop: false"] {
        let said = over(without).unwrap_err();
        assert!(said.contains("ipv4 on a session between ipv6 addresses needs a next hop"), "{said}");
        assert!(said.contains("`extended_next_hop: true`"), "{said}");
    }
}

#[test]
fn peers_of_one_link_local_address_have_one_password() {
    let two = |first: &str, second: &str| {
        let text = format!(
            "router: {{ asn: 1, router_id: 10.0.0.1 }}\npeers:\n  - {{ address: 'fe80::1%eth0', asn: 1 {first} }}\n  \
             - {{ address: 'fe80::1%eth1', asn: 1 {second} }}\n"
        );
        parse("roost.yaml", &text).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(two("", ""), Ok(()));
    assert_eq!(two(", password: a", ", password: a"), Ok(()));
    for (first, second) in [(", password: a", ", password: b"), ("", ", password: b")] {
        let said = two(first, second).unwrap_err();
        assert!(said.contains("fe80::1%eth1 has another password than fe80::1 on another interface"), "{said}");
        assert!(said.contains("roost.yaml:4:"), "{said}");
    }
}
