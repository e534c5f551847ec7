//! Addresses that mean something on one link only.

use std::net::IpAddr;

/// An address with its zone, the name of an interface: `fe80::1%eth0`. RFC 4007 §11.2
pub fn zoned(address: IpAddr, zone: Option<&str>) -> String {
    match zone {
        Some(zone) => format!("{address}%{zone}"),
        None => address.to_string(),
    }
}

/// The address, and the zone if one is written; `None` when it is no address. RFC 4007 §11.2
pub fn parse_zoned(text: &str) -> Option<(IpAddr, Option<&str>)> {
    match text.split_once('%') {
        Some((address, zone)) => Some((address.parse().ok()?, Some(zone))),
        None => Some((text.parse().ok()?, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_written_behind_its_address() {
        // RFC 4007 §11.2
        for text in ["172.16.1.2", "fd00::2", "fe80::2%eth0"] {
            let (address, zone) = parse_zoned(text).expect("an address");
            assert_eq!(zoned(address, zone), text);
        }
        assert_eq!(parse_zoned("fe80:0::2%eth1"), Some(("fe80::2".parse().expect("an address"), Some("eth1"))));
        for text in ["", "node-b", "%eth0", "fe80::2:%eth0"] {
            assert_eq!(parse_zoned(text), None, "{text:?}");
        }
    }
}
