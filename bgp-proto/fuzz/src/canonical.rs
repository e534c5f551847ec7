//! What must hold of a message that was read: its memory is bounded by its length, and what is written of it is read again
//! as the same.

use std::mem::size_of;

use bgp_proto::attr::PathAttrs;
use bgp_proto::message::{
    AddPathDirection, Capability, Codec, Frame, GracefulRestartFamily, LlgrFamily, MAX_LEN, Message, MessageError,
    Notification, Treatment, Update, UpdateFault, pack_reach, split_frame,
};
use bgp_proto::{Asn, Family, PathId, Prefix};
use bytes::{Bytes, BytesMut};

/// Everything that is asked of a frame.
pub fn judge(frame: &Frame, codec: &Codec, result: &Result<Message, MessageError>) {
    let message = match result {
        Ok(message) => message,
        Err(error) => {
            assert!(error.offset <= frame.bytes.len(), "{error} in a message of {} octets", frame.bytes.len());
            return answerable(error);
        }
    };
    let (octets, held) = (frame.bytes.len(), footprint(message));
    assert!(held <= 64 * octets + 1024, "{held} octets of memory for a message of {octets}");
    if let Message::Update(update) = message {
        coherent(update, octets);
    }
    let written = message.encode(codec);
    if matches!(message, Message::Open(open) if open.asn == Asn(0) && open.four_octet_as().is_some()) {
        return; // The session refuses it (RFC 7607 §2); with AS 0 in both places it cannot even be read.
    }
    let again = read(&written, codec);
    match message {
        Message::Update(update) => same_routes(update, &again, codec),
        Message::Notification(long) if octets > MAX_LEN => {
            let [Message::Notification(cut)] = &again[..] else { panic!("{again:?}") };
            assert!((long.code, long.subcode) == (cut.code, cut.subcode) && long.data.starts_with(&cut.data));
        }
        _ => assert!(again.len() == 1 && again[0] == *message, "{message:?} was read again as {again:?}"),
    }
}

/// Every error has a text, and an answer that fits any session.
pub fn answerable(error: &MessageError) {
    assert!(!error.to_string().is_empty());
    let answer = Notification::from(error);
    assert!(!answer.to_string().is_empty());
    let written = Message::Notification(answer).encode(&Codec::INITIAL);
    assert!(written.len() <= MAX_LEN);
    assert_eq!(read(&written, &Codec::INITIAL).len(), 1);
}

/// What an UPDATE says does not contradict itself.
fn coherent(update: &Update, octets: usize) {
    let lists = || update.reach.iter().map(|reach| &reach.nlri).chain(&update.unreach);
    assert!(lists().map(|nlri| nlri.as_wire().len()).sum::<usize>() <= octets, "more prefixes than octets");
    for nlri in lists() {
        assert!(!nlri.is_empty());
        let (least, most) = nlri.iter().size_hint();
        let count = nlri.iter().count();
        assert!(least <= count && most.is_none_or(|most| count <= most), "{count} prefixes in {least}..={most:?}");
        for (_, prefix) in nlri {
            assert_eq!(prefix.family(), nlri.family());
            assert_eq!(Prefix::new(prefix.addr(), prefix.len()), Ok(prefix), "bits behind the length");
        }
    }
    assert!(update.end_of_rib.is_none() || lists().next().is_none(), "an End-of-RIB has no prefixes");
    assert!(update.faults.is_sorted_by_key(|fault| std::cmp::Reverse(fault.treatment)));
    for fault in &update.faults {
        assert_ne!(fault.treatment, Treatment::Reset, "a session is not reset by a fault");
        assert!(fault.treatment < Treatment::Withdraw || update.reach.is_empty(), "announced in spite of {fault:?}");
        assert!(fault.error.offset <= octets);
    }
    // There may be 16, and texts take longer than all the rest.
    update.faults.first().into_iter().for_each(|fault| answerable(&fault.error));
    for reach in &update.reach {
        let attrs = &*reach.attrs;
        assert!(attrs.communities.is_sorted_by(|a, b| a < b));
        assert!(attrs.ext_communities.is_sorted_by(|a, b| a < b));
        assert!(attrs.ipv6_ext_communities.is_sorted_by(|a, b| a < b));
        assert!(attrs.large_communities.is_sorted_by(|a, b| a < b));
        assert!(attrs.unknown.is_sorted_by(|a, b| a.code < b.code));
    }
}

/// The messages written; nothing written is wrong.
pub fn read(written: &Bytes, codec: &Codec) -> Vec<Message> {
    let mut buffer = BytesMut::from(&written[..]);
    let mut messages = Vec::new();
    while let Some(frame) = split_frame(&mut buffer, codec.max_len()).expect("a header we wrote") {
        let message = Message::decode(&frame, codec).expect("a message we wrote");
        if let Message::Update(update) = &message {
            assert!(update.faults.is_empty(), "what we wrote has faults: {:?}", update.faults);
        }
        messages.push(message);
    }
    assert!(buffer.is_empty(), "a message we wrote has no end");
    messages
}

type Route = (PathId, Prefix);

/// `again` announces and withdraws what `update` does, prefix by prefix, but for what fits no message, which is withdrawn.
fn same_routes(update: &Update, again: &[Message], codec: &Codec) {
    let mut announced: Vec<(Route, &PathAttrs)> = Vec::new();
    let mut withdrawn: Vec<Route> = update.unreach.iter().flatten().collect();
    for reach in &update.reach {
        let (attrs, nlri) = (&*reach.attrs, &reach.nlri);
        match pack_reach(&mut BytesMut::new(), codec, nlri.family(), attrs, nlri) {
            Ok(_) => announced.extend(nlri.iter().map(|route| (route, attrs))),
            Err(_) => withdrawn.extend(nlri),
        }
    }
    let (mut announced, mut withdrawn) = (announced.into_iter(), withdrawn.into_iter());
    let mut ended = None;
    let mut last: Option<(*const PathAttrs, *const PathAttrs)> = None;
    for message in again {
        let Message::Update(update) = message else { panic!("{message:?} among UPDATEs") };
        for route in update.unreach.iter().flatten() {
            assert_eq!(withdrawn.next(), Some(route), "withdrawn");
        }
        for reach in &update.reach {
            for route in &reach.nlri {
                let Some((expected, attrs)) = announced.next() else { panic!("{route:?} announced out of nothing") };
                assert_eq!(expected, route, "announced");
                let pair = (std::ptr::from_ref(attrs), std::ptr::from_ref(&*reach.attrs));
                if last != Some(pair) {
                    same_attrs(attrs, &reach.attrs, codec);
                    last = Some(pair);
                }
            }
        }
        ended = ended.or(update.end_of_rib);
    }
    assert_eq!((announced.next(), withdrawn.next()), (None, None), "not written");
    assert_eq!(ended, update.end_of_rib);
}

/// Equal; except that two-octet speakers lose confederation segments with wide numbers and what stands around them
/// (RFC 6793 §4.2.3).
fn same_attrs(first: &PathAttrs, again: &PathAttrs, codec: &Codec) {
    if !codec.four_octet_as && first.as_path.segments().any(|segment| segment.kind.is_confed()) {
        let without_path = PathAttrs { as_path: again.as_path.clone(), ..first.clone() };
        assert_eq!(&without_path, again);
        assert_eq!(first.as_path.hops(), again.as_path.hops());
        return;
    }
    assert_eq!(first, again);
}

/// Memory a message holds beside its own octets, by what its lists have room for.
fn footprint(message: &Message) -> usize {
    match message {
        Message::Open(open) => {
            let value = |capability: &Capability| match capability {
                Capability::ExtendedNextHop(items) => items.capacity() * size_of::<(Family, u16)>(),
                Capability::AddPath(items) => items.capacity() * size_of::<(Family, AddPathDirection)>(),
                Capability::GracefulRestart(graceful) => {
                    graceful.families.capacity() * size_of::<GracefulRestartFamily>()
                }
                Capability::LongLivedGracefulRestart(items) => items.capacity() * size_of::<LlgrFamily>(),
                Capability::Fqdn { hostname, domain } => hostname.capacity() + domain.capacity(),
                Capability::Unknown { value, .. } => value.capacity(),
                _ => 0,
            };
            open.capabilities.capacity() * size_of::<Capability>() + open.capabilities.iter().map(value).sum::<usize>()
        }
        Message::Update(update) => {
            let attrs = |attrs: &PathAttrs| {
                size_of_val(attrs)
                    + attrs.as_path.as_wire().len()
                    + size_of_val(&*attrs.cluster_list)
                    + size_of_val(&*attrs.communities)
                    + size_of_val(&*attrs.ext_communities)
                    + size_of_val(&*attrs.ipv6_ext_communities)
                    + size_of_val(&*attrs.large_communities)
                    + size_of_val(&*attrs.unknown)
                    + attrs.unknown.iter().map(|attr| attr.value.len()).sum::<usize>()
            };
            let reach: usize = update.reach.iter().map(|reach| attrs(&reach.attrs)).sum();
            update.faults.capacity() * size_of::<UpdateFault>() + reach
        }
        Message::Notification(_) | Message::Keepalive | Message::RouteRefresh(_) => 0,
    }
}
