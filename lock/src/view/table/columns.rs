//! The columns of the ranking, and which of them have room.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use ebpf_base::units::time;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::{
    profile::{
        group::{By, Row},
        metrics::Metrics,
    },
    view::{table::abbreviate::abbreviate, untrusted},
};

/// Between a waiter and its holder.
const ARROW: &str = " ← ";

/// Spaces between two columns, and before the first.
const GAP: usize = 2;

/// A label is not cut to less than this, or a third of the terminal if that is more, as
/// long as there are values to leave out.
const LABEL: usize = 14;

/// A column; in the order in which they are left out where there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Min,
    Locks,
    Runqueue,
    Spin,
    P90,
    Share,
    P50,
    P99,
    Mean,
    Max,
    Type,
    Sleeps,
    Waits,
    Error,
    Total,
    Label,
}

/// The order in which they are shown.
const SHOWN: [Column; 16] = [
    Column::Total,
    Column::Error,
    Column::Share,
    Column::Waits,
    Column::Sleeps,
    Column::Mean,
    Column::Min,
    Column::P50,
    Column::P90,
    Column::P99,
    Column::Max,
    Column::Spin,
    Column::Runqueue,
    Column::Locks,
    Column::Type,
    Column::Label,
];

/// What is in the columns.
pub(super) struct Columns {
    by: By,
    total_ns: u64,
    two_lines: bool,
}

impl Columns {
    /// Of rows that come to this total, in nanoseconds, together with those not shown.
    /// Holders are on a line of their own where lines are short.
    pub(super) const fn new(by: By, total_ns: u64, two_lines: bool) -> Self {
        Self {
            by,
            total_ns,
            two_lines,
        }
    }

    /// The header and a line for each row.
    pub(super) fn lines(&self, rows: &[Row], width: Option<u16>) -> Vec<String> {
        let mut columns: Vec<(Column, Vec<String>)> = SHOWN
            .into_iter()
            .filter(|&column| self.has(column, rows))
            .map(|column| {
                let cells = rows.iter().map(|row| self.cell(column, row));
                (column, cells.collect())
            })
            .collect();
        if let Some(width) = width {
            self.fit(&mut columns, width.into());
        }
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(columns.iter().map(|&(column, _)| {
                Cell::new(self.title(column)).set_alignment(column.alignment())
            }));
        for index in 0..rows.len() {
            table.add_row(columns.iter().map(|(column, cells)| {
                Cell::new(cells.get(index).map_or("", String::as_str))
                    .set_alignment(column.alignment())
            }));
        }
        table
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect()
    }

    /// Leaves out columns until the rest fits, then makes labels shorter.
    fn fit(&self, columns: &mut Vec<(Column, Vec<String>)>, width: usize) {
        let labels = columns.iter().find(|(column, _)| *column == Column::Label);
        let wanted = labels.map_or(0, |(_, labels)| widest(labels));
        let wanted = wanted.min(LABEL.max(width / 3));
        while self.room(columns, width) < wanted {
            let columns_left = columns.iter().map(|(column, _)| *column);
            let Some(least) = columns_left.min().filter(|least| *least < Column::Total) else {
                break;
            };
            columns.retain(|(column, _)| *column != least);
        }
        let room = self.room(columns, width).max(1);
        let labels = columns
            .iter_mut()
            .filter(|(column, _)| *column == Column::Label)
            .flat_map(|(_, labels)| labels);
        for label in labels.filter(|label| label.width() > room) {
            *label = cut(&abbreviate(label), room);
        }
    }

    /// The width that other columns leave to the label's.
    fn room(&self, columns: &[(Column, Vec<String>)], width: usize) -> usize {
        let metrics: usize = columns
            .iter()
            .filter(|(column, _)| *column != Column::Label)
            .map(|(column, cells)| widest(cells).max(self.title(*column).width()) + GAP)
            .sum();
        width.saturating_sub(metrics + GAP)
    }

    /// Whether any row has something in this column.
    fn has(&self, column: Column, rows: &[Row]) -> bool {
        match column {
            Column::Total | Column::Share | Column::Waits | Column::Mean | Column::Max => true,
            Column::Label => true,
            Column::Error => rows.iter().any(|row| !row.metrics.is_exact()),
            Column::Sleeps => any(rows, |metrics| metrics.waits()?.pieces.into()),
            Column::Min | Column::P50 | Column::P90 | Column::P99 => {
                rows.iter().any(|row| row.metrics.min_ns().is_some())
            }
            Column::Spin => any(rows, |metrics| metrics.waits()?.spin_ns.into()),
            Column::Runqueue => any(rows, |metrics| metrics.waits()?.runqueue_ns.into()),
            Column::Locks => rows.iter().any(|row| row.locks.len() > 1),
            Column::Type => self.by != By::Type && rows.iter().any(|row| row.lock_type.is_some()),
        }
    }

    const fn title(&self, column: Column) -> &'static str {
        match column {
            Column::Total => "total",
            Column::Error => "± 95 %",
            Column::Share => "share",
            Column::Waits => "waits",
            Column::Sleeps => "sleeps",
            Column::Mean => "mean",
            Column::Min => "min",
            Column::P50 => "p50",
            Column::P90 => "p90",
            Column::P99 => "p99",
            Column::Max => "max",
            Column::Spin => "spinning",
            Column::Runqueue => "run-queue",
            Column::Locks => "locks",
            Column::Type => "type",
            Column::Label => match self.by {
                By::Lock | By::Address => "lock",
                By::Caller => "caller",
                By::Stack => "stack",
                By::Thread => "thread",
                By::Process => "process",
                By::Type => "type",
                By::Cgroup => "cgroup",
                By::Holder if self.two_lines => "waiter",
                By::Holder => "waiter ← holder",
            },
        }
    }

    fn cell(&self, column: Column, row: &Row) -> String {
        let metrics = &row.metrics;
        let maybe = |ns: Option<u64>| ns.map_or_else(|| "-".to_owned(), time);
        let share = |part, whole| match whole {
            0 => "-".to_owned(),
            _ => format!("{:.0} %", 100.0 * part as f64 / whole as f64),
        };
        match column {
            Column::Total => time(metrics.total_ns()),
            Column::Error => match metrics.error_ns() {
                0 => "-".to_owned(),
                ns => format!("±{}", time(ns)),
            },
            Column::Share => share(metrics.total_ns(), self.total_ns),
            Column::Waits => metrics.count().to_string(),
            Column::Sleeps => match metrics.waits() {
                Some(waits) if waits.pieces > 0 => {
                    waits.count.saturating_add(waits.pieces).to_string()
                }
                _ => "-".to_owned(),
            },
            Column::Mean => maybe(metrics.average_ns()),
            Column::Min => maybe(metrics.min_ns()),
            Column::P50 => maybe(metrics.percentile(0.5)),
            Column::P90 => maybe(metrics.percentile(0.9)),
            Column::P99 => maybe(metrics.percentile(0.99)),
            Column::Max => maybe(metrics.longest_ns()),
            Column::Spin => part(metrics, |waits| waits.spin_ns, share),
            Column::Runqueue => part(metrics, |waits| waits.runqueue_ns, share),
            Column::Locks => row.locks.len().to_string(),
            Column::Type => row
                .lock_type
                .map_or_else(|| "-".to_owned(), |it| it.to_string()),
            Column::Label => {
                let label = match (self.by, row.label.split_once(ARROW)) {
                    (By::Holder, Some((waiter, _))) if self.two_lines => waiter,
                    _ => &row.label,
                };
                untrusted::line(label).into_owned()
            }
        }
    }
}

impl Column {
    const fn alignment(self) -> CellAlignment {
        match self {
            Self::Type | Self::Label => CellAlignment::Left,
            _ => CellAlignment::Right,
        }
    }
}

fn any(rows: &[Row], ns: impl Fn(&Metrics) -> Option<u64>) -> bool {
    rows.iter().any(|row| ns(&row.metrics).unwrap_or(0) > 0)
}

/// A part of the total as a share; nothing where there is none.
fn part(
    metrics: &Metrics,
    of: impl Fn(&crate::profile::snapshot::Waits) -> u64,
    share: impl Fn(u64, u64) -> String,
) -> String {
    match metrics.waits().map(of) {
        None | Some(0) => "-".to_owned(),
        Some(ns) => share(ns, metrics.total_ns()),
    }
}

fn widest(cells: &[String]) -> usize {
    cells.iter().map(|cell| cell.width()).max().unwrap_or(0)
}

/// The holder of a row of pairs, on a terminal.
pub(super) fn second_line(by: By, label: &str, width: Option<u16>) -> Option<String> {
    let width = width.filter(|_| by == By::Holder)?;
    let (_, holder) = label.split_once(ARROW)?;
    let line = format!("      ← {}", untrusted::line(holder));
    Some(cut(&line, width.into()))
}

/// A text that is at most this many columns wide, with … for what is cut off.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let mut cut: String = text
        .chars()
        .take_while(|character| {
            let fits = room.checked_sub(character.width().unwrap_or(0));
            room = fits.unwrap_or(room);
            fits.is_some()
        })
        .collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn what_is_cut_is_marked_and_wide_characters_count_twice() {
        assert_eq!(cut("fdget_pos", 9), "fdget_pos");
        assert_eq!(cut("fdget_pos", 6), "fdget…");
        assert_eq!(cut("锁锁锁", 5), "锁锁…");
        assert_eq!(cut("锁锁锁", 4), "锁…");
        assert_eq!(cut("ab", 1), "…");
    }
}
