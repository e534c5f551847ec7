#![allow(clippy::unwrap_used)]
use super::*;
use crate::config;

#[test]
fn what_was_announced_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let file = AnnouncedFile::beside(&dir.path().join("roost.sock"));
    assert!(file.load().unwrap().is_empty());
    let blocks = ["10.65.1.0/26", "10.65.9.9/32", "fd00::/122"].map(|text| text.parse().unwrap());
    file.store(&BTreeSet::from(blocks)).unwrap();
    assert_eq!(file.load().unwrap(), BTreeSet::from(blocks));
    file.store(&BTreeSet::new()).unwrap();
    assert!(file.load().unwrap().is_empty());
}

#[test]
fn a_damaged_list_is_named_and_not_taken_for_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = AnnouncedFile::beside(&dir.path().join("roost.sock"));
    let error = || file.load().unwrap_err().to_string();
    let full = |count: usize| -> String { (0..count).map(|n| format!("{}\n", host(n))).collect() };
    for (content, why) in [
        ("10.65.1.0/26\n\nrubbish\n".to_owned(), "line 3: \"rubbish\" is no prefix: expected ADDRESS/LENGTH"),
        ("x".repeat(5_000), &format!("line 1: {:?} is no prefix", "x".repeat(SHOWN))),
        ("\n".repeat(MOST * LINE + 1), "it is longer than 5767168 octets"),
        (full(MOST + 1), "it has 131073 prefixes, of at most 131072"),
    ] {
        std::fs::write(&file.path, content).unwrap();
        let error = error();
        assert!(error.contains("roost.sock.announced: cannot read the list"), "{error}");
        assert!(error.contains(why) && error.contains("remove the file to start without it"), "{error}");
    }
    std::fs::write(&file.path, b"10.65.1.0/26\n\xff\n").unwrap();
    assert!(error().contains("UTF-8"), "{}", error());
    std::fs::write(&file.path, full(MOST)).unwrap();
    assert_eq!(file.load().unwrap().len(), MOST);

    std::fs::remove_file(&file.path).unwrap();
    std::fs::create_dir(&file.path).unwrap();
    assert!(error().contains("no regular file"), "{}", error());
}

#[test]
fn a_pipe_in_the_place_of_the_list_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let file = AnnouncedFile::beside(&dir.path().join("roost.sock"));
    let made = std::process::Command::new("mkfifo").arg(&file.path).status().unwrap();
    assert!(made.success());
    assert!(file.load().unwrap_err().to_string().contains("no regular file"));
}

#[test]
fn what_is_too_much_is_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("roost.sock");
    let yaml = format!("router: {{ asn: 64512, router_id: 10.0.0.1 }}\napi: {{ socket: {} }}\n", socket.display());
    let config = config::parse("roost.yaml", &yaml).unwrap().config;
    let mut announced = Announced::load(&config).unwrap();
    let all: Vec<Prefix> = (0..=MOST).map(host).collect();
    let error = announced.announce(&all).unwrap_err().to_string();
    assert!(error.starts_with("at most 131072 prefixes can be announced at run time, and these would make it 131073"));
    assert!(announced.all().is_empty());
    assert_eq!(announced.announce(&all[1..]).unwrap().len(), MOST);
    assert_eq!(announced.withdraw(&all[..10]).unwrap().len(), 9);
    assert_eq!(announced.announce(&all[..1]).unwrap().len(), 1);
}

fn host(n: usize) -> Prefix {
    Prefix::host(std::net::Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(n).unwrap()).into())
}
