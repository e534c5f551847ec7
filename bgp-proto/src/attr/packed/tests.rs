//! That whatever attributes there are come back is proven with random ones: `message/tests/roundtrip.rs`.

use super::*;

fn packed(attrs: &PathAttrs) -> Vec<u8> {
    let mut out = Vec::new();
    attrs.pack(&mut out);
    out
}

fn plain() -> PathAttrs {
    PathAttrs::originated(NextHop::Addr([192, 0, 2, 1].into()))
}

#[test]
fn a_usual_set_is_small() {
    assert_eq!(packed(&plain()).len(), 6);
    let as_path = AsPath::sequence([1, 2, 3, 4].map(Asn));
    let attrs = PathAttrs { as_path, local_pref: Some(100), communities: [Community(7)].into(), ..plain() };
    assert_eq!(packed(&attrs).len(), 6 + 4 + 5 + 18);
}

#[test]
fn a_next_hop_on_an_interface_comes_back() {
    // It never stands on the wire.
    let addr = "fe80::1".parse().expect("an address");
    let attrs = PathAttrs { next_hop: NextHop::OnInterface { addr, interface: 7 }, ..plain() };
    assert_eq!(PathAttrs::unpack(&packed(&attrs)), Some(attrs));
}

#[test]
fn a_value_as_long_as_messages_get_comes_back() {
    let value = vec![7; 70_000].into();
    let unknown = RawAttr { flags: AttrFlags(0xc0), code: AttrCode(99), value };
    let attrs = PathAttrs { unknown: [unknown].into(), ..plain() };
    assert_eq!(PathAttrs::unpack(&packed(&attrs)), Some(attrs));
}

#[test]
fn octets_that_end_early_are_nothing() {
    let unknown = RawAttr { flags: AttrFlags(0xc0), code: AttrCode(99), value: [1, 2, 3].into() };
    let attrs = PathAttrs { med: Some(1), cluster_list: [RouterId(1)].into(), unknown: [unknown].into(), ..plain() };
    let whole = packed(&attrs);
    for len in 0..whole.len() {
        assert_eq!(PathAttrs::unpack(&whole[..len]), None, "{len} octets");
    }
}
