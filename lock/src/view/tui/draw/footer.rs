//! The last line: the keys, or the filter that is being typed.

use ratatui_core::{
    style::{Modifier, Style},
    text::{Line, Span},
};

use super::text::fit;
use crate::view::{
    tui::state::{self, State},
    untrusted,
};

/// As many keys as fit, the most needed first.
pub(super) fn line(state: &State, width: usize) -> Line<'static> {
    if state.typing {
        return typing(state, width);
    }
    let keys: Vec<(&str, String)> = if state.overlay.is_some() {
        vec![("Esc", "back".to_owned()), ("↑↓", "scroll".to_owned())]
    } else if state.detail.is_some() {
        vec![
            ("Esc", "back".to_owned()),
            ("↑↓", "scroll".to_owned()),
            ("v", other_span(state).to_owned()),
            ("?", "help".to_owned()),
            ("q", "quit".to_owned()),
        ]
    } else {
        ranking(state)
    };
    let mut spans = Vec::new();
    let mut used = 0_usize;
    for (key, meaning) in keys {
        let gap = if spans.is_empty() { 0 } else { 2 };
        let meaning = untrusted::line(&meaning);
        let width_of = |text: &str| Span::raw(text).width();
        let needed = width_of(key) + 1 + width_of(&meaning) + gap;
        if used.saturating_add(needed) > width {
            break;
        }
        used = used.saturating_add(needed);
        spans.push(Span::raw(" ".repeat(gap)));
        spans.push(Span::styled(
            key.to_owned(),
            Style::new().add_modifier(Modifier::BOLD),
        ));
        spans.push(Span::raw(format!(" {meaning}")));
    }
    Line::from(spans)
}

fn ranking(state: &State) -> Vec<(&'static str, String)> {
    let pause = if state.paused() { "resume" } else { "pause" };
    let idle = if state.idle { "hide idle" } else { "show idle" };
    let mut keys = vec![
        ("?", "help".to_owned()),
        ("q", "quit".to_owned()),
        ("⏎", "details".to_owned()),
        ("v", other_span(state).to_owned()),
        ("s", "sort".to_owned()),
        ("b", "group".to_owned()),
    ];
    if state.filter.is_empty() {
        keys.push(("/", "filter".to_owned()));
    } else {
        keys.insert(0, ("/", format!("{} (Esc clears it)", state.filter)));
    }
    keys.push(("i", idle.to_owned()));
    keys.push(("n", "notes".to_owned()));
    keys.push(("space", pause.to_owned()));
    keys
}

/// What `v` leads to.
fn other_span(state: &State) -> &'static str {
    match state.span {
        state::Span::Last => "since start",
        state::Span::Whole => "last interval",
    }
}

fn typing(state: &State, width: usize) -> Line<'static> {
    let hint = "  ⏎ applies it, Esc clears it";
    let text = untrusted::line(&state.filter);
    let mut shown = format!("/{text}");
    // Of a long one the end is seen, where it is typed.
    while Span::raw(&shown).width() >= width && shown.len() > 1 {
        let second = shown.char_indices().nth(1).map_or(1, |(at, _)| at);
        let rest = shown.get(second..).unwrap_or_default();
        let rest = rest
            .char_indices()
            .nth(1)
            .map_or("", |(at, _)| rest.get(at..).unwrap_or_default());
        shown = format!("/{rest}");
    }
    let room = width.saturating_sub(Span::raw(&shown).width() + 1);
    Line::from(vec![
        Span::styled(shown, Style::new().add_modifier(Modifier::BOLD)),
        Span::styled(" ", Style::new().add_modifier(Modifier::REVERSED)),
        Span::styled(fit(hint, room), Style::new().add_modifier(Modifier::DIM)),
    ])
}
