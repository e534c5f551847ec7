//! By what a route in the kernel is known as one of ours: protocol id and table, and whose pool it lies in.
//!
//! A pool that is another program's may carry the very protocol id of our other routes (a BIRD beside us on a node): there
//! it says whose the route is, and not that it is ours.

use crate::config::{FibConfig, TABLE_MAIN};
use crate::route::{Form, Route, contains};
use ipnetwork::IpNetwork;

#[derive(Debug, Clone)]
pub(crate) struct Marks {
    /// Protocol and table.
    ours: Vec<(u8, u32)>,
    theirs: Vec<Theirs>,
    /// Where next hops are resolved, and where our routes are.
    tables: Vec<u32>,
}

/// A pool of another program, with its protocol id.
#[derive(Debug, Clone)]
struct Theirs {
    cidr: IpNetwork,
    protocol: u8,
    /// Blackholes are ours all the same.
    but_blackholes: bool,
}

impl Marks {
    pub(crate) fn new(config: &FibConfig) -> Marks {
        let FibConfig { protocol, table, .. } = *config;
        let mut marks = Marks { ours: vec![(protocol, table)], theirs: Vec::new(), tables: vec![TABLE_MAIN] };
        marks.ours.extend(&config.adopt);
        for pool in &config.pools {
            let protocol = pool.protocol.unwrap_or(protocol);
            if pool.install || pool.blackholes {
                marks.ours.push((protocol, pool.table.unwrap_or(table)));
            }
            if !pool.install {
                marks.theirs.push(Theirs { cidr: pool.cidr, protocol, but_blackholes: pool.blackholes });
            }
        }
        marks.ours.sort_unstable();
        marks.ours.dedup();
        marks.tables.extend(marks.ours.iter().map(|(_, table)| *table));
        marks.tables.sort_unstable();
        marks.tables.dedup();
        marks
    }

    /// Protocol ids and tables of ours.
    pub(crate) fn ours(&self) -> &[(u8, u32)] {
        &self.ours
    }

    /// Tables that are of interest, each once.
    pub(crate) fn tables(&self) -> &[u32] {
        &self.tables
    }

    /// Whether a route of ours can be in the table.
    pub(crate) fn has_table(&self, table: u32) -> bool {
        self.ours.iter().any(|(_, ours)| *ours == table)
    }

    /// Whether we could have written it.
    pub(crate) fn may_be_ours(&self, route: &Route) -> bool {
        let theirs = |pool: &Theirs| {
            pool.protocol == route.protocol
                && pool.cidr.prefix() <= route.prefix.prefix()
                && contains(pool.cidr, route.prefix.ip())
                && !(pool.but_blackholes && route.form == Form::Blackhole)
        };
        self.ours.contains(&(route.protocol, route.table)) && !self.theirs.iter().any(theirs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Mode, Pool};
    use crate::route::{Hop, Hops};

    #[test]
    fn a_route_is_ours_by_protocol_and_table_but_not_in_a_pool_of_others() {
        let pool = |cidr: &str| Pool::new(cidr.parse().unwrap(), Mode::Direct);
        let config = FibConfig {
            adopt: vec![(186, 300)],
            pools: vec![
                Pool { protocol: Some(80), table: Some(100), ..pool("10.65.0.0/16") },
                Pool { install: false, blackholes: false, ..pool("10.66.0.0/16") },
                Pool { install: false, blackholes: false, protocol: Some(80), table: Some(7), ..pool("10.67.0.0/16") },
                Pool { install: false, ..pool("10.68.0.0/16") },
            ],
            ..FibConfig::default()
        };
        let marks = Marks::new(&config);
        assert_eq!(marks.tables(), [100, 254, 300]);
        assert!(marks.has_table(100) && !marks.has_table(7));
        let hop = Form::Unicast(Hops::from_slice(&[Hop::via("172.16.1.2".parse().unwrap(), 2)]));
        let table = [
            // In no pool, or one of ours: by the marks alone, whichever of ours they are.
            ("10.1.0.0/24", 12, 254, &hop, true),
            ("10.1.0.0/24", 80, 100, &hop, true),
            ("10.65.1.0/24", 12, 254, &hop, true),
            ("10.65.1.0/24", 186, 300, &hop, true),
            ("10.65.1.0/24", 80, 254, &hop, false),
            ("10.65.1.0/24", 12, 100, &hop, false),
            // In a pool of others: not what carries their protocol id.
            ("10.66.1.0/24", 12, 254, &hop, false),
            ("10.66.1.0/24", 12, 254, &Form::Blackhole, false),
            ("10.67.1.0/24", 12, 254, &hop, true),
            ("10.67.1.0/24", 80, 100, &hop, false),
            ("10.68.1.0/24", 12, 254, &hop, false),
            ("10.68.1.0/24", 12, 254, &Form::Blackhole, true),
            // Around one.
            ("10.66.0.0/15", 12, 254, &hop, true),
        ];
        for (prefix, protocol, table, form, ours) in table {
            let (prefix, form) = (prefix.parse().unwrap(), form.clone());
            let route = Route { prefix, metric: 0, table, protocol, tos: 0, form, extras: false };
            assert_eq!(marks.may_be_ours(&route), ours, "{route:?}");
        }
    }
}
