use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::*;

const FILE: &str = "\
router: { asn: 64512, router_id: 10.0.0.1, listen: [] }
api: { socket: /tmp/roost-test.sock }
peers: [{ address: 172.16.1.9, asn: 64512 }]
";

fn peer(address: &str, settings: Value) -> Entry {
    let Value::Object(settings) = settings else { panic!("{settings} is no object") };
    Entry::new(Key::peer(address).unwrap(), settings, Some(7)).unwrap()
}

fn file() -> (tempfile::TempDir, OverlayFile) {
    let folder = tempfile::tempdir().unwrap();
    let file = OverlayFile::beside(&folder.path().join("roost.sock"));
    (folder, file)
}

fn with_peer() -> Overlay {
    let mut overlay = Overlay::default();
    overlay.put(peer("172.16.1.7", json!({ "asn": 64512, "password": "s3cret" })));
    overlay
}

#[test]
fn what_is_stored_is_loaded_and_only_its_owner_can_read_it() {
    let (_folder, file) = file();
    assert_eq!(file.load(), Overlay::default());
    std::fs::write(whole_file::beside(&file.path, ".new"), "left by a crash, and anybody may read it").unwrap();
    file.store(&with_peer()).unwrap();
    assert_eq!(file.load(), with_peer());
    assert_eq!(std::fs::metadata(&file.path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_damaged_file_is_put_aside_and_stays_there() {
    let (folder, file) = file();
    let text = with_peer().to_json().replace("172.16.1.7", "172.16.1");
    std::fs::write(&file.path, &text).unwrap();
    assert_eq!(file.load(), Overlay::default());
    let aside = whole_file::beside(&file.path, ".damaged");
    assert_eq!(std::fs::read_to_string(&aside).unwrap(), text);
    assert_eq!(file.load(), Overlay::default());
    assert_eq!(damaged(&folder.path().join("roost.sock")), Some(aside.clone()));
    std::fs::remove_file(&aside).unwrap();
    assert_eq!(damaged(&folder.path().join("roost.sock")), None);
}

#[test]
fn a_start_lays_what_is_kept_over_the_file_and_shows_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("roost.sock");
    let text = FILE.replace("/tmp/roost-test.sock", socket.to_str().unwrap());
    let path = folder.path().join("roost.yaml");
    std::fs::write(&path, text).unwrap();
    let mut overlay = with_peer();
    overlay.put(peer("172.16.1.9", json!({ "asn": 65001 })));
    OverlayFile::beside(&socket).store(&overlay).unwrap();
    let (loaded, base) = Base::lay(&path, config::load(&path).unwrap()).unwrap();
    let peers: Vec<_> = loaded.config.peers.iter().map(|peer| (peer.address.to_string(), peer.asn.0)).collect();
    assert_eq!(peers, [("172.16.1.9".to_owned(), 64512), ("172.16.1.7".to_owned(), 64512)]);
    assert_eq!(base.idle(), ["peer 172.16.1.9: the file has it, too, in line 3, and counts"]);
    let keys = ["172.16.1.9", "172.16.1.7", "10.0.0.7"].map(|name| Key::peer(name).unwrap());
    assert_eq!(base.lines_of(keys.clone(), &loaded.config), [(keys[0].clone(), 3)].into());
    let rows = serde_json::to_value(base.rows()).unwrap();
    assert_eq!(
        rows,
        json!([
            { "kind": "peer", "name": "172.16.1.7", "settings": { "asn": 64512, "password": "***" }, "uid": 7, "idle": null },
            { "kind": "peer", "name": "172.16.1.9", "settings": { "asn": 65001 }, "uid": 7,
              "idle": "the file has it, too, in line 3, and counts" },
        ])
    );
}
