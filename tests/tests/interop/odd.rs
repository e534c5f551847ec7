//! Attributes nobody sends by accident, octet by octet through ExaBGP; BIRD 2 behind roost tells what comes out.
//!
//! X (external) announces; roost judges as RFC 7606 says; the session must live through all of it.

use roost_tests::until;

use crate::bird::Bird;
use crate::features::{Cells, Feature::*};
use crate::lan::{Wired, kernel_has};
use crate::other::{Node, Other, Session};
use crate::{LIMIT, roost};

const X_AS: u32 = 65001;

pub fn scenario(other: &dyn Other) {
    let mut cells = Cells::of(other);
    if other.lacks(Odd).is_some() {
        return cells.lacking(&[Odd]);
    }
    let wired = Wired::new("o", other.name());
    let (roost_ns, x_ns, y_ns) = (wired.plug("roost", 1), wired.plug("x", 2), wired.plug("y", 3));
    let node = Node::new(roost::ASN, 1).with(Session::v4(2, X_AS)).with(Session::v4(3, roost::ASN));
    let roost = roost::start(&roost_ns, &node, |_| String::new(), "");
    let x = other.start(&x_ns, &Node::new(X_AS, 2).with(Session::v4(1, roost::ASN)));
    let y = Bird::TWO.start(&y_ns, &Node::new(roost::ASN, 3).with(Session::v4(1, roost::ASN)));
    roost::established(&roost, "10.9.0.2");
    roost::established(&roost, "10.9.0.3");

    let announce = |prefix: &str, attributes: &str| {
        x.ask(&format!("announce route {prefix} next-hop 10.9.0.2 {attributes}"));
    };
    let plain = |prefix: &str| {
        announce(prefix, "");
        kernel_has(&roost_ns, &format!("{prefix} via 10.9.0.2 dev eth0"));
    };
    // Messages keep their order: when the plain route behind them has come, the odd ones have been judged.
    cells.cell(Odd, || {
        announce("10.66.1.0/24", "attribute [ 0x63 0xc0 0x0badcafe ]"); // unknown, optional transitive
        announce("10.66.2.0/24", "attribute [ 0x63 0x80 0x0badcafe ]"); // unknown, optional, not transitive
        announce("10.66.3.0/24", "as-path [ 65001 ( 65010 65011 ) ]"); // AS_SET: RFC 9774
        announce("10.66.4.0/24", "attribute [ 0x08 0xc0 0x0badca ]"); // COMMUNITIES of three octets: RFC 7606 §7.8
        announce("10.66.5.0/24", "attribute [ 0x20 0xc0 0x0badcafe ]"); // LARGE_COMMUNITY of four: RFC 8092 §6
        announce("10.66.6.0/24", "attribute [ 0x07 0xc0 0x0bad ]"); // AGGREGATOR of two: RFC 7606 §7.7, discarded
        plain("10.66.9.0/24");
        let row = roost::peer(&roost, "10.9.0.2");
        assert_eq!((&row["state"], &row["established_count"]), (&"established".into(), &1.into()), "{row}");
        assert!(row["update_faults"].as_u64() >= Some(3), "{row}");
        let usable = |prefix: &str| roost::paths(&roost, prefix).iter().any(|path| path["best"] == true);
        for (prefix, wanted) in [("1", true), ("2", true), ("3", false), ("4", false), ("5", false), ("6", true)] {
            let prefix = format!("10.66.{prefix}.0/24");
            assert_eq!(usable(&prefix), wanted, "{prefix}: {:?}", roost::paths(&roost, &prefix));
        }
        // What is not known goes on unchanged when it is transitive (RFC 4271 §5), with the Partial bit, else not at all.
        let at_y = |prefix: &str| y.control(&format!("show route {prefix} all")).unwrap_or_default();
        until("the unknown attribute at Y", LIMIT, || {
            let text = at_y("10.66.1.0/24");
            if text.contains("BGP.63") && text.contains("0b ad ca fe") { Ok(()) } else { Err(text) }
        });
        let text = until("the route without it at Y", LIMIT, || {
            let text = at_y("10.66.2.0/24");
            if text.contains("BGP.next_hop") { Ok(text) } else { Err(text) }
        });
        assert!(!text.contains("0b ad ca fe"), "not transitive, and yet passed on: {text}");
    });
    cells.close();
}
