//! The comparison for people: a table, then what it means.

use std::fmt::{self, Write as _};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use ebpf_base::units::{plural, time};

use crate::{
    profile::diff::{By, Change, Diff, Side, Verdict},
    view::{
        paint::{BAD, GOOD, NAME, Paint},
        untrusted,
    },
};

/// How many rows are shown.
const SHOWN: usize = 25;

/// From how many columns on there is room for the number of waits, too.
const WIDE: u16 = 100;

/// Writes it for people. `columns` is the width of the terminal; without one, lines are as
/// long as they are.
pub(crate) fn table(diff: &Diff, names: &[String; 2], columns: Option<u16>, color: bool) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_table(&mut text, diff, names, columns, Paint(color));
    text
}

fn write_table(
    text: &mut String,
    diff: &Diff,
    names: &[String; 2],
    columns: Option<u16>,
    paint: Paint,
) -> fmt::Result {
    let [before, after] = names.each_ref().map(|name| untrusted::line(name));
    writeln!(
        text,
        "Wait time per second, before ({before}: {}) and after ({after}: {}):\n",
        length(&diff.before),
        length(&diff.after)
    )?;
    if diff.rows.is_empty() {
        writeln!(text, "Neither recording contains waits.\n")?;
    } else {
        write_rows(text, diff, columns, paint)?;
    }
    let total = &diff.total;
    let ratio = total.ratio().map(|ratio| format!(" (ratio {ratio:.2})"));
    writeln!(
        text,
        "All waits: {} before, {} after{}: {}.",
        time(total.before.wait_ns as u64),
        time(total.after.wait_ns as u64),
        ratio.unwrap_or_default(),
        total.verdict.text()
    )?;
    write_method(text, diff, [&before, &after])?;
    for note in &diff.notes {
        writeln!(text, "Note: {}.", untrusted::line(note))?;
    }
    Ok(())
}

fn write_rows(text: &mut String, diff: &Diff, columns: Option<u16>, paint: Paint) -> fmt::Result {
    let wide = columns.is_none_or(|columns| columns >= WIDE);
    let typed = diff.by != By::Cgroup;
    let mut titles = vec!["verdict", "before", "after", "ratio", "difference"];
    if wide {
        titles.push("waits/s");
    }
    match diff.by {
        By::Caller => titles.extend(["type", "caller"]),
        By::Type => titles.push("type"),
        By::Cgroup => titles.push("cgroup"),
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(titles.iter().map(|&title| match title {
        "verdict" | "type" | "caller" | "cgroup" => Cell::new(title),
        _ => right(title.to_owned()),
    }));
    match columns {
        Some(columns) => table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(columns),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    for row in diff.rows.iter().take(SHOWN) {
        let mut cells = vec![
            Cell::new(row.verdict.text()),
            right(time(row.before.wait_ns as u64)),
            right(time(row.after.wait_ns as u64)),
            right(row.ratio().map_or("-".to_owned(), |it| format!("{it:.2}"))),
            right(difference(row)),
        ];
        if wide {
            let [before, after] = [&row.before, &row.after].map(|it| rate(it.waits));
            cells.push(right(format!("{before} to {after}")));
        }
        if let Some(lock_type) = row.lock_type.filter(|_| typed && diff.by != By::Type) {
            cells.push(Cell::new(lock_type.to_string()));
        }
        cells.push(Cell::new(untrusted::line(&row.label)));
        table.add_row(cells);
    }
    for (index, line) in table.trim_fmt().lines().enumerate() {
        writeln!(text, "{}", painted(line, index == 0, paint))?;
    }
    let more = diff.rows.len().saturating_sub(SHOWN) as u64;
    if more > 0 {
        let more = plural(more, "more row");
        writeln!(text, "and {more} (all are in --format json)")?;
    }
    writeln!(text)
}

/// A line of the table, with its verdict in colour. Where a row has several lines, the first
/// has it.
fn painted(line: &str, is_header: bool, paint: Paint) -> String {
    if is_header {
        return paint.text(NAME, line);
    }
    let verdict = [
        (Verdict::Worse, BAD),
        (Verdict::New, BAD),
        (Verdict::Better, GOOD),
        (Verdict::Gone, GOOD),
    ]
    .into_iter()
    .find(|(verdict, _)| line.starts_with(&format!(" {} ", verdict.text())));
    match verdict {
        Some((verdict, style)) => paint.first(style, verdict.text(), line),
        None => line.to_owned(),
    }
}

/// What the verdicts mean.
fn write_method(text: &mut String, diff: &Diff, names: [&str; 2]) -> fmt::Result {
    for (side, name) in [&diff.before, &diff.after].into_iter().zip(names) {
        if !side.is_enough {
            writeln!(
                text,
                "{name} has {}: too few to separate changes from noise. Record for 10 seconds or \
                 more: lock record --duration 10s -o FILE",
                plural(side.intervals as u64, "interval")
            )?;
        }
    }
    if diff.before.is_enough && diff.after.is_enough {
        writeln!(
            text,
            "The probability that any row has a wrong verdict is below 5 % (Welch's t-test over \
             the intervals, with Holm's correction); ± is the 95 % confidence interval of the row. \
             Variation between runs is not included: record each side more than once."
        )?;
    }
    if diff.small > 0 {
        let rows = plural(diff.small as u64, "row");
        writeln!(text, "Not compared: {rows} below 0.1 % of the wait time.")?;
    }
    Ok(())
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn length(side: &Side) -> String {
    let intervals = plural(side.intervals as u64, "interval");
    format!("{intervals}, {}", time((side.seconds * 1e9) as u64))
}

fn difference(row: &Change) -> String {
    let sign = if row.difference < 0.0 { '-' } else { '+' };
    let size = time(row.difference.abs() as u64);
    match row.error {
        Some(error) => format!("{sign}{size} ± {}", time(error as u64)),
        None => format!("{sign}{size}"),
    }
}

/// A number of waits a second.
fn rate(waits: f64) -> String {
    match waits {
        ..9.95 => format!("{waits:.1}"),
        _ => format!("{waits:.0}"),
    }
}
