//! What the screen shows, and how keys and intervals change it. Nothing here knows a
//! terminal.

use crate::{
    profile::{
        group::{By, Filter, Grouped, Row, group, rank},
        merge::Merger,
        metrics::{Metrics, Sort},
        snapshot::Snapshot,
    },
    view::tui::{
        choices,
        detail::{self, DetailLine},
        keys::Action,
        rows::{self, RowKey},
    },
};

/// Which intervals are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// The last one.
    Last,
    /// All since the start.
    Whole,
}

/// What lies over the ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overlay {
    /// What the keys do.
    Help,
    /// Notes, losses, cost and blind spots.
    Notes,
}

/// A row that is looked into.
#[derive(Debug)]
pub(crate) struct Detail {
    /// Which row.
    pub(crate) key: RowKey,
    /// What the page says.
    pub(crate) lines: Vec<DetailLine>,
    /// How many lines are above the screen.
    pub(crate) scroll: usize,
}

/// What begins as the command line says.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Start {
    /// What a row is.
    pub(crate) by: By,
    /// What rows are ranked by.
    pub(crate) sort: Sort,
    /// Whether idle waits are ranked.
    pub(crate) idle: bool,
    /// Whether a recording is shown, not what happens now.
    pub(crate) replay: bool,
}

/// Everything that is shown.
#[derive(Debug)]
pub(crate) struct State {
    merger: Merger,
    last: Snapshot,
    /// The last interval and the whole as they were when the picture was held.
    held: Option<Box<(Snapshot, Snapshot)>>,
    /// Whether the reader chose the span: else it changes at the end.
    span_chosen: bool,
    pub(crate) span: Span,
    pub(crate) by: By,
    pub(crate) sort: Sort,
    pub(crate) reversed: bool,
    pub(crate) idle: bool,
    pub(crate) filter: String,
    pub(crate) typing: bool,
    pub(crate) overlay: Option<Overlay>,
    /// How many lines of the overlay are above the screen.
    pub(crate) overlay_scroll: usize,
    pub(crate) replay: bool,
    /// Why nothing more comes, once that is so.
    pub(crate) ended: Option<String>,
    /// How many intervals there were.
    pub(crate) intervals: u64,
    /// All rows of the span, not filtered.
    pub(crate) grouped: Grouped,
    /// What passes the filter, in order: indices into the rows.
    pub(crate) visible: Vec<usize>,
    /// The selected one of `visible`.
    pub(crate) selected: usize,
    pub(crate) detail: Option<Detail>,
    /// Lines of a page, about.
    page: usize,
}

/// How long a filter can be, in characters.
const FILTER_LENGTH: usize = 100;

impl State {
    /// Before the first interval.
    pub(crate) fn new(start: Start) -> Self {
        let nothing = Snapshot::default();
        Self {
            grouped: group(&nothing, start.by, &Filter::default()),
            last: nothing,
            merger: Merger::default(),
            held: None,
            span_chosen: false,
            span: Span::Last,
            by: start.by,
            sort: start.sort,
            reversed: false,
            idle: start.idle,
            filter: String::new(),
            typing: false,
            overlay: None,
            overlay_scroll: 0,
            replay: start.replay,
            ended: None,
            intervals: 0,
            visible: Vec::new(),
            selected: 0,
            detail: None,
            page: 10,
        }
    }

    /// What the shown span came to.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        match (self.span, &self.held) {
            (Span::Last, None) => &self.last,
            (Span::Whole, None) => self.merger.snapshot(),
            (Span::Last, Some(held)) => &held.0,
            (Span::Whole, Some(held)) => &held.1,
        }
    }

    /// All since the start, whatever is shown.
    pub(crate) fn whole(&self) -> &Snapshot {
        match &self.held {
            Some(held) => &held.1,
            None => self.merger.snapshot(),
        }
    }

    /// Whether the picture is held.
    pub(crate) fn paused(&self) -> bool {
        self.held.is_some()
    }

    /// The rows that pass the filter, in their order.
    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = Option<&Row>> {
        self.visible
            .iter()
            .map(|&index| self.grouped.rows.get(index))
    }

    fn selected_row(&self) -> Option<&Row> {
        self.grouped.rows.get(*self.visible.get(self.selected)?)
    }

    /// The row that is looked into, if there are waits of it in the span.
    pub(crate) fn detailed_row(&self) -> Option<&Row> {
        let key = &self.detail.as_ref()?.key;
        let snapshot = self.snapshot();
        self.grouped.rows.iter().find(|row| key.is(snapshot, row))
    }

    /// The terminal has this many lines now.
    pub(crate) fn resize(&mut self, height: u16) {
        self.page = usize::from(height.saturating_sub(8)).max(1);
    }

    /// An interval came.
    pub(crate) fn add(&mut self, interval: Snapshot) {
        self.merger.add(&interval);
        self.last = interval;
        self.intervals = self.intervals.saturating_add(1);
        if !self.paused() {
            self.regroup();
        }
    }

    /// Nothing more comes.
    pub(crate) fn end(&mut self, reason: String) {
        self.ended = Some(reason);
        if !self.span_chosen && !self.paused() {
            self.span = Span::Whole;
            self.regroup();
        }
    }

    /// Does what a key asks for; quitting and suspending are the caller's.
    pub(crate) fn act(&mut self, action: Action) {
        if self.typing && self.type_filter(action) {
            return;
        }
        match action {
            Action::Up => self.go(|at, _| at.saturating_sub(1)),
            Action::Down => self.go(|at, _| at.saturating_add(1)),
            Action::PageUp => self.go(usize::saturating_sub),
            Action::PageDown => self.go(usize::saturating_add),
            Action::First => self.go(|_, _| 0),
            Action::Last => self.go(|_, _| usize::MAX),
            Action::Enter => self.enter(),
            Action::Back => self.back(),
            Action::Span => {
                self.span_chosen = true;
                self.span = match self.span {
                    Span::Last => Span::Whole,
                    Span::Whole => Span::Last,
                };
                self.regroup();
            }
            Action::Sort => {
                let exact = self.grouped.total.waits().is_some();
                self.sort = choices::next_sort(self.sort, exact);
                self.arrange();
            }
            Action::Reverse => {
                self.reversed = !self.reversed;
                self.arrange();
            }
            Action::Group => {
                self.by = choices::next_group(self.by);
                self.detail = None;
                self.selected = 0;
                self.regroup();
            }
            Action::Idle => {
                self.idle = !self.idle;
                self.regroup();
            }
            Action::Pause => self.pause(),
            Action::Filter => {
                self.overlay = None;
                self.detail = None;
                self.typing = true;
            }
            Action::Notes => self.show(Overlay::Notes),
            Action::Help => self.show(Overlay::Help),
            Action::Quit | Action::Suspend | Action::Type(_) | Action::Erase | Action::EraseAll => {
            }
        }
    }

    /// Whether the action was for the filter.
    fn type_filter(&mut self, action: Action) -> bool {
        match action {
            Action::Type(c) if self.filter.chars().count() < FILTER_LENGTH => self.filter.push(c),
            Action::Type(_) => {}
            Action::Erase => {
                self.filter.pop();
            }
            Action::EraseAll => self.filter.clear(),
            Action::Enter => self.typing = false,
            Action::Back => {
                self.typing = false;
                self.filter.clear();
            }
            _ => return false,
        }
        self.selected = 0;
        self.arrange();
        true
    }

    fn go(&mut self, to: impl Fn(usize, usize) -> usize) {
        let page = self.page;
        if self.overlay.is_some() {
            // How many lines there are depends on the width: drawing sees to the end.
            self.overlay_scroll = to(self.overlay_scroll, page).min(MOST_LINES);
        } else if let Some(detail) = &mut self.detail {
            let last = detail.lines.len().saturating_sub(page);
            detail.scroll = to(detail.scroll, page).min(last);
        } else {
            let last = self.visible.len().saturating_sub(1);
            self.selected = to(self.selected, page).min(last);
        }
    }

    fn enter(&mut self) {
        if self.overlay.take().is_some() || self.detail.is_some() {
            return;
        }
        let snapshot = self.snapshot();
        if let Some(key) = self.selected_row().map(|row| RowKey::of(snapshot, row)) {
            self.detail = Some(Detail {
                key,
                lines: Vec::new(),
                scroll: 0,
            });
            self.describe();
        }
    }

    fn back(&mut self) {
        if self.overlay.take().is_some() || self.detail.take().is_some() {
            return;
        }
        self.filter.clear();
        self.arrange();
    }

    fn show(&mut self, overlay: Overlay) {
        self.overlay_scroll = 0;
        self.overlay = match self.overlay {
            Some(shown) if shown == overlay => None,
            _ => Some(overlay),
        };
    }

    fn pause(&mut self) {
        if self.held.take().is_none() {
            let whole = self.merger.snapshot().clone();
            self.held = Some(Box::new((self.last.clone(), whole)));
        }
        self.regroup();
    }

    /// Puts the waits into rows anew.
    fn regroup(&mut self) {
        let key = self.selected_key();
        let filter = Filter {
            include_idle: self.idle,
            ..Filter::default()
        };
        self.grouped = group(self.snapshot(), self.by, &filter);
        self.arrange_around(key);
    }

    /// Filters and ranks the rows.
    fn arrange(&mut self) {
        let key = self.selected_key();
        self.arrange_around(key);
    }

    /// What is to stay selected. The top stays the top: there is the hottest.
    fn selected_key(&self) -> Option<RowKey> {
        let row = self.selected_row()?;
        (self.selected > 0).then(|| RowKey::of(self.snapshot(), row))
    }

    fn arrange_around(&mut self, key: Option<RowKey>) {
        rank(&mut self.grouped.rows, self.sort);
        if self.reversed {
            self.grouped.rows.reverse();
        }
        let snapshot = self.snapshot();
        let wanted = self.filter.to_lowercase();
        let visible = (0..self.grouped.rows.len())
            .filter(|&index| {
                wanted.is_empty()
                    || self.grouped.rows.get(index).is_some_and(|row| {
                        rows::has_name(row, &wanted) || rows::on_stack(snapshot, row, &self.filter)
                    })
            })
            .collect::<Vec<_>>();
        let selected = key
            .and_then(|key| {
                visible.iter().position(|&index| {
                    let row = self.grouped.rows.get(index);
                    row.is_some_and(|row| key.is(snapshot, row))
                })
            })
            .unwrap_or(self.selected);
        self.selected = selected.min(visible.len().saturating_sub(1));
        self.visible = visible;
        self.describe();
    }

    /// Writes the page about a row anew.
    fn describe(&mut self) {
        let Some(mut detail) = self.detail.take() else {
            return;
        };
        self.detail = Some(Detail {
            key: detail.key.clone(),
            lines: Vec::new(),
            scroll: detail.scroll,
        });
        detail.lines = detail::lines(self.snapshot(), self.detailed_row(), self.idle);
        self.detail = Some(detail);
    }

    /// What all shown rows come to.
    pub(crate) fn total(&self) -> &Metrics {
        &self.grouped.total
    }
}

/// More than any overlay has.
const MOST_LINES: usize = 10_000;
