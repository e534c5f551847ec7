//! MAC addresses of far ends as announced: named, changed without a hole, disputed, taken, impossible.

use super::far::{FAR, device, lab_of, vxlan_config, vxlan_lab};
use super::*;
use crate::desired::{Tunnel, Via};
use crate::far_ends::{FarEntry, Mac, Part};
use crate::kernel::Link;
use std::net::IpAddr;

const OTHER: &str = "10.68.2.64/26";

fn mac(text: &str) -> Mac {
    let octets: Vec<u8> = text.split(':').map(|octet| u8::from_str_radix(octet, 16).unwrap()).collect();
    Mac(octets.try_into().unwrap())
}

/// By way of these next hops, each with the MAC address its announcement names.
fn by(ends: &[(&str, &str)]) -> Option<Target> {
    let node = |text: &str| -> IpAddr { text.parse().unwrap() };
    let tunnels =
        ends.iter().map(|(next_hop, named)| Tunnel { node: node(next_hop), mac: Some(mac(named)), other: None });
    let via: Via = ends.iter().map(|(next_hop, _)| next_hop.parse().unwrap()).collect();
    Some(Target::via(Via { tunnels: tunnels.collect(), ..via }))
}

fn note(lab: &Lab, prefix: &str) -> Option<String> {
    lab.engine.find(net(prefix)).and_then(|found| found.note)
}

fn forwarding(lab: &Lab) -> Vec<String> {
    let entries = lab.kernel.far_ends();
    entries.iter().filter(|entry| entry.part == Part::Forwarding).map(|e| format!("{} {}", e.mac, e.node)).collect()
}

#[test]
fn the_announced_address_is_used_and_a_changed_one_leaves_no_hole() {
    let mut lab = vxlan_lab();
    let first = lab.batches(&[(FAR, by(&[("172.16.1.2", "aa:77:00:00:00:01")])), (OTHER, target("172.16.1.2"))]);
    assert_eq!(
        first[0],
        [
            "neigh replace 172.16.1.2 lladdr aa:77:00:00:00:01 dev vxlan.roost nud permanent",
            "fdb replace aa:77:00:00:00:01 dst 172.16.1.2 dev vxlan.roost self permanent"
        ],
        "who names none uses what another prefix names"
    );
    assert_eq!(first[1].len(), 2, "{first:#?}");
    assert_eq!(
        lab.batches(&[(FAR, by(&[("172.16.1.2", "aa:77:00:00:00:02")]))]),
        [
            &[
                "fdb replace aa:77:00:00:00:02 dst 172.16.1.2 dev vxlan.roost self permanent",
                "neigh replace 172.16.1.2 lladdr aa:77:00:00:00:02 dev vxlan.roost nud permanent"
            ][..],
            &["fdb del aa:77:00:00:00:01 dst 172.16.1.2 dev vxlan.roost self permanent"],
        ],
        "and the routes stay as they are"
    );
    // Named no more: back to what everybody works out.
    let back = lab.batches(&[(FAR, target("172.16.1.2"))]);
    assert!(
        back[0][0].starts_with("fdb replace 02:72:ac:10:01:02") && back[1][0].starts_with("fdb del aa:77"),
        "{back:?}"
    );
    assert_eq!((note(&lab, FAR), lab.state(FAR), lab.state(OTHER)), (None, State::Installed, State::Installed));
    lab.batches(&[(FAR, None), (OTHER, None)]);
    assert!(lab.kernel.far_ends().is_empty(), "{:?}", lab.kernel.far_ends());
}

#[test]
fn all_prefixes_of_a_node_change_their_address_at_once() {
    let mut lab = vxlan_lab();
    let prefixes: Vec<String> = (0..1000).map(|n| format!("10.68.{}.{}/30", n / 64, n % 64 * 4)).collect();
    let all = |named: &str| -> Vec<(&str, Option<Target>)> {
        prefixes.iter().map(|prefix| (prefix.as_str(), by(&[("172.16.1.2", named)]))).collect()
    };
    lab.batches(&all("aa:77:00:00:00:01"));
    assert_eq!(lab.batches(&all("aa:77:00:00:00:02")).concat().len(), 3, "two entries written, one removed");
}

#[test]
fn of_several_addresses_the_one_most_prefixes_name_is_used_and_the_others_are_told() {
    let mut lab = vxlan_lab();
    let named = |last: u8| by(&[("172.16.1.2", &format!("aa:77:00:00:00:{last:02x}"))]);
    lab.want(&[(FAR, named(5)), (OTHER, named(5)), ("10.68.2.128/26", named(1))]);
    assert_eq!(forwarding(&lab), ["aa:77:00:00:00:05 172.16.1.2"]);
    assert_eq!(note(&lab, FAR), None);
    let told = note(&lab, "10.68.2.128/26").unwrap();
    assert!(
        told.contains("names aa:77:00:00:00:01") && told.contains("name aa:77:00:00:00:05, which is used"),
        "{told}"
    );
    assert_eq!(lab.state("10.68.2.128/26"), State::Installed, "its packets go where those of the others do");
    // Of equally many the lowest, in whichever order they come.
    lab.want(&[(OTHER, None)]);
    assert_eq!(forwarding(&lab), ["aa:77:00:00:00:01 172.16.1.2"]);
    assert!(note(&lab, FAR).is_some() && note(&lab, "10.68.2.128/26").is_none());
    lab.want(&[("10.68.2.128/26", None)]);
    assert_eq!(forwarding(&lab), ["aa:77:00:00:00:05 172.16.1.2"]);
    assert_eq!(note(&lab, FAR), None);
}

#[test]
fn an_address_that_no_node_can_have_is_not_used_and_that_is_told() {
    for impossible in ["00:00:00:00:00:00", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff"] {
        let mut lab = vxlan_lab();
        lab.want(&[(FAR, by(&[("172.16.1.2", impossible)]))]);
        assert_eq!(forwarding(&lab), ["02:72:ac:10:01:02 172.16.1.2"]);
        let told = note(&lab, FAR).unwrap();
        assert!(told.contains(impossible) && told.contains("02:72:ac:10:01:02 is used"), "{told}");
    }
}

#[test]
fn two_nodes_of_one_address_do_not_get_each_others_packets() {
    let mut lab = vxlan_lab();
    let (clone, second) = ("aa:77:00:00:00:01", "10.68.3.0/26");
    lab.want(&[(second, by(&[("172.16.1.3", clone)]))]);
    assert_eq!(forwarding(&lab), ["aa:77:00:00:00:01 172.16.1.3"]);
    lab.want(&[(FAR, by(&[("172.16.1.2", clone)]))]);
    assert_eq!(forwarding(&lab), ["aa:77:00:00:00:01 172.16.1.2"], "of the lower address");
    assert_eq!((lab.state(FAR), lab.kernel.text(12).lines().count()), (State::Installed, 1));
    let told = lab.state(second).to_string();
    assert!(told.contains("172.16.1.2 and 172.16.1.3 are both announced with MAC address aa:77:00:00:00:01"), "{told}");
    // Several next hops: those that can be had.
    lab.want(&[(second, by(&[("172.16.1.3", clone), ("172.16.1.4", "aa:77:00:00:00:04")]))]);
    assert!(lab.kernel.text(12).contains("10.68.3.0/26 via 172.16.1.4 dev vxlan.roost"), "{}", lab.kernel.text(12));
    lab.want(&[(second, by(&[("172.16.1.3", clone)]))]);
    // The first goes, or gets an address of its own: then the second has this one.
    lab.want(&[(FAR, by(&[("172.16.1.2", "aa:77:00:00:00:02")]))]);
    assert_eq!((lab.state(FAR), lab.state(second)), (State::Installed, State::Installed));
    assert_eq!(forwarding(&lab), ["aa:77:00:00:00:02 172.16.1.2", "aa:77:00:00:00:01 172.16.1.3"]);
    lab.want(&[(FAR, None), (second, None)]);
    assert!(lab.kernel.far_ends().is_empty() && lab.kernel.text(12).is_empty());
}

#[test]
fn a_node_that_takes_other_tunnels_gets_nothing_in_this_one() {
    let mut lab = vxlan_lab();
    // RFC 9012 §4.1: the tunnel is of this type
    let other = Tunnel { node: "172.16.1.2".parse().unwrap(), mac: None, other: Some("ip-in-ip".into()) };
    let via: Via = ["172.16.1.2".parse().unwrap()].into_iter().collect();
    let via = Some(Target::via(Via { tunnels: vec![other], ..via }));
    // In a direct pool, and to a neighbour of the subnet, there is no tunnel to be wrong.
    lab.want(&[(FAR, via.clone()), ("10.69.2.0/26", via.clone()), ("10.99.2.0/26", via)]);
    let told = lab.state(FAR).to_string();
    assert!(told.contains("takes ip-in-ip tunnels, but pool 10.68.0.0/16 is vxlan"), "{told}");
    assert_eq!((lab.state("10.69.2.0/26"), lab.state("10.99.2.0/26")), (State::Installed, State::Installed));
    lab.want(&[(FAR, target("172.16.1.2"))]);
    assert_eq!(lab.state(FAR), State::Installed);
}

#[test]
fn a_restart_finds_announced_addresses_and_a_device_of_ours_is_swept_of_all() {
    let named = |last: u8| by(&[("172.16.1.2", &format!("aa:77:00:00:00:{last:02x}"))]);
    let mut lab = vxlan_lab();
    lab.want(&[(FAR, named(1)), ("10.68.3.0/26", by(&[("172.16.1.3", "aa:77:00:00:00:03")]))]);
    let link = lab.kernel.find_link("vxlan.roost").unwrap();
    lab.kernel.set_link(Link { mtu: 1450, mac: device().mac(), alias: Some("roost".into()), ..link });
    let mut next = lab_of(lab.kernel.clone(), FibConfig { devices: vec![device()], ..vxlan_config() });
    assert_eq!(next.batches(&[(FAR, named(1))]), Vec::<Vec<String>>::new(), "all of it stands");
    // Someone's way for what nobody knows is no far end.
    let zero = FarEntry { part: Part::Forwarding, dev: 9, node: "172.16.1.2".parse().unwrap(), mac: Mac([0; 6]) };
    next.kernel.far_end(zero, true);
    next.engine.sweep();
    next.run();
    assert_eq!(forwarding(&next), ["00:00:00:00:00:00 172.16.1.2", "aa:77:00:00:00:01 172.16.1.2"]);
    // It had changed while nobody looked.
    let mut late =
        lab_of(next.kernel.clone(), FibConfig { devices: next.engine.config.devices.clone(), ..vxlan_config() });
    late.want(&[(FAR, named(2))]);
    assert_eq!(forwarding(&late), ["00:00:00:00:00:00 172.16.1.2", "aa:77:00:00:00:02 172.16.1.2"]);
}

#[test]
fn a_half_refused_change_keeps_the_old_address_and_waits() {
    let mut lab = vxlan_lab();
    lab.want(&[(FAR, by(&[("172.16.1.2", "aa:77:00:00:00:01")]))]);
    lab.kernel.refuse(net("172.16.1.2/32"), libc::ENOBUFS, 1);
    let batches = lab.batches(&[(FAR, by(&[("172.16.1.2", "aa:77:00:00:00:02")]))]);
    assert_eq!(batches.len(), 1, "not again before its time: {batches:#?}");
    assert!(matches!(lab.state(FAR), State::Failed { .. }), "{:?}", lab.state(FAR));
    assert!(forwarding(&lab).contains(&"aa:77:00:00:00:01 172.16.1.2".to_owned()));
    lab.after(Duration::from_secs(1));
    assert_eq!(lab.state(FAR), State::Installed);
    assert_eq!(forwarding(&lab), ["aa:77:00:00:00:02 172.16.1.2"]);
}

#[test]
fn what_our_own_ends_are_called_is_told_when_it_changes() {
    let mut lab = lab_of(world(), vxlan_config());
    assert_eq!(lab.engine.take_macs(), None, "another program's device, which is not there yet");
    let link = |last: u8| Link {
        index: 9,
        name: "vxlan.roost".into(),
        up: true,
        mtu: 1450,
        mac: Some(Mac([0x66, 0, 0, 0, 0, last])),
        ..Link::default()
    };
    let named = |mac| Some([("vxlan.roost".to_owned(), mac)].into());
    for last in [1, 2] {
        lab.kernel.set_link(link(last));
        lab.run();
        assert_eq!(lab.engine.take_macs(), named(Mac([0x66, 0, 0, 0, 0, last])));
    }
    // Neither other news of the link nor its end changes what is announced.
    lab.kernel.set_link(Link { mtu: 1400, ..link(2) });
    lab.run();
    lab.kernel.link_gone(9);
    lab.run();
    assert_eq!(lab.engine.take_macs(), None);
    lab.kernel.set_link(Link { index: 12, ..link(3) });
    lab.run();
    assert_eq!(lab.engine.take_macs(), named(Mac([0x66, 0, 0, 0, 0, 3])), "made anew");
    // Ours to make: known before it is there, and the same when it is.
    let mut lab = lab_of(world(), FibConfig { devices: vec![device()], ..vxlan_config() });
    assert_eq!(lab.engine.take_macs(), named(Mac::of("172.16.1.1".parse().unwrap())));
    lab.after(Duration::from_secs(1));
    assert_eq!(lab.engine.take_macs(), None);
}
