//! Routes through VXLAN devices wait for their far ends, and far ends go after the last route over them.
//!
//! Where announcements disagree on a MAC address or name one that can't be, that is told with the prefix and in the log.

use super::{Engine, RETRY_MIN};
use crate::desired::{Reason, State, Target};
use crate::far_ends::{Claim, Claims, FarEntry, Mac, Part, Place, Status};
use crate::kernel::{Event, Failure, KernelError};
use crate::plan::Op;
use crate::resolve::Resolved;
use crate::route::Form;
use ipnetwork::IpNetwork;
use std::time::Instant;

impl Engine {
    /// The route as far as its far ends can be had; `None` if it waits for some, which are written next.
    pub(super) fn reach_far_ends(&mut self, prefix: IpNetwork, resolved: Resolved) -> Option<Resolved> {
        let claims = self.far_claims(prefix, &resolved);
        // Those of the route as it is now are needed until it is another.
        let mut concerned = self.far_ends.also_needed_by(prefix, &claims);
        let is_missing = |place: Place| self.far_ends.status(place) == Status::Missing;
        let waits = claims.iter().any(|(place, _)| is_missing(*place));
        let taken = claims.iter().find_map(|(place, _)| {
            let theirs = self.far_ends.foreign(*place).filter(|_| is_missing(*place) && !self.is_managed(place.0))?;
            Some(self.taken(*place, theirs))
        });
        if let Some(reason) = taken {
            concerned.extend(self.far_ends.needed_by(prefix, &claims));
            self.plan_again(concerned);
            return Some(Resolved::Withheld(reason));
        }
        if !waits {
            concerned.extend(self.far_ends.needed_by(prefix, &claims));
        }
        self.plan_again(concerned);
        (!waits).then(|| self.without_taken(resolved, &claims))
    }

    /// An entry of a device that is not ours is in the way. It stays: that program may need it.
    fn taken(&self, (_, node): Place, theirs: FarEntry) -> Reason {
        let show = theirs.text("add", &self.view.links).to_string();
        let (show, command) =
            (show.trim_end_matches(" nud permanent"), theirs.text("del", &self.view.links).to_string());
        let program = if theirs.part == Part::Neighbour { "ip" } else { "bridge" };
        Reason::FarEndTaken(
            format!(
                "the way to {node} is another program's: it has `{show}`; `far_ends: false` for the pool leaves such entries to \
                 it, `{program} {}` makes room for ours",
                command.trim_end_matches(" nud permanent").trim_end_matches(" permanent")
            )
            .into(),
        )
    }

    /// Whether a device is of our making, with all that is on it.
    pub(super) fn is_managed(&self, dev: u32) -> bool {
        let name = self.view.links.name(dev);
        self.config.devices.iter().any(|device| Some(device.name.as_str()) == name)
    }

    /// Entries to be written now. Of a device that is not ours none is written over.
    pub(super) fn missing_far_ends(&mut self, max: usize) -> Vec<Op> {
        let (links, devices) = (&self.view.links, &self.config.devices);
        let managed = |dev: u32| devices.iter().any(|device| Some(device.name.as_str()) == links.name(dev));
        self.far_ends.take_missing(max, managed).into_iter().map(Op::SetFar).collect()
    }

    /// Without hops whose MAC address leads to another node.
    fn without_taken(&self, resolved: Resolved, claims: &[Claim]) -> Resolved {
        let Resolved::Form(Form::Unicast(mut hops)) = resolved else { return resolved };
        let mut reason = None;
        for ((dev, node), _) in claims.iter().copied() {
            if let (Status::Taken(by), Some(mac)) = (self.far_ends.status((dev, node)), self.far_ends.mac((dev, node)))
            {
                hops.retain(|hop| (hop.dev, hop.via) != (dev, Some(node)));
                reason = Some(Reason::MacTaken { node, mac, by });
            }
        }
        match reason.filter(|_| hops.is_empty()) {
            Some(reason) => Resolved::Withheld(reason),
            None => Resolved::Form(Form::Unicast(hops)),
        }
    }

    fn far_claims(&self, prefix: IpNetwork, resolved: &Resolved) -> Claims {
        let Resolved::Form(Form::Unicast(hops)) = resolved else { return Claims::new() };
        let pool = self.config.pool_of(prefix).filter(|pool| pool.mode.is_vxlan() && pool.far_ends);
        let Some(pool) = pool else { return Claims::new() };
        let Some(Target::Via(via)) = self.desired.get(prefix).map(|entry| &entry.target) else { return Claims::new() };
        let device = pool.tunnel().and_then(|name| self.view.links.named(name)).map(|link| link.index);
        hops.iter()
            .filter(|hop| hop.onlink && Some(hop.dev) == device)
            .filter_map(|hop| Some(((hop.dev, hop.via?), via.mac_of(hop.via?).filter(|mac| mac.is_unicast()))))
            .collect()
    }

    /// What is to be known of the MAC addresses in use for a prefix that its announcement does not name.
    pub(super) fn far_note(&self, prefix: IpNetwork) -> Option<String> {
        let Target::Via(via) = &self.desired.get(prefix)?.target else { return None };
        self.far_ends.claims(prefix).iter().find_map(|((dev, node), named)| {
            let (used, said) = (self.far_ends.mac((*dev, *node))?, via.mac_of(*node)?);
            match named {
                None => Some(format!("{said} can't be the MAC address of {node}, as it is not unicast; {used} is used")),
                Some(_) if said != used => Some(format!(
                    "its announcement names {said} as the MAC address of {node}, but more of them name {used}, which is used"
                )),
                Some(_) => None,
            }
        })
    }

    /// Far ends whose MAC addresses announcements disagree on.
    pub(super) fn tell_disputes(&mut self) {
        for ((dev, node), named) in self.far_ends.take_disputes() {
            let names: Vec<String> =
                named.iter().map(|(mac, prefixes)| format!("{mac} ({prefixes} prefixes)")).collect();
            let used = self.far_ends.mac((dev, node)).map(|mac| mac.to_string()).unwrap_or_default();
            let device = self.view.links.name(dev).unwrap_or("?");
            self.loud.warn(format_args!(
                "announcements disagree on the MAC address of {node} on {device}: {}; {used} is used",
                names.join(", ")
            ));
        }
    }

    /// The route is planned when its far ends stand. Until then it is as it was.
    pub(super) fn await_far_ends(&mut self, prefix: IpNetwork) {
        let failed = matches!(self.desired.get(prefix).map(|entry| &entry.state), Some(State::Failed { .. }));
        if !failed {
            self.set_state(prefix, State::Pending);
        }
    }

    pub(super) fn far_result(&mut self, now: Instant, op: &Op, entry: FarEntry, result: Result<(), KernelError>) {
        let place = (entry.dev, entry.node);
        match (op, result) {
            (Op::SetFar(_), Ok(())) => {
                let users = self.far_ends.written(entry);
                self.plan_again(users);
            }
            (Op::SetFar(_), Err(error)) => {
                if error.failure == Failure::Unknown {
                    // Perhaps it is there now. As ours, so that it does not stay when nobody needs it any more; and nothing
                    // is built on it before it is seen.
                    self.far_ends.written(entry);
                    self.doubt(now);
                }
                self.far_refused(now, op, place, &error);
            }
            // Gone with its device, or by another hand.
            (
                _,
                Ok(()) | Err(KernelError { failure: Failure::Errno(libc::ENOENT | libc::ESRCH | libc::ENODEV), .. }),
            ) => {
                let users = self.far_ends.gone(place, entry.part, Some(entry.mac));
                self.plan_again(users);
            }
            (_, Err(error)) => {
                self.stats.refused_operation(&error);
                self.loud.warn(format_args!("can't remove `{}`: {error}", op.text(&self.view.links)));
                if error.failure != Failure::Unknown {
                    self.far_ends.abandoned(entry);
                }
                self.ask_dump(now);
            }
        }
    }

    fn far_refused(&mut self, now: Instant, op: &Op, place: Place, error: &KernelError) {
        self.far_ends.refused(place);
        if error.failure == Failure::Errno(libc::ENODEV) {
            // The device is being deleted: its entries went first, and of itself we are about to hear.
            let users = self.far_ends.users(place);
            return self.retry.extend(users.into_iter().map(|prefix| (now + RETRY_MIN, prefix)));
        }
        self.stats.refused_operation(error);
        let text = format!("{error} (`{}`)", op.text(&self.view.links));
        for prefix in self.far_ends.users(place) {
            self.retry_later(now, prefix, KernelError { text: text.clone(), ..error.clone() });
        }
    }

    /// Somebody else wrote or removed an entry of one of the devices.
    pub(super) fn far_event(&mut self, now: Instant, event: Event) {
        let (dev, node, mac) = match event {
            Event::FarEnd(FarEntry { dev, node, mac, .. }) => (dev, node, Some(mac)),
            Event::FarEndGone { dev, node, mac, .. } => (dev, node, mac),
            _ => return,
        };
        if !self.is_vxlan(dev) {
            return;
        }
        // Our own writes are heard, too: of a forwarding entry the kernel does not say whose it was.
        let wanted = self.far_ends.mac((dev, node));
        let as_wanted = mac.is_some() && (wanted == mac) == matches!(event, Event::FarEnd(_));
        if self.flights.forbid_more() && !as_wanted {
            // What is written now may be what is gone.
            self.doubt(now);
        }
        let users = match event {
            Event::FarEndGone { part, mac, .. } => self.far_ends.gone((dev, node), part, mac),
            Event::FarEnd(entry) => self.far_ends.stands(entry),
            _ => return,
        };
        if !self.is_managed(dev) {
            // What was in the way may be gone, or something has come.
            self.plan_again(self.far_ends.around((dev, node), mac));
        }
        if !as_wanted
            && !users.is_empty()
            && self.far_ends.is_missing()
            && (self.is_managed(dev) || self.far_ends.foreign((dev, node)).is_none())
        {
            let name = self.view.links.name(dev).unwrap_or("?");
            self.loud.warn(format_args!(
                "what leads to {node} by way of {name} was changed by another program; restoring it"
            ));
        }
        self.plan_again(users);
    }

    /// What stands for far ends, all anew. Of the first look, what no other program would have is ours.
    pub(super) fn load_far_ends(&mut self, mut entries: Vec<FarEntry>, first: bool) {
        // Also those of a device that no pool has any more, until their routes have moved.
        entries.retain(|entry| self.is_vxlan(entry.dev) || !self.far_ends.users((entry.dev, entry.node)).is_empty());
        let (links, devices) = (&self.view.links, &self.config.devices);
        let made = |dev: u32| devices.iter().any(|device| Some(device.name.as_str()) == links.name(dev));
        let adopted =
            |entry: &FarEntry| first && entry.mac.is_unicast() && (entry.mac == Mac::of(entry.node) || made(entry.dev));
        let users = self.far_ends.load(&entries, adopted);
        self.plan_again(users);
    }

    fn plan_again(&mut self, users: Vec<IpNetwork>) {
        for prefix in users {
            self.mark(prefix);
        }
    }

    fn is_vxlan(&self, dev: u32) -> bool {
        let name = self.view.links.name(dev);
        self.config.pools.iter().any(|pool| pool.mode.is_vxlan() && pool.far_ends && pool.tunnel() == name)
    }
}
