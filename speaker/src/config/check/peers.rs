//! Peers: what each one says over what its group says over the defaults, and the peers that follow from the mesh.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::path::PathBuf;

use bgp_proto::Asn;

use super::policies::{Policies, unknown_help};
use super::settings::Layers;
use super::{Outside, ReadPassword, addresses_unread, has_bad};
use crate::config::at::At;
use crate::config::diagnostic::{Place, Report};
use crate::config::model::{DynamicPeers, Node, Password, PeerOrigin, PeerSettings, Router};
use crate::config::raw;
use crate::config::secrets::crop;
use crate::config::values::{DeviceName, MeshPassive, PeerAddress, S, Secret};

pub(super) fn check(
    file: &raw::File,
    router: &Router,
    node: &Node,
    policies: &Policies,
    report: &Report,
    outside: Option<Outside<'_>>,
) -> (Vec<PeerSettings>, Vec<DynamicPeers>) {
    let mut groups: HashMap<_, _> = file.peer_groups.names().map(|name| (name, None)).collect();
    groups.extend(file.peer_groups.entries().map(|(name, _, group, _)| (name, Some(group))));
    let read = RefCell::new(HashMap::new());
    let mut checker = Checker {
        file,
        router,
        node,
        policies,
        report,
        groups,
        read_password: outside.map(|outside| outside.read_password),
        read,
        taken: HashMap::new(),
        link_local: HashMap::new(),
    };
    let mut peers = Vec::new();
    for (raw, place) in file.peers.items().filter(|(_, place)| place.in_overlay().is_none()) {
        peers.extend(checker.peer(raw, place));
    }
    if let Some((mesh, place)) = file.mesh.good() {
        checker.mesh(mesh, place, &mut peers);
    }
    for (raw, place) in file.peers.items().filter(|(_, place)| place.in_overlay().is_some()) {
        match raw
            .address
            .value()
            .and_then(|address| checker.taken.get(&(address.0.address, address.0.interface.clone())))
        {
            Some(first) => report.shadow(place, *first),
            None => peers.extend(checker.peer(raw, place)),
        }
    }
    let dynamic = checker.dynamic(file);
    checker.doubt_unsigned(&peers, &dynamic);
    // Settings of a group nobody uses are checked too: a mistake in them would show only once somebody does.
    let mesh_group = file.mesh.value().and_then(|mesh| mesh.group.value());
    let peer_groups = file.peers.items().filter_map(|(peer, _)| peer.group.value());
    let used: HashSet<&str> =
        peer_groups.chain(mesh_group).map(|group| group.0.as_str()).chain(Checker::dynamic_groups(file)).collect();
    for (name, _, group, place) in file.peer_groups.entries().filter(|(name, ..)| !used.contains(name)) {
        let message = format!("peer group `{}` has no peer", crop(name));
        report.warn(place, message, "name it in a peer's `group`, or remove it");
        checker.unused_group(group);
    }
    (peers, dynamic)
}

pub(super) struct Checker<'f, 'c> {
    pub(super) file: &'f raw::File,
    pub(super) router: &'c Router,
    pub(super) node: &'c Node,
    pub(super) policies: &'c Policies,
    pub(super) report: &'c Report,
    /// The groups by name; `None` for one that could not be read.
    pub(super) groups: HashMap<&'f str, Option<&'f raw::PeerGroup>>,
    /// `None` leaves the files alone.
    pub(super) read_password: Option<ReadPassword<'c>>,
    /// Password files that were read, each once.
    pub(super) read: RefCell<HashMap<PathBuf, Result<Secret, String>>>,
    /// Addresses that have a peer, with its place.
    pub(super) taken: HashMap<(IpAddr, Option<DeviceName>), Place>,
    /// Passwords of link-local addresses, which can be several peers'.
    link_local: HashMap<IpAddr, Option<Password>>,
}

/// Who a peer is, before its settings.
pub(super) struct Identity {
    pub(super) address: IpAddr,
    pub(super) interface: Option<DeviceName>,
    pub(super) asn: Asn,
    pub(super) port: Option<u16>,
    pub(super) origin: PeerOrigin,
    pub(super) place: Place,
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
        let origin = if place.in_overlay().is_some() { PeerOrigin::Api } else { PeerOrigin::Peers };
        let identity = Identity { address, interface, asn, port, origin, place: address_place };
        let complete = asn_key.is_some_and(|asn| asn.value().is_some()) && !group_unknown;
        let mut settings = self.settings(identity, layers, complete);
        self.agree_on_key(&settings, address_place);
        let first =
            |own: &'f At<bool>, group: Option<&'f At<bool>>| own.value().or_else(|| group.and_then(At::value)).copied();
        settings.passive = first(&raw.passive, group.map(|group| &group.passive)).unwrap_or(false);
        settings.enabled = first(&raw.enabled, group.map(|group| &group.enabled)).unwrap_or(true);
        settings.description = raw.description.get().or_else(|| group.and_then(|group| group.description.get()));
        settings.group = raw.group.get();
        Some(settings)
    }

    /// The group a peer names; an unknown one is reported.
    pub(super) fn group(&self, name: &'f S<String>) -> Option<&'f raw::PeerGroup> {
        let (name, place) = name.good()?;
        if let Some(group) = self.groups.get(name.0.as_str()) {
            return *group;
        }
        if !self.report.is_full() {
            let known: Vec<&str> = self.file.peer_groups.names().collect();
            let help = unknown_help("peer_groups", &name.0, known.into_iter());
            self.report.error(place, format!("there is no peer group `{}`", crop(&name.0)), help);
        }
        None
    }

    /// One session is recognised by the address it comes from, so an address can have one peer.
    fn claim(&mut self, address: IpAddr, interface: Option<DeviceName>, place: Place) {
        let first = *self.taken.entry((address, interface)).or_insert(place);
        if first != place {
            let help = format!("first given in line {}; remove one of them", self.report.line(first));
            self.report.error(place, format!("peer {address} is given twice"), help);
        }
    }

    /// A listener's TCP MD5 keys are kept by address, without the interface: peers of one link-local address share theirs.
    fn agree_on_key(&mut self, peer: &PeerSettings, place: Place) {
        let Some(interface) = &peer.interface else { return };
        let first = self.link_local.entry(peer.address).or_insert_with(|| peer.password.clone());
        if *first != peer.password {
            let message = format!("{0}%{interface} has another password than {0} on another interface", peer.address);
            let help = "give both the same one, or another address: the kernel knows keys by address alone";
            self.report.error(place, message, help);
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
        let name_unread = self.file.node.value().is_some_and(|node| matches!(node.name, At::Bad));
        let node_unread = name_unread || addresses_unread(self.file, self.node);
        if let (None, Some(place), false) = (index, place, node_unread || has_bad(&mesh.nodes)) {
            let help = format!("list this node too, as `name: {}`, or correct node.name", crop(&self.node.name));
            self.report.error(place, "mesh.nodes has no entry for this node", help);
        }
        index
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
