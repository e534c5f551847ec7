//! A session over link-local addresses with GTSM, beside BIRD 2: roost dials and roost answers. The routes that come of
//! it have global next hops (RFC 2545 §3), and both sides take nothing from further away than the wire (RFC 5082).

use roost_tests::{Bird2, Daemon, Lab, Netns, PATIENCE, Roost, until};

fn roost(passive: bool, ns: &Netns) -> String {
    let socket = Daemon::socket(ns, "roost");
    format!(
        "router: {{ asn: 64512, router_id: 10.9.0.1 }}\n\
         node: {{ name: a, addresses: [\"fd00:9::1/64\"], blocks: [\"fd00:65:1::/122\"] }}\n\
         pools: [ {{ cidr: \"fd00:65::/32\", mode: direct }} ]\n\
         peers:\n  - {{ address: \"fe80::2%eth0\", asn: 64512, families: [ipv6], ttl_security: 1, passive: {passive}, \
         connect_retry: 1s, idle_hold_max: 2s }}\n\
         api: {{ socket: {} }}\nlog: {{ level: debug, format: text }}\n",
        socket.display()
    )
}

fn bird(passive: bool) -> String {
    let passive = if passive { "passive;" } else { "" };
    format!(
        "log stderr all;\nrouter id 10.9.0.2;\nprotocol device {{ }}\nprotocol direct {{ ipv6; }}\n\
         protocol kernel {{ learn; persist; ipv6 {{ import all; export where source = RTS_BGP; }}; }}\n\
         protocol static blocks {{ ipv6; route fd00:65:2::/122 blackhole; }}\n\
         protocol bgp a {{\n  local fe80::2 as 64512; neighbor fe80::1%eth0 as 64512; direct; ttl security on; {passive}\n  \
         connect delay time 1; connect retry time 1; error wait time 1, 2;\n  \
         ipv6 {{ import all; export where proto = \"blocks\"; next hop address fd00:9::2; }};\n}}\n"
    )
}

#[track_caller]
fn exchange(name: &str, roost_waits: bool) {
    let lab = Lab::new(name);
    let (a, b) = (lab.netns("a"), lab.netns("b"));
    lab.wire((&a, "eth0"), (&b, "eth0"));
    for (ns, number) in [(&a, 1), (&b, 2)] {
        ns.ip(&format!("addr add fd00:9::{number}/64 dev eth0 nodad"));
        ns.ip(&format!("addr add fe80::{number}/64 dev eth0 nodad"));
    }
    let bird = Daemon::start(Bird2 { recover: false }, &b, &bird(!roost_waits));
    let roost = Daemon::start(Roost, &a, &roost(roost_waits, &a));
    let wanted = [(&a, "fd00:65:2::/122 via fd00:9::2 dev eth0"), (&b, "fd00:65:1::/122 via fd00:9::1 dev eth0")];
    for (ns, route) in wanted {
        until(&format!("{route} in {}", ns.name()), PATIENCE, || {
            let have = ns.routes6("proto bird");
            if have.iter().any(|line| line.starts_with(route)) {
                return Ok(());
            }
            let state = |daemon: &Daemon, what| daemon.control(what).unwrap_or_else(|error| format!("{error:#}"));
            Err(format!("{have:?}\n{}\n{}", state(&roost, "show peers"), state(&bird, "show protocols all a")))
        });
    }
}

#[test]
fn roost_dials_over_a_link_local_address_with_gtsm() {
    exchange("lldial", false);
}

#[test]
fn roost_answers_over_a_link_local_address_with_gtsm() {
    exchange("llwait", true);
}
