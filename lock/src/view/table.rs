//! The report for people: a table, then what it does not hold.

use std::fmt::{self, Write as _};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

use crate::{
    profile::{
        blind_spots,
        ranking::Ranking,
        snapshot::{Scope, Snapshot},
    },
    view::units::{plural, time},
};

/// How many sites are shown one by one.
const SHOWN: usize = 25;

/// Writes the report. `columns` is the width of the terminal; without one, lines are as
/// long as they are.
pub(crate) fn report(snapshot: &Snapshot, ranking: &Ranking, columns: Option<u16>) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_report(&mut text, snapshot, ranking, columns);
    text
}

fn write_report(
    text: &mut String,
    snapshot: &Snapshot,
    ranking: &Ranking,
    columns: Option<u16>,
) -> fmt::Result {
    let duration = time(snapshot.duration_ns);
    let whose = match &snapshot.scope {
        Scope::System => "the whole system".to_owned(),
        Scope::Process { pid } => format!("process {pid}"),
        Scope::Command { command } => command.join(" "),
    };
    if ranking.sites.is_empty() {
        writeln!(text, "No wait for a kernel lock in {duration} of {whose}.")?;
    } else {
        writeln!(text, "Waits for kernel locks in {duration} of {whose}:\n")?;
        write_sites(text, ranking, columns)?;
    }
    writeln!(text)?;
    write_not_acquired(text, ranking)?;
    write_still_waiting(text, ranking)?;
    write_losses(text, snapshot, ranking)?;
    if snapshot.own_included {
        writeln!(
            text,
            "lock's own waits are included: in a pid namespace it cannot tell them from others."
        )?;
    }
    write_hooks(text, snapshot)?;
    if let Some(nameless) = &snapshot.nameless {
        writeln!(text, "Callers are addresses: {nameless}.")?;
    }
    Ok(())
}

fn write_sites(text: &mut String, ranking: &Ranking, columns: Option<u16>) -> fmt::Result {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(
        ["type", "waits", "total", "average", "max", "caller"].map(|title| match title {
            "type" | "caller" => Cell::new(title),
            _ => Cell::new(title).set_alignment(CellAlignment::Right),
        }),
    );
    match columns {
        Some(columns) => table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(columns),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    for (site, waits) in ranking.sites.iter().take(SHOWN) {
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        table.add_row([
            Cell::new(site.lock_type.to_string()),
            right(waits.count.to_string()),
            right(time(waits.total_ns)),
            right(time(waits.average_ns())),
            right(time(waits.max_ns)),
            Cell::new(site.caller.to_string()),
        ]);
    }
    writeln!(text, "{}", table.trim_fmt())?;
    let rest = ranking.sites.get(SHOWN..).unwrap_or_default();
    if !rest.is_empty() {
        let count = rest.iter().map(|(_, waits)| waits.count).sum();
        let total = rest.iter().map(|(_, waits)| waits.total_ns).sum();
        writeln!(
            text,
            "and {} with {}, {} (all are in --format json)",
            plural(rest.len() as u64, "more row"),
            plural(count, "wait"),
            time(total)
        )?;
    }
    Ok(())
}

fn write_not_acquired(text: &mut String, ranking: &Ranking) -> fmt::Result {
    if ranking.not_acquired.is_empty() {
        return Ok(());
    }
    let list = shown(&ranking.not_acquired, |(site, waits)| {
        format!(
            "{} {} in {} ({})",
            waits.not_acquired,
            site.lock_type,
            site.caller,
            time(waits.not_acquired_ns)
        )
    });
    writeln!(text, "Not acquired, and not in the table: {list}.")
}

fn write_still_waiting(text: &mut String, ranking: &Ranking) -> fmt::Result {
    if ranking.still_waiting.is_empty() {
        return writeln!(text, "Still waiting at the end: none.");
    }
    let list = shown(&ranking.still_waiting, |(site, waiting)| {
        format!(
            "{} {} in {} (longest {})",
            waiting.count,
            site.lock_type,
            site.caller,
            time(waiting.longest_ns)
        )
    });
    writeln!(text, "Still waiting at the end: {list}.")
}

/// The first sites, and how many more there are.
fn shown<T>(sites: &[T], one: impl Fn(&T) -> String) -> String {
    let mut list: Vec<String> = sites.iter().take(SHOWN).map(one).collect();
    let more = sites.len().saturating_sub(SHOWN);
    if more > 0 {
        list.push(format!("and {more} more"));
    }
    list.join(", ")
}

fn write_losses(text: &mut String, snapshot: &Snapshot, ranking: &Ranking) -> fmt::Result {
    let account = &ranking.account;
    let counts = &account.counts;
    let mut lost = causes(&counts.lost.causes());
    for hook in &snapshot.hooks {
        if hook.missed > 0 {
            lost.push(format!(
                "{} {} while its program was busy on that CPU",
                hook.missed, hook.name
            ));
        }
    }
    match counts.children_not_followed {
        0 => {}
        1 => lost.push("1 child process not followed".to_owned()),
        count => lost.push(format!("{count} child processes not followed")),
    }
    match lost.as_slice() {
        [] => writeln!(text, "Events lost: none of {}.", counts.begins)?,
        lost => writeln!(
            text,
            "Events lost of {}: {}.",
            counts.begins,
            lost.join(", ")
        )?,
    }
    let stacks = causes(&counts.stack_lost.causes());
    if !stacks.is_empty() {
        writeln!(
            text,
            "Stacks lost (their waits are in the table): {}.",
            stacks.join(", ")
        )?;
    }
    if counts.ends_without_begin > 0 {
        writeln!(
            text,
            "Ends without a begin (the wait began before recording, or its begin was missed): {}.",
            counts.ends_without_begin
        )?;
    }
    if !account.holds() {
        writeln!(
            text,
            "The account does not hold, please report it: {} begins, but {} repeats + {} \
             reported + {} lost + {} still waiting = {}.",
            counts.begins,
            counts.repeats,
            account.reported,
            counts.lost.total(),
            account.still_waiting,
            account.explained()
        )?;
    }
    Ok(())
}

fn causes(causes: &[(&str, u64)]) -> Vec<String> {
    causes
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(cause, count)| format!("{count} {cause}"))
        .collect()
}

fn write_hooks(text: &mut String, snapshot: &Snapshot) -> fmt::Result {
    let names: Vec<&str> = snapshot
        .hooks
        .iter()
        .map(|hook| hook.name.as_str())
        .collect();
    writeln!(
        text,
        "Hooks: the BTF tracepoints {} of Linux {}. They do not see:",
        names.join(", "),
        snapshot.kernel
    )?;
    for blind_spot in blind_spots::OF_LOCK_TRACEPOINTS {
        writeln!(text, "  - {blind_spot}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{SHOWN, report, shown as listed};
    use crate::profile::{
        aggregate::{aggregate, tests::snapshot},
        ranking::rank,
        snapshot::{Counts, Snapshot},
    };

    fn shown(snapshot: &Snapshot, columns: Option<u16>) -> String {
        report(snapshot, &rank(aggregate(snapshot)), columns)
    }

    #[test]
    fn the_whole_report() {
        insta::assert_snapshot!(shown(&snapshot(), None));
    }

    #[test]
    fn nothing_recorded() {
        let snapshot = Snapshot {
            ended: Vec::new(),
            open: Vec::new(),
            counts: Counts::default(),
            hooks: Vec::new(),
            nameless: Some("no names; do this".to_owned()),
            ..snapshot()
        };
        insta::assert_snapshot!(shown(&snapshot, None));
    }

    #[test]
    fn an_account_that_does_not_hold_is_told() {
        let mut snapshot = snapshot();
        snapshot.counts.begins = 30;
        let shown = shown(&snapshot, None);
        assert!(
            shown.contains(
                "does not hold, please report it: 30 begins, but 5 repeats + 22 reported + 1 \
                 lost + 1 still waiting = 29."
            ),
            "{shown}"
        );
    }

    #[test]
    fn the_table_fits_a_narrow_terminal() {
        let shown = shown(&snapshot(), Some(48));
        let table = shown.lines().skip(2).take_while(|line| !line.is_empty());
        for line in table {
            assert!(line.chars().count() <= 48, "{line:?} in\n{shown}");
        }
    }

    #[test]
    fn what_is_beyond_the_listed_sites_is_counted() {
        let list = |count| listed(&vec![(); count], |()| "x".to_owned());
        assert!(list(SHOWN).ends_with("x, x"), "{}", list(SHOWN));
        assert!(list(SHOWN + 2).ends_with("x, and 2 more"));
    }

    #[test]
    fn children_not_followed_are_told() {
        for (count, words) in [
            (1, "1 child process not followed."),
            (2, "2 child processes not followed."),
        ] {
            let mut snapshot = snapshot();
            snapshot.counts.children_not_followed = count;
            let shown = shown(&snapshot, None);
            assert!(shown.contains(words), "{shown}");
        }
    }

    #[test]
    fn own_waits_are_told_where_they_are_included() {
        let mut snapshot = snapshot();
        assert!(!shown(&snapshot, None).contains("lock's own"));
        snapshot.own_included = true;
        assert!(shown(&snapshot, None).contains("lock's own waits are included"));
    }

    #[test]
    fn what_is_beyond_the_shown_rows_is_added_up() {
        let mut snapshot = snapshot();
        let one = snapshot.ended[2];
        for number in 0..30_u32 {
            snapshot
                .functions
                .insert(0x1000 + u64::from(number), format!("function_{number}"));
            snapshot
                .stacks
                .insert(100 + number, vec![0x110, 0x1000 + u64::from(number)]);
            snapshot.ended.push(crate::profile::snapshot::Ended {
                stack: Some(100 + number),
                ..one
            });
        }
        let shown = shown(&snapshot, None);
        assert!(
            shown.contains("and 8 more rows with 99 waits, 49.5 µs (all"),
            "{shown}"
        );
    }
}
