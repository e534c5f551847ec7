//! `roost check`.

use super::*;

/// Status, standard output and standard error of `roost check`.
fn check(path: &Path) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = check_command(path, false, &mut out, &mut err).unwrap();
    (status, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn for_machines_the_verdict_is_one_object() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roost.yaml");
    let check = |path: &Path| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let status = check_command(path, true, &mut out, &mut err).unwrap();
        assert!(err.is_empty() && out.ends_with(b"\n"));
        (status, serde_json::from_slice::<serde_json::Value>(&out).unwrap())
    };
    std::fs::write(&file, BASE).unwrap();
    let good = serde_json::json!({ "ok": true, "summary": "0 peers, 1 block, 0 pools", "diagnostics": [] });
    assert_eq!(check(&file), (0, good));

    std::fs::write(&file, format!("{BASE}passwort: hunter2\n")).unwrap();
    let (status, verdict) = check(&file);
    assert_eq!((status, &verdict["ok"], &verdict["summary"]), (1, &false.into(), &().into()));
    let wrong = &verdict["diagnostics"][0];
    assert_eq!((&wrong["severity"], &wrong["line"], &wrong["column"]), (&"error".into(), &3.into(), &1.into()));
    assert_eq!((&wrong["file"], wrong["help"].is_string()), (&file.display().to_string().into(), true));
    assert!(wrong["message"].as_str().unwrap().starts_with("unknown key `passwort`"), "{wrong}");
    assert!(!verdict.to_string().contains("hunter2"));

    let (status, verdict) = check(&folder.path().join("missing.yaml"));
    assert_eq!((status, &verdict["diagnostics"][0]["line"]), (2, &0.into()));
}

#[test]
fn the_check_command_tells_good_from_bad_from_unreadable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roost.yaml");
    std::fs::write(&file, BASE).unwrap();
    assert_eq!(check(&file), (0, "ok: 0 peers, 1 block, 0 pools\n".to_owned(), String::new()));

    std::fs::write(&file, format!("{BASE}pools: [ {{ cidr: 10.66.0.0/16 }} ]\n")).unwrap();
    let (status, out, err) = check(&file);
    assert_eq!((status, &*out), (0, "ok: 0 peers, 1 block, 1 pool\n"));
    assert!(err.contains(":2:70: warning: block 10.65.1.0/26 lies in no pool"), "{err}");

    std::fs::write(&file, format!("{BASE}colour: red\nsize: big\n")).unwrap();
    let (status, out, err) = check(&file);
    assert_eq!((status, &*out), (1, ""));
    assert!(
        err.contains("roost.yaml:3:1: unknown key `colour` at the top level") && err.ends_with("\n2 errors\n"),
        "{err}"
    );

    std::fs::write(&file, b"router: { asn: 1, \xff }\n").unwrap();
    let (status, _, err) = check(&file);
    assert_eq!(status, 1);
    assert!(err.contains("roost.yaml:1:19: not text"), "{err}");

    let (status, out, err) = check(&folder.path().join("missing.yaml"));
    assert_eq!((status, &*out), (2, ""));
    assert!(err.contains("missing.yaml: cannot be read: No such file"), "{err}");
    assert_eq!(check(folder.path()).0, 2);
}

#[test]
fn an_address_that_this_machine_does_not_have_is_a_warning_and_what_hangs_on_it_is_no_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roost.yaml");
    let text = "\
router: { asn: 64512 }
node:
  detect:
    ipv4: { method: can-reach, host: 127.0.0.1 }
    ipv6: { method: interface, interfaces: [^no-such-device$] }
peers: [ { address: 'fd00::9', asn: 64512, families: [ipv4, ipv6] } ]
mesh: { nodes: [ { name: n1, addresses: [10.0.0.1] } ] }
";
    std::fs::write(&file, text).unwrap();
    let (status, out, err) = check(&file);
    assert_eq!((status, &*out), (0, "ok: 1 peer, 0 blocks, 0 pools\n"), "{err}");
    for expected in [
        "roost.yaml:4:13: warning: node.detect.ipv4 (can-reach=127.0.0.1) finds no address on this machine: \
         packets to it leave from 127.0.0.1, no global address of an interface\n",
        "= `roost run` waits 60s for it (node.detect.wait), then fails\n",
        "roost.yaml:5:13: warning: node.detect.ipv6 (interface=^no-such-device$) finds no address on this machine: \
         no interface has such an address (",
        "lo: not named",
    ] {
        assert!(err.contains(expected), "{expected}\n{err}");
    }
    assert_eq!(err.matches("warning:").count(), 2, "{err}");

    // The daemon needs what the check can do without.
    let errors = speaker::config::load_detected(&file).unwrap_err();
    assert_eq!(errors.0.iter().map(|error| (error.line, error.column)).collect::<Vec<_>>(), [(4, 13), (5, 13)]);
}
