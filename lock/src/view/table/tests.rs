use unicode_width::UnicodeWidthStr as _;

use super::report;
use crate::{
    profile::{
        fixtures,
        futex_role::FutexRole,
        group::{By, Filter},
        lock_type::{self, Class, LockType},
        metrics::Sort,
        snapshot::{EventAccounting, Snapshot},
    },
    view::Options,
};

fn shown(snapshot: &Snapshot, by: By, columns: Option<u16>) -> String {
    let options = Options {
        by,
        ..Options::default()
    };
    report(snapshot, &options, columns)
}

#[test]
fn piped() {
    insta::assert_snapshot!(shown(&fixtures::snapshot(), By::Lock, None));
}

#[test]
fn on_80_columns() {
    insta::assert_snapshot!(shown(&fixtures::snapshot(), By::Lock, Some(80)));
}

#[test]
fn on_50_columns() {
    insta::assert_snapshot!(shown(&fixtures::snapshot(), By::Lock, Some(50)));
}

#[test]
fn by_stack() {
    insta::assert_snapshot!(shown(&fixtures::snapshot(), By::Stack, Some(100)));
}

#[test]
fn by_holder() {
    insta::assert_snapshot!(shown(&fixtures::snapshot(), By::Holder, Some(120)));
}

#[test]
fn every_wait_sampled() {
    insta::assert_snapshot!(shown(&fixtures::exact(), By::Caller, Some(120)));
}

#[test]
fn nothing_recorded() {
    let snapshot = Snapshot {
        duration_ns: 2_000_000_000,
        ..Snapshot::default()
    };
    insta::assert_snapshot!(shown(&snapshot, By::Lock, Some(80)));
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let snapshot = fixtures::snapshot();
    for by in [By::Lock, By::Stack, By::Holder, By::Thread, By::Cgroup] {
        for width in [40, 47, 60, 80, 120, 200] {
            let text = shown(&snapshot, by, Some(width));
            for line in text.lines() {
                assert!(line.width() <= width.into(), "{width}: {line:?} in\n{text}");
            }
        }
    }
}

#[test]
fn no_number_is_wrapped_or_cut_on_a_narrow_terminal() {
    let text = shown(&fixtures::snapshot(), By::Lock, Some(40));
    let rows: Vec<_> = text
        .lines()
        .skip_while(|line| !line.contains("total"))
        .skip(1)
        .collect();
    for (row, total) in rows.iter().zip(["302 ms", "240 ms", "24.0 ms"]) {
        assert!(row.trim_start().starts_with(total), "{row:?} in\n{text}");
    }
}

#[test]
fn an_account_that_does_not_hold_is_told() {
    let mut snapshot = fixtures::snapshot();
    assert!(!shown(&snapshot, By::Lock, None).contains("This is a bug"));
    snapshot.accounting.kernel.begins += 1;
    let text = shown(&snapshot, By::Lock, None);
    let begins = snapshot.accounting.kernel.begins;
    assert!(
        text.contains(&format!("kernel locks: {begins} waits began")),
        "{text}"
    );
}

#[test]
fn nothing_lost_is_one_line() {
    let mut snapshot = fixtures::snapshot();
    snapshot.accounting = EventAccounting::default();
    snapshot.hooks.clear();
    let text = shown(&snapshot, By::Lock, None);
    assert!(text.contains("none of 0 events\n"), "{text}");
}

#[test]
fn what_is_beyond_the_shown_rows_is_added_up() {
    let options = Options {
        limit: Some(8),
        ..Options::default()
    };
    let text = report(&fixtures::snapshot(), &options, None);
    assert!(
        text.contains("and 2 more rows with 400 waits, 360 µs (--limit 0 shows all)"),
        "{text}"
    );
}

#[test]
fn filters_are_told_and_estimates_are_named() {
    let options = Options {
        filter: Filter {
            stack: Some("log::rotate".to_owned()),
            types: lock_type::named("mutex"),
            ..Filter::default()
        },
        sort: Sort::P99,
        ..Options::default()
    };
    let text = report(&fixtures::snapshot(), &options, None);
    for words in [
        "only waits of at least 500 ns, type mutex, with \"log::rotate\" on the stack",
        "all values are estimates",
        "The metric of --sort is unavailable for estimates",
    ] {
        assert!(text.contains(words), "{words} in\n{text}");
    }
}

#[test]
fn a_filter_that_nothing_passes_tells_what_there_is() {
    let with_stack = |text: &str| {
        let options = Options {
            filter: Filter {
                stack: Some(text.to_owned()),
                ..Filter::default()
            },
            ..Options::default()
        };
        report(&fixtures::snapshot(), &options, None)
    };
    insta::assert_snapshot!(with_stack("no_such_function").lines().nth(1).unwrap());
    assert!(!with_stack("log::rotate").contains("Without these filters"));
}

#[test]
fn texts_of_programs_do_not_steer_the_terminal() {
    let mut snapshot = fixtures::snapshot();
    let evil = "\u{1b}[2J\r\nx\u{202e}";
    for thread in &mut snapshot.threads {
        evil.clone_into(&mut thread.comm);
    }
    for process in &mut snapshot.processes {
        evil.clone_into(&mut process.comm);
        evil.clone_into(&mut process.cgroup);
    }
    for frame in &mut snapshot.frames {
        frame.function = Some(evil.to_owned());
        frame.file = Some(evil.to_owned());
    }
    for lock in &mut snapshot.locks {
        lock.name = Some(evil.to_owned());
    }
    for hook in &mut snapshot.hooks {
        evil.clone_into(&mut hook.name);
        evil.clone_into(&mut hook.kind);
    }
    snapshot.metadata.kernel = evil.to_owned();
    snapshot.metadata.filters = vec![evil.to_owned()];
    snapshot.metadata.blind_spots = vec![evil.to_owned()];
    snapshot.notes = vec![evil.to_owned()];
    for by in [
        By::Lock,
        By::Stack,
        By::Holder,
        By::Thread,
        By::Process,
        By::Cgroup,
    ] {
        for width in [None, Some(60)] {
            let text = shown(&snapshot, by, width);
            let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.contains(steers), "{text:?}");
        }
    }
}

#[test]
fn colours_change_nothing_else() {
    for by in By::ALL {
        let plain = Options {
            by,
            ..Options::default()
        };
        let painted = Options {
            color: true,
            ..plain.clone()
        };
        let [plain, painted] =
            [plain, painted].map(|it| report(&fixtures::snapshot(), &it, Some(100)));
        assert!(painted.contains("\u{1b}["), "{by:?}");
        let stripped = anstream::adapter::strip_str(&painted).to_string();
        assert_eq!(stripped, plain, "{by:?}");
    }
}

#[test]
fn lost_samples_come_first_with_what_to_do() {
    let mut snapshot = fixtures::snapshot();
    snapshot.metadata.exact = true;
    snapshot.accounting.samples.taken = 1000;
    snapshot.accounting.samples.buffer_full = 750;
    let text = report(&snapshot, &Options::default(), None);
    assert!(
        text.starts_with("LOST: 750 of 1000 sampled waits (75 %)"),
        "{text}"
    );
    assert!(text.contains("--buffer 64 (MiB), or record without --exact"));
    // What is lost of few does not come first.
    snapshot.accounting.samples.buffer_full = 2;
    let text = report(&snapshot, &Options::default(), None);
    assert!(text.starts_with("Waits for locks"), "{text}");
}

#[test]
fn threads_without_a_name_are_called_so() {
    let mut snapshot = fixtures::snapshot();
    for thread in &mut snapshot.threads {
        thread.comm.clear();
    }
    let options = Options {
        by: By::Thread,
        ..Options::default()
    };
    let text = report(&snapshot, &options, None);
    assert!(text.contains(" (no name)["), "{text}");
}

#[test]
fn idle_waits_that_may_be_for_locks_are_in_the_heading() {
    let mut snapshot = fixtures::snapshot();
    let lock = snapshot
        .locks
        .iter_mut()
        .find(|lock| lock.waits.count > 0)
        .unwrap();
    lock.lock_type = LockType::User(Class::Parked);
    lock.role = FutexRole::Waiter;
    lock.name = Some("Java park".to_owned());
    let line = "Not ranked, because these may be waits for work rather than for locks (--idle \
                ranks them): Java park, ";
    let text = report(&snapshot, &Options::default(), None);
    assert!(text.lines().nth(1).unwrap().starts_with(line), "{text}");
    let ranked = Options {
        filter: Filter {
            include_idle: true,
            ..Filter::default()
        },
        ..Options::default()
    };
    assert!(!report(&snapshot, &ranked, None).contains("Not ranked, because"));
}

#[test]
fn a_runtime_that_hides_waits_is_in_the_heading() {
    let mut snapshot = fixtures::snapshot();
    assert!(!report(&snapshot, &Options::default(), None).contains("Not recorded"));
    let site = &snapshot.sites[0];
    let stack = &snapshot.stacks[site.stack.index()];
    let name = snapshot.process_name(snapshot.threads[site.thread.index()].process);
    let frame = *stack.user.last().unwrap();
    snapshot.frames[frame.index()].function = Some("runtime.futexsleep".to_owned());
    let text = report(&snapshot, &Options::default(), None);
    let line = text.lines().nth(1).unwrap();
    let expected = "Not recorded: waits of goroutines in ";
    assert!(line.starts_with(expected) && line.contains(&name), "{text}");
}
