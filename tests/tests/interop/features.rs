//! The rows of the table, and how a cell gets its mark.
//!
//! A scenario runs one lab and fills several cells. Each cell's checks run by themselves: one that fails is a FAIL in
//! the table and fails the scenario at its end, but does not hide what the others would have said. A daemon that
//! lacks a feature says so in words ([`Other::lacks`](crate::other::Other::lacks)); a cell nobody filled is a FAIL too.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::other::Other;

macro_rules! features {
    ($($name:ident: $text:literal,)*) => {
        /// What is shown, in the order of the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Feature { $($name,)* }

        impl Feature {
            /// All of them.
            pub const ALL: &'static [Feature] = &[$(Feature::$name,)*];

            /// The row's head.
            pub fn text(self) -> &'static str {
                match self { $(Feature::$name => $text,)* }
            }
        }
    };
}

features! {
    EbgpTheyDial: "eBGP session, they dial",
    IbgpWeDial: "iBGP session, roost dials",
    EbgpWeDial: "eBGP session, roost dials",
    IbgpTheyDial: "iBGP session, they dial",
    Ipv6Session: "IPv6 session",
    BothFamilies: "both families over one session",
    RoutesIn: "routes to roost and its kernel",
    RoutesOut: "routes from roost",
    WithdrawIn: "announced and withdrawn by them",
    WithdrawOut: "announced and withdrawn by roost",
    LargeTables: "thousands of routes both ways",
    Communities: "communities unchanged through roost",
    LargeCommunities: "large communities unchanged through roost",
    ExtendedCommunities: "extended communities unchanged through roost",
    MedIn: "MED from them, on to iBGP",
    MedOut: "MED and community set by roost's policy",
    LocalPref: "LOCAL_PREF by roost's policy, on to iBGP",
    LongPath: "AS_PATH of 255",
    FourOctets: "4-octet AS numbers",
    AsTrans: "AS_TRANS with a 2-octet peer",
    Password: "TCP MD5",
    TheyRefresh: "route refresh asked by them",
    WeRefresh: "route refresh asked by roost",
    EndOfRibIn: "End-of-RIB from them",
    EndOfRibOut: "End-of-RIB from roost",
    HoldTime: "hold time of 3 s negotiated",
    HoldExpiry: "hold timer expires when they hang",
    ShutdownText: "shutdown text (RFC 9003) from them",
    OurShutdownText: "shutdown text from roost",
    Notification: "refused OPEN named on both sides",
    ExtendedMessages: "extended messages",
    Helper: "graceful restart: they restart, no route moves",
    Restarter: "graceful restart: roost restarts, they keep",
    Reflects: "clients of roost: ORIGINATOR_ID, CLUSTER_LIST",
    Reflected: "roost as their client",
    AddPathSend: "ADD-PATH from roost",
    AddPathReceive: "ADD-PATH to roost",
    Odd: "odd attributes",
}

/// The cells one scenario fills for one daemon.
pub struct Cells<'d> {
    other: &'d dyn Other,
    failed: Vec<String>,
}

impl<'d> Cells<'d> {
    pub fn of(other: &'d dyn Other) -> Cells<'d> {
        Cells { other, failed: Vec::new() }
    }

    /// Runs one cell's checks, unless the daemon lacks the feature.
    pub fn cell(&mut self, feature: Feature, checks: impl FnOnce()) {
        if let Some(reason) = self.other.lacks(feature) {
            return record(self.other, feature, "–", reason);
        }
        match catch_unwind(AssertUnwindSafe(checks)) {
            Ok(()) => record(self.other, feature, "ok", ""),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
                let text = text.unwrap_or_default();
                record(self.other, feature, "FAIL", text.lines().next().unwrap_or(""));
                self.failed.push(format!("== {}: {text}", feature.text()));
            }
        }
    }

    /// Marks features as lacking that have no scenario to run in.
    pub fn lacking(&mut self, features: &[Feature]) {
        for &feature in features {
            let reason = self.other.lacks(feature);
            let reason = reason.unwrap_or_else(|| panic!("{}: {} has no checks", self.other.name(), feature.text()));
            record(self.other, feature, "–", reason);
        }
    }

    /// Fails the test when a cell has failed.
    #[track_caller]
    pub fn close(self) {
        assert!(
            self.failed.is_empty(),
            "{} cells of {} failed:\n{}",
            self.failed.len(),
            self.other.name(),
            self.failed.join("\n")
        );
    }
}

/// One line a cell, for `tests/interop`: to the file it names, and for people to standard output.
fn record(other: &dyn Other, feature: Feature, mark: &str, note: &str) {
    let line = format!("{}\t{}\t{mark}\t{}\n", other.name(), feature.text(), note.replace('\t', " "));
    #[allow(clippy::print_stdout)]
    {
        print!("{line}");
    }
    if let Some(path) = std::env::var_os("ROOST_INTEROP_CELLS") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        file.unwrap_or_else(|error| panic!("cannot open {path:?}: {error}"))
            .write_all(line.as_bytes())
            .expect("appends");
    }
}

/// The table of what the scenarios have recorded, as Markdown, with a note for each "–". Also whether no cell failed;
/// a cell that nobody filled is a failure, unless only some tests were asked for.
pub fn table(others: &[&dyn Other], cells: &str, partial: bool) -> (String, bool) {
    let (mut out, mut notes, mut good) = ("| |".to_owned(), Vec::new(), true);
    for other in others {
        out += &format!(" {} |", other.version());
    }
    out += &format!("\n|---|{}", "---|".repeat(others.len()));
    for feature in Feature::ALL {
        out += &format!("\n| {} |", feature.text());
        for other in others {
            // The last word counts: bird6 fills a cell that bird leaves open.
            let mine = cells.lines().rev().map(|line| line.split('\t').collect::<Vec<_>>());
            let mine = mine.filter(|words| words.len() == 4 && words[0] == other.name() && words[1] == feature.text());
            let mut mine: Vec<Vec<&str>> = mine.collect();
            mine.sort_by_key(|words| ["FAIL", "ok", "–"].iter().position(|mark| *mark == words[2]));
            let (mark, note) = mine.first().map_or(("", ""), |words| (words[2], words[3]));
            let mark = if mark.is_empty() && !partial { "FAIL" } else { mark };
            good &= mark != "FAIL";
            if mark == "–" {
                let at = notes.iter().position(|have| *have == note).unwrap_or_else(|| {
                    notes.push(note);
                    notes.len() - 1
                });
                out += &format!(" – ({}) |", at + 1);
            } else {
                out += &format!(" {mark} |");
            }
        }
    }
    for (note, number) in notes.iter().zip(1..) {
        out += &format!("\n({number}) {note}");
    }
    (out, good)
}
