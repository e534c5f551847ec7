//! What people read, as golden texts.

use insta::assert_snapshot;
use speaker::api::apply::{Applied, Unconfirmed};
use speaker::api::configuration::{ConfigSteps, ConfigText, Plan, StepRow};
use speaker::api::model::{ManagedRow, Memory, PeerRow, Status, Why};
use speaker::cli::render;
use speaker::config::LogLevel;
use speaker::doctor::{Finding, Outcome, Report};

use crate::fake;

#[test]
fn peers() {
    assert_snapshot!(render::peers(&fake::peers()), @r#"
    PEER                           AS  STATE        SINCE  RECEIVED  ACCEPTED  ADVERTISED  INFO
    172.16.1.2                  64512  established  3m12s      1204      1203           2  node-b
    172.16.1.3                  64512  active          7s        12        12           0  the connection was refused: nothing listens on TCP port 179 there; 12 stale paths kept
    172.16.2.1:1790        4200000001  idle         1d02h         0         0           0  it sent NOTIFICATION Cease/Administrative Shutdown: "maintenance"
    [fd00:172:16::2]:1790       64512  established     5s         0         0           0  node-b

    hint: is BGP running on that node, and does it listen on that address? (172.16.1.3)
    "#);
}

#[test]
fn levels_of_the_log() {
    let mut log = fake::status(Vec::new()).log;
    assert_snapshot!(render::log(&log), @r#"
    level       info
    configured  info (log.level)
    "#);
    log.targets = [("fib_sync".to_owned(), LogLevel::Trace), ("speaker::daemon".to_owned(), LogLevel::Debug)].into();
    log.level = Some(LogLevel::Warn);
    assert_snapshot!(render::log(&log), @r#"
    level            warn
    fib_sync         trace
    speaker::daemon  debug
    configured       info (log.level); `roost log --reset` goes back to that
    "#);
    let status = render::status(&Status { log, ..fake::status(Vec::new()) });
    let line = status.lines().find(|line| line.starts_with("  log "));
    assert_eq!(
        line.and_then(|line| line.split_once("  ").map(|(_, said)| said.trim_start_matches("log").trim())),
        Some("warn,fib_sync=trace,speaker::daemon=debug, until `roost log --reset` or the next start")
    );
}

#[test]
fn a_link_local_peer_is_shown_with_its_link() {
    // RFC 4007 §11.2
    let row = |interface: &str, port| {
        let row = fake::peer_row("fe80::2", "connect", 3);
        PeerRow { interface: Some(interface.to_owned()), port, hint: Some("is it up?".to_owned()), ..row }
    };
    let rows = [row("eth0", 179), row("eth1", 1790)];
    assert_snapshot!(render::peers(&rows), @r#"
    PEER                    AS  STATE    SINCE  RECEIVED  ACCEPTED  ADVERTISED  INFO
    fe80::2%eth0         64512  connect     3s         0         0           0
    [fe80::2%eth1]:1790  64512  connect     3s         0         0           0

    hint: is it up? (fe80::2%eth0, [fe80::2%eth1]:1790)
    "#);
    let details = rows.map(fake::peer_detail);
    let text = render::each_peer(&details);
    let headlines: Vec<_> = text.lines().filter(|line| line.contains(" AS 64512 (")).collect();
    let of = |name| format!("{name} AS 64512 (internal): connect for 3s");
    assert_eq!(headlines, [of("fe80::2%eth0"), of("[fe80::2%eth1]:1790")]);
}

#[test]
fn many_peers_with_the_same_trouble_share_one_hint() {
    let rows: Vec<_> = (1..=9)
        .map(|host| {
            let mut row = fake::peer_row(&format!("172.16.1.{host}"), "connect", 30);
            row.reason = Some("no route to host".to_owned());
            row.hint = Some("is the node up?".to_owned());
            row
        })
        .collect();
    let text = render::peers(&rows);
    assert_eq!(
        text.lines().last(),
        Some("hint: is the node up? (172.16.1.1, 172.16.1.2, 172.16.1.3, 172.16.1.4 and 5 more)")
    );
}

#[test]
fn peer_that_is_up() {
    assert_snapshot!(render::peer(&fake::peer_detail(fake::peers().remove(0))), @r#"
    172.16.1.2 AS 64512 (internal): established for 3m12s
      description   node-b
      router id     172.16.1.2
      local         172.16.1.1:179
      remote        172.16.1.2:40312
      families      ipv4-unicast, ipv6-unicast
      hold time     1m30s
      keepalive     30s
      capabilities  route refresh, graceful restart 120 s, ipv4, four-octet AS 64512, add-path ipv4 both, enhanced route refresh, long-lived graceful restart
      restart time  2m00s
      End-of-RIB    ipv4-unicast, ipv6-unicast
      received      1204 paths (1203 accepted, 1 rejected)
      advertised    2 prefixes
      sessions      1
      faults        1 in UPDATEs survived (RFC 7606), last: offset 41: ORIGIN has the value 7

      messages       in      out
      open                 1        3
      update             411        0
      keepalive            7        7
      notification         0        0
      refresh              0        0
    "#);
}

#[test]
fn peer_that_is_down() {
    assert_snapshot!(render::peer(&fake::peer_detail(fake::peers().remove(1))), @r#"
    172.16.1.3 AS 64512 (internal): active for 7s
      reason        the connection was refused: nothing listens on TCP port 179 there
      hint          is BGP running on that node, and does it listen on that address?
      peer said     "disk full, back at 6", 1m15s ago
      capabilities  route refresh, graceful restart 120 s, ipv4, four-octet AS 64512, add-path ipv4 both, enhanced route refresh, long-lived graceful restart
      restart time  2m00s
      received      12 paths (12 accepted)
      stale         12 paths
      advertised    0 prefixes
      sessions      1
      faults        1 in UPDATEs survived (RFC 7606), last: offset 41: ORIGIN has the value 7

      messages       in      out
      open                 1        3
      update             411        0
      keepalive            7        7
      notification         0        0
      refresh              0        0
    "#);
}

#[test]
fn routes() {
    assert_snapshot!(render::routes(&fake::routes()), @r#"
    PREFIX           FROM            NEXT HOP        PREF  MED  AS PATH              CHOICE                         KERNEL
    10.65.1.0/26     local           -                100    -  -                    best                           installed blackhole proto bird
    10.65.2.0/26     172.16.1.2      172.16.1.2       100    -  -                    best                           installed via 172.16.1.2 dev eth0 proto bird
    10.65.2.0/26     172.16.2.1      172.16.2.1       100   20  64513 {64514 64515}  lost: its AS path is longer
    10.65.3.0/26     172.16.1.3#3    172.16.1.3       100    -  -                    best, stale                    withheld: tunl0 is missing
    10.66.0.0/16     172.16.2.1      172.16.2.1       100    -  -                    rejected by the import policy
    fd00:65:2::/122  fd00:172:16::2  fd00:172:16::2   100    -  -                    best                           conflict: a static route of someone else is in its place
    "#);
}

#[test]
fn wide_tables_have_all_of_the_others_and_more() {
    let mut rows = fake::routes().split_off(1);
    rows.truncate(2);
    rows[0].originator_id = Some("172.16.1.9".to_owned());
    rows[0].cluster_list = vec!["172.16.0.10".to_owned(), "172.16.0.11".to_owned()];
    assert_snapshot!(render::routes_wide(&rows), @r#"
    PREFIX        FROM        NEXT HOP    PREF  MED  AS PATH              CHOICE                       ORIGIN  COST  ORIGINATOR  CLUSTERS                 COMMUNITIES          KERNEL
    10.65.2.0/26  172.16.1.2  172.16.1.2   100    -  -                    best                         igp        0  172.16.1.9  172.16.0.10 172.16.0.11  64512:100 no-export  installed via 172.16.1.2 dev eth0 proto bird
    10.65.2.0/26  172.16.2.1  172.16.2.1   100   20  64513 {64514 64515}  lost: its AS path is longer  igp        0  -           -                        -
    "#);
    assert_snapshot!(render::peers_wide(&fake::peers()[..2]), @r#"
    PEER           AS  STATE        SINCE  RECEIVED  ACCEPTED  ADVERTISED  STALE  KIND      FROM  ROUTER ID   FAMILIES                   INFO
    172.16.1.2  64512  established  3m12s      1204      1203           2      0  internal  mesh  172.16.1.2  ipv4-unicast ipv6-unicast  node-b
    172.16.1.3  64512  active          7s        12        12           0     12  internal  file  -           -                          the connection was refused: nothing listens on TCP port 179 there; 12 stale paths kept

    hint: is BGP running on that node, and does it listen on that address? (172.16.1.3)
    "#);
    assert_eq!((render::routes_wide(&[]), render::peers_wide(&[])), (render::routes(&[]), render::peers(&[])));
}

#[test]
fn route() {
    let rows: Vec<_> = fake::routes().into_iter().filter(|row| row.prefix == "10.65.2.0/26").collect();
    assert_snapshot!(render::route(&rows), @r#"
    10.65.2.0/26: 2 paths, best from 172.16.1.2
      kernel: installed via 172.16.1.2 dev eth0 proto bird

      1. from 172.16.1.2: best
         next hop     172.16.1.2
         AS path      empty: from this AS
         origin       igp
         local pref   100
         communities  64512:100, no-export

      2. from 172.16.2.1: lost: its AS path is longer
         next hop    172.16.2.1
         AS path     64513 {64514 64515}
         origin      igp
         local pref  100
         MED         20
    "#);
}

#[test]
fn route_without_a_usable_path() {
    let rows: Vec<_> = fake::routes().into_iter().filter(|row| row.prefix == "10.66.0.0/16").collect();
    assert_snapshot!(render::route(&rows), @r#"
    10.66.0.0/16: 1 path, none usable

      1. from 172.16.2.1: rejected by the import policy
         next hop    172.16.2.1
         AS path     empty: from this AS
         origin      igp
         local pref  100
    "#);
}

#[test]
fn fib() {
    assert_snapshot!(render::fib(&fake::fib()), @r#"
    PREFIX        STATE      WANTED          IN THE KERNEL                       WHY
    10.65.1.0/26  installed  blackhole       blackhole proto bird
    10.65.2.7/32  installed  via 172.16.1.2  via 172.16.1.2 dev eth0 proto bird
    10.65.3.0/26  withheld   via 172.16.2.3  -                                   tunl0 is missing
    10.65.9.0/26  adopted    none            via 172.16.1.9 dev eth0 proto bird
    "#);
}

#[test]
fn pools() {
    assert_snapshot!(render::pools(&fake::pools()), @"
    POOL          MODE               DEVICE       STATE         WANTED  INSTALLED  INFO
    10.65.0.0/16  ipip-cross-subnet  tunl0        up, MTU 1480       3          3
    10.66.0.0/16  vxlan              vxlan.roost  missing            4          1  2 withheld, 1 refused by the kernel
    fd65::/32     direct             -            -                  2          0  2 left to another agent
    ");
    assert_snapshot!(render::pools_wide(&fake::pools()), @"
    POOL          MODE               DEVICE       STATE         WANTED  INSTALLED  FROM    MADE BY  ADDRESSES     INSTALL  PROTOCOL  METRIC      TABLE  INFO
    10.65.0.0/16  ipip-cross-subnet  tunl0        up, MTU 1480       3          3  file:7  roost    10.65.1.0/32  yes      12        0           254
    10.66.0.0/16  vxlan              vxlan.roost  missing            4          1  file:8  -        -             yes      12        0           254    2 withheld, 1 refused by the kernel
    fd65::/32     direct             -            -                  2          0  api     -        -             no       80        local-pref  254    2 left to another agent
    ");
    assert_eq!(render::pools(&[]), "No pools: routes go into the kernel as their next hops resolve.\n");
    let mut others = fake::pools().remove(0);
    others.pool.managed = Some(ManagedRow::default());
    others.tunnel.as_mut().unwrap().ours = false;
    assert!(render::pools(&[others]).ends_with("  the device is another program's\n"));
}

#[test]
fn groups() {
    assert_snapshot!(render::groups(&fake::groups()), @r"
    FAMILY  KIND    EXPORT  PATHS    MEMBERS  BEHIND  ANNOUNCED  WRITTEN  REUSED  WHO
    ipv4    client  accept  several        9       1       1204        7      21  172.16.1.10 172.16.1.2 172.16.1.3 172.16.1.4 and 5 more
    ipv4    client  accept  best           1       1       1204        7      21  172.16.2.1
    ");
    assert_eq!(render::groups(&[]), "No peer is up.\n");
}

#[test]
fn owners() {
    assert_snapshot!(render::owners(&fake::owners()), @r"
    OWNER     PREFIXES  SERVICES       SEEN  LEASE
    cni          12000         2  1m15s ago  15s of 1m30s left, then withdraw
    default          1         2  1m15s ago  none
    services         0         2  1m15s ago  of 1m00s is over; its routes are kept
    ");
    assert_eq!(render::owners(&[]), "Nobody announces prefixes at run time.\n");
}

#[test]
fn overlay() {
    assert_snapshot!(render::overlay(&fake::overlay()), @r#"
    KIND  NAME          BY     IN FORCE                                         SETTINGS
    peer  172.16.2.1    uid 0  yes                                              add_path: {"send":true}, asn: 64513, password: ***
    pool  10.66.0.0/16  -      yes                                              -
    peer  172.16.1.9    uid 0  no: the file has it, too, in line 8, and counts  group: tor
    "#);
    assert_eq!(render::overlay(&[]), "No peer and no pool was set at run time.\n");
    let written = "router: { asn: 64512 } # ours".to_owned();
    let mut config = ConfigText { text: written.clone(), overlay: fake::overlay(), ..ConfigText::default() };
    let shown = render::config(&config);
    let (text, rest) = shown.split_once("\n# Set at run time:\n").unwrap();
    assert_eq!(text, written);
    assert_eq!(rest.replace("# ", ""), render::overlay(&fake::overlay()));
    config.overlay.clear();
    assert_eq!(render::config(&config), written);
}

#[test]
fn a_peer_says_when_it_was_set_at_run_time() {
    let texts = fake::peers().into_iter().map(|row| render::peer(&fake::peer_detail(row)));
    let said: Vec<_> = texts.map(|text| text.contains("at run time, not in the file")).collect();
    assert_eq!(said, [false, false, true, false]);
}

#[test]
fn memory() {
    assert_snapshot!(render::memory(&fake::memory()), @"
    120.5 MiB resident, 200.0 MiB at most so far: 98.0 MiB in these parts, 22.5 MiB elsewhere (code, stacks, the kernel's side, room the allocator keeps)
    144 bytes a path; 3.5 KiB wait to be sent, most of it shared between sessions

    PART              COUNT     BYTES  EACH
    prefixes        1000000  40210432    40
    attribute sets   200000  62550160   312
    group slices          0         0     -
    sessions              3     12000  4000
    ");
    let silent = Memory { resident: None, resident_peak: None, unaccounted: None, ..fake::memory() };
    let text = render::memory(&silent);
    assert_eq!(text.lines().next(), Some("the kernel does not say what is resident: 98.0 MiB in these parts"));
}

#[test]
fn status() {
    assert_snapshot!(render::status(&fake::status(vec!["10.65.1.0/26".to_owned()])), @r#"
    roost 0.1.0 on node-a: running, up 3m12s
      AS               64512
      router id        172.16.1.1
      node address     172.16.1.1/24 of eth0, picked by interface=^eth; now it picks 172.16.1.9/24 of eth1: restart roost to use that one
      node address     fd00:172:16::1/64
      configuration    /etc/roost/roost.yaml, generation 3
      needs a restart  log
      not in force     set at run time: peer 172.16.1.9: the file has it, too, in line 8, and counts
      listening        0.0.0.0:179, [::]:179
      peers            2 of 4 established
      ready            yes
      routes           6 paths of 5 prefixes
      originated       10.65.1.0/26
      connections      1 of at most 1000 without OPEN; refused so far: 12 of strangers, 3 whose OPEN did not come
      kernel           3 installed, 1 withheld, 1 of these beyond fib.max_routes, 1 in conflict with foreign routes, 2 repaired so far
      warning          tunnel device tunl0 has MTU 1500, and 1440 is what fits
    "#);
}

#[test]
fn what_a_reload_did() {
    let step = |text: &str, peer: Option<&str>, ends| StepRow {
        text: text.to_owned(),
        peer: peer.map(str::to_owned),
        ends,
        ..StepRow::default()
    };
    let steps = ConfigSteps {
        generation: 7,
        steps: vec![
            step("block 10.65.3.0/26: announced", None, false),
            step("peer 172.16.1.2: asn changed; the session is reset, because of asn: ...", Some("172.16.1.2"), true),
        ],
        needs_restart: vec!["api".to_owned(), "log".to_owned()],
        warnings: vec!["roost.yaml:3:4: warning: doubtful".to_owned()],
    };
    assert_snapshot!(render::config_steps(&steps, false), @r"
    roost.yaml:3:4: warning: doubtful
    block 10.65.3.0/26: announced
    peer 172.16.1.2: asn changed; the session is reset, because of asn: ...
    needs a restart, and stays as it was until then: api, log
    generation 7 of the configuration is in force; one session was ended: 172.16.1.2
    ");
    assert_snapshot!(render::config_steps(&ConfigSteps::default(), true), @"nothing that is in force is different");
}

#[test]
fn what_waits_to_be_confirmed() {
    let steps = ConfigSteps { generation: 7, ..ConfigSteps::default() };
    let mut applied = Applied { steps, file: "/etc/roost/roost.yaml".to_owned(), confirm_within: Some(60) };
    assert_snapshot!(render::applied(&applied), @r"
    nothing that is in force is different
    generation 7 of the configuration is in force; no session was ended
    it goes back by itself in 60 s, unless `roost confirm` is called
    ");
    applied.confirm_within = None;
    assert_snapshot!(render::applied(&applied), @r"
    nothing that is in force is different
    generation 7 of the configuration is in force; no session was ended
    /etc/roost/roost.yaml has this text
    ");
    let mut status = fake::status(Vec::new()).configuration;
    assert_snapshot!(render::confirmed(&status), @"generation 3 of the configuration stays, and /etc/roost/roost.yaml has its text");
    status.gone_back = Some("new.yaml is not in force any more: nobody confirmed it in time".to_owned());
    assert_snapshot!(render::confirmed(&status), @r"
    new.yaml is not in force any more: nobody confirmed it in time
    generation 3 of the configuration is in force
    ");
    status.unconfirmed = Some(Unconfirmed { name: "newer.yaml".to_owned(), left: 59 });
    assert_snapshot!(render::status(&Status { configuration: status, ..fake::status(Vec::new()) }), @r"
    roost 0.1.0 on node-a: running, up 3m12s
      AS               64512
      router id        172.16.1.1
      node address     172.16.1.1/24 of eth0, picked by interface=^eth; now it picks 172.16.1.9/24 of eth1: restart roost to use that one
      node address     fd00:172:16::1/64
      configuration    /etc/roost/roost.yaml, generation 3
      unconfirmed      newer.yaml is in force, and goes in 59 s unless `roost confirm` is called
      gone back        new.yaml is not in force any more: nobody confirmed it in time
      needs a restart  log
      not in force     set at run time: peer 172.16.1.9: the file has it, too, in line 8, and counts
      listening        0.0.0.0:179, [::]:179
      peers            2 of 4 established
      ready            yes
      routes           6 paths of 5 prefixes
      originated       none
      connections      1 of at most 1000 without OPEN; refused so far: 12 of strangers, 3 whose OPEN did not come
      kernel           3 installed, 1 withheld, 1 of these beyond fib.max_routes, 1 in conflict with foreign routes, 2 repaired so far
      warning          tunnel device tunl0 has MTU 1500, and 1440 is what fits
    ");
}

#[test]
fn a_plan() {
    let step = StepRow {
        text: "peer 172.16.1.2: removed, its session ends".to_owned(),
        peer: Some("172.16.1.2".to_owned()),
        ends: true,
        ..StepRow::default()
    };
    let steps = ConfigSteps { generation: 7, steps: vec![step], ..ConfigSteps::default() };
    let unknown = vec!["172.16.1.9: new, so nobody knows".to_owned()];
    let kernel = Some(fake::kernel_fates());
    let exports = fake::exports();
    let plan = Plan { steps, routes: fake::fates(), routes_total: 6, exports, exports_total: 3, kernel, unknown };
    assert_snapshot!(render::plan(&plan), @r"
    peer 172.16.1.2: removed, its session ends
    sessions that would end: 1
    routes that would change: 6
      10.65.2.0/26 via 172.16.1.2, vanishes, in the kernel, too
      10.65.3.0/26 via 172.16.1.2 → via 172.16.1.3, in the kernel, too
      10.65.4.0/26 via 172.16.1.2, gone until the session is back, in the kernel, too
      10.65.5.0/26 none → ours
      10.65.6.0/26 via 172.16.1.2, vanishes unless a new peer announces it, in the kernel, too
      and 1 more
    peers that would be told something else: 3
      172.16.1.3: 2 announced, 1 withdrawn
      172.16.1.4: 1 changed, 1 for a moment
      and 1 more
    kernel routes that would change: 5
      in no pool: 1 removed
      pool 10.66.0.0/16: 1 added, 2 changed, 1 for a moment
      10.66.2.0/26 via 172.16.1.2 dev eth0 proto bird → 10.66.2.0/26 via 172.16.1.2 dev tunl0 onlink proto bird
      10.66.2.0/26 via 172.16.1.3 dev eth0 proto bird → none until the session is back
    not known: 172.16.1.9: new, so nobody knows
    ");
}

#[test]
fn nothing_is_said_in_words() {
    assert_eq!(render::peers(&[]), "No peers.\n");
    assert_eq!(render::routes(&[]), "No routes.\n");
    assert_eq!(render::route(&[]), "No routes.\n");
    assert_eq!(render::fib(&[]), "No kernel routes.\n");
}

#[test]
fn no_line_ends_in_blanks_and_nothing_is_cut() {
    let mut rows = fake::routes();
    rows[1].as_path = (1..200).map(|asn| asn.to_string()).collect::<Vec<_>>().join(" ");
    for text in [render::routes(&rows), render::peers(&fake::peers()), render::fib(&fake::fib())] {
        assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
    }
    assert!(render::routes(&rows).contains(&rows[1].as_path));
}

#[test]
fn why() {
    assert_snapshot!(render::why(&fake::why()), @r#"
    packets to 10.65.2.7 go to node-b, via 172.16.1.2 on eth0
      pool       10.65.0.0/16, ipip-cross-subnet by tunl0
      announced  10.65.2.0/26 by 172.16.1.2 (node-b), of 2 paths
      lost       by 172.16.2.1: lost: its AS path is longer
      next hop   172.16.1.2 is a neighbour: 172.16.1.2 dev eth0
      wanted     via 172.16.1.2: installed
      kernel     goes by `10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird`
      device     eth0: veth, up, MTU 1500
      neighbour  172.16.1.2 is 02:00:00:00:01:02 REACHABLE
    "#);
}

#[test]
fn why_a_packet_is_lost() {
    let lost = Why {
        verdict: "packets to 10.65.2.7 go nowhere".to_owned(),
        contradictions: vec!["eth0 is down".to_owned()],
        pool: None,
        prefix: None,
        paths: Vec::new(),
        paths_total: 0,
        fib: None,
        next_hops: Vec::new(),
        lookup: None,
        lookup_error: Some("Network is unreachable".to_owned()),
        hops: Vec::new(),
        ..fake::why()
    };
    assert_snapshot!(render::why(&lost), @r#"
    packets to 10.65.2.7 go nowhere
      pool       none has this address
      announced  by nobody
      kernel     says Network is unreachable
      kernel     has `10.65.2.0/26 via 172.16.1.2 dev eth0 proto bird` as the longest match
      but        eth0 is down
    "#);
}

#[test]
fn doctor() {
    let off = Finding::error("IPv4 forwarding is off: net/ipv4/ip_forward is 0", "its pods are not reached");
    let report = Report {
        settings: "settings of the roost that answers on /run/roost/roost.sock".to_owned(),
        netns: "net:[4026531840]".to_owned(),
        looked: true,
        outcomes: vec![
            Outcome::of(
                "daemon",
                "runs as process 7",
                vec![Finding::note("fib.enabled is false", "no route is written")],
            ),
            Outcome::of(
                "forwarding",
                "net/ipv4/ip_forward is 0",
                vec![off.typing("sysctl -w net/ipv4/ip_forward=1").hint("now")],
            ),
            Outcome::of("tunnels", "tunl0 ipip, MTU 1480", Vec::new()),
            Outcome::not_checked("FORWARD", "neither nft nor iptables found, or they failed"),
        ],
    };
    assert_snapshot!(render::doctor(&report), @r#"
    settings of the roost that answers on /run/roost/roost.sock

    ERROR (forwarding): IPv4 forwarding is off: net/ipv4/ip_forward is 0
      why   its pods are not reached
      type  sysctl -w net/ipv4/ip_forward=1
      hint  now

    note (daemon): fib.enabled is false
      why  no route is written

    in order:
      tunnels  tunl0 ipip, MTU 1480

    not checked:
      FORWARD  neither nft nor iptables found, or they failed
    "#);
}
