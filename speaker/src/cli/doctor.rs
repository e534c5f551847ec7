//! `roost fib doctor`: asks the daemon how things are meant to be, or reads that from the file, and looks how they are.

use std::io::Write;
use std::path::Path;

use anyhow::Context;

use super::client::{Client, ClientError};
use super::look::Look;
use super::{EXIT_FAILED, EXIT_OK, EXIT_USAGE};
use crate::api::model::Examination;
use crate::doctor::{self, examine};
use crate::{config, daemon};

/// It could not look.
const EXIT_NOT_LOOKED: u8 = EXIT_USAGE;

/// Writes what is wrong to `out`. Returns 0 when nothing is, 1 when something is, 2 when it could not look.
pub(super) fn doctor(client: &Client, file: &Path, json: bool, look: Look, out: &mut impl Write) -> anyhow::Result<u8> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    let looked = runtime.block_on(async {
        let (meant, settings) = meant(client, file).await?;
        anyhow::Ok(examine(&doctor::look::look(meant).await?, settings))
    });
    let report = match looked {
        Ok(report) => report,
        Err(error) => {
            writeln!(std::io::stderr(), "roost: {error:#}")?;
            return Ok(EXIT_NOT_LOOKED);
        }
    };
    match json {
        true => {
            serde_json::to_writer_pretty(&mut *out, &report)?;
            writeln!(out)?;
        }
        false => out.write_all(look.doctor(&report).as_bytes())?,
    }
    Ok(match (report.looked, report.is_well()) {
        (false, _) => EXIT_NOT_LOOKED,
        (true, true) => EXIT_OK,
        (true, false) => EXIT_FAILED,
    })
}

/// How things are meant to be, and who says so.
async fn meant(client: &Client, file: &Path) -> anyhow::Result<(Examination, String)> {
    let by = |client: &Client| format!("settings of the roost that answers on {}", client.socket().display());
    let no_answer = match client.get("/v1/examination").await {
        Ok(meant) => return Ok((meant, by(client))),
        Err(error @ ClientError::Connect { .. }) => error,
        Err(error) => return Err(error.into()),
    };
    let loaded = config::load(file).with_context(|| format!("{no_answer}\nand without a daemon, its file says"))?;
    // The file may know another socket.
    let socket = loaded.config.api.as_ref().map(|api| Client::new(&api.socket));
    if let Some(other) = socket.filter(|other| other.socket() != client.socket())
        && let Ok(meant) = other.get("/v1/examination").await
    {
        return Ok((meant, by(&other)));
    }
    let settings =
        format!("roost does not run (nobody answers on {}): settings of {}", client.socket().display(), file.display());
    Ok((daemon::examination_of_file(&loaded.config), settings))
}
