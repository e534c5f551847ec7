//! Two of them beside roost: X is external and dials roost, Y is internal and waits for it.
//!
//! X (AS 4200000001) has an IPv4 and an IPv6 session with roost, Y one session for both families and a hold time of
//! three seconds. What X announces goes through roost to Y, so both kinds of session and all attributes are seen.

use roost_tests::{Daemon, Netns, until};
use serde_json::Value;

use crate::features::{Cells, Feature::*};
use crate::lan::{Wired, kernel_has, kernel_lacks, path_when};
use crate::other::{Node, Origin, Other, Session, set};
use crate::{LIMIT, roost};

const X_AS: u32 = 4_200_000_001;
const TAGGED: &str = "10.66.2.0/24";

struct Here<'d> {
    other: &'d dyn Other,
    roost: Daemon,
    x: Daemon,
    y: Daemon,
    x_node: Node,
}

pub fn scenario(other: &dyn Other) {
    let wired = Wired::new("s", other.name());
    let (roost_ns, x_ns, y_ns) = (wired.plug("roost", 1), wired.plug("x", 2), wired.plug("y", 3));
    let tagged = Origin {
        prefix: TAGGED.to_owned(),
        communities: vec!["65001:100".to_owned(), "65001:200".to_owned()],
        large: vec!["65001:1:2".to_owned(), "4200000001:4294967295:0".to_owned()],
        targets: vec!["65001:300".to_owned()],
        med: Some(77),
        prepend: 0,
    };
    let mut x_node = Node::new(X_AS, 2).with(Session::v4(1, roost::ASN)).with(Session::v6(1, roost::ASN));
    x_node = x_node.origin("10.66.1.0/24").origin("fd00:66:1::/64");
    x_node.origins.push(tagged);
    let both = |session| Session { v6: true, ..session };
    let y_node = Node::new(roost::ASN, 3)
        .with(Session { passive: true, hold: 3, ..both(Session::v4(1, roost::ASN)) })
        .origin("10.67.1.0/24")
        .origin("fd00:67:1::/64");
    let node = Node::new(roost::ASN, 1)
        .with(Session { passive: true, ..Session::v4(2, X_AS) })
        .with(Session { passive: true, ..Session::v6(2, X_AS) })
        .with(both(Session::v4(3, roost::ASN)))
        .origin("10.65.1.0/26")
        .origin("fd00:65:1::/122");
    let policies = "policies:\n  \
        from-x: { rules: [ { set: { local_pref: 150 }, action: accept } ] }\n  \
        to-x: { rules: [ { set: { med: 50, communities: { add: [\"64512:7\"] } }, action: accept } ] }\n";
    let extra = |number| if number < 2 { ", import: from-x, export: to-x".to_owned() } else { String::new() };

    // roost first: some try a refused connection again only after half a minute.
    let roost = roost::start(&roost_ns, &node, extra, policies);
    let x = other.start(&x_ns, &x_node);
    let y = other.start(&y_ns, &y_node);
    let here = Here { other, roost, x, y, x_node };
    let mut cells = Cells::of(other);
    here.come_up(&mut cells);
    here.exchange(&mut cells);
    here.attributes(&mut cells);
    here.ends(&mut cells);
    cells.close();
}

impl Here<'_> {
    fn come_up(&self, cells: &mut Cells<'_>) {
        cells.cell(EbgpTheyDial, || {
            let row = roost::established(&self.roost, "10.9.0.2");
            assert!(text(&row, "local").ends_with(":179"), "roost dialled: {row}");
            assert_eq!((&row["kind"], &row["asn"]), (&"external".into(), &X_AS.into()), "{row}");
            self.up(&self.x, "10.9.0.1");
        });
        cells.cell(IbgpWeDial, || {
            let row = roost::established(&self.roost, "10.9.0.3");
            assert!(text(&row, "remote").ends_with(":179"), "they dialled: {row}");
            assert_eq!(row["kind"], "internal", "{row}");
            self.up(&self.y, "10.9.0.1");
        });
        cells.cell(Ipv6Session, || {
            let row = roost::established(&self.roost, "fd00:9::2");
            assert_eq!(row["families"], serde_json::json!(["ipv6"]), "{row}");
            self.up(&self.x, "fd00:9::1");
            kernel_has(self.roost.ns(), "fd00:66:1::/64 via fd00:9::2 dev eth0");
            self.sees(&self.x, "fd00:65:1::/122", |path| path.contains("fd00:9::1"));
        });
        cells.cell(BothFamilies, || {
            let row = roost::established(&self.roost, "10.9.0.3");
            assert_eq!(row["families"], serde_json::json!(["ipv4", "ipv6"]), "{row}");
            kernel_has(self.roost.ns(), "10.67.1.0/24 via 10.9.0.3 dev eth0");
            kernel_has(self.roost.ns(), "fd00:67:1::/64 via fd00:9::3 dev eth0");
            self.sees(&self.y, "10.65.1.0/26", |next_hop| next_hop == "10.9.0.1");
            self.sees(&self.y, "fd00:65:1::/122", |next_hop| next_hop.contains("fd00:9::1"));
        });
        cells.cell(HoldTime, || {
            let row = roost::established(&self.roost, "10.9.0.3");
            assert_eq!((&row["hold_time"], &row["keepalive"]), (&3.into(), &1.into()), "{row}");
        });
    }

    fn exchange(&self, cells: &mut Cells<'_>) {
        let (roost, x) = (&self.roost, &self.x);
        cells.cell(RoutesIn, || kernel_has(roost.ns(), "10.66.1.0/24 via 10.9.0.2 dev eth0"));
        cells.cell(RoutesOut, || self.sees(x, "10.65.1.0/26", |next_hop| next_hop == "10.9.0.1"));
        cells.cell(EndOfRibIn, || {
            roost::peer_when(roost, "10.9.0.2", "its End-of-RIB", |row| {
                row["end_of_rib"] == serde_json::json!(["ipv4"])
            });
        });
        cells.cell(EndOfRibOut, || {
            until("End-of-RIB of roost", LIMIT, || {
                if self.other.end_of_rib(x, address("10.9.0.1")) { Ok(()) } else { Err(x.log()) }
            });
        });
        cells.cell(WithdrawIn, || {
            self.other.announce(x, &self.x_node, "10.66.9.0/24");
            kernel_has(roost.ns(), "10.66.9.0/24 via 10.9.0.2 dev eth0");
            self.sees(&self.y, "10.66.9.0/24", |_| true);
            self.other.withdraw(x, &self.x_node, "10.66.9.0/24");
            kernel_lacks(roost.ns(), "10.66.9.0/24");
            self.gone(&self.y, "10.66.9.0/24");
        });
        cells.cell(WithdrawOut, || {
            let six = if self.other.lacks(BothFamilies).is_none() { Some("fd00:65:9::/122") } else { None };
            let all: Vec<&str> = ["10.65.9.0/26"].into_iter().chain(six).collect();
            roost.ask(&format!("announce {}", all.join(" ")));
            all.iter().for_each(|prefix| self.sees(x, prefix, |_| true));
            roost.ask(&format!("withdraw {}", all.join(" ")));
            all.iter().for_each(|prefix| self.gone(x, prefix));
        });
        cells.cell(TheyRefresh, || {
            let count = |row: &Value| {
                let count = |key: &str| row["messages"][key].as_u64().unwrap_or(0);
                (count("refresh_in"), count("update_out"))
            };
            let before = count(&roost::peer(roost, "10.9.0.2"));
            self.other.refresh(x, address("10.9.0.1"));
            roost::peer_when(roost, "10.9.0.2", "a refresh taken and answered", |row| {
                let now = count(row);
                now.0 > before.0 && now.1 > before.1
            });
            self.sees(x, "10.65.1.0/26", |_| true);
        });
        cells.cell(WeRefresh, || {
            let updates = |row: &Value| row["messages"]["update_in"].as_u64().unwrap_or(0);
            let before = (self.other.refreshes(x, address("10.9.0.1")), updates(&roost::peer(roost, "10.9.0.2")));
            roost.ask("peer refresh 10.9.0.2 --in");
            until("they have taken it", LIMIT, || {
                let refreshes = self.other.refreshes(x, address("10.9.0.1"));
                if refreshes > before.0 { Ok(()) } else { Err(self.other.last_error(x, address("10.9.0.1"))) }
            });
            roost::peer_when(roost, "10.9.0.2", "their routes again", |row| updates(row) > before.1);
            kernel_has(roost.ns(), "10.66.1.0/24 via 10.9.0.2 dev eth0");
        });
    }

    fn attributes(&self, cells: &mut Cells<'_>) {
        let at_y = || path_when("the tagged route at Y", || self.other.paths(&self.y, TAGGED), |_| true);
        let at_roost = || {
            until("the tagged route at roost", LIMIT, || {
                roost::paths(&self.roost, TAGGED).first().cloned().ok_or_else(|| "no path".to_owned())
            })
        };
        let roost_shows = |wanted: &[&str]| {
            let path = at_roost();
            for &community in wanted {
                let have = path["communities"].as_array().unwrap();
                assert!(have.iter().any(|have| have == community), "{community} is not in {path}");
            }
        };
        cells.cell(Communities, || {
            roost_shows(&["65001:100", "65001:200"]);
            assert_eq!(at_y().communities, set("65001:100 65001:200"));
        });
        cells.cell(LargeCommunities, || {
            roost_shows(&["65001:1:2", "4200000001:4294967295:0"]);
            assert_eq!(at_y().large, set("65001:1:2 4200000001:4294967295:0"));
        });
        cells.cell(ExtendedCommunities, || {
            let path = at_roost();
            let have = path["communities"].as_array().unwrap();
            assert!(have.iter().any(|have| have.as_str().is_some_and(|text| text.ends_with("65001:300"))), "{path}");
            assert_eq!(at_y().extended, set("rt:65001:300"));
        });
        cells.cell(MedIn, || {
            assert_eq!(at_roost()["med"], 77);
            assert_eq!(at_y().med, Some(77));
        });
        cells.cell(LocalPref, || {
            assert_eq!(at_roost()["local_pref"], 150);
            assert_eq!(at_y().local_pref, Some(150));
        });
        cells.cell(FourOctets, || {
            assert_eq!(at_roost()["as_path"], X_AS.to_string());
            assert_eq!(at_y().as_path, [X_AS.to_string()]);
        });
        cells.cell(MedOut, || {
            let path = path_when("roost's block at X", || self.other.paths(&self.x, "10.65.1.0/26"), |_| true);
            assert_eq!((path.med, path.communities), (Some(50), set("64512:7")));
            // iBGP to eBGP: LOCAL_PREF stays inside, the AS is put in front, the next hop is roost's own or Y's.
            let path = path_when("Y's route at X", || self.other.paths(&self.x, "10.67.1.0/24"), |_| true);
            assert_eq!(path.as_path, ["64512"]);
        });
    }

    fn ends(self, cells: &mut Cells<'_>) {
        cells.cell(ShutdownText, || {
            self.other.shut(&self.x, address("10.9.0.1"), "back-at-noon");
            let row = roost::peer_when(&self.roost, "10.9.0.2", "down", |row| row["state"] != "established");
            let reason = text(&row, "reason");
            assert!(reason.contains("back-at-noon"), "{row}");
            kernel_lacks(self.roost.ns(), "10.66.1.0/24");
        });
        cells.cell(HoldExpiry, || {
            signal_all(self.y.ns(), "STOP");
            let down =
                |row: &Value| row["state"] != "established" && text(row, "reason").to_lowercase().contains("hold");
            roost::peer_when(&self.roost, "10.9.0.3", "down by its hold timer", down);
            signal_all(self.y.ns(), "CONT");
            roost::established(&self.roost, "10.9.0.3");
            self.up(&self.y, "10.9.0.1");
        });
        cells.cell(OurShutdownText, || {
            self.roost.ask("peer disable 10.9.0.3 --message back-at-noon");
            until("they show the text", LIMIT, || {
                let said = self.other.last_error(&self.y, address("10.9.0.1")) + &self.y.log();
                if said.contains("back-at-noon") { Ok(()) } else { Err(said) }
            });
            kernel_lacks(self.roost.ns(), "10.67.1.0/24");
            self.gone(&self.y, "10.65.1.0/26");
        });
    }

    #[track_caller]
    fn up(&self, daemon: &Daemon, peer: &str) {
        until("their session is up", LIMIT, || self.other.established(daemon, address(peer)));
    }

    #[track_caller]
    fn sees(&self, daemon: &Daemon, prefix: &str, next_hop: impl Fn(&str) -> bool) {
        path_when(&format!("{prefix} at them"), || self.other.paths(daemon, prefix), |path| next_hop(&path.next_hop));
    }

    #[track_caller]
    fn gone(&self, daemon: &Daemon, prefix: &str) {
        until(&format!("{prefix} gone at them"), LIMIT, || {
            let paths = self.other.paths(daemon, prefix);
            if paths.is_empty() { Ok(()) } else { Err(format!("{paths:#?}")) }
        });
    }
}

/// Signals every process of a namespace: some daemons are several.
fn signal_all(ns: &Netns, signal: &str) {
    let line = format!("kill -{signal} $(ip netns pids {})", ns.full_name());
    let status = std::process::Command::new("sh").args(["-c", &line]).status();
    assert!(status.is_ok_and(|status| status.success()), "{line}");
}

fn address(text: &str) -> std::net::IpAddr {
    text.parse().unwrap()
}

fn text<'v>(row: &'v Value, key: &str) -> &'v str {
    row[key].as_str().unwrap_or("")
}
