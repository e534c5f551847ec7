//! `roost show owners`: who announces prefixes at run time.

use super::Column::{Number, Text};
use super::{duration, table};
use crate::api::model::{Lease, OwnerRow, Then};

/// The table.
pub fn owners(rows: &[OwnerRow]) -> String {
    if rows.is_empty() {
        return "Nobody announces prefixes at run time.\n".to_owned();
    }
    let columns = [Text("OWNER"), Number("PREFIXES"), Number("SERVICES"), Number("SEEN"), Text("LEASE")];
    let row = |row: &OwnerRow| {
        let seen = format!("{} ago", duration(row.seen));
        vec![row.owner.clone(), row.prefixes.to_string(), row.services.to_string(), seen, lease(row)]
    };
    table(&columns, rows.iter().map(row))
}

fn lease(row: &OwnerRow) -> String {
    let Some(Lease { seconds, then }) = row.lease else { return "none".to_owned() };
    let (time, after) = (
        duration(u64::from(seconds)),
        match then {
            Then::Keep => "keep",
            Then::Withdraw => "withdraw",
        },
    );
    match row.left {
        Some(0) => format!("of {time} is over; its routes are kept"),
        left => format!("{} of {time} left, then {after}", duration(left.unwrap_or_default())),
    }
}
