use serde_json::json;

use super::*;
use crate::config::model::{PeerOrigin, PoolMode};

const FILE: &str = "\
router: { asn: 64512, router_id: 10.0.0.1 }
node: { name: n1, addresses: [172.16.1.1/24] }
pools:
  - { cidr: 10.65.0.0/16 }
peer_groups:
  tor: { asn: 65001, import: accept, export: accept }
peers:
  - { address: 172.16.1.9, asn: 64512 }
mesh:
  nodes: [{ name: n1, addresses: [172.16.1.1] }, { name: n2, addresses: [172.16.1.2] }]
";

fn peer(address: &str, settings: Value) -> Entry {
    entry(Key::peer(address).unwrap(), settings).unwrap()
}

fn pool(cidr: &str, settings: Value) -> Entry {
    entry(Key::pool(cidr).unwrap(), settings).unwrap()
}

fn entry(key: Key, settings: Value) -> Result<Entry, (String, String)> {
    let Value::Object(settings) = settings else { panic!("{settings} is no object") };
    Entry::new(key, settings, Some(0))
}

fn overlay(entries: impl IntoIterator<Item = Entry>) -> Overlay {
    let mut overlay = Overlay::default();
    entries.into_iter().for_each(|entry| overlay.put(entry));
    overlay
}

fn laid(text: &str, entries: impl IntoIterator<Item = Entry>) -> Loaded {
    lay("roost.yaml", text, &overlay(entries), None).unwrap_or_else(|errors| panic!("{errors}"))
}

/// What is wrong with the only entry, as pointers and messages.
fn mistakes(entry: Entry) -> Vec<(String, String)> {
    let loaded = laid(FILE, [entry]);
    let [Idle { why: Why::Wrong(mistakes), .. }] = loaded.idle.as_slice() else { panic!("{:?}", loaded.idle) };
    let field = |mistake: &Diagnostic| (mistake.field.clone().unwrap().pointer, mistake.message.clone());
    mistakes.iter().map(field).collect()
}

fn owned(mistakes: &[(&str, &str)]) -> Vec<(String, String)> {
    mistakes.iter().map(|(pointer, message)| ((*pointer).to_owned(), (*message).to_owned())).collect()
}

#[test]
fn entries_are_what_they_would_be_in_the_file() {
    let entries = [
        peer("172.16.1.7", json!({ "group": "tor", "hold_time": "30s", "add_path": { "send": true }, "port": 1790 })),
        peer("fe80::7%eth0", json!({ "asn": 64512, "password": null, "families": ["ipv4", "ipv6"], "enabled": false })),
        pool("10.66.0.0/16", json!({ "mode": "ipip", "device": "tunl0", "metric": 20 })),
    ];
    let loaded = laid(FILE, entries);
    let written = FILE
        .replace(
            "  - { address: 172.16.1.9, asn: 64512 }\n",
            "  - { address: 172.16.1.9, asn: 64512 }
  - { address: 172.16.1.7, group: tor, hold_time: 30s, add_path: { send: true }, port: 1790 }
  - { address: fe80::7%eth0, asn: 64512, families: [ipv4, ipv6], enabled: false }\n",
        )
        .replace(
            "{ cidr: 10.65.0.0/16 }",
            "{ cidr: 10.65.0.0/16 }\n  - { cidr: 10.66.0.0/16, mode: ipip, device: tunl0, metric: 20 }",
        );
    let mut expected = laid(&written, []).config;
    assert_eq!(loaded.config.pools, expected.pools);
    assert_eq!(loaded.config.pools[1].mode, PoolMode::Ipip);
    let by_place = |config: &mut crate::config::Config| config.peers.sort_by(|a, b| a.place().cmp(&b.place()));
    let mut config = loaded.config;
    by_place(&mut config);
    by_place(&mut expected);
    assert_eq!(config.peers.iter().filter(|peer| peer.origin == PeerOrigin::Api).count(), 2);
    config.peers.iter_mut().filter(|peer| peer.origin == PeerOrigin::Api).for_each(|peer| {
        peer.origin = PeerOrigin::Peers;
    });
    assert_eq!(config.peers, expected.peers);
    assert!(loaded.idle.is_empty() && loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn mistakes_are_told_as_of_the_file_with_the_field() {
    let wrong = peer("172.16.1.7", json!({ "asn": 0, "hold_tine": "30s", "families": ["ipv4", "vpn"], "import": "x" }));
    let file = FILE.replace(
        "  - { address: 172.16.1.9, asn: 64512 }\n",
        "  - { address: 172.16.1.9, group: tor }
  - { address: 172.16.1.7, asn: 0, hold_tine: 30s, families: [ipv4, vpn], import: x }\n",
    );
    let errors = lay("roost.yaml", &file, &Overlay::default(), None).unwrap_err();
    let of_file: Vec<_> = errors.0.iter().map(|error| error.message.replace("peers[1].", "")).collect();
    let of_file: Vec<_> = of_file.iter().map(|text| text.replace("in `peers[1]`", "at the top level")).collect();
    let told = mistakes(wrong);
    let mut messages: Vec<_> = told.iter().map(|(_, message)| message.clone()).collect();
    let (mut expected, count) = (of_file, told.len());
    messages.sort();
    expected.sort();
    assert_eq!((messages, count), (expected, 4));
    let pointers: Vec<_> = told.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(pointers, ["/asn", "/families/1", "/hold_tine", "/import"]);
}

#[test]
fn what_is_missing_and_what_contradicts_the_file_has_a_place_too() {
    assert_eq!(mistakes(peer("172.16.1.7", json!({}))), owned(&[("", "peer 172.16.1.7 has no `asn`")]));
    assert_eq!(
        mistakes(peer("172.16.1.1", json!({ "asn": 64512 }))),
        owned(&[("/address", "peer 172.16.1.1 is this node itself")])
    );
    assert_eq!(
        mistakes(pool("10.65.9.0/24", json!({}))),
        owned(&[("/cidr", "pool 10.65.9.0/24 overlaps pool 10.65.0.0/16")])
    );
    assert_eq!(
        mistakes(peer("172.16.1.7", json!({ "group": "spine" }))),
        owned(&[("/group", "there is no peer group `spine`")])
    );
}

#[test]
fn what_the_file_has_too_is_the_files() {
    let entries = [
        peer("172.16.1.9", json!({ "asn": 65001 })),
        peer("172.16.1.2", json!({ "asn": 65001 })),
        pool("10.65.0.0/16", json!({ "mode": "ipip" })),
    ];
    let loaded = laid(FILE, entries.clone());
    assert_eq!(loaded.config, laid(FILE, []).config);
    let idle: Vec<_> = loaded.idle.iter().map(|idle| (idle.key.to_string(), idle.why.clone())).collect();
    let in_line = |key: &str, line| (key.to_owned(), Why::InFile(line));
    let expected = [("peer 172.16.1.9", 8), ("peer 172.16.1.2", 10), ("pool 10.65.0.0/16", 4)];
    assert_eq!(idle, expected.map(|(key, line)| in_line(key, line)));
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(
        warnings.contains(
            &"peer 172.16.1.9, set over the API: warning: not in force: the file has it, too, in line 8, and counts\n      \
              = `roost peer remove 172.16.1.9` takes it back"
                .to_owned()
        ),
        "{warnings:?}"
    );
}

#[test]
fn one_that_does_not_fit_leaves_the_others_in_force() {
    let entries = [
        peer("172.16.1.7", json!({ "group": "gone" })),
        pool("10.66.0.0/16", json!({})),
        pool("10.66.1.0/24", json!({})),
        peer("172.16.1.8", json!({ "asn": 64512 })),
    ];
    let loaded = laid(FILE, entries);
    let idle: Vec<_> = loaded.idle.iter().map(|idle| idle.key.to_string()).collect();
    // Of the two pools the one counts that was set first.
    assert_eq!(idle, ["peer 172.16.1.7", "pool 10.66.1.0/24"]);
    let peers: Vec<_> = loaded.config.peers.iter().map(|peer| peer.address.to_string()).collect();
    assert_eq!(peers, ["172.16.1.9", "172.16.1.2", "172.16.1.8"]);
    assert_eq!(loaded.config.pools.len(), 2);
}

#[test]
fn a_wrong_file_is_told_without_the_overlay() {
    let errors = lay("roost.yaml", "router: { asn: 1 }\n", &overlay([peer("::7", json!({ "group": "x" }))]), None);
    let errors = errors.unwrap_err().0;
    assert!(!errors.is_empty() && errors.iter().all(|error| error.file == "roost.yaml"), "{errors:?}");
}

#[test]
fn what_identifies_an_entry_may_be_repeated_and_nothing_else() {
    let key = || Key::peer("172.16.1.7").unwrap();
    assert!(entry(key(), json!({ "address": "172.16.1.7", "asn": 1 })).unwrap().settings.get("address").is_none());
    let other = entry(key(), json!({ "address": "172.16.1.8", "asn": 1 })).unwrap_err();
    assert_eq!(other, ("/address".to_owned(), "is not 172.16.1.7, which the path names".to_owned()));
    assert_eq!(entry(key(), json!({ "address": 7 })).unwrap_err().0, "/address");
    let long = entry(key(), json!({ "description": "x".repeat(ENTRY) })).unwrap_err();
    assert!(long.1.contains("at most 16384 are read"), "{long:?}");
}

#[test]
fn what_is_kept_is_read_back_and_damage_is_noticed() {
    let kept = overlay([
        peer("172.16.1.7", json!({ "asn": 64512, "password": "s3cret \"ü\n", "add_path": { "send": true } })),
        pool("10.66.0.0/16", json!({})),
        peer("fe80::7%eth0", json!({ "asn": 64512 })),
    ]);
    let text = kept.to_json();
    assert_eq!(Overlay::from_json(&text).unwrap(), kept);
    for end in 1..text.len() - 1 {
        if let Some(part) = text.get(..end) {
            let why = Overlay::from_json(part).unwrap_err();
            assert!(!why.contains("s3cret"), "{why}");
        }
    }
    for (damaged, why) in [
        (text.replace("172.16.1.7", "172.16.1"), "entry 1: expected an IP address"),
        (text.replace("\"version\": 1", "\"version\": 2"), "version 2"),
        (text.replace("\"peer\": \"fe80", "\"pair\": \"fe80"), "it is not whole, from line"),
        ("null".to_owned(), "it is not whole"),
    ] {
        let told = Overlay::from_json(&damaged).unwrap_err();
        assert!(told.contains(why), "{told}");
    }
    assert!(!format!("{kept:?}").contains("s3cret"));
}
