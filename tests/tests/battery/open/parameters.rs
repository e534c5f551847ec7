//! The optional parameters of an OPEN: RFC 4271 §4.2 and §6.2, and their extended form, RFC 9072.

use super::{accepted, extended, parameters, refused, usual};
use crate::harness::{Open, Setup};

#[test]
fn an_unknown_parameter_is_answered_with_2_4() {
    // RFC 4271 §6.2
    let octets = parameters(&[(2, &usual()), (7, &[1, 2])]);
    refused(&Open::new(65001).parameters(octets.len() as u8, &octets), 2, 4, &[]);
}

#[test]
fn the_old_authentication_parameter_is_answered_with_2_4() {
    // RFC 4271 §6.2: parameter 1 of RFC 1771 is gone
    let octets = parameters(&[(1, &[0, 1, 2])]);
    refused(&Open::new(65001).parameters(octets.len() as u8, &octets), 2, 4, &[]);
}

#[test]
fn no_parameter_is_accepted() {
    accepted(&Open::bare(65001));
}

#[test]
fn an_empty_capabilities_parameter_is_accepted() {
    let octets = parameters(&[(2, &[])]);
    accepted(&Open::bare(65001).parameters(octets.len() as u8, &octets));
}

#[test]
fn a_parameter_for_each_capability_is_accepted() {
    // RFC 5492 §4: one parameter may hold one or more
    let roost = Setup::external().start();
    let open = Open::new(65001);
    let capabilities: Vec<_> =
        open.capabilities.iter().map(|(code, value)| [&[*code, value.len() as u8], &value[..]].concat()).collect();
    let list: Vec<_> = capabilities.iter().map(|octets| (2, &octets[..])).collect();
    let octets = parameters(&list);
    let mut peer = roost.peer_with(0, open.parameters(octets.len() as u8, &octets));
    peer.settle(&roost);
    assert_eq!(roost.about(0)["capabilities"].as_array().map(Vec::len), Some(4));
}

#[test]
fn parameters_shorter_than_their_length_are_answered_with_2_0() {
    let octets = parameters(&[(2, &usual())]);
    refused(&Open::new(65001).parameters(octets.len() as u8 + 1, &octets), 2, 0, &[]);
}

#[test]
fn parameters_longer_than_their_length_are_answered_with_2_0() {
    let octets = parameters(&[(2, &usual())]);
    refused(&Open::new(65001).parameters(octets.len() as u8 - 1, &octets), 2, 0, &[]);
}

#[test]
fn length_0_with_parameters_behind_it_is_answered_with_2_0() {
    refused(&Open::new(65001).parameters(0, &parameters(&[(2, &usual())])), 2, 0, &[]);
}

#[test]
fn a_parameter_that_overruns_is_answered_with_2_0() {
    refused(&Open::new(65001).parameters(4, &[2, 9, 2, 0]), 2, 0, &[]);
}

#[test]
fn a_single_octet_of_a_parameter_is_answered_with_2_0() {
    refused(&Open::new(65001).parameters(1, &[2]), 2, 0, &[]);
}

#[test]
fn a_capability_that_overruns_its_parameter_is_answered_with_2_0() {
    let octets = parameters(&[(2, &[1, 4, 0, 1, 0])]);
    refused(&Open::new(65001).parameters(octets.len() as u8, &octets), 2, 0, &[]);
}

#[test]
fn a_capability_of_one_octet_is_answered_with_2_0() {
    let octets = parameters(&[(2, &[2])]);
    refused(&Open::new(65001).parameters(octets.len() as u8, &octets), 2, 0, &[]);
}

// ---- RFC 9072

#[test]
fn extended_parameters_are_accepted() {
    // RFC 9072 §2, also where the plain form had room
    accepted(&Open::new(65001).parameters(255, &extended(&[(2, &usual())])));
}

#[test]
fn extended_parameters_of_over_255_octets_are_accepted() {
    let unknown = [&[200, 250], &[9; 250][..]].concat();
    let octets = extended(&[(2, &usual()), (2, &unknown), (2, &unknown)]);
    assert!(octets.len() > 500);
    accepted(&Open::new(65001).parameters(255, &octets));
}

#[test]
fn extended_parameters_are_known_by_their_type_whatever_the_length_says() {
    // RFC 9072 §2: the length octet "SHOULD be 255" and is ignored
    accepted(&Open::new(65001).parameters(17, &extended(&[(2, &usual())])));
}

#[test]
fn an_extended_length_beyond_the_message_is_answered_with_2_0() {
    let mut octets = extended(&[(2, &usual())]);
    octets[2] += 1;
    refused(&Open::new(65001).parameters(255, &octets), 2, 0, &[]);
}

#[test]
fn an_extended_parameter_that_overruns_is_answered_with_2_0() {
    refused(&Open::new(65001).parameters(255, &[255, 0, 4, 2, 0, 9, 0]), 2, 0, &[]);
}

#[test]
fn an_unknown_extended_parameter_is_answered_with_2_4() {
    refused(&Open::new(65001).parameters(255, &extended(&[(33, &[1])])), 2, 4, &[]);
}

#[test]
fn an_extended_header_cut_short_is_answered_with_2_0() {
    refused(&Open::new(65001).parameters(255, &[255, 0]), 2, 0, &[]);
}

#[test]
fn an_extended_length_of_0_is_no_parameter() {
    accepted(&Open::bare(65001).parameters(255, &[255, 0, 0]));
}

#[test]
fn type_255_behind_another_parameter_is_an_unknown_one() {
    // RFC 9072 §2: the extended form is known by the first type; RFC 4271 §6.2
    refused(&Open::new(65001).parameters(6, &[2, 0, 255, 0, 0, 0]), 2, 4, &[]);
}
