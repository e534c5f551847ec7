//! Graceful restart (RFC 4724), each side killed and started again: the other keeps the routes where they are.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use roost_tests::{RouteWatch, until};

use crate::features::{Cells, Feature::*};
use crate::lan::{Wired, kernel_has};
use crate::other::{Node, Other, Session};
use crate::{LIMIT, roost};

pub fn scenario(other: &dyn Other) {
    let wired = Wired::new("g", other.name());
    let (roost_ns, x_ns) = (wired.plug("roost", 1), wired.plug("x", 2));
    let node = Node::new(roost::ASN, 1).with(Session::v4(2, roost::ASN)).origin("10.65.1.0/26").origin("10.65.2.0/26");
    // Only roost dials. When both do at once, BIRD 1.6 takes the end of the losing connection for the end of its
    // recovery and comes back without the Forwarding bit: then the routes have to go. Its users let one side dial, too.
    let to_roost = Session { passive: true, ..Session::v4(1, roost::ASN) };
    let mut x_node = Node::new(roost::ASN, 2).with(to_roost).origin("10.66.1.0/24").origin("10.66.2.0/24");
    x_node.recover = true;
    let mut x = other.start(&x_ns, &x_node);
    let mut roost = roost::start(&roost_ns, &node, |_| String::new(), "");
    let settled = |roost: &_| {
        roost::peer_when(roost, "10.9.0.2", "established, nothing stale, all sent", |row| {
            let sent = row["end_of_rib"].as_array().is_some_and(|families| !families.is_empty());
            row["state"] == "established" && row["stale"] == 0 && (sent || other.lacks(EndOfRibIn).is_some())
        })
    };
    settled(&roost);
    for prefix in ["10.66.1.0/24", "10.66.2.0/24"] {
        kernel_has(&roost_ns, &format!("{prefix} via 10.9.0.2 dev eth0"));
    }
    let theirs = |x: &_| other.prefixes(x, false);
    let blocks = |x: &_| {
        let have = theirs(x);
        ["10.65.1.0/26", "10.65.2.0/26"].iter().all(|&block| have.contains(block))
    };
    until("roost's blocks at X", LIMIT, || if blocks(&x) { Ok(()) } else { Err(format!("{:?}", theirs(&x))) });

    let mut cells = Cells::of(other);
    cells.cell(Helper, || {
        let watch = RouteWatch::start(&roost_ns);
        let mark = watch.mark();
        let lives = roost::peer(&roost, "10.9.0.2")["established_count"].as_u64();
        x.kill_9();
        other.relaunch(&mut x, &x_node);
        roost::peer_when(&roost, "10.9.0.2", "back", |row| {
            row["state"] == "established" && row["established_count"].as_u64() > lives
        });
        settled(&roost);
        let moved = watch.about(mark, &["10.66.1.0/24", "10.66.2.0/24"]);
        assert!(moved.is_empty(), "routes moved: {moved:#?}");
        until(
            "roost's blocks at X again",
            LIMIT,
            || if blocks(&x) { Ok(()) } else { Err(format!("{:?}", theirs(&x))) },
        );
    });
    cells.cell(Restarter, || {
        let (over, looks) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let looker = scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    assert!(blocks(&x), "after {looks:?} looks roost's blocks are not all at X: {:?}", theirs(&x));
                    looks.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(roost_tests::wait::POLL);
                }
            });
            let restart = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let looked = || looks.load(Ordering::Relaxed);
                roost.kill_9();
                let then = looked();
                until("X has been asked while roost is away", LIMIT, || {
                    if looked() > then + 3 || looker.is_finished() { Ok(()) } else { Err(format!("{looks:?} looks")) }
                });
                roost.launch();
                settled(&roost);
            }));
            over.store(true, Ordering::Relaxed);
            looker.join().and(restart).unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        });
    });
    cells.close();
}
