//! roost's AS needs four octets, X does not understand them: AS_TRANS in OPEN and AS_PATH, AS4_PATH beside it (RFC 6793).

use roost_tests::until;

use crate::features::{Cells, Feature::*};
use crate::lan::{Wired, kernel_has, path_when};
use crate::other::{Node, Other, Session};
use crate::{LIMIT, roost};

const ROOST_AS: u32 = 4_200_000_512;
const Y_AS: u32 = 4_200_000_003;
const AS_TRANS: u32 = 23456;

pub fn scenario(other: &dyn Other) {
    let mut cells = Cells::of(other);
    if other.lacks(AsTrans).is_some() {
        return cells.lacking(&[AsTrans]);
    }
    let wired = Wired::new("t", other.name());
    let (roost_ns, x_ns, y_ns) = (wired.plug("roost", 1), wired.plug("x", 2), wired.plug("y", 3));
    let node = Node::new(ROOST_AS, 1).with(Session::v4(2, 65001)).with(Session::v4(3, Y_AS)).origin("10.65.1.0/26");
    let old = Session { two_octets: true, restart: false, ..Session::v4(1, ROOST_AS) };
    let x_node = Node::new(65001, 2).with(old).origin("10.66.1.0/24");
    let y_node = Node::new(Y_AS, 3).with(Session::v4(1, ROOST_AS)).origin("10.67.1.0/24");
    let roost = roost::start(&roost_ns, &node, |_| String::new(), "");
    let x = other.start(&x_ns, &x_node);
    let y = other.start(&y_ns, &y_node);

    cells.cell(AsTrans, || {
        let row = roost::established(&roost, "10.9.0.2");
        let offered = row["capabilities"].to_string();
        assert!(!offered.contains("4-octet") && !offered.contains("four-octet"), "X offers four octets: {row}");
        until("their session is up", LIMIT, || other.established(&x, "10.9.0.1".parse().unwrap()));
        kernel_has(&roost_ns, "10.66.1.0/24 via 10.9.0.2 dev eth0");
        // From the old speaker to the new one the numbers are widened.
        let at_y = path_when("X's route at Y", || other.paths(&y, "10.66.1.0/24"), |_| true);
        assert_eq!(at_y.as_path, [ROOST_AS.to_string(), "65001".to_owned()]);
        // From the new one to the old one both wide numbers become AS_TRANS; some show what AS4_PATH says instead.
        let at_x = path_when("Y's route at X", || other.paths(&x, "10.67.1.0/24"), |_| true);
        let (narrow, wide) = (vec![AS_TRANS.to_string(); 2], vec![ROOST_AS.to_string(), Y_AS.to_string()]);
        assert!(at_x.as_path == narrow || at_x.as_path == wide, "{at_x:?}");
    });
    cells.close();
}
