//! Lines of text below and above the ranking, wrapped to the terminal.

use comfy_table::{Cell, ContentArrangement, Table, presets};

use crate::view::paint::{NAME, Paint};

/// A line for each fact: its name, then what it is. Names are not repeated.
pub(in crate::view) fn lines(facts: &[(&str, String)], width: Option<u16>, paint: Paint) -> String {
    let mut table = table(width);
    let mut before = "";
    for (name, fact) in facts {
        let name = if *name == before {
            ""
        } else {
            before = name;
            name
        };
        table.add_row([Cell::new(name), Cell::new(fact)]);
    }
    let text = text(&table);
    let painted = text.lines().map(|line| {
        let name = facts.iter().map(|(name, _)| *name).find(|name| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(' '))
        });
        name.map_or_else(|| line.to_owned(), |name| paint.first(NAME, name, line)) + "\n"
    });
    painted.collect()
}

/// A line, wrapped.
pub(in crate::view) fn wrapped(line: &str, width: Option<u16>) -> String {
    let mut table = table(width);
    table.add_row([Cell::new(line)]);
    text(&table)
}

fn table(width: Option<u16>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    match width {
        Some(width) => table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table
}

fn text(table: &Table) -> String {
    let mut text = String::new();
    for line in table.lines() {
        // Cells are padded by a space.
        text += line.strip_prefix(' ').unwrap_or(&line).trim_end();
        text.push('\n');
    }
    text
}
