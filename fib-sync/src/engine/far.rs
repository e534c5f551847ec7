//! Routes through VXLAN devices wait for their far ends, and far ends go after the last route over them.

use super::Engine;
use crate::desired::State;
use crate::far_ends::{FarEntry, Place, Places};
use crate::kernel::{Event, Failure, KernelError};
use crate::plan::Op;
use crate::resolve::Resolved;
use crate::route::Form;
use ipnetwork::IpNetwork;
use std::time::Instant;

impl Engine {
    /// Whether the far ends of a prefix's route stand; if not, they are written next.
    pub(super) fn reaches_far_ends(&mut self, prefix: IpNetwork, resolved: &Resolved) -> bool {
        let places = self.far_places(prefix, resolved);
        if places.is_empty() || self.far_ends.stand(&places) {
            self.far_ends.needed_by(prefix, places);
            return true;
        }
        // Those of the route as it is now are needed until it is another.
        self.far_ends.also_needed_by(prefix, places);
        false
    }

    fn far_places(&self, prefix: IpNetwork, resolved: &Resolved) -> Places {
        let Resolved::Form(Form::Unicast(hops)) = resolved else { return Places::new() };
        let Some(pool) = self.config.pool_of(prefix).filter(|pool| pool.mode.is_vxlan()) else { return Places::new() };
        let device = pool.tunnel().and_then(|name| self.view.links.named(name)).map(|link| link.index);
        hops.iter()
            .filter(|hop| hop.onlink && Some(hop.dev) == device)
            .filter_map(|hop| Some((hop.dev, hop.via?)))
            .collect()
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
                let users = self.far_ends.stands(entry);
                self.plan_again(users);
            }
            (Op::SetFar(_), Err(error)) => self.far_refused(now, op, place, &error),
            // Gone with its device, or by another hand.
            (
                _,
                Ok(()) | Err(KernelError { failure: Failure::Errno(libc::ENOENT | libc::ESRCH | libc::ENODEV), .. }),
            ) => {
                self.far_ends.gone(place, entry.part, None);
            }
            (_, Err(error)) => {
                self.stats.errors += 1;
                self.loud.warn(format_args!("can't remove `{}`: {error}", op.text(&self.view.links)));
                self.ask_dump(now);
            }
        }
    }

    fn far_refused(&mut self, now: Instant, op: &Op, place: Place, error: &KernelError) {
        self.stats.errors += 1;
        if error.failure == Failure::Unknown {
            self.ask_dump(now);
        }
        let text = format!("{error} (`{}`)", op.text(&self.view.links));
        for prefix in self.far_ends.users(place) {
            self.retry_later(now, prefix, KernelError { text: text.clone(), ..error.clone() });
        }
    }

    /// Somebody else wrote or removed an entry of one of the devices.
    pub(super) fn far_event(&mut self, event: Event) {
        let (dev, node) = match event {
            Event::FarEnd(FarEntry { dev, node, .. }) | Event::FarEndGone { dev, node, .. } => (dev, node),
            _ => return,
        };
        if !self.is_vxlan(dev) {
            return;
        }
        let users = match event {
            Event::FarEndGone { part, mac, .. } => self.far_ends.gone((dev, node), part, mac),
            Event::FarEnd(entry) => self.far_ends.stands(entry),
            _ => return,
        };
        if self.far_ends.is_missing() {
            let name = self.view.links.name(dev).unwrap_or("?");
            self.loud.warn(format_args!(
                "what leads to {node} by way of {name} was changed by another program; restoring it"
            ));
        }
        self.plan_again(users);
    }

    /// What stands for far ends, all anew.
    pub(super) fn load_far_ends(&mut self, mut entries: Vec<FarEntry>) {
        entries.retain(|entry| self.is_vxlan(entry.dev));
        let users = self.far_ends.load(&entries);
        self.plan_again(users);
    }

    fn plan_again(&mut self, users: Vec<IpNetwork>) {
        for prefix in users {
            self.mark(prefix);
        }
    }

    fn is_vxlan(&self, dev: u32) -> bool {
        let name = self.view.links.name(dev);
        self.config.pools.iter().any(|pool| pool.mode.is_vxlan() && pool.tunnel() == name)
    }
}
