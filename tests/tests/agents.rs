//! Agents that drive roost over its socket, and are killed: what they announce is right in the end, on the wire and in
//! the kernel, as BIRD and `ip route` show it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use roost_tests::wait::throughout;
use roost_tests::{Daemon, Kind, Lab, Netns, PATIENCE, Peer, Process, RouteWatch, Speaker, peers, until};
use serde_json::{Value, json};

/// The block of the configuration.
const CONFIGURED: &str = "10.255.0.0/26";

struct Setup {
    a: Netns,
    b: Netns,
    roost: Daemon,
    _bird: Daemon,
    _lab: Lab,
}

impl Setup {
    /// roost in `a`, BIRD in `b`.
    #[track_caller]
    fn new(name: &str) -> Setup {
        let lab = Lab::new(name);
        let (a, b) = (lab.netns("a"), lab.netns("b"));
        lab.wire((&a, "eth0"), (&b, "eth0"));
        let one = Speaker::new("10.9.0.1/24", &[CONFIGURED]).with_peer(Peer::new("10.9.0.2", 64512));
        let two = Speaker::new("10.9.0.2/24", &[]).with_peer(Peer::new("10.9.0.1", 64512));
        one.address_device(&a, "eth0");
        two.address_device(&b, "eth0");
        let bird = two.start(Kind::Bird2, &b);
        let roost = one.start(Kind::Roost, &a);
        Setup { a, b, roost, _bird: bird, _lab: lab }
    }

    /// Waits until BIRD's kernel has a route for each of these and nothing else, and roost's a blackhole for each block.
    #[track_caller]
    fn holds(&self, blocks: &BTreeSet<String>, services: &[&str]) {
        let services = services.iter().map(|&service| service.to_owned());
        let there: BTreeSet<String> = blocks.iter().cloned().chain(services).collect();
        until("BIRD has exactly what is announced", PATIENCE, || {
            differences(&there, &routes(&self.b, " via 10.9.0.1 dev eth0"))
        });
        until("roost's kernel has exactly the blocks", PATIENCE, || {
            let here = routes(&self.a, "");
            differences(blocks, &here.into_iter().map(|route| route.replacen("blackhole ", "", 1)).collect())
        });
    }

    /// What roost says that an owner announces.
    #[track_caller]
    fn owner(&self, name: &str) -> Value {
        self.curl("GET", &format!("owners/{name}"), None)
    }

    #[track_caller]
    fn curl(&self, method: &str, page: &str, body: Option<&Value>) -> Value {
        let url = format!("http://roost/v1/{page}");
        let mut curl = std::process::Command::new("curl");
        curl.args(["--silent", "--show-error", "--request", method, &url, "--unix-socket"]);
        curl.arg(&self.roost.files().socket);
        if let Some(body) = body {
            curl.args(["--header", "Content-Type: application/json", "--data", &body.to_string()]);
        }
        let output = curl.output().unwrap_or_else(|error| panic!("cannot run curl: {error}; type `tests/setup curl`"));
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{method} {url}: {error}: {text}{output:?}"))
    }
}

/// Routes of ours in a namespace without their common end.
fn routes(ns: &Netns, end: &str) -> BTreeSet<String> {
    ns.routes("proto bird").into_iter().map(|route| route.strip_suffix(end).unwrap_or(&route).to_owned()).collect()
}

/// A few of each kind, if there are any.
fn differences(wanted: &BTreeSet<String>, found: &BTreeSet<String>) -> Result<(), String> {
    let few = |left: &BTreeSet<String>, right: &BTreeSet<String>| -> Vec<String> {
        left.difference(right).take(5).cloned().collect()
    };
    if wanted == found {
        return Ok(());
    }
    let counts = format!("{} wanted, {} found", wanted.len(), found.len());
    Err(format!("{counts}; missing: {:?}; left over: {:?}", few(wanted, found), few(found, wanted)))
}

/// The example agent, one owner, as many lives as the test wants.
struct Agent {
    owner: &'static str,
    /// Its blocks: the first, and how many.
    blocks: (u32, u32),
    journal: PathBuf,
    socket: PathBuf,
    ns: Netns,
}

impl Agent {
    fn new(setup: &Setup, owner: &'static str, blocks: (u32, u32)) -> Agent {
        let journal = setup.a.dir().join(format!("{owner}.journal"));
        Agent { owner, blocks, journal, socket: setup.roost.files().socket.clone(), ns: setup.a.clone() }
    }

    /// Starts it: it says what is wanted, and then changes that so often.
    #[track_caller]
    fn start(&self, changes: usize) -> Process {
        let path = |path: &Path| path.display().to_string();
        let (first, count) = self.blocks;
        let mut args = vec![path(&self.socket), self.owner.to_owned(), path(&self.journal)];
        args.extend([first.to_string(), count.to_string(), changes.to_string()]);
        self.ns.spawn(&format!("agent-{}", self.owner), &peers::agent(), &args)
    }

    /// The same, and its end.
    #[track_caller]
    fn run(&self, changes: usize) {
        ends(&mut self.start(changes));
    }

    /// Lines of its journal.
    fn changes(&self) -> usize {
        std::fs::read(&self.journal).unwrap_or_default().iter().filter(|&&byte| byte == b'\n').count()
    }

    /// Waits until its journal has so many lines more, so that it is in the middle of its work.
    #[track_caller]
    fn works(&self, lines: usize) {
        let goal = self.changes() + lines;
        until("the agent works", PATIENCE, || {
            if self.changes() >= goal { Ok(()) } else { Err(format!("{} of {goal} lines", self.changes())) }
        });
    }

    /// What should be announced by its own record.
    fn wanted(&self) -> BTreeSet<String> {
        let text = std::fs::read_to_string(&self.journal).unwrap_or_default();
        let mut wanted = BTreeSet::new();
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            match line.split_at(1) {
                ("+", block) => wanted.insert(block.to_owned()),
                (_, block) => wanted.remove(block),
            };
        }
        wanted
    }
}

#[track_caller]
fn ends(agent: &mut Process) {
    let status = until("the agent ends", PATIENCE, || agent.ended().ok_or_else(|| "it runs".to_owned()));
    assert!(status.success(), "{status}: {}", agent.log());
}

#[test]
fn agents_that_are_killed_and_a_roost_that_is_killed_lose_nothing_and_leave_nothing_over() {
    let mut setup = Setup::new("agents");
    // Ten thousand blocks, of which a thousand are the other agent's, too.
    let (cni, other) = (Agent::new(&setup, "cni", (0, 10_000)), Agent::new(&setup, "other.agent", (9_000, 2_000)));
    let both = |configured: &str| -> BTreeSet<String> {
        let all = cni.wanted().into_iter().chain(other.wanted());
        all.chain([configured.to_owned()]).collect()
    };
    let (mut first, mut second) = (cni.start(10_000), other.start(10_000));
    for _ in 0..3 {
        cni.works(3_000);
        first.kill_9();
        first = cni.start(10_000);
    }
    setup.roost.kill_9();
    setup.roost.launch();
    cni.works(2_000);
    other.works(500);
    first.kill_9();
    second.kill_9();
    // Each has recorded a change that it may not have told: what the peers have is what was told, until they are back.
    let left = cni.wanted();
    assert!(left.len() > 1_000 && cni.changes() > 10_000, "{} of {} changes", left.len(), cni.changes());
    assert!(both("x").len() < left.len() + other.wanted().len() + 1, "some blocks are both's");
    // Left over by an agent that did not know of it any more.
    setup.roost.ask("announce --owner cni 10.254.0.0/26");
    cni.run(0);
    other.run(0);
    setup.holds(&both(CONFIGURED), &[]);
    for agent in [&cni, &other] {
        let said: BTreeSet<String> =
            serde_json::from_value(setup.owner(agent.owner)["prefixes"].clone()).expect("a list");
        assert_eq!(differences(&agent.wanted(), &said), Ok(()), "{}", agent.owner);
    }

    // One takes everything away, and the other's stays, also what was both's.
    let done = setup.curl("DELETE", "owners/cni", None);
    assert_eq!(done["withdrawn"].as_array().map(Vec::len), Some(left.len()), "{}", done["withdrawn"]);
    let theirs: BTreeSet<String> = other.wanted().into_iter().chain([CONFIGURED.to_owned()]).collect();
    setup.holds(&theirs, &[]);
    setup.roost.kill_9();
    setup.roost.launch();
    setup.holds(&theirs, &[]);
}

#[test]
fn a_service_is_announced_and_stays_out_of_the_kernel() {
    let mut setup = Setup::new("services");
    let put = json!({ "prefixes": ["10.0.0.0/26"], "services": ["10.96.0.10", "10.97.0.0/24"] });
    let done = setup.curl("PUT", "owners/lb", Some(&put));
    assert_eq!(done["announced"], json!(["10.0.0.0/26", "10.96.0.10/32", "10.97.0.0/24"]), "{done}");
    let blocks = BTreeSet::from([CONFIGURED.to_owned(), "10.0.0.0/26".to_owned()]);
    let services = ["10.96.0.10", "10.97.0.0/24"];
    setup.holds(&blocks, &services);
    setup.roost.kill_9();
    setup.roost.launch();
    setup.holds(&blocks, &services);
    let wrong = json!({ "announce": ["10.1.0.0/26"], "withdraw": ["10.97.0.0/24", CONFIGURED] });
    let problem = setup.curl("PATCH", "owners/lb", Some(&wrong));
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(detail.starts_with("10.255.0.0/26 is a block of the configuration (node.blocks)"), "{problem}");
    setup.holds(&blocks, &services);
    assert_eq!(setup.roost.ask("announce --owner other --service 10.96.0.10"), "10.96.0.10/32 announced\n");
    assert_eq!(
        setup.roost.ask("withdraw --owner lb 10.96.0.10 10.97.0.0/24"),
        "10.96.0.10/32 withdrawn; it stays announced by other\n10.97.0.0/24 withdrawn\n"
    );
    setup.holds(&blocks, &services[..1]);
    let rows = setup.roost.ask("show owners");
    assert!(rows.contains("lb ") && rows.contains("other "), "{rows}");
}

#[test]
fn what_an_owner_announces_goes_with_its_lease_or_stays_as_it_has_chosen() {
    let mut setup = Setup::new("leases");
    let put = |owner: &str, block: &str, seconds: u32, then: &str| {
        let body = json!({ "prefixes": [block], "lease": { "seconds": seconds, "then": then } });
        let done = setup.curl("PUT", &format!("owners/{owner}"), Some(&body));
        assert_eq!(done["announced"], json!([block]), "{done}");
    };
    let blocks = |blocks: &[&str]| blocks.iter().chain(&[CONFIGURED]).map(|&block| block.to_owned()).collect();
    put("goes", "10.1.0.0/26", 5, "withdraw");
    put("stays", "10.2.0.0/26", 1, "keep");
    // Its heartbeat, for longer than its lease.
    throughout("a lease that is renewed goes on", Duration::from_secs(7), || {
        let done = setup.curl("PATCH", "owners/goes", Some(&json!({})));
        assert_eq!(done["unchanged"], 0, "{done}");
        setup.holds(&blocks(&["10.1.0.0/26", "10.2.0.0/26"]), &[]);
        std::thread::sleep(Duration::from_secs(1));
        let rows = setup.roost.ask("show owners");
        if rows.contains("goes") { Ok(()) } else { Err(rows) }
    });
    let rows = setup.roost.ask("show owners");
    assert!(rows.contains("of 1s is over; its routes are kept"), "{rows}");
    setup.holds(&blocks(&["10.2.0.0/26"]), &[]);
    assert_eq!(setup.owner("goes")["status"], 404);
    let problem = setup.curl("PATCH", "owners/goes", Some(&json!({})));
    assert_eq!(problem["status"], 404, "a heartbeat that comes too late is told so: {problem}");

    // A start begins it anew: an agent that has only waited for roost keeps its routes.
    let watch = RouteWatch::start(&setup.b);
    let mark = watch.mark();
    put("goes", "10.1.0.0/26", 3, "withdraw");
    setup.roost.kill_9();
    std::thread::sleep(Duration::from_secs(3));
    let start = Instant::now();
    setup.roost.launch();
    let gone = watch.wait_for("the lease's end", mark, PATIENCE, |line| line.starts_with("Deleted 10.1.0.0/26"));
    let held = gone.at.saturating_duration_since(start);
    assert!(held >= Duration::from_secs(3), "{held:?} after the start");
    setup.holds(&blocks(&["10.2.0.0/26"]), &[]);
}

#[test]
fn a_hundred_thousand_blocks_are_put_in_one_request_and_withdrawn_in_another() {
    let setup = Setup::new("manyblocks");
    let blocks: Vec<String> =
        (0..100_000u32).map(|n| format!("{}/28", std::net::Ipv4Addr::from_bits(0x0b00_0000 + (n << 4)))).collect();
    let body = setup.a.dir().join("body.json");
    std::fs::write(&body, json!({ "services": blocks }).to_string()).expect("a file");
    let answer = |name: &str| setup.a.dir().join(name).display().to_string();
    let put = |body: &str, to: &str| {
        setup.a.run(&format!(
            "curl --silent --fail-with-body --unix-socket {} --request PUT http://roost/v1/owners/many \
             --header Content-Type:application/json --data-binary {body} --output {to}",
            setup.roost.files().socket.display()
        ));
        let text = std::fs::read_to_string(to).expect("an answer");
        serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    };
    let done = put(&format!("@{}", body.display()), &answer("put"));
    assert_eq!(done["announced"].as_array().map(Vec::len), Some(100_000));
    until("BIRD has them all", PATIENCE, || {
        let count = setup.b.routes("proto bird").len();
        if count == 100_001 { Ok(()) } else { Err(format!("{count} routes")) }
    });
    let done = put(&format!("@{}", body.display()), &answer("again"));
    assert_eq!((&done["unchanged"], done["announced"].as_array().map(Vec::len)), (&json!(100_000), Some(0)));
    let done = put("{}", &answer("none"));
    assert_eq!(done["withdrawn"].as_array().map(Vec::len), Some(100_000));
    until("BIRD has one", PATIENCE, || {
        let count = setup.b.routes("proto bird").len();
        if count == 1 { Ok(()) } else { Err(format!("{count} routes")) }
    });
}
