//! `GET /v1/fib`: the kernel's side of the table in slices, each asked for when the one before is on its way to the
//! reader, as [`routes`](super::routes) are: a million rows cost the memory of a slice and of the list of prefixes.

use std::vec;

use fib_sync::{FibHandle, RowFilter};
use futures::stream::{self, StreamExt};
use ipnetwork::IpNetwork;

use super::rows;
use crate::api::model::{FibFilter, FibRow};
use crate::api::{Problem, Slices, parse_prefixes};

/// Rows of a slice: some hundred kilobytes of JSON.
const SLICE: usize = 1024;

/// The rows that pass a filter, in order of prefix; none where there is no kernel side.
///
/// # Errors
/// 400 for a text that is no prefix.
pub async fn slices(fib: Option<FibHandle>, filter: FibFilter) -> Result<Slices<FibRow>, Problem> {
    let prefix = match &filter.prefix {
        Some(text) => parse_prefixes(std::slice::from_ref(text))?.first().copied().map(IpNetwork::from),
        None => None,
    };
    let Some(fib) = fib else { return Ok(stream::empty().boxed()) };
    let prefixes = match prefix {
        Some(prefix) if !filter.longer => vec![prefix],
        within => fib.prefixes(within).await,
    };
    let rest = Rest { fib, prefixes: prefixes.into_iter(), filter };
    Ok(stream::unfold(rest, async |mut rest| Some((Ok(rest.slice().await?), rest))).boxed())
}

/// What of an answer is still to be made.
struct Rest {
    fib: FibHandle,
    prefixes: vec::IntoIter<IpNetwork>,
    filter: FibFilter,
}

impl Rest {
    /// The next slice; `None` after the last.
    async fn slice(&mut self) -> Option<Vec<FibRow>> {
        let prefixes: Vec<IpNetwork> = self.prefixes.by_ref().take(SLICE).collect();
        if prefixes.is_empty() {
            return None;
        }
        let rows = self.fib.rows(RowFilter::Each(prefixes)).await;
        Some(rows.iter().map(rows::fib).filter(|row| self.filter.passes(row)).collect())
    }
}
