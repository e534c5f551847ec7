//! Inputs to begin with: requests of all kinds, the examples of a configuration, and a recording of each format.
//!
//! They are committed under `fuzz/seeds/`; `cargo test` sees to it that the files are what this says.

use crate::mutate::Seed;
use crate::recordings::*;

/// Targets with their seeds.
pub fn all() -> [(&'static str, Vec<Seed>); 4] {
    [("api", api()), ("birdc", birdc()), ("config", config()), ("decode", decode())]
}

/// Requests, with the octet that says how they are sent.
const REQUESTS: [(&str, u8, &str); 16] = [
    ("get", 0, "GET /v1/status HTTP/1.1\r\nHost: roost\r\n\r\n"),
    ("pieces", 0xa0, "GET /v1/peers/172.16.1.3 HTTP/1.1\r\nHost: roost\r\n\r\n"),
    (
        "filter",
        0,
        "GET /v1/routes?best=true&peer=172.16.1.2&longer=true&prefix=10.65.0.0/16 HTTP/1.1\r\nHost: r\r\n\r\n",
    ),
    (
        "watch",
        0,
        "GET /v1/watch?topics=routes,fib&from=now&prefix=10.65.0.0/16&longer=true HTTP/1.1\r\nHost: r\r\n\r\n",
    ),
    ("escaped", 0, "GET /v1/routes/10.65.2.0%2F26 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
    (
        "pipelined",
        0,
        "HEAD /v1/fib HTTP/1.1\r\nHost: r\r\n\r\nGET /openapi.json HTTP/1.1\r\nHost: r\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    ),
    (
        "announce",
        0,
        "POST /v1/announce HTTP/1.1\r\nHost: r\r\nContent-Type: application/json\r\nContent-Length: 43\r\n\r\n\
         {\"prefixes\":[\"10.65.1.0/26\",\"fd00::7/64\"]}\n",
    ),
    (
        "chunked",
        0xf0,
        "POST /v1/withdraw HTTP/1.1\r\nHost: r\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
         e\r\n{\"prefixes\":[\"\r\n9\r\n10.65.1.7\r\n3\r\n\"]}\r\n0\r\nTrailer: x\r\n\r\n",
    ),
    (
        "continue",
        0,
        "POST /v1/announce HTTP/1.1\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n\
         {\"prefixes\":[]}DELETE /v1/peers HTTP/1.1\r\nConnection: close\r\n\r\n",
    ),
    (
        "upgrade",
        0,
        "OPTIONS * HTTP/1.1\r\nHost: r\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nCONNECT a:1 HTTP/1.1\r\n\r\n",
    ),
    (
        "order",
        0,
        "POST /v1/peers/reset HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 42\r\n\r\n\
         {\"peers\":[\"172.16.1.2\"],\"message\":\"again\"}",
    ),
    ("slow", 0xf0, "POST /v1/ HTTP/1.1\r\n\r\nGET /openapi.json HTTP/1.1\r\nHost: r\r\n\r\n"),
    ("h2", 0, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("metrics", 1, "GET /metrics HTTP/1.1\r\nHost: r\r\n\r\nGET /livez HTTP/1.1\r\nHost: r\r\n\r\n"),
    (
        "half-body",
        2,
        "POST /v1/announce HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"prefixes\":",
    ),
    ("half", 3, "POST /metrics HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf"),
];

fn api() -> Vec<Seed> {
    let seed = |(name, how, text): (&'static str, u8, &str)| (name, [&[how], text.as_bytes()].concat());
    REQUESTS.into_iter().map(seed).collect()
}

/// Lines to BIRD's control socket, with the octet that says how they are sent.
fn birdc() -> Vec<Seed> {
    let seed = |(name, how, text): (&'static str, u8, &str)| (name, [&[how], text.as_bytes()].concat());
    let mut seeds: Vec<Seed> = [
        ("look", 2, "show status\nshow memory\nshow protocols\nshow protocols all \"Mesh*\"\n"),
        (
            "routes",
            0,
            "show route all\nshow route for 10.65.2.7\nshow route 10.65.0.0/16 primary protocol static1 count\n",
        ),
        ("ipv6", 0xa1, "show route for fd00:65:2::/122 stats filtered\nshow route table master\n"),
        ("orders", 2, "enable all\ndisable \"N?de*\"\nrestart 'Mesh_172_16_1_2'\nreload in Mesh_172_16_1_2\n"),
        ("configure", 2, "configure check\r\nconfigure soft\nconfigure timeout 5\nrestrict\nconfigure\n"),
        ("strange", 0xf2, "\n#\nenable \"x\nshow\u{0}status\n\u{ff}\u{1b}[1m\nshow route for\nshow protocols all"),
    ]
    .into_iter()
    .map(seed)
    .collect();
    seeds.push(("long", [&[2], &[b'x'; 4095][..], b"\n", &[b'y'; 4100]].concat()));
    seeds
}

/// The examples of a configuration.
pub const EXAMPLES: [(&str, &str); 5] = [
    ("node-mesh", include_str!("../../../examples/config/node-mesh.yaml")),
    ("reflector-client", include_str!("../../../examples/config/reflector-client.yaml")),
    ("reflector-zone", include_str!("../../../examples/config/reflector-zone.yaml")),
    ("route-reflector", include_str!("../../../examples/config/route-reflector.yaml")),
    ("tor-peering", include_str!("../../../examples/config/tor-peering.yaml")),
];

/// Every part of the schema in a few lines; the examples are too long to be mutated well.
const PARTS: [(&str, &str); 5] = [
    (
        "node",
        "router:\n  id: 10.0.0.1\n  asn: 64512\npeers:\n  - address: 10.0.0.2\n    asn: 64513\n    hold_time: 90s\n",
    ),
    ("flow", "{ router: { id: 10.0.0.1, asn: 64512 }, peers: [ { address: \"fd00::1\", asn: 64512 } ] }\n"),
    ("anchors", "a: &a [1, 2]\nb: *a\n<<: *a\n? x\n: !!str |\n  text\n--- # two\n"),
    (
        "detect",
        "router: { asn: 64512 }\nnode:\n  detect:\n    ipv4: { method: skip-interface, interfaces: [\"^eth[0-9]+$\"] }\n    \
         ipv6: { method: can-reach, host: n1.lan }\n    exclude: [(a|b){2,3}, \"\\\\.x\"]\n    wait: 5s\n",
    ),
    ("secret", "router:\n  asn: 64512\npeers:\n  - address: 10.0.0.2\n\u{1}    asn: 64512\n"),
];

fn config() -> Vec<Seed> {
    let plain = EXAMPLES.into_iter().chain(PARTS).map(|(name, text)| (name, [&[0], text.as_bytes()].concat()));
    let mut seeds: Vec<Seed> = plain.collect();
    seeds.push(("told", [&[1], PARTS[4].1.as_bytes()].concat()));
    seeds
}

fn decode() -> Vec<Seed> {
    let stream = [open(64512, Vec::new()), keepalive(), update(&CODEC, &[("10.65.1.0/26", 0)]), keepalive()].concat();
    let segments: Vec<_> =
        stream.chunks(40).enumerate().map(|(at, part)| Tcp::new(true, 1 + 40 * at as u32, 0, part)).collect();
    let mrt = |message: &[u8]| record(16, 4, &bgp4mp(true, 64513, 64512, message));
    let seed = |how: u8, input: Vec<u8>| [&[how], &input[..]].concat();
    vec![
        ("hex", seed(0, hex_line(&stream).into_bytes())),
        ("octets", seed(0x80, stream.clone())),
        ("two-octet", seed(1, update(&TWO_OCTETS, &[("10.65.1.0/26", 0)]))),
        ("add-path", seed(4, update(&ADD_PATH, &[("10.65.1.0/26", 7)]))),
        ("pcap", seed(0, PCAP.file(&segments))),
        ("pcap-cooked", seed(0, Pcap { big_endian: true, nanos: true, link: 113 }.file(&segments))),
        ("pcap-cooked-2", seed(0xf0, Pcap { link: 276, ..PCAP }.file(&segments))),
        ("pcapng", seed(0, pcapng(6, 1_546_300_800_000_000, &segments))),
        ("mrt", seed(0, [mrt(&update(&CODEC, &[("10.65.1.0/26", 0)])), mrt(&keepalive())].concat())),
    ]
}
