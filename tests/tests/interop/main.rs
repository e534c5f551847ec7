//! roost beside each daemon of the field, feature by feature: the table that `tests/interop` prints.
//!
//! | module | what |
//! |---|---|
//! | [`features`] | the rows of the table; how a cell gets its mark |
//! | [`other`] | what a scenario tells a daemon, and reads from it |
//! | [`bird`], [`frr`], … | each daemon's language |
//! | [`roost`] | roost's |
//! | [`sessions`], [`crossed`], [`octets`], [`restart`], [`reflection`] | the scenarios: one lab each, the same for every daemon |
//! | [`reflectors`] | several reflectors in one lab, with several daemons: no cells |
//!
//! A scenario is one test a daemon, so the daemons fail apart. Each cell is judged by both sides: what the daemon says
//! in its own words, what roost says, and roost's kernel.

#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

mod features;
mod other;
mod roost;

mod bird;
mod exabgp;
mod frr;
mod gobgp;
mod openbgpd;

mod crossed;
mod lan;
mod octets;
mod odd;
mod reflection;
mod reflectors;
mod restart;
mod sessions;
mod six;

/// How long a step may take that must happen: labs share two cores, and a failing cell must leave time for the others.
pub const LIMIT: Duration = Duration::from_secs(30);

macro_rules! daemons {
    ($($test:ident: $other:expr,)*) => {
        $(mod $test {
            use super::*;

            #[test]
            fn sessions_routes_and_attributes() {
                sessions::scenario(&$other);
            }

            #[test]
            fn sessions_dialled_the_other_way_with_passwords_and_many_routes() {
                crossed::scenario(&$other);
            }

            #[test]
            fn two_octet_as_numbers() {
                octets::scenario(&$other);
            }

            #[test]
            fn graceful_restart() {
                restart::scenario(&$other);
            }

            #[test]
            fn clients_of_roost() {
                reflection::below_roost(&$other);
            }

            #[test]
            fn odd_attributes() {
                odd::scenario(&$other);
            }

            #[test]
            fn roost_is_their_client() {
                reflection::above_roost(&$other);
            }
        })*
    };
}

daemons! {
    bird_2: bird::Bird::TWO,
    bird_1_6: bird::Bird::ONE,
    frr_8: frr::Frr,
    gobgp_3: gobgp::Gobgp,
    openbgpd_7: openbgpd::Openbgpd,
    exabgp_4: exabgp::Exabgp,
}

/// bird6, the other program of BIRD 1.6: its IPv6 session.
#[test]
fn bird_1_6_speaks_ipv6() {
    six::scenario(&bird::Bird::ONE_IPV6);
}

mod several_reflectors {
    use crate::reflectors::{BIRD, FRR, Kind::Roost, hierarchy, pair};

    #[test]
    fn two_of_one_cluster() {
        pair::scenario("one", Some("10.9.9.9"));
    }

    #[test]
    fn two_of_a_cluster_each() {
        pair::scenario("two", None);
    }

    #[test]
    fn bird_and_frr_above_roost() {
        hierarchy::scenario("below", [BIRD, FRR], [Roost; 4]);
    }

    #[test]
    fn roost_above_bird_and_frr() {
        hierarchy::scenario("above", [Roost; 2], [BIRD, BIRD, FRR, FRR]);
    }
}

/// Every daemon is in the table with its version; with `ROOST_INTEROP_CELLS`, prints it and judges it.
#[test]
fn the_table() {
    let others: [&dyn other::Other; 6] =
        [&bird::Bird::TWO, &bird::Bird::ONE, &frr::Frr, &gobgp::Gobgp, &openbgpd::Openbgpd, &exabgp::Exabgp];
    for other in others {
        assert!(other.version().chars().any(|c| c.is_ascii_digit()), "{}: {}", other.name(), other.version());
    }
    let Some(path) = std::env::var_os("ROOST_INTEROP_CELLS") else { return };
    let cells = std::fs::read_to_string(path).unwrap_or_default();
    let partial = std::env::var_os("ROOST_INTEROP_FILTER").is_some_and(|filter| !filter.is_empty());
    let (table, good) = features::table(&others, &cells, partial);
    #[allow(clippy::print_stdout)]
    {
        println!("\n{table}");
    }
    assert!(good, "a cell has failed");
}
