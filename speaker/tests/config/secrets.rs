//! Passwords: read from files, and never shown.

use super::*;

#[test]
fn a_secret_is_never_shown_whatever_is_wrong_beside_it() {
    let peer = |rest: &str| format!("{BASE}peers:\n  - address: 172.16.1.2\n    asn: 64512\n{rest}");
    for text in [
        peer("    password: hunter2\n    password_file: x\n"),
        peer("    pasword: hunter2\n"),
        peer("    passwrod: \"hunter2\"\n    colour: red\n"),
        peer("    Password: hunter2 # and hunter2 again\n"),
        peer("    secret: hunter2\n"),
        peer("    colour: red # the password is hunter2\n"),
        peer("    # password: hunter2\n    password: [ hunter2 ]\n"),
        peer("    password:\n      hunter2: x\n"),
        peer(
            "    password: |\n      hunter2\n      hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2\n",
        ),
        peer("    password: \"hunter2\n      hunter2\n"),
        peer("    password: hunter2: x\n"),
        peer("    password: *hunter2\n"),
        peer("    password: &hunter2 [\n"),
        peer("    password: !hunter2 x\n"),
        peer("    password: hunter2\n    password: hunter2\n"),
        peer("    import: 'password: hunter2\n"),
        peer("    import: 'x, password: hunter2'\n"),
        peer("    ? password\n    : hunter2\n   colour: red\n"),
        format!(
            "{BASE}x-p: &p hunter2\npeerz: 1\npeers: [ {{ address: 172.16.1.2, asn: 64512, password: *p, colour: red }} ]\n"
        ),
        format!("{BASE}p: &p hunter2\npeers: [ {{ address: 172.16.1.2, asn: 64512, password: *p }} ]\n"),
        format!("{BASE}peers: [ {{ address: 172.16.1.2, password: 'hun''hunter2', asn: hello, port: 0 }} ]\n"),
        format!("{BASE}peers: [ {{ address: 172.16.1.2, \"password\": \"hunter2\" \"x\" }} ]\n"),
    ] {
        let errors = bad(&text);
        let told = format!("{errors} {errors:#} {errors:?} {}", errors.to_json());
        assert!(!told.contains("hunter2"), "{text}\n{errors}");
    }
    let config = good(&peer("    password: hunter2\n"));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn password_files_are_read_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roost.yaml");
    std::fs::write(folder.path().join("good.key"), "hunter2\n").unwrap();
    std::fs::write(folder.path().join("empty.key"), "\n").unwrap();
    let write = |key: &str| {
        let text = format!("{BASE}peers: [ {{ address: 172.16.1.2, asn: 64512, password_file: {key} }} ]\n");
        std::fs::write(&file, text).unwrap();
        load(&file)
    };
    let loaded = write("good.key").unwrap();
    let password = loaded.config.peers[0].password.clone().unwrap();
    assert_eq!(password.secret().unwrap().expose(), "hunter2");
    assert!(!format!("{password:?}").contains("hunter2"));
    for (key, why) in [("missing.key", "cannot be read"), ("empty.key", "found 0"), (".", "no regular file")] {
        let errors = write(key).unwrap_err();
        assert!(errors.to_string().contains(why), "{errors}");
        assert_eq!((errors.0[0].line, errors.0.len()), (3, 1));
    }
}

#[test]
fn the_text_is_shown_with_its_comments_and_without_its_passwords() {
    let text = "# the password: sesame\nrouter: { asn: 64512, router_id: 10.0.0.1 }\npeers:\r\n  - address: 10.0.0.2 # rack 7\n    \
                asn: 65001\n    password: \"open\n      sesame\"\n    description: ü\n  - { address: 10.0.0.3, asn: 65001, \
                password: &p sesame }\n  - { address: 10.0.0.4, asn: 65001, password: *p }\n  - address: 10.0.0.5\n    asn: 65001\n    \
                password: |-\n      sesame\n    passive: true";
    let shown = speaker::config::shown(text);
    assert!(!shown.contains("sesame") && !shown.contains("open"), "{shown}");
    for part in [
        "address: 10.0.0.2 # rack 7\n",
        "peers:\r\n",
        "    password: ***\n",
        "    description: ü\n",
        "    passive: true",
    ] {
        assert!(shown.contains(part), "{part:?}: {shown}");
    }
    assert_eq!(shown.lines().count(), text.lines().count());
    assert_eq!(speaker::config::shown("password: [sesame"), "password: ***", "of what is no YAML all of it");
    assert_eq!(speaker::config::shown(""), "");
}

#[test]
fn however_many_passwords_there_are_the_text_is_shown() {
    let peer =
        |n: u32| format!("  - {{ address: {}, password: sesame-{n} }}\n", std::net::Ipv4Addr::from(n + 0x0a00_0000));
    let text = "peers:\n".to_owned() + &(0..50_000).map(peer).collect::<String>();
    let shown = speaker::config::shown(&text);
    assert_eq!((shown.matches("password: *** }").count(), shown.contains("sesame")), (50_000, false));
}
