//! `roost show pools`: one row a pool, with its tunnel device as it is and its routes counted.

use super::Column::{Number, Text};
use super::{Column, or_dash, table};
use crate::api::model::{PoolDetail, PoolRoutes, TunnelState};

const COLUMNS: [Column; 6] =
    [Text("POOL"), Text("MODE"), Text("DEVICE"), Text("STATE"), Number("WANTED"), Number("INSTALLED")];
const MORE: [Column; 7] = [
    Text("FROM"),
    Text("MADE BY"),
    Text("ADDRESSES"),
    Text("INSTALL"),
    Text("PROTOCOL"),
    Text("METRIC"),
    Text("TABLE"),
];
const LAST: Column = Text("INFO");

/// The table.
pub fn pools(rows: &[PoolDetail]) -> String {
    with_info(rows, &[&COLUMNS[..], &[LAST]].concat(), cells)
}

/// The same with where each comes from, and how its routes are written.
pub fn pools_wide(rows: &[PoolDetail]) -> String {
    with_info(rows, &[&COLUMNS[..], &MORE, &[LAST]].concat(), |row| {
        let mut cells = cells(row);
        let from = row.line.map_or_else(|| row.origin.clone(), |line| format!("{}:{line}", row.origin));
        let tunnel = row.tunnel.as_ref().filter(|tunnel| tunnel.state != "missing");
        let made_by = tunnel.map_or("-", |tunnel| if tunnel.ours { "roost" } else { "another" });
        cells.extend([
            from,
            made_by.to_owned(),
            or_dash(&tunnel.map(|tunnel| tunnel.addresses.join(" ")).unwrap_or_default()),
            if row.pool.install { "yes" } else { "no" }.to_owned(),
            row.pool.protocol.to_string(),
            row.metric.clone(),
            row.pool.table.to_string(),
        ]);
        cells
    })
}

fn with_info(rows: &[PoolDetail], columns: &[Column], cells: impl Fn(&PoolDetail) -> Vec<String>) -> String {
    if rows.is_empty() {
        return "No pools: routes go into the kernel as their next hops resolve.\n".to_owned();
    }
    let cells = |row: &PoolDetail| {
        let mut cells = cells(row);
        cells.push(info(row));
        cells
    };
    table(columns, rows.iter().map(cells))
}

fn cells(row: &PoolDetail) -> Vec<String> {
    let counted =
        |of: fn(&PoolRoutes) -> usize| row.routes.as_ref().map_or_else(|| "-".to_owned(), |r| of(r).to_string());
    vec![
        row.pool.cidr.clone(),
        row.pool.mode.clone(),
        or_dash(row.pool.device.as_deref().unwrap_or_default()),
        row.tunnel.as_ref().map_or_else(|| "-".to_owned(), state),
        counted(|routes| routes.wanted),
        counted(|routes| routes.installed),
    ]
}

fn state(tunnel: &TunnelState) -> String {
    match tunnel.mtu {
        0 => tunnel.state.clone(),
        mtu => format!("{}, MTU {mtu}", tunnel.state),
    }
}

/// What is not as usual: a device that is not to be touched, routes that another agent installs, and those that are not in
/// the kernel.
fn info(row: &PoolDetail) -> String {
    let Some(routes) = &row.routes else { return "routes are not put into the kernel".to_owned() };
    let counts = [
        (routes.pending, "pending"),
        (routes.withheld, if row.pool.install { "withheld" } else { "left to another agent" }),
        (routes.conflict, "in conflict with foreign routes"),
        (routes.failed, "refused by the kernel"),
        (routes.adopted, "adopted and wanted by nobody yet"),
    ];
    let there = row.tunnel.as_ref().filter(|tunnel| tunnel.state != "missing");
    let others = row.pool.managed.is_some() && there.is_some_and(|tunnel| !tunnel.ours);
    let others = others.then(|| "the device is another program's".to_owned());
    let told = counts.into_iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}"));
    others.into_iter().chain(told).collect::<Vec<_>>().join(", ")
}
