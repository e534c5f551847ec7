//! `roost watch` beside BIRD 2 and a real kernel: what a route goes through is told in order, over an interruption nothing
//! of it is missed, and a restart of roost is told, too.

use std::process::Command;

use roost_tests::{Daemon, Kind, Lab, Lines, PATIENCE, Peer, Speaker, peers, until};
use serde_json::Value;

const PREFIX: &str = "10.65.2.0/26";

fn watch(roost: &Daemon, arguments: &[&str]) -> Lines {
    let mut command = Command::new(peers::roost());
    command.arg("--socket").arg(&roost.files().socket).args(["watch", "--json"]).args(arguments);
    Lines::start(command)
}

/// Reads lines until one is as `last` wants it: each as a few words, and the token of the last.
fn words(watch: &Lines, last: &str) -> (Vec<String>, String) {
    let (mut words, mut token) = (Vec::new(), String::new());
    let found = watch.wait_for(watch.begin(), PATIENCE, |line| {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let text = |at: &str| line.pointer(at).and_then(Value::as_str).unwrap_or("none").to_owned();
        let word = match text("/what").as_str() {
            "route" => format!("route {} from {}", text("/prefix"), text("/paths/0/from")),
            "fib" => format!("fib {} {}", text("/prefix"), text("/row/state")),
            "peer" => format!("peer {} {}", text("/peer"), text("/row/state")),
            "event" => format!("event {} {}", text("/event/kind"), text("/event/subject")),
            what => what.to_owned(),
        };
        token = text("/token");
        words.push(word.clone());
        word == last
    });
    assert!(found.is_some(), "waited for {last:?}; seen: {words:?}");
    (words, token)
}

#[test]
fn a_route_is_seen_to_come_be_installed_and_go_and_nothing_is_missed_meanwhile() {
    let lab = Lab::new("watch");
    let (a, b) = (lab.netns("a"), lab.netns("b"));
    lab.wire((&a, "eth0"), (&b, "eth0"));
    let one = Speaker::new("10.9.0.1/24", &["10.65.1.0/26"]).with_peer(Peer::new("10.9.0.2", 64512));
    let mut two = Speaker::new("10.9.0.2/24", &[PREFIX]).with_peer(Peer::new("10.9.0.1", 64512));
    one.address_device(&a, "eth0");
    two.address_device(&b, "eth0");
    let mut roost = one.start(Kind::Roost, &a);
    let first = watch(&roost, &["--prefix", PREFIX]);
    words(&first, "synced");
    let mut bird = two.start(Kind::Bird2, &b);
    let (seen, token) = words(&first, &format!("fib {PREFIX} installed"));
    let order: Vec<_> = seen.iter().filter(|word| !word.ends_with("pending")).cloned().collect();
    assert_eq!(order[..2], ["synced".to_owned(), format!("route {PREFIX} from 10.9.0.2")], "{seen:?}");
    assert_eq!(a.routes(&format!("{PREFIX} proto bird")).len(), 1, "what is told is so");
    drop(first);

    // While nobody watches, the block goes and another one comes.
    two.blocks = vec!["10.65.3.0/26".to_owned()];
    bird.write_config(&two.bird2());
    bird.ask("configure");
    until("the block is gone and the other one there", PATIENCE, || {
        let routes = a.routes("proto bird");
        let there = |prefix: &str| routes.iter().any(|route| route.starts_with(prefix));
        if there("10.65.3.0/26") && !there(PREFIX) { Ok(()) } else { Err(format!("{routes:?}")) }
    });
    let second = watch(&roost, &["--from", &token, "routes", "fib", "peers", "events"]);
    // Either may come first.
    let (gone, installed) = (format!("fib {PREFIX} none"), "fib 10.65.3.0/26 installed");
    let seen = [&gone, installed].map(|last| words(&second, last).0).into_iter().max_by_key(Vec::len).expect("two");
    let place = |word: String| seen.iter().position(|seen| *seen == word).unwrap_or_else(|| panic!("{word}: {seen:?}"));
    assert_eq!(place("synced".to_owned()), 0, "{seen:?}");
    assert!(place(format!("route {PREFIX} from none")) < place(gone), "{seen:?}");
    assert!(place("route 10.65.3.0/26 from 10.9.0.2".to_owned()) < place(installed.to_owned()), "{seen:?}");

    // A route is deleted by hand, and a file with a mistake is refused.
    a.ip("route del 10.65.3.0/26 proto bird");
    words(&second, "event repair 10.65.3.0/26");
    roost.write_config("router: { asm: 64512 }");
    assert!(roost.control("reload").is_err());
    words(&second, "event reload-refused none");
    roost.write_config(&one.roost(&a));

    // The peer goes: an event, and another state.
    bird.kill_9();
    let (seen, _) = words(&second, "peer 10.9.0.2 active");
    assert!(seen.contains(&"event peer-down 10.9.0.2".to_owned()), "{seen:?}");
    assert!(!seen.contains(&"resync".to_owned()), "{seen:?}");
    let table = roost.ask("show events --peer 10.9.0.2");
    let kinds: Vec<_> = table.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(kinds, ["peer-up", "peer-down"], "{table}");

    // roost is killed and comes back: the watch goes on with all there is.
    let mark = second.mark();
    roost.kill_9();
    roost.launch();
    let told = second.wait_for(mark, PATIENCE, |line| line.contains("\"resync\""));
    let told = told.unwrap_or_else(|| panic!("{:?}", second.since(mark)));
    assert!(told.text.contains("another run of the daemon"), "{}", told.text);
    assert!(second.wait_for(mark, PATIENCE, |line| line.contains("\"synced\"")).is_some());
}
