//! The kernel alone: a plan's routes written by a program that does nothing else, which is as fast as it goes.
//!
//! 64 messages a send, an acknowledgement asked of the last one only: what a daemon takes beyond that is its own. The
//! kernel is listened to as with a daemon ([`Kernel`]), as the writer pays for each listener.

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bgp_proto::Prefix;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::time::ClockId;

use crate::kernel::{Kernel, PAUSE, split, u16_at, u32_at};
use crate::plan::{Plan, Space};
use crate::play::{Outcome, Step};

const BATCH: usize = 64;
/// After the last acknowledgement the last notification is there already.
const LATE: Duration = Duration::from_secs(1);

/// rtnetlink(7): message types, flags, attributes.
const NEWROUTE: u16 = 24;
const DELROUTE: u16 = 25;
const REQUEST: u16 = 0x1;
const ACK: u16 = 0x4;
const REPLACE: u16 = 0x100;
const EXCL: u16 = 0x200;
const CREATE: u16 = 0x400;
const ERROR: u16 = 2;
const DESTINATION: u16 = 1;
const INTERFACE: u16 = 4;
const GATEWAY: u16 = 5;

/// What is done with every route of a step.
#[derive(Debug, Clone, Copy)]
struct Job {
    kind: u16,
    flags: u16,
    gateway: IpAddr,
    /// Index of the interface.
    dev: u32,
}

/// Writes, rewrites and removes the routes of a plan of one speaker. What was measured before an error is kept.
pub fn play(plan: &Plan) -> Outcome {
    let mut steps = Vec::new();
    let error = course(plan, &mut steps).err().map(|error| format!("{error:#}"));
    let (scenario, prefixes) = (plan.scenario.name.to_owned(), plan.space.count);
    Outcome { scenario, prefixes, speakers: plan.speakers.len(), steps, error, ..Outcome::default() }
}

fn course(plan: &Plan, steps: &mut Vec<Step>) -> Result<()> {
    let index = std::fs::read_to_string("/sys/class/net/eth0/ifindex").context("the index of eth0")?;
    let dev = index.trim().parse().context("the index of eth0")?;
    let mut kernel = Kernel::new(plan.space).context("cannot subscribe to the kernel's routes")?;
    let [first, second] = plan.next_hops(&plan.speakers[0]);
    for (name, kind, flags, gateway) in [
        ("announce", NEWROUTE, CREATE | EXCL, first),
        ("replace", NEWROUTE, REPLACE, second),
        ("withdraw", DELROUTE, 0, second),
    ] {
        if kind == NEWROUTE {
            kernel.expect(gateway);
        }
        let goal = if kind == NEWROUTE { plan.space.count } else { 0 };
        steps.push(step(name, &mut kernel, goal, plan.space, Job { kind, flags, gateway, dev })?);
    }
    Ok(())
}

fn step(name: &str, kernel: &mut Kernel, goal: usize, space: Space, job: Job) -> Result<Step> {
    let clock = Instant::now();
    let writer = thread::spawn(move || write(space, job));
    let mut late = None;
    while kernel.held.count() != goal {
        let end = *late.get_or_insert_with(|| Instant::now() + LATE);
        let held = kernel.held.count();
        ensure!(Instant::now() < end, "{name}: all is acknowledged, and {held} routes are there instead of {goal}");
        if !writer.is_finished() {
            late = None;
        }
        thread::sleep(PAUSE);
        kernel.read().context("the kernel's notifications")?;
    }
    let seconds = clock.elapsed().as_secs_f64();
    let cpu =
        writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).with_context(|| name.to_owned())?;
    Ok(Step { name: name.to_owned(), done: true, seconds, last: seconds, cpu, ..Step::default() })
}

/// Does the job with every prefix, and says how much processor time it took.
fn write(space: Space, job: Job) -> Result<f64> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.set_cap_ack(true)?;
    let (mut request, mut answer) = (Vec::with_capacity(BATCH * 80), Vec::with_capacity(1 << 16));
    let numbers: Vec<usize> = (0..space.count).collect();
    for batch in numbers.chunks(BATCH) {
        request.clear();
        let last = batch[batch.len() - 1];
        for &number in batch {
            message(&mut request, job, space.prefix(number), number as u32, number == last);
        }
        socket.send(&request, 0)?;
        while !acknowledged(&socket, &mut answer, last as u32)? {}
    }
    Ok(Duration::from(ClockId::CLOCK_THREAD_CPUTIME_ID.now()?).as_secs_f64())
}

/// Reads a datagram; whether the answer to the last message is in it.
fn acknowledged(socket: &Socket, answer: &mut Vec<u8>, last: u32) -> Result<bool> {
    answer.clear();
    socket.recv(answer, 0)?;
    let mut rest = &answer[..];
    while let Some((message, next)) = split(rest, 20, |head| u32_at(head, 0) as usize) {
        let code = u32_at(message, 16).cast_signed();
        ensure!(u16_at(message, 4) != ERROR || code == 0, "{}", std::io::Error::from_raw_os_error(-code));
        if u32_at(message, 8) == last {
            return Ok(true);
        }
        rest = next;
    }
    Ok(false)
}

/// Appends a message: struct nlmsghdr, struct rtmsg, attributes.
fn message(out: &mut Vec<u8>, job: Job, prefix: Prefix, sequence: u32, last: bool) {
    const TABLE_MAIN: u8 = 254;
    const PROTOCOL_BIRD: u8 = 12;
    const UNICAST: u8 = 1;
    let start = out.len();
    let flags = REQUEST | job.flags | if last { ACK } else { 0 };
    out.extend(0_u32.to_ne_bytes());
    out.extend([job.kind.to_ne_bytes(), flags.to_ne_bytes()].as_flattened());
    out.extend([sequence, 0].map(u32::to_ne_bytes).as_flattened());
    let family = if prefix.addr().is_ipv4() { nix::libc::AF_INET } else { nix::libc::AF_INET6 };
    out.extend([family as u8, prefix.len(), 0, 0, TABLE_MAIN, PROTOCOL_BIRD, 0, UNICAST, 0, 0, 0, 0]);
    attribute(out, DESTINATION, prefix.addr());
    attribute(out, GATEWAY, job.gateway);
    out.extend([8_u16, INTERFACE].map(u16::to_ne_bytes).as_flattened());
    out.extend(job.dev.to_ne_bytes());
    let length = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&length.to_ne_bytes());
}

fn attribute(out: &mut Vec<u8>, kind: u16, address: IpAddr) {
    let (v4, v6);
    let octets: &[u8] = match address {
        IpAddr::V4(address) => {
            v4 = address.octets();
            &v4
        }
        IpAddr::V6(address) => {
            v6 = address.octets();
            &v6
        }
    };
    out.extend([4 + octets.len() as u16, kind].map(u16::to_ne_bytes).as_flattened());
    out.extend(octets);
}
