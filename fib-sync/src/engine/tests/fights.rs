//! Two programs and one route.

use super::*;

const PREFIX: &str = "10.66.2.0/26";
const OURS: &str = "10.66.2.0/26 via 172.16.1.2 dev eth0 proto bird\n";

fn lab() -> Lab {
    let mut lab = Lab::new(world());
    lab.want(&[(PREFIX, target("172.16.1.2")), ("10.66.3.0/26", target("172.16.1.2"))]);
    lab
}

impl Lab {
    fn ours(&self) -> bool {
        self.kernel.text(12).contains(OURS)
    }

    /// Somebody deletes our route; whether it is back at once.
    fn deleted(&mut self) -> bool {
        assert_eq!(self.kernel.delete(net(PREFIX), |route| route.protocol == 12), 1);
        self.run();
        self.ours()
    }

    /// How long until our route is back, to a tenth of a second.
    fn back_after(&mut self) -> Duration {
        let began = self.now;
        while !self.ours() {
            assert!(self.now - began < Duration::from_secs(60), "never: {:?}", self.state(PREFIX));
            self.after(Duration::from_millis(100));
        }
        self.now - began
    }
}

#[test]
fn a_route_deleted_again_and_again_is_restored_at_growing_intervals_and_the_table_says_why() {
    let mut lab = lab();
    for _ in 0..4 {
        assert!(lab.deleted(), "a few times it is restored at once");
        lab.after(Duration::from_secs(1));
    }
    let pauses: Vec<u64> = (0..7)
        .map(|_| {
            assert!(!lab.deleted());
            lab.back_after().as_secs()
        })
        .collect();
    assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
    assert_eq!(lab.engine.report(lab.now).repairs.deleted, 11, "each is counted");
    assert_eq!(lab.state(PREFIX), State::Installed);
    assert!(!lab.deleted());
    let said = lab.state(PREFIX).to_string();
    assert!(said.starts_with("withheld: another program (netlink port "), "{said}");
    assert!(said.contains("took it away 12 times; it is restored ever later, up to 30 s; end that program"), "{said}");
    // Another prefix has nothing to do with it, and neither has another wish for this one.
    lab.kernel.delete(net("10.66.3.0/26"), |_| true);
    lab.run();
    assert_eq!(lab.state("10.66.3.0/26"), State::Installed);
    lab.want(&[(PREFIX, target("172.17.1.2"))]);
    assert_eq!(lab.state(PREFIX), State::Installed);
}

#[test]
fn who_rewrites_our_route_under_our_own_protocol_is_shown() {
    let mut lab = lab();
    let theirs = Route { protocol: 12, ..foreign(PREFIX, "172.17.1.9", 0) };
    for _ in 0..5 {
        lab.after(Duration::from_secs(2));
        assert!(lab.ours());
        lab.kernel.replace(theirs.clone()).unwrap();
        lab.run();
    }
    let said = lab.state(PREFIX).to_string();
    assert!(said.contains("and `10.66.2.0/26 via 172.17.1.9 dev eth1 proto bird` is there instead"), "{said}");
    assert!(lab.kernel.text(12).contains("via 172.17.1.9"), "theirs stays for the while");
    assert_eq!(lab.back_after(), Duration::from_secs(1));
    assert_eq!(lab.engine.report(lab.now).repairs.changed, 5);
    // It ends, and is forgotten: the next time counts as the first.
    lab.after(Duration::from_secs(130));
    assert!(lab.deleted());
    // A route that is no longer wanted is fought for no more.
    for _ in 0..3 {
        assert!(lab.deleted());
    }
    assert!(!lab.deleted());
    lab.want(&[(PREFIX, None)]);
    lab.after(Duration::from_secs(60));
    assert!(!lab.ours() && lab.engine.is_idle());
}

#[test]
fn seldom_is_no_fight_and_a_flapping_link_is_nobodys_doing() {
    let mut lab = lab();
    for _ in 0..12 {
        assert!(lab.deleted());
        lab.after(Duration::from_secs(15));
    }
    for _ in 0..12 {
        lab.kernel.link(2, "eth0", false);
        lab.run();
        lab.kernel.link(2, "eth0", true);
        lab.after(Duration::from_millis(200));
        lab.kernel.add(default_route()).unwrap_or_default();
        assert!(lab.ours());
    }
}

#[test]
fn one_who_is_quicker_than_our_own_results_is_named_and_fought_with_pauses_too() {
    let mut lab = Lab::new(world());
    lab.engine.update([(net(PREFIX), target("172.16.1.2"))]);
    for _ in 0..5 {
        let began = lab.now;
        while !lab.ours() {
            assert!(lab.now - began < Duration::from_secs(1), "not at once: {:?}", lab.state(PREFIX));
            lab.now += Duration::from_millis(10);
            lab.turn();
        }
        assert_eq!(lab.engine.batches_out(), 1, "written, and its result is yet to come");
        lab.kernel.delete(net(PREFIX), |_| true);
    }
    // Heard of, and read back.
    (0..2).for_each(|_| lab.after(Duration::from_millis(50)));
    let said = lab.state(PREFIX).to_string();
    assert!(said.contains("another program (netlink port ") && said.contains("took it away 5 times"), "{said}");
    assert_eq!(lab.engine.report(lab.now).repairs.lost, 0);
    assert_eq!(lab.back_after(), Duration::from_secs(1));
}

#[test]
fn what_was_taken_away_before_we_wrote_it_is_no_repair() {
    let mut lab = lab();
    // Ours is to be replaced, and somebody deletes it before that is done; the kernel has what we wrote in the end.
    lab.engine.update([(net(PREFIX), target("172.17.1.2"))]);
    lab.turn();
    let late = Event::Route {
        change: RouteChange::Removed,
        route: Route { protocol: 12, ..foreign(PREFIX, "172.17.1.2", 0) },
        by: 77,
    };
    lab.engine.event(lab.now, late);
    lab.after(Duration::from_millis(500));
    assert_eq!((lab.state(PREFIX), lab.engine.report(lab.now).repairs.deleted), (State::Installed, 0));
    assert_eq!(
        lab.engine.find(net(PREFIX)).unwrap().kernel.unwrap(),
        "10.66.2.0/26 via 172.17.1.2 dev eth1 proto bird"
    );
    assert_eq!(lab.engine.desired.get(net(PREFIX)).unwrap().cause, None);
}
