//! Tunnel devices of our making: made, kept, made anew, and gone when nobody wants them.

use super::far::{FAR, device, lab_of, vxlan_config};
use super::*;
use crate::device::{Device, DeviceKind};
use crate::far_ends::Mac;
use crate::kernel::{Kernel, Link, LinkKind};

fn tunl0(address: Option<&str>) -> Device {
    let kind = DeviceKind::Ipip { address: address.map(net) };
    Device { name: "tunl0".into(), local: "172.16.1.1".parse().unwrap(), mtu: 0, kind }
}

/// With tunl0 as the module makes it.
fn ipip_world() -> MemoryKernel {
    let kernel = world();
    let kind = LinkKind::Ipip { local: None, remote: None };
    kernel.set_link(Link { index: 7, name: "tunl0".into(), mtu: 1480, kind, ..Link::default() });
    kernel
}

fn managed() -> FibConfig {
    FibConfig { devices: vec![device()], ..vxlan_config() }
}

fn vxlan_link(name: &str, vni: u32, mac: Mac, alias: Option<&str>) -> Link {
    let local = "172.16.1.1".parse().unwrap();
    let kind = LinkKind::Vxlan { vni, port: 4789, local: Some(local) };
    Link {
        index: 9,
        name: name.into(),
        up: true,
        carrier: true,
        mtu: 1450,
        mac: Some(mac),
        alias: alias.map(Into::into),
        kind,
    }
}

fn ours() -> Mac {
    Mac::of("172.16.1.1".parse().unwrap())
}

fn underlay(lab: &Lab, mtu: u32) {
    let link = lab.kernel.find_link("eth0").unwrap();
    lab.kernel.set_link(Link { mtu, ..link });
}

fn mtu_of(lab: &Lab, name: &str) -> u32 {
    lab.kernel.find_link(name).unwrap().mtu
}

impl Lab {
    fn why(&self, prefix: &str) -> String {
        self.state(prefix).to_string()
    }

    fn warnings(&self) -> String {
        self.engine.warnings().iter().map(|text| format!("{text}\n")).collect()
    }
}

#[test]
fn tunl0_of_the_module_is_set_up_kept_and_given_back() {
    let mut lab = lab_of(ipip_world(), FibConfig { devices: vec![tunl0(Some("10.65.1.1/32"))], ..config() });
    lab.want(&[("10.65.2.0/26", target("172.16.1.2"))]);
    let link = || lab.kernel.find_link("tunl0").unwrap();
    // RFC 2003 §3.1: one more IP header around each packet
    assert_eq!((link().up, link().mtu, link().alias.as_deref()), (true, 1480, Some("roost 10.65.1.1/32")));
    assert_eq!(lab.state("10.65.2.0/26"), State::Installed);
    let has = |lab: &Lab, address: &str| lab.engine.view.links.is_own(address.parse().unwrap());
    assert!(has(&lab, "10.65.1.1"));

    // Whatever somebody changes is put right, at once or a moment later.
    let tunnel = link();
    lab.kernel.set_link(Link { mtu: 1300, ..tunnel.clone() });
    lab.kernel.address_gone(7, net("10.65.1.1/32"));
    lab.after(Duration::from_secs(1));
    assert!(mtu_of(&lab, "tunl0") == 1480 && has(&lab, "10.65.1.1"));
    lab.kernel.set_link(Link { up: false, ..tunnel });
    lab.after(Duration::from_secs(1));
    assert_eq!(lab.state("10.65.2.0/26"), State::Installed);
    assert_eq!(lab.kernel.text(12), "10.65.2.0/26 via 172.16.1.2 dev tunl0 proto bird onlink\n");
    underlay(&lab, 1460);
    lab.after(Duration::from_secs(1));
    assert_eq!(mtu_of(&lab, "tunl0"), 1440);

    // Another address: the mark tells which one was ours. Somebody's own stays.
    lab.kernel.address(7, net("10.99.0.1/32"));
    let next = FibConfig { devices: vec![tunl0(Some("10.65.1.2/32"))], ..config() };
    lab.engine.reconfigure(lab.now, next).unwrap();
    lab.after(Duration::from_secs(1));
    assert!(has(&lab, "10.65.1.2") && !has(&lab, "10.65.1.1") && has(&lab, "10.99.0.1"));

    // Nobody wants it any more; nobody can delete it.
    let direct = Pool::new(net("10.65.0.0/16"), Mode::Direct);
    lab.engine.reconfigure(lab.now, FibConfig { pools: vec![direct], ..config() }).unwrap();
    lab.after(Duration::from_secs(1));
    let link = lab.kernel.find_link("tunl0").unwrap();
    assert_eq!((link.up, link.alias), (false, None));
    assert!(!has(&lab, "10.65.1.2") && has(&lab, "10.99.0.1"));
    assert_eq!(lab.kernel.text(12), "10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird\n");
}

/// The kernel forgets a device's neighbours when it is given an address, even its own one again.
#[test]
fn only_another_mac_address_is_put_right_and_the_far_ends_after_it() {
    let mut lab = lab_of(world(), managed());
    lab.want(&[(FAR, target("172.16.1.2"))]);
    lab.after(Duration::from_secs(1));
    let link = lab.kernel.find_link("vxlan.roost").unwrap();
    lab.kernel.set_link(Link { mtu: 1300, ..link.clone() });
    lab.now += Duration::from_secs(1);
    assert_eq!(lab.batches(&[]).concat(), ["link set vxlan.roost up mtu 1450 alias \"roost\""]);
    lab.kernel.set_link(Link { mac: Some(Mac([2, 0, 0, 0, 0, 9])), ..link.clone() });
    lab.now += Duration::from_secs(1);
    assert_eq!(
        lab.batches(&[]).concat(),
        [
            "link set vxlan.roost up mtu 1450 address 02:72:ac:10:01:01 alias \"roost\"",
            "neigh replace 172.16.1.2 lladdr 02:72:ac:10:01:02 dev vxlan.roost nud permanent"
        ]
    );
    assert_eq!(lab.kernel.find_link("vxlan.roost"), Some(link));
}

#[test]
fn without_the_module_it_is_said_how_to_load_it_and_tried_ever_more_seldom() {
    let kernel = world();
    kernel.link_gone(7);
    let mut lab = lab_of(kernel, FibConfig { devices: vec![tunl0(None)], ..config() });
    lab.want(&[("10.65.2.0/26", target("172.16.1.2"))]);
    let why = lab.why("10.65.2.0/26");
    assert!(why.contains("Operation not supported") && why.contains("`modprobe ipip`"), "{why}");
    assert_eq!(
        lab.warnings(),
        why.strip_prefix("withheld: ").unwrap().split("; until").next().unwrap().to_owned() + "\n"
    );
    let (writes, dumps) = (lab.kernel.writes(), lab.kernel.dumps());
    for _ in 0..600 {
        lab.after(Duration::from_millis(100));
    }
    assert!((5..12).contains(&(lab.kernel.writes() - writes)), "{}", lab.kernel.writes() - writes);
    assert!(lab.kernel.dumps() <= dumps + 1, "only the rescan");
    let kind = LinkKind::Ipip { local: None, remote: None };
    lab.kernel.set_link(Link { index: 12, name: "tunl0".into(), mtu: 1480, kind, ..Link::default() });
    lab.run();
    assert_eq!((lab.state("10.65.2.0/26"), lab.warnings()), (State::Installed, String::new()));
}

#[test]
fn a_leftover_of_ours_is_made_anew_and_all_of_it_stands_again_in_order() {
    let kernel = world();
    kernel.set_link(vxlan_link("vxlan.roost", 42, ours(), Some("roost")));
    let mut lab = Lab { kernel, engine: Engine::new(managed()).unwrap(), now: Instant::now() };
    let dump = lab.kernel.dump().now_or_never().unwrap().unwrap();
    lab.engine.load(lab.now, lab.now, dump);
    assert_eq!(
        lab.batches(&[(FAR, target("172.16.1.2"))]),
        [
            &[
                "link del vxlan.roost",
                "link add vxlan.roost up mtu 1450 address 02:72:ac:10:01:01 type vxlan id 4096 dstport 4789 local \
                 172.16.1.1 nolearning"
            ][..],
            &["link set vxlan.roost up mtu 1450 alias \"roost\""],
            &[
                "neigh replace 172.16.1.2 lladdr 02:72:ac:10:01:02 dev vxlan.roost nud permanent",
                "fdb replace 02:72:ac:10:01:02 dst 172.16.1.2 dev vxlan.roost self permanent"
            ],
            &["add 10.68.2.0/26 via 172.16.1.2 dev vxlan.roost proto bird onlink"],
        ]
    );
    // One that an earlier version made, or that nobody came to mark, is marked and otherwise left alone.
    let link = lab.kernel.find_link("vxlan.roost").unwrap();
    lab.kernel.set_link(Link { alias: None, ..link.clone() });
    lab.after(Duration::from_secs(1));
    assert_eq!(lab.kernel.find_link("vxlan.roost"), Some(link));
}

#[test]
fn another_programs_device_is_not_touched_and_named() {
    let stranger = Mac([0x66, 0, 0, 0, 0, 1]);
    for (link, words) in [
        (vxlan_link("vxlan.roost", 42, stranger, None), "it is `vxlan id 42 dstport 4789 local 172.16.1.1`"),
        (vxlan_link("vxlan.roost", 4096, stranger, None), "with address 66:00:00:00:00:01 where 02:72:ac:10:01:01"),
        (
            Link { kind: LinkKind::Other("dummy".into()), ..vxlan_link("vxlan.roost", 0, stranger, Some("uplink")) },
            "it is `dummy`",
        ),
    ] {
        let kernel = world();
        kernel.set_link(link.clone());
        let mut lab = lab_of(kernel, managed());
        lab.want(&[(FAR, target("172.16.1.2"))]);
        let why = lab.why(FAR);
        for part in [words, "`ip link del vxlan.roost`", "`manage: false`", "id 4096 dstport 4789 local 172.16.1.1"] {
            assert!(why.contains(part), "{part}: {why}");
        }
        lab.after(Duration::from_secs(61));
        assert_eq!((lab.kernel.find_link("vxlan.roost"), lab.kernel.writes()), (Some(link), 0));
        assert!(why.contains(lab.warnings().trim()), "{}", lab.warnings());
        lab.kernel.link_gone(9);
        lab.run();
        assert_eq!((lab.state(FAR), lab.warnings()), (State::Installed, String::new()));
    }
}

#[test]
fn a_network_that_another_device_has_is_named_and_one_of_ours_makes_room() {
    let kernel = world();
    kernel.set_link(vxlan_link("vxlan.calico", 4096, Mac([0x66, 0, 0, 0, 0, 1]), None));
    let mut lab = lab_of(kernel, managed());
    lab.want(&[(FAR, target("172.16.1.2"))]);
    let why = lab.why(FAR);
    assert!(why.contains("device vxlan.calico has VNI 4096 on port 4789 already; `ip link del vxlan.calico`"), "{why}");

    // Renamed in the configuration: the former one of ours goes first.
    lab.kernel.set_link(vxlan_link("vxlan.old", 4096, ours(), Some("roost")));
    lab.after(Duration::from_secs(61));
    assert_eq!(lab.state(FAR), State::Installed);
    assert_eq!(lab.kernel.find_link("vxlan.old"), None);
}

#[test]
fn a_device_comes_before_the_first_route_and_goes_after_the_last_without_a_hole() {
    let direct = || FibConfig { pools: vec![Pool::new(net("10.68.0.0/16"), Mode::Direct)], ..FibConfig::default() };
    let mut lab = lab_of(world(), direct());
    lab.want(&[(FAR, target("172.16.1.2"))]);
    lab.engine.reconfigure(lab.now, managed()).unwrap();
    lab.now += Duration::from_secs(1);
    lab.turn();
    lab.land();
    let there = lab.batches(&[]).concat();
    let verbs =
        |ops: &[String]| ops.iter().map(|op| op.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
    assert_eq!(verbs(&there), ["link set", "neigh replace", "fdb replace", "replace 10.68.2.0/26"], "{there:#?}");
    assert_eq!(lab.kernel.text(12), "10.68.2.0/26 via 172.16.1.2 dev vxlan.roost proto bird onlink\n");

    lab.engine.reconfigure(lab.now, direct()).unwrap();
    lab.now += Duration::from_secs(1);
    lab.engine.load(lab.now, lab.now, lab.kernel.clone().dump().now_or_never().unwrap().unwrap());
    let back = lab.batches(&[]).concat();
    assert_eq!(verbs(&back), ["replace 10.68.2.0/26", "fdb del", "neigh del", "link del"], "{back:#?}");
    assert_eq!(lab.kernel.find_link("vxlan.roost"), None);
}

#[test]
fn a_device_that_a_pool_goes_on_using_is_handed_over_as_it_stands() {
    let mut lab = lab_of(world(), managed());
    lab.want(&[(FAR, target("172.16.1.2"))]);
    let before = lab.kernel.find_link("vxlan.roost").unwrap();
    lab.engine.reconfigure(lab.now, vxlan_config()).unwrap();
    lab.after(Duration::from_secs(1));
    assert_eq!(lab.kernel.find_link("vxlan.roost"), Some(Link { alias: None, ..before }));
    assert_eq!(lab.state(FAR), State::Installed);
}

#[test]
fn what_an_earlier_run_made_stays_until_its_routes_are_swept() {
    let mut lab = lab_of(world(), managed());
    lab.want(&[(FAR, target("172.16.1.2"))]);
    let mut next = lab_of(lab.kernel.clone(), FibConfig::default());
    next.after(Duration::from_secs(1));
    assert!(next.kernel.find_link("vxlan.roost").is_some() && next.kernel.text(12).lines().count() == 1);
    next.engine.sweep();
    next.run();
    assert_eq!((next.kernel.find_link("vxlan.roost"), next.kernel.text(12)), (None, String::new()));
}

#[test]
fn a_clean_up_takes_all_of_it() {
    let mut lab = lab_of(world(), managed());
    lab.want(&[(FAR, target("172.16.1.2"))]);
    lab.engine.drop_all();
    lab.run();
    assert_eq!((lab.kernel.find_link("vxlan.roost"), lab.kernel.text(12)), (None, String::new()));
}

/// 1440 of 1460 and 1480 of 1500 for ipip; 50 octets less for VXLAN.
#[test]
fn a_tunnel_too_large_for_the_network_is_a_warning_unless_it_follows_it() {
    let local = "172.16.1.1".parse().unwrap();
    let config = FibConfig {
        pools: vec![Pool::new(net("10.65.0.0/16"), Mode::Ipip), Pool::new(net("10.68.0.0/16"), Mode::Vxlan)],
        addresses: vec!["fd00:1::1".parse().unwrap(), local],
        ..FibConfig::default()
    };
    let kernel = world();
    kernel.set_link(Link { mtu: 1450, ..vxlan_link("vxlan.roost", 7, ours(), None) });
    let mut lab = lab_of(kernel, config.clone());
    assert_eq!(
        lab.warnings(),
        "tunnel device tunl0 has MTU 1500, and 1480 is what fits into the 1500 of eth0: larger packets are fragmented or \
         lost; `ip link set tunl0 mtu 1480`, or set it where the device is made\n"
    );
    underlay(&lab, 1460);
    lab.run();
    assert!(
        lab.warnings().contains("tunl0 mtu 1440") && lab.warnings().contains("vxlan.roost mtu 1410"),
        "{}",
        lab.warnings()
    );
    let fixed = Device { mtu: 1450, kind: DeviceKind::Vxlan { vni: 7, port: 4789 }, ..device() };
    lab.engine.reconfigure(lab.now, FibConfig { devices: vec![tunl0(None), fixed], ..config }).unwrap();
    lab.after(Duration::from_secs(1));
    assert_eq!(lab.warnings().lines().count(), 1);
    assert!(lab.warnings().contains("take `mtu` away from the pool"), "{}", lab.warnings());
}
