//! What lies over the rest: help, and the notes of the recording.

use ebpf_base::units;
use ratatui::{
    Frame,
    layout::Rect,
    style::{Modifier, Style},
    text::Line,
    widgets::{Block, Clear, Paragraph},
};

use super::text::{fit, wrap};
use crate::{
    profile::snapshot::Events,
    view::tui::{
        cells, keys,
        losses::Losses,
        state::{Overlay, State},
    },
};

/// Columns that an overlay has at most.
const WIDTH: u16 = 78;
/// From so many columns on an overlay leaves some free.
const WIDE: u16 = 90;

/// Draws it in the middle of the screen.
pub(super) fn draw(state: &State, shown: Overlay, frame: &mut Frame<'_>, area: Rect) {
    let width = match area.width {
        // What would be seen beside it says nothing.
        ..WIDE => area.width,
        WIDE.. => WIDTH,
    };
    let columns = usize::from(width.saturating_sub(2));
    let (title, lines) = match shown {
        Overlay::Help => (" Keys ", help(columns)),
        Overlay::Notes => (" Notes ", notes(state, columns)),
    };
    let wanted = u16::try_from(lines.len().saturating_add(2)).unwrap_or(u16::MAX);
    let height = area.height.min(wanted);
    let place = Rect::new(
        area.x.saturating_add((area.width - width) / 2),
        area.y.saturating_add((area.height - height) / 2),
        width,
        height,
    );
    let most = usize::from(wanted - height);
    let scroll = state.overlay_scroll.min(most);
    let mut block = Block::bordered().title(fit(title, columns));
    if scroll < most {
        block = block.title_bottom(fit(" ↓ more ", columns));
    }
    let rest = lines.into_iter().skip(scroll).collect::<Vec<_>>();
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(rest).block(block), place);
}

fn help(columns: usize) -> Vec<Line<'static>> {
    let indent = keys::HELP
        .iter()
        .fold(0, |most, (keys, _)| most.max(keys.chars().count()));
    keys::HELP
        .iter()
        .map(|(keys, meaning)| Line::raw(fit(&format!("{keys:indent$}  {meaning}"), columns)))
        .collect()
}

/// Everything that is to be known of the recording.
fn notes(state: &State, columns: usize) -> Vec<Line<'static>> {
    let whole = state.whole();
    let accounting = &whole.accounting;
    let mut lines = Vec::new();
    let mut section = |heading: &str, texts: Vec<String>| {
        if texts.is_empty() {
            return;
        }
        let heading = fit(heading, columns);
        lines.push(Line::styled(
            heading,
            Style::new().add_modifier(Modifier::BOLD),
        ));
        for text in texts {
            let wrapped = wrap(&text, columns.saturating_sub(2));
            lines.extend(wrapped.iter().map(|line| Line::raw(format!("  {line}"))));
        }
    };
    section("Ended", state.ended.iter().cloned().collect());
    section("Notes", whole.notes.clone());
    let mut lost = Losses::of(whole).all();
    if lost.is_empty() {
        lost.push("none".to_owned());
    }
    section("Lost since the start", lost);
    section(
        "Accounting of all waits since the start",
        vec![
            events("kernel locks", &accounting.kernel),
            events("user locks", &accounting.user),
        ],
    );
    section("Filters", whole.metadata.filters.clone());
    section(
        "Blind spots on this kernel",
        whole.metadata.blind_spots.clone(),
    );
    section("Overhead since the start", costs(state));
    lines
}

/// Where the waits are that began: in words, since this is what must add up.
fn events(what: &str, events: &Events) -> String {
    let mut text = format!(
        "{what}: {} waits began = {} ended + {} repeated + {} filtered + {} lost + {} open",
        events.begins,
        events.ended,
        events.repeats,
        events.filtered,
        events.lost.total(),
        events.open,
    );
    if !events.holds() {
        text.push_str(" (this is a bug, please report it: the parts do not add up)");
    }
    if events.other > 0 {
        text.push_str(&format!(
            "; {} of the ended waits are in the row for other locks",
            cells::count(events.other)
        ));
    }
    text
}

fn costs(state: &State) -> Vec<String> {
    let whole = state.whole();
    let own = format!("lock process: {} CPU time", units::time(whole.own_cpu_ns));
    let hooks = whole.hooks.iter().map(|hook| {
        format!(
            "{} {}: {} CPU time",
            hook.kind,
            hook.name,
            units::time(hook.cost_ns)
        )
    });
    std::iter::once(own).chain(hooks).collect()
}
