//! What the ranking does not hold, and how far it can be trusted: a line for each fact.

use ebpf_base::units::{plural, time};

use crate::{
    profile::{
        group::{Failed, Grouped, lock_labels},
        metrics::Metrics,
        snapshot::{Events, Hook, Snapshot},
    },
    view::{
        Options,
        paint::Paint,
        table::{facts::lines, waiting},
        untrusted,
    },
};

/// How many open waits are shown one by one.
const OPEN: usize = 5;

/// All facts, wrapped to the width of the terminal if there is one.
pub(super) fn section(
    snapshot: &Snapshot,
    options: &Options,
    grouped: &Grouped,
    width: Option<u16>,
) -> String {
    let mut facts: Vec<(&str, String)> = Vec::new();
    if !grouped.rows.is_empty() {
        facts.push(("total", total(&grouped.total)));
    }
    if !grouped.idle.is_empty() {
        facts.push(("idle", idle(grouped)));
    }
    if !grouped.failed.is_empty() {
        facts.push(("not acquired", failed(&grouped.failed)));
    }
    if let Some(pieces) = pieces(&grouped.total) {
        facts.push(("in pieces", pieces));
    }
    facts.push(("open waits at end", open(snapshot)));
    facts.push(("lost", lost(snapshot)));
    if let Some(counted) = also_counted(snapshot) {
        facts.push(("also counted", counted));
    }
    facts.extend(
        [
            ("kernel locks", &snapshot.accounting.kernel),
            ("user locks", &snapshot.accounting.user),
        ]
        .into_iter()
        .filter(|(_, events)| !events.holds())
        .map(|(whose, events)| ("accounting", broken(whose, events))),
    );
    if snapshot.accounting.samples.taken > 0 {
        facts.push(("sampling", sampling(snapshot)));
    }
    if let Some(cut) = cut_stacks(snapshot) {
        facts.push(("stacks", cut));
    }
    facts.push(("overhead", overhead(snapshot)));
    facts.push(("hooks", hooks(snapshot)));
    facts.extend(
        snapshot
            .metadata
            .blind_spots
            .iter()
            .map(|spot| ("blind spots", untrusted::line(spot).into_owned())),
    );
    if snapshot.metadata.own_included {
        facts.push((
            "note",
            "waits of lock itself are included: in a PID namespace they cannot be identified"
                .to_owned(),
        ));
    }
    facts.extend(
        snapshot
            .notes
            .iter()
            .map(|note| ("note", untrusted::line(note).into_owned())),
    );
    lines(&facts, width, Paint(options.color))
}

fn total(total: &Metrics) -> String {
    let error = |error: String, none: bool| {
        if none {
            String::new()
        } else {
            format!(" ±{error}")
        }
    };
    format!(
        "{}{}, {}{}",
        plural(total.count(), "wait"),
        error(total.count_error().to_string(), total.count_error() == 0),
        time(total.total_ns()),
        error(time(total.error_ns()), total.error_ns() == 0)
    )
}

fn idle(grouped: &Grouped) -> String {
    let list: Vec<String> = grouped
        .idle
        .iter()
        .map(|idle| {
            format!(
                "{} {} ({})",
                idle.count,
                idle.lock_type,
                time(idle.total_ns)
            )
        })
        .collect();
    format!("{}; not ranked (--idle includes them)", list.join(", "))
}

fn failed(failed: &[Failed]) -> String {
    let list: Vec<String> = failed
        .iter()
        .map(|failed| {
            let ways = [
                (failed.timed_out, "timed out"),
                (failed.interrupted, "interrupted"),
                (failed.unknown, "failed"),
            ];
            format!(
                "{}: {} ({})",
                failed.lock_type,
                counts(ways).join(", "),
                time(failed.total_ns)
            )
        })
        .collect();
    format!("{}; not ranked", list.join("; "))
}

/// Only exact rows tell it.
fn pieces(total: &Metrics) -> Option<String> {
    let pieces = total.waits()?.polled;
    (pieces > 0).then(|| {
        format!(
            "{} in longer waits for the GIL (timeouts, or its internal mutex): included in the \
             total time, but not in the number of waits, so the longest wait and percentiles are \
             unavailable",
            plural(pieces, "sleep")
        )
    })
}

fn counts<const N: usize>(parts: [(u64, &str); N]) -> Vec<String> {
    parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect()
}

fn open(snapshot: &Snapshot) -> String {
    let accounting = &snapshot.accounting;
    let count = accounting.kernel.open.saturating_add(accounting.user.open);
    if snapshot.open.is_empty() {
        return match count {
            0 => "none".to_owned(),
            _ => count.to_string(),
        };
    }
    let labels = lock_labels(snapshot);
    let mut waits: Vec<_> = snapshot.open.iter().collect();
    waits.sort_by_key(|open| std::cmp::Reverse(open.waited_ns));
    let mut list: Vec<String> = waits
        .iter()
        .take(OPEN)
        .map(|open| {
            format!(
                "{} for {}",
                snapshot.thread_name(open.thread),
                waiting::description(snapshot, &labels, open)
            )
        })
        .collect();
    let more = waits.len().saturating_sub(OPEN);
    if more > 0 {
        list.push(format!("and {more} more"));
    }
    untrusted::line(&list.join(", ")).into_owned()
}

/// That many samples were lost, and what to do about it: a share that rows by anything but the
/// lock are not to be read without.
pub(super) fn lost_samples(snapshot: &Snapshot) -> Option<String> {
    let samples = &snapshot.accounting.samples;
    let lost = samples.buffer_full;
    if lost == 0 || lost < samples.taken / 100 {
        return None;
    }
    let share = 100.0 * lost as f64 / samples.taken.max(lost) as f64;
    let without = match snapshot.metadata.exact {
        true => ", or record without --exact",
        false => "",
    };
    Some(format!(
        "LOST: {lost} of {} sampled waits ({share:.0} %), because the ring buffer was full. Rows \
         by caller, stack, thread or holder are based on the remaining samples only. Record again \
         with a larger buffer, such as --buffer 64 (MiB){without}.",
        samples.taken.max(lost)
    ))
}

fn lost(snapshot: &Snapshot) -> String {
    let accounting = &snapshot.accounting;
    let (kernel, user) = (&accounting.kernel, &accounting.user);
    let both = |of: fn(&Events) -> u64| of(kernel).saturating_add(of(user));
    let lost = counts([
        (
            both(|it| it.lost.table_full),
            "because the thread table was full (--max-threads)",
        ),
        (
            both(|it| it.lost.nested),
            "because they were nested too deeply",
        ),
        (
            both(|it| it.lost.end_not_seen),
            "because their end event was missed",
        ),
    ]);
    let begins = both(|it| it.begins);
    let total = both(|it| it.lost.total());
    let samples = snapshot.accounting.samples.buffer_full;
    let mut text = match total {
        0 => format!("none of {begins} events"),
        total => format!("{total} of {begins} events: {}", lost.join(", ")),
    };
    for hook in snapshot.hooks.iter().filter(|hook| hook.missed > 0) {
        text += &format!(
            "; {} {} because the BPF program was already running on the same CPU (all processes)",
            hook.missed,
            untrusted::line(&hook.name)
        );
    }
    if total == 0 && samples > 0 {
        text += &format!("; {samples} samples with their stacks");
    }
    text
}

/// Events that were not lost, but that a report does not show as they were.
fn also_counted(snapshot: &Snapshot) -> Option<String> {
    let (kernel, user) = (&snapshot.accounting.kernel, &snapshot.accounting.user);
    let both = |of: fn(&Events) -> u64| of(kernel).saturating_add(of(user));
    let others = counts([
        (both(|it| it.filtered), "waits filtered out"),
        (
            both(|it| it.other),
            "in the row for other locks, because the lock table was full (--max-locks)",
        ),
        (
            both(|it| it.ends_without_begin),
            "end events without a begin event",
        ),
        (
            both(|it| it.unseen_ends),
            "with an end time inferred from the thread's CPU time, because the end event is \
             missing",
        ),
    ]);
    (!others.is_empty()).then(|| others.join(", "))
}

fn broken(whose: &str, events: &Events) -> String {
    format!(
        "{whose}: {} waits began, but {} repeated + {} ended + {} filtered + {} lost + {} open = \
         {}. This is a bug, please report it",
        events.begins,
        events.repeats,
        events.ended,
        events.filtered,
        events.lost.total(),
        events.open,
        events.explained()
    )
}

fn sampling(snapshot: &Snapshot) -> String {
    let samples = &snapshot.accounting.samples;
    let ended = snapshot
        .accounting
        .kernel
        .ended
        .saturating_add(snapshot.accounting.user.ended);
    let mut text = if snapshot.metadata.exact && samples.buffer_full == 0 {
        format!("every wait was sampled (--exact): {}", samples.used)
    } else {
        format!(
            "{} of {} sampled (including idle waits and waits that did not acquire the lock). Rows \
             by lock, address and type count every wait. Other rows are estimates with 95 % \
             confidence intervals (±), and add up to the counted totals",
            samples.used,
            plural(ended, "ended wait"),
        )
    };
    let lost = counts([
        (
            samples.buffer_full,
            "samples lost, because the ring buffer was full",
        ),
        (
            samples.stacks_full,
            "without a stack, because --max-stacks was reached",
        ),
        (
            samples.stack_unreadable,
            "without a stack, because the kernel could not unwind it",
        ),
    ]);
    for lost in lost {
        text += "; ";
        text += &lost;
    }
    text
}

fn cut_stacks(snapshot: &Snapshot) -> Option<String> {
    let samples = &snapshot.accounting.samples;
    (samples.user_stacks > 0).then(|| match samples.user_stacks_cut {
        0 => format!("all {} user stacks are complete", samples.user_stacks),
        cut => format!(
            "{cut} of {} user stacks are truncated ({:.1} %)",
            samples.user_stacks,
            100.0 * cut as f64 / samples.user_stacks as f64
        ),
    })
}

fn overhead(snapshot: &Snapshot) -> String {
    let of_cpu = |ns: u64| match snapshot.duration_ns {
        0 => String::new(),
        duration => format!(" ({:.2} % of one CPU)", 100.0 * ns as f64 / duration as f64),
    };
    let hooks = snapshot
        .hooks
        .iter()
        .fold(0_u64, |sum, hook| sum.saturating_add(hook.cost_ns));
    let mut text = format!(
        "lock process {}{}",
        time(snapshot.own_cpu_ns),
        of_cpu(snapshot.own_cpu_ns)
    );
    if snapshot.hooks.iter().any(|hook| hook.timed_runs > 0) {
        text += &format!(", BPF programs {}{}", time(hooks), of_cpu(hooks));
    } else {
        text += ", BPF programs not timed";
    }
    text
}

fn hooks(snapshot: &Snapshot) -> String {
    let each = |hook: &Hook| {
        let mean = hook.timed_ns.checked_div(hook.timed_runs);
        let mean = mean.map_or_else(String::new, |mean| {
            format!(" {} ({} per run)", time(hook.cost_ns), time(mean))
        });
        format!("{} {}{mean}", hook.kind, hook.name)
    };
    let list: Vec<String> = snapshot.hooks.iter().map(each).collect();
    let kernel = &snapshot.metadata.kernel;
    let text = match list.as_slice() {
        [] => format!("none, on Linux {kernel}"),
        list => format!("{} on Linux {kernel}", list.join(", ")),
    };
    untrusted::line(&text).into_owned()
}
