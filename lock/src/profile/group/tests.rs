use super::{By, Filter, Row, group, group_sites, rank};
use crate::profile::{
    fixtures,
    futex_role::FutexRole,
    lock_type::{Class, LockType},
    metrics::{Metrics, Sort},
    snapshot::{Holder, Identity, Lock, LockId, Snapshot, StackId, ThreadId},
};

fn ranked(snapshot: &Snapshot, by: By, filter: &Filter) -> Vec<Row> {
    let mut rows = group(snapshot, by, filter).rows;
    rank(&mut rows, Sort::Total);
    rows
}

fn lines(snapshot: &Snapshot, by: By, filter: &Filter) -> String {
    let line = |row: &Row| {
        format!(
            "{} | {} | {} waits, {} ns ± {} | {} locks, {} sites\n",
            row.lock_type.map(|it| it.to_string()).unwrap_or_default(),
            row.label,
            row.metrics.count(),
            row.metrics.total_ns(),
            row.metrics.error_ns(),
            row.locks.len(),
            row.sites.len()
        )
    };
    ranked(snapshot, by, filter).iter().map(line).collect()
}

#[test]
fn every_grouping() {
    let snapshot = fixtures::snapshot();
    let mut text = String::new();
    for by in [
        By::Lock,
        By::Address,
        By::Caller,
        By::Stack,
        By::Thread,
        By::Process,
        By::Type,
        By::Cgroup,
        By::Holder,
    ] {
        text += &format!("{by:?}\n{}\n", lines(&snapshot, by, &Filter::default()));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn exact_groupings_hold_every_wait_once() {
    let snapshot = fixtures::snapshot();
    let filter = Filter {
        include_idle: true,
        ..Filter::default()
    };
    let count: u64 = snapshot.locks.iter().map(|lock| lock.waits.count).sum();
    let total: u64 = snapshot.locks.iter().map(|lock| lock.waits.total_ns).sum();
    for by in [By::Lock, By::Address, By::Type] {
        let grouped = group(&snapshot, by, &filter);
        let sum = |of: fn(&Metrics) -> u64| grouped.rows.iter().map(|r| of(&r.metrics)).sum();
        assert_eq!(
            (count, total),
            (sum(Metrics::count), sum(Metrics::total_ns))
        );
        assert_eq!(grouped.total.count(), count);
        assert!(grouped.idle.is_empty());
        let mut locks: Vec<_> = grouped.rows.iter().flat_map(|row| &row.locks).collect();
        locks.sort();
        assert_eq!(locks.len(), snapshot.locks.len());
    }
}

#[test]
fn estimated_groupings_hold_every_sample_once() {
    let snapshot = fixtures::snapshot();
    let filter = Filter {
        include_idle: true,
        ..Filter::default()
    };
    for by in [
        By::Caller,
        By::Stack,
        By::Thread,
        By::Process,
        By::Cgroup,
        By::Holder,
    ] {
        let rows = group(&snapshot, by, &filter).rows;
        let mut sites: Vec<_> = rows.iter().flat_map(|row| row.sites.clone()).collect();
        sites.sort_unstable();
        assert_eq!(
            sites,
            (0..snapshot.sites.len()).collect::<Vec<_>>(),
            "{by:?}"
        );
    }
}

#[test]
fn idle_waits_are_summed_aside_unless_asked_for() {
    let snapshot = fixtures::snapshot();
    let condvar = LockType::User(Class::Condvar);
    let has = |rows: &[Row]| rows.iter().any(|row| row.lock_type == Some(condvar));
    let grouped = group(&snapshot, By::Lock, &Filter::default());
    assert!(!has(&grouped.rows));
    assert_eq!(
        (grouped.idle[0].count, grouped.idle[0].lock_type),
        (80, condvar)
    );
    for filter in [
        Filter {
            include_idle: true,
            ..Filter::default()
        },
        Filter {
            types: vec![condvar],
            ..Filter::default()
        },
    ] {
        let grouped = group(&snapshot, By::Lock, &filter);
        assert!(has(&grouped.rows) && grouped.idle.is_empty());
    }
}

#[test]
fn a_stack_filter_makes_rows_by_lock_estimates() {
    let snapshot = fixtures::snapshot();
    let filter = Filter {
        stack: Some("log::rotate".to_owned()),
        ..Filter::default()
    };
    let grouped = group(&snapshot, By::Lock, &filter);
    assert!(grouped.estimated_by_filter());
    assert_eq!(grouped.rows.len(), 1);
    assert_eq!(grouped.rows[0].label, "in fdget_pos");
    assert_eq!(grouped.rows[0].metrics.count(), 10);
    let none = Filter {
        stack: Some("Log::Rotate".to_owned()),
        ..Filter::default()
    };
    assert!(group(&snapshot, By::Lock, &none).rows.is_empty());
}

#[test]
fn small_rows_are_left_out_and_stay_in_the_total() {
    let snapshot = fixtures::snapshot();
    let all = group(&snapshot, By::Lock, &Filter::default());
    let filter = Filter {
        min_total_ns: 100_000_000,
        ..Filter::default()
    };
    let large = group(&snapshot, By::Lock, &filter);
    assert!(large.rows.len() < all.rows.len());
    assert_eq!(large.total, all.total);
}

/// Rows by lock after this was done to two locks that one process has.
fn rows_of_two(change: impl Fn(&mut Lock)) -> Vec<Row> {
    let mut snapshot = fixtures::snapshot();
    let process = snapshot.threads[0].process;
    for (index, address) in [0x1028_u64, 0x102c].into_iter().enumerate() {
        let lock = &mut snapshot.locks[index];
        lock.identity = Identity::Private { process, address };
        lock.lock_type = LockType::User(Class::Mutex);
        lock.name = None;
        change(lock);
    }
    let rows = ranked(&snapshot, By::Lock, &Filter::default());
    let of_two = |row: &Row| row.locks.iter().any(|lock| lock.index() < 2);
    rows.into_iter().filter(of_two).collect()
}

#[test]
fn words_of_one_lock_are_one_row() {
    assert_eq!(rows_of_two(|_| {}).len(), 2);
    let pair = rows_of_two(|lock| lock.role = FutexRole::Pair);
    assert_eq!(pair.len(), 1);
    assert!(pair[0].label.ends_with(" 0x1028)"), "{}", pair[0].label);
    let gil = rows_of_two(|lock| {
        lock.role = FutexRole::Polled;
        lock.name = Some("GIL".to_owned());
    });
    assert_eq!(gil.len(), 1);
    assert!(gil[0].label.starts_with("GIL ("), "{}", gil[0].label);
}

#[test]
fn waiters_own_words_are_put_together_by_caller() {
    let mut snapshot = fixtures::snapshot();
    let site = snapshot.sites[0].clone();
    snapshot.sites.clear();
    let process = snapshot.threads[site.thread.index()].process;
    for index in 0..2 {
        let lock = &mut snapshot.locks[index];
        lock.identity = Identity::Private {
            process,
            address: 0x1000 * (1 + index as u64),
        };
        lock.lock_type = LockType::User(Class::RwLock);
        lock.name = Some("LWLock".to_owned());
        lock.role = FutexRole::Waiter;
        let mut site = site.clone();
        site.lock = LockId(index as u32);
        snapshot.sites.push(site);
    }
    let rows = ranked(&snapshot, By::Lock, &Filter::default());
    let row = rows
        .iter()
        .find(|row| row.locks.contains(&LockId(0)))
        .unwrap();
    assert_eq!(row.locks.len(), 2);
    assert!(row.label.starts_with("LWLock in "), "{}", row.label);
}

#[test]
fn a_row_can_be_taken_apart() {
    let snapshot = fixtures::snapshot();
    let rows = ranked(&snapshot, By::Lock, &Filter::default());
    let row = rows.iter().find(|row| row.label == "in fdget_pos").unwrap();
    let stacks = group_sites(&snapshot, By::Stack, &Filter::default(), &row.sites);
    assert_eq!(stacks.len(), 2);
    assert!(stacks.iter().all(|stack| stack.stack.is_some()));
}

#[test]
fn nothing_in_a_forged_recording_is_trusted() {
    let mut snapshot = fixtures::snapshot();
    for (index, site) in snapshot.sites.iter_mut().enumerate() {
        match index % 4 {
            0 => site.lock.0 = u32::MAX,
            1 => site.stack = StackId(u32::MAX),
            2 => site.thread = ThreadId(u32::MAX),
            _ => {
                site.holder = Some(Holder {
                    thread: ThreadId(u32::MAX),
                    stack: Some(StackId(u32::MAX)),
                });
            }
        }
    }
    snapshot.processes.clear();
    snapshot.frames.clear();
    snapshot.locks[0].waits.total_ns = u64::MAX;
    snapshot.locks[1].identity = Identity::Other;
    let filter = Filter {
        stack: Some("x".to_owned()),
        ..Filter::default()
    };
    for by in [
        By::Lock,
        By::Stack,
        By::Thread,
        By::Process,
        By::Cgroup,
        By::Holder,
    ] {
        group(&snapshot, by, &Filter::default());
        group(&snapshot, by, &filter);
    }
}

#[test]
fn rows_of_equal_figures_have_one_order() {
    let mut snapshot = fixtures::snapshot();
    for lock in &mut snapshot.locks {
        lock.waits.count = 1;
        lock.waits.total_ns = 5;
    }
    let rows = ranked(&snapshot, By::Address, &Filter::default());
    let mut reversed = rows.clone();
    reversed.reverse();
    rank(&mut reversed, Sort::P99);
    rank(&mut reversed, Sort::Total);
    assert_eq!(rows, reversed);
}
