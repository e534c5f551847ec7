//! What is kept for a restart beside the control socket: truthful Forwarding bits (RFC 4724 §3) of a node without a
//! kernel route of its own, and files that are missing, damaged, on a full disk or on a read-only one.

use std::path::{Path, PathBuf};
use std::process::Command;

use roost_tests::{Bird2, Daemon, Lab, Netns, PATIENCE, Peer, Roost, RouteWatch, Speaker, until};

/// A mount of the test's own, gone when dropped.
struct Tmpfs(PathBuf);

impl Tmpfs {
    /// So small that a few files fill it.
    #[track_caller]
    fn mount(at: PathBuf) -> Tmpfs {
        std::fs::create_dir_all(&at).expect("the lab's folder can be written");
        run("mount", &["-t", "tmpfs", "-o", "size=64k", "roost-test", &at.display().to_string()]);
        Tmpfs(at)
    }

    #[track_caller]
    fn remount(&self, how: &str) {
        run("mount", &["-o", &format!("remount,{how}"), &self.0.display().to_string()]);
    }

    /// Leaves no octet free.
    #[track_caller]
    fn fill(&self) {
        let filler = std::fs::write(self.0.join("filler"), vec![0; 128 << 10]);
        assert_eq!(filler.expect_err("64 KiB hold no more").raw_os_error(), Some(libc::ENOSPC));
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("it was filled");
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}

#[track_caller]
fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// roost in `a`, all of whose routes are another program's; its peer is BIRD in `b`.
struct Node {
    a: Netns,
    b: Netns,
    roost: Daemon,
    bird: Daemon,
    files: Tmpfs,
    _lab: Lab,
}

const OTHERS_POOL: &str = "pools: [ { cidr: 10.65.0.0/16, install: false }, { cidr: \"fd65::/16\", install: false } ]";
const OUR_POOL: &str = "pools: [ { cidr: 10.65.0.0/16 }, { cidr: \"fd65::/16\", install: false } ]";
const B: &[&str] = &["10.65.1.0/26 via 10.9.0.1 dev eth0", "blackhole 10.65.2.0/26"];

impl Node {
    #[track_caller]
    fn converged(name: &str) -> Node {
        let lab = Lab::new(name);
        let (a, b) = (lab.netns("a"), lab.netns("b"));
        lab.wire((&a, "eth0"), (&b, "eth0"));
        let peer = |address: &str| Peer { both_families: true, ..Peer::new(address, 64512) };
        let one = Speaker::new("10.9.0.1/24", &["10.65.1.0/26", "fd65:1::/64"]).with_address6("fd09::1/64");
        let two = Speaker::new("10.9.0.2/24", &["10.65.2.0/26", "fd65:2::/64"]).with_address6("fd09::2/64");
        let (mut one, two) = (one.with_peer(peer("10.9.0.2")), two.with_peer(peer("10.9.0.1")));
        one.address_device(&a, "eth0");
        two.address_device(&b, "eth0");
        one.more = OTHERS_POOL.to_owned();
        let files = Tmpfs::mount(Daemon::socket(&a, "roost").parent().expect("a file").to_owned());
        let bird = Daemon::start(Bird2 { recover: true }, &b, &two.bird2());
        let roost = Daemon::start(Roost, &a, &one.roost(&a));
        let node = Node { a, b, roost, bird, files, _lab: lab };
        node.settled();
        node.notes("no routes: ipv4 ipv6\n");
        node
    }

    fn ran(&self) -> PathBuf {
        self.files.0.join("ctl.ran")
    }

    /// Waits until the file ends so.
    #[track_caller]
    fn notes(&self, end: &str) {
        until(&format!("the file says {end:?}"), PATIENCE, || {
            let text = std::fs::read_to_string(self.ran()).map_err(|error| error.to_string())?;
            if text.ends_with(end) && (end.is_empty() == text.is_empty()) { Ok(()) } else { Err(text) }
        });
    }

    /// Says so, with this reason.
    #[track_caller]
    fn not_ready(&self, reason: &str) {
        let status = self.roost.ask("show status");
        let reasons = status.lines().filter(|line| line.starts_with("  not ready"));
        assert!(reasons.into_iter().any(|line| line.contains(reason)), "{status}");
    }

    /// Waits until both daemons know all and nothing of a restart is under way.
    #[track_caller]
    fn settled(&self) {
        until("roost and BIRD have settled", PATIENCE, || {
            let ask = |daemon: &Daemon, what: &str| daemon.control(what).map_err(|error| format!("{error:#}"));
            let (peers, status) = (ask(&self.roost, "show peers --json")?, ask(&self.roost, "show status --json")?);
            let of_bird = ask(&self.bird, "show protocols all peer_0")?;
            let rows: serde_json::Value = serde_json::from_str(&peers).map_err(|error| error.to_string())?;
            let up = rows[0]["state"] == "established" && rows[0]["stale"] == 0 && status.contains("\"running\"");
            let waits = of_bird.contains("Neighbor graceful restart active") || !of_bird.contains("Established");
            if up && !waits { Ok(()) } else { Err(format!("{peers}{status}{of_bird}")) }
        });
        self.b.wait_for_routes(B, PATIENCE, || self.roost.log());
    }

    /// Kills roost, lets `meanwhile` happen, and starts it again. What the peer's kernel heard, and for which families BIRD
    /// was told that forwarding is preserved.
    #[track_caller]
    fn killed(&mut self, meanwhile: impl FnOnce(&Node)) -> (Vec<String>, String) {
        let watch = RouteWatch::start(&self.b);
        let mark = watch.mark();
        self.roost.kill_9();
        meanwhile(self);
        self.roost.launch();
        self.settled();
        (watch.since(mark).into_iter().map(|line| line.text).collect(), self.preserved())
    }

    fn preserved(&self) -> String {
        let all = self.bird.ask("show protocols all peer_0");
        let neighbor = all.split_once("Neighbor capabilities").map_or("", |(_, rest)| rest);
        let line = neighbor.lines().find_map(|line| line.trim().strip_prefix("AF preserved:"));
        line.map(str::trim).unwrap_or_default().to_owned()
    }

    #[track_caller]
    fn await_warning(&self, of: &str) {
        until(of, PATIENCE, || if self.warnings(of) > 0 { Ok(()) } else { Err(self.roost.log()) });
    }

    fn warnings(&self, of: &str) -> usize {
        self.roost.log().matches(of).count()
    }
}

const KEPT: &str = "ipv4 ipv6";
const CANNOT_NOTE: &str = "cannot note that roost runs";

/// RFC 4724 §3, §4.1
#[test]
fn a_node_without_kernel_routes_of_its_own_restarts_and_its_peer_s_kernel_is_silent() {
    let mut node = Node::converged("noroutes");
    assert!(node.a.routes("proto bird").is_empty() && node.a.routes6("proto bird").is_empty());
    for _ in 0..2 {
        assert_eq!(node.killed(|_| {}), (Vec::new(), KEPT.to_owned()), "{}", node.roost.log());
    }
    let watch = RouteWatch::start(&node.b);
    let mark = watch.mark();
    assert!(node.roost.stop().success());
    node.roost.launch();
    node.settled();
    assert_eq!((watch.since(mark).len(), node.preserved()), (0, KEPT.to_owned()));
}

/// RFC 4724 §3: what is not known is not said.
#[test]
fn without_a_file_that_says_so_forwarding_is_not_said_to_be_preserved() {
    let mut node = Node::converged("ranfile");
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 3] = [
        ("missing", |ran| std::fs::remove_file(ran).expect("it is there")),
        ("damaged", |ran| std::fs::write(ran, [0xff; 64]).expect("it can be written")),
        ("no file", |ran| {
            std::fs::remove_file(ran).expect("it is there");
            std::fs::create_dir(ran).expect("it can be made");
        }),
    ];
    for (warnings, (what, damage)) in damages.into_iter().enumerate() {
        assert_eq!(node.killed(|node| damage(&node.ran())).1, "", "{what}");
        assert_eq!(node.warnings("cannot tell what the last run had in the kernel"), warnings, "{what}");
        if what == "no file" {
            node.await_warning(CANNOT_NOTE);
            assert_eq!(node.warnings(CANNOT_NOTE), 1, "said once, and again when it has worked meanwhile");
            std::fs::remove_dir(node.ran()).expect("it is empty");
        }
        // The peer knows now, so the next restart is silent again.
        node.notes("no routes: ipv4 ipv6\n");
        assert_eq!(node.killed(|_| {}), (Vec::new(), KEPT.to_owned()), "{what}");
    }
}

/// RFC 4724 §3: routes come while the disk is full, are lost while roost is away, and nobody is told that they are there.
#[test]
fn on_a_full_disk_no_untruth_is_left_behind() {
    let mut node = Node::converged("fulldisk");
    node.files.fill();
    assert_eq!(node.killed(|_| {}), (Vec::new(), KEPT.to_owned()), "what it says is still true");
    assert!(
        node.roost
            .control("announce 10.65.1.64/26")
            .expect_err("it is full")
            .to_string()
            .contains("No space left on device")
    );
    node.files.empty();
    let config = std::fs::read_to_string(&node.roost.files().config).expect("a configuration");
    node.roost.write_config(&config.replace(OTHERS_POOL, OUR_POOL));
    node.files.fill();
    node.roost.signal(libc::SIGHUP);
    let ours = ["blackhole 10.65.1.0/26", "10.65.2.0/26 via 10.9.0.2 dev eth0"];
    node.a.wait_for_routes(&ours, PATIENCE, || node.roost.log());
    node.notes("");
    node.await_warning(CANNOT_NOTE);
    assert_eq!(node.warnings(CANNOT_NOTE), 1);
    let (_, preserved) = node.killed(|node| drop(node.a.ip("route flush proto bird")));
    assert_eq!(preserved, "");
    node.files.empty();
    node.notes("no routes: ipv6\n");
    assert!(!node.files.0.join("ctl.announced.new").exists() && !node.files.0.join("ctl.ran.new").exists());
    node.roost.ask("announce 10.65.1.64/26");
    node.roost.ask("withdraw 10.65.1.64/26");
    assert_eq!(node.killed(|_| {}).1, KEPT, "IPv4 has routes, IPv6 had none");
}

#[test]
fn a_disk_that_becomes_read_only_stops_nothing() {
    let mut node = Node::converged("readonly");
    node.roost.ask("announce 10.65.1.64/26");
    node.files.remount("ro");
    let error = node.roost.control("withdraw 10.65.1.64/26").expect_err("it is read-only").to_string();
    assert!(error.contains("Read-only file system") && error.contains("ctl.announced"), "{error}");
    node.await_warning(CANNOT_NOTE);
    node.files.remount("rw");
    node.roost.ask("withdraw 10.65.1.64/26");
    node.b.wait_for_routes(B, PATIENCE, || node.roost.log());
    assert_eq!(node.killed(|_| {}), (Vec::new(), KEPT.to_owned()));
    assert_eq!(node.warnings(CANNOT_NOTE), 1);
}

#[test]
fn a_node_with_a_damaged_list_of_announced_blocks_starts_says_so_and_keeps_what_is_announced_again() {
    let mut node = Node::converged("announcedfile");
    node.roost.ask("announce 10.65.1.64/26");
    node.roost.kill_9();
    let (list, aside) = (node.files.0.join("ctl.announced"), node.files.0.join("ctl.announced.damaged"));
    std::fs::write(&list, [0xff; 64]).expect("it can be written");
    node.roost.launch();
    node.settled();
    let events = node.roost.ask("show events --kind damaged");
    assert!(events.contains("ctl.announced.damaged now: the node is ready when its agents"), "{events}");
    assert_eq!(std::fs::read(&aside).expect("it is kept"), [0xff; 64]);
    node.not_ready("no owner has said since all that it announces");
    node.roost.ask("announce 10.65.1.64/26");
    node.roost.kill_9();
    node.roost.launch();
    let again = [B[0], "10.65.1.64/26 via 10.9.0.1 dev eth0", B[1]];
    node.b.wait_for_routes(&again, PATIENCE, || node.roost.log());
    assert!(node.roost.ask("show owners").contains("default"), "it is kept as ever");
    node.not_ready("`roost withdraw --all --owner OWNER`");
    assert_eq!(node.roost.ask("withdraw --all"), "10.65.1.64/26 withdrawn\ndefault is forgotten\n");
    until("it is ready", PATIENCE, || {
        let status = node.roost.ask("show status");
        if status.contains("ready          yes") { Ok(()) } else { Err(status) }
    });
    assert!(aside.exists(), "for whoever wants to look");
}
