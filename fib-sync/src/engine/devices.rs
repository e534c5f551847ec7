//! Tunnel devices of our making: where one of that name is not there, it is made.
//!
//! One that is there is taken as it is, whoever made it: taking it away would take packets along.

use super::{Engine, RETRY_MAX, RETRY_MIN};
use crate::config::Vxlan;
use crate::kernel::KernelError;
use crate::plan::Op;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Of Ethernet, where nobody knows better.
const USUAL_MTU: u32 = 1500;

/// Devices that could not be made, or whose making was not heard of yet: when to try again, and the pause after that.
#[derive(Debug, Default)]
pub(super) struct Devices(HashMap<Vxlan, (Instant, Duration)>);

impl Devices {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.0.values().map(|(at, _)| *at).min()
    }
}

impl Engine {
    pub(super) fn missing_devices(&mut self, now: Instant) -> Vec<Op> {
        let (links, waiting) = (&self.view.links, &mut self.devices.0);
        waiting.retain(|device, _| links.named(&device.device).is_none());
        let missing = self.config.devices.iter().filter(|device| links.named(&device.device).is_none());
        let due = missing.filter(|device| waiting.get(*device).is_none_or(|(at, _)| *at <= now));
        let underlay = |device: &Vxlan| links.with_address(device.local).map(|link| link.mtu).filter(|mtu| *mtu > 0);
        let mtu = |device: &Vxlan| match device.mtu {
            0 => underlay(device).unwrap_or(USUAL_MTU).saturating_sub(device.overhead()),
            mtu => mtu,
        };
        due.map(|device| Op::Make(Vxlan { mtu: mtu(device), ..device.clone() })).collect()
    }

    pub(super) fn made(&mut self, now: Instant, device: &Vxlan, result: Result<(), KernelError>) {
        let Some(of) = self.config.devices.iter().find(|of| of.device == device.device).cloned() else { return };
        let pause = self.devices.0.get(&of).map_or(RETRY_MIN, |(_, pause)| (*pause * 2).min(RETRY_MAX));
        self.devices.0.insert(of, (now + pause, pause));
        let text = Op::Make(device.clone());
        match result {
            Ok(()) => self.loud.info(format_args!("made `{}`", text.text(&self.view.links))),
            Err(error) => {
                self.stats.errors += 1;
                self.loud.warn(format_args!("can't make `{}`: {error}", text.text(&self.view.links)));
            }
        }
        // Of what we do ourselves we are told nothing.
        self.ask_dump(now);
    }
}
