//! One IPv6 session for IPv6 routes: for a program that speaks nothing else.

use roost_tests::until;

use crate::features::{Cells, Feature::*};
use crate::lan::{Wired, kernel_has, path_when};
use crate::other::{Node, Other, Session};
use crate::{LIMIT, roost};

pub fn scenario(other: &dyn Other) {
    let wired = Wired::new("v", other.name());
    let (roost_ns, x_ns) = (wired.plug("roost", 1), wired.plug("x", 2));
    let node = Node::new(roost::ASN, 1).with(Session::v6(2, 65001)).origin("fd00:65:1::/122");
    let x_node = Node::new(65001, 2).with(Session::v6(1, roost::ASN)).origin("fd00:66:1::/64");
    let roost = roost::start(&roost_ns, &node, |_| String::new(), "");
    let x = other.start(&x_ns, &x_node);
    let mut cells = Cells::of(other);
    cells.cell(Ipv6Session, || {
        let row = roost::established(&roost, "fd00:9::2");
        assert_eq!(row["families"], serde_json::json!(["ipv6"]), "{row}");
        until("their session is up", LIMIT, || other.established(&x, "fd00:9::1".parse().unwrap()));
        kernel_has(&roost_ns, "fd00:66:1::/64 via fd00:9::2 dev eth0");
        let is_ours = |path: &crate::other::Seen| path.next_hop.contains("fd00:9::1");
        path_when("roost's block at them", || other.paths(&x, "fd00:65:1::/122"), is_ours);
    });
    cells.close();
}
