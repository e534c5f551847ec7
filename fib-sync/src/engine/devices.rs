//! Tunnel devices of our making: made where they are missing, kept as they should be, removed when nobody wants them.
//!
//! Nothing here waits for an answer. A look compares what is wanted with the links as they are and says what to do; what
//! that did is heard as every change of a link is, and leads to the next look. An operation that was done a moment ago
//! and is due again is put off, longer each time: the kernel refuses it, or another program undoes it.
//!
//! What another program made under a name of ours is left alone, and the routes that need it wait, with the reason.

use super::{Engine, RETRY_MAX, RETRY_MIN};
use crate::config::FibConfig;
use crate::device::{Device, DeviceKind, FALLBACK, Fit, is_ours, mark_of, room};
use crate::hash::HashMap;
use crate::kernel::{Address, Failure, KernelError, Link, LinkKind};
use crate::plan::{Leave, Op};
use crate::view::Links;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What was done so long ago counts as never done.
const FORGOTTEN: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Devices {
    /// Links or wishes are not as they were at the last look.
    pub(super) changed: bool,
    /// Devices of ours that nobody wants any more.
    surplus: bool,
    /// Nobody wants any.
    pub(super) closing: bool,
    tried: Vec<Tried>,
    /// When what was put off is due.
    due: Option<Instant>,
    /// What people should know.
    warnings: Vec<Arc<str>>,
}

/// An operation that was run.
#[derive(Debug)]
struct Tried {
    op: Op,
    at: Instant,
    pause: Duration,
    error: Option<KernelError>,
}

impl Devices {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Those that may be run now; the others are put off.
    fn admit(&mut self, now: Instant, wanted: Vec<Op>) -> Vec<Op> {
        let mut ops = wanted;
        ops.retain(|op| {
            let wait = self.tried.iter().find(|tried| tried.op == *op).map(|tried| tried.at + tried.pause);
            let Some(at) = wait.filter(|at| *at > now) else { return true };
            self.due = Some(self.due.map_or(at, |due| due.min(at)));
            false
        });
        ops
    }

    fn note(&mut self, now: Instant, op: &Op, error: Option<KernelError>) {
        self.tried.retain(|tried| now.saturating_duration_since(tried.at) < FORGOTTEN);
        match self.tried.iter_mut().find(|tried| tried.op == *op) {
            Some(tried) => *tried = Tried { at: now, pause: (tried.pause * 2).min(RETRY_MAX), error, op: op.clone() },
            None => self.tried.push(Tried { at: now, pause: RETRY_MIN, error, op: op.clone() }),
        }
    }

    /// Why the operation failed the last time.
    fn error(&self, op: &Op) -> Option<&KernelError> {
        self.tried.iter().find(|tried| tried.op == *op)?.error.as_ref()
    }
}

impl Engine {
    /// What people should know of tunnel devices, and what to type.
    pub fn warnings(&self) -> &[Arc<str>] {
        &self.devices.warnings
    }

    /// What devices need now. Runs before anything that needs them.
    pub(super) fn device_ops(&mut self, now: Instant) -> Vec<Op> {
        if !self.devices.changed && self.devices.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        (self.devices.changed, self.devices.due) = (false, None);
        let (mut ops, mut warnings, mut barred) = (Vec::new(), Vec::new(), HashMap::default());
        let devices = if self.devices.closing { Vec::new() } else { self.config.devices.clone() };
        for device in devices {
            let wanted = match self.view.links.named(&device.name).map(|link| (device.fit(link), link)) {
                Some((Fit::Ours, link)) => amend(&device, link, &self.view.links),
                Some((Fit::Leftover, link)) => self.renew(&device, Some(link)),
                Some((Fit::Foreign, link)) => {
                    barred.insert(device.name.clone(), Arc::<str>::from(in_the_way(&device, link)));
                    continue;
                }
                None => self.renew(&device, None),
            };
            let failed = wanted.iter().find_map(|op| Some((op, self.devices.error(op)?)));
            if let Some((op, error)) = failed {
                let text: Arc<str> = self.refusal(&device, op, error).into();
                match op {
                    Op::Make(_) => drop(barred.insert(device.name.clone(), text)),
                    _ => warnings.push(text),
                }
            }
            ops.extend(self.devices.admit(now, wanted));
        }
        self.devices.surplus = self.view.links.iter().any(|link| self.is_surplus(link));
        warnings.extend(barred.values().cloned());
        warnings.extend(too_large(&self.config, &self.view.links));
        self.warn(warnings);
        if self.view.barred != barred {
            self.view.barred = barred;
            self.look_at_tunnels();
        }
        ops
    }

    /// A device is made; before that goes what is in its place, and what of ours holds its network under another name.
    fn renew(&self, device: &Device, old: Option<&Link>) -> Vec<Op> {
        let links = &self.view.links;
        let former = |link: &&Link| self.is_surplus(link) && has_network(link, device);
        let gone = old.into_iter().chain(links.iter().filter(former)).map(|link| leave(link, Leave::Delete));
        gone.chain([Op::Make(device.complete(links))]).collect()
    }

    fn warn(&mut self, warnings: Vec<Arc<str>>) {
        for new in warnings.iter().filter(|text| !self.devices.warnings.contains(text)) {
            self.loud.warn(format_args!("{new}"));
        }
        self.devices.warnings = warnings;
    }

    fn refusal(&self, device: &Device, op: &Op, error: &KernelError) -> String {
        let text = format!("tunnel device {} can't be made: {error} (`{}`)", device.name, op.text(&self.view.links));
        match (op, &device.kind, error.failure) {
            (Op::Make(_), DeviceKind::Ipip { .. }, Failure::Errno(libc::EOPNOTSUPP)) => {
                format!("{text}; the kernel knows no ipip: `modprobe ipip` on the node")
            }
            (Op::Make(_), DeviceKind::Vxlan { vni, port }, Failure::Errno(libc::EEXIST)) => {
                match self.view.links.iter().find(|link| has_network(link, device)) {
                    Some(Link { name, .. }) => format!(
                        "tunnel device {} can't be made: device {name} has VNI {vni} on port {port} already; `ip link del \
                         {name}`, or give the pool another vxlan.vni or vxlan.port",
                        device.name
                    ),
                    None => text,
                }
            }
            (Op::Make(_), _, _) => text,
            _ => format!("tunnel device {} can't be set up: {error} (`{}`)", device.name, op.text(&self.view.links)),
        }
    }

    pub(super) fn device_result(&mut self, now: Instant, op: &Op, result: Result<(), KernelError>) {
        let text = op.text(&self.view.links).to_string();
        match &result {
            Ok(()) => self.loud.info(format_args!("done: `{text}`")),
            Err(error) => {
                self.stats.refused_operation(error);
                tracing::debug!("can't `{text}`: {error}");
                // Something is there, or gone, that we don't know of.
                let unknown = [libc::EEXIST, libc::ENODEV, libc::EADDRNOTAVAIL];
                if error.errno().is_none_or(|number| unknown.contains(&number)) {
                    self.ask_dump(now);
                }
            }
        }
        self.devices.note(now, op, result.err());
        // To say what was refused, and when it is tried again. What was done is heard of.
        self.devices.changed = true;
    }

    /// Whether [`Engine::surplus_devices`] has something to give, if nothing else is left to do.
    pub(super) fn has_surplus_devices(&self) -> bool {
        self.devices.surplus && self.devices.due.is_none() && self.adopted.is_empty()
    }

    /// Devices that nobody wants any more, once nothing else is left to do: by then no route of ours leads over them.
    pub(super) fn surplus_devices(&mut self, now: Instant) -> Vec<Op> {
        if !self.has_surplus_devices() {
            return Vec::new();
        }
        let surplus = self.view.links.iter().filter(|link| self.is_surplus(link));
        let used = if self.devices.closing { Vec::new() } else { self.config.tunnels() };
        let mut ops = Vec::new();
        for link in surplus {
            let how = match &*link.name {
                // A pool goes on using it.
                name if used.contains(&name) => Leave::HandOver,
                FALLBACK => Leave::Down,
                _ => Leave::Delete,
            };
            if how == Leave::Down {
                ops.extend(given_address(link, &self.view.links).map(Op::DropAddress));
            }
            ops.push(leave(link, how));
        }
        self.devices.admit(now, ops)
    }

    fn is_surplus(&self, link: &Link) -> bool {
        is_ours(link) && (self.devices.closing || !self.config.devices.iter().any(|device| device.name == link.name))
    }
}

/// What a device of ours lacks.
fn amend(device: &Device, link: &Link, links: &Links) -> Vec<Op> {
    let mut ops = Vec::new();
    let given = given_address(link, links);
    let wanted = device.address().map(|net| Address { dev: link.index, net });
    ops.extend(wanted.filter(|address| !links.has(*address)).map(Op::SetAddress));
    ops.extend(given.filter(|given| Some(*given) != wanted).map(Op::DropAddress));
    if !device.is_as_wanted(link, links) {
        let mtu = device.wanted_mtu(links).unwrap_or(link.mtu);
        let mac = device.mac().filter(|mac| link.mac != Some(*mac));
        ops.push(Op::Amend { device: Device { mtu, ..device.clone() }, mac });
    }
    ops
}

fn leave(link: &Link, how: Leave) -> Op {
    Op::Leave { index: link.index, name: link.name.clone(), how }
}

/// The address that we gave it, if it is still there.
fn given_address(link: &Link, links: &Links) -> Option<Address> {
    mark_of(link)?.filter(|address| links.has(*address))
}

/// Whether a link has the device's network: there is one of a number on a port, for IPv4 and for IPv6 outside.
fn has_network(link: &Link, device: &Device) -> bool {
    match (&device.kind, &link.kind) {
        (DeviceKind::Vxlan { vni, port }, LinkKind::Vxlan { vni: has_vni, port: has_port, local }) => {
            let v6 = local.is_some_and(|local| local.is_ipv6());
            (vni, port, device.local.is_ipv6()) == (has_vni, has_port, v6)
        }
        _ => false,
    }
}

fn in_the_way(device: &Device, link: &Link) -> String {
    let Device { name, .. } = device;
    let wrong_mac = device.mac().filter(|mac| link.mac != Some(*mac));
    let macs = wrong_mac.map_or_else(String::new, |mac| {
        link.mac.map_or_else(String::new, |has| format!(", with address {has} where {mac} is wanted"))
    });
    format!(
        "device {name} is another program's: it is `{}`{macs}, and `{device}` is wanted; `ip link del {name}` lets roost make \
         its own, `manage: false` for the pool uses this one",
        link.kind
    )
}

/// Tunnels whose packets do not fit the network, unless they are kept as they should be anyway.
fn too_large(config: &FibConfig, links: &Links) -> Vec<Arc<str>> {
    let mut warnings = Vec::new();
    for name in config.tunnels() {
        let managed = config.devices.iter().find(|device| device.name == name);
        let Some(link) = links.named(name).filter(|link| link.up) else { continue };
        let vxlan = config.vxlan_names().iter().any(|vxlan| vxlan == name);
        let kind = if vxlan { DeviceKind::Vxlan { vni: 0, port: 0 } } else { DeviceKind::Ipip { address: None } };
        let local = match (managed, &link.kind) {
            (Some(Device { local, .. }), _) => Some(*local),
            (None, LinkKind::Vxlan { local: Some(local), .. } | LinkKind::Ipip { local: Some(local), .. }) => {
                Some(*local)
            }
            // Of two families, that of the wider headers would be a guess.
            (None, _) => config.addresses.iter().copied().min_by_key(IpAddr::is_ipv6),
        };
        let Some((fits, underlay)) = local.and_then(|local| room(&kind, local, links)) else { continue };
        if link.mtu <= fits || managed.is_some_and(|device| device.mtu == 0) {
            continue;
        }
        let remedy = match managed {
            Some(_) => "take `mtu` away from the pool, or make it no more than that".to_owned(),
            None => format!("`ip link set {name} mtu {fits}`, or set it where the device is made"),
        };
        warnings.push(
            format!(
                "tunnel device {name} has MTU {}, and {fits} is what fits into the {} of {}: larger packets are fragmented or \
                 lost; {remedy}",
                link.mtu, underlay.mtu, underlay.name
            )
            .into(),
        );
    }
    warnings
}
