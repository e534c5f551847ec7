//! The Linux kernel, through three netlink sockets: one for dumps, one that listens, and one that writes, on a thread of
//! its own (`writer`).
//!
//! Messages are `rtnetlink`'s: built with its builders, read with its types. Measured against a codec of our own with
//! `examples/install.rs` (medians of 14 runs, 100 000 routes) reading them all takes a seventh more, 244 ms instead of 213:
//! a fair price for not keeping the kernel's formats ourselves. Building them costs some 0.3 µs each (a profile of that
//! example), while the kernel takes the ones before. Its connection is not used:
//! its channels have no bound, and every request waits for an answer of its own. Here the kernel's own socket buffer is the
//! only queue. When it runs over the kernel says so (ENOBUFS), and everything is read back.

use crate::config::FibConfig;
use crate::kernel::{Dump, Event, Kernel, KernelError};
use crate::marks::Marks;
use crate::plan::Op;
use decode::{Decoder, Message, change_of, messages};
use encode::{All, encode_dump};
use reply::Reply;
use rtnetlink::MulticastGroup;
use rtnetlink::packet_core::NLMSG_OVERRUN;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::sys::{AsyncSocket, AsyncSocketExt, Socket, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE};
use socket2::{SockFilter, SockRef};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;
use writer::Writer;

mod decode;
mod encode;
mod inspect;
mod interfaces;
mod reply;
mod writer;

pub use inspect::{Forwarding, Inspector, Lookup, Neighbour, SeenDevice, SeenHop, SeenRoute, Snapshot};
pub use interfaces::{Interface, Interfaces};

/// The kernel answers within microseconds; after this it won't.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Netlink datagrams are at most 32 KiB (16 KiB before Linux 4.9).
const DATAGRAM: usize = 64 * 1024;
/// Asked for; the kernel gives at most twice net.core.rmem_max, or all of it with CAP_NET_ADMIN.
const RECEIVE_BUFFER: usize = 8 * 1024 * 1024;
/// A dump that changed under our hands is done again, this often at most.
const INTERRUPTIONS: u32 = 10;

const GROUPS: [MulticastGroup; 5] = [
    MulticastGroup::Link,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv6Ifaddr,
    MulticastGroup::Ipv6Route,
];

/// Neighbours, too: those of the far ends.
const GROUPS_OF_VXLAN: [MulticastGroup; 6] = {
    let [link, address_v4, route_v4, address_v6, route_v6] = GROUPS;
    [link, address_v4, route_v4, address_v6, route_v6, MulticastGroup::Neigh]
};

/// The kernel of the network namespace the thread was in when it was opened.
pub struct NetlinkKernel {
    /// Whose routes are read and heard of; none: links and addresses alone.
    tables: Vec<u32>,
    /// What is heard of.
    groups: &'static [MulticastGroup],
    /// For dumps.
    requests: TokioSocket,
    writer: Writer,
    sequence: u32,
    listener: TokioSocket,
    heard: VecDeque<Event>,
    decoder: Decoder,
    buffer: Vec<u8>,
    /// The request socket failed; the next dump opens both again.
    broken: bool,
}

impl NetlinkKernel {
    /// Opens both sockets. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the system refuses a netlink socket.
    pub fn open(config: &FibConfig) -> io::Result<NetlinkKernel> {
        let groups: &[MulticastGroup] = if config.vxlan_names().is_empty() { &GROUPS } else { &GROUPS_OF_VXLAN };
        NetlinkKernel::listening(Marks::new(config).tables().to_vec(), groups)
    }

    fn listening(tables: Vec<u32>, groups: &'static [MulticastGroup]) -> io::Result<NetlinkKernel> {
        // Listening first: nothing that happens after the first dump can be missed.
        let listener = socket()?;
        for group in groups {
            listener.socket_ref().add_membership(*group as u32)?;
        }
        let writer = Writer::start()?;
        if let Err(error) = mute(listener.socket_ref(), writer.port) {
            tracing::debug!(%error, "no filter on the netlink listener; what we write ourselves is heard, and left out");
        }
        let requests = socket()?;
        Ok(NetlinkKernel {
            tables,
            groups,
            requests,
            writer,
            sequence: 0,
            listener,
            heard: VecDeque::new(),
            decoder: Decoder::default(),
            buffer: Vec::with_capacity(DATAGRAM),
            broken: false,
        })
    }

    fn reopen(&mut self) -> io::Result<()> {
        let fresh = NetlinkKernel::listening(self.tables.clone(), self.groups)?;
        *self = NetlinkKernel { decoder: std::mem::take(&mut self.decoder), ..fresh };
        Ok(())
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// The next datagram on the request socket, in `self.buffer`.
    async fn receive(&mut self) -> io::Result<()> {
        self.buffer.clear();
        match tokio::time::timeout(TIMEOUT, self.requests.recv(&mut self.buffer)).await {
            Ok(result) => result,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the kernel did not answer a netlink request")),
        }
    }

    /// One dump request; `keep` gets each message. Says whether it was consistent.
    async fn read_all(&mut self, what: All, mut keep: impl FnMut(&mut Decoder, &Message<'_>)) -> io::Result<bool> {
        let sequence = self.next_sequence();
        let mut request = Vec::with_capacity(64);
        encode_dump(&mut request, what, sequence);
        self.requests.send(&request).await?;
        let mut reply = Reply::to(sequence);
        loop {
            self.receive().await?;
            if let Some(end) = reply.take(&self.buffer, |message| keep(&mut self.decoder, message)) {
                return end;
            }
        }
    }

    async fn try_dump(&mut self) -> io::Result<Option<Dump>> {
        let mut dump = Dump::default();
        let mut consistent = true;
        consistent &= self
            .read_all(All::Links, |decoder, message| {
                dump.links.extend((message.kind == libc::RTM_NEWLINK).then(|| decoder.link(message)).flatten());
            })
            .await?;
        consistent &= self
            .read_all(All::Addresses, |decoder, message| {
                dump.addresses.extend((message.kind == libc::RTM_NEWADDR).then(|| decoder.address(message)).flatten());
            })
            .await?;
        for table in self.tables.clone() {
            for family in [AddressFamily::Inet, AddressFamily::Inet6] {
                consistent &= self
                    .read_all(All::Routes(family, table), |decoder, message| {
                        // Without IPv6 the kernel answers an IPv6 dump with another family's routes;
                        // without strict checking, with other tables' too.
                        let asked =
                            message.kind == libc::RTM_NEWROUTE && message.body.first() == Some(&u8::from(family));
                        let route = asked.then(|| decoder.route(message)).flatten();
                        dump.routes.extend(route.filter(|route| route.table == table));
                    })
                    .await?;
            }
        }
        let families = [AddressFamily::Inet, AddressFamily::Inet6, AddressFamily::Bridge];
        for family in families.into_iter().filter(|_| self.groups.len() == GROUPS_OF_VXLAN.len()) {
            consistent &= self
                .read_all(All::Neighbours(family), |decoder, message| {
                    let event = (message.kind == libc::RTM_NEWNEIGH).then(|| decoder.far_end(message)).flatten();
                    dump.far_ends.extend(event.and_then(|event| match event {
                        Event::FarEnd(entry) => Some(entry),
                        _ => None,
                    }));
                })
                .await?;
        }
        Ok(consistent.then_some(dump))
    }

    fn hear(&mut self) {
        let decoder = &mut self.decoder;
        for message in messages(&self.buffer) {
            // Our own routes and entries are known by their results; of a device that we made, its number is told only here.
            let of_device =
                matches!(message.kind, libc::RTM_NEWLINK | libc::RTM_DELLINK | libc::RTM_NEWADDR | libc::RTM_DELADDR);
            if message.port == self.writer.port && !of_device {
                continue;
            }
            let event = match message.kind {
                libc::RTM_NEWROUTE | libc::RTM_DELROUTE => decoder
                    .route(&message)
                    .filter(|route| self.tables.contains(&route.table))
                    .map(|route| Event::Route { change: change_of(&message), route, by: message.port }),
                libc::RTM_NEWLINK => decoder.link(&message).map(Event::Link),
                // A bridge says this of a port that leaves it (family AF_BRIDGE); the link stays.
                libc::RTM_DELLINK if message.body.first() == Some(&u8::from(AddressFamily::Unspec)) => {
                    Decoder::link_index(&message).map(Event::LinkGone)
                }
                libc::RTM_NEWADDR => decoder.address(&message).map(Event::Address),
                libc::RTM_NEWNEIGH | libc::RTM_DELNEIGH => decoder.far_end(&message),
                libc::RTM_DELADDR => decoder.address(&message).map(Event::AddressGone),
                NLMSG_OVERRUN => Some(Event::Overrun),
                _ => None,
            };
            self.heard.extend(event);
        }
    }

    /// The listener failed in some other way than by overrunning.
    async fn recover(&mut self, error: &io::Error) {
        tracing::error!(%error, "netlink listener failed; opening it again");
        while let Err(error) = self.reopen() {
            tracing::error!(%error, "can't open netlink sockets; trying again in a second");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        self.heard.push_back(Event::Overrun);
    }
}

impl Kernel for NetlinkKernel {
    async fn dump(&mut self) -> io::Result<Dump> {
        if std::mem::take(&mut self.broken) {
            self.reopen().inspect_err(|_| self.broken = true)?;
        }
        for _ in 0..INTERRUPTIONS {
            match self.try_dump().await {
                Ok(Some(dump)) => return Ok(dump),
                Ok(None) => tracing::debug!("a dump was interrupted by changes; doing it again"),
                Err(error) => {
                    self.broken = true;
                    return Err(error);
                }
            }
        }
        Err(io::Error::other(format!("the kernel's tables changed during each of {INTERRUPTIONS} dumps")))
    }

    fn begin(&mut self, ops: Vec<Op>) {
        self.writer.begin(ops);
    }

    async fn finish(&mut self) -> (Vec<Op>, Vec<Result<(), KernelError>>) {
        let (ops, results, broken) = self.writer.finish().await;
        self.broken |= broken;
        (ops, results)
    }

    fn drain(&mut self, limit: usize, events: &mut Vec<Event>) -> bool {
        loop {
            let room = limit.saturating_sub(events.len());
            events.extend(self.heard.drain(..room.min(self.heard.len())));
            if events.len() >= limit {
                return false;
            }
            self.buffer.clear();
            match self.listener.socket_ref().recv(&mut self.buffer, 0) {
                Ok(_) => self.hear(),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => self.heard.push_back(Event::Overrun),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nothing more, or a lasting failure that `ready` will see too.
                Err(_) => return true,
            }
        }
    }

    fn watch(&mut self, tables: &[u32], far_ends: bool) {
        self.tables = tables.to_vec();
        if far_ends && self.groups.len() < GROUPS_OF_VXLAN.len() {
            self.groups = &GROUPS_OF_VXLAN;
            // With the next dump both sockets are opened again.
            self.broken = true;
        }
    }

    fn refused(&self) -> u64 {
        self.decoder.refused
    }

    async fn ready(&mut self) {
        if !self.heard.is_empty() {
            return;
        }
        self.buffer.clear();
        match self.listener.recv(&mut self.buffer).await {
            Ok(()) => self.hear(),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => self.heard.push_back(Event::Overrun),
            Err(error) => self.recover(&error).await,
        }
    }
}

fn socket() -> io::Result<TokioSocket> {
    let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
    set_up(socket.socket_mut())?;
    Ok(socket)
}

fn set_up(socket: &mut Socket) -> io::Result<()> {
    socket.bind(&SocketAddr::new(0, 0))?;
    socket.set_rx_buf_sz(libc::c_int::try_from(RECEIVE_BUFFER).unwrap_or(libc::c_int::MAX))?;
    socket.set_cap_ack(true)?;
    socket.set_ext_ack(true)?;
    // Linux 4.20; without it dumps are filtered here.
    if let Err(error) = socket.set_netlink_get_strict_chk(true) {
        tracing::debug!(%error, "no strict netlink checking");
    }
    Ok(())
}

/// Has the kernel keep from a listener what this port does to routes: a message that comes all the same is left out when
/// it is read, but each costs the writer its copy and the listener a system call.
fn mute(listener: &Socket, port: u32) -> io::Result<()> {
    /// Where type and port id are in a message's header.
    const KIND: u32 = 4;
    const PORT: u32 = 12;
    let op = |code: u32| code as u16;
    let [load, half, jump, end] = [
        op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS),
        op(libc::BPF_LD | libc::BPF_H | libc::BPF_ABS),
        op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K),
        op(libc::BPF_RET | libc::BPF_K),
    ];
    // Loads are big-endian, and the header is as the machine has it.
    let port = u32::from_be_bytes(port.to_ne_bytes());
    let kind = |kind: u16| u16::from_be_bytes(kind.to_ne_bytes()).into();
    SockRef::from(listener).attach_filter(&[
        SockFilter::new(load, 0, 0, PORT),
        SockFilter::new(jump, 0, 3, port),
        SockFilter::new(half, 0, 0, KIND),
        SockFilter::new(jump, 2, 0, kind(libc::RTM_NEWROUTE)),
        SockFilter::new(jump, 1, 0, kind(libc::RTM_DELROUTE)),
        SockFilter::new(end, 0, 0, u32::MAX),
        SockFilter::new(end, 0, 0, 0),
    ])
}
