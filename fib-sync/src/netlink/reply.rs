//! The reply to a dump request: many datagrams, until one says that it is over.
//!
//! The kernel goes through its tables without holding them. Where they change meanwhile, an entry may be missing that
//! was there all the time; it says so with a flag (`NLM_F_DUMP_INTR`), in any of the messages, the last one included.

use super::decode::{Message, decode_done, decode_error, messages};
use rtnetlink::packet_core::{NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR};
use std::io;

/// What has been read of it.
#[derive(Debug)]
pub(super) struct Reply {
    sequence: u32,
    consistent: bool,
}

impl Reply {
    /// To the request with this number.
    pub(super) fn to(sequence: u32) -> Reply {
        Reply { sequence, consistent: true }
    }

    /// Takes a datagram; `keep` gets each entry. Once the reply is over: whether it is consistent.
    pub(super) fn take(&mut self, datagram: &[u8], mut keep: impl FnMut(&Message<'_>)) -> Option<io::Result<bool>> {
        for message in messages(datagram).filter(|message| message.sequence == self.sequence) {
            self.consistent &= message.flags & NLM_F_DUMP_INTR == 0;
            let end = match message.kind {
                NLMSG_DONE => decode_done(&message),
                NLMSG_ERROR => decode_error(&message).map_or(libc::EBADMSG, |(number, _)| number),
                _ => {
                    keep(&message);
                    continue;
                }
            };
            return Some(match end {
                // A table that nobody has put a route in does not exist.
                0 | libc::ENOENT => Ok(self.consistent),
                number => Err(io::Error::from_raw_os_error(number)),
            });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message as the kernel writes it.
    fn message(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(16 + body.len()).unwrap();
        let mut octets = length.to_ne_bytes().to_vec();
        octets.extend(kind.to_ne_bytes());
        octets.extend(flags.to_ne_bytes());
        octets.extend(sequence.to_ne_bytes());
        octets.extend(0_u32.to_ne_bytes());
        octets.extend(body);
        octets
    }

    fn read(datagrams: &[Vec<u8>]) -> (usize, Option<Result<bool, i32>>) {
        let (mut reply, mut entries) = (Reply::to(7), 0);
        let mut ends = datagrams.iter().map(|datagram| reply.take(datagram, |_| entries += 1)).collect::<Vec<_>>();
        let last = ends.pop().flatten();
        assert!(ends.iter().all(Option::is_none), "it ends with the last datagram: {ends:?}");
        (entries, last.map(|end| end.map_err(|error| error.raw_os_error().unwrap())))
    }

    const ROUTE: u16 = libc::RTM_NEWROUTE;
    const INTERRUPTED: u16 = NLM_F_DUMP_INTR;
    const BODY: &[u8] = &[0; 12];
    const DONE: &[u8] = &[0; 4];

    #[test]
    fn a_dump_during_which_the_table_changed_is_not_consistent_whichever_message_says_so() {
        let dump = |first: u16, second: u16, done: u16| {
            let mut datagram = message(ROUTE, first, 7, BODY);
            datagram.extend(message(ROUTE, second, 7, BODY));
            [datagram, message(NLMSG_DONE, done, 7, DONE)]
        };
        assert_eq!(read(&dump(0, 0, 0)), (2, Some(Ok(true))));
        for interrupted in [dump(INTERRUPTED, 0, 0), dump(0, INTERRUPTED, 0), dump(0, 0, INTERRUPTED)] {
            assert_eq!(read(&interrupted), (2, Some(Ok(false))));
        }
    }

    #[test]
    fn another_request_s_reply_counts_for_nothing() {
        let mut datagram = message(ROUTE, INTERRUPTED, 6, BODY);
        datagram.extend(message(NLMSG_DONE, INTERRUPTED, 6, DONE));
        assert_eq!(read(&[datagram.clone()]), (0, None));
        datagram.extend(message(NLMSG_DONE, 0, 7, DONE));
        assert_eq!(read(&[datagram]), (0, Some(Ok(true))));
    }

    #[test]
    fn an_error_ends_it_and_a_table_that_does_not_exist_is_empty() {
        let error = |number: i32| message(NLMSG_ERROR, 0, 7, &[&(-number).to_ne_bytes()[..], &[0; 16]].concat());
        assert_eq!(read(&[message(ROUTE, 0, 7, BODY), error(libc::EPERM)]), (1, Some(Err(libc::EPERM))));
        assert_eq!(read(&[error(libc::ENOENT)]), (0, Some(Ok(true))));
        assert_eq!(read(&[message(NLMSG_ERROR, 0, 7, &[])]), (0, Some(Err(libc::EBADMSG))));
    }
}
