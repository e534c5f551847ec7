//! What becomes of operations: of routes, far ends and tunnel devices.

use super::world::World;
use crate::device::DeviceKind;
use crate::far_ends::{FarEntry, Part};
use crate::kernel::{Event, KernelError, Link, LinkKind};
use crate::plan::{Leave, Op};

impl World {
    /// A node has one neighbour entry, a MAC address one forwarding entry. One that leads to another node is not removed.
    pub(super) fn set_far(&mut self, entry: FarEntry, there: bool) -> bool {
        let same = |other: &&FarEntry| {
            (other.part, other.dev) == (entry.part, entry.dev)
                && match entry.part {
                    Part::Neighbour => other.node == entry.node,
                    Part::Forwarding => other.mac == entry.mac && (there || other.node == entry.node),
                }
        };
        let known = self.far_ends.iter().find(same).copied();
        if let Some(known) = known {
            self.far_ends.remove(&known);
        }
        if there {
            self.far_ends.insert(entry);
        }
        known.is_some()
    }

    /// What Linux does with a tunnel device, and tells of it also whoever asked for it.
    fn device(&mut self, op: &Op) -> Result<(), KernelError> {
        let bad = |errno| Err(KernelError::from_errno(errno, None));
        match op {
            Op::Make(device) => {
                let kind = match device.kind {
                    DeviceKind::Ipip { .. } if self.makes_ipip => LinkKind::Ipip { local: None, remote: None },
                    DeviceKind::Ipip { .. } => return bad(libc::EOPNOTSUPP),
                    DeviceKind::Vxlan { vni, port } => LinkKind::Vxlan { vni, port, local: Some(device.local) },
                };
                let network = |link: &Link| match (&kind, &link.kind) {
                    (LinkKind::Vxlan { vni, port, .. }, LinkKind::Vxlan { vni: other, port: others, .. }) => {
                        (vni, port) == (other, others)
                    }
                    _ => false,
                };
                if self.links.values().any(|link| link.name == device.name || network(link)) {
                    return bad(libc::EEXIST);
                }
                // Never one that was used before.
                self.last_index = self.links.keys().copied().fold(self.last_index, u32::max) + 1;
                let (index, name) = (self.last_index, device.name.clone());
                self.link(Link {
                    index,
                    name,
                    up: true,
                    carrier: true,
                    mtu: device.mtu,
                    mac: device.mac(),
                    alias: None,
                    kind,
                });
            }
            Op::Amend { device, mac } => {
                let Some(link) = self.links.values().find(|link| link.name == device.name).cloned() else {
                    return bad(libc::ENODEV);
                };
                if mac.is_some() {
                    // NETDEV_CHANGEADDR: the device's neighbours are forgotten.
                    let lost = self.far_ends.extract_if(.., |far| far.dev == link.index && far.part == Part::Neighbour);
                    for FarEntry { part, dev, node, mac } in lost.collect::<Vec<_>>() {
                        self.events.push_back(Event::FarEndGone { part, dev, node, mac: Some(mac) });
                    }
                }
                let alias = Some(device.mark().into());
                self.link(Link { up: true, carrier: true, mtu: device.mtu, mac: mac.or(link.mac), alias, ..link });
            }
            Op::Leave { index, how, .. } => {
                let Some(link) = self.links.get(index).cloned() else { return bad(libc::ENODEV) };
                match how {
                    Leave::Delete => self.link_gone(*index),
                    Leave::Down => self.link(Link { up: false, carrier: false, alias: None, ..link }),
                    Leave::HandOver => self.link(Link { alias: None, ..link }),
                }
            }
            Op::SetAddress(address) => self.address(*address),
            Op::DropAddress(address) => self.address_gone(*address),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn run(&mut self, op: &Op) -> Result<(), KernelError> {
        self.writes += 1;
        self.touched.insert(op.prefix());
        if let Some((errno, times)) = self.refuse.get_mut(&op.prefix())
            && *times > 0
        {
            *times -= 1;
            return Err(KernelError::from_errno(*errno, None));
        }
        let done = match op {
            Op::Add(route) => self.add(route),
            Op::Replace { new, .. } => self.check(new).and_then(|()| {
                let first = self.routes.get(&new.prefix).and_then(|routes| routes.iter().find(|r| r.same_key(new)));
                self.trespasses.extend(first.filter(|route| route.protocol != new.protocol).cloned());
                match self.replace(new) {
                    true => Ok(()),
                    false => Err(KernelError::from_errno(libc::ENOENT, None)),
                }
            }),
            Op::Delete(route) => match self.take_at(route.prefix, |other| other == route).len() {
                0 => Err(KernelError::from_errno(libc::ESRCH, None)),
                _ => Ok(()),
            },
            Op::SetFar(entry) if !self.links.contains_key(&entry.dev) => {
                Err(KernelError::from_errno(libc::ENODEV, None))
            }
            Op::SetFar(entry) => {
                self.set_far(*entry, true);
                Ok(())
            }
            Op::Make(_) | Op::Amend { .. } | Op::Leave { .. } | Op::SetAddress(_) | Op::DropAddress(_) => {
                self.device(op)
            }
            Op::DropFar(entry) => match self.set_far(*entry, false) {
                true => Ok(()),
                false => Err(KernelError::from_errno(libc::ENOENT, None)),
            },
        };
        if self.lose_answers > 0 {
            self.lose_answers -= 1;
            return Err(KernelError::unknown("answer lost"));
        }
        done
    }
}
