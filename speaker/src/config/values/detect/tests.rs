use super::*;

#[test]
fn a_host_is_an_address_or_a_name_of_the_length_that_names_can_have() {
    assert!(matches!(Host::from_text("10.9.0.1"), Ok(Host::Address(_))));
    // RFC 1035 §2.3.4
    let longest = format!("{}.lan", "n".repeat(MAX_HOST - 4));
    assert!(matches!(Host::from_text(&longest), Ok(Host::Name(name)) if name == longest));
    for wrong in [format!("n{longest}").as_str(), "10.9.0", "n1:53", "http://n1", "10.9.0.1/24"] {
        assert!(Host::from_text(wrong).is_err(), "{wrong}");
    }
}
