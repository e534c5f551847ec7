#![allow(clippy::unwrap_used)]
use std::sync::Arc;

use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::api::model::Then;
use crate::config;
use crate::journal::{EventLayer, Journal};

/// What is announced by roost with this socket, and one block of its configuration.
fn load(dir: &tempfile::TempDir) -> Announced {
    let yaml = format!(
        "router: {{ asn: 64512, router_id: 10.0.0.1 }}\nnode: {{ blocks: [10.64.0.0/26] }}\napi: {{ socket: {} }}\n",
        dir.path().join("roost.sock").display()
    );
    Announced::load(&config::parse("roost.yaml", &yaml).unwrap().config)
}

fn list(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("roost.sock.announced")
}

fn name(text: &str) -> OwnerName {
    text.parse().unwrap()
}

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn announce(kind: Kind, texts: &[&str]) -> Edit {
    Edit { announce: texts.iter().map(|text| (prefix(text), kind)).collect(), ..Edit::default() }
}

fn withdraw(texts: &[&str]) -> Edit {
    let these = texts.iter().map(|text| prefix(text)).collect();
    Edit { withdraw: Withdraw::These(these), forget: true, ..Edit::default() }
}

fn all_is(kind: Kind, texts: &[&str]) -> Edit {
    Edit { withdraw: Withdraw::AllOthers, ..announce(kind, texts) }
}

fn changes(changes: &[(&str, Option<Kind>)]) -> Vec<Change> {
    changes.iter().map(|(text, kind)| (prefix(text), *kind)).collect()
}

#[test]
fn a_prefix_of_two_owners_stays_until_both_have_withdrawn_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut announced = load(&dir);
    let block = "10.65.1.0/26";
    let (edited, told) = announced.edit(&name("a"), &announce(Kind::Block, &[block])).unwrap();
    assert_eq!((edited.announced, told), (vec![prefix(block)], changes(&[(block, Some(Kind::Block))])));
    let (edited, told) = announced.edit(&name("b"), &announce(Kind::Block, &[block])).unwrap();
    assert_eq!((edited.announced, told), (vec![prefix(block)], vec![]), "b's now, and known to the peers");
    let (edited, told) = announced.edit(&name("a"), &withdraw(&[block])).unwrap();
    let kept = KeptPrefix { prefix: block.to_owned(), owners: vec!["b".to_owned()], configured: false };
    assert_eq!((edited.withdrawn, edited.kept, told), (vec![prefix(block)], vec![kept], vec![]));
    let (edited, told) = announced.edit(&name("a"), &withdraw(&[block])).unwrap();
    assert_eq!((edited.unchanged, told), (vec![prefix(block)], vec![]), "it was withdrawn already");
    let (_, told) = announced.edit(&name("b"), &withdraw(&[block])).unwrap();
    assert_eq!(told, changes(&[(block, None)]));
    assert!(announced.rows().is_empty(), "who announces nothing is forgotten");
}

#[test]
fn the_whole_set_of_one_owner_is_replaced_and_that_of_others_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut announced = load(&dir);
    announced.edit(&name("a"), &announce(Kind::Block, &["10.65.1.0/26", "10.65.2.0/26"])).unwrap();
    announced.edit(&name("b"), &announce(Kind::Block, &["10.65.9.0/26"])).unwrap();
    let edit = all_is(Kind::Block, &["10.65.2.0/26", "10.65.3.0/26"]);
    let (edited, told) = announced.edit(&name("a"), &edit).unwrap();
    let (new, old, same) = (prefix("10.65.3.0/26"), prefix("10.65.1.0/26"), prefix("10.65.2.0/26"));
    assert_eq!((edited.announced, edited.withdrawn, edited.unchanged), (vec![new], vec![old], vec![same]));
    assert_eq!(told, [(new, Some(Kind::Block)), (old, None)], "new before old");
    let (edited, told) = announced.edit(&name("a"), &edit).unwrap();
    assert_eq!((edited.announced, edited.withdrawn, told), (vec![], vec![], vec![]), "once more changes nothing");
    assert_eq!(announced.routes_of(&name("b")).unwrap().prefixes, ["10.65.9.0/26"]);
}

#[test]
fn a_service_is_a_block_where_anybody_wants_it_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut announced = load(&dir);
    let told = |announced: &mut Announced, owner, edit: Edit| announced.edit(&name(owner), &edit).unwrap().1;
    let vip = "10.9.9.0/24";
    assert_eq!(told(&mut announced, "a", announce(Kind::Service, &[vip])), changes(&[(vip, Some(Kind::Service))]));
    assert_eq!(told(&mut announced, "b", announce(Kind::Block, &[vip])), changes(&[(vip, Some(Kind::Block))]));
    assert_eq!(told(&mut announced, "b", withdraw(&[vip])), changes(&[(vip, Some(Kind::Service))]));
    assert_eq!(told(&mut announced, "a", announce(Kind::Block, &[vip])), changes(&[(vip, Some(Kind::Block))]));
    // The configuration's block can be nothing less.
    assert_eq!(told(&mut announced, "a", announce(Kind::Service, &["10.64.0.0/26"])), []);
}

#[test]
fn a_block_of_the_configuration_is_not_withdrawn_and_nothing_else_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut announced = load(&dir);
    announced.edit(&name("a"), &announce(Kind::Block, &["10.65.1.0/26"])).unwrap();
    let error = announced.edit(&name("a"), &withdraw(&["10.65.1.0/26", "10.64.0.0/26"])).unwrap_err().to_string();
    assert!(error.starts_with("10.64.0.0/26 is a block of the configuration (node.blocks)"), "{error}");
    assert_eq!(announced.all().len(), 2);
    // An owner that announces it, too, has it of its own to withdraw.
    announced.edit(&name("a"), &announce(Kind::Block, &["10.64.0.0/26"])).unwrap();
    let (edited, told) = announced.edit(&name("a"), &withdraw(&["10.64.0.0/26"])).unwrap();
    let kept = KeptPrefix { prefix: "10.64.0.0/26".to_owned(), owners: vec![], configured: true };
    assert_eq!((edited.kept, told), (vec![kept], vec![]));
}

#[test]
fn what_was_announced_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut announced = load(&dir);
    assert!(announced.rows().is_empty());
    announced.edit(&name("a"), &announce(Kind::Block, &["10.65.1.0/26", "fd00::/122"])).unwrap();
    announced.edit(&name("a"), &announce(Kind::Service, &["10.9.9.9/32"])).unwrap();
    announced.edit(&name("b"), &announce(Kind::Block, &["10.65.1.0/26"])).unwrap();
    for then in [Then::Keep, Then::Withdraw] {
        let lease = Some(Lease { seconds: 60, then });
        announced.edit(&name("b"), &Edit { lease: Some(lease), ..Edit::default() }).unwrap();
        let again = load(&dir);
        assert_eq!((again.rows(), again.all()), (announced.rows(), announced.all()));
        let routes = |owner| (again.routes_of(&name(owner)), announced.routes_of(&name(owner)));
        assert_eq!(routes("a").0, routes("a").1);
        assert_eq!(routes("b").0, routes("b").1);
    }
    let none = Edit { lease: Some(None), ..all_is(Kind::Block, &[]) };
    announced.edit(&name("a"), &none).unwrap();
    announced.edit(&name("b"), &none).unwrap();
    assert_eq!(load(&dir).rows().len(), 2, "who has said that it announces nothing is known");
    announced.edit(&name("a"), &Edit { forget: true, ..none.clone() }).unwrap();
    announced.edit(&name("b"), &Edit { forget: true, ..none }).unwrap();
    assert!(load(&dir).rows().is_empty());
}

#[test]
fn a_list_of_the_time_without_owners_is_the_default_owners() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(list(&dir), "10.65.1.0/26\n10.65.9.9/32\n").unwrap();
    let announced = load(&dir);
    assert_eq!(announced.routes_of(&OwnerName::default_owner()).unwrap().prefixes, ["10.65.1.0/26", "10.65.9.9/32"]);
}

/// A start with a list that is put aside: what is said of it, as an event.
fn damaged_start(dir: &tempfile::TempDir) -> String {
    let journal = Arc::new(Journal::default());
    let registry = tracing_subscriber::registry().with(EventLayer::of(journal.clone()));
    let announced = tracing::subscriber::with_default(registry, || load(dir));
    assert_eq!((announced.all().len(), announced.rows().len()), (1, 0), "the configuration's block alone");
    assert!(!list(dir).exists());
    let [event] = &journal.events()[..] else { panic!("{:?}", journal.events()) };
    assert_eq!(event.kind, "damaged");
    event.text.clone()
}

#[test]
fn a_damaged_list_is_put_aside_and_not_taken_for_a_shorter_one() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("roost.sock");
    let aside = dir.path().join("roost.sock.announced.damaged");
    let full = |count: usize| -> String { (0..count).map(|n| format!("{}\n", host(n))).collect() };
    let owners = |count: usize| -> String { (0..count).map(|n| format!("owner o{n}\n")).collect() };
    let head = "roost announced 2\n";
    for (content, why) in [
        ("10.65.1.0/26\n\nrubbish\n".to_owned(), "line 3: \"rubbish\" is no prefix: expected ADDRESS/LENGTH"),
        ("x".repeat(5_000), &format!("line 1: {:?} is no prefix", "x".repeat(64))),
        ("\n".repeat(7_000_000), "it is longer than"),
        (full(MOST + 1), "is one prefix more than 131072"),
        (head.to_owned(), "its end is missing"),
        (format!("{head}owner a\n10.65.1.0/26\n"), "its end is missing"),
        (format!("{head}owner a\n10.65.1.0/26\nend 2\n"), "line 4: \"end 2\" is no prefix"),
        (
            format!("{head}owner a\n10.65.1.0/26\nend 1\n10.65.2.0/26\n"),
            "line 5: \"10.65.2.0/26\" stands behind the end",
        ),
        (format!("{head}owner a\nowner a\nend 0\n"), "line 3: \"owner a\" is there twice"),
        (format!("{head}owner a lease 60\nend 0\n"), "line 2: \"owner a lease 60\" is no owner with a lease"),
        (format!("{head}owner a/b\nend 0\n"), "is no name of an owner"),
        (format!("{head}{}end 0\n", owners(OWNERS + 1)), "is one owner more than 256"),
    ] {
        std::fs::write(list(&dir), &content).unwrap();
        let said = damaged_start(&dir);
        assert!(said.contains("roost.sock.announced: what was announced at run time cannot be read"), "{said}");
        let remedy = format!("it is {} now: the node is ready when its agents have said all of it", aside.display());
        assert!(said.contains(why) && said.contains(&remedy), "{said}");
        assert_eq!(damaged(&socket), Some(aside.clone()));
        assert!(std::fs::read_to_string(&aside).unwrap() == content, "for whoever looks at it");
    }
    std::fs::write(list(&dir), b"10.65.1.0/26\n\xff\n").unwrap();
    let said = damaged_start(&dir);
    assert!(said.contains("UTF-8"), "{said}");
    // Whoever announces again is kept again.
    load(&dir).edit(&name("a"), &announce(Kind::Block, &["10.65.1.0/26"])).unwrap();
    assert_eq!((load(&dir).all().len(), damaged(&socket)), (2, Some(aside.clone())));
    std::fs::remove_file(&aside).unwrap();
    assert_eq!(damaged(&socket), None);
    std::fs::write(list(&dir), full(MOST)).unwrap();
    assert_eq!(load(&dir).all().len(), MOST + 1);
}

#[test]
fn the_node_is_whole_when_each_owner_of_a_damaged_list_has_said_all_that_it_announces() {
    let dir = tempfile::tempdir().unwrap();
    let cut = "roost announced 2\nowner a lease 60 keep\n10.65.1.0/26\nowner b\n10.65.2.0/26\nowner c\n10.65";
    std::fs::write(list(&dir), cut).unwrap();
    damaged_start(&dir);
    let lost_of = |names: &[&str]| Lost::Of(names.iter().copied().map(name).collect());
    let lost = |announced: &Announced| announced.lost().borrow().clone();
    let mut announced = load(&dir);
    assert_eq!(lost(&announced), lost_of(&["a", "b", "c"]), "as long as there is no other list");
    // What changes is no answer to what there was: the agent is to say all of it.
    announced.edit(&name("a"), &announce(Kind::Block, &["10.65.1.0/26"])).unwrap();
    let patch = Edit { only_known: true, ..announce(Kind::Block, &["10.65.1.64/26"]) };
    for owner in ["a", "b"] {
        let error = announced.edit(&name(owner), &patch).unwrap_err().to_string();
        assert!(error.contains("say with a PUT all that it announces"), "{error}");
    }
    announced.edit(&name("x"), &all_is(Kind::Block, &["10.65.9.0/26"])).unwrap();
    assert_eq!(lost(&load(&dir)), lost_of(&["a", "b", "c"]), "x had nothing to lose");
    announced.edit(&name("a"), &all_is(Kind::Block, &["10.65.1.0/26"])).unwrap();
    announced.edit(&name("a"), &patch).unwrap();
    let mut announced = load(&dir);
    assert_eq!(lost(&announced), lost_of(&["b", "c"]), "a restart in between knows who has said it");
    // A list that can't be written has not been said to anybody.
    let blocked = dir.path().join("roost.sock.announced.new");
    std::fs::create_dir(&blocked).unwrap();
    announced.edit(&name("b"), &all_is(Kind::Block, &[])).unwrap_err();
    assert_eq!(lost(&announced), lost_of(&["b", "c"]));
    std::fs::remove_dir(&blocked).unwrap();
    announced.edit(&name("b"), &all_is(Kind::Block, &[])).unwrap();
    let forget =
        Edit { only_known: true, forget: true, lease: Some(None), withdraw: Withdraw::AllOthers, ..Edit::default() };
    announced.edit(&name("c"), &forget).unwrap();
    assert_eq!((lost(&announced), lost(&load(&dir))), (Lost::Nothing, Lost::Nothing));
    announced.edit(&name("c"), &forget).expect_err("nobody waits for it any more");
    assert!(damaged(&dir.path().join("roost.sock")).is_some(), "for whoever wants to look");
}

#[test]
fn where_no_name_can_be_read_the_first_who_says_all_is_taken_for_the_one() {
    for damage in [&[0xff; 64][..], b"10.65.1.0/26\nrubbish\n", b"roost announced 2\nowner a/b\nend 0\n"] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(list(&dir), damage).unwrap();
        let mut announced = load(&dir);
        announced.edit(&name("a"), &announce(Kind::Block, &["10.65.1.0/26"])).unwrap();
        assert_eq!(*load(&dir).lost().borrow(), Lost::Somebodys);
        announced.edit(&name("a"), &all_is(Kind::Block, &["10.65.1.0/26"])).unwrap();
        assert_eq!((announced.lost().borrow().clone(), load(&dir).lost().borrow().clone()), Default::default());
    }
}

#[test]
fn who_has_not_said_it_is_named() {
    let of = |count: usize| Lost::Of((0..count).map(|n| name(&format!("o{n:02}"))).collect()).to_string();
    let remedy = "let its agent do so (PUT /v1/owners/OWNER), or say that it announces nothing (`roost withdraw --all \
                  --owner OWNER`)";
    assert_eq!(of(1), format!("o00 has not said since all that it announces: {remedy}"));
    assert!(of(2).starts_with("o00, o01 have not said"), "{}", of(2));
    assert!(of(10).contains("o07 and 2 more have not"), "{}", of(10));
    assert!(Lost::Somebodys.to_string().starts_with("no owner has said"), "{}", Lost::Somebodys);
}

#[test]
fn what_is_no_file_in_the_place_of_the_list_is_not_waited_for() {
    for make in ["mkfifo", "mkdir"] {
        let dir = tempfile::tempdir().unwrap();
        assert!(std::process::Command::new(make).arg(list(&dir)).status().unwrap().success());
        let said = damaged_start(&dir);
        assert!(said.contains("no regular file"), "{said}");
    }
}

#[test]
fn what_is_too_much_is_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut announced = load(&dir);
    let all: Vec<Prefix> = (0..=MOST).map(host).collect();
    let these = |prefixes: &[Prefix]| Edit {
        announce: prefixes.iter().map(|prefix| (*prefix, Kind::Block)).collect(),
        ..Edit::default()
    };
    let (a, b) = (name("a"), name("b"));
    let error = announced.edit(&a, &these(&all)).unwrap_err().to_string();
    assert!(error.starts_with("at most 131072 prefixes can be announced at run time"), "{error}");
    assert!(error.contains("these would make it 131073"), "{error}");
    assert_eq!(announced.all().len(), 1, "the configuration's");
    let (edited, told) = announced.edit(&a, &these(&all[1..])).unwrap();
    assert_eq!((edited.announced.len(), told.len()), (MOST, MOST));
    assert!(announced.edit(&b, &these(&all[1..2])).is_err(), "counted for each owner");
    let swap = Edit { withdraw: Withdraw::AllOthers, ..these(&all[..MOST]) };
    assert_eq!(announced.edit(&a, &swap).unwrap().1, [(all[0], Some(Kind::Block)), (all[MOST], None)]);

    let mut announced = load(&tempfile::tempdir().unwrap());
    let lease = Edit { lease: Some(Some(Lease { seconds: 9, then: Then::Keep })), ..Edit::default() };
    std::fs::create_dir_all(announced.file.as_ref().unwrap().path.parent().unwrap()).unwrap();
    for n in 0..OWNERS {
        announced.edit(&name(&format!("o{n}")), &lease).unwrap();
    }
    assert!(announced.edit(&name("o7"), &these(&all[..1])).is_ok());
    let error = announced.edit(&name("one-more"), &these(&all[..1])).unwrap_err().to_string();
    assert!(error.starts_with("256 owners announce prefixes already"), "{error}");
    std::fs::remove_dir_all(announced.file.as_ref().unwrap().path.parent().unwrap()).unwrap();
}

#[test]
fn a_lease_ends_so_long_after_the_last_edit_and_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut announced = load(&dir);
    let lease = |seconds, then| Edit { lease: Some(Some(Lease { seconds, then })), ..Edit::default() };
    assert_eq!(announced.next_to_go(), None);
    announced.edit(&name("a"), &lease(60, Then::Keep)).unwrap();
    announced.edit(&name("b"), &lease(30, Then::Withdraw)).unwrap();
    let (first, owner, _) = announced.next_to_go().unwrap();
    assert_eq!(owner, name("b"));
    announced.edit(&name("b"), &Edit::default()).unwrap();
    let (renewed, owner, Lease { seconds, then }) = announced.next_to_go().unwrap();
    assert!(renewed > first, "any edit renews it, also one that changes nothing");
    assert_eq!((owner, seconds, then), (name("b"), 30, Then::Withdraw));
    announced.is_gone(&name("b"));
    assert_eq!(announced.next_to_go().unwrap().1, name("a"), "who is gone is gone once");
    announced.edit(&name("b"), &Edit::default()).unwrap();
    assert_eq!(announced.next_to_go().unwrap().1, name("b"), "and can come back");
    announced.is_gone(&name("b"));
    let mut again = load(&dir);
    assert_eq!(again.next_to_go().unwrap().1, name("b"), "a start begins all leases anew");
    again.edit(&name("b"), &Edit { lease: Some(None), forget: true, ..Edit::default() }).unwrap();
    assert_eq!(again.rows().len(), 1, "without lease and routes it is forgotten");
    // Its heartbeat comes too late, and must not be taken for a promise that its routes are there.
    let error = again.edit(&name("b"), &Edit { only_known: true, ..Edit::default() }).unwrap_err().to_string();
    assert!(error.starts_with("the owner b is not known, or not any more: say with a PUT"), "{error}");
    assert_eq!(again.rows().len(), 1);
}

#[test]
fn what_can_not_be_kept_is_not_announced() {
    let dir = tempfile::tempdir().unwrap();
    let mut announced = load(&dir);
    announced.edit(&name("a"), &announce(Kind::Block, &["10.65.1.0/26"])).unwrap();
    let before = announced.all();
    std::fs::create_dir(dir.path().join("roost.sock.announced.new")).unwrap();
    let lease = Some(Some(Lease { seconds: 9, then: Then::Keep }));
    for edit in [
        announce(Kind::Service, &["10.65.1.0/26", "10.65.2.0/26"]),
        withdraw(&["10.65.1.0/26"]),
        Edit { lease, ..all_is(Kind::Block, &[]) },
    ] {
        let error = announced.edit(&name("a"), &edit).unwrap_err();
        assert!(matches!(error, AnnouncedError::Write { .. }), "{error}");
        assert_eq!((announced.all(), announced.rows()[0].lease), (before.clone(), None));
    }
    std::fs::remove_dir(dir.path().join("roost.sock.announced.new")).unwrap();
    assert!(announced.edit(&name("a"), &withdraw(&["10.65.1.0/26"])).is_ok());
}

fn host(n: usize) -> Prefix {
    Prefix::host(std::net::Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(n).unwrap()).into())
}
