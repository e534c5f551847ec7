//! What peers would be told otherwise, in numbers: what the members of an update group are told in one table, and in another.
//!
//! Members that share a group before and after share the count. The one exception is a path's own source, which is not told
//! it: of such a prefix it has a count of its own. So a thousand peers cost what their few groups do.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bgp_proto::attr::PathAttrs;
use bgp_proto::{Family, PathId, Prefix};
use rib::{PeerId, Told};

/// Prefixes by what a peer would be told of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Of those, paths where it is told several of a prefix: told then, and not now.
    pub announced: usize,
    /// With other attributes then.
    pub changed: usize,
    /// Told now, and not then.
    pub withdrawn: usize,
    /// Otherwise only until sessions that begin anew are back.
    pub for_a_moment: usize,
}

impl Counts {
    /// Whether there is nothing to count.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, other: &Self) {
        self.announced += other.announced;
        self.changed += other.changed;
        self.withdrawn += other.withdrawn;
        self.for_a_moment += other.for_a_moment;
    }

    fn of(&mut self, news: News) -> Option<&mut usize> {
        match news {
            News::Announced => Some(&mut self.announced),
            News::Changed => Some(&mut self.changed),
            News::Withdrawn => Some(&mut self.withdrawn),
            News::ForAMoment => Some(&mut self.for_a_moment),
            News::None => None,
        }
    }
}

/// What a prefix is to a peer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    None,
    Announced,
    Changed,
    Withdrawn,
    ForAMoment,
}

/// What each peer would be told otherwise, by its number.
pub type Exports = BTreeMap<PeerId, Counts>;

/// Adds what there is of one slice to what there was of others.
pub fn add(exports: &mut Exports, more: &Exports) {
    more.iter().for_each(|(peer, counts)| exports.entry(*peer).or_default().add(counts));
}

/// One and the same table before, while sessions are away, and after.
pub struct Stages {
    /// As it is.
    pub before: Vec<Told>,
    /// Without what is away.
    pub meanwhile: Vec<Told>,
    /// In the end.
    pub after: Vec<Told>,
}

/// Who came from where, and what is said.
type Said<'a> = Option<&'a (PeerId, Arc<PathAttrs>)>;

impl Stages {
    /// What is different for these peers.
    pub fn compare(&self, peers: &BTreeSet<PeerId>) -> Exports {
        let [before, meanwhile, after] = [&self.before, &self.meanwhile, &self.after].map(|told| by_member(told));
        // Those that go the same way from group to group.
        let mut together: BTreeMap<_, Vec<PeerId>> = BTreeMap::new();
        for (of @ (peer, _), first) in before.iter().filter(|((peer, _), _)| peers.contains(peer)) {
            if let (Some(second), Some(third)) = (meanwhile.get(of), after.get(of)) {
                together.entry((*first, *second, *third)).or_default().push(*peer);
            }
        }
        let mut exports = Exports::new();
        for ((first, second, third), members) in together {
            compare(&self.before[first], &self.meanwhile[second], &self.after[third], &members, &mut exports);
        }
        exports
    }
}

/// In which group each peer is, by family.
fn by_member(told: &[Told]) -> HashMap<(PeerId, Family), usize> {
    let members = |(at, told): (usize, &Told)| {
        let family = told.family;
        told.members.iter().map(move |peer| ((*peer, family), at)).collect::<Vec<_>>()
    };
    told.iter().enumerate().flat_map(members).collect()
}

fn compare(before: &Told, meanwhile: &Told, after: &Told, members: &[PeerId], exports: &mut Exports) {
    let all = [before, meanwhile, after];
    let paths: HashSet<&(Prefix, PathId)> = all.iter().flat_map(|told| told.paths.keys()).collect();
    let (mut common, mut own) = (Counts::default(), HashMap::<PeerId, Vec<(News, News)>>::new());
    for path in paths {
        let said = all.map(|told| told.paths.get(path));
        let usual = news(said);
        if let Some(count) = common.of(usual) {
            *count += 1;
        }
        for source in said.into_iter().flatten().map(|(source, _)| *source).collect::<BTreeSet<_>>() {
            let for_source = news(said.map(|said| said.filter(|(from, _)| *from != source)));
            if for_source != usual {
                own.entry(source).or_default().push((usual, for_source));
            }
        }
    }
    for member in members {
        let mut counts = common;
        for (usual, instead) in own.get(member).into_iter().flatten() {
            if let Some(count) = counts.of(*usual) {
                *count -= 1;
            }
            if let Some(count) = counts.of(*instead) {
                *count += 1;
            }
        }
        exports.entry(*member).or_default().add(&counts);
    }
}

fn news([before, meanwhile, after]: [Said<'_>; 3]) -> News {
    let says = |said: Said<'_>| said.map(|(_, attrs)| attrs.clone());
    let [before, meanwhile, after] = [before, meanwhile, after].map(says);
    match (&before, &after) {
        _ if before == after && before == meanwhile => News::None,
        _ if before == after => News::ForAMoment,
        (None, _) => News::Announced,
        (_, None) => News::Withdrawn,
        _ => News::Changed,
    }
}

#[cfg(test)]
mod tests;
