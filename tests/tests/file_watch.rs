//! `reload: watch`: a changed file is in force without another word, and a bad one changes nothing and is told of.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "battery/harness/mod.rs"]
mod harness;

use std::fs;
use std::os::unix::fs::symlink;

use harness::{PATIENCE, Roost, Setup};
use roost_tests::until;

const WATCH: &str = "reload: watch\nmetrics: { listen: \"ROOST:9179\" }\n";

fn with(block: &str) -> Setup {
    Setup::external().blocks(&[block]).more(WATCH)
}

impl Roost {
    fn read_successfully(&self) -> bool {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect((self.net().roost(), 9179)).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        page.contains("\nroost_config_last_read_successful 1\n")
    }

    #[track_caller]
    fn await_error(&self, words: Option<&str>) {
        until("what the status says of the file", PATIENCE, || {
            let error = self.page("/v1/status")["configuration"]["error"].clone();
            let right = match words {
                Some(words) => error.as_str().is_some_and(|error| error.contains(words)),
                None => error.is_null(),
            };
            if right { Ok(()) } else { Err(error.to_string()) }
        });
    }
}

#[test]
fn what_is_written_is_in_force_and_mistakes_are_told() {
    let mut roost = with("10.65.1.0/26").start();
    let mut peer = roost.peer(0);
    peer.await_route("10.65.1.0/26");
    roost.rewrite(with("10.65.2.0/26"));
    peer.await_route("10.65.2.0/26");
    peer.await_withdrawal("10.65.1.0/26");

    fs::write(roost.file(), "router: { asm: 65000 }\n").unwrap();
    roost.await_error(Some("roost.yaml:1:11: "));
    assert!(roost.log().contains("the file has changed: nothing of the configuration changes"), "{}", roost.log());
    assert!(!roost.read_successfully());
    assert_eq!(peer.adj_out_prefixes(), ["10.65.2.0/26"]);

    // As editors do it.
    let next = roost.elsewhere("roost.yaml~", &with("10.65.3.0/26"));
    fs::rename(next, roost.file()).unwrap();
    peer.await_route("10.65.3.0/26");
    roost.await_error(None);
    assert!(roost.read_successfully());

    // It is in the file whether it is watched.
    roost.rewrite(Setup::external().blocks(&["10.65.3.0/26"]).more(&WATCH.replace("watch", "order")));
    until("the file is not watched any more", PATIENCE, || {
        let log = roost.log();
        if log.contains("the configuration file is not watched any more") { Ok(()) } else { Err(log) }
    });
    roost.rewrite(with("10.65.4.0/26"));
    assert!(roost.command(&["reload"]).unwrap().contains("block 10.65.4.0/26: announced"), "nobody has read it yet");
    peer.await_route("10.65.4.0/26");
    roost.rewrite(with("10.65.5.0/26"));
    peer.await_route("10.65.5.0/26");
}

#[test]
fn a_config_map_is_taken_over_when_kubelet_turns_its_link() {
    let mut roost = with("10.65.1.0/26").start();
    let folder = roost.file().parent().unwrap().to_owned();
    let mount = |version: &str| {
        fs::create_dir(folder.join(version)).unwrap();
        fs::copy(folder.join("next.yaml"), folder.join(version).join("roost.yaml")).unwrap();
        symlink(version, folder.join("..data_tmp")).unwrap();
        fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    };
    let mut peer = roost.peer(0);
    roost.elsewhere("next.yaml", &with("10.65.2.0/26"));
    mount("..1");
    symlink("..data/roost.yaml", folder.join("link")).unwrap();
    fs::rename(folder.join("link"), roost.file()).unwrap();
    peer.await_route("10.65.2.0/26");
    for (version, block) in [("..2", "10.65.3.0/26"), ("..3", "10.65.4.0/26")] {
        roost.elsewhere("next.yaml", &with(block));
        mount(version);
        peer.await_route(block);
    }
    // What waits to be confirmed is not lost over it: the file is read when that has gone.
    let error = roost.command(&["apply", folder.join("next.yaml").to_str().unwrap(), "--confirm", "9m"]).unwrap_err();
    assert!(error.contains("is a mounted ConfigMap"), "{error}");
    fs::remove_dir_all(folder.join("..1")).unwrap();
    roost.rewrite(with("10.65.5.0/26"));
    peer.await_route("10.65.5.0/26");
}
