//! Peers: what each one says over what its group says over the defaults, and the peers that follow from the mesh.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bgp_proto::{Asn, Family, FamilySet};

use super::policies::{Policies, unknown_help};
use super::{ReadPassword, has_bad};
use crate::config::diagnostic::{Place, Report};
use crate::config::model::{
    AddPath, GracefulRestart, Node, Password, PeerOrigin, PeerSettings, PolicyRef, Router, Ttl,
};
use crate::config::raw::{self, SessionKeys};
use crate::config::read::At;
use crate::config::tree::crop;
use crate::config::values::{DeviceName, HoldTime, MeshPassive, PeerAddress, S, Secret, show_duration};

pub(super) fn check(
    file: &raw::File,
    router: &Router,
    node: &Node,
    policies: &Policies,
    report: &Report,
    read_password: ReadPassword<'_>,
) -> Vec<PeerSettings> {
    let groups = file.peer_groups.entries().map(|(name, _, group, _)| (name, group)).collect();
    let read = RefCell::new(HashMap::new());
    let mut checker =
        Checker { file, router, node, policies, report, groups, read_password, read, taken: HashMap::new() };
    let mut peers = Vec::new();
    for (raw, place) in file.peers.items() {
        peers.extend(checker.peer(raw, place));
    }
    if let Some((mesh, place)) = file.mesh.good() {
        checker.mesh(mesh, place, &mut peers);
    }
    // Settings of a group nobody uses are checked too: a mistake in them would show only once somebody does.
    for (name, _, group, place) in file.peer_groups.entries() {
        let used = |key: &S<String>| key.value().is_some_and(|used| used.0 == name);
        let mesh = file.mesh.value().is_some_and(|mesh| used(&mesh.group));
        if !mesh && !file.peers.items().any(|(peer, _)| used(&peer.group)) {
            report.warn(
                place,
                format!("peer group `{}` has no peer", crop(name)),
                "name it in a peer's `group`, or remove it",
            );
            checker.unused_group(group);
        }
    }
    peers
}

struct Checker<'f, 'c> {
    file: &'f raw::File,
    router: &'c Router,
    node: &'c Node,
    policies: &'c Policies,
    report: &'c Report,
    groups: HashMap<&'f str, &'f raw::PeerGroup>,
    read_password: ReadPassword<'c>,
    /// Password files that were read, each once.
    read: RefCell<HashMap<PathBuf, Result<Secret, String>>>,
    /// Addresses that have a peer, with its place.
    taken: HashMap<(IpAddr, Option<DeviceName>), Place>,
}

/// Who a peer is, before its settings.
struct Identity {
    address: IpAddr,
    interface: Option<DeviceName>,
    asn: Asn,
    port: Option<u16>,
    origin: PeerOrigin,
    place: Place,
}

/// The settings of one peer: its own keys, then its group's.
#[derive(Clone, Copy)]
struct Layers<'f> {
    own: SessionKeys<'f>,
    group: Option<SessionKeys<'f>>,
}

impl<'f> Layers<'f> {
    fn iter(self) -> impl Iterator<Item = SessionKeys<'f>> {
        std::iter::once(self.own).chain(self.group)
    }

    /// The innermost value of a key. A bad one hides those behind it.
    fn pick<T>(self, key: impl Fn(&SessionKeys<'f>) -> &'f At<T>) -> Option<(&'f T, Place)> {
        self.iter().map(|layer| key(&layer)).find(|value| !value.is_unset()).and_then(At::good)
    }

    fn is_unset<T: 'f>(self, key: impl Fn(&SessionKeys<'f>) -> &'f At<T>) -> bool {
        self.iter().all(|layer| key(&layer).is_unset())
    }

    fn flag(self, key: impl Fn(&SessionKeys<'f>) -> &'f At<bool>) -> bool {
        self.pick(key).is_some_and(|(flag, _)| *flag)
    }
}

impl<'f> Checker<'f, '_> {
    fn peer(&mut self, raw: &'f raw::Peer, place: Place) -> Option<PeerSettings> {
        let group = self.group(&raw.group);
        let layers = Layers { own: raw.session(), group: group.map(raw::PeerGroup::session) };
        let Some((address, address_place)) = raw.address.good() else {
            if raw.address.is_unset() {
                self.report.error(
                    place,
                    "a peer needs `address`",
                    "write its IP address, such as `address: 172.16.1.254`",
                );
            }
            return None;
        };
        let PeerAddress { address, interface } = address.0.clone();
        let asn_key = [Some(&raw.asn), group.map(|group| &group.asn)].into_iter().flatten().find(|asn| !asn.is_unset());
        let group_unknown = group.is_none() && !raw.group.is_unset();
        if asn_key.is_none() && !group_unknown {
            let help = format!("write its AS number, such as `asn: {}`, or name a group that has one", self.router.asn);
            self.report.error(place, format!("peer {address} has no `asn`"), help);
        }
        let asn = asn_key.and_then(At::get).unwrap_or(self.router.asn);
        self.claim(address, interface.clone(), address_place);
        let port = layers.pick(|keys| keys.port).and_then(|(port, _)| u16::try_from(port.0.0).ok());
        let bound_here = port.is_some_and(|port| self.router.listen.contains(&(address, port).into()));
        if self.node.owns(address) || bound_here {
            let help = "a peer is another router; remove it, or correct node.addresses";
            self.report.error(address_place, format!("peer {address} is this node itself"), help);
        }
        let identity = Identity { address, interface, asn, port, origin: PeerOrigin::Peers, place: address_place };
        let complete = asn_key.is_some_and(|asn| asn.value().is_some()) && !group_unknown;
        let mut settings = self.settings(identity, layers, complete);
        let first =
            |own: &'f At<bool>, group: Option<&'f At<bool>>| own.value().or_else(|| group.and_then(At::value)).copied();
        settings.passive = first(&raw.passive, group.map(|group| &group.passive)).unwrap_or(false);
        settings.enabled = first(&raw.enabled, group.map(|group| &group.enabled)).unwrap_or(true);
        settings.description = raw.description.get().or_else(|| group.and_then(|group| group.description.get()));
        settings.group = raw.group.get();
        Some(settings)
    }

    /// The group a peer names; an unknown one is reported.
    fn group(&self, name: &'f S<String>) -> Option<&'f raw::PeerGroup> {
        let (name, place) = name.good()?;
        let group = self.groups.get(name.0.as_str()).copied();
        if group.is_none() && !self.file.peer_groups.names().any(|known| known == name.0) {
            let known: Vec<&str> = self.file.peer_groups.names().collect();
            let help = unknown_help("peer_groups", &name.0, known.into_iter());
            self.report.error(place, format!("there is no peer group `{}`", crop(&name.0)), help);
        }
        group
    }

    /// One session is recognised by the address it comes from, so an address can have one peer.
    fn claim(&mut self, address: IpAddr, interface: Option<DeviceName>, place: Place) {
        if let Some(first) = self.taken.insert((address, interface), place) {
            let help = format!("first given in line {}; remove one of them", self.report.line(first));
            self.report.error(place, format!("peer {address} is given twice"), help);
            // Whoever comes third is told about the first, too.
            self.taken.entry((address, None)).and_modify(|known| *known = first);
        }
    }

    fn mesh(&mut self, mesh: &'f raw::Mesh, place: Place, peers: &mut Vec<PeerSettings>) {
        let group = self.group(&mesh.group);
        let layers = Layers { own: mesh.session(), group: group.map(raw::PeerGroup::session) };
        if mesh.nodes.is_unset() {
            self.report.error(
                place,
                "mesh has no `nodes`",
                "list the nodes: `nodes: [ { name: n1, addresses: [172.16.1.1] } ]`",
            );
        }
        let nodes = self.mesh_nodes(mesh);
        let Some(own) = self.own_entry(mesh, &nodes) else { return };
        for (index, (raw, node_place)) in nodes.iter().enumerate() {
            if index == own {
                continue;
            }
            let name = raw.name.get().unwrap_or_default();
            let mut common = false;
            for (address, place) in raw.addresses.items() {
                let address = address.0;
                if self.node.owns(address) {
                    let message = format!("mesh node `{}` has address {address}, which is this node's", crop(&name));
                    self.report.error(place, message, format!("this node is called `{}`", crop(&self.node.name)));
                    common = true;
                    continue;
                }
                let same_family = |other: &IpAddr| other.is_ipv4() == address.is_ipv4();
                let Some(source) = nodes[own].0.addresses.items().map(|(own, _)| own.0).find(same_family) else {
                    continue;
                };
                common = true;
                self.claim(address, None, place);
                let asns = [Some(&raw.asn), Some(&mesh.asn), group.map(|group| &group.asn)];
                let asn = asns.into_iter().flatten().find(|asn| !asn.is_unset()).map_or(Some(self.router.asn), At::get);
                let port = match raw.port.good() {
                    Some((port, _)) => Some(port),
                    None => layers.pick(|keys| keys.port).map(|(port, _)| port),
                };
                let identity = Identity {
                    address,
                    interface: None,
                    asn: asn.unwrap_or(self.router.asn),
                    port: port.and_then(|port| u16::try_from(port.0.0).ok()),
                    origin: PeerOrigin::Mesh { node: name.clone() },
                    place,
                };
                let mut settings = self.settings(identity, layers, asn.is_some());
                settings.source = settings.source.filter(|_| !layers.is_unset(|keys| keys.source)).or(Some(source));
                settings.passive = match mesh.passive.get() {
                    Some(MeshPassive::Is(passive)) => passive,
                    Some(MeshPassive::Auto) => source.to_string() < address.to_string(),
                    None => group.and_then(|group| group.passive.value()).copied().unwrap_or(false),
                };
                let enabled = [Some(&mesh.enabled), group.map(|group| &group.enabled)];
                settings.enabled = enabled.into_iter().flatten().find_map(At::value).copied().unwrap_or(true);
                settings.description = Some(format!("mesh {name}"));
                settings.group = mesh.group.get();
                peers.push(settings);
            }
            if !common && !has_bad(&raw.addresses) && raw.addresses.items().next().is_some() {
                let message = format!("mesh node `{}` shares no address family with this node", crop(&name));
                self.report.warn(*node_place, message, "there will be no session to it");
            }
        }
    }

    /// The readable nodes of the mesh, each checked by itself and against those before it.
    fn mesh_nodes(&self, mesh: &'f raw::Mesh) -> Vec<(&'f raw::MeshNode, Place)> {
        let mut names: HashMap<&str, Place> = HashMap::new();
        let nodes: Vec<_> = mesh.nodes.items().collect();
        for (raw, place) in &nodes {
            match raw.name.good() {
                Some((name, place)) => {
                    if let Some(first) = names.insert(&name.0, place) {
                        let help = format!("first given in line {}; names are unique", self.report.line(first));
                        self.report.error(place, format!("mesh node `{}` is given twice", crop(&name.0)), help);
                    }
                }
                None if raw.name.is_unset() => self.report.error(*place, "a mesh node needs `name`", ""),
                None => {}
            }
            if !matches!(raw.addresses, At::Bad) && raw.addresses.value().is_none_or(Vec::is_empty) {
                self.report.error(*place, "a mesh node needs `addresses`", "list its IP addresses, one of each family");
            }
            for ipv4 in [true, false] {
                if let Some((address, place)) =
                    raw.addresses.items().filter(|(address, _)| address.0.is_ipv4() == ipv4).nth(1)
                {
                    let message = format!("{} is the node's second address of this family", address.0);
                    self.report.error(place, message, "a node has one session per family; keep one address");
                }
            }
        }
        nodes
    }

    /// Which entry of the mesh is this node: the one with our name, else the one with one of our addresses.
    fn own_entry(&self, mesh: &raw::Mesh, nodes: &[(&'f raw::MeshNode, Place)]) -> Option<usize> {
        let named = |raw: &raw::MeshNode| raw.name.value().is_some_and(|name| name.0 == self.node.name);
        let owned = |raw: &raw::MeshNode| raw.addresses.items().any(|(address, _)| self.node.owns(address.0));
        if let Some(index) = nodes.iter().position(|(raw, _)| named(raw)) {
            let (raw, place) = nodes[index];
            if !self.node.addresses.is_empty() && !owned(raw) && raw.addresses.items().next().is_some() {
                let message = format!(
                    "mesh node `{}` is this node by name, but has none of its addresses",
                    crop(&self.node.name)
                );
                self.report.warn(place, message, "sessions use the address listed here as their source");
            }
            return Some(index);
        }
        let index = nodes.iter().position(|(raw, _)| owned(raw));
        let place = mesh.nodes.good().map(|(_, place)| place);
        let node_unread = match &self.file.node {
            At::Bad => true,
            node => node.value().is_some_and(|node| matches!(node.name, At::Bad) || has_bad(&node.addresses)),
        };
        if let (None, Some(place), false) = (index, place, node_unread || has_bad(&mesh.nodes)) {
            let help = format!("list this node too, as `name: {}`, or correct node.name", crop(&self.node.name));
            self.report.error(place, "mesh.nodes has no entry for this node", help);
        }
        index
    }

    /// Everything that a peer's layers say. `complete` is false when its AS is not really known.
    fn settings(&self, identity: Identity, layers: Layers<'f>, complete: bool) -> PeerSettings {
        let Identity { address, interface, asn, port, origin, place } = identity;
        let ibgp = asn == self.router.asn;
        let (hold_time, keepalive) = self.timers(layers);
        let (idle_hold, idle_hold_max) = self.idle_hold(layers);
        let add_path = |key: fn(&raw::AddPath) -> &At<bool>| {
            layers.pick(|keys| keys.add_path).and_then(|(add_path, _)| key(add_path).value()).copied().unwrap_or(false)
        };
        if complete && !ibgp {
            self.require_policies(address, place, layers);
        }
        let client = layers.pick(|keys| keys.route_reflector_client).filter(|(client, _)| **client);
        if let (Some((_, place)), true) = (client, complete && !ibgp) {
            let message =
                format!("route_reflector_client: peer {address} is in AS {asn}, we are in AS {}", self.router.asn);
            self.report.error(place, message, "only a peer in our own AS can be a client (RFC 4456)");
        }
        let policy = |key: &str, value: Option<(&'f super::super::values::Read<String>, Place)>| match value {
            Some((name, place)) => self.policies.resolve(key, &name.0, place, self.report),
            None => PolicyRef::Accept,
        };
        PeerSettings {
            source: self.source(address, interface.is_some(), ibgp, layers),
            families: self.families(address, layers),
            password: self.password(layers),
            ttl: self.ttl(ibgp, complete, layers),
            import: policy("import", layers.pick(|keys| keys.import)),
            export: policy("export", layers.pick(|keys| keys.export)),
            graceful_restart: self.graceful_restart(layers),
            address,
            interface,
            port: port.unwrap_or(179),
            asn,
            origin,
            group: None,
            description: None,
            enabled: true,
            passive: false,
            hold_time,
            keepalive,
            connect_retry: layers.pick(|keys| keys.connect_retry).map_or(Duration::from_secs(5), |(time, _)| time.0.0),
            idle_hold,
            idle_hold_max,
            route_reflector_client: client.is_some() && ibgp,
            add_path: AddPath { send: add_path(|raw| &raw.send), receive: add_path(|raw| &raw.receive) },
            next_hop_self: layers.flag(|keys| keys.next_hop_self),
        }
    }

    /// An eBGP peer without a policy would get or give everything by accident. RFC 8212
    fn require_policies(&self, address: IpAddr, place: Place, layers: Layers<'f>) {
        let missing: Vec<&str> =
            [("import", layers.is_unset(|keys| keys.import)), ("export", layers.is_unset(|keys| keys.export))]
                .into_iter()
                .filter_map(|(key, unset)| unset.then_some(key))
                .collect();
        if !missing.is_empty() {
            let message = format!("eBGP peer {address} has no `{}`", missing.join("` and no `"));
            let keys: Vec<String> = missing.iter().map(|key| format!("`{key}: accept`")).collect();
            let help = format!("name a policy, or write {} to pass every route (RFC 8212)", keys.join(" and "));
            self.report.error(place, message, help);
        }
    }

    /// Hold time and keepalive interval. RFC 4271 §4.4: a third of the hold time is the reasonable maximum.
    fn timers(&self, layers: Layers<'f>) -> (HoldTime, Duration) {
        let hold = layers.pick(|keys| keys.hold_time).map_or(HoldTime::DEFAULT, |(hold, _)| hold.0);
        let third = Duration::from_secs(u64::from(hold.as_secs() / 3));
        let Some((keepalive, place)) = layers.pick(|keys| keys.keepalive) else { return (hold, third) };
        let keepalive = keepalive.0.0;
        if hold.is_off() {
            self.report.warn(
                place,
                "keepalive has no effect with hold_time 0",
                "without a hold timer nothing is kept alive",
            );
            return (hold, third);
        }
        if keepalive >= hold.duration() {
            let message = format!("keepalive {} is not below the hold time {hold:?}", show_duration(keepalive));
            self.report.error(
                place,
                message,
                format!("the session would end by itself; at most {} is sensible", show_duration(third)),
            );
        } else if keepalive > third {
            let message =
                format!("keepalive {} is more than a third of the hold time {hold:?}", show_duration(keepalive));
            self.report.warn(place, message, "one lost keepalive may end the session (RFC 4271 §4.4)");
        }
        (hold, keepalive)
    }

    fn idle_hold(&self, layers: Layers<'f>) -> (Duration, Duration) {
        let shortest = layers.pick(|keys| keys.idle_hold).map(|(time, place)| (time.0.0, place));
        let longest = layers.pick(|keys| keys.idle_hold_max).map(|(time, place)| (time.0.0, place));
        if let (Some((shortest, _)), Some((longest, place))) = (shortest, longest)
            && longest < shortest
        {
            let message =
                format!("idle_hold_max {} is below idle_hold {}", show_duration(longest), show_duration(shortest));
            self.report.error(place, message, "it is the longest pause, idle_hold the shortest");
        }
        let first = shortest.map_or(Duration::from_secs(1), |(time, _)| time);
        let last = longest.map_or(Duration::from_secs(30), |(time, _)| time);
        match shortest {
            None => (first.min(last), last),
            Some(_) => (first, last.max(first)),
        }
    }

    /// The source address: what the file says, else our address on the peer's subnet, else (iBGP) our first one: the
    /// other nodes know us by it. An eBGP peer off our subnets gets what the kernel chooses.
    fn source(&self, address: IpAddr, link_local: bool, ibgp: bool, layers: Layers<'f>) -> Option<IpAddr> {
        if let Some((source, place)) = layers.pick(|keys| keys.source) {
            let source = source.0;
            if source.is_ipv4() != address.is_ipv4() {
                let name = |address: IpAddr| if address.is_ipv4() { "IPv4" } else { "IPv6" };
                let message = format!("source {source} is {}, peer {address} is {}", name(source), name(address));
                self.report.error(place, message, "a session has one family of addresses");
            } else if !self.node.addresses.is_empty() && !self.node.owns(source) && !link_local {
                let message = format!("source {source} is none of node.addresses");
                self.report.warn(place, message, "is it right? the session needs it on some interface");
            }
            return Some(source);
        }
        if link_local || address.is_loopback() {
            return None;
        }
        let subnet = self.node.addresses.iter().find(|own| own.contains(address)).map(|own| own.ip());
        subnet.or_else(|| self.node.address(address.is_ipv4()).filter(|_| ibgp))
    }

    fn families(&self, address: IpAddr, layers: Layers<'f>) -> FamilySet {
        let own = if address.is_ipv4() { Family::IPV4_UNICAST } else { Family::IPV6_UNICAST };
        let Some((listed, place)) = layers.pick(|keys| keys.families) else { return FamilySet::from_iter([own]) };
        let families: FamilySet = listed.iter().filter_map(At::get).collect();
        if listed.is_empty() {
            let help = format!("leave the key out for {own}, or disable the peer with `enabled: false`");
            self.report.error(place, "families: a peer exchanges at least one family", help);
        }
        for family in families.iter().filter(|family| *family != own) {
            let unread = self.file.node.value().is_some_and(|node| has_bad(&node.addresses));
            if self.node.address(family == Family::IPV4_UNICAST).is_none() && !unread {
                let message =
                    format!("families: {family} on a session between {own} addresses needs a next hop of its own");
                self.report.error(
                    place,
                    message,
                    format!("give node.addresses an {family} address, or leave {family} out"),
                );
            }
        }
        families
    }

    fn ttl(&self, ibgp: bool, complete: bool, layers: Layers<'f>) -> Ttl {
        let multihop = layers.pick(|keys| keys.ebgp_multihop);
        let security = layers.pick(|keys| keys.ttl_security);
        let octet = |value: u64| u8::try_from(value).unwrap_or(u8::MAX);
        if let (Some((_, place)), Some((hops, _))) = (multihop, security) {
            let help = format!("`ttl_security: {}` alone accepts a peer that far away", hops.0.0);
            self.report.error(place, "ebgp_multihop and ttl_security exclude each other", help);
        } else if let (Some((_, place)), true) = (multihop, ibgp && complete) {
            self.report.warn(
                place,
                "ebgp_multihop has no effect on an iBGP peer",
                "iBGP sessions may always cross routers",
            );
        }
        match (security, multihop) {
            (Some((hops, _)), _) => Ttl::Security { hops: octet(hops.0.0) },
            (None, _) if ibgp => Ttl::Send(64),
            (None, Some((hops, _))) => Ttl::Send(octet(hops.0.0)),
            (None, None) => Ttl::Send(1),
        }
    }

    fn graceful_restart(&self, layers: Layers<'f>) -> GracefulRestart {
        let router = self.router.graceful_restart;
        let sections = || layers.iter().filter_map(|layer| layer.graceful_restart.value());
        GracefulRestart {
            enabled: sections().find_map(|raw| raw.enabled.value()).copied().unwrap_or(router.enabled),
            restart_time: sections().find_map(|raw| raw.restart_time.get()).map_or(router.restart_time, |time| time.0),
            stale_time: sections().find_map(|raw| raw.stale_time.get()).map_or(router.stale_time, |time| time.0),
        }
    }

    /// The innermost layer that has a password, in either form, decides.
    fn password(&self, layers: Layers<'f>) -> Option<Password> {
        let layer = layers.iter().find(|layer| !layer.password.is_unset() || !layer.password_file.is_unset())?;
        if let (Some(_), Some((_, place))) = (layer.password.good(), layer.password_file.good()) {
            self.report.error(place, "password and password_file exclude each other", "keep one of them");
        }
        if let Some(secret) = layer.password.get() {
            return Some(Password::Inline(secret));
        }
        let (path, place) = layer.password_file.good()?;
        let secret = self.read_password.and_then(|read| {
            let mut known = self.read.borrow_mut();
            let content = known.entry(path.0.clone()).or_insert_with(|| password_from(read, &path.0));
            match content {
                Ok(secret) => Some(secret.clone()),
                Err(why) => {
                    self.report.error(
                        place,
                        format!("password_file: {why}"),
                        "expected a file with one line, the password",
                    );
                    None
                }
            }
        });
        Some(Password::File { path: path.0.clone(), secret })
    }

    /// What can be said about a group without a peer.
    fn unused_group(&self, group: &'f raw::PeerGroup) {
        let layers = Layers { own: group.session(), group: None };
        self.timers(layers);
        self.idle_hold(layers);
        self.password(layers);
        for (key, value) in [("import", &group.import), ("export", &group.export)] {
            if let Some((name, place)) = value.good() {
                self.policies.resolve(key, &name.0, place, self.report);
            }
        }
    }
}

/// The password in a file's content: all of it but the line break at its end.
fn password_from(read: &dyn Fn(&Path) -> Result<String, String>, path: &Path) -> Result<Secret, String> {
    let content = read(path)?;
    let text = content.strip_suffix('\n').map_or(&*content, |line| line.strip_suffix('\r').unwrap_or(line));
    let what = format!("expected 1 to {} bytes in the file, found {}", Secret::MAX_LEN, text.len());
    Secret::new(text).ok_or(what)
}
