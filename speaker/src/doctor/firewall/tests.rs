//! Rules as iptables 1.8.9 and nft 1.0.6 have printed them, and what becomes of pods' packets.

use super::*;

const DEVICES: [&str; 3] = ["eth0", "tunl0", "cali1"];

fn range(text: &str) -> IpNetwork {
    text.parse().expect("a range")
}

#[track_caller]
fn forward(rules: &str) -> Ruleset {
    let text = format!("-P INPUT ACCEPT\n-P FORWARD DROP\n-P OUTPUT ACCEPT\n{rules}");
    of_iptables("iptables", false, &text).expect("it has a FORWARD chain")
}

#[test]
fn a_drop_is_found_only_where_it_is_certain() {
    let table = [
        ("", true),
        ("-A FORWARD -s 10.65.0.0/16 -j ACCEPT", false),
        ("-A FORWARD -d 10.0.0.0/8 -j ACCEPT", false),
        ("-A FORWARD -s 10.66.0.0/16 -j ACCEPT", true),
        // Some of its pods.
        ("-A FORWARD -s 10.65.1.0/26 -j ACCEPT", false),
        ("-A FORWARD -j ACCEPT", false),
        ("-A FORWARD ! -s 10.9.0.0/16 -j ACCEPT", false),
        ("-A FORWARD -s 10.65.0.0/16 -j LOG --log-prefix \"a pod\"", true),
        ("-A FORWARD -m mark --mark 0x10000/0x10000 -j ACCEPT", false),
        ("-A FORWARD -m comment --comment \"not -j ACCEPT\" -i docker0 -j ACCEPT", true),
        ("-A FORWARD -i docker0 -o eth0 -j ACCEPT", true),
        ("-A FORWARD -i eth0 -j ACCEPT", false),
        ("-A FORWARD -i cali+ -j ACCEPT", false),
        ("-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", true),
        ("-A FORWARD -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT", false),
        ("-A FORWARD -j REJECT --reject-with icmp-port-unreachable\n-A FORWARD -j ACCEPT", true),
        ("-A FORWARD -p tcp -j DROP\n-A FORWARD -j ACCEPT", false),
        // Into other chains, and back or not.
        ("-N DOCKER-USER\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -j RETURN", true),
        ("-N KUBE-FORWARD\n-A FORWARD -j KUBE-FORWARD\n-A KUBE-FORWARD -s 10.65.0.0/16 -j ACCEPT", false),
        ("-N A\n-A FORWARD -g A\n-A FORWARD -j ACCEPT", false),
        ("-N A\n-A FORWARD -g A\n-A A -j DROP\n-A FORWARD -j ACCEPT", true),
        ("-N A\n-A FORWARD -j A\n-A A -p udp -j RETURN\n-A A -j DROP\n-A FORWARD -j ACCEPT", false),
        ("-N A\n-A FORWARD -j A\n-A A -j FORWARD", false),
        ("-A FORWARD -j GONE", false),
    ];
    for (rules, drops) in table {
        assert_eq!(forward(rules).drops(range("10.65.0.0/16"), &DEVICES), drops, "{rules}");
    }
    let accepts = Ruleset { policy_drops: false, ..forward("") };
    assert!(!accepts.drops(range("10.65.0.0/16"), &DEVICES));
    assert!(!forward("").drops(range("fd00:65::/64"), &DEVICES), "of IPv4 alone");
    assert_eq!(of_iptables("iptables", false, "-P INPUT DROP\n"), None);
    let v6 = of_iptables("ip6tables", true, "-P FORWARD DROP\n").expect("it has one");
    assert!(v6.drops(range("fd00:65::/64"), &DEVICES));
    assert_eq!(
        v6.letting_through(range("fd00:65::/64")),
        ["ip6tables -I FORWARD -s fd00:65::/64 -j ACCEPT", "ip6tables -I FORWARD -d fd00:65::/64 -j ACCEPT"]
    );
}

/// `nft -j list ruleset` with these rules in a forward chain of policy drop.
fn nft(rules: &str) -> Vec<Ruleset> {
    let rules: String = rules
        .lines()
        .map(|expr| {
            format!(r#", {{"rule": {{"family": "ip", "table": "filter", "chain": "FORWARD", "handle": 3, "expr": [{expr}]}}}}"#)
        })
        .collect();
    let text = format!(
        r#"{{"nftables": [{{"metainfo": {{"version": "1.0.6", "json_schema_version": 1}}}},
        {{"table": {{"family": "ip", "name": "filter", "handle": 1}}}},
        {{"chain": {{"family": "ip", "table": "filter", "name": "FORWARD", "handle": 1, "type": "filter", "hook": "forward",
          "prio": 0, "policy": "drop"}}}},
        {{"chain": {{"family": "ip", "table": "filter", "name": "INPUT", "handle": 2, "type": "filter", "hook": "input",
          "prio": 0, "policy": "drop"}}}},
        {{"chain": {{"family": "ip", "table": "filter", "name": "DOCKER", "handle": 2}}}}{rules}]}}"#
    );
    of_nft(&text).expect("JSON")
}

#[test]
fn nft_rules_are_judged_alike() {
    let saddr = |right: &str| {
        format!(
            r#"{{"match": {{"op": "==", "left": {{"payload": {{"protocol": "ip", "field": "saddr"}}}}, "right": {right}}}}}, {{"accept": null}}"#
        )
    };
    let table = [
        (String::new(), true),
        (saddr(r#"{"prefix": {"addr": "10.65.0.0", "len": 16}}"#), false),
        (saddr(r#"{"prefix": {"addr": "10.66.0.0", "len": 16}}"#), true),
        (saddr(r#""10.0.0.1""#), true),
        (saddr(r#"{"set": [{"range": ["10.1.0.0", "10.2.255.255"]}]}"#), false),
        (r#"{"match": {"op": "!=", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": {"prefix": {"addr": "10.9.0.0", "len": 16}}}}, {"accept": null}"#.to_owned(), false),
        (r#"{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "docker0"}}, {"accept": null}"#.to_owned(), true),
        (r#"{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "cali*"}}, {"counter": {"packets": 0, "bytes": 0}}, {"accept": null}"#.to_owned(), false),
        (r#"{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}}, {"accept": null}"#.to_owned(), false),
        (r#"{"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}, {"accept": null}"#.to_owned(), true),
        (r#"{"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [["invalid", {"drop": null}], ["established", {"accept": null}]]}}}"#.to_owned(), true),
        (r#"{"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [["new", {"accept": null}]]}}}"#.to_owned(), false),
        (r#"{"xt": {"type": "match", "name": "conntrack"}}, {"counter": {"packets": 0, "bytes": 0}}, {"accept": null}"#.to_owned(), false),
        (r#"{"counter": {"packets": 0, "bytes": 0}}, {"xt": {"type": "target", "name": "REJECT"}}"#.to_owned(), false),
        (r#"{"jump": {"target": "DOCKER"}}"#.to_owned(), true),
        (r#"{"goto": {"target": "DOCKER"}}"#.to_owned(), false),
        (r#"{"counter": {"packets": 0, "bytes": 0}}, {"accept": null}"#.to_owned(), false),
        (format!("{}\n{}", r#"{"reject": null}"#, r#"{"accept": null}"#), true),
    ];
    for (rules, drops) in table {
        let [ruleset] = &nft(&rules)[..] else { panic!("one chain at the hook forward: {rules}") };
        assert_eq!(ruleset.drops(range("10.65.0.0/16"), &DEVICES), drops, "{rules}");
    }
    let [ruleset] = &nft("")[..] else { panic!("one chain at the hook forward") };
    assert_eq!((ruleset.place.as_str(), ruleset.families), ("nft table ip filter", [true, false]));
    assert_eq!(
        ruleset.letting_through(range("10.65.0.0/16")),
        [
            "nft insert rule ip filter FORWARD ip saddr 10.65.0.0/16 accept",
            "nft insert rule ip filter FORWARD ip daddr 10.65.0.0/16 accept"
        ]
    );
    assert_eq!(of_nft(r#"{"nftables": []}"#).expect("JSON"), []);
    assert!(of_nft("no JSON").is_err());
    assert_eq!(of_nft("[1, 2]").expect("JSON"), []);
}
