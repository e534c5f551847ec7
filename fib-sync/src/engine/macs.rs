//! How the node's own ends of VXLAN tunnels are called, for whoever announces it.
//!
//! The kernel's word counts, whoever made the device. A device that is missing keeps the address it had: nobody can send
//! to it meanwhile, and mostly it comes back as it was. One that is ours to make has the address it will get, so that
//! nothing changes when it is there.

use super::Engine;
use crate::far_ends::Mac;
use std::collections::BTreeMap;

/// By the device's name.
#[derive(Debug, Default)]
pub(super) struct Macs {
    /// Links or devices are not as they were at the last look.
    pub(super) stale: bool,
    known: BTreeMap<String, Mac>,
}

impl Engine {
    /// MAC addresses of the pools' VXLAN devices by name, if they are not those of the last call.
    pub fn take_macs(&mut self) -> Option<BTreeMap<String, Mac>> {
        if !std::mem::take(&mut self.macs.stale) {
            return None;
        }
        let mac = |name: &String| {
            let has = self.view.links.named(name).and_then(|link| link.mac).filter(|mac| mac.is_unicast());
            let gets = || self.config.devices.iter().find(|device| device.name == *name)?.mac();
            has.or_else(gets).or_else(|| self.macs.known.get(name).copied())
        };
        let names = self.config.vxlan_names();
        let macs: BTreeMap<_, _> = names.into_iter().filter_map(|name| mac(&name).map(|mac| (name, mac))).collect();
        (self.macs.known != macs).then(|| {
            self.macs.known.clone_from(&macs);
            macs
        })
    }
}
