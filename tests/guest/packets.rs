//! Packets on their way: what the router sees of them, how large they may be, and streams of which none may be missing.

use std::path::Path;

use roost_tests::watch::Mark;
use roost_tests::{Lines, until};

use crate::mesh::{Mesh, PATIENCE, pod};

/// What tcpdump with these options on the router says of the packets of n1 that match `filter` while `work` is done: the
/// lines with addresses, and those that name protocol 4.
///
/// At the end n1 pings the router itself, and when that is seen, all before has been.
#[track_caller]
pub fn seen_by_router(mesh: &Mesh, options: &str, filter: &str, work: impl FnOnce()) -> Vec<String> {
    const MARK: &str = "172.16.1.1 > 172.16.1.254: ICMP echo request";
    let filter = format!("({filter}) or (icmp and dst 172.16.1.254)");
    let mut args: Vec<String> =
        format!("-n -t -l --immediate-mode -Z root -i lan1 {options}").split_whitespace().map(str::to_owned).collect();
    args.push(filter);
    let _earlier = std::fs::remove_file(mesh.router.dir().join("tcpdump.log"));
    let mut capture = mesh.router.spawn("tcpdump", Path::new("tcpdump"), &args);
    let mut wait_for = |what: &str| {
        until(what, PATIENCE, || {
            let (ended, log) = (capture.ended(), capture.log());
            assert!(ended.is_none(), "tcpdump ended: {log}");
            if log.contains(what) { Ok(log) } else { Err(log) }
        })
    };
    wait_for("listening on lan1");
    work();
    mesh.nodes[0].ns.run("ping -n -c 1 -W 60 172.16.1.254");
    let log = wait_for(MARK);
    let of_interest = |line: &&str| (line.contains(" > ") && !line.contains("172.16.1.254")) || line.contains("IPIP");
    log.lines().map(str::trim).filter(of_interest).map(str::to_owned).collect()
}

/// A packet from the pod of n1 to the pod of n3 passes whole with `largest` octets, and not with one more.
#[track_caller]
pub fn largest_packet(mesh: &Mesh, pool: u8, largest: u32) {
    const HEADERS: u32 = 28; // IP and ICMP
    let ping = |size: u32| {
        let payload = size - HEADERS;
        let mut ping = mesh.nodes[0].pod.command("ping");
        ping.args(format!("-n -c 1 -W 30 -M do -s {payload} -I {} {}", pod(pool, 1), pod(pool, 3)).split(' '));
        let output = ping.output().expect("ping runs");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let said = ping(largest);
    assert!(said.contains(" 1 received"), "{largest} octets: {said}");
    let said = ping(largest + 1);
    assert!(
        said.contains(&format!("mtu = {largest}")) && said.contains(" 0 received"),
        "{} octets: {said}",
        largest + 1
    );
}

/// Three packets from the pod of n1 to the one of n3, each after the last was answered: of several at once, ping waits for the
/// answer to the last no longer than the others took.
#[track_caller]
pub fn ping_n3(mesh: &Mesh, pool: u8) {
    for _ in 0..3 {
        mesh.nodes[0].pod.run(&format!("ping -n -c 1 -W 60 -I {} {}", pod(pool, 1), pod(pool, 3)));
    }
}

/// The roost of n1 is killed and started again, and between the pods of n1 and n3 every packet arrives in these pools.
#[track_caller]
pub fn restart_without_loss(mesh: &mut Mesh, pools: &[u8]) {
    let streams: Vec<Pings> = pools.iter().map(|pool| Pings::start(mesh, *pool)).collect();
    let node = &mut mesh.nodes[0];
    until("the mesh is settled", PATIENCE, || node.settled());
    node.roost.kill_9();
    node.roost.launch();
    until("n1 has heard all again", PATIENCE, || node.settled());
    node.holds(&node.wanted());
    streams.into_iter().for_each(Pings::have_lost_nothing);
}

/// Pings from the pod of n1 to the one of n3 until they are asked for the result. Not the lab's stream of a packet each millisecond: that is
/// more than an emulated processor forwards.
pub struct Pings {
    lines: Lines,
    start: Mark,
    to: String,
}

impl Pings {
    #[track_caller]
    pub fn start(mesh: &Mesh, pool: u8) -> Pings {
        let (from, to) = (pod(pool, 1), pod(pool, 3));
        let mut ping = mesh.nodes[0].pod.command("ping");
        ping.args(["-n", "-i", "0.02", "-I", &from, &to]);
        let lines = Lines::start(ping);
        let start = lines.mark();
        assert!(lines.wait_for(start, PATIENCE, |line| sequence(line).is_some()).is_some(), "{to} does not answer");
        Pings { lines, start, to }
    }

    /// Every packet until now was answered, and so is one of those sent from now on.
    #[track_caller]
    pub fn have_lost_nothing(self) {
        let Pings { lines, start, to } = self;
        let now = lines.mark();
        assert!(lines.wait_for(now, PATIENCE, |line| sequence(line).is_some()).is_some(), "{to} answers no more");
        let answers: Vec<u32> = lines.since(start).iter().filter_map(|line| sequence(&line.text)).collect();
        let holes: Vec<&[u32]> = answers.windows(2).filter(|pair| pair[0] + 1 != pair[1]).collect();
        assert!(
            answers.len() > 10 && holes.is_empty(),
            "of {} packets to {to} these are missing: {holes:?}",
            answers.len()
        );
    }
}

/// `64 bytes from 10.66.2.1: icmp_seq=17 ttl=64 time=0.05 ms`
fn sequence(line: &str) -> Option<u32> {
    line.split_once("icmp_seq=")?.1.split(' ').next()?.parse().ok()
}
