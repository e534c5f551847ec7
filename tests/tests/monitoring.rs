//! `/metrics` as Prometheus reads it, and the dashboard and the alert rules of `examples/monitoring`, whose every metric a
//! running roost must have.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use roost_tests::{Daemon, Kind, Lab, Netns, PATIENCE, Peer, Speaker, peers, probe, until};

/// A reflector with a kernel of its own: `b` and `c` are its clients, and 10.9.0.4, which is not there.
struct Reflector {
    ns: Netns,
    roost: Daemon,
    bird: Daemon,
    _others: Vec<Daemon>,
    _lab: Lab,
}

impl Reflector {
    fn start(name: &str) -> Reflector {
        let lab = Lab::new(name);
        let lan = lab.lan("lan");
        let client = |address: &str| Peer { client: true, ..Peer::new(address, 64512) };
        let mut speaker = Speaker::new("10.9.0.1/24", &["10.65.1.0/26"])
            .with_peer(client("10.9.0.2"))
            .with_peer(client("10.9.0.3"))
            .with_peer(client("10.9.0.4"));
        speaker.more = "metrics: {}".into();
        let [ns, b, c] = ["a", "b", "c"].map(|node| lab.netns(node));
        for (n, ns) in [&ns, &b, &c].into_iter().enumerate() {
            lan.plug(&lab, ns, "eth0", &format!("port{n}"));
            ns.ip(&format!("addr add 10.9.0.{}/24 dev eth0", n + 1));
        }
        let node = |n: u8| {
            Speaker::new(&format!("10.9.0.{n}/24"), &[&format!("10.65.{n}.0/26")])
                .with_peer(Peer::new("10.9.0.1", 64512))
        };
        let roost = speaker.start(Kind::Roost, &ns);
        let (bird, other) = (node(2).start(Kind::Bird2, &b), node(3).start(Kind::Bird2, &c));
        ns.wait_for_routes(
            &["blackhole 10.65.1.0/26", "10.65.2.0/26 via 10.9.0.2 dev eth0", "10.65.3.0/26 via 10.9.0.3 dev eth0"],
            PATIENCE,
            || roost.log(),
        );
        Reflector { ns, roost, bird, _others: vec![other], _lab: lab }
    }

    /// The page, once these samples are in it: with this value, or with any but 0.
    #[track_caller]
    fn page_with(&self, samples: &[(&str, Option<&str>)]) -> String {
        until("the samples", PATIENCE, || {
            let (status, page) = probe(&self.ns, "/metrics");
            let value = |sample: &str| page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
            let as_wanted = |(sample, wanted): &(&str, Option<&str>)| match wanted {
                Some(wanted) => value(sample) == Some(*wanted),
                None => value(sample).is_some_and(|value| value != "0"),
            };
            let missing: Vec<_> = samples.iter().filter(|sample| !as_wanted(sample)).collect();
            if status == 200 && missing.is_empty() {
                Ok(page)
            } else {
                Err(format!("{status} {missing:?}\n{page}\n{}", self.roost.log()))
            }
        })
    }
}

/// promtool likes it.
#[track_caller]
fn promtool(arguments: &[&str], input: &str, folder: &Path) {
    let mut promtool = Command::new(peers::promtool());
    promtool.args(arguments).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = promtool.spawn().expect("promtool runs");
    // One that does not want to read has ended, and says why.
    let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("promtool ends");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "promtool {arguments:?}: {said}\n{input}");
}

#[test]
fn prometheus_likes_the_metrics_of_a_running_reflector_and_they_tell_what_happened() {
    let mut reflector = Reflector::start("metrics");
    let page = reflector.page_with(&[
        ("roost_update_to_kernel_seconds_count", None),
        ("roost_update_to_wire_seconds_count", None),
        ("roost_update_to_wire_seconds_bucket{le=\"10\"}", None),
        ("roost_owner_wait_seconds_bucket{le=\"10\"}", None),
        ("roost_peers{state=\"established\"}", Some("2")),
        ("roost_fib_wanted_routes", Some("3")),
        ("roost_fib_kernel_routes", Some("3")),
        ("roost_fib_behind_seconds", Some("0")),
        ("roost_rib_family_prefixes{family=\"ipv4\"}", Some("3")),
        ("roost_rib_originated_prefixes", Some("1")),
        ("roost_peer_up{peer=\"10.9.0.4\",name=\"\",kind=\"client\"}", Some("0")),
        ("roost_alive", Some("1")),
        ("roost_memory_bytes{part=\"paths\"}", None),
    ]);
    assert!(!page.contains("peer=\"10.9.0.2\""), "a healthy peer has no series of its own: {page}");
    promtool(&["check", "metrics"], &page, Path::new("/"));
    // A route is taken away, and put back.
    reflector.ns.ip("route del 10.65.3.0/26");
    reflector.page_with(&[("roost_fib_repairs_total{cause=\"deleted\"}", Some("1"))]);
    reflector.roost.ask("peer reset 10.9.0.3");
    reflector.page_with(&[(
        "roost_bgp_notifications_total{direction=\"out\",error=\"Cease/Administrative Reset\"}",
        Some("1"),
    )]);
    // A session ends for a reason, and the peer is one of the unhealthy from then on.
    reflector.bird.kill_9();
    reflector.page_with(&[
        ("roost_session_ends_total{reason=\"closed\"}", Some("1")),
        ("roost_sessions_lost_total", Some("2")),
        ("roost_peer_up{peer=\"10.9.0.2\",name=\"\",kind=\"client\"}", Some("0")),
        ("roost_session_failures_total{reason=\"refused\"}", None),
    ]);
}

#[test]
fn the_rules_fire_when_they_should_by_prometheus_own_checker() {
    let folder = peers::checkout().join("examples/monitoring");
    promtool(&["check", "rules", "alerts.yaml"], "", &folder);
    promtool(&["test", "rules", "alerts_test.yaml"], "", &folder);
}

#[test]
fn dashboard_and_rules_name_only_metrics_that_a_running_roost_has() {
    let mut reflector = Reflector::start("dashboard");
    reflector.bird.kill_9();
    let page = reflector.page_with(&[
        ("roost_session_ends_total{reason=\"closed\"}", Some("1")),
        ("roost_session_failures_total{reason=\"refused\"}", None),
    ]);
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let families: BTreeSet<&str> = types.filter_map(|line| line.split(' ').next()).collect();
    let known = |name: &str| {
        let parts = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        families.contains(name) || parts.is_some_and(|name| families.contains(name))
    };
    let monitoring = peers::checkout().join("examples/monitoring");
    let read =
        |file: &str| std::fs::read_to_string(monitoring.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    for (file, least) in [("dashboard.json", 25), ("alerts.yaml", 14)] {
        let text = read(file);
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let named: BTreeSet<&str> = words.filter(|word| word.starts_with("roost_")).collect();
        let unknown: Vec<_> = named.iter().filter(|name| !known(name)).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}, which are not in\n{page}");
        assert!(named.len() >= least, "{file} names only {named:?}");
    }
    // Each query is one that Prometheus can read, once Grafana has filled in what it fills in.
    let dashboard: serde_json::Value = serde_json::from_str(&read("dashboard.json")).expect("Grafana reads JSON");
    let panels = dashboard["panels"].as_array().into_iter().flatten();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    let query = |(number, target): (usize, serde_json::Value)| {
        let query = target["expr"].as_str().expect("each target has a query").replace("$__rate_interval", "5m");
        let query = serde_json::Value::from(query.replace("$instance", ".*"));
        format!("      - record: query_{number}\n        expr: {query}\n")
    };
    let queries: Vec<_> = targets.enumerate().map(query).collect();
    assert!(queries.len() > 30, "{} queries", queries.len());
    let folder = tempfile::tempdir().expect("a folder");
    let rules = format!("groups:\n  - name: dashboard\n    rules:\n{}", queries.concat());
    std::fs::write(folder.path().join("rules.yaml"), rules).expect("it can be written");
    promtool(&["check", "rules", "rules.yaml"], "", folder.path());
}
