//! A batch is planned while the kernel still has the one before.

use super::*;
use crate::desired::State;

const P: &str = "10.66.2.0/26";
const Q: &str = "10.66.3.0/26";

impl Lab {
    fn plan(&mut self, wanted: &[(&str, Option<Target>)]) -> (Vec<Op>, Vec<String>) {
        self.engine.update(wanted.iter().map(|(prefix, target)| (net(prefix), target.clone())));
        let ops = self.engine.poll_ops(self.now, 64);
        let text = ops.iter().map(|op| op.text(&self.engine.view.links).to_string()).collect();
        (ops, text)
    }

    fn try_on_kernel(&mut self, ops: Vec<Op>) {
        self.kernel.begin(ops);
        self.land();
    }
}

#[test]
fn what_changes_while_the_kernel_has_it_is_planned_after_its_result() {
    let mut lab = Lab::new(world());
    lab.run();
    let (first, text) = lab.plan(&[(P, target("172.16.1.2")), ("10.66.4.0/26", target("172.16.1.2"))]);
    assert_eq!(text.len(), 2);
    // Another next hop for one, and the other one is no longer wanted; both are with the kernel.
    let (second, text) = lab.plan(&[(P, target("172.16.1.3")), ("10.66.4.0/26", None), (Q, target("172.16.1.2"))]);
    assert_eq!(text, ["add 10.66.3.0/26 via 172.16.1.2 dev eth0 proto bird"]);
    assert!(lab.engine.has_work(), "results are to come");
    lab.try_on_kernel(first);
    let (third, text) = lab.plan(&[]);
    assert_eq!(
        text,
        [
            "replace 10.66.2.0/26 via 172.16.1.3 dev eth0 proto bird",
            "del 10.66.4.0/26 via 172.16.1.2 dev eth0 proto bird"
        ]
    );
    lab.try_on_kernel(second);
    lab.try_on_kernel(third);
    lab.run();
    assert_eq!(
        lab.kernel.text(12),
        "10.66.2.0/26 via 172.16.1.3 dev eth0 proto bird\n10.66.3.0/26 via 172.16.1.2 dev eth0 proto bird\n"
    );
    assert_eq!((lab.kernel.writes(), lab.kernel.dumps()), (5, 1));
    assert!(lab.engine.is_idle());
}

#[test]
fn what_changes_while_a_batch_is_being_planned_is_planned_after_its_result() {
    let mut lab = Lab::new(world());
    lab.want(&[(Q, target("172.16.1.2"))]);
    // Each few are planned when they come: a route, and that it is no longer wanted; another next hop, and back again.
    let mut wishes = [
        [(net(P), target("172.16.1.2")), (net(Q), target("172.16.1.3"))],
        [(net(P), None), (net(Q), target("172.16.1.2"))],
    ]
    .into_iter();
    let more = |engine: &mut Engine| wishes.next().map(|some| engine.update(some)).is_some();
    let ops = lab.engine.poll_ops_of(lab.now, 64, more);
    assert_eq!(ops.len(), 2);
    lab.try_on_kernel(ops);
    lab.run();
    assert_eq!(lab.kernel.text(12), "10.66.3.0/26 via 172.16.1.2 dev eth0 proto bird\n");
    assert!(lab.engine.is_idle() && lab.kernel.dumps() == 1);
}

#[test]
fn news_of_what_the_kernel_has_is_checked_and_not_believed() {
    let mut lab = Lab::new(world());
    lab.run();
    let (first, _) = lab.plan(&[(P, target("172.16.1.2"))]);
    let (second, _) = lab.plan(&[(Q, target("172.16.1.2"))]);
    lab.try_on_kernel(first);
    lab.engine.drained();
    // Sent before our write, read before its result.
    let stale = Event::Route { change: RouteChange::Added, route: foreign(Q, "172.16.1.9", 0), by: 9 };
    lab.engine.event(lab.now, stale);
    let (none, _) = lab.plan(&[("10.66.4.0/26", target("172.16.1.2"))]);
    assert!(none.is_empty(), "nothing is written on doubtful news: {none:?}");
    lab.try_on_kernel(second);
    lab.after(Duration::from_millis(20));
    assert_eq!(lab.state(Q), State::Installed);
    assert_eq!((lab.kernel.dumps(), lab.kernel.trespasses().len()), (2, 0));
}

#[test]
fn a_route_taken_away_again_before_the_result_of_its_writing_is_known_is_restored() {
    let mut lab = Lab::new(world());
    lab.run();
    lab.want(&[(P, target("172.16.1.2"))]);
    for _ in 0..2 {
        // As `ip route flush` does: it looks again, and deletes what has come back.
        lab.kernel.delete(net(P), |route| route.protocol == 12);
        lab.turn();
    }
    assert_eq!(lab.kernel.text(12), "", "deleted, written, and deleted");
    lab.run();
    lab.after(Duration::from_millis(20));
    assert_eq!(lab.kernel.text(12), format!("{P} via 172.16.1.2 dev eth0 proto bird\n"));
}

#[test]
fn a_far_end_taken_away_again_before_the_result_of_its_writing_is_known_is_restored() {
    let mut lab = super::far::vxlan_lab();
    lab.want(&[(super::far::FAR, target("172.16.2.3"))]);
    let entries = lab.kernel.far_ends();
    for _ in 0..2 {
        lab.kernel.far_ends().into_iter().for_each(|entry| lab.kernel.far_end(entry, false));
        lab.turn();
    }
    assert_eq!(lab.kernel.far_ends(), [], "deleted, written, and deleted");
    lab.run();
    lab.after(Duration::from_millis(20));
    assert_eq!(lab.kernel.far_ends(), entries);
}
