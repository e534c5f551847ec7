//! One peer's settings: its own keys over its group's over the defaults, and what must hold among them.

use std::net::IpAddr;
use std::time::Duration;

use bgp_proto::{Asn, Family, FamilySet};

use super::addresses_unread;
use super::peers::{Checker, Identity};
use super::rules::Of;
use crate::config::at::At;
use crate::config::diagnostic::Place;
use crate::config::model::{
    AddPath, GracefulRestart, MaxPrefix, MaxPrefixAction, Password, PeerSettings, PolicyRef, Ttl,
};
use crate::config::raw::{self, SessionKeys};
use crate::config::values::{HoldTime, Read, S, Secret, show_duration};

/// The settings of one peer: its own keys, then its group's.
#[derive(Clone, Copy)]
pub(super) struct Layers<'f> {
    pub(super) own: SessionKeys<'f>,
    pub(super) group: Option<SessionKeys<'f>>,
}

impl<'f> Layers<'f> {
    fn iter(self) -> impl Iterator<Item = SessionKeys<'f>> {
        std::iter::once(self.own).chain(self.group)
    }

    /// The innermost value of a key. A bad one hides those behind it.
    pub(super) fn pick<T>(self, key: impl Fn(&SessionKeys<'f>) -> &'f At<T>) -> Option<(&'f T, Place)> {
        self.iter().map(|layer| key(&layer)).find(|value| !value.is_unset()).and_then(At::good)
    }

    pub(super) fn is_unset<T: 'f>(self, key: impl Fn(&SessionKeys<'f>) -> &'f At<T>) -> bool {
        self.iter().all(|layer| key(&layer).is_unset())
    }

    fn flag(self, key: impl Fn(&SessionKeys<'f>) -> &'f At<bool>) -> bool {
        self.flag_or(false, key)
    }

    /// A switch, and how it stands when nobody says.
    pub(super) fn flag_or(self, default: bool, key: impl Fn(&SessionKeys<'f>) -> &'f At<bool>) -> bool {
        self.pick(key).map_or(default, |(flag, _)| *flag)
    }
}

impl<'f> Checker<'f, '_> {
    /// Everything that a peer's layers say. `complete` is false when its AS is not really known.
    pub(super) fn settings(&self, identity: Identity, layers: Layers<'f>, complete: bool) -> PeerSettings {
        let Identity { address, interface, asn, port, origin, place } = identity;
        let ibgp = asn == self.router.asn;
        let (hold_time, keepalive) = self.timers(layers);
        let (idle_hold, idle_hold_max) = self.idle_hold(layers);
        let add_path = |key: fn(&raw::AddPath) -> &At<bool>| {
            layers.pick(|keys| keys.add_path).and_then(|(add_path, _)| key(add_path).value()).copied().unwrap_or(false)
        };
        if complete && !ibgp && !self.router.is_member(asn) {
            self.require_policies(address, place, layers);
        }
        let client = layers.pick(|keys| keys.route_reflector_client).filter(|(client, _)| **client);
        if let (Some((_, place)), true) = (client, complete && !ibgp) {
            let whose = if asn == Asn(0) { "another AS".to_owned() } else { format!("AS {asn}") };
            let message =
                format!("route_reflector_client: peer {address} is in {whose}, we are in AS {}", self.router.asn);
            self.report.error(place, message, "only a peer in our own AS can be a client (RFC 4456)");
        }
        let cluster = layers.pick(|keys| keys.cluster_id);
        if let (Some((_, place)), None) = (cluster, client) {
            let message = format!("cluster_id: peer {address} is not our route reflector client");
            self.report.error(place, message, "write `route_reflector_client: true` beside it, or take it out");
        }
        let policy = |key: &str, value: Option<(&'f Read<String>, Place)>| match value {
            Some((name, place)) => self.policies.resolve(key, &name.0, place, self.report),
            None => PolicyRef::Accept,
        };
        let ttl = self.ttl(ibgp, complete, layers);
        let extended_next_hop = layers.flag_or(interface.is_some(), |keys| keys.extended_next_hop);
        PeerSettings {
            rules: self.rules(Of { address, asn, ttl, complete }, layers),
            source: self.source(address, interface.is_some(), ibgp, layers),
            families: self.families(address, extended_next_hop, layers),
            extended_next_hop,
            password: self.password(layers),
            ttl,
            import: policy("import", layers.pick(|keys| keys.import)),
            export: policy("export", layers.pick(|keys| keys.export)),
            graceful_restart: self.graceful_restart(layers),
            max_prefix: self.max_prefix(layers),
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
            send_hold: self.send_hold(hold_time, layers),
            connect_retry: layers.pick(|keys| keys.connect_retry).map_or(Duration::from_secs(5), |(time, _)| time.0.0),
            idle_hold,
            idle_hold_max,
            route_reflector_client: client.is_some() && ibgp,
            cluster_id: cluster.map(|(id, _)| id.0),
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
    pub(super) fn timers(&self, layers: Layers<'f>) -> (HoldTime, Duration) {
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

    fn send_hold(&self, hold: HoldTime, layers: Layers<'f>) -> Option<Duration> {
        let (time, place) = layers.pick(|keys| keys.send_hold)?;
        let time = time.0.0;
        if !time.is_zero() && time <= hold.duration() {
            let message = format!("send_hold {} is not longer than the hold time {hold:?}", show_duration(time));
            self.report.warn(place, message, "the peer's own hold timer should end the session first (RFC 9687 §4)");
        }
        Some(time)
    }

    pub(super) fn idle_hold(&self, layers: Layers<'f>) -> (Duration, Duration) {
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

    /// What to exchange. Routes of the other family need an address of theirs to point at, but for IPv4 over IPv6.
    fn families(&self, address: IpAddr, extended_next_hop: bool, layers: Layers<'f>) -> FamilySet {
        let own = if address.is_ipv4() { Family::IPV4_UNICAST } else { Family::IPV6_UNICAST };
        let Some((listed, place)) = layers.pick(|keys| keys.families) else { return FamilySet::from_iter([own]) };
        let families: FamilySet = listed.iter().filter_map(At::get).collect();
        if listed.is_empty() {
            let help = format!("leave the key out for {own}, or disable the peer with `enabled: false`");
            self.report.error(place, "families: a peer exchanges at least one family", help);
        }
        for family in families.iter().filter(|family| *family != own) {
            let unread = addresses_unread(self.file, self.node);
            let over_ipv6 = extended_next_hop && family == Family::IPV4_UNICAST; // RFC 8950
            if self.node.address(family == Family::IPV4_UNICAST).is_none() && !unread && !over_ipv6 {
                let message =
                    format!("families: {family} on a session between {own} addresses needs a next hop of its own");
                let way_out = if family == Family::IPV4_UNICAST { ", write `extended_next_hop: true`" } else { "" };
                self.report.error(
                    place,
                    message,
                    format!("give node.addresses an {family} address{way_out}, or leave {family} out"),
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
            long_lived: sections().find_map(|raw| raw.long_lived.get()).map_or(router.long_lived, |time| time.0),
            hold: sections().find_map(|raw| raw.hold.get()).map_or(router.hold, |time| time.0),
            stale_time: sections().find_map(|raw| raw.stale_time.get()).map_or(router.stale_time, |time| time.0),
        }
    }

    /// The innermost layer that has the section decides: limits of a group are not mixed with those of its peer.
    fn max_prefix(&self, layers: Layers<'f>) -> MaxPrefix {
        let default = MaxPrefix::default();
        let Some((raw, place)) = layers.pick(|keys| keys.max_prefix) else { return default };
        let limit = |own: &S<raw::PrefixLimit>| {
            let limit = if own.is_unset() { raw.limit.get() } else { own.get() };
            limit.and_then(|limit| u32::try_from(limit.0).ok())
        };
        if raw.limit.is_unset() && raw.ipv4.is_unset() && raw.ipv6.is_unset() {
            self.report.error(place, "max_prefix has no limit", "write one, such as `max_prefix: { limit: 10000 }`");
        }
        let action = match raw.action.value() {
            None | Some(raw::MaxPrefixAction::Restart) => match (raw.restart_after.get(), default.action) {
                (Some(after), _) => MaxPrefixAction::Restart { after: after.0 },
                (None, action) => action,
            },
            Some(raw::MaxPrefixAction::Disable) => MaxPrefixAction::Disable,
            Some(raw::MaxPrefixAction::Warn) => MaxPrefixAction::Warn,
            Some(raw::MaxPrefixAction::Block) => MaxPrefixAction::Block,
        };
        if let (Some((_, place)), false) = (raw.restart_after.good(), matches!(action, MaxPrefixAction::Restart { .. }))
        {
            self.report.warn(place, "max_prefix.restart_after has no effect with this action", "it is for `restart`");
        }
        MaxPrefix {
            ipv4: limit(&raw.ipv4),
            ipv6: limit(&raw.ipv6),
            warning: raw.warning.get().and_then(|percent| u8::try_from(percent.0).ok()).unwrap_or(default.warning),
            action,
            accepted_only: raw.count.value() == Some(&raw::MaxPrefixCount::Accepted),
        }
    }

    /// The innermost layer that has a password, in either form, decides.
    pub(super) fn password(&self, layers: Layers<'f>) -> Option<Password> {
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
            let content = known
                .entry(path.0.clone())
                .or_insert_with(|| read(&path.0).and_then(|content| Secret::in_file(&content)));
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
}
