//! The same sessions dialled the other way round, with passwords: roost dials X (eBGP), Y dials roost (iBGP).
//!
//! X and roost have thousands of routes for each other, all of which Y hears from roost; one of X's has the longest
//! AS_PATH that one segment holds, one more communities than 4096 octets. Z is refused: its AS is not the one roost expects.

use std::collections::BTreeSet;

use roost_tests::{Daemon, until};

use crate::features::{Cells, Feature::*};
use crate::lan::{Wired, kernel, path_when};
use crate::other::{Node, Origin, Other, Session};
use crate::{LIMIT, roost};

const X_AS: u32 = 65001;
const MANY: usize = 3000;
const LONG: &str = "10.68.0.0/24";
const BIG: &str = "10.68.1.0/24";
const BIG_COUNT: usize = 1200;

/// `MANY` prefixes inside `10.second.0.0/16`, or a little more.
fn many(second: usize) -> Vec<String> {
    (0..MANY).map(|n| format!("10.{second}.{}.{}/28", n / 16, n % 16 * 16)).collect()
}

pub fn scenario(other: &dyn Other) {
    let wired = Wired::new("c", other.name());
    let (roost_ns, x_ns, y_ns) = (wired.plug("roost", 1), wired.plug("x", 2), wired.plug("y", 3));
    let password = if other.lacks(Password).is_none() { Some("a-password-of-24-bytes-x") } else { None };
    let both = |session| Session { v6: true, password, ..session };
    let password_of_x = password.filter(|_| other.takes_signed_connections());
    let to_x = |session| Session { password: password_of_x, ..both(session) };
    let origin = |prefix: String| Origin { prefix, ..Origin::default() };

    let mut x_node = Node::new(X_AS, 2).with(Session { passive: true, ..to_x(Session::v4(1, roost::ASN)) });
    x_node.origins = many(66).into_iter().map(origin).collect();
    if other.lacks(LongPath).is_none() {
        x_node.origins.push(Origin { prefix: LONG.to_owned(), prepend: 254, ..Origin::default() });
    }
    if other.lacks(ExtendedMessages).is_none() {
        let communities = (0..BIG_COUNT).map(|n| format!("65001:{n}")).collect();
        x_node.origins.push(Origin { prefix: BIG.to_owned(), communities, ..Origin::default() });
    }
    let y_node = Node::new(roost::ASN, 3).with(both(Session::v4(1, roost::ASN)));
    let z_node = Node::new(roost::ASN, 4).with(Session::v4(1, roost::ASN));
    let mut node = Node::new(roost::ASN, 1)
        .with(to_x(Session::v4(2, X_AS)))
        .with(Session { passive: true, ..both(Session::v4(3, roost::ASN)) })
        // Z is not of this AS: its OPEN is refused.
        .with(Session { passive: true, ..Session::v4(4, 65099) });
    node.origins = many(65).into_iter().map(origin).collect();

    let roost = roost::start(&roost_ns, &node, |_| String::new(), "");
    let x = other.start(&x_ns, &x_node);
    let y = other.start(&y_ns, &y_node);
    let z = other.start(&wired.plug("z", 4), &z_node);
    let mut cells = Cells::of(other);
    let mut ports = |feature, peer: &str, ours: &str, daemon: &Daemon| {
        cells.cell(feature, || {
            let row = roost::established(&roost, peer);
            assert!(row[ours].as_str().is_some_and(|end| end.ends_with(":179")), "not {ours}: {row}");
            until("their session is up", LIMIT, || other.established(daemon, "10.9.0.1".parse().unwrap()));
        });
    };
    ports(EbgpWeDial, "10.9.0.2", "remote", &x);
    ports(IbgpTheyDial, "10.9.0.3", "local", &y);
    cells.cell(Password, || {
        // The kernel's word: each end of each session signs (`ss` shows the key a socket has).
        let with_x = if password_of_x.is_some() { vec![(&roost_ns, "10.9.0.2"), (&x_ns, "10.9.0.1")] } else { vec![] };
        for (ns, peer) in [(&roost_ns, "10.9.0.3"), (&y_ns, "10.9.0.1")].into_iter().chain(with_x) {
            let sockets = ns.run("ss -Htnie state established");
            let key = format!("md5keys:{peer}");
            assert!(sockets.contains(&key), "no {key} in {}:\n{sockets}", ns.name());
        }
    });
    cells.cell(LargeTables, || {
        let wanted: BTreeSet<String> = many(66).into_iter().chain(many(65)).collect();
        let (from_x, from_roost) = (many(66), many(65));
        until("X's routes in roost's kernel", LIMIT, || {
            let have: BTreeSet<String> = kernel(&roost_ns).into_iter().collect();
            let missing =
                from_x.iter().filter(|prefix| !have.contains(&format!("{prefix} via 10.9.0.2 dev eth0"))).count();
            if missing == 0 { Ok(()) } else { Err(format!("{missing} of {MANY} are missing")) }
        });
        for (who, daemon, wanted) in [("X", &x, from_roost.into_iter().collect()), ("Y", &y, wanted)] {
            until(&format!("every route at {who}"), LIMIT, || {
                let missing = wanted.difference(&other.prefixes(daemon, false)).count();
                if missing == 0 { Ok(()) } else { Err(format!("{missing} of {} are missing", wanted.len())) }
            });
        }
    });
    cells.cell(LongPath, || {
        let path = until("the route with the long path at roost", LIMIT, || {
            roost::paths(&roost, LONG).first().cloned().ok_or_else(|| "no path".to_owned())
        });
        assert_eq!(path["as_path"].as_str().unwrap().split_whitespace().count(), 255, "{path}");
        let at_y = path_when("the route with the long path at Y", || other.paths(&y, LONG), |_| true);
        assert_eq!(at_y.as_path, vec![X_AS.to_string(); 255]);
    });
    cells.cell(ExtendedMessages, || {
        // 4800 octets of communities: no message of 4096 brings it to roost, and none on to Y (RFC 8654).
        let path = until("the route with many communities at roost", LIMIT, || {
            roost::paths(&roost, BIG).first().cloned().ok_or_else(|| roost::peer(&roost, "10.9.0.2").to_string())
        });
        assert_eq!(path["communities"].as_array().unwrap().len(), BIG_COUNT);
        path_when("the route with many communities at Y", || other.paths(&y, BIG), |path| !path.communities.is_empty());
    });
    cells.cell(Notification, || {
        // RFC 4271 §6.2: OPEN Message Error, Bad Peer AS.
        let refused = |row: &serde_json::Value| {
            row["messages"]["notification_out"].as_u64() > Some(0)
                && row["reason"].as_str().is_some_and(|reason| reason.to_lowercase().contains("as"))
        };
        let row = roost::peer_when(&roost, "10.9.0.4", "refused for its AS", refused);
        assert!(row["reason"].as_str().unwrap().contains("64512"), "which AS came: {row}");
        until("their word on the refusal", LIMIT, || {
            let text = other.last_error(&z, "10.9.0.1".parse().unwrap());
            let lower = text.to_lowercase();
            let named = ["bad peer as", "wrong peer as", "bad-peer-as", "2/2", "02 02", "error in open", "0202"];
            if named.iter().any(|name| lower.contains(name)) { Ok(()) } else { Err(text) }
        });
    });
    cells.close();
}
