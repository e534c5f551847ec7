//! Whose a link is, by its mark and by what it is like.

use super::*;

#[test]
fn a_mark_is_the_word_alone_or_with_an_address() {
    let link = |alias: Option<&str>| Link { index: 7, alias: alias.map(Into::into), ..Link::default() };
    let address = Address { dev: 7, net: "10.65.1.1/32".parse().unwrap() };
    for (alias, mark) in [
        (Some("roost"), Some(None)),
        (Some("roost 10.65.1.1/32"), Some(Some(address))),
        (Some("roost uplink"), None),
        (Some("rooster"), None),
        (Some(""), None),
        (None, None),
    ] {
        assert_eq!(mark_of(&link(alias)), mark, "{alias:?}");
    }
    // What somebody has written on an interface of another kind is not ours to delete.
    let kind = |kind| Link { kind, ..link(Some("roost")) };
    assert!(!is_ours(&kind(LinkKind::Other("veth".into()))) && !is_ours(&kind(LinkKind::Unknown)));
    assert!(is_ours(&kind(LinkKind::Ipip { local: None, remote: None })));
}

#[test]
fn an_ipip_device_to_one_far_end_or_from_another_address_is_anothers() {
    let local: IpAddr = "172.16.1.1".parse().unwrap();
    let device = Device { name: "tunl0".into(), local, mtu: 0, kind: DeviceKind::Ipip { address: None } };
    let far = Some("172.16.1.2".parse().unwrap());
    for (kind, fit) in [
        (LinkKind::Ipip { local: None, remote: None }, Fit::Ours),
        (LinkKind::Ipip { local: Some(local), remote: None }, Fit::Ours),
        (LinkKind::Ipip { local: far, remote: None }, Fit::Foreign),
        (LinkKind::Ipip { local: None, remote: far }, Fit::Foreign),
        (LinkKind::Other("tun".into()), Fit::Ours),
        (LinkKind::Other("dummy".into()), Fit::Foreign),
    ] {
        assert_eq!(device.fit(&Link { kind: kind.clone(), ..Link::default() }), fit, "{kind}");
    }
}

#[test]
fn the_mtu_leaves_room_for_the_headers_around() {
    let v4: IpAddr = "172.16.1.1".parse().unwrap();
    let v6: IpAddr = "fd00:1::1".parse().unwrap();
    let vxlan = DeviceKind::Vxlan { vni: 1, port: 4789 };
    // RFC 7348 §5, RFC 2003 §3.1
    assert_eq!([vxlan.overhead(v4), vxlan.overhead(v6), DeviceKind::Ipip { address: None }.overhead(v4)], [50, 70, 20]);
}
