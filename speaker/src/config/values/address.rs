//! Addresses and prefixes: usable by a host, without host bits where a block is meant.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bgp_proto::Prefix;
use ipnetwork::IpNetwork;
use schemars::{Schema, json_schema};

use super::{DeviceName, Int, Refusal, Scalar, expected};
use crate::config::secrets::crop;

/// An address packets can be sent to.
fn usable(address: IpAddr, text: &str) -> Result<IpAddr, Refusal> {
    let what = match address {
        address if address.is_unspecified() => "the unspecified address",
        address if address.is_multicast() => "a multicast address",
        IpAddr::V4(Ipv4Addr::BROADCAST) => "the broadcast address",
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            return Err(expected("an address", text).help("write an IPv4-mapped address as plain IPv4"));
        }
        address => return Ok(address),
    };
    Err(Refusal { message: format!("`{}` is {what}", crop(text)), help: "expected the address of one host".to_owned() })
}

fn address(text: &str) -> Result<IpAddr, Refusal> {
    text.parse().map_err(|_| {
        let refusal = expected("an IP address, such as 172.16.1.1 or fd00::1", text);
        match text {
            _ if text.contains('/') => refusal.help("no prefix length here"),
            _ if text.parse::<SocketAddr>().is_ok() => refusal.help("the port has a key of its own"),
            _ => refusal,
        }
    })
}

impl Scalar for IpAddr {
    const WHAT: &'static str = "an IP address";

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        usable(address(text)?, text)
    }
}

/// The address of a peer: a link-local one names its interface, `fe80::1%eth0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::config) struct PeerAddress {
    pub address: IpAddr,
    pub interface: Option<DeviceName>,
}

impl Scalar for PeerAddress {
    const WHAT: &'static str = "the peer's IP address";

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let (host, zone) = text.split_once('%').map_or((text, None), |(host, zone)| (host, Some(zone)));
        let address = usable(address(host)?, host)?;
        let link_local = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
        let interface = match (link_local, zone) {
            (true, Some(zone)) => Some(DeviceName::from_text(zone)?),
            (false, None) => None,
            (true, None) => {
                return Err(expected("an address with its interface", text).help(format!("write `{host}%eth0`")));
            }
            (false, Some(_)) => {
                return Err(expected("an address", text).help("only link-local addresses have a `%interface`"));
            }
        };
        Ok(Self { address, interface })
    }
}

impl Scalar for SocketAddr {
    const WHAT: &'static str = "ADDRESS:PORT";

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        text.parse().map_err(|_| {
            let refusal = expected("ADDRESS:PORT, such as 0.0.0.0:179 or [::]:179", text);
            match text.parse::<IpAddr>() {
                Ok(IpAddr::V4(_)) => refusal.help(format!("did you mean `{text}:179`?")),
                Ok(IpAddr::V6(_)) => refusal.help(format!("did you mean `[{text}]:179`?")),
                Err(_) => refusal,
            }
        })
    }
}

/// A block of addresses: no host bits set.
impl Scalar for Prefix {
    const WHAT: &'static str = "a prefix";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-fA-F:.]+/[0-9]{1,3}$" })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let prefix: Prefix = text.parse().map_err(|error| {
            let refusal = expected("a prefix, such as 10.65.1.0/26 or fd00:10::/122", text);
            match (error, text.parse::<IpAddr>()) {
                (bgp_proto::PrefixError::Length { max, .. }, _) => refusal.help(format!("the length is at most {max}")),
                (_, Ok(address)) => refusal.help(format!("for one address write `{}`", Prefix::host(address))),
                _ => refusal,
            }
        })?;
        let written = text.split_once('/').and_then(|(address, _)| address.parse::<IpAddr>().ok());
        if written != Some(prefix.addr()) {
            return Err(Refusal {
                message: format!("`{}` has bits set behind its length", crop(text)),
                help: format!("did you mean `{prefix}`?"),
            });
        }
        Ok(prefix)
    }
}

/// An address of this node with the length of its subnet. A bare address is a subnet of its own.
impl Scalar for IpNetwork {
    const WHAT: &'static str = "an address with its prefix length, such as 172.16.1.1/24";

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-fA-F:.]+(/[0-9]{1,3})?$" })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let (host, len) = text.split_once('/').map_or((text, None), |(host, len)| (host, Some(len)));
        let address = usable(address(host)?, host)?;
        let max = if address.is_ipv4() { 32 } else { 128 };
        let len = match len.map(Int::<0, 128>::from_text).transpose() {
            Ok(len) => len.map_or(max, |len| len.0),
            Err(_) => return Err(expected(Self::WHAT, text)),
        };
        let network = u8::try_from(len).ok().and_then(|len| IpNetwork::new(address, len).ok());
        network.ok_or_else(|| expected(Self::WHAT, text).help(format!("the length is at most {max}")))
    }
}
