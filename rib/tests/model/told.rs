//! A member's end of a session: decodes what it is sent and keeps the table the bytes describe.

use std::collections::BTreeMap;

use bgp_proto::attr::PathAttrs;
use bgp_proto::message::{Codec, Message, RefreshKind, split_frame};
use bgp_proto::{Family, FamilySet, PathId, Prefix};
use bytes::{Bytes, BytesMut};

#[derive(Default)]
pub struct Told {
    pub table: BTreeMap<(Prefix, PathId), PathAttrs>,
    /// Entries not repeated since BoRR.
    stale: BTreeMap<(Prefix, PathId), ()>,
    /// End-of-RIBs, IPv4 and IPv6.
    pub ended: [usize; 2],
    /// Refreshes begun and ended.
    pub refreshes: (usize, usize),
    pub messages: usize,
}

impl Told {
    pub fn read(&mut self, sender: &Codec, chunk: &Bytes) {
        let codec = Codec { add_path_rx: sender.add_path_tx, add_path_tx: FamilySet::EMPTY, ..*sender };
        let mut buffer = BytesMut::from(&chunk[..]);
        while let Some(frame) = split_frame(&mut buffer, codec.max_len()).expect("a chunk is made of whole messages") {
            assert!(frame.bytes.len() <= codec.max_len());
            self.messages += 1;
            match Message::decode(&frame, &codec).expect("what we send can be read") {
                Message::Update(update) => {
                    assert!(update.faults.is_empty(), "{:?}", update.faults);
                    if let Some(family) = update.end_of_rib {
                        self.ended[usize::from(family == Family::IPV6_UNICAST)] += 1;
                    }
                    for (path_id, prefix) in update.unreach.iter().flat_map(|nlri| nlri.iter()) {
                        self.table.remove(&(prefix, path_id));
                        self.stale.remove(&(prefix, path_id));
                    }
                    for reach in &update.reach {
                        for (path_id, prefix) in reach.nlri.iter() {
                            self.table.insert((prefix, path_id), (*reach.attrs).clone());
                            self.stale.remove(&(prefix, path_id));
                        }
                    }
                }
                Message::RouteRefresh(refresh) => match refresh.kind {
                    RefreshKind::Begin => {
                        self.refreshes.0 += 1;
                        let of_family = self.table.keys().filter(|(prefix, _)| prefix.family() == refresh.family);
                        self.stale = of_family.map(|key| (*key, ())).collect();
                    }
                    RefreshKind::End => {
                        self.refreshes.1 += 1;
                        for key in std::mem::take(&mut self.stale).into_keys() {
                            self.table.remove(&key);
                        }
                    }
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            }
        }
        assert!(buffer.is_empty(), "a chunk ended inside a message");
    }
}
