//! roost beside each daemon of the field, feature by feature: the table that `tests/interop` prints.
//!
//! | module | what |
//! |---|---|
//! | [`features`] | the rows of the table; how a cell gets its mark |
//! | [`other`] | what a scenario tells a daemon, and reads from it |
//! | [`bird`], [`frr`], … | each daemon's language |
//! | [`roost`] | roost's |
//! | [`sessions`], [`crossed`], [`octets`], [`restart`], [`reflection`] | the scenarios: one lab each, the same for every daemon |
//!
//! A scenario is one test a daemon, so the daemons fail apart. Each cell is judged by both sides: what the daemon says
//! in its own words, what roost says, and roost's kernel.

#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

mod features;
mod other;
mod roost;

mod bird;
mod frr;
mod gobgp;
mod openbgpd;

mod crossed;
mod lan;
mod octets;
mod reflection;
mod restart;
mod sessions;

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
            fn roost_is_their_client() {
                reflection::above_roost(&$other);
            }
        })*
    };
}

daemons! {
    bird_2: bird::Bird::TWO,
    //bird_1_6: bird::Bird::ONE,
    frr_8: frr::Frr,
    gobgp_3: gobgp::Gobgp,
    //openbgpd_7: openbgpd::Openbgpd,
}
