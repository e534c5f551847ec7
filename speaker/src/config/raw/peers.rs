//! Peers of every kind, and the settings they share, as written.

use std::net::IpAddr;
use std::path::PathBuf;

use bgp_proto::message::Role;
use bgp_proto::{Asn, Family, Prefix, RouterId};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{PeerGracefulRestart, Timer, Wait};
use crate::config::at::At;
use crate::config::rules::PrivateAs;
use crate::config::values::{Asns, HoldTime, Int, Lasting, MeshPassive, PeerAddress, S, Seconds, Secret};

/// ADD-PATH (RFC 7911).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct AddPath {
    /// Send several paths for a prefix. Default: false.
    pub send: At<bool>,
    /// Receive several paths for a prefix. Default: false.
    pub receive: At<bool>,
}

/// How many prefixes a peer may announce, in each family (RFC 4271 §6.7).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct MaxPrefix {
    /// The limit in each family that has none of its own here. With ADD-PATH every path counts.
    pub limit: S<PrefixLimit>,
    /// The limit for IPv4 prefixes.
    pub ipv4: S<PrefixLimit>,
    /// The limit for IPv6 prefixes.
    pub ipv6: S<PrefixLimit>,
    /// Percentage of the limit from which on it is logged. Default: 75.
    pub warning: S<Int<1, 100>>,
    /// What happens beyond the limit. Default: restart.
    pub action: At<MaxPrefixAction>,
    /// With action restart: how long the peer is refused, from 1s to 7d. Default: 5m.
    pub restart_after: S<Lasting<1_000, 604_800_000>>,
    /// What counts. Default: received.
    pub count: At<MaxPrefixCount>,
}

/// A number of prefixes.
pub(in crate::config) type PrefixLimit = Int<1, 100_000_000>;

/// What happens to a peer that announces too many prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum MaxPrefixAction {
    /// Its session ends, and may come back after `restart_after`.
    Restart,
    /// Its session ends, and stays down until `roost peer enable`.
    Disable,
    /// Only logged.
    Warn,
    /// The prefixes beyond the limit are ignored, and asked for when a tenth of the limit is free again.
    Block,
}

/// Which prefixes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum MaxPrefixCount {
    /// All of them.
    Received,
    /// Those the import policy lets through.
    Accepted,
}

/// Declares a type whose keys are its own and those every kind of peer has, and a view of the latter.
macro_rules! with_session_keys {
    (@view $($(#[$doc:meta])* $key:ident: $type:ty,)*) => {
        /// The settings peers, groups and the mesh have in common.
        #[derive(Clone, Copy, Debug)]
        pub(in crate::config) struct SessionKeys<'f> {
            $(pub $key: &'f $type,)*
        }
    };
    (@type { $(#[$meta:meta])* $name:ident { $($(#[$own_doc:meta])* $own:ident: $own_type:ty,)* } }
     $($(#[$doc:meta])* $key:ident: $type:ty,)*) => {
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        $(#[$meta])*
        pub(in crate::config) struct $name {
            $($(#[$own_doc])* pub $own: $own_type,)*
            $($(#[$doc])* pub $key: $type,)*
        }

        impl $name {
            /// The settings it has in common with the other kinds.
            pub fn session(&self) -> SessionKeys<'_> {
                SessionKeys { $($key: &self.$key,)* }
            }
        }
    };
    (@keys $($head:tt)*) => {
        with_session_keys! { $($head)*
            /// The TCP port to connect to. Default: 179.
            port: S<Int<1, 65535>>,
            /// Our address on the session. Default: the node's first address of the peer's family.
            source: S<IpAddr>,
            /// Hold time to offer: 0, or 3s to 65535s. Default: 90s.
            hold_time: S<HoldTime>,
            /// Time between keepalives. Default: a third of the hold time.
            keepalive: S<Seconds<1, 65_535>>,
            /// How long the peer may take nothing of what we send before the session ends (RFC 9687); 0s is for ever.
            /// Default: 8m, or twice the hold time if that is longer.
            send_hold: S<Wait>,
            /// Time between attempts to connect. Default: 5s.
            connect_retry: S<Timer>,
            /// First pause after a session has failed; doubles with each failure in a row. Default: 1s.
            idle_hold: S<Timer>,
            /// Longest pause after failures. Default: 30s.
            idle_hold_max: S<Timer>,
            /// TCP-MD5 password (RFC 2385), 1 to 80 bytes.
            password: S<Secret>,
            /// File that holds the TCP-MD5 password in one line; relative to the configuration file. It is read again
            /// when it changes and on SIGHUP; sessions go on with the new password without a reset.
            password_file: S<PathBuf>,
            /// The peer is our route reflector client. Default: false.
            route_reflector_client: At<bool>,
            /// The cluster that the client is in (RFC 4456 §7); other reflectors of the same clients may name the same.
            /// Default: the router's.
            cluster_id: S<RouterId>,
            /// Families to exchange. Default: that of the peer's address.
            families: At<Vec<S<Family>>>,
            /// Exchange IPv4 routes with IPv6 next hops (RFC 8950). Default: true for a link-local address, else false.
            extended_next_hop: At<bool>,
            /// Several paths for one prefix. Default: off.
            add_path: At<AddPath>,
            /// Announce learned routes with ourselves as next hop. Default: false.
            next_hop_self: At<bool>,
            /// How often our own AS may stand in a route of the peer, 0 to 10. Default: 0.
            allow_as_in: S<Int<0, 10>>,
            /// Refuse routes of an eBGP peer whose AS path does not begin with its AS; off for a route server's clients.
            /// Default: true.
            enforce_first_as: At<bool>,
            /// Refuse routes of an eBGP neighbour whose next hop is neither its address nor on the node's subnets, when
            /// routes go into the kernel and the neighbour's address is on one of them. Default: true.
            connected_check: At<bool>,
            /// Give routes of an eBGP peer with the community GRACEFUL_SHUTDOWN the LOCAL_PREF 0 (RFC 8326). Default: true.
            graceful_shutdown: At<bool>,
            /// Discard packets to prefixes of /24 (IPv6: /48) and longer that the peer announces with the community
            /// BLACKHOLE (RFC 7999); eBGP peers are not told such routes either way. Default: false.
            blackhole: At<bool>,
            /// Take routes with an AS_SET in their path from the peer and announce such routes to it, as it was before
            /// RFC 9774. Default: false.
            accept_as_set: At<bool>,
            /// What we are to an eBGP peer (RFC 9234); keeps routes of providers and peers from leaking to others.
            /// Default: nothing is said.
            role: S<Role>,
            /// Refuse the session when the peer does not say its role. Default: false.
            strict_role: At<bool>,
            /// The AS we are to an eBGP peer. Default: the router's.
            local_as: S<Asn>,
            /// Do not put `local_as` in front of the routes of the peer. Default: false.
            local_as_no_prepend: At<bool>,
            /// Announce routes to the peer with `local_as` alone, without the router's AS behind it. Default: false.
            local_as_replace_as: At<bool>,
            /// Take private AS numbers from what an eBGP peer is told: true from paths of nothing else, all from every
            /// path, replace puts our AS in their place. The peer's own number stays. Default: false.
            remove_private_as: S<PrivateAs>,
            /// Hops to an eBGP peer that is not a neighbour. Default: 1, a neighbour.
            ebgp_multihop: S<Int<1, 255>>,
            /// Accept only packets from at most this many hops away (GTSM, RFC 5082). Default: off.
            ttl_security: S<Int<1, 254>>,
            /// Routes to take: accept, reject or a policy. Default: accept for iBGP; eBGP peers must say.
            import: S<String>,
            /// Routes to announce: accept, reject or a policy. Default: accept for iBGP; eBGP peers must say.
            export: S<String>,
            /// Graceful restart with the peer. Default: as the router.
            graceful_restart: At<PeerGracefulRestart>,
            /// How many prefixes the peer may announce. Default: any number.
            max_prefix: At<MaxPrefix>,
        }
    };
    ($($type:tt)*) => {
        with_session_keys! { @keys @view }
        $(with_session_keys! { @keys @type $type })*
    };
}

with_session_keys! {
    {
        /// Settings that peers share by naming the group.
        PeerGroup {
            /// The peers' AS number.
            asn: S<Asn>,
            /// Wait for the peers to connect. Default: false.
            passive: At<bool>,
            /// Run the peers. Default: true.
            enabled: At<bool>,
            /// Free text, for the peers that have none of their own.
            description: S<String>,
        }
    }
    {
        /// A peer. What it does not say is taken from its group, then from the defaults.
        #[schemars(extend("required" = ["address"]))]
        Peer {
            /// The peer's address; a link-local one with its interface, `fe80::1%eth0`.
            address: S<PeerAddress>,
            /// The group whose settings it takes.
            group: S<String>,
            /// The peer's AS number.
            asn: S<Asn>,
            /// Wait for the peer to connect. Default: false.
            passive: At<bool>,
            /// Run the peer. Default: true.
            enabled: At<bool>,
            /// Free text.
            description: S<String>,
        }
    }
    {
        /// A mesh of nodes: one session to each other node and family.
        #[schemars(extend("required" = ["nodes"]))]
        Mesh {
            /// The nodes, this one among them.
            nodes: At<Vec<At<MeshNode>>>,
            /// The group whose settings the peers take.
            group: S<String>,
            /// The nodes' AS number. Default: the router's.
            asn: S<Asn>,
            /// Who waits: true or false for this node; `auto`: of two nodes the one whose address is smaller as text.
            /// Default: false, both connect.
            passive: S<MeshPassive>,
            /// Run the peers. Default: true.
            enabled: At<bool>,
        }
    }
}

/// A range of addresses whose hosts may connect and become peers, for as long as they are there.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["prefix", "group"]))]
pub(in crate::config) struct DynamicPeers {
    /// The range. A listed peer inside it keeps its own settings; of two ranges the longer prefix counts.
    pub prefix: S<Prefix>,
    /// The group whose settings they take.
    pub group: S<String>,
    /// Their AS number, a list of those they may have, or `any`; lists and `any` are for other ASes than ours. Default:
    /// the group's.
    pub asn: At<Asns>,
    /// How many there may be at a time. Default: 1000.
    pub limit: S<Int<1, 100_000>>,
    /// How long one is remembered after its session, its routes included. Default: 60s.
    pub forget_after: S<Wait>,
}

/// A node of the mesh.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name", "addresses"]))]
pub(in crate::config) struct MeshNode {
    /// The node's name.
    pub name: S<String>,
    /// The node's addresses, at most one of each family.
    pub addresses: At<Vec<S<IpAddr>>>,
    /// The node's AS number. Default: the mesh's.
    pub asn: S<Asn>,
    /// The node's TCP port. Default: the mesh's.
    pub port: S<Int<1, 65535>>,
}
