//! Puts the state on a screen of any size. Pure: the same state, the same picture.

use ratatui_core::{
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    terminal::Frame,
    text::Line,
};

use crate::view::tui::{
    detail::{DetailLine, Kind},
    state::State,
};

mod footer;
mod header;
mod overlay;
mod table;
mod text;

/// From so many lines on there is room for a header, a footer and a table.
const ROOMY: u16 = 6;

/// Draws everything.
pub(crate) fn draw(state: &State, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.is_empty() {
        return;
    }
    let header = header::lines(state, usize::from(area.width), usize::from(area.height));
    let (above, below) = if area.height < ROOMY {
        (0, 0)
    } else {
        (header.len() as u16, 1)
    };
    let [top, body, bottom] = Layout::vertical([
        Constraint::Length(above),
        Constraint::Min(1),
        Constraint::Length(below),
    ])
    .areas(area);
    put(frame, top, &header);
    match &state.detail {
        Some(detail) => {
            let width = usize::from(body.width);
            let rest = detail.lines.iter().skip(detail.scroll);
            let lines = rest
                .take(body.height.into())
                .map(|line| styled(line, width))
                .collect::<Vec<_>>();
            put(frame, body, &lines);
        }
        None => table::draw(state, frame, body),
    }
    put(
        frame,
        bottom,
        &[footer::line(state, usize::from(area.width))],
    );
    if let Some(shown) = state.overlay {
        overlay::draw(state, shown, frame, area);
    }
}

/// Lines of text, one below the other, as many as there is room for.
fn put(frame: &mut Frame<'_>, area: Rect, lines: &[Line<'_>]) {
    for (line, y) in lines.iter().zip(area.top()..area.bottom()) {
        frame.render_widget(line, Rect::new(area.x, y, area.width, 1));
    }
}

fn styled(line: &DetailLine, width: usize) -> Line<'static> {
    let style = match line.kind {
        Kind::Title => Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD),
        Kind::Heading => Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        Kind::Plain | Kind::Frame => Style::new(),
        Kind::Dim => Style::new().add_modifier(Modifier::DIM),
    };
    Line::styled(text::fit(&line.text, width), style)
}
