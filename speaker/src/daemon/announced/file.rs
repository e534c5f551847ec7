//! The list on disk: what owners announce, kept over a restart.
//!
//! It lies beside the control socket, under `/run` as a rule: it lives exactly as long as the kernel's routes do. After a
//! kill the blocks are announced again before the first session is up, so peers that waited (RFC 4724) see no change;
//! after a reboot there is nothing to keep, and the agent announces anew.
//!
//! ```text
//! roost announced 2
//! owner cni lease 60 withdraw
//! 10.65.1.0/26
//! 10.65.9.9/32 service
//! end 2
//! ```
//!
//! A list without the first line is of the time when there were no owners, and the default owner's.
//!
//! Written as a whole, beside the old one, then renamed: a crash leaves the old list or the new one, never half of it.
//! What is cut short all the same, by a file system that lost power, lacks its last line. It is read to a bound and no
//! further, whoever has written it.
//!
//! A list that is not whole is never taken for a shorter one: it is put aside, and the node starts without it. The agents
//! hear that nobody knows them (404), and say again all that they announce; the node is not ready until they have
//! ([`Lost`]). Until then a line `lost OWNER` stands in the new list for each of them, or `lost *`.
//!
//! Why the start is not refused: peers keep the blocks of a node that is away no longer than the restart time, and no
//! agent can announce them again while nothing runs. A node that starts has its sessions, the configuration's blocks, and
//! what the others announce, and lacks its agents' blocks for as long as these take.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use bgp_proto::Prefix;

use super::{AnnouncedError, Lost, MOST, OWNERS, Owner};
use crate::api::model::{Lease, Then};
use crate::api::{Kind, OwnerName};
use crate::daemon::whole_file;

/// The first line.
const HEAD: &str = "roost announced 2";
/// The longest line of a prefix: eight groups of an IPv6 address, its length, the line end.
const LINE: usize = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128 service\n".len();
/// The longest line of an owner, more than that.
const OWNER_LINE: usize = 128;
/// Octets of the longest list.
const LONGEST: usize = MOST * LINE + (2 * OWNERS + 2) * OWNER_LINE;
/// Characters of a wrong line that an error shows.
const SHOWN: usize = 64;

/// The list on disk.
#[derive(Debug)]
pub(super) struct AnnouncedFile {
    pub(super) path: PathBuf,
}

impl AnnouncedFile {
    /// The list that belongs to a control socket: `roost.sock` keeps `roost.sock.announced`.
    pub fn beside(socket: &Path) -> Self {
        Self { path: whole_file::beside(socket, ".announced") }
    }

    /// What was announced when the last process ended, and who has not said yet what a damaged list had of it; nothing when
    /// there is no file. One that cannot be read, or is no list of at most [`MOST`] prefixes, is put aside.
    pub fn load(&self) -> Kept {
        let what = ("what was announced at run time", "the node is ready when its agents have said all of it again");
        let kept: Option<Kept> = whole_file::load(&self.path, LONGEST, |text| parse(text).map(Some), what);
        kept.unwrap_or_else(|| {
            let damaged = whole_file::put_aside(&self.path).map(|aside| whole_file::read_some(&aside, LONGEST));
            Kept { lost: damaged.map_or(Lost::Nothing, |text| Lost::with(&text)), owners: BTreeMap::new() }
        })
    }

    /// Replaces the list.
    ///
    /// # Errors
    /// When the directory cannot be written to; the old list is then still there.
    pub fn store<'a>(
        &self,
        lost: &Lost,
        owners: impl Iterator<Item = (&'a OwnerName, &'a Owner)>,
    ) -> Result<(), AnnouncedError> {
        whole_file::replace(&self.path, &print(lost, owners))
            .map_err(|error| AnnouncedError::Write { path: self.path.clone(), error })
    }
}

fn print<'a>(lost: &Lost, owners: impl Iterator<Item = (&'a OwnerName, &'a Owner)>) -> String {
    // Writing to a String cannot fail.
    let (mut text, mut count) = (format!("{HEAD}\n"), 0);
    lost.print(&mut text);
    for (name, owner) in owners {
        let _ = match owner.lease {
            None => writeln!(text, "owner {name}"),
            Some(Lease { seconds, then: Then::Keep }) => writeln!(text, "owner {name} lease {seconds} keep"),
            Some(Lease { seconds, then: Then::Withdraw }) => writeln!(text, "owner {name} lease {seconds} withdraw"),
        };
        for (prefix, kind) in &owner.routes {
            let _ = match kind {
                Kind::Block => writeln!(text, "{prefix}"),
                Kind::Service => writeln!(text, "{prefix} service"),
            };
        }
        count += owner.routes.len();
    }
    let _ = writeln!(text, "end {count}");
    text
}

/// What a list says.
#[derive(Default)]
pub(super) struct Kept {
    pub owners: BTreeMap<OwnerName, Owner>,
    pub lost: Lost,
}

fn parse(text: &str) -> Result<Kept, String> {
    let lines = text.lines().map(str::trim).zip(1..).filter(|(line, _)| !line.is_empty());
    let (mut owners, mut lost) = (Owners::default(), Lost::default());
    let mut end = if text.lines().next() == Some(HEAD) { Some(false) } else { None };
    for (line, number) in lines.skip(usize::from(end.is_some())) {
        let wrong = |why: String| {
            let shown: String = line.chars().take(SHOWN).collect();
            format!("line {number}: {shown:?} {why}")
        };
        match (line.split_once(' '), end) {
            (_, Some(true)) => return Err(wrong("stands behind the end".to_owned())),
            (Some(("owner", owner)), Some(false)) => owners.begin(owner).map_err(wrong)?,
            (Some(("lost", owner)), Some(false)) => lost.read(owner).map_err(wrong)?,
            (Some(("end", count)), Some(false)) if count == owners.count.to_string() => end = Some(true),
            (Some((prefix, "service")), Some(false)) => owners.add(prefix, Kind::Service).map_err(wrong)?,
            _ => owners.add(line, Kind::Block).map_err(wrong)?,
        }
    }
    match end {
        Some(false) => Err("its end is missing".to_owned()),
        Some(true) | None => Ok(Kept { owners: owners.all, lost }),
    }
}

/// What was read so far.
#[derive(Default)]
struct Owners {
    all: BTreeMap<OwnerName, Owner>,
    current: Option<OwnerName>,
    count: usize,
}

impl Owners {
    /// `NAME` or `NAME lease SECONDS keep|withdraw`
    fn begin(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.split(' ');
        let name: OwnerName = words.next().unwrap_or_default().parse()?;
        let lease = match (words.next(), words.next().map(str::parse), words.next(), words.next()) {
            (None, ..) => None,
            (Some("lease"), Some(Ok(seconds)), Some("keep"), None) => Some(Lease { seconds, then: Then::Keep }),
            (Some("lease"), Some(Ok(seconds)), Some("withdraw"), None) => Some(Lease { seconds, then: Then::Withdraw }),
            _ => return Err("is no owner with a lease".to_owned()),
        };
        if self.all.len() >= OWNERS {
            return Err(format!("is one owner more than {OWNERS}"));
        }
        if self.all.insert(name.clone(), Owner { lease, ..Owner::new() }).is_some() {
            return Err("is there twice".to_owned());
        }
        self.current = Some(name);
        Ok(())
    }

    fn add(&mut self, text: &str, kind: Kind) -> Result<(), String> {
        let prefix: Prefix = text.parse().map_err(|error| format!("is no prefix: {error}"))?;
        let name = self.current.get_or_insert_with(OwnerName::default_owner).clone();
        self.all.entry(name).or_insert_with(Owner::new).routes.insert(prefix, kind);
        self.count += 1;
        if self.count > MOST { Err(format!("is one prefix more than {MOST}")) } else { Ok(()) }
    }
}
