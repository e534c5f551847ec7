//! `roost apply` and `roost confirm`: what is in force when, what the file says, and what a restart comes up with.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "battery/harness/mod.rs"]
mod harness;

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use harness::{Neighbor, PATIENCE, Roost, Setup};
use roost_tests::until;
use serde_json::{Value, json};

const OLD: &str = "10.65.1.0/26";
const NEW: &str = "10.65.2.0/26";

fn old() -> Setup {
    Setup::external().blocks(&[OLD])
}

fn new() -> Setup {
    Setup::external().blocks(&[NEW])
}

impl Roost {
    /// The new configuration in a file of its own.
    fn new_file(&self) -> PathBuf {
        self.elsewhere("new.yaml", &new())
    }

    fn apply(&self, arguments: &[&str]) -> Result<String, String> {
        let file = self.new_file();
        self.command(&[&["apply", file.to_str().unwrap()], arguments].concat())
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    fn configuration(&self) -> Value {
        self.page("/v1/status")["configuration"].clone()
    }

    #[track_caller]
    fn await_gone_back(&self) -> String {
        until("the old configuration is back", PATIENCE, || {
            let status = self.configuration();
            status["gone_back"].as_str().map(str::to_owned).ok_or(status.to_string())
        })
    }
}

#[test]
fn it_is_in_force_and_in_the_file_at_once() {
    let roost = old().start();
    let mut peer = roost.peer(0);
    peer.await_route(OLD);
    let said = roost.apply(&[]).unwrap();
    for part in ["block 10.65.2.0/26: announced\n", "no session was ended\n", "roost.yaml has this text\n"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    peer.await_route(NEW);
    peer.await_withdrawal(OLD);
    assert_eq!(roost.text(), std::fs::read_to_string(roost.new_file()).unwrap());
    // Nothing is left for a reload, and nothing to confirm.
    assert!(roost.command(&["reload"]).unwrap().contains("nothing that is in force is different\n"));
    let error = roost.command(&["confirm"]).unwrap_err();
    assert!(error.contains("no configuration waits to be confirmed"), "{error}");
}

#[test]
fn once_confirmed_it_stays_and_a_restart_brings_it() {
    let mut roost = old().start();
    let before = roost.text();
    let mut peer = roost.peer(0);
    let said = roost.apply(&["--confirm", "60s"]).unwrap();
    assert!(said.ends_with("it goes back by itself in 60 s, unless `roost confirm` is called\n"), "{said}");
    peer.await_route(NEW);
    assert_eq!(roost.text(), before, "the file has the old text until then");
    let waits = roost.configuration()["unconfirmed"].clone();
    assert!(waits["name"].as_str().unwrap().ends_with("new.yaml") && waits["left"].as_u64().unwrap() > 0, "{waits}");
    assert!(roost.command(&["show", "status"]).unwrap().contains("unconfirmed"));

    let said = roost.command(&["confirm"]).unwrap();
    assert!(said.starts_with("generation 2 of the configuration stays, and "), "{said}");
    assert_eq!(roost.text(), std::fs::read_to_string(roost.new_file()).unwrap());
    assert_eq!(roost.configuration()["unconfirmed"], json!(null));
    drop(peer);
    roost.restart();
    roost.peer(0).await_route(NEW);
}

#[test]
fn unconfirmed_it_goes_by_itself_and_says_so() {
    let roost = old().start();
    let before = roost.text();
    let mut peer = roost.peer(0);
    peer.await_route(OLD);
    // Whoever has asked for it is gone when the command has returned.
    roost.apply(&["--confirm", "3s"]).unwrap();
    peer.await_route(NEW);
    peer.await_withdrawal(OLD);
    peer.await_route(OLD);
    peer.await_withdrawal(NEW);
    let gone = roost.await_gone_back();
    assert!(gone.ends_with("new.yaml is not in force any more: nobody confirmed it in time"), "{gone}");
    assert_eq!((roost.text(), roost.configuration()["unconfirmed"].clone()), (before, json!(null)));
    assert!(roost.log().contains(&gone), "{}", roost.log());
    assert!(roost.command(&["show", "status"]).unwrap().contains("gone back"));
    let error = roost.command(&["confirm"]).unwrap_err();
    assert!(error.contains("no configuration waits to be confirmed") && error.contains("in time"), "{error}");
    let about = roost.about(0);
    assert_eq!(about["established_count"], json!(1), "{about}");
}

#[test]
fn it_is_taken_back_at_once() {
    let roost = old().start();
    let mut peer = roost.peer(0);
    roost.apply(&["--confirm", "10m"]).unwrap();
    peer.await_route(NEW);
    let said = roost.command(&["confirm", "--undo"]).unwrap();
    assert!(said.contains("new.yaml is not in force any more: it was taken back\n"), "{said}");
    peer.await_withdrawal(NEW);
}

#[test]
fn a_restart_before_the_confirmation_comes_up_with_the_old_file() {
    let mut roost = old().start();
    let mut peer = roost.peer(0);
    roost.apply(&["--confirm", "10m"]).unwrap();
    peer.await_route(NEW);
    drop(peer);
    roost.restart();
    roost.peer(0).await_route(OLD);
    assert_eq!(roost.configuration()["unconfirmed"], json!(null));
}

#[test]
fn meanwhile_no_other_one_is_taken() {
    let mut roost = old().start();
    let mut peer = roost.peer(0);
    roost.apply(&["--confirm", "10m"]).unwrap();
    peer.await_route(NEW);
    for other in [roost.apply(&["--confirm", "10m"]), roost.apply(&[]), roost.command(&["reload"])] {
        let error = other.unwrap_err();
        assert!(error.contains("new.yaml waits to be confirmed: `roost confirm` keeps it"), "{error}");
    }
    // What the file says by then is neither lost nor overwritten.
    roost.rewrite(Setup::external().blocks(&[OLD, "10.65.3.0/26"]));
    let error = roost.command(&["confirm"]).unwrap_err();
    assert!(error.contains("was changed by somebody else meanwhile, and would be overwritten"), "{error}");
    roost.command(&["confirm", "--undo"]).unwrap();
    peer.await_route("10.65.3.0/26");
}

#[test]
fn mistakes_change_nothing_and_have_their_places() {
    let roost = old().start();
    let before = roost.text();
    let bad = roost.elsewhere("bad.yaml", &Setup::with([Neighbor::ebgp(65001).with("hold_tme: 9s")]));
    for confirm in [&["--confirm", "10m"][..], &[]] {
        let error = roost.command(&[&["apply", bad.to_str().unwrap()], confirm].concat()).unwrap_err();
        for part in ["nothing has changed", "bad.yaml:7:", "hold_tme"] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }
    assert_eq!((roost.text(), roost.configuration()["generation"].clone()), (before, json!(1)));
    let error = roost.apply(&["--confirm", "2d"]).unwrap_err();
    assert!(error.contains("expected 1s to 1d in whole seconds"), "{error}");
}

#[test]
fn the_text_that_the_file_has_already_cannot_be_tried_out() {
    let mut roost = old().start();
    roost.rewrite(new());
    let file = roost.file().display().to_string();
    let error = roost.command(&["apply", &file, "--confirm", "10m"]).unwrap_err();
    assert!(error.contains("has this text already, so that a restart would bring it, confirmed or not"), "{error}");
    assert_eq!(roost.configuration()["generation"], json!(1));
    assert!(roost.command(&["apply", &file]).unwrap().contains("block 10.65.2.0/26: announced"));
}

#[test]
fn a_config_map_is_refused_with_the_remedy() {
    let roost = old().start();
    // As kubelet writes them.
    let folder = roost.file().parent().unwrap().to_owned();
    std::fs::create_dir(folder.join("..2026")).unwrap();
    std::fs::rename(roost.file(), folder.join("..2026/roost.yaml")).unwrap();
    symlink("..2026", folder.join("..data")).unwrap();
    symlink("..data/roost.yaml", roost.file()).unwrap();
    for confirm in [&["--confirm", "10m"][..], &[]] {
        let error = roost.apply(confirm).unwrap_err();
        assert!(error.contains("is a mounted ConfigMap or Secret: change it where it comes from"), "{error}");
    }
    assert_eq!(roost.configuration()["generation"], json!(1));
}
