//! What a session negotiated, learned from its OPENs, from its record, or by trying.
//!
//! An UPDATE does not say how wide its AS numbers are, whether its prefixes carry path identifiers, or whether its
//! sender is in another AS. Where the recording does not show it, [`Session::decode`] tries what could be, the usual
//! first, and keeps what gives the fewest errors: an AS_PATH of the other width almost never has the right length.

use bgp_proto::message::{AddPathDirection, Capability, Codec, Frame, Message, MessageError, Open, Treatment};
use bgp_proto::{Asn, Family, FamilySet};

use super::DecodeArgs;

/// How many octets an AS number has in AS_PATH and AGGREGATOR (RFC 6793).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsWidth {
    /// Before RFC 6793, and with peers that do not know it.
    Two,
    /// Since.
    Four,
}

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// One of the two ends, always named by the same number: 0 or 1.
    End(usize),
    /// The recording does not say.
    Unknown,
}

/// What is known of one session.
#[derive(Clone, Debug)]
pub(super) struct Session {
    as_width: Option<AsWidth>,
    add_path: Option<bool>,
    external: Option<bool>,
    opens: [Option<Facts>; 2],
}

/// What an OPEN says about the messages that follow it.
#[derive(Clone, Debug, PartialEq)]
struct Facts {
    asn: Asn,
    four_octet_as: bool,
    add_path_send: FamilySet,
    add_path_receive: FamilySet,
}

impl Facts {
    fn of(open: &Open) -> Self {
        let (mut add_path_send, mut add_path_receive) = (FamilySet::EMPTY, FamilySet::EMPTY);
        for capability in &open.capabilities {
            let Capability::AddPath(items) = capability else { continue };
            for (family, direction) in items {
                if matches!(direction, AddPathDirection::Send | AddPathDirection::Both) {
                    add_path_send.insert(*family);
                }
                if matches!(direction, AddPathDirection::Receive | AddPathDirection::Both) {
                    add_path_receive.insert(*family);
                }
            }
        }
        Self { asn: open.asn, four_octet_as: open.four_octet_as().is_some(), add_path_send, add_path_receive }
    }
}

impl Session {
    /// A session of which only the command line says something.
    pub fn new(args: &DecodeArgs) -> Self {
        Self { as_width: args.as_width(), add_path: args.add_path.then_some(true), external: None, opens: [None, None] }
    }

    /// A session whose record says how it is to be read; the command line may know better.
    pub fn recorded(args: &DecodeArgs, as_width: AsWidth, add_path: bool, external: bool) -> Self {
        Self {
            as_width: args.as_width().or(Some(as_width)),
            add_path: Some(args.add_path || add_path),
            external: Some(external),
            opens: [None, None],
        }
    }

    /// Decodes a message and learns from it when it is an OPEN.
    pub fn decode(&mut self, side: Side, frame: &Frame) -> Result<Message, MessageError> {
        let mut best: Option<(Result<Message, MessageError>, usize)> = None;
        for codec in self.codecs(side) {
            let result = Message::decode(frame, &codec);
            let cost = cost(&result);
            if best.as_ref().is_none_or(|(_, least)| cost < *least) {
                best = Some((result, cost));
            }
            if cost == 0 {
                break;
            }
        }
        let (result, _) = best.expect("codecs() returns at least one: each of its three questions has an answer");
        if let Ok(Message::Open(open)) = &result {
            self.learn(side, Facts::of(open));
        }
        result
    }

    fn learn(&mut self, side: Side, facts: Facts) {
        let slot = match side {
            Side::End(end) => end.min(1),
            // The same speaker again, the first one, or the other.
            Side::Unknown => match &self.opens {
                [Some(first), _] if *first == facts => 0,
                [None, _] => 0,
                _ => 1,
            },
        };
        self.opens[slot] = Some(facts);
    }

    /// How a message from `side` may have to be read, most likely first.
    fn codecs(&self, side: Side) -> Vec<Codec> {
        let mut codecs = Vec::with_capacity(8);
        for &four_octet_as in self.four_octet_as() {
            for &add_path_rx in &self.add_path_rx(side) {
                for &external in self.is_external() {
                    codecs.push(Codec {
                        four_octet_as,
                        add_path_rx,
                        external,
                        extended_message: true,
                        families: FamilySet::ALL,
                        ipv4_over_ipv6: true,
                        ..Codec::INITIAL
                    });
                }
            }
        }
        codecs
    }

    fn four_octet_as(&self) -> &'static [bool] {
        let capable = |facts: &Option<Facts>| facts.as_ref().map(|facts| facts.four_octet_as);
        match (self.as_width, capable(&self.opens[0]), capable(&self.opens[1])) {
            (Some(AsWidth::Four), ..) | (None, Some(true), Some(true)) => &[true],
            (Some(AsWidth::Two), ..) | (None, Some(false), _) | (None, _, Some(false)) => &[false],
            _ => &[true, false],
        }
    }

    /// RFC 7911 §4: what one end can send and the other can receive.
    fn add_path_rx(&self, side: Side) -> Vec<FamilySet> {
        match (self.add_path, &self.opens) {
            (Some(true), _) => vec![FamilySet::ALL],
            (Some(false), _) => vec![FamilySet::EMPTY],
            (None, [Some(a), Some(b)]) => {
                let (a_to_b, b_to_a) = (
                    a.add_path_send.intersection(b.add_path_receive),
                    b.add_path_send.intersection(a.add_path_receive),
                );
                match side {
                    Side::End(0) => vec![a_to_b],
                    Side::End(_) => vec![b_to_a],
                    Side::Unknown if a_to_b == b_to_a => vec![a_to_b],
                    Side::Unknown => vec![a_to_b, b_to_a],
                }
            }
            (None, _) => vec![FamilySet::EMPTY, FamilySet::ALL],
        }
    }

    fn is_external(&self) -> &'static [bool] {
        let asn = |facts: &Option<Facts>| facts.as_ref().map(|facts| facts.asn);
        match (self.external, asn(&self.opens[0]), asn(&self.opens[1])) {
            (Some(true), ..) => &[true],
            (Some(false), ..) => &[false],
            (None, Some(a), Some(b)) if a == b => &[false],
            (None, Some(_), Some(_)) => &[true],
            _ => &[false, true],
        }
    }
}

/// How bad a result is: zero is perfect, and a lost session is worse than any number of lost routes.
fn cost(result: &Result<Message, MessageError>) -> usize {
    match result {
        Ok(Message::Update(update)) => {
            let weight = |treatment| match treatment {
                Treatment::Discard => 1,
                Treatment::Withdraw => 100,
                Treatment::Reset => 10_000,
            };
            update.faults.iter().map(|fault| weight(fault.treatment)).sum::<usize>() + odd_prefixes(update)
        }
        Ok(_) => 0,
        Err(_) => usize::MAX,
    }
}

/// Path identifiers read as prefixes look like the default route again and again: nobody sends it twice in a message.
fn odd_prefixes(update: &bgp_proto::message::Update) -> usize {
    let ipv4 = update.reach.iter().map(|reach| &reach.nlri).chain(&update.unreach);
    let defaults = ipv4
        .filter(|nlri| nlri.family() == Family::IPV4_UNICAST || nlri.family() == Family::IPV6_UNICAST)
        .map(|nlri| nlri.iter().filter(|(_, prefix)| prefix.len() == 0).take(2).count());
    if defaults.max().unwrap_or(0) > 1 { 10 } else { 0 }
}
