//! `roost show fib`: what is wanted of the kernel, what it has, and why they differ.

use super::Column::Text;
use super::routes::without_prefix;
use super::{or_dash, table};
use crate::api::model::FibRow;

/// The table.
pub fn fib(rows: &[FibRow]) -> String {
    if rows.is_empty() {
        return "No kernel routes.\n".to_owned();
    }
    let columns = [Text("PREFIX"), Text("STATE"), Text("WANTED"), Text("IN THE KERNEL"), Text("WHY")];
    table(
        &columns,
        rows.iter().map(|row| {
            let route =
                row.kernel.route.as_deref().map_or_else(String::new, |route| without_prefix(route, &row.prefix));
            vec![
                row.prefix.clone(),
                row.kernel.state.clone(),
                or_dash(&row.wanted),
                or_dash(&route),
                row.kernel.reason.clone().unwrap_or_default(),
            ]
        }),
    )
}
