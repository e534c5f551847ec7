//! The thread that writes. The kernel does its work inside `send`, so whoever writes waits; on a thread of its own, the
//! engine decides about the next routes meanwhile, and on two cores a table is in the kernel as soon as the kernel can
//! take it.
//!
//! A batch comes encoded and goes in sends of up to 64 messages with an acknowledgement asked only of the last one;
//! errors of the others come without asking, and the rest of a send is executed after a bad one.

use super::decode::{decode_error, messages};
use super::encode::encode_op;
use super::{DATAGRAM, TIMEOUT, set_up};
use crate::kernel::KernelError;
use crate::plan::Op;
use rtnetlink::packet_core::NLMSG_ERROR;
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use socket2::SockRef;
use std::collections::VecDeque;
use std::io;
use std::sync::mpsc;
use tokio::sync::oneshot;

/// Messages in one send. Acknowledgements of more could overrun a socket buffer of default size.
const SEND: usize = 64;
/// What a message of ours needs mostly, at least to begin with.
const MESSAGE: usize = 96;

type Results = Vec<Result<(), KernelError>>;

/// A batch, encoded.
struct Batch {
    /// Each part is one send: its messages, and how many there are.
    parts: Vec<(Vec<u8>, usize)>,
    /// Sequence number of the first message; they are consecutive.
    first: u32,
    answer: oneshot::Sender<Answer>,
}

/// What became of a batch.
struct Answer {
    results: Results,
    /// The socket can't be used any more.
    broken: bool,
}

/// The way to the thread, which ends when this is dropped.
pub(super) struct Writer {
    /// Port id of its socket: notifications of our own writes carry it.
    pub(super) port: u32,
    sequence: u32,
    batches: mpsc::Sender<Batch>,
    /// What the thread has and what it finds next, oldest first, with the way the answer comes.
    under_way: VecDeque<(Vec<Op>, oneshot::Receiver<Answer>)>,
}

impl Writer {
    /// Opens the socket, in the network namespace of the caller, and starts the thread.
    ///
    /// # Errors
    /// When the system refuses a netlink socket or a thread.
    pub(super) fn start() -> io::Result<Writer> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        set_up(&mut socket)?;
        SockRef::from(&socket).set_read_timeout(Some(TIMEOUT))?;
        let mut own = SocketAddr::new(0, 0);
        socket.get_address(&mut own)?;
        let (batches, work) = mpsc::channel::<Batch>();
        let body = move || {
            let mut buffer = Vec::with_capacity(DATAGRAM);
            for Batch { parts, mut first, answer } in work {
                let mut whole = Answer { results: Vec::new(), broken: false };
                for (request, count) in parts {
                    write(&socket, &request, first, count, &mut buffer, &mut whole);
                    first = first.wrapping_add(count as u32);
                }
                // Whoever asked may have gone.
                let _ = answer.send(whole);
            }
        };
        std::thread::Builder::new().name("fib-sync-write".into()).spawn(body)?;
        Ok(Writer { port: own.port_number(), sequence: 0, batches, under_way: VecDeque::new() })
    }

    /// Hands over a batch.
    pub(super) fn begin(&mut self, ops: Vec<Op>) {
        let first = self.sequence.wrapping_add(1);
        let mut parts = Vec::with_capacity(ops.len().div_ceil(SEND));
        for part in ops.chunks(SEND) {
            let mut request = Vec::with_capacity(part.len() * MESSAGE);
            for (n, op) in part.iter().enumerate() {
                self.sequence = self.sequence.wrapping_add(1);
                encode_op(&mut request, op, self.sequence, n + 1 == part.len());
            }
            parts.push((request, part.len()));
        }
        let (answer, answered) = oneshot::channel();
        // If the thread has ended, so has the way its answer comes.
        let _ = self.batches.send(Batch { parts, first, answer });
        self.under_way.push_back((ops, answered));
    }

    /// Waits for what became of the oldest batch; and whether the socket can still be used.
    pub(super) async fn finish(&mut self) -> (Vec<Op>, Results, bool) {
        let Some((ops, answered)) = self.under_way.pop_front() else { return (Vec::new(), Vec::new(), false) };
        match answered.await {
            Ok(Answer { results, broken }) => (ops, results, broken),
            Err(_) => {
                let unknown = || Err(KernelError::unknown("the thread that writes has ended"));
                let results = std::iter::repeat_with(unknown).take(ops.len()).collect();
                (ops, results, true)
            }
        }
    }
}

/// One send with its answers.
fn write(socket: &Socket, request: &[u8], first: u32, count: usize, buffer: &mut Vec<u8>, whole: &mut Answer) {
    let start = whole.results.len();
    whole.results.resize(start + count, Ok(()));
    if let Err(error) = exchange(socket, request, first, buffer, &mut whole.results[start..]) {
        // Perhaps executed, perhaps not. A dump will tell.
        tracing::warn!(%error, routes = count, "no answer to a batch of routes; reading the tables back");
        whole.broken |= error.raw_os_error() != Some(libc::ENOBUFS);
        whole.results[start..].fill(Err(KernelError::unknown(&error.to_string())));
    }
}

fn exchange(
    socket: &Socket,
    request: &[u8],
    first: u32,
    buffer: &mut Vec<u8>,
    results: &mut [Result<(), KernelError>],
) -> io::Result<()> {
    socket.send(request, 0)?;
    loop {
        buffer.clear();
        match socket.recv(buffer, 0) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the kernel did not answer a netlink request"));
            }
            done => done?,
        };
        for message in messages(buffer).filter(|message| message.kind == NLMSG_ERROR) {
            // Late answers of an earlier batch are far off.
            let nth = message.sequence.wrapping_sub(first) as usize;
            let last = nth + 1 == results.len();
            let (Some(result), Some((number, words))) = (results.get_mut(nth), decode_error(&message)) else {
                continue;
            };
            if number != 0 {
                *result = Err(KernelError::from_errno(number, words.as_deref()));
            }
            // Errors come in order, so the last one's answer ends the send.
            if last {
                return Ok(());
            }
        }
    }
}
