//! The ranking: one row a line, with as many columns as fit.

use ebpf_base::units;
use ratatui_core::{
    layout::Rect,
    style::{Color, Modifier, Style},
    terminal::Frame,
    text::{Line, Span},
};

use super::text::fit;
use crate::{
    profile::{
        group::{By, Row},
        metrics::Sort,
        snapshot::Snapshot,
    },
    view::{
        tui::{cells, state::State},
        untrusted,
    },
};

/// A column of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Share,
    Bar,
    Waits,
    Total,
    Error,
    Mean,
    P99,
    Max,
    Type,
}

impl Column {
    /// All, in their order on the screen.
    const ALL: [Self; 9] = [
        Self::Share,
        Self::Bar,
        Self::Total,
        Self::Error,
        Self::Waits,
        Self::Mean,
        Self::P99,
        Self::Max,
        Self::Type,
    ];

    /// In the order that they are done without when there is no room for them.
    const DISPENSABLE: [Self; 9] = [
        Self::Bar,
        Self::Error,
        Self::Mean,
        Self::Max,
        Self::P99,
        Self::Type,
        Self::Waits,
        Self::Share,
        Self::Total,
    ];

    const fn width(self) -> usize {
        match self {
            Self::Share => 4,
            Self::Bar => BAR,
            Self::Waits => 6,
            Self::Error => 5,
            Self::Total | Self::Mean | Self::P99 | Self::Max => 7,
            Self::Type => 14,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Share => "%",
            Self::Bar => "",
            Self::Waits => "WAITS",
            Self::Total => "TOTAL",
            Self::Error => "±",
            Self::Mean => "MEAN",
            Self::P99 => "P99",
            Self::Max => "MAX",
            Self::Type => "TYPE",
        }
    }

    fn is_ranked_by(self, sort: Sort) -> bool {
        matches!(
            (self, sort),
            (Self::Total, Sort::Total)
                | (Self::Waits, Sort::Count)
                | (Self::Mean, Sort::Mean)
                | (Self::P99, Sort::P99)
                | (Self::Max, Sort::Max)
        )
    }
}

/// Columns that a bar has.
const BAR: usize = 10;
/// Columns that the name of a row has at least.
const NAME: usize = 20;
/// From so many columns on there is a bar, and where most of the waits are.
const WIDE: usize = 120;

/// Which columns fit.
fn columns(state: &State, width: usize) -> Vec<Column> {
    let mut columns = Column::ALL.to_vec();
    if width < WIDE {
        columns.retain(|&column| column != Column::Bar);
    }
    if state.grouped.rows.iter().all(|row| row.metrics.is_exact()) {
        columns.retain(|&column| column != Column::Error);
    }
    if state.total().waits().is_none() {
        columns.retain(|&column| column != Column::P99);
    }
    if state.by == By::Type || state.grouped.rows.iter().all(|row| row.lock_type.is_none()) {
        columns.retain(|&column| column != Column::Type);
    }
    for out in Column::DISPENSABLE {
        let needed = columns
            .iter()
            .fold(NAME, |sum, column| sum.saturating_add(column.width() + 1));
        if needed <= width {
            break;
        }
        columns.retain(|&column| column != out);
    }
    columns
}

/// Draws the names of the columns and the rows around the selected one.
pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let width = usize::from(area.width);
    let columns = columns(state, width);
    let height = usize::from(area.height.saturating_sub(1));
    let mut lines = vec![head(state, &columns, width)];
    // The selected row is in the middle, unless the table begins or ends there.
    let first = state
        .selected
        .saturating_sub(height / 2)
        .min(state.visible.len().saturating_sub(height));
    for (at, row) in state.rows().enumerate().skip(first).take(height) {
        if let Some(row) = row {
            let selected = at == state.selected;
            lines.push(line(state, row, &columns, width, selected));
        }
    }
    if state.visible.is_empty() {
        lines.push(Line::raw(""));
        for text in nothing(state) {
            lines.push(Line::raw(fit(&text, width)));
        }
    }
    for (line, y) in lines.iter().zip(area.top()..area.bottom()) {
        frame.render_widget(line, Rect::new(area.x, y, area.width, 1));
    }
}

/// Why there is no row.
fn nothing(state: &State) -> Vec<String> {
    if state.intervals == 0 && state.ended.is_none() {
        return vec!["Waiting for the first interval ...".to_owned()];
    }
    if !state.grouped.rows.is_empty() {
        return vec![
            format!("No name, type or stack contains {:?}.", state.filter),
            "Esc clears the filter.".to_owned(),
        ];
    }
    let mut texts = vec![format!(
        "No lock waits {}.",
        match state.span {
            crate::view::tui::state::Span::Last => "in the last interval",
            crate::view::tui::state::Span::Whole => "since the start",
        }
    )];
    if !state.by.is_exact() {
        texts.push(
            "Only sampled waits are shown here: press b to group by lock, with all waits."
                .to_owned(),
        );
    }
    texts
}

fn head(state: &State, columns: &[Column], width: usize) -> Line<'static> {
    let style = Style::new().add_modifier(Modifier::UNDERLINED | Modifier::BOLD);
    let arrow = if state.reversed { '▲' } else { '▼' };
    let mut text = String::new();
    for &column in columns {
        let mut name = column.name().to_owned();
        if column.is_ranked_by(state.sort) {
            name.push(arrow);
        }
        push(&mut text, column, &name);
    }
    text.push_str(&state.by.name().to_uppercase());
    let text = format!("{:width$}", fit(&text, width));
    Line::styled(text, style)
}

/// A cell and the space after it.
fn push(text: &mut String, column: Column, cell: &str) {
    let width = column.width();
    let cell = fit(cell, width);
    match column {
        Column::Type | Column::Bar => text.push_str(&format!("{cell:<width$} ")),
        _ => text.push_str(&format!("{cell:>width$} ")),
    }
}

fn line(
    state: &State,
    row: &Row,
    columns: &[Column],
    width: usize,
    selected: bool,
) -> Line<'static> {
    let whole = state.total().total_ns();
    let metrics = &row.metrics;
    let mut spans = Vec::new();
    let mut used = 0_usize;
    for &column in columns {
        let cell = match column {
            Column::Share => cells::share(metrics.total_ns(), whole),
            Column::Bar => bar(metrics.total_ns(), whole),
            Column::Waits => cells::count(metrics.count()),
            Column::Total => units::time(metrics.total_ns()),
            Column::Error => cells::error(metrics),
            Column::Mean => cells::time(metrics.average_ns()),
            Column::P99 => cells::time(metrics.percentile(0.99)),
            Column::Max => cells::time(metrics.longest_ns()),
            Column::Type => row.lock_type.map_or_else(String::new, |t| t.to_string()),
        };
        let mut text = String::new();
        push(&mut text, column, &cell);
        used = used.saturating_add(column.width() + 1);
        spans.push(Span::styled(text, style(column, metrics.total_ns(), whole)));
    }
    let room = width.saturating_sub(used);
    let name = match (width >= WIDE)
        .then(|| most(state.snapshot(), row))
        .flatten()
    {
        // Where most of it is stands in the right half.
        Some(most) => {
            let half = room / 2;
            let name = name(&row.label, half.saturating_sub(1));
            let gap = half.saturating_sub(Span::raw(&name).width());
            format!("{name}{:gap$}{}", "", fit(&most, room - half))
        }
        None => name(&row.label, room),
    };
    let gap = room.saturating_sub(Span::raw(&name).width());
    spans.push(Span::raw(name));
    spans.push(Span::raw(" ".repeat(gap)));
    let line = Line::from(spans);
    if selected {
        line.patch_style(Style::new().add_modifier(Modifier::REVERSED))
    } else {
        line
    }
}

fn style(column: Column, part: u64, whole: u64) -> Style {
    match column {
        Column::Share | Column::Bar | Column::Total => {
            let share = part as f64 / whole.max(1) as f64;
            match share {
                0.5.. => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
                0.1.. => Style::new().fg(Color::Yellow),
                _ => Style::new(),
            }
        }
        Column::Type => Style::new().fg(Color::Cyan),
        _ => Style::new(),
    }
}

/// As much of a row's name as fits. What tells rows apart is kept: where a lock is goes
/// first, then where a function is.
fn name(label: &str, columns: usize) -> String {
    let whole = untrusted::line(label);
    let width_of = |text: &str| Span::raw(text).width();
    if width_of(&whole) <= columns {
        return whole.into_owned();
    }
    let Some(function) = whole.strip_prefix("in ") else {
        return fit(label, columns);
    };
    let function = function
        .rsplit_once(" (")
        .map_or(function, |(function, _)| function);
    let room = columns.saturating_sub(3);
    if width_of(function) <= room {
        return format!("in {function}");
    }
    let mut end = function.chars();
    while width_of(end.as_str()) >= room && end.next().is_some() {}
    fit(&format!("in …{}", end.as_str()), columns)
}

/// A share as a bar, in eighths of columns.
fn bar(part: u64, whole: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = part as f64 / whole.max(1) as f64;
    let eighths = ((share * (BAR * 8) as f64).round() as usize).min(BAR * 8);
    let last = EIGHTHS.get(eighths % 8).copied().unwrap_or_default();
    format!("{}{last}", "█".repeat(eighths / 8))
}

/// The thread and the function that most of a row's time is of.
fn most(snapshot: &Snapshot, row: &Row) -> Option<String> {
    let sites = row
        .sites
        .iter()
        .filter_map(|&site| snapshot.sites.get(site));
    let site = sites.max_by_key(|site| site.waits.wait_ns)?;
    let lock_type = snapshot.locks.get(site.lock.index())?.lock_type;
    Some(format!(
        "mostly {} in {}",
        snapshot.thread_name(site.thread),
        snapshot.caller(site.stack, lock_type)
    ))
}

#[cfg(test)]
mod tests {
    use super::{bar, name};

    #[test]
    fn a_short_name_still_tells_the_function() {
        let label = "in server::queue::Queue<T>::push (server[4711] 0x55d0)";
        assert_eq!(name(label, 80), label);
        assert_eq!(name(label, 32), "in server::queue::Queue<T>::push");
        assert_eq!(name(label, 20), "in …::Queue<T>::push");
        assert_eq!(name("mmap_lock", 5), "mmap…");
        assert_eq!(name(label, 2), "i…");
    }

    #[test]
    fn bars_are_as_long_as_the_share() {
        assert_eq!(bar(1, 2), "█████");
        assert_eq!(bar(1, 80), "▏");
        assert_eq!(bar(5, 0), "██████████");
    }
}
