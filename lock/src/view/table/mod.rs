//! The report for people: a ranking, then its limits.

use std::collections::BTreeMap;

use ebpf_base::units::{plural, time};

use crate::{
    profile::{
        futex_role::FutexRole,
        group::{By, Filter, Grouped, group, rank},
        label::NO_STACK,
        metrics::{Metrics, Sort},
        snapshot::{Scope, Snapshot, StackId},
        tasks,
    },
    view::{
        Options,
        paint::{self, NAME, Paint},
        untrusted,
    },
};

mod abbreviate;
mod chains;
mod columns;
pub(super) mod facts;
mod footer;
mod waiting;

/// How many rows are shown unless it is asked for more.
const ROWS: usize = 25;

/// Writes the report. `columns` is the width of the terminal; without one, lines are as
/// long as they are.
pub(super) fn report(snapshot: &Snapshot, options: &Options, columns: Option<u16>) -> String {
    let mut grouped = group(snapshot, options.by, &options.filter);
    rank(&mut grouped.rows, options.sort);
    let mut text = String::new();
    let mut first = waiting::lines(snapshot, &options.filter);
    first.extend(footer::lost_samples(snapshot));
    for line in &first {
        text += &facts::wrapped(line, columns);
    }
    if !first.is_empty() {
        text.push('\n');
    }
    for line in heading(snapshot, options, &grouped) {
        text += &facts::wrapped(&line, columns);
    }
    if !grouped.rows.is_empty() {
        text.push('\n');
    }
    text += &ranking(snapshot, options, &grouped, columns);
    text += &chains::section(snapshot, columns);
    text += "\n";
    text += &footer::section(snapshot, options, &grouped, columns);
    text
}

fn heading(snapshot: &Snapshot, options: &Options, grouped: &Grouped) -> Vec<String> {
    let whose = match &snapshot.metadata.scope {
        Scope::System => "the whole system".to_owned(),
        Scope::Process { pid } => format!("process {pid}"),
        Scope::Command { command } => untrusted::line(&command.join(" ")).into_owned(),
    };
    let duration = time(snapshot.duration_ns);
    let mut only: Vec<String> = snapshot.metadata.filters.clone();
    let types: Vec<String> = options
        .filter
        .types
        .iter()
        .map(ToString::to_string)
        .collect();
    let types = format!("type {}", types.join(" or "));
    // What was recorded only is not filtered again by a report of the same types.
    if !options.filter.types.is_empty() && !only.contains(&types) {
        only.push(types);
    }
    if let Some(stack) = &options.filter.stack {
        only.push(format!("with \"{stack}\" on the stack"));
    }
    let only = match only.as_slice() {
        [] => String::new(),
        only => format!(", only {}", untrusted::line(&only.join(", "))),
    };
    if grouped.rows.is_empty() {
        let unmeasured = unmeasured(snapshot);
        let wait = match unmeasured {
            None => "wait",
            Some(_) => "measured wait",
        };
        let nothing = format!("No {wait} for a lock in {duration} of {whose}{only}.");
        return [nothing]
            .into_iter()
            .chain(unmeasured)
            .chain(unseen(snapshot))
            .chain(undetermined(snapshot, options))
            .chain(left_out(snapshot, options))
            .collect();
    }
    let mut lines = vec![format!("Waits for locks in {duration} of {whose}{only}:")];
    lines.extend(unmeasured(snapshot));
    lines.extend(unseen(snapshot));
    lines.extend(undetermined(snapshot, options));
    if grouped.estimated_by_filter() {
        lines.push("Stacks are known for sampled waits only: all values are estimates.".to_owned());
    }
    if !options.sort.is_estimated() && grouped.total.waits().is_none() {
        lines
            .push("The metric of --sort is unavailable for estimates: sorted by total.".to_owned());
    }
    lines
}

/// The waits that were seen and could not be measured: without them a report would be taken for
/// complete.
fn unmeasured(snapshot: &Snapshot) -> Option<String> {
    let accounting = &snapshot.accounting;
    let count = accounting
        .kernel
        .unmeasured
        .saturating_add(accounting.user.unmeasured);
    (count > 0).then(|| {
        format!(
            "Not measured: {} of 32-bit programs.",
            plural(count, "futex wait")
        )
    })
}

/// The tasks whose waits are not seen, as a runtime switches between them, a line per runtime.
fn unseen(snapshot: &Snapshot) -> impl Iterator<Item = String> {
    /// So many processes are named.
    const PROCESSES: usize = 3;
    tasks::runtimes(snapshot)
        .into_iter()
        .map(|(runtime, processes)| {
            let mut names: Vec<String> = processes
                .iter()
                .take(PROCESSES)
                .map(|&process| untrusted::line(&snapshot.process_name(process)).into_owned())
                .collect();
            if processes.len() > PROCESSES {
                names.push("others".to_owned());
            }
            format!(
                "Not recorded: waits of {tasks} in {} (for {}, ...), because {} switches between \
                 {tasks} without the kernel.",
                names.join(", "),
                runtime.locks,
                runtime.name,
                tasks = runtime.tasks
            )
        })
}

/// Idle waits that may be for locks: runtimes wait for both in one way, which has a name. Without
/// them nothing would be taken to be contended.
fn undetermined(snapshot: &Snapshot, options: &Options) -> Option<String> {
    if options.filter.include_idle || !options.filter.types.is_empty() {
        return None;
    }
    let mut by_name: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for lock in &snapshot.locks {
        if lock.lock_type.is_idle()
            && lock.role == FutexRole::Waiter
            && let Some(name) = &lock.name
        {
            let waits = lock.ranked();
            let (count, total_ns) = by_name.entry(name).or_default();
            *count = count.saturating_add(waits.count);
            *total_ns = total_ns.saturating_add(waits.total_ns);
        }
    }
    by_name.retain(|_, (count, _)| *count > 0);
    let list: Vec<String> = by_name
        .into_iter()
        .map(|(name, (count, total_ns))| {
            let name = untrusted::line(name);
            format!("{name}, {} in {}", time(total_ns), plural(count, "wait"))
        })
        .collect();
    (!list.is_empty()).then(|| {
        format!(
            "Not ranked, because these may be waits for work rather than for locks (--idle ranks \
             them): {}.",
            list.join("; ")
        )
    })
}

/// What the options leave out of an empty ranking: so that a filter which asks for too much is
/// not taken for an answer.
fn left_out(snapshot: &Snapshot, options: &Options) -> Option<String> {
    /// So many types are named.
    const TYPES: usize = 5;
    if options.filter.types.is_empty() && options.filter.stack.is_none() {
        return None; // The footer has what is idle.
    }
    let everything = Filter {
        include_idle: true,
        ..Filter::default()
    };
    let mut by_type = group(snapshot, By::Type, &everything);
    rank(&mut by_type.rows, Sort::Count);
    let types: Vec<String> = by_type
        .rows
        .iter()
        .take(TYPES)
        .map(|row| format!("{} {}", row.label, row.metrics.count()))
        .collect();
    if types.is_empty() {
        return None;
    }
    let more = if by_type.rows.len() > TYPES {
        ", and others"
    } else {
        ""
    };
    Some(format!(
        "Without these filters there are {}, by type: {}{more}.",
        plural(by_type.total.count(), "wait"),
        types.join(", ")
    ))
}

fn ranking(
    snapshot: &Snapshot,
    options: &Options,
    grouped: &Grouped,
    columns: Option<u16>,
) -> String {
    let shown = options.rows(ROWS).min(grouped.rows.len());
    let (rows, rest) = grouped.rows.split_at(shown);
    let table = columns::Columns::new(options.by, grouped.total.total_ns(), columns.is_some())
        .lines(rows, columns);
    let mut text = String::new();
    let mut lines = table.into_iter();
    let paint = Paint(options.color);
    for line in lines.by_ref().take(usize::from(!rows.is_empty())) {
        text += &paint.text(NAME, &line);
        text.push('\n');
    }
    for (line, row) in lines.zip(rows) {
        let total = row.metrics.total_ns();
        let style = paint::share(total, grouped.total.total_ns());
        text += &paint.first(style, &time(total), &line);
        text.push('\n');
        if let Some(holder) = columns::second_line(options.by, &row.label, columns) {
            text += &holder;
            text.push('\n');
        }
        if let Some(stack) = row.stack.filter(|_| options.by == By::Stack) {
            text += &stack_lines(snapshot, stack, columns);
        }
    }
    if !rest.is_empty() {
        let sum = |of: fn(&Metrics) -> u64| {
            rest.iter()
                .fold(0_u64, |sum, row| sum.saturating_add(of(&row.metrics)))
        };
        let more = format!(
            "and {} with {}, {} (--limit 0 shows all)",
            plural(rest.len() as u64, "more row"),
            plural(sum(Metrics::count), "wait"),
            time(sum(Metrics::total_ns))
        );
        text += &facts::wrapped(&more, columns);
    }
    text
}

/// A stack, innermost function first, a line each.
fn stack_lines(snapshot: &Snapshot, stack: StackId, width: Option<u16>) -> String {
    let mut lines = Vec::new();
    let Some(stack) = snapshot.stacks.get(stack.index()) else {
        return String::new();
    };
    let parts = [(&stack.kernel, " [kernel]"), (&stack.user, "")];
    for (frames, place) in parts {
        for &id in frames {
            let name = snapshot.frame_name(id);
            let frame = snapshot.frames.get(id.index());
            let inlined = frame.is_some_and(|frame| frame.inlined);
            let line = frame
                .and_then(|frame| Some((frame.file.as_deref()?, frame.line?)))
                .map(|(file, line)| format!(" {file}:{line}"))
                .unwrap_or_default();
            lines.push(format!(
                "{name}{}{line}{place}",
                if inlined { " (inlined)" } else { "" }
            ));
        }
    }
    if stack.lost {
        lines.push("(kernel stack unavailable)".to_owned());
    }
    if stack.cut {
        lines.push("(truncated)".to_owned());
    }
    if lines.is_empty() {
        lines.push(NO_STACK.to_owned());
    }
    lines
        .iter()
        .map(|line| {
            let line = format!("      {}", untrusted::line(line));
            columns::cut(&line, width.map_or(usize::MAX, usize::from)) + "\n"
        })
        .collect()
}

#[cfg(test)]
mod tests;
