//! What the ranking does not hold, and how far it can be trusted: a line for each fact.

use crate::{
    profile::{
        figures::Figures,
        group::{Failed, Grouped, lock_labels},
        snapshot::{Estimate, Events, Hook, Snapshot},
    },
    units::{plural, time},
    view::{Options, table::facts::lines, untrusted},
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
        facts.push(("together", together(&grouped.total)));
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
    facts.push(("still waiting", open(snapshot)));
    facts.push(("lost", lost(snapshot)));
    facts.extend(
        [
            ("kernel locks", &snapshot.account.kernel),
            ("user locks", &snapshot.account.user),
        ]
        .into_iter()
        .filter(|(_, events)| !events.holds())
        .map(|(whose, events)| ("account", broken(whose, events))),
    );
    if snapshot.account.samples.taken > 0 {
        facts.push(("sampling", sampling(snapshot, options, &grouped.total)));
    }
    if let Some(cut) = cut_stacks(snapshot) {
        facts.push(("stacks", cut));
    }
    facts.push(("cost", cost(snapshot)));
    facts.push(("hooks", hooks(snapshot)));
    facts.extend(
        snapshot
            .about
            .blind_spots
            .iter()
            .map(|spot| ("not seen", untrusted::line(spot).into_owned())),
    );
    if snapshot.about.own_included {
        facts.push((
            "note",
            "lock's own waits are included: in a pid namespace it cannot tell them from others"
                .to_owned(),
        ));
    }
    facts.extend(
        snapshot
            .notes
            .iter()
            .map(|note| ("note", untrusted::line(note).into_owned())),
    );
    lines(&facts, width)
}

fn together(total: &Figures) -> String {
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
    format!(
        "waits for work, not ranked: {} (--idle ranks them)",
        list.join(", ")
    )
}

fn failed(failed: &[Failed]) -> String {
    let list: Vec<String> = failed
        .iter()
        .map(|failed| {
            let ways = [
                (failed.timed_out, "timed out"),
                (failed.interrupted, "interrupted"),
                (failed.unknown, "failed otherwise"),
            ];
            format!(
                "{}: {} ({})",
                failed.lock_type,
                counts(ways).join(", "),
                time(failed.total_ns)
            )
        })
        .collect();
    format!("not in the ranking: {}", list.join("; "))
}

/// Only exact rows tell it.
fn pieces(total: &Figures) -> Option<String> {
    let pieces = total.waits()?.pieces;
    (pieces > 0).then(|| {
        format!(
            "{pieces} waits for the GIL that timed out, or were for its own mutex, are pieces of \
             the waits in the ranking: in its total, not in its count, and so it has no longest \
             wait and no percentiles"
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
    let account = &snapshot.account;
    let count = account.kernel.open.saturating_add(account.user.open);
    if snapshot.open.is_empty() {
        return match count {
            0 => "none at the end".to_owned(),
            _ => format!("{} at the end", plural(count, "wait")),
        };
    }
    let labels = lock_labels(snapshot);
    let mut waits: Vec<_> = snapshot.open.iter().collect();
    waits.sort_by_key(|open| std::cmp::Reverse(open.waited_ns));
    let mut list: Vec<String> = waits
        .iter()
        .take(OPEN)
        .map(|open| {
            let lock = labels.get(&open.lock).map_or("(missing)", String::as_str);
            let lock_type = snapshot.locks.get(open.lock.index());
            format!(
                "{} for {} {lock} ({} so far)",
                snapshot.thread_name(open.thread),
                lock_type.map_or_else(|| "lock".to_owned(), |lock| lock.lock_type.to_string()),
                time(open.waited_ns)
            )
        })
        .collect();
    let more = waits.len().saturating_sub(OPEN);
    if more > 0 {
        list.push(format!("and {more} more"));
    }
    untrusted::line(&list.join(", ")).into_owned()
}

fn lost(snapshot: &Snapshot) -> String {
    let account = &snapshot.account;
    let (kernel, user) = (&account.kernel, &account.user);
    let both = |of: fn(&Events) -> u64| of(kernel).saturating_add(of(user));
    let mut lost = counts([
        (
            both(|it| it.lost.table_full),
            "as too many threads waited at once",
        ),
        (both(|it| it.lost.nested), "as they were nested too deeply"),
        (both(|it| it.lost.end_not_seen), "as their end was not seen"),
    ]);
    for hook in &snapshot.hooks {
        if hook.missed > 0 {
            lost.push(format!(
                "{} {} while its program was busy on that CPU",
                hook.missed,
                untrusted::line(&hook.name)
            ));
        }
    }
    let begins = both(|it| it.begins);
    let mut text = match lost.as_slice() {
        [] => format!("none of {begins} events"),
        lost => format!("of {begins} events: {}", lost.join(", ")),
    };
    let others = [
        (both(|it| it.filtered), "left out by a filter"),
        (
            both(|it| it.other),
            "in the row of others: the table of locks was full",
        ),
        (both(|it| it.ends_without_begin), "ends without a begin"),
        (
            both(|it| it.unseen_ends),
            "with an end that was not shown, and told by how long the thread ran",
        ),
    ];
    let others = counts(others);
    if !others.is_empty() {
        text += "; not lost: ";
        text += &others.join(", ");
    }
    text
}

fn broken(whose: &str, events: &Events) -> String {
    format!(
        "of {whose} DOES NOT HOLD, please report it: {} begins, but {} repeats + {} ended + {} \
         filtered + {} lost + {} open = {}",
        events.begins,
        events.repeats,
        events.ended,
        events.filtered,
        events.lost.total(),
        events.open,
        events.explained()
    )
}

fn sampling(snapshot: &Snapshot, options: &Options, total: &Figures) -> String {
    let samples = &snapshot.account.samples;
    let filter = &options.filter;
    let mut sum = Estimate::default();
    for site in &snapshot.sites {
        if filter.passes(snapshot, site) {
            sum.add(&site.waits);
        }
    }
    let sum = Figures::Estimated(sum);
    let ended = snapshot
        .account
        .kernel
        .ended
        .saturating_add(snapshot.account.user.ended);
    let mut text = if snapshot.about.exact {
        format!("every wait was sampled (--exact): {}", samples.used)
    } else {
        let error = match sum.total_ns() {
            0 => 0.0,
            total => 100.0 * sum.error_ns() as f64 / total as f64,
        };
        format!(
            "{} of {} sampled; their total is {} ±{error:.1} % (95 %). Rows by lock, address and \
             type count every wait",
            samples.used,
            plural(ended, "wait"),
            time(sum.total_ns())
        )
    };
    // Where the ranking counted every wait, it tells how good the estimate is.
    let counted = total.waits().map_or(sum.total_ns(), |_| total.total_ns());
    let missing = counted.saturating_sub(sum.total_ns());
    if missing > sum.error_ns().max(counted / 20) {
        text += &format!(
            ". That misses the {} that were counted: long waits were not sampled, and rows by caller, \
             stack, thread or holder lack them (--exact takes all)",
            time(counted)
        );
    }
    let lost = counts([
        (samples.buffer_full, "samples lost, the buffer was full"),
        (samples.stacks_full, "without a stack, beyond --max-stacks"),
        (
            samples.stack_unreadable,
            "without a stack, the kernel could not walk it",
        ),
    ]);
    for lost in lost {
        text += "; ";
        text += &lost;
    }
    text
}

fn cut_stacks(snapshot: &Snapshot) -> Option<String> {
    let samples = &snapshot.account.samples;
    (samples.user_stacks > 0).then(|| match samples.user_stacks_cut {
        0 => format!("all {} user stacks are whole", samples.user_stacks),
        cut => format!(
            "{cut} of {} user stacks are cut short ({:.1} %)",
            samples.user_stacks,
            100.0 * cut as f64 / samples.user_stacks as f64
        ),
    })
}

fn cost(snapshot: &Snapshot) -> String {
    let of_cpu = |ns: u64| match snapshot.duration_ns {
        0 => String::new(),
        duration => format!(" ({:.2} % of one CPU)", 100.0 * ns as f64 / duration as f64),
    };
    let hooks = snapshot
        .hooks
        .iter()
        .fold(0_u64, |sum, hook| sum.saturating_add(hook.cost_ns));
    let mut text = format!(
        "lock itself {}{}",
        time(snapshot.own_cpu_ns),
        of_cpu(snapshot.own_cpu_ns)
    );
    if snapshot.hooks.iter().any(|hook| hook.timed_runs > 0) {
        text += &format!(", its hooks {}{}", time(hooks), of_cpu(hooks));
    } else {
        text += ", its hooks were not timed";
    }
    text
}

fn hooks(snapshot: &Snapshot) -> String {
    let each = |hook: &Hook| {
        let mean = hook.timed_ns.checked_div(hook.timed_runs);
        let mean = mean.map_or_else(String::new, |mean| {
            format!(" {} ({} a run)", time(hook.cost_ns), time(mean))
        });
        format!("{} {}{mean}", hook.kind, hook.name)
    };
    let list: Vec<String> = snapshot.hooks.iter().map(each).collect();
    let kernel = &snapshot.about.kernel;
    let text = match list.as_slice() {
        [] => format!("none, on Linux {kernel}"),
        list => format!("{} on Linux {kernel}", list.join(", ")),
    };
    untrusted::line(&text).into_owned()
}
