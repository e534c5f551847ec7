//! Update groups: peers whose outgoing bytes would be equal share one Adj-RIB-Out and one encoding.
//!
//! [`key`] says what makes bytes equal, [`log`] is the Adj-RIB-Out, [`encode`] writes slices of it, [`ring`] keeps the
//! written slices for the next member that needs them, [`member`] is a cursor. A group is made by its first member,
//! filled from the table a few thousand prefixes a turn, fed by every decision from then on, and gone with its last
//! member.
//!
//! Why not a queue per peer: a thousand queues hold a thousand copies of the same news, and a slow peer would get every
//! flap instead of the last word.

use bgp_proto::message::{Message, RefreshKind, RouteRefresh, end_of_rib};
use bgp_proto::{PathId, Prefix};
use bytes::Bytes;
use smallvec::SmallVec;

use crate::attrs::AttrId;
use crate::core::Core;
use crate::export::outgoing;
use crate::memory::Held;
use crate::peer::PeerId;

pub use key::{GroupKey, PeerKind};

pub(crate) use encode::Scratch;
pub(crate) use log::{Log, News};
pub(crate) use member::{Dump, Framing};

use encode::Reader;
use member::{Member, NOT_YET};
use ring::Ring;

mod encode;
mod heads;
mod key;
mod log;
mod member;
mod ring;

/// See the module.
pub(crate) struct Group {
    pub(crate) key: GroupKey,
    pub(crate) log: Log,
    pub(crate) ring: Ring,
    members: Vec<Option<Member>>,
    count: usize,
    /// The same for all members. RFC 4724 §2
    end_of_rib: Bytes,
    /// The next dest to take from the table; none: all were taken.
    pub(crate) fill: Option<u32>,
    /// Members wait to hear where their dump ends: the group was not filled, or not all was settled.
    waiting: bool,
    /// A member that was behind when tombstones were last looked at.
    laggard: u32,
    /// Prefixes withdrawn because their attributes do not fit a message.
    pub(crate) too_large: u64,
    /// The last comparison of what two attribute sets say: the prefixes of one UPDATE ask the same again.
    compared: Option<Compared>,
}

/// Tombstones forgotten when a member catches up; the rest goes with the next turns.
const SWEEP: usize = 1024;

/// A comparison; both sets are counted.
struct Compared {
    sets: [(AttrId, bool); 2],
    source: PeerId,
    same: bool,
}

impl Group {
    pub(crate) fn new(key: GroupKey) -> Self {
        Self {
            end_of_rib: end_of_rib(key.family),
            key,
            log: Log::default(),
            ring: Ring::default(),
            members: Vec::new(),
            count: 0,
            fill: Some(0),
            waiting: false,
            laggard: 0,
            too_large: 0,
            compared: None,
        }
    }

    /// Takes a member in, at the beginning of the log. If the table or the log has paths of this peer, slices written
    /// before it was a member would send them back to it.
    pub(crate) fn join(&mut self, peer: PeerId, dump: Dump, held: Vec<(PathId, Prefix)>, core: &Core) -> u32 {
        // A peer that came back as another router has no path in the table any more, and its former ones in the log
        // until they are decided. Found by the model, seed 4243.
        if core.table.counts(peer, self.key.family).received > 0 || self.log.live_of(peer) > 0 {
            self.ring.clear();
        }
        let end_at = self.end_at(core);
        let mut member = Member::new(peer, dump, self.log.tail(), end_at);
        member.held = held;
        self.count += 1;
        match self.members.iter().position(Option::is_none) {
            Some(free) => {
                self.members[free] = Some(member);
                free as u32
            }
            None => {
                self.members.push(Some(member));
                self.members.len() as u32 - 1
            }
        }
    }

    /// Lets a member go; says what it may hold if `moving` to another group.
    pub(crate) fn leave(&mut self, member: u32, moving: bool, core: &Core) -> Vec<(PathId, Prefix)> {
        let Some(member) = self.members[member as usize].take() else { return Vec::new() };
        self.count -= 1;
        if !moving {
            return Vec::new();
        }
        let told = self.log.iter().map(|entry| (entry.path_id, core.table.dests[entry.dest].prefix));
        member.held.iter().copied().chain(told).collect()
    }

    /// The group goes; what its log holds is still to be given back.
    pub(crate) fn dissolve(mut self, core: &mut Core) -> Log {
        self.forget_compared(core);
        self.log
    }

    /// What a member brings along from its former group: bytes written for it and a refresh it asked for.
    pub(crate) fn take_over(&mut self, member: u32, wanted: Option<Framing>, rest: SmallVec<[Bytes; 2]>) {
        if let Some(member) = self.members.get_mut(member as usize).and_then(Option::as_mut) {
            (member.refresh_wanted, member.rest) = (wanted, rest);
        }
    }

    /// Members.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().flatten()
    }

    pub(crate) fn member(&self, member: u32) -> Option<&Member> {
        self.members.get(member as usize)?.as_ref()
    }

    /// What the group itself and its members cost.
    pub(crate) fn members_memory(&self) -> Held {
        let held: usize = self.members().map(|member| member.held.capacity()).sum();
        let lists = self.members.capacity() * size_of::<Option<Member>>() + held * size_of::<(PathId, Prefix)>();
        Held { count: self.count, bytes: size_of::<Self>() + lists }
    }

    /// The outcome of a decision: the paths members are told of a dest from now on, with a count on each one's
    /// attributes. What is the same in bytes sends nothing.
    pub(crate) fn feed(&mut self, dest: u32, told: &[News], core: &mut Core) {
        let known: SmallVec<[u32; 8]> = self.log.entries_of(dest).collect();
        for &id in &known {
            let entry = self.log.entry(id);
            if entry.is_gone() || told.iter().any(|news| news.path_id == entry.path_id) {
                continue;
            }
            let (attrs, left) = self.log.withdraw(id);
            core.attrs.release(attrs, &mut core.next_hops);
            self.ring.outdate(left);
        }
        for news in told {
            let Some(&id) = known.iter().find(|&&id| self.log.entry(id).path_id == news.path_id) else {
                core.table.hold(dest);
                self.log.insert(dest, *news);
                continue;
            };
            let entry = *self.log.entry(id);
            let old = if !entry.is_gone() && entry.source == news.source && self.says_the_same(&entry, news, core) {
                self.log.replace(id, *news)
            } else {
                let (old, left) = self.log.announce(id, *news);
                self.ring.outdate(left);
                old
            };
            core.attrs.release(old, &mut core.next_hops);
        }
    }

    /// Withdraws all that came from a peer, before the table's decisions do: what is said about its paths depends on the
    /// router it is, and that has changed.
    pub(crate) fn withdraw_source(&mut self, source: PeerId, core: &mut Core) {
        if self.log.live_of(source) == 0 {
            return;
        }
        let from_source = |entry: &log::Entry| entry.source == source && !entry.is_gone();
        let gone: Vec<(u32, PathId)> =
            self.log.iter().filter(|entry| from_source(entry)).map(|entry| (entry.dest, entry.path_id)).collect();
        for id in gone.into_iter().filter_map(|(dest, path_id)| self.log.find(dest, path_id)).collect::<Vec<_>>() {
            let (attrs, left) = self.log.withdraw(id);
            core.attrs.release(attrs, &mut core.next_hops);
            self.ring.outdate(left);
        }
    }

    /// Tells all that came from a peer again: what is said about its paths depends on what it is to us.
    pub(crate) fn retell(&mut self, source: PeerId) {
        if self.log.live_of(source) == 0 {
            return;
        }
        let told = |entry: &log::Entry| entry.source == source && !entry.is_gone();
        let entries: Vec<log::Entry> = self.log.iter().filter(|entry| told(entry)).copied().collect();
        for log::Entry { dest, path_id, attrs, keep_med, .. } in entries {
            let Some(id) = self.log.find(dest, path_id) else { continue };
            let (_, left) = self.log.announce(id, News { path_id, attrs, source, keep_med });
            self.ring.outdate(left);
        }
    }

    /// Whether members would read the same bytes.
    fn says_the_same(&mut self, entry: &log::Entry, news: &News, core: &mut Core) -> bool {
        let sets = [(entry.attrs, entry.keep_med), (news.attrs, news.keep_med)];
        if sets[0] == sets[1] {
            return true;
        }
        if let Some(last) = &self.compared
            && (last.sets, last.source) == (sets, news.source)
        {
            return last.same;
        }
        let source = core.peers.source(news.source);
        let [old, new] = sets.map(|(attrs, keep_med)| outgoing(&self.key, &source, &core.attrs.attrs(attrs), keep_med));
        let same = old == new;
        self.forget_compared(core);
        sets.into_iter().for_each(|(attrs, _)| core.attrs.retain(attrs));
        self.compared = Some(Compared { sets, source: news.source, same });
        same
    }

    /// When a turn ends: what is known about sources may change before the next.
    pub(crate) fn forget_compared(&mut self, core: &mut Core) {
        for (attrs, _) in self.compared.take().into_iter().flat_map(|compared| compared.sets) {
            core.attrs.release(attrs, &mut core.next_hops);
        }
    }

    /// Where a dump that begins now ends.
    fn end_at(&mut self, core: &Core) -> u64 {
        if self.fill.is_none() && core.dirty.is_empty() {
            return self.log.tail();
        }
        self.waiting = true;
        NOT_YET
    }

    /// The whole table was taken and is settled: whoever waits for the end of a dump now knows where it is.
    pub(crate) fn filled(&mut self) {
        self.fill = None;
        if !std::mem::take(&mut self.waiting) {
            return;
        }
        let tail = self.log.tail();
        for member in self.members.iter_mut().flatten() {
            if member.end_at == NOT_YET {
                member.end_at = tail;
            }
        }
    }

    /// Forgets tombstones every member has passed, a turn's worth of them, and closes holes; says whether there are more.
    /// Called when a turn ends and when a member catches up.
    pub(crate) fn tidy(&mut self, limit: usize, core: &mut Core) -> bool {
        let mut more = false;
        if self.log.has_tombstones() {
            let tail = self.log.tail();
            let (at, lowest) = self
                .members
                .iter()
                .enumerate()
                .filter_map(|(at, member)| Some((at, member.as_ref()?.cursor)))
                .min_by_key(|(_, cursor)| *cursor)
                .unwrap_or((0, tail));
            self.laggard = at as u32;
            if let Some(last) = self.log.sweep(lowest, limit, |dest| core.table.unhold(dest)) {
                self.ring.forget_before(last);
            }
            more = self.log.has_tombstones_before(lowest);
        }
        if self.log.is_sparse() {
            let members = self.members.iter_mut().flatten();
            let positions = members.flat_map(|m| [&mut m.cursor, &mut m.skip_below, &mut m.end_at]).collect();
            self.log.compact(positions);
            self.ring.clear();
        }
        more
    }

    /// The peer asks for everything again.
    pub(crate) fn resend(&mut self, member: u32, framing: Framing) {
        if let Some(member) = self.members.get_mut(member as usize).and_then(Option::as_mut) {
            member.refresh_wanted = Some(framing);
        }
    }

    /// Whether the whole table is in the log and the member has passed all of it.
    pub(crate) fn is_told(&self, member: u32) -> bool {
        let passed = |member: &Member| member.rest.is_empty() && member.cursor >= self.log.tail();
        self.fill.is_none() && self.member(member).is_none_or(passed)
    }

    /// Whether [`Group::poll`] has something.
    pub(crate) fn is_pending(&self, member: u32, hold_end_of_rib: bool) -> bool {
        let Some(member) = self.member(member) else { return false };
        let ended = member.cursor >= member.end_at;
        !member.rest.is_empty()
            || member.cursor < self.log.tail()
            || match member.dump {
                Some(Dump::Initial) => ended && (!hold_end_of_rib || !member.held.is_empty()),
                Some(_) => ended,
                None => member.refresh_wanted.is_some(),
            }
    }

    /// The next bytes for a member; none: it is up to date.
    pub(crate) fn poll(
        &mut self,
        group: u32,
        number: u32,
        hold_end_of_rib: bool,
        core: &mut Core,
        scratch: &mut Scratch,
    ) -> Option<Bytes> {
        loop {
            let tail = self.log.tail();
            let member = self.members.get_mut(number as usize)?.as_mut()?;
            if !member.rest.is_empty() {
                return Some(member.rest.remove(0));
            }
            if member.dump.is_none()
                && let Some(framing) = member.refresh_wanted.take()
            {
                // Tombstones it has passed are known to it.
                member.skip_below = member.skip_below.max(member.cursor);
                (member.cursor, member.fresh) = (0, tail);
                member.dump = Some(Dump::Refresh(framing));
                let end_at = self.end_at(core);
                self.members.get_mut(number as usize)?.as_mut()?.end_at = end_at;
                if framing == Framing::Enhanced {
                    return Some(self.refresh_marker(RefreshKind::Begin));
                }
                continue;
            }
            if member.cursor >= member.end_at
                && let Some(bytes) = self.end_of_dump(number, hold_end_of_rib, core, scratch)
            {
                return Some(bytes);
            }
            let member = self.members.get_mut(number as usize)?.as_mut()?;
            member.cursor = self.log.skip_holes(member.cursor);
            if member.cursor >= tail {
                let ended = member.dump.is_some() && member.cursor >= member.end_at;
                let waits = hold_end_of_rib && member.dump == Some(Dump::Initial) && member.held.is_empty();
                if (ended && !waits) || (member.dump.is_none() && member.refresh_wanted.is_some()) {
                    continue;
                }
                self.caught_up(core);
                return None;
            }
            self.advance(group, number, core, scratch);
        }
    }

    /// Moves a member over one slice, whose bytes wait in `rest`.
    fn advance(&mut self, group: u32, number: u32, core: &Core, scratch: &mut Scratch) {
        let Some(member) = self.members[number as usize].as_mut() else { return };
        if let Some(chunk) = self.ring.find(member.cursor, member.fresh) {
            // What it announces may have died since; those tombstones now concern the member.
            member.skip_below = member.skip_below.min(chunk.written_at);
            member.cursor = chunk.to;
            member.rest = chunk.share(member.peer);
            return;
        }
        let reader = Reader { key: &self.key, group, skip_below: member.skip_below };
        let (chunk, too_large) = encode::slice(scratch, core, &self.log, &reader, member.cursor);
        self.too_large += too_large as u64;
        member.cursor = chunk.to;
        member.rest = chunk.share(member.peer);
        if !chunk.private && self.count > 1 {
            self.ring.insert(chunk);
        }
    }

    /// The walk from the beginning is over: what the former group told and this one does not is withdrawn, then the end
    /// is marked.
    fn end_of_dump(&mut self, number: u32, hold: bool, core: &Core, scratch: &mut Scratch) -> Option<Bytes> {
        let member = self.members.get_mut(number as usize)?.as_mut()?;
        if !member.held.is_empty() {
            let (log, peer, held) = (&self.log, member.peer, std::mem::take(&mut member.held));
            let told = |path_id, prefix: &Prefix| {
                let entry = core.table.find(prefix).and_then(|dest| log.find(dest, path_id)).map(|id| log.entry(id));
                entry.is_some_and(|entry| !entry.is_gone() && entry.source != peer)
            };
            let mut gone: Vec<_> = held.into_iter().filter(|(path_id, prefix)| !told(*path_id, prefix)).collect();
            gone.sort_unstable_by_key(|(path_id, prefix)| (*prefix, *path_id));
            gone.dedup();
            if !gone.is_empty() {
                return Some(encode::withdrawals(scratch, &self.key, gone.into_iter()));
            }
        }
        match member.dump {
            Some(Dump::Initial) if hold => return None,
            Some(Dump::Initial) => {
                member.dump = None;
                return Some(self.end_of_rib.clone());
            }
            Some(Dump::Refresh(Framing::Enhanced)) => {
                member.dump = None;
                return Some(self.refresh_marker(RefreshKind::End));
            }
            Some(Dump::Refresh(Framing::Plain) | Dump::Moved) => member.dump = None,
            None => {}
        }
        None
    }

    fn refresh_marker(&self, kind: RefreshKind) -> Bytes {
        Message::RouteRefresh(RouteRefresh { family: self.key.family, kind }).encode(&self.key.codec)
    }

    /// A member has read everything. Looks for tombstones to forget, unless the one seen behind last time still is.
    fn caught_up(&mut self, core: &mut Core) {
        let tail = self.log.tail();
        let behind = |member: &Member| member.cursor < tail;
        if self.log.has_tombstones() && !self.member(self.laggard).is_some_and(behind) {
            self.tidy(SWEEP, core);
        }
    }
}
