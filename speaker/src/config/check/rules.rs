//! A peer's keys about AS paths, roles and well-known communities.

use std::net::IpAddr;

use bgp_proto::Asn;

use super::peers::Checker;
use super::settings::Layers;
use crate::config::diagnostic::Report;
use crate::config::model::Ttl;
use crate::config::raw;
use crate::config::rules::{Confederation, LocalAs, PathRules, PrivateAs};

/// Of whom the keys are.
#[derive(Clone, Copy)]
pub(super) struct Of {
    pub(super) address: IpAddr,
    pub(super) asn: Asn,
    pub(super) ttl: Ttl,
    /// Whether its AS is really known.
    pub(super) complete: bool,
}

impl<'f> Checker<'f, '_> {
    pub(super) fn rules(&self, of: Of, layers: Layers<'f>) -> PathRules {
        let confederation = self.router.is_member(of.asn);
        let external = of.asn != self.router.asn && !confederation;
        let neighbor = matches!(of.ttl, Ttl::Send(1) | Ttl::Security { hops: 1 });
        for (key, value) in [
            ("enforce_first_as", layers.pick(|keys| keys.enforce_first_as)),
            ("connected_check", layers.pick(|keys| keys.connected_check)),
            ("graceful_shutdown", layers.pick(|keys| keys.graceful_shutdown)),
        ] {
            if let (Some((true, place)), false) = (value, external || !of.complete) {
                let message = format!("{key} has no effect on iBGP peer {}", of.address);
                self.report.warn(place, message, "it is a rule for peers of other ASes; leave it out");
            }
        }
        let role = layers.pick(|keys| keys.role);
        if let (Some((_, place)), false) = (role, external || !of.complete) {
            let message = format!("role: peer {} is in our own AS", of.address);
            self.report.error(place, message, "only peers of other ASes have a role (RFC 9234 §4.1); leave it out");
        }
        let role = role.map(|(role, _)| role.0);
        let strict = layers.pick(|keys| keys.strict_role);
        if let (Some((true, place)), true) = (strict, role.is_none() && layers.is_unset(|keys| keys.role)) {
            self.report.error(
                place,
                "strict_role needs `role`",
                "say what we are to the peer, such as `role: customer`",
            );
        }
        PathRules {
            allow_as_in: layers.pick(|keys| keys.allow_as_in).map_or(0, |(n, _)| u8::try_from(n.0.0).unwrap_or(10)),
            confederation,
            enforce_first_as: (external || confederation) && layers.flag_or(true, |keys| keys.enforce_first_as),
            connected_check: external && neighbor && layers.flag_or(true, |keys| keys.connected_check),
            graceful_shutdown: external && layers.flag_or(true, |keys| keys.graceful_shutdown),
            blackhole: layers.flag_or(false, |keys| keys.blackhole),
            accept_as_set: layers.flag_or(false, |keys| keys.accept_as_set),
            role: role.filter(|_| external),
            local_as: self.local_as(of, external, layers),
            remove_private_as: layers.pick(|keys| keys.remove_private_as).map_or(PrivateAs::Keep, |(what, _)| what.0),
            strict_role: role.is_some() && strict.is_some_and(|(strict, _)| *strict),
        }
    }

    /// FRR's `local-as ASN [no-prepend [replace-as]]`.
    fn local_as(&self, of: Of, external: bool, layers: Layers<'f>) -> Option<LocalAs> {
        let no_prepend = layers.flag_or(false, |keys| keys.local_as_no_prepend);
        let replace_as = layers.flag_or(false, |keys| keys.local_as_replace_as);
        let Some((asn, place)) = layers.pick(|keys| keys.local_as) else {
            let options = [layers.pick(|keys| keys.local_as_no_prepend), layers.pick(|keys| keys.local_as_replace_as)];
            if let (Some((_, place)), true) =
                (options.into_iter().flatten().find(|(on, _)| **on), layers.is_unset(|keys| keys.local_as))
            {
                self.report.error(place, "this needs `local_as`", "say which AS we are to the peer, or leave it out");
            }
            return None;
        };
        let asn = asn.0;
        if !of.complete {
            return None;
        }
        if !external {
            let message = format!("local_as: peer {} is in our own AS", of.address);
            self.report.error(place, message, "only to peers of other ASes we can be another one; leave it out");
        } else if asn == self.router.asn {
            self.report.error(
                place,
                format!("local_as: {asn} is router.asn"),
                "it is what we are anyway; leave it out",
            );
        } else if asn == of.asn {
            let message = format!("local_as: {asn} is the AS of peer {}", of.address);
            self.report.error(place, message, "the session would be an internal one; choose another number");
        }
        external.then_some(LocalAs { asn, no_prepend, replace_as })
    }
}

/// The confederation of `router.confederation`. Its number stands for all members, so none of them has it.
pub(super) fn confederation(router: &raw::Router, own: Asn, report: &Report) -> Option<Confederation> {
    let (raw, place) = router.confederation.good()?;
    if raw.id.is_unset() {
        let help = "write the AS number the world knows, such as `id: 64500`";
        report.error(place, "router.confederation has no `id`", help);
    }
    let id = raw.id.get()?;
    let members: Vec<Asn> = raw.members.items().map(|(asn, _)| asn.0).collect();
    for (asn, place) in raw.members.items().filter(|(asn, _)| asn.0 == id) {
        let message = format!("router.confederation: {} is its id and a member", asn.0);
        report.error(place, message, "the world knows the id, members know each other; use different numbers");
    }
    if id == own {
        let message = format!("router.confederation: {id} is its id and router.asn");
        report.error(place, message, "router.asn is our member AS; use different numbers");
    }
    Some(Confederation { id, members })
}
