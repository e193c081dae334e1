//! The lines above: what is recorded, what it comes to, what it costs, and what is missing.

use ebpf_base::units;
use ratatui::{
    style::{Color, Modifier, Style},
    text::{Line, Span},
};

use super::text::fit;
use crate::{
    profile::snapshot::{Scope, Snapshot},
    view::tui::{
        cells,
        losses::Losses,
        state::{self, State},
    },
};

/// As many lines as the height allows.
pub(super) fn lines(state: &State, width: usize, height: usize) -> Vec<Line<'static>> {
    let mut lines = vec![title(state, width), metrics(state, width)];
    if height >= 12 {
        lines.extend(idle(state, width));
    }
    if height >= 8 {
        lines.extend(warning(state, width));
    }
    if height >= 16 {
        lines.push(Line::raw(""));
    }
    lines
}

/// Whose waits, and of when.
fn title(state: &State, width: usize) -> Line<'static> {
    let snapshot = state.snapshot();
    let mut when = match state.span {
        state::Span::Last => format!("last {}", units::time(snapshot.duration_ns)),
        state::Span::Whole => "since start".to_owned(),
    };
    if width >= 50 || state.span == state::Span::Whole {
        let whole = units::time(state.whole().duration_ns);
        when.push_str(&match state.span {
            state::Span::Last => format!(" of {whole}"),
            state::Span::Whole => format!(" {whole}"),
        });
    }
    let status = match (&state.ended, state.paused()) {
        (_, true) => " PAUSED ".to_owned(),
        (Some(_), false) => " ENDED ".to_owned(),
        (None, false) if state.replay => " REPLAY ".to_owned(),
        (None, false) => String::new(),
    };
    let right = Span::raw(&when).width().saturating_add(status.len() + 1);
    let what = match &snapshot.metadata.scope {
        // Nothing is known yet.
        _ if state.intervals == 0 => String::new(),
        Scope::System => "the whole system".to_owned(),
        Scope::Process { pid } => format!("process {pid}"),
        Scope::Command { command } => command.join(" "),
    };
    let left = fit(&format!("lock top: {what}"), width.saturating_sub(right));
    let gap = width
        .saturating_sub(Span::raw(&left).width())
        .saturating_sub(right)
        .saturating_add(1);
    Line::from(vec![
        Span::styled(left, Style::new().add_modifier(Modifier::BOLD)),
        Span::raw(" ".repeat(gap)),
        Span::raw(when),
        Span::styled(
            status,
            Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED),
        ),
    ])
}

/// Rates, sampling, losses, cost: what fits, the losses first if there are any.
fn metrics(state: &State, width: usize) -> Line<'static> {
    let snapshot = state.snapshot();
    let total = state.total();
    let duration = snapshot.duration_ns;
    let alarm = Style::new()
        .fg(Color::Red)
        .add_modifier(Modifier::BOLD | Modifier::REVERSED);
    let losses = Losses::of(state.whole());
    let lost = (format!("lost {}", cells::count(losses.total())), alarm);
    let normal = Style::new();
    let mut parts = vec![
        (
            format!(
                "{} waits/s",
                cells::rate(cells::per_second(total.count(), duration))
            ),
            normal,
        ),
        (
            format!(
                "wait time {}/s",
                units::time(cells::per_second(total.total_ns(), duration) as u64)
            ),
            normal.add_modifier(Modifier::BOLD),
        ),
    ];
    if losses.total() > 0 {
        parts.insert(1, lost);
    } else {
        parts.push(("lost 0".to_owned(), normal));
    }
    parts.push((format!("sampled {}", sampled(snapshot)), normal));
    parts.push((format!("overhead {} CPU", cost(snapshot)), normal));
    let mut spans = Vec::new();
    let mut used = 0_usize;
    for (text, style) in parts {
        let gap = if spans.is_empty() { 0 } else { 2 };
        let needed = Span::raw(&text).width().saturating_add(gap);
        if used.saturating_add(needed) > width && !spans.is_empty() {
            break;
        }
        used = used.saturating_add(needed);
        spans.push(Span::raw(" ".repeat(gap)));
        spans.push(Span::styled(text, style));
    }
    Line::from(spans)
}

/// The share of waits whose stack was taken.
fn sampled(snapshot: &Snapshot) -> String {
    if snapshot.metadata.exact {
        return "all".to_owned();
    }
    let accounting = &snapshot.accounting;
    let ended = accounting
        .kernel
        .ended
        .saturating_add(accounting.user.ended);
    cells::share(accounting.samples.taken, ended)
}

/// What `lock` itself took, its programs in the kernel included, of one CPU.
fn cost(snapshot: &Snapshot) -> String {
    let cost = snapshot
        .hooks
        .iter()
        .fold(snapshot.own_cpu_ns, |sum, hook| {
            sum.saturating_add(hook.cost_ns)
        });
    let percent = cells::per_second(cost, snapshot.duration_ns) / 1e7;
    match percent {
        ..9.95 => format!("{percent:.1}%"),
        _ => format!("{percent:.0}%"),
    }
}

/// Idle waits that are not in the ranking.
fn idle(state: &State, width: usize) -> Option<Line<'static>> {
    if state.grouped.idle.is_empty() {
        return None;
    }
    let parts = state
        .grouped
        .idle
        .iter()
        .map(|aside| {
            format!(
                "{} {} ({})",
                aside.lock_type,
                units::time(aside.total_ns),
                cells::count(aside.count)
            )
        })
        .collect::<Vec<_>>();
    let text = format!("idle, not ranked: {}", parts.join(", "));
    Some(Line::styled(
        fit(&text, width),
        Style::new().add_modifier(Modifier::DIM),
    ))
}

/// Why it ended, or the newest thing that is to be known of the recording.
fn warning(state: &State, width: usize) -> Option<Line<'static>> {
    let mut texts = Vec::new();
    if let Some(reason) = &state.ended {
        texts.push(reason.clone());
    }
    let losses = Losses::of(state.whole());
    texts.extend(losses.all());
    texts.extend(state.whole().notes.iter().cloned());
    let (first, more) = texts.split_first()?;
    let more = match more.len() {
        0 => String::new(),
        count => format!(" ({count} more: press n)"),
    };
    let room = width.saturating_sub(more.len() + 2);
    let text = format!("! {}{more}", fit(first, room));
    Some(Line::styled(
        text,
        Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD),
    ))
}
