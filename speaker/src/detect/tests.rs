//! Each rule over a machine with everything a Kubernetes node has.

use super::*;

/// Interfaces with their addresses, in order of index from 1.
fn machine(interfaces: &[(&str, &[&str])]) -> Vec<Interface> {
    let interface = |(index, (name, addresses)): (u32, &(&str, &[&str]))| Interface {
        index,
        name: (*name).to_owned(),
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
    };
    (1..).zip(interfaces).map(interface).collect()
}

fn node() -> Vec<Interface> {
    machine(&[
        ("lo", &["127.0.0.1/8", "10.255.0.1/32", "::1/128"]),
        ("eth0", &["169.254.7.7/16", "172.16.1.1/24", "172.16.1.2/24", "fd00:1::1/64", "fe80::1/64"]),
        ("eth1", &["192.0.2.1/25", "fe80::2/64", "2001:db8::1/48"]),
        ("ens5", &["fe80::3/64"]),
        ("docker0", &["172.17.0.1/16"]),
        ("tunl0", &["10.65.1.1/32"]),
        ("cali12345", &[]),
    ])
}

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::new(text).unwrap()).collect()
}

fn detect(exclude: &[&str]) -> Detect {
    Detect { rules: Vec::new(), exclude: patterns(exclude), wait: Duration::ZERO }
}

/// What a method picks, as text, or why nothing.
fn picked(exclude: &[&str], interfaces: &[Interface], ipv4: bool, method: Method, named: &[&str]) -> String {
    let named = named.iter().map(|text| text.parse().unwrap()).collect();
    match detect(exclude).pick(&Rule { ipv4, method }, interfaces, |_| Ok(named)) {
        Ok(pick) => pick.to_string(),
        Err(why) => why.to_string(),
    }
}

fn cidr(texts: &[&str]) -> Method {
    Method::Cidr(texts.iter().map(|text| text.parse().unwrap()).collect())
}

#[test]
fn every_pattern_of_the_list_of_calico_compiles_and_takes_what_it_is_for() {
    let excluded = patterns(&EXCLUDED);
    for name in [
        "docker0",
        "cbr0",
        "dummy0",
        "podman0",
        "virbr0",
        "lxcbr0",
        "vethab12",
        "lo",
        "br-0f3a",
        "cali1",
        "tunl0",
        "flannel.1",
        "kube-ipvs0",
        "cni0",
        "vxlan.calico",
        "vxlan-v6.calico",
        "wireguard.cali",
        "wg-v6.cali",
        "nodelocaldns",
    ] {
        assert_eq!(excluded.iter().filter(|pattern| pattern.is_in(name)).count(), 1, "{name}");
    }
    for name in ["eth0", "ens5", "bond0", "br0", "vxlanXcalico", "xdocker0", "wlo1"] {
        assert!(!excluded.iter().any(|pattern| pattern.is_in(name)), "{name}");
    }
}

#[test]
fn first_found_takes_the_first_global_address_of_the_youngest_interface_that_is_not_excluded() {
    let pick = |exclude: &[&str], ipv4| picked(exclude, &node(), ipv4, Method::FirstFound, &[]);
    assert_eq!(pick(&EXCLUDED, true), "192.0.2.1/25 of eth1");
    assert_eq!(pick(&EXCLUDED, false), "2001:db8::1/48 of eth1");
    assert_eq!(pick(&[], true), "10.65.1.1/32 of tunl0");
    assert_eq!(pick(&["^tunl", "docker", "^eth1$"], true), "172.16.1.1/24 of eth0");
    assert_eq!(pick(&["[^o]$"], true), "10.255.0.1/32 of lo");
}

#[test]
fn interface_excludes_nothing_and_is_found_anywhere_in_a_name() {
    let pick = |named: &[&str], ipv4| picked(&EXCLUDED, &node(), ipv4, Method::Interface(patterns(named)), &[]);
    assert_eq!(pick(&["eth.*"], true), "192.0.2.1/25 of eth1");
    assert_eq!(pick(&["eth0", "ens.*"], true), "172.16.1.1/24 of eth0");
    assert_eq!(pick(&["eth0", "ens.*"], false), "fd00:1::1/64 of eth0");
    assert_eq!(pick(&["ocker"], true), "172.17.0.1/16 of docker0");
    assert_eq!(pick(&["^lo$"], true), "10.255.0.1/32 of lo");
    assert_eq!(
        pick(&["ens5"], true),
        "no interface has such an address (cali12345: not named; tunl0: not named; docker0: not named; \
         ens5: no IPv4 address; eth1: not named; eth0: not named; lo: not named)"
    );
}

#[test]
fn skip_interface_adds_to_the_excluded_ones() {
    let pick = |skipped: &[&str]| picked(&EXCLUDED, &node(), true, Method::SkipInterface(patterns(skipped)), &[]);
    assert_eq!(pick(&["eth1"]), "172.16.1.1/24 of eth0");
    assert_eq!(
        pick(&["eth", "ens"]),
        "no interface has such an address (cali12345: excluded by ^cali.*; tunl0: excluded by ^tunl.*; \
         docker0: excluded by ^docker.*; ens5: skipped by ens; eth1: skipped by eth; eth0: skipped by eth; \
         lo: excluded by ^lo)"
    );
}

#[test]
fn cidr_takes_the_first_address_in_any_range_and_excludes_nothing() {
    let pick = |ranges: &[&str], ipv4| picked(&EXCLUDED, &node(), ipv4, cidr(ranges), &[]);
    assert_eq!(pick(&["172.16.0.0/15"], true), "172.17.0.1/16 of docker0");
    assert_eq!(pick(&["10.0.0.0/12", "172.16.1.2/32"], true), "172.16.1.2/24 of eth0");
    assert_eq!(pick(&["fd00::/8"], false), "fd00:1::1/64 of eth0");
    let few = machine(&[("lo", &["127.0.0.1/8"]), ("eth0", &["192.0.2.1/25"])]);
    assert_eq!(
        picked(&[], &few, true, cidr(&["127.0.0.0/8"]), &[]),
        "no interface has such an address (eth0: 192.0.2.1/25 is in none of the ranges; \
         lo: 127.0.0.1/8 is no global unicast address)"
    );
}

#[test]
fn what_the_kernel_or_the_resolver_names_must_be_a_global_address_of_an_interface() {
    let reach = || Method::CanReach(Host::Name("tor".to_owned()));
    let name = || Method::InternalName(None);
    let pick = |method, ipv4, named: &[&str]| picked(&EXCLUDED, &node(), ipv4, method, named);
    assert_eq!(pick(reach(), true, &["172.16.1.2"]), "172.16.1.2/24 of eth0");
    assert_eq!(pick(reach(), false, &["fd00:1::1"]), "fd00:1::1/64 of eth0");
    let loopback = "packets to it leave from 127.0.0.1, no global address of an interface";
    assert_eq!(pick(reach(), true, &["127.0.0.1"]), loopback);
    // The resolver's order counts, not the interfaces'; and excluded interfaces do.
    assert_eq!(pick(name(), true, &["127.0.1.1", "fd00:1::1", "172.16.1.2", "192.0.2.1"]), "172.16.1.2/24 of eth0");
    assert_eq!(pick(name(), false, &["172.16.1.2", "2001:db8::1"]), "2001:db8::1/48 of eth1");
    assert_eq!(pick(name(), true, &["172.17.0.1"]), "172.17.0.1/16 of docker0");
    let elsewhere = "the name stands for 127.0.1.1, 198.51.100.7, no global address of an interface here";
    assert_eq!(pick(name(), true, &["127.0.1.1", "198.51.100.7", "fd00:1::1"]), elsewhere);
    assert_eq!(pick(name(), false, &["172.16.1.2"]), "the name stands for no IPv6 address");
}

#[test]
fn only_the_two_methods_that_need_an_answer_ask() {
    for method in [Method::FirstFound, Method::Interface(patterns(&["eth"])), cidr(&["192.0.2.0/24"])] {
        let rule = Rule { ipv4: true, method };
        let pick = detect(&EXCLUDED).pick(&rule, &node(), |_| panic!("asked"));
        assert_eq!(pick.unwrap().address.to_string(), "192.0.2.1/25");
    }
    let rule = Rule { ipv4: true, method: Method::InternalName(None) };
    let silent = detect(&EXCLUDED).pick(&rule, &node(), |_| Err(NotFound("nobody answers".to_owned())));
    assert_eq!(silent, Err(NotFound("nobody answers".to_owned())));
}

#[test]
fn addresses_are_global_as_go_says() {
    for global in ["10.0.0.1", "100.64.0.1", "192.0.2.1", "240.0.0.1", "fd00::1", "2001:db8::1", "::2"] {
        assert!(is_global_unicast(global.parse().unwrap()), "{global}");
    }
    for other in
        ["0.0.0.0", "127.9.9.9", "169.254.1.1", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "ff02::1"]
    {
        assert!(!is_global_unicast(other.parse().unwrap()), "{other}");
    }
}

#[test]
fn of_many_interfaces_the_first_are_told_and_the_rest_counted() {
    let names: Vec<String> = (0..300).map(|n| format!("eth{n}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), &[] as &[&str])).collect();
    let why = picked(&[], &machine(&many), true, Method::FirstFound, &[]);
    assert!(why.ends_with("eth292: no IPv4 address; and 292 more)"), "{why}");
}

#[test]
fn patterns_are_bounded() {
    assert!(Pattern::new("").is_err());
    assert!(Pattern::new(&"x".repeat(MAX_PATTERN)).is_ok());
    assert!(Pattern::new(&"x".repeat(MAX_PATTERN + 1)).is_err());
    for hostile in ["(x{99}){99}", "((((x{9}){9}){9}){9}){9}", "eth[", "*"] {
        assert!(Pattern::new(hostile).is_err(), "{hostile}");
    }
}

#[test]
fn methods_read_as_calico_writes_them() {
    for (method, text) in [
        (Method::FirstFound, "first-found"),
        (Method::Interface(patterns(&["eth.*", "ens.*"])), "interface=eth.*,ens.*"),
        (Method::SkipInterface(patterns(&["eth9"])), "skip-interface=eth9"),
        (cidr(&["10.0.0.0/8", "172.16.0.0/12"]), "cidr=10.0.0.0/8,172.16.0.0/12"),
        (Method::CanReach(Host::Address("8.8.8.8".parse().unwrap())), "can-reach=8.8.8.8"),
        (Method::InternalName(Some(Host::Name("n1".to_owned()))), "internal-name=n1"),
    ] {
        assert_eq!(method.to_string(), text);
    }
}
