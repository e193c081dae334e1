//! Tables without lines, for people and for grep: each row is a line, whatever the width of
//! the terminal.

use std::{fmt::Write as _, ops::RangeBounds};

use anstyle::Style;
use comfy_table::{CellAlignment, Table, presets};

const DIM: Style = Style::new().dimmed();

/// A table with a column per title. The columns in `numbers` are aligned to the right.
pub(super) fn new<T: ToString>(
    titles: impl IntoIterator<Item = T>,
    numbers: impl RangeBounds<usize>,
) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(titles.into_iter().map(|title| title.to_string()));
    for (index, column) in table.column_iter_mut().enumerate() {
        if numbers.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// `table` at the left margin, with two spaces between columns.
pub(super) fn flush_left(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// `table` with a margin of two spaces and a dimmed header.
pub(super) fn indented(table: &Table) -> String {
    let mut text = String::new();
    for (index, line) in table.lines().enumerate() {
        let line = line.trim_end();
        // A String cannot fail to grow.
        let _ = match index {
            0 => writeln!(text, " {DIM}{line}{DIM:#}"),
            _ => writeln!(text, " {line}"),
        };
    }
    text
}
