//! Octets, text and views of extended communities.

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> ExtCommunity {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn octets_and_text_are_each_other() {
    for (octets, text) in [
        // RFC 9012 §4.1: 0x03, 0x0c, four reserved octets, the tunnel type; types by RFC 8365 and RFC 9012
        ([0x03, 0x0c, 0, 0, 0, 0, 0, 8], "encap:vxlan"),
        ([0x03, 0x0c, 0, 0, 0, 0, 0, 7], "encap:ip-in-ip"),
        ([0x03, 0x0c, 0, 0, 0, 0, 0x12, 0x34], "encap:4660"),
        // RFC 9135 §8.1: 0x06, 0x03, the address
        ([0x06, 0x03, 0x02, 0x72, 0xac, 0x10, 0x01, 0x0f], "router-mac:02:72:ac:10:01:0f"),
        // RFC 4360 §3, RFC 5668 §2
        ([0, 2, 0xfc, 0, 0, 1, 0, 0], "rt:64512:65536"),
        ([1, 3, 10, 0, 0, 1, 0, 7], "ro:10.0.0.1:7"),
        ([2, 2, 0, 1, 0, 0, 0, 7], "rt:65536:7"),
        // what is not said in any other way, reserved octets among it
        ([0x03, 0x0c, 0, 0, 0, 1, 0, 8], "030c000000010008"),
        ([0x43, 0x0c, 0, 0, 0, 0, 0, 8], "430c000000000008"),
        ([0x06, 0x00, 0, 0, 0, 0, 0, 8], "0600000000000008"),
    ] {
        assert_eq!(ExtCommunity(octets).to_string(), text);
        assert_eq!(read(text).0, octets, "{text}");
    }
}

#[test]
fn what_is_none_is_refused() {
    for text in [
        "",
        "encap",
        "encap:",
        "encap:65536",
        "encap:VXLAN",
        "router-mac:02:72:ac:10:01",
        "router-mac:02:72:ac:10:01:01:01",
        "router-mac:2:72:ac:10:01:01",
        "router-mac:+2:72:ac:10:01:01",
        "rt:64512",
        "rt:65536:65536",
        "rt:10.0.0.1:65536",
        "mac:02:72:ac:10:01:01",
        "030c00000000000",
        "030c0000000000080",
        "030c00000000000g",
        "030c000000000é8",
    ] {
        let error = text.parse::<ExtCommunity>().expect_err(text).to_string();
        assert!(error.contains("encap:vxlan"), "{text}: {error}");
    }
}

#[test]
fn views_tell_what_they_are_made_of_and_nothing_of_others() {
    let (encapsulation, mac) = (ExtCommunity::encapsulation(TunnelType::VXLAN), [2, 0x72, 172, 16, 1, 1]);
    assert_eq!(encapsulation.tunnel_type(), Some(TunnelType::VXLAN));
    assert_eq!(ExtCommunity::router_mac(mac).as_router_mac(), Some(mac));
    assert_eq!((encapsulation.as_router_mac(), ExtCommunity::router_mac(mac).tunnel_type()), (None, None));
    // RFC 9012 §4.1: what is reserved is ignored. RFC 4360 §3.3: of the same sub-type and not transitive is another.
    assert_eq!(read("030c010203040008").tunnel_type(), Some(TunnelType::VXLAN));
    for other in ["430c000000000008", "4603027200000001", "030b000000000008", "rt:64512:1"].map(read) {
        assert_eq!((other.tunnel_type(), other.as_router_mac(), other.is_of_tunnel()), (None, None, false), "{other}");
    }
    assert!([encapsulation, ExtCommunity::router_mac(mac)].iter().all(ExtCommunity::is_of_tunnel));
    assert!(encapsulation.is_transitive() && ExtCommunity::router_mac(mac).is_transitive());
}

proptest! {
    /// Routes' targets and origins that are not transitive, or whose AS is written wider than it need be, are read as
    /// the usual ones; all else comes back as it was.
    #[test]
    fn whatever_is_displayed_is_read_back(octets in any::<[u8; 8]>()) {
        let community = ExtCommunity(octets);
        let back = read(&community.to_string());
        prop_assert_eq!(back.to_string(), community.to_string());
        if !(matches!(octets[0] & 0xbf, 0..=2) && matches!(octets[1], 2 | 3)) {
            prop_assert_eq!(back, community);
        }
    }
}
