//! Route reflection (RFC 4456) with ADD-PATH (RFC 7911): roost above three of them, and one of them above three roosts.
//!
//! Clients 2 and 3 announce one prefix both; client 4 hears of it from the reflector only, with both paths.

use roost_tests::until;

use crate::features::{Cells, Feature::*};
use crate::lan::{Wired, kernel_has, path_when};
use crate::other::{Node, Other, Session};
use crate::{LIMIT, roost};

const SHARED: &str = "10.70.0.0/24";

/// The reflector: node 1.
fn reflector(add_path: bool) -> Node {
    let mut node = Node::new(roost::ASN, 1);
    for n in 2..=4 {
        node = node.with(Session { client: true, add_path_send: add_path && n == 4, ..Session::v4(n, roost::ASN) });
    }
    node
}

fn client(n: u8, add_path: bool) -> Node {
    let session = Session { add_path_receive: add_path && n == 4, ..Session::v4(1, roost::ASN) };
    let node = Node::new(roost::ASN, n).with(session);
    if n == 4 { node } else { node.origin(SHARED).origin(&format!("10.7{n}.0.0/24")) }
}

pub fn below_roost(other: &dyn Other) {
    let wired = Wired::new("b", other.name());
    let roost_ns = wired.plug("roost", 1);
    let add_path = other.lacks(AddPathSend).is_none();
    let roost = roost::start(&roost_ns, &reflector(add_path), |_| String::new(), "");
    let clients: Vec<_> =
        (2..=4).map(|n| other.start(&wired.plug(&format!("c{n}"), n), &client(n, add_path))).collect();
    let last = &clients[2];
    let mut cells = Cells::of(other);
    cells.cell(Reflects, || {
        for n in 2..=3 {
            let prefix = format!("10.7{n}.0.0/24");
            kernel_has(&roost_ns, &format!("{prefix} via 10.9.0.{n} dev eth0"));
            let path = path_when(&format!("{prefix} at client 4"), || other.paths(last, &prefix), |_| true);
            assert_eq!(path.originator, Some(format!("10.9.0.{n}")), "{path:?}");
            assert_eq!(path.clusters, ["10.9.0.1"], "{path:?}");
            assert_eq!(path.next_hop, format!("10.9.0.{n}"), "a reflector leaves the next hop alone: {path:?}");
        }
        let path = path_when("client 3's prefix at client 2", || other.paths(&clients[0], "10.73.0.0/24"), |_| true);
        assert_eq!(path.originator.as_deref(), Some("10.9.0.3"));
        assert_eq!(roost::peer(&roost, "10.9.0.4")["kind"], "client");
    });
    cells.cell(AddPathSend, || {
        let next_hops = until("both paths at client 4", LIMIT, || {
            let paths = other.paths(last, SHARED);
            if paths.len() == 2 { Ok(paths) } else { Err(format!("{paths:#?}")) }
        });
        let mut next_hops: Vec<String> = next_hops.into_iter().map(|path| path.next_hop).collect();
        next_hops.sort();
        assert_eq!(next_hops, ["10.9.0.2", "10.9.0.3"]);
    });
    cells.close();
}

pub fn above_roost(other: &dyn Other) {
    let mut cells = Cells::of(other);
    if other.lacks(Reflected).is_some() {
        return cells.lacking(&[Reflected, AddPathReceive]);
    }
    let wired = Wired::new("a", other.name());
    let add_path = other.lacks(AddPathReceive).is_none();
    let above = other.start(&wired.plug("rr", 1), &reflector(add_path));
    let roosts: Vec<_> = (2..=4)
        .map(|n| roost::start(&wired.plug(&format!("c{n}"), n), &client(n, add_path), |_| String::new(), ""))
        .collect();
    let last = &roosts[2];
    cells.cell(Reflected, || {
        for n in 2..=3 {
            let prefix = format!("10.7{n}.0.0/24");
            kernel_has(last.ns(), &format!("{prefix} via 10.9.0.{n} dev eth0"));
            path_when(
                &format!("{prefix} at them"),
                || other.paths(&above, &prefix),
                |path| path.next_hop == format!("10.9.0.{n}"),
            );
            let path = roost::paths(last, &prefix).remove(0);
            assert_eq!(path["originator_id"], format!("10.9.0.{n}"), "{path}");
            assert_eq!(path["cluster_list"], serde_json::json!(["10.9.0.1"]), "{path}");
        }
        kernel_has(roosts[0].ns(), "10.73.0.0/24 via 10.9.0.3 dev eth0");
    });
    cells.cell(AddPathReceive, || {
        let paths = until("both paths at client 4", LIMIT, || {
            let paths = roost::paths(last, SHARED);
            if paths.len() == 2 { Ok(paths) } else { Err(format!("{paths:#?}")) }
        });
        let mut next_hops: Vec<&str> = paths.iter().map(|path| path["next_hop"].as_str().unwrap()).collect();
        next_hops.sort_unstable();
        assert_eq!(next_hops, ["10.9.0.2", "10.9.0.3"]);
        assert_ne!(paths[0]["path_id"], paths[1]["path_id"]);
    });
    cells.close();
}
