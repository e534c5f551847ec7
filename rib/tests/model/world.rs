//! A RIB, the model beside it, and members that read when they please.

use std::collections::{BTreeMap, BTreeSet};

use bgp_proto::attr::PathAttrs;
use bgp_proto::{Asn, Family, FamilySet, PathId, Prefix, RouterId};
use rib::{FibRoute, NextHopMode, PeerId, PeerSettings, Rib, RibConfig, RouteFilter, TableSize};

use crate::naive::{Model, Peer};
use crate::rng::Rng;
use crate::told::Told;

#[path = "world/events.rs"] // said here, as the fuzz target has this file in another place
mod events;
use events::policy;

#[derive(Clone, Copy, PartialEq)]
pub enum Profile {
    /// A bit of everything.
    Mixed,
    /// Few settings, many announcements, members that read seldom.
    Churn,
    /// Policies and settings change often.
    Policies,
    /// All in one update group, coming, going, stalling and asking for refreshes.
    OneGroup,
}

/// Says which seed failed.
struct Seed(u64);

impl Drop for Seed {
    #[expect(clippy::print_stderr, reason = "for whoever reads the failure")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the world's seed was {}", self.0);
        }
    }
}

pub struct World {
    seed: Seed,
    profile: Profile,
    rng: Rng,
    rib: Rib,
    model: Model,
    told: BTreeMap<PeerId, Told>,
    fib: BTreeMap<Prefix, FibRoute>,
    /// Paths kept from sessions that are gone; paths not repeated since a refresh began.
    stale: BTreeSet<(PeerId, Prefix, PathId)>,
    refreshing: BTreeSet<(PeerId, Prefix, PathId)>,
    prefixes: Vec<Prefix>,
}

const OWN: Asn = Asn(64512);

impl World {
    pub fn new(seed: u64, profile: Profile) -> Self {
        let mut rng = Rng::new(seed);
        let config = RibConfig {
            max_paths: 64,
            add_path_limit: 64,
            chunk_size: 1 + rng.below(200),
            ..RibConfig::new(OWN, RouterId(1))
        };
        let count = if profile == Profile::OneGroup { 4 + rng.below(5) } else { 3 + rng.below(4) };
        let mut world = Self {
            seed: Seed(seed),
            profile,
            rng,
            rib: Rib::new(config),
            model: Model {
                config,
                peers: Vec::new(),
                originated: BTreeMap::new(),
                clusters: BTreeSet::new(),
                next_hops: BTreeMap::new(),
            },
            told: BTreeMap::new(),
            fib: BTreeMap::new(),
            stale: BTreeSet::new(),
            refreshing: BTreeSet::new(),
            prefixes: (0..6u8)
                .map(|n| Prefix::new([10, 65, n, 0].into(), 24 + n % 3).unwrap())
                .chain((0..3u16).map(|n| Prefix::new([0xfd00, n, 0, 0, 0, 0, 0, 0].into(), 64).unwrap()))
                .collect(),
        };
        for n in 0..count {
            world.add_peer(PeerId(n as u32));
        }
        world
    }

    pub fn step(&mut self) {
        let weights: [usize; 13] = match self.profile {
            //              ann wdr org nxh  up dwn gr  ref pur set cfg read settle
            Profile::Mixed => [30, 12, 4, 5, 12, 3, 3, 4, 4, 0, 3, 40, 20],
            Profile::Churn => [60, 25, 3, 2, 8, 4, 2, 3, 2, 0, 0, 25, 40],
            Profile::OneGroup => [40, 20, 0, 2, 16, 6, 8, 8, 4, 0, 0, 60, 50],
            Profile::Policies => [30, 12, 4, 4, 10, 2, 2, 3, 3, 0, 15, 30, 20],
        };
        let mut at = self.rng.below(weights.iter().sum());
        let event = weights.iter().position(|&weight| {
            let hit = at < weight;
            at = at.saturating_sub(weight);
            hit
        });
        match event.unwrap() {
            0 => self.announce(),
            1 => self.withdraw(),
            2 => self.originate(),
            3 => self.next_hop(),
            4 => self.up(),
            5 => self.down(FamilySet::EMPTY),
            6 => self.down(FamilySet::ALL),
            7 => self.ask_refresh(),
            8 => self.refresh_or_purge(),
            10 => self.reconfigure(),
            11 => self.read(),
            _ => {
                let limit = 1 + self.rng.below(6);
                self.rib.settle(limit);
            }
        }
    }

    /// Settles, lets everybody read all, and compares with the model.
    pub fn check(&mut self) {
        self.watch_next_hops();
        while self.rib.settle(100) {}
        for (prefix, route) in self.rib.take_fib_changes() {
            match route {
                Some(route) => self.fib.insert(prefix, FibRoute::clone(&route)),
                None => self.fib.remove(&prefix),
            };
        }
        for &prefix in &self.prefixes {
            assert_eq!(self.fib.get(&prefix), self.model.fib(&prefix).as_ref(), "kernel route of {prefix}");
            let best = self.rib.route(&prefix).and_then(|route| route.best().map(|path| (path.peer, path.path_id)));
            let expected =
                self.model.decide(&prefix).0.map(|c| (c.peer.map_or(PeerId::LOCAL, |peer| peer.id), c.path_id));
            assert_eq!(best, expected, "best path of {prefix}");
        }
        for peer in &self.model.peers {
            let Some(session) = &peer.session else { continue };
            let told = self.told.get_mut(&peer.id).unwrap();
            while let Some(chunk) = self.rib.poll_chunk(peer.id) {
                told.read(&session.codec, &chunk);
            }
            assert!(!self.rib.pending(peer.id), "{}: pending, and nothing to fetch", peer.id);
            for (family, ended) in Family::SUPPORTED.into_iter().zip(told.ended) {
                assert_eq!(ended, usize::from(session.codec.families.contains(family)), "End-of-RIB of {family}");
            }
            assert_eq!(told.refreshes.0, told.refreshes.1);
            for prefix in &self.prefixes {
                let sorted = |mut paths: Vec<PathAttrs>| {
                    paths.sort_by_key(|attrs| format!("{attrs:?}"));
                    paths
                };
                let held = told.table.iter().filter(|((of, _), _)| of == prefix).map(|(_, attrs)| attrs.clone());
                let expected = sorted(self.model.told(peer, prefix));
                assert_eq!(sorted(held.collect()), expected, "what {} holds of {prefix}", peer.id);
            }
            let advertised: u32 = self.rib.peer_view(peer.id).advertised.iter().sum();
            assert_eq!(advertised as usize, told.table.len(), "what {} is said to hold", peer.id);
        }
        self.check_counts();
    }

    /// What is counted as it comes and goes is what there is.
    fn check_counts(&self) {
        let (mut sizes, mut best) = ([TableSize::default(); 2], BTreeMap::new());
        for route in self.rib.routes(&RouteFilter::default()) {
            let size = &mut sizes[usize::from(route.prefix.family() == Family::IPV6_UNICAST)];
            size.prefixes += 1;
            size.paths += route.paths.iter().filter(|path| path.rejected.is_none()).count();
            route.best().into_iter().for_each(|path| *best.entry(path.peer).or_default() += 1);
        }
        assert_eq!(self.rib.size(), sizes);
        for peer in self.model.peers.iter().map(|peer| peer.id).chain([PeerId::LOCAL]) {
            let counted: u32 = self.rib.peer_view(peer).paths.iter().map(|count| count.best).sum();
            assert_eq!(counted, best.get(&peer).copied().unwrap_or(0), "best paths of {peer}");
        }
    }

    /// Everybody leaves: nothing may be left behind.
    pub fn end(mut self) {
        for n in 0..self.model.peers.len() {
            self.rib.peer_remove(PeerId(n as u32));
        }
        for prefix in self.rib.originated() {
            self.rib.withdraw_originated(&prefix);
        }
        while self.rib.settle(100) {}
        self.rib.take_fib_changes();
        let memory = self.rib.memory();
        assert_eq!((memory.dests.count, memory.paths.count, memory.attrs.count), (0, 0, 0), "seed {}", self.seed.0);
        assert!(self.rib.groups().is_empty());
        assert!(self.rib.routes(&RouteFilter::default()).is_empty());
    }

    fn add_peer(&mut self, id: PeerId) {
        let settings = self.settings(id);
        self.rib.peer_add(id, settings.clone());
        self.model.peers.push(Peer {
            id,
            settings,
            session: None,
            external: false,
            router_id: RouterId(0),
            paths: BTreeMap::new(),
        });
    }

    fn settings(&mut self, id: PeerId) -> PeerSettings {
        let rng = &mut self.rng;
        let policies = self.profile == Profile::Policies;
        let mut settings = PeerSettings::new([192, 0, 2, 10 + id.0 as u8].into());
        settings.route_reflector_client = self.profile == Profile::OneGroup || rng.one_in(2);
        if policies {
            settings.import = policy(rng);
            settings.export = policy(rng);
            settings.cluster_id = rng.pick(&[None, None, Some(RouterId(2)), Some(RouterId(3))]);
            settings.allow_as_in = rng.below(2) as u8;
            settings.next_hop = rng.pick(&[NextHopMode::Auto, NextHopMode::Own, NextHopMode::Keep]);
        }
        self.model.clusters.extend(settings.cluster_id.filter(|_| settings.route_reflector_client));
        settings.local_v6 = (!policies || rng.one_in(2)).then(|| "fd00:ffff::1".parse().unwrap());
        settings
    }
}
