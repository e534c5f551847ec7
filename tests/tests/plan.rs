//! `roost plan` against what then happens, by the peers' own word, by the table and by the kernel.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "plan/exports.rs"]
mod exports;
#[path = "battery/harness/mod.rs"]
mod harness;
#[path = "plan/kernel.rs"]
mod kernel;

use std::collections::{BTreeMap, BTreeSet};

use harness::{Event, Neighbor, Open, Peer, Roost, Setup};
use roost_tests::{Lab, Netns};
use serde_json::Value;

const PREFIX: &str = "192.168.7.0/24";

/// Where packets to each prefix go: next hops in order, or `local`.
type Ways = BTreeMap<String, String>;

impl Roost {
    fn ways(&self) -> Ways {
        let table = self.page("/v1/routes");
        let rows = table.as_array().unwrap().iter().filter(|row| row["best"] == true || row["multipath"] == true);
        let mut ways: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for row in rows {
            let way = row["next_hop"].as_str().unwrap_or("local");
            ways.entry(row["prefix"].as_str().unwrap().to_owned()).or_default().push(way);
        }
        ways.retain(|prefix, _| !harness::is_marker(prefix));
        ways.into_iter().map(|(prefix, ways)| (prefix, in_order(ways))).collect()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.command(arguments).unwrap()).unwrap()
    }

    /// What the file that it has now would do.
    fn plan(&self) -> Value {
        self.json(&["plan", self.file().to_str().unwrap(), "--json"])
    }
}

fn in_order(mut ways: Vec<&str>) -> String {
    ways.sort_unstable();
    ways.join(", ")
}

/// A row of the plan's routes.
#[derive(Debug)]
struct Fate {
    prefix: String,
    before: Option<String>,
    after: Option<String>,
    for_a_moment: bool,
    unless_new: bool,
}

fn fates(plan: &Value) -> Vec<Fate> {
    let text = |row: &Value, key: &str| row[key].as_str().map(str::to_owned);
    let rows = plan["routes"].as_array().unwrap().iter().map(|row| Fate {
        prefix: text(row, "prefix").unwrap(),
        before: text(row, "before").map(|ways| in_order(ways.split(", ").collect())),
        after: text(row, "after").map(|ways| in_order(ways.split(", ").collect())),
        for_a_moment: row["for_a_moment"] == true,
        unless_new: row["unless_new"] == true,
    });
    // The harness has prefixes of its own, and leaves them out.
    rows.filter(|fate| !harness::is_marker(&fate.prefix)).collect()
}

/// Small numbers, from a seed that a failure prints.
struct Random(u64);

impl Random {
    /// xorshift64*
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % limit
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// Five peers, of which some are missing, with any settings; a peer that `before` has not lets in all it is told.
fn any_neighbors(random: &mut Random, before: Option<&[Neighbor]>) -> Vec<Neighbor> {
    let keys = [
        "description: x",
        "add_path: { receive: true }",
        "hold_time: 30s",
        "enabled: false",
        "export: reject",
        "import: reject",
        "import: weighed",
        "import: some",
        "families: [ipv4, ipv6]",
    ];
    let neighbor = |number: usize| {
        let plain = Neighbor::ebgp(65001 + number as u32);
        let with_any = |neighbor: Neighbor, key: &&str| if random.one_in(6) { neighbor.with(key) } else { neighbor };
        let neighbor = keys.iter().fold(plain.clone(), with_any);
        let neighbor = if before.is_some_and(|before| before[number].is_missing()) { plain } else { neighbor };
        if random.one_in(4) { neighbor.missing() } else { neighbor }
    };
    (0..5).map(neighbor).collect()
}

/// Those peers, policies that do not always say the same, and some blocks.
fn any_setup(neighbors: Vec<Neighbor>, random: &mut Random) -> Setup {
    let blocks: Vec<_> = ["10.65.1.0/26", "10.65.2.0/26"].into_iter().filter(|_| random.one_in(2)).collect();
    let (preference, barred) = ([50, 100, 200][random.below(3) as usize], random.below(5));
    let policies = format!(
        "prefix_lists:
  all: [{{ prefix: {PREFIX} }}]
  barred: [{{ prefix: 192.168.{barred}.0/24 }}, {{ prefix: 10.65.1.0/26 }}]
policies:
  weighed:
    rules: [{{ match: {{ prefix_list: all }}, set: {{ local_pref: {preference} }}, action: accept }}]
    default: accept
  some:
    rules: [{{ match: {{ prefix_list: barred }}, action: reject }}]
    default: accept
"
    );
    Setup::with(neighbors).blocks(&blocks).kernel(&kernel::any_settings(random)).more(&policies)
}

/// What a peer announces: a prefix of its own, one that all of them do, and a block of ours.
fn announce(peer: &mut Peer, roost: &Roost) {
    let own = format!("192.168.{}.0/24", peer.number);
    peer.update(&peer.route(&[&own, PREFIX, "10.65.1.0/26"])).settle(roost);
}

/// Random pairs of configurations on a living roost with living peers: policies, replaced peers, blocks, pools. The plan
/// says which sessions end, and the peers see it; it says what becomes of routes, at once and when peers that are reset are
/// back, and the table and the kernel show it.
#[test]
fn the_plan_is_what_then_happens() {
    let lab = Lab::new("plan");
    let node = kernel::node(&lab);
    node.enter(|| random_pairs(&node));
}

#[expect(clippy::print_stdout, reason = "for whoever reads a failure")]
fn random_pairs(node: &Netns) {
    let mut seen = Seen::default();
    for seed in 1..=24_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let now = any_neighbors(&mut random, None);
        let next = any_neighbors(&mut random, Some(&now));
        let (now, next) = (any_setup(now, &mut random), any_setup(next, &mut random));
        println!("seed {seed}: {now:?}\n→ {next:?}");
        the_plan_is_kept(node, now, next, &mut seen);
        kernel::clean(node);
    }
    println!("{seen:?}");
    let Seen { lasting, for_a_moment, by_new_ones, ended, kernel, told } = seen;
    assert!(
        [lasting, for_a_moment, by_new_ones, ended, kernel, told].iter().all(|count| *count >= 3),
        "too little to see"
    );
}

/// What there was to see: routes, and sessions.
#[derive(Debug, Default)]
struct Seen {
    lasting: usize,
    for_a_moment: usize,
    by_new_ones: usize,
    ended: usize,
    /// Of the kernel.
    kernel: usize,
    /// Peers that are told something else.
    told: usize,
}

#[expect(clippy::print_stdout, reason = "for whoever reads a failure")]
fn the_plan_is_kept(node: &Netns, now: Setup, next: Setup, seen: &mut Seen) {
    let (old, new) = (now.neighbors().to_vec(), next.neighbors().to_vec());
    let mut roost = now.start();
    let mut peers: BTreeMap<usize, Peer> = BTreeMap::new();
    for number in (0..old.len()).filter(|number| old[*number].is_enabled()) {
        let mut peer = roost.peer(number);
        announce(&mut peer, &roost);
        peers.insert(number, peer);
    }
    kernel::await_rest(&roost);
    let before = roost.ways();
    let held = kernel::routes(node);
    let told: BTreeMap<_, _> = peers.iter_mut().map(|(number, peer)| (*number, exports::told(peer))).collect();
    roost.rewrite(next);
    let plan = roost.plan();
    println!("{plan:#}");
    let in_kernel = kernel::fates(&plan);
    for fate in &in_kernel {
        assert_eq!(held.get(&fate.prefix).cloned().unwrap_or_default(), fate.before, "{fate:?}");
    }
    let done = roost.json(&["reload", "--json"]);
    let fates = fates(&plan);
    for fate in &fates {
        assert_eq!(before.get(&fate.prefix), fate.before.as_ref(), "{fate:?}");
    }
    same_steps(&plan, &done);

    // The peers' own word: a NOTIFICATION where the plan says that the session ends, and silence elsewhere.
    let (mut reset, mut ended) = (Vec::new(), BTreeSet::new());
    for (number, peer) in &mut peers {
        let name = roost.name(*number);
        let step = plan["steps"].as_array().unwrap().iter().find(|step| step["peer"] == name);
        match step {
            Some(step) if stays_for_now(step) => {}
            Some(step) if step["ends"] == true => {
                expect_cease(peer);
                seen.ended += 1;
                ended.insert(*number);
                reset.extend((step["session"] == "resets").then_some(*number));
            }
            _ => {
                let about = roost.about(*number);
                assert_eq!(
                    (&about["state"], &about["established_count"]),
                    (&"established".into(), &1.into()),
                    "{about}"
                );
            }
        }
    }
    let replaced = plan["steps"].as_array().unwrap().iter().any(stays_for_now);
    if !replaced {
        let lasting: BTreeSet<_> = fates.iter().filter(|fate| !fate.for_a_moment).map(|fate| &fate.prefix).collect();
        // What lasts may fare differently while a peer is away.
        let settled = |prefix: &str| reset.is_empty() || !lasting.iter().any(|other| *other == prefix);
        roost.await_ways("what the plan says of the moment", &fates, &before, settled, |fate| fate.after.clone());
        let lasting: BTreeSet<_> =
            in_kernel.iter().filter(|fate| !fate.for_a_moment).map(|fate| &fate.prefix).collect();
        let settled = |prefix: &str| reset.is_empty() || !lasting.iter().any(|other| *other == prefix);
        let after = |fate: &kernel::Fate| fate.after.clone();
        kernel::await_routes("the kernel's routes of the moment", node, &in_kernel, &held, settled, after);
    }
    let stay = |number: &usize| !ended.contains(number);
    let mut of_the_moment = BTreeMap::new();
    for (number, peer) in peers.iter_mut().filter(|(number, _)| !reset.is_empty() && stay(number)) {
        of_the_moment.insert(*number, exports::told(peer));
    }
    for number in reset {
        let open = Open::new(65001 + number as u32).id(Roost::peer_id(number));
        let mut peer = roost.connect_again(number, open);
        announce(&mut peer, &roost);
        peers.insert(number, peer);
    }
    // Also those of the harness.
    let rows = plan["routes"].as_array().unwrap().iter().filter(|row| row["unless_new"] == true);
    let unless_new: Vec<_> = rows.filter_map(|row| row["prefix"].as_str()).collect();
    let mut by_new = Vec::new();
    for number in (0..new.len()).filter(|number| replaced && new[*number].is_enabled() && old[*number].is_missing()) {
        // The new ones announce what would vanish. Then the old ones go, as all of it has another way.
        let mut peer = roost.peer(number);
        if !unless_new.is_empty() {
            peer.update(&peer.route(&unless_new));
        }
        peer.update(&harness::Update::new()).settle(&roost);
        by_new.push(format!("192.0.2.{}", 10 + number));
        peers.insert(number, peer);
    }
    // They are as good as each other.
    let by_new = (!by_new.is_empty()).then(|| in_order(by_new.iter().map(String::as_str).collect()));
    roost.await_ways(
        "what the plan says of the end",
        &fates,
        &before,
        |_| true,
        |fate| {
            if fate.for_a_moment {
                fate.before.clone()
            } else {
                fate.after.clone().or(by_new.clone().filter(|_| fate.unless_new))
            }
        },
    );
    // What new peers announce is told to the others, which nobody could know.
    for (number, peer) in peers.iter_mut().filter(|(number, _)| !replaced && stay(number)) {
        let counts = exports::counts(&told[number], of_the_moment.get(number), &exports::told(peer));
        assert_eq!(exports::said(&plan, &roost.name(*number)), counts, "peer {number}: {:#?}", told[number]);
        seen.told += usize::from(counts != [0; 4]);
    }
    // By whom a new peer's announcement leads nobody could know.
    let known = |prefix: &str| !unless_new.contains(&prefix);
    let at_last = |fate: &kernel::Fate| if fate.for_a_moment { fate.before.clone() } else { fate.after.clone() };
    kernel::await_routes("the kernel's routes of the end", node, &in_kernel, &held, known, at_last);
    seen.kernel += in_kernel.len();
    seen.for_a_moment += fates.iter().filter(|fate| fate.for_a_moment).count();
    seen.lasting += fates.iter().filter(|fate| !fate.for_a_moment).count();
    seen.by_new_ones += if by_new.is_some() { unless_new.len() } else { 0 };
}

impl Roost {
    /// Waits until the way of each prefix is the one before, or what is said of its fate.
    #[track_caller]
    fn await_ways(
        &self,
        what: &str,
        fates: &[Fate],
        before: &Ways,
        settled: impl Fn(&str) -> bool,
        then: impl Fn(&Fate) -> Option<String>,
    ) {
        let mut expected = before.clone();
        for fate in fates {
            match then(fate) {
                Some(way) => expected.insert(fate.prefix.clone(), way),
                None => expected.remove(&fate.prefix),
            };
        }
        expected.retain(|prefix, _| settled(prefix));
        roost_tests::until(what, harness::PATIENCE, || {
            let mut ways = self.ways();
            ways.retain(|prefix, _| settled(prefix));
            if ways == expected { Ok(()) } else { Err(format!("expected {expected:#?}\nfound {ways:#?}")) }
        });
    }
}

/// The steps that were announced are those that were done, and the same sessions ended.
fn same_steps(plan: &Value, done: &Value) {
    let steps = |answer: &Value| answer["steps"].as_array().unwrap().clone();
    assert_eq!(steps(plan).len(), steps(done).len());
    for (planned, step) in steps(plan).iter().zip(&steps(done)) {
        assert_eq!(planned["text"], step["text"]);
        assert!(planned["ends"] == step["ends"] || stays_for_now(planned), "planned {planned}, done {step}");
    }
    assert_eq!(plan["needs_restart"], done["needs_restart"]);
}

/// Who goes while others come stays until they have taken over, and its end is only announced.
fn stays_for_now(step: &Value) -> bool {
    step["text"].as_str().is_some_and(|text| text.contains("its session ends when"))
}

#[track_caller]
fn expect_cease(peer: &mut Peer) {
    loop {
        match peer.next(harness::PATIENCE) {
            Event::Message(3, body) => return assert_eq!(body[0], 6, "a Cease"),
            Event::Message(..) => {}
            other => panic!("peer {} saw {other:02x?}", peer.number),
        }
    }
}

#[test]
fn routes_beyond_the_limit_are_counted() {
    let lab = Lab::new("planlimit");
    let node = kernel::node(&lab);
    node.enter(|| {
        let peer = || Neighbor::ebgp(65001);
        let limited = |max: usize| Setup::with([peer()]).kernel(&format!("fib: {{ max_routes: {max} }}\n"));
        let mut roost = limited(9).blocks(&["10.65.1.0/26"]).start();
        let mut peer = roost.peer(0);
        peer.update(&peer.route(&["192.168.1.0/24", "192.168.2.0/24", "192.168.3.0/24"])).settle(&roost);
        kernel::await_rest(&roost);
        // The one of the harness is the fourth; the block is none.
        for (now, max, then) in [(0, 3, 1), (1, 1, 3), (3, 9, 0)] {
            roost.rewrite(limited(max).blocks(&["10.65.1.0/26"]));
            let plan = roost.plan();
            assert_eq!(plan["kernel"]["over_limit"], then, "{plan:#}");
            let said = plan["unknown"].to_string();
            let words = format!("fib.max_routes is {max}: {then} learned routes would wait for a place, {now} do now");
            assert!(said.contains(&words), "{said}");
            roost.json(&["reload", "--json"]);
            roost_tests::until("so many wait", harness::PATIENCE, || {
                let waiting = &roost.page("/v1/status")["fib"]["over_limit"];
                if *waiting == then { Ok(()) } else { Err(waiting.to_string()) }
            });
        }
    });
}

#[test]
fn a_policy_lets_in_and_keeps_out_and_what_nobody_knows_is_said() {
    let weighed = "policies: { weighed: { rules: [{ set: { local_pref: 200 }, action: accept }] } }\n";
    let [one, two] = [|| Neighbor::ebgp(65001), || Neighbor::ebgp(65002)];
    let mut roost = Setup::with([one(), two().with("import: reject")]).start();
    let mut peers = [0, 1].map(|number| roost.peer(number));
    peers.iter_mut().for_each(|peer| announce(peer, &roost));
    roost.rewrite(
        Setup::with([one().with("export: reject"), two().with("import: weighed"), Neighbor::ebgp(65003)]).more(weighed),
    );
    let said = roost.command(&["plan", roost.file().to_str().unwrap()]).unwrap();
    for part in [
        "192.168.1.0/24 none → via 192.0.2.11\n",
        "192.168.7.0/24 via 192.0.2.10 → via 192.0.2.11\n",
        &format!("not known: {}: new, so what it announces", roost.name(2)),
        &format!("peers that would be told something else: 1\n  {}: 2 withdrawn\n", roost.name(1)),
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
