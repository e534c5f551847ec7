#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use futures::FutureExt as _;

use super::{Keys, Seen};
use crate::config::{self, Config};

const BASE: &str = "router: { asn: 64512 }\nnode: { name: n1, addresses: [172.16.1.1/24] }\n";

/// A folder with a configuration and its passwords.
struct Lab {
    folder: tempfile::TempDir,
    config: Config,
    keys: Arc<Keys>,
    seen: Seen,
}

impl Lab {
    fn new(peers: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("roost.yaml"), format!("{BASE}{peers}")).unwrap();
        for file in ["key", "other"] {
            std::fs::write(folder.path().join(file), "one\n").unwrap();
        }
        let config = config::load(&folder.path().join("roost.yaml")).unwrap().config;
        let keys = Arc::new(Keys::new(&config, folder.path()));
        Self { folder, config, keys, seen: Seen::new() }
    }

    fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.folder.path().join(file), content).unwrap();
    }

    fn key(&self, peer: usize) -> super::Key {
        self.keys.of(self.config.peers[peer].password.as_ref())
    }

    async fn look(&mut self) {
        self.keys.look(&mut self.seen, false, &[]).await;
    }
}

fn text(key: &super::Key) -> String {
    key.secret().unwrap().expose().to_owned()
}

#[tokio::test]
async fn a_new_password_counts_when_two_looks_find_it_and_on_sighup_at_once() {
    let mut lab = Lab::new("peers: [ { address: 172.16.1.2, asn: 64512, password_file: key } ]\n");
    let mut key = lab.key(0);
    lab.look().await;
    lab.write("key", "tw");
    lab.look().await;
    lab.write("key", "two");
    lab.look().await;
    assert_eq!(text(&key), "one", "what was found once may be half a password");
    assert!(key.changed().now_or_never().is_none());
    lab.look().await;
    assert_eq!(text(&key), "two");
    assert!(key.changed().now_or_never().is_some());

    lab.write("key", "three");
    let keys = lab.keys.clone();
    keys.look(&mut lab.seen, true, &[]).await;
    assert_eq!(text(&key), "three");
    assert_eq!(text(&lab.key(0)), "three", "who asks later gets the same");
}

#[tokio::test]
async fn a_file_that_cannot_be_used_changes_nothing_and_says_why() {
    // RFC 2385 §4.5
    let mut lab = Lab::new("peers: [ { address: 172.16.1.2, asn: 64512, password_file: key } ]\n");
    let key = lab.key(0);
    let table: [(&[u8], &str); 4] = [
        (b"\n", "expected 1 to 80 bytes in the file, found 0"),
        (&[b'x'; 81], "expected 1 to 80 bytes in the file, found 81"),
        (&[b'x'; 5000], "expected 1 to 80 bytes in the file, found 4097"),
        (b"\xff", "is no text"),
    ];
    for (content, said) in table {
        lab.write("key", content);
        lab.look().await;
        lab.look().await;
        assert_eq!(text(&key), "one");
        assert!(key.trouble().unwrap().contains(said), "{:?}", key.trouble());
    }
    std::fs::remove_file(lab.folder.path().join("key")).unwrap();
    lab.look().await;
    lab.look().await;
    assert!(key.trouble().unwrap().contains("No such file"), "{:?}", key.trouble());

    lab.write("key", "one\r\n");
    lab.look().await;
    lab.look().await;
    assert_eq!((text(&key), key.trouble()), ("one".into(), None));
    assert!(format!("{key:?}").contains("secret: Some(***)"), "no secret in what may be logged: {key:?}");
}

#[tokio::test]
async fn one_file_is_read_for_all_who_name_it_and_no_other_is_touched() {
    let mut lab = Lab::new(
        "peers:\n  - { address: 172.16.1.2, asn: 64512, password_file: key }\n  \
         - { address: 172.16.1.3, asn: 64512, password_file: other }\n  \
         - { address: 172.16.1.4, asn: 64512, password: fixed }\n  - { address: 172.16.1.5, asn: 64512 }\n\
         dynamic_peers: [ { prefix: 172.16.2.0/24, group: g, asn: 64512 } ]\npeer_groups: { g: { password_file: key } }\n",
    );
    let range = lab.keys.of(lab.config.dynamic_peers[0].template.password.as_ref());
    let mut fixed = lab.key(2);
    lab.write("key", "two");
    lab.look().await;
    lab.look().await;
    let others = (text(&lab.key(0)), text(&lab.key(1)), text(&range), text(&fixed), lab.key(3).secret());
    assert_eq!(others, ("two".into(), "one".into(), "two".into(), "fixed".into(), None));
    assert!(fixed.changed().now_or_never().is_none());
}

#[tokio::test]
async fn a_mounted_secret_changes_by_a_swap_of_links() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (version, content) in [("v1", "one"), ("v2", "two")] {
        std::fs::create_dir(at(version)).unwrap();
        std::fs::write(at(version).join("key"), content).unwrap();
    }
    std::os::unix::fs::symlink("v1", at("..data")).unwrap();
    std::os::unix::fs::symlink("..data/key", at("key")).unwrap();
    let peer = format!("peers: [ {{ address: 172.16.1.2, asn: 64512, password_file: {} }} ]\n", at("key").display());
    let mut lab = Lab::new(&peer);
    assert_eq!(text(&lab.key(0)), "one");
    std::os::unix::fs::symlink("v2", at("..data_tmp")).unwrap();
    std::fs::rename(at("..data_tmp"), at("..data")).unwrap();
    lab.look().await;
    lab.look().await;
    assert_eq!(text(&lab.key(0)), "two");
}
