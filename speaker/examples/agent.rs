//! Plays the agent of a network plugin: it gives blocks to its node and takes them away, at random, and keeps roost
//! informed over its control socket. It is a pattern for agents, and the tests kill it again and again.
//!
//! ```text
//! cargo run --example agent -- SOCKET OWNER JOURNAL FIRST COUNT CHANGES
//! ```
//!
//! What makes it right however it, or roost, ends:
//!
//! * What should be announced is its own record, here a journal of lines `+BLOCK` and `-BLOCK`, written before roost is
//!   told. It never asks roost what that was.
//! * It begins with a PUT of the whole set: what roost does not have is announced, what nobody wants any more goes.
//! * After that a PATCH for each change. When one fails, it can't know whether it was done, and begins again with the PUT.
//! * Its name is the owner of its blocks, so that another agent on the node has others, or the same.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use speaker::api::model::{Lease, OwnerDone, OwnerPatch, OwnerRoutes, Then};
use speaker::cli::{Client, ClientError};

/// Blocks given or taken in one change, at most.
const AT_ONCE: usize = 60;
/// Pause before roost is tried again.
const PAUSE: Duration = Duration::from_millis(100);

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [socket, owner, journal, first, count, changes] = &arguments[..] else {
        bail!(
            "usage: agent SOCKET OWNER JOURNAL FIRST COUNT CHANGES (blocks FIRST to FIRST + COUNT - 1 of 10.64.0.0/10)"
        );
    };
    let (first, count, changes): (u32, u32, usize) = (first.parse()?, count.parse()?, changes.parse()?);
    let (mut journal, mut wanted) = open(Path::new(journal)).with_context(|| format!("the journal {journal}"))?;
    let agent = Agent { client: Client::new(socket), page: format!("/v1/owners/{owner}") };
    agent.put(&wanted).await?;
    for _ in 0..changes {
        let patch = change(&mut wanted, first, count);
        let lines = patch.announce.iter().map(|block| format!("+{block}\n"));
        let lines: String = lines.chain(patch.withdraw.iter().map(|block| format!("-{block}\n"))).collect();
        journal.write_all(lines.as_bytes())?;
        if agent.client.patch::<OwnerDone>(&agent.page, &patch).await.is_err() {
            agent.put(&wanted).await?;
        }
    }
    writeln!(io::stdout(), "{} blocks announced", wanted.len())?;
    Ok(())
}

/// The journal, and what it says is wanted. A line that was cut short by a kill was not told to anybody.
fn open(path: &Path) -> io::Result<(File, BTreeSet<String>)> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let (mut wanted, mut length) = (BTreeSet::new(), 0);
    let (mut reader, mut line) = (BufReader::new(&file), String::new());
    while reader.read_line(&mut line)? > 0 && line.ends_with('\n') {
        match line.trim_end().split_at(1) {
            ("+", block) => wanted.insert(block.to_owned()),
            (_, block) => wanted.remove(block),
        };
        length += line.len() as u64;
        line.clear();
    }
    file.set_len(length)?;
    file.seek(SeekFrom::End(0))?;
    Ok((file, wanted))
}

/// Pods come and go: some blocks that the node has are taken away, some that it has not are given to it.
fn change(wanted: &mut BTreeSet<String>, first: u32, count: u32) -> OwnerPatch {
    let mut patch = OwnerPatch::default();
    for _ in 0..fastrand::usize(1..=AT_ONCE) {
        let number = first + fastrand::u32(..count);
        let block = format!("{}/26", Ipv4Addr::from_bits(0x0a40_0000 + (number << 6)));
        if patch.announce.contains(&block) || patch.withdraw.contains(&block) {
            continue; // one request says one thing of a block
        }
        if wanted.remove(&block) {
            patch.withdraw.push(block);
        } else {
            wanted.insert(block.clone());
            patch.announce.push(block);
        }
    }
    patch
}

/// The way to roost.
struct Agent {
    client: Client,
    page: String,
}

impl Agent {
    /// This is all that we announce. Tried until roost has taken it; what roost refuses is a mistake of ours.
    async fn put(&self, wanted: &BTreeSet<String>) -> anyhow::Result<OwnerDone> {
        let lease = Some(Lease { seconds: 60, then: Then::Keep });
        let all = OwnerRoutes { prefixes: wanted.iter().cloned().collect(), lease, ..OwnerRoutes::default() };
        loop {
            match self.client.put(&self.page, &all).await {
                Ok(done) => return Ok(done),
                Err(ClientError::Refused(problem)) if problem.status < 500 => bail!(problem.detail),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}
