//! A member of an update group: a cursor into the log, and what it was promised.

use bgp_proto::{PathId, Prefix};
use bytes::Bytes;
use smallvec::SmallVec;

use crate::peer::PeerId;

/// "When all is settled": a position no cursor reaches.
pub(crate) const NOT_YET: u64 = u64::MAX;

/// See the module.
pub(crate) struct Member {
    pub(crate) peer: PeerId,
    /// The next position to read.
    pub(crate) cursor: u64,
    /// Tombstones before this position are of paths the member never heard of.
    pub(crate) skip_below: u64,
    /// Slices written before the tail was here are not for this member.
    pub(crate) fresh: u64,
    /// What is under way, ended when the cursor has reached [`Member::end_at`].
    pub(crate) dump: Option<Dump>,
    pub(crate) end_at: u64,
    /// A refresh that was asked for while something was under way; further ones are the same one.
    pub(crate) refresh_wanted: Option<Framing>,
    /// What the member holds from the group it was in before: withdrawn at the end of the dump if this group does not
    /// announce it.
    pub(crate) held: Vec<(PathId, Prefix)>,
    /// Pieces of a chunk that were not fetched yet.
    pub(crate) rest: SmallVec<[Bytes; 2]>,
}

/// A walk from the beginning, and how its end is marked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dump {
    /// The first one of a session: End-of-RIB (RFC 4724 §3).
    Initial,
    /// What a ROUTE-REFRESH asked for.
    Refresh(Framing),
    /// The member came from another group: nothing marks the end.
    Moved,
}

/// Whether a refresh stands between BoRR and EoRR (RFC 7313 §4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framing {
    Plain,
    Enhanced,
}

impl Member {
    pub(crate) fn new(peer: PeerId, dump: Dump, tail: u64, end_at: u64) -> Self {
        Self {
            peer,
            cursor: 0,
            skip_below: tail,
            fresh: 0,
            dump: Some(dump),
            end_at,
            refresh_wanted: None,
            held: Vec::new(),
            rest: SmallVec::new(),
        }
    }
}
