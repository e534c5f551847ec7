//! `roost check`.

use super::*;

/// Status, standard output and standard error of `roost check`.
fn check(path: &Path) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = check_command(path, &mut out, &mut err).unwrap();
    (status, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
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
