//! How the node's own address is found on its interfaces, as written.

use bgp_proto::Prefix;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::at::At;
use crate::config::values::{Lasting, S};
use crate::detect::{Host, Pattern};

/// How the node's addresses are found on this machine, as by Calico's IP_AUTODETECTION_METHOD. They stand behind those
/// of `addresses` then. What a running roost uses it keeps: when another address is found later, `roost show status`
/// says so, and a restart takes it over.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Detect {
    /// How the IPv4 address is found. Default: it is not looked for.
    pub ipv4: At<DetectRule>,
    /// How the IPv6 address is found. Default: it is not looked for.
    pub ipv6: At<DetectRule>,
    /// Interfaces that first-found and skip-interface pass over, instead of Calico's list, which is the default:
    /// `^docker.*`, `^cbr.*`, `^dummy.*`, `^podman.*`, `^virbr.*`, `^lxcbr.*`, `^veth.*`, `^lo`, `^br-.*`, `^cali.*`,
    /// `^tunl.*`, `^flannel.*`, `^kube-ipvs.*`, `^cni.*`, `^vxlan\.calico.*`, `^vxlan-v6\.calico.*`,
    /// `^wireguard\.cali.*`, `^wg-v6\.cali.*`, `^nodelocaldns.*`.
    pub exclude: At<Vec<S<Pattern>>>,
    /// How long a start waits for the addresses before it fails, at most 1h. Default: 60s.
    pub wait: S<Lasting<0, 3_600_000>>,
}

/// How the address of one family is found: interfaces by falling index, and of each its first global unicast address.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["method"]))]
pub(in crate::config) struct DetectRule {
    /// What singles the address out.
    pub method: At<DetectMethod>,
    /// With interface and skip-interface: regular expressions, found anywhere in a name unless anchored with ^ and $.
    pub interfaces: At<Vec<S<Pattern>>>,
    /// With cidr: the ranges.
    pub cidrs: At<Vec<S<Prefix>>>,
    /// With can-reach: the host to reach, by address or name; nothing is sent to it. With internal-name: the name that
    /// stands for the node, by default this machine's own.
    pub host: S<Host>,
}

/// What singles the node's address out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum DetectMethod {
    /// The first address of the interfaces that are not excluded.
    FirstFound,
    /// The first address of the interfaces that `interfaces` names; none is excluded.
    Interface,
    /// The first address of the interfaces that are not excluded and that `interfaces` does not name.
    SkipInterface,
    /// The first address in one of `cidrs`; no interface is excluded.
    Cidr,
    /// The address that packets to `host` leave from.
    CanReach,
    /// The address the machine's name stands for, in /etc/hosts or the DNS; Calico's kubernetes-internal-ip.
    InternalName,
}
