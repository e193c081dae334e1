//! The page about a row: what its waits come to, who waits, who has the lock, and where.

use ebpf_base::units;

use crate::{
    profile::{
        group::{By, Filter, Row, group_sites, rank},
        metrics::{Metrics, Sort},
        snapshot::{Chain, FrameId, Snapshot, StackId},
    },
    view::tui::cells,
};

/// How a line is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What the page is about.
    Title,
    /// What comes next.
    Heading,
    /// Metrics and text.
    Plain,
    /// A function on a stack.
    Frame,
    /// A function that another one has inlined, and whatever matters less.
    Dim,
}

/// A line of the page. Has texts of programs in it as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DetailLine {
    /// How it is shown.
    pub(crate) kind: Kind,
    /// What it says.
    pub(crate) text: String,
}

/// How many rows a section has at most.
const ROWS: usize = 10;
/// How many stacks are shown whole at most.
const STACKS: usize = 20;

/// The page about a row; without one, about its absence.
pub(super) fn lines(snapshot: &Snapshot, row: Option<&Row>, idle: bool) -> Vec<DetailLine> {
    let mut page = Page {
        snapshot,
        filter: Filter {
            include_idle: idle,
            ..Filter::default()
        },
        lines: Vec::new(),
    };
    match row {
        Some(row) => page.row(row),
        None => page.push(
            Kind::Dim,
            "No waits in this time span; press v for the other one.",
        ),
    }
    page.lines
}

struct Page<'a> {
    snapshot: &'a Snapshot,
    filter: Filter,
    lines: Vec<DetailLine>,
}

impl Page<'_> {
    fn push(&mut self, kind: Kind, text: impl Into<String>) {
        self.lines.push(DetailLine {
            kind,
            text: text.into(),
        });
    }

    fn row(&mut self, row: &Row) {
        let title = match row.lock_type {
            Some(lock_type) if lock_type.to_string() != row.label => {
                format!("{lock_type}  {}", row.label)
            }
            _ => row.label.clone(),
        };
        self.push(Kind::Title, title);
        self.metrics(&row.metrics);
        if row.sites.is_empty() {
            self.push(Kind::Plain, "");
            self.push(
                Kind::Dim,
                "None of these waits has been sampled yet: no threads or stacks to show.",
            );
            return;
        }
        self.section("WAITERS", "thread", row, By::Thread);
        self.section("HOLDERS", "waiter ← holder", row, By::Holder);
        self.chains(row);
        if row.locks.len() > 1 {
            self.section("LOCKS", "lock", row, By::Address);
        }
        self.stacks(row);
    }

    fn metrics(&mut self, metrics: &Metrics) {
        let error = match cells::error(metrics) {
            error if error.is_empty() => error,
            error => format!(" ({error})"),
        };
        self.push(
            Kind::Plain,
            format!(
                "{} waits  total {}{error}  mean {}  max {}",
                cells::count(metrics.count()),
                units::time(metrics.total_ns()),
                cells::time(metrics.average_ns()),
                cells::time(metrics.longest_ns()),
            ),
        );
        let percentiles = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)]
            .into_iter()
            .filter_map(|(name, share)| {
                let time = units::time(metrics.percentile(share)?);
                Some(format!("{name} {time}"))
            })
            .collect::<Vec<_>>();
        if !percentiles.is_empty() {
            self.push(Kind::Plain, percentiles.join("  "));
        }
        let Some(waits) = metrics.waits() else {
            return;
        };
        let mut parts = Vec::new();
        if waits.spin_ns > 0 {
            let share = cells::share(waits.spin_ns, waits.total_ns);
            parts.push(format!("{share} of the time spinning"));
        }
        if waits.runqueue_ns > 0 {
            let share = cells::share(waits.runqueue_ns, waits.total_ns);
            parts.push(format!("{share} of the time run-queue delay"));
        }
        let mut others = Vec::new();
        for (count, what) in [
            (waits.timed_out, "timed out"),
            (waits.interrupted, "interrupted by a signal"),
            (waits.not_acquired, "failed"),
        ] {
            if count > 0 {
                others.push(format!("{} {what}", cells::count(count)));
            }
        }
        if !others.is_empty() {
            parts.push(format!("not counted above: {}", others.join(", ")));
        }
        if !parts.is_empty() {
            self.push(Kind::Dim, parts.join(", "));
        }
    }

    /// The row's waits by something else.
    fn section(&mut self, heading: &str, what: &str, row: &Row, by: By) {
        let mut rows = group_sites(self.snapshot, by, &self.filter, &row.sites);
        rank(&mut rows, Sort::Total);
        let whole = sum(&rows);
        self.heading(heading, what);
        for row in rows.iter().take(ROWS) {
            self.share(&row.metrics, whole, &row.label);
        }
        self.more(rows.len(), ROWS);
    }

    fn heading(&mut self, heading: &str, what: &str) {
        self.push(Kind::Plain, "");
        self.push(
            Kind::Heading,
            format!("{:>4} {:>7} {:>6} {heading}: {what}", "", "TOTAL", "WAITS"),
        );
    }

    fn share(&mut self, metrics: &Metrics, whole: u64, label: &str) {
        let error = match cells::error(metrics) {
            error if error.is_empty() => error,
            error => format!(" ({error})"),
        };
        self.push(
            Kind::Plain,
            format!(
                "{:>4} {:>7} {:>6} {label}{error}",
                cells::share(metrics.total_ns(), whole),
                units::time(metrics.total_ns()),
                cells::count(metrics.count()),
            ),
        );
    }

    fn more(&mut self, count: usize, shown: usize) {
        if let Some(more) = count.checked_sub(shown).filter(|&more| more > 0) {
            self.push(Kind::Dim, format!("{:>20}{more} more", ""));
        }
    }

    /// Waits for this lock by threads that others wait for, or for such threads.
    fn chains(&mut self, row: &Row) {
        let snapshot = self.snapshot;
        let mut chains = snapshot
            .chains
            .iter()
            .filter(|chain| {
                let mut links = chain.links.iter();
                links.any(|link| row.locks.binary_search(&link.lock).is_ok())
            })
            .collect::<Vec<_>>();
        if chains.is_empty() {
            return;
        }
        chains.sort_by_key(|chain| std::cmp::Reverse(chain.waits.wait_ns));
        self.heading("CHAINS", "waiter → holder");
        let whole = chains
            .iter()
            .fold(0_u64, |sum, chain| sum.saturating_add(chain.waits.wait_ns));
        for chain in chains.iter().take(ROWS) {
            let label = chain_label(snapshot, chain);
            self.share(&Metrics::Estimated(chain.waits), whole, &label);
        }
        self.more(chains.len(), ROWS);
    }

    fn stacks(&mut self, row: &Row) {
        let mut rows = group_sites(self.snapshot, By::Stack, &self.filter, &row.sites);
        rank(&mut rows, Sort::Total);
        let whole = sum(&rows);
        self.heading("STACKS", "where threads wait, innermost first");
        for row in rows.iter().take(STACKS) {
            let types = row.lock_type.map(|lock_type| lock_type.to_string());
            self.share(&row.metrics, whole, &types.unwrap_or_default());
            if let Some(stack) = row.stack {
                self.stack(stack);
            }
        }
        self.more(rows.len(), STACKS);
    }

    fn stack(&mut self, id: StackId) {
        let Some(stack) = self.snapshot.stacks.get(id.index()) else {
            return;
        };
        if stack.lost {
            self.push(Kind::Dim, format!("{INDENT}(kernel stack unavailable)"));
        }
        for &frame in stack.kernel.iter().chain(&stack.user) {
            self.frame(frame);
        }
        if stack.cut {
            self.push(Kind::Dim, format!("{INDENT}(truncated)"));
        }
        if stack.kernel.is_empty() && stack.user.is_empty() && !stack.lost {
            self.push(Kind::Dim, format!("{INDENT}(no stack)"));
        }
    }

    fn frame(&mut self, id: FrameId) {
        let mut text = format!("{INDENT}{}", self.snapshot.frame_name(id));
        let mut kind = Kind::Frame;
        if let Some(frame) = self.snapshot.frames.get(id.index()) {
            if frame.function.is_some() && !frame.module.is_empty() {
                text.push_str("  ");
                text.push_str(&frame.module);
            }
            if let Some(file) = &frame.file {
                text.push_str("  ");
                text.push_str(file);
                if let Some(line) = frame.line {
                    text.push_str(&format!(":{line}"));
                }
            }
            if frame.inlined {
                text.push_str("  (inlined)");
                kind = Kind::Dim;
            }
        }
        self.push(kind, text);
    }
}

const INDENT: &str = "       ";

fn sum(rows: &[Row]) -> u64 {
    rows.iter()
        .fold(0, |sum, row| sum.saturating_add(row.metrics.total_ns()))
}

/// `a[1] waits for mmap_lock, which b[2] has, which waits for ...`.
fn chain_label(snapshot: &Snapshot, chain: &Chain) -> String {
    let mut label = String::new();
    for link in &chain.links {
        let lock = snapshot.locks.get(link.lock.index()).map(|lock| {
            let name = lock.name.clone();
            name.unwrap_or_else(|| snapshot.location(&lock.identity))
        });
        label.push_str(&format!(
            "{} ─{}→ ",
            snapshot.thread_name(link.thread),
            lock.unwrap_or_default()
        ));
    }
    match chain.end {
        Some(thread) => label.push_str(&snapshot.thread_name(thread)),
        None => label.push('?'),
    }
    label
}
