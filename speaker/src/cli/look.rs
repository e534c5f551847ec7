//! How an answer looks: which columns, and in colours where a person looks at it.
//!
//! A row that is not as it should be has a colour as a whole, so that it stands out of a thousand: yellow where something
//! is under way or kept back, red where it does not work. The words say the same: nothing is told by colour alone.

use std::io;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use super::args::Output;
use super::render;
use crate::api::model::{FibRow, KernelState, PeerDetail, PeerRow, PoolDetail, PoolRoutes, RouteRow, Status};
use crate::doctor::Report;

const HEADER: Style = Style::new().bold();
const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// How answers look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// More columns.
    wide: bool,
    /// Colours.
    colours: bool,
}

impl Look {
    /// For standard output: colours only on a terminal that has them, and not where NO_COLOR is set.
    pub fn of_stdout(output: Output) -> Self {
        let colours = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
        Self { wide: output == Output::Wide, colours }
    }

    pub fn status(self, status: &Status) -> String {
        let headline = (status.phase != "running").then_some(DOUBTFUL);
        self.lines(&render::status(status), |number, line| match number {
            0 => headline,
            _ => line.starts_with("  warning ").then_some(DOUBTFUL),
        })
    }

    pub fn peers(self, rows: &[PeerRow]) -> String {
        let text = if self.wide { render::peers_wide(rows) } else { render::peers(rows) };
        self.table(&text, rows.iter().map(of_peer))
    }

    pub fn each_peer(self, details: &[PeerDetail]) -> String {
        let peer = |detail: &PeerDetail| {
            let headline = of_peer(&detail.row);
            self.lines(&render::peer(detail), |number, _| if number == 0 { headline } else { None })
        };
        details.iter().map(peer).collect::<Vec<_>>().join("\n")
    }

    pub fn routes(self, rows: &[RouteRow]) -> String {
        let text = if self.wide { render::routes_wide(rows) } else { render::routes(rows) };
        self.table(&text, rows.iter().map(of_route))
    }

    pub fn pools(self, rows: &[PoolDetail]) -> String {
        let text = if self.wide { render::pools_wide(rows) } else { render::pools(rows) };
        self.table(&text, rows.iter().map(of_pool))
    }

    pub fn fib(self, rows: &[FibRow]) -> String {
        self.table(&render::fib(rows), rows.iter().map(|row| of_kernel(&row.kernel)))
    }

    pub fn doctor(self, report: &Report) -> String {
        self.lines(&render::doctor(report), |_, line| match line.split(' ').next() {
            Some("ERROR") => Some(BAD),
            Some("WARNING") => Some(DOUBTFUL),
            _ => None,
        })
    }

    /// A table whose rows have these styles; what stands below it has none.
    fn table(self, text: &str, rows: impl Iterator<Item = Option<Style>>) -> String {
        let mut rows = std::iter::once(Some(HEADER)).chain(rows);
        self.lines(text, |_, _| rows.next().flatten())
    }

    fn lines(self, text: &str, mut style: impl FnMut(usize, &str) -> Option<Style>) -> String {
        if !self.colours {
            return text.to_owned();
        }
        let styled = text.lines().enumerate().map(|(number, line)| match style(number, line) {
            Some(style) => format!("{style}{line}{style:#}\n"),
            None => format!("{line}\n"),
        });
        styled.collect()
    }
}

fn of_peer(row: &PeerRow) -> Option<Style> {
    match row.state.as_str() {
        "established" => None,
        "disabled" => Some(DOUBTFUL),
        _ => Some(BAD),
    }
}

fn of_route(row: &RouteRow) -> Option<Style> {
    let kernel = row.kernel.as_ref().and_then(of_kernel);
    kernel.or((row.stale || row.rejected || row.unreachable).then_some(DOUBTFUL))
}

fn of_pool(row: &PoolDetail) -> Option<Style> {
    let routes = row.routes.as_ref();
    let lacks_tunnel = row.pool.install && row.tunnel.as_ref().is_some_and(|tunnel| tunnel.state != "up");
    let bad = lacks_tunnel || routes.is_some_and(|routes| routes.conflict + routes.failed > 0);
    let waits = |routes: &PoolRoutes| routes.pending > 0 || (row.pool.install && routes.withheld > 0);
    if bad { Some(BAD) } else { routes.is_some_and(waits).then_some(DOUBTFUL) }
}

fn of_kernel(kernel: &KernelState) -> Option<Style> {
    match kernel.state.as_str() {
        "conflict" | "failed" => Some(BAD),
        "withheld" | "pending" | "adopted" => Some(DOUBTFUL),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_its_style_and_what_is_below_has_none() {
        let table = "PREFIX  STATE\na       failed\nb       fine\n\nhint: c\n";
        let rows = [Some(BAD), None];
        let look = Look { wide: false, colours: true };
        let painted = look.table(table, rows.into_iter());
        assert_eq!(
            painted,
            "\u{1b}[1mPREFIX  STATE\u{1b}[0m\n\u{1b}[31ma       failed\u{1b}[0m\nb       fine\n\nhint: c\n"
        );
        assert_eq!(anstream::adapter::strip_str(&painted).to_string(), table);
        assert_eq!(Look { colours: false, ..look }.table(table, rows.into_iter()), table);
    }
}
