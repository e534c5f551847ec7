use super::{next, without_secrets};
use crate::config::{self, Config, Password};

fn parsed(more: &str) -> Config {
    let text = format!("router: {{ asn: 64512, router_id: 10.0.0.1 }}\n{more}");
    config::parse("roost.yaml", &text).expect("a configuration").config
}

#[test]
fn pools_and_fib_are_taken_and_all_else_stays() {
    let now = parsed("fib: { metric: 7 }\nlog: { level: info }");
    let read =
        parsed("pools: [ { cidr: 10.65.0.0/16 } ]\nfib: { enabled: false, metric: 1024 }\nlog: { level: debug }");
    let next = next(&now, &read);
    assert_eq!((&next.pools, next.fib.metric), (&read.pools, read.fib.metric));
    assert!(next.fib.enabled, "whether there is a kernel side at all is said at start");
    assert_eq!(next.log, now.log);
}

#[test]
fn a_password_that_changed_in_its_file_is_no_change_of_the_configuration() {
    let now = parsed("peers: [ { address: 10.0.0.2, asn: 64512, password_file: one } ]");
    let with = |file: &str| {
        let mut config = now.clone();
        let secret = config::Secret::in_file("hunter2").ok();
        assert!(secret.is_some());
        config.peers[0].password = Some(Password::File { path: file.into(), secret });
        config
    };
    assert_ne!(with("one"), now);
    assert_eq!(without_secrets(&with("one")), without_secrets(&now));
    assert_ne!(without_secrets(&with("two")), without_secrets(&now));
}
