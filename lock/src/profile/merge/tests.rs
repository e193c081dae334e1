use std::time::Duration;

use super::Merger;
use crate::{
    clock::thread_cpu,
    profile::{
        lock_type::{Class, LockType},
        snapshot::{
            Estimate, Events, Frame, FrameId, Hook, Identity, LockId, Metadata, OpenWait, Process,
            ProcessId, SampledWait, Snapshot, Stack, StackId, ThreadId, Waits,
        },
        snapshot_builder::{LONGEST, SnapshotBuilder},
    },
};

fn waits(count: u64, ns: u64) -> Waits {
    let mut waits = Waits {
        count,
        total_ns: count * ns,
        min_ns: ns,
        max_ns: ns,
        ..Waits::default()
    };
    waits.histogram.record(ns, count);
    waits
}

/// An interval in which one thread waited for one lock at one place.
fn interval(function: &str, pid: u32, ns: u64) -> Snapshot {
    let mut builder = SnapshotBuilder::default();
    // So that ids differ between intervals.
    builder.frame(&Frame {
        function: Some(format!("only with {pid}")),
        ..Frame::default()
    });
    let frame = builder.frame(&Frame {
        function: Some(function.to_owned()),
        ..Frame::default()
    });
    let stack = builder.stack(Stack {
        kernel: vec![frame],
        ..Stack::default()
    });
    for number in [pid + 1, pid] {
        builder.process(&Process {
            pid: number,
            comm: format!("program-{number}"),
            ..Process::default()
        });
    }
    let process = ProcessId(1);
    let thread = builder.thread(pid, "worker", process);
    let identity = Identity::Private {
        process,
        address: 64,
    };
    let class = LockType::User(Class::Unknown);
    let lock = builder.lock(identity, class, "FUTEX_WAIT, 2", None);
    builder.add_waits(lock, &waits(2, ns));
    builder.add_site(lock, stack, thread, None, &Estimate::of(ns, 1));
    let snapshot = builder.snapshot_mut();
    snapshot.duration_ns = 1_000_000_000;
    snapshot.started_ns = 7;
    snapshot.own_cpu_ns = 5;
    snapshot.hooks = vec![Hook {
        kind: "tp_btf".to_owned(),
        name: "sched_switch".to_owned(),
        timed_runs: 3,
        ..Hook::default()
    }];
    snapshot.notes = vec!["a note".to_owned()];
    snapshot.longest = vec![SampledWait {
        lock,
        stack,
        thread,
        holder: None,
        start_ns: ns,
        wait_ns: ns,
    }];
    builder.finish()
}

#[test]
fn equal_rows_meet_and_different_ones_do_not() {
    let merged = Snapshot::merge([
        interval("a", 10, 100),
        interval("a", 20, 300),
        interval("b", 10, 200),
    ]);
    let pids: Vec<_> = merged.processes.iter().map(|it| it.pid).collect();
    assert_eq!(pids, [11, 10, 21, 20]);
    let locks: Vec<_> = merged.locks.iter().map(|it| it.waits.count).collect();
    assert_eq!(locks, [4, 2], "one in each process that waited");
    assert_eq!(merged.locks[0].waits.total_ns, 2 * 100 + 2 * 200);
    assert_eq!(merged.locks[0].waits.histogram.count(), 4);
    let sites: Vec<_> = merged
        .sites
        .iter()
        .map(|site| {
            let frame = merged.stacks[site.stack.index()].kernel[0];
            let function = merged.frames[frame.index()].function.clone().unwrap();
            let thread = &merged.threads[site.thread.index()];
            assert_eq!(thread.tid, merged.processes[thread.process.index()].pid);
            (function, thread.tid, site.lock.0, site.waits.wait_ns)
        })
        .collect();
    assert_eq!(
        sites,
        [
            ("a".to_owned(), 10, 0, 200),
            ("a".to_owned(), 20, 1, 600),
            ("b".to_owned(), 10, 0, 400),
        ]
    );
    assert_eq!(merged.duration_ns, 3_000_000_000);
    assert_eq!((merged.started_ns, merged.own_cpu_ns), (7, 15));
    assert_eq!(merged.hooks.len(), 1);
    assert_eq!(merged.hooks[0].timed_runs, 9);
    assert_eq!(merged.notes, ["a note"]);
    let starts: Vec<_> = merged.longest.iter().map(|wait| wait.start_ns).collect();
    assert_eq!(starts, [100, 200, 300]);
}

#[test]
fn one_interval_stays_as_it_is_and_merging_again_changes_nothing() {
    let one = interval("a", 10, 100);
    assert_eq!(Snapshot::merge([one.clone()]), one);
    let all = || [one.clone(), interval("b", 20, 5), interval("a", 10, 9)];
    let halves = [
        Snapshot::merge(all().into_iter().take(2)),
        Snapshot::merge(all().into_iter().skip(2)),
    ];
    assert_eq!(Snapshot::merge(halves), Snapshot::merge(all()));
    assert_eq!(Snapshot::merge([]), Snapshot::default());
}

#[test]
fn an_account_holds_together_though_no_interval_alone_does() {
    // Three waits begin in the first interval, one of which ends there; one ends in the
    // second, where another one begins; one more from before recording ends there, too.
    let mut first = Snapshot::default();
    first.accounting.user = Events {
        begins: 3,
        ended: 1,
        open: 2,
        unmeasured: 4,
        ..Events::default()
    };
    let mut second = Snapshot::default();
    second.accounting.user = Events {
        begins: 1,
        ended: 1,
        open: 2,
        ends_without_begin: 1,
        unmeasured: 3,
        ..Events::default()
    };
    assert!(first.accounting.holds() && !second.accounting.holds());
    let merged = Snapshot::merge([first, second]);
    assert!(merged.accounting.holds(), "{:?}", merged.accounting);
    let user = merged.accounting.user;
    assert_eq!((user.begins, user.ended, user.open), (4, 2, 2));
    assert_eq!((user.ends_without_begin, user.unmeasured), (1, 7));
}

#[test]
fn only_the_waits_that_are_open_at_the_end_are_open() {
    let mut first = interval("a", 10, 100);
    first.open = vec![OpenWait {
        lock: LockId(0),
        stack: None,
        thread: ThreadId(0),
        waited_ns: 1,
        at_least: false,
        has_timeout: false,
        holder: None,
    }];
    let mut last = interval("a", 20, 100);
    last.open = vec![OpenWait {
        stack: Some(StackId(0)),
        waited_ns: 2,
        ..first.open[0].clone()
    }];
    let merged = Snapshot::merge([first, last]);
    let open: Vec<_> = merged.open.iter().map(|wait| wait.waited_ns).collect();
    assert_eq!(open, [2]);
    assert_eq!(merged.threads[merged.open[0].thread.index()].tid, 20);
}

#[test]
fn the_newest_class_and_name_win_over_what_was_known_less_well() {
    let named = |class, name: Option<&str>| {
        let mut snapshot = interval("a", 10, 100);
        snapshot.locks[0].lock_type = LockType::User(class);
        snapshot.locks[0].name = name.map(str::to_owned);
        snapshot
    };
    let merged = Snapshot::merge([
        named(Class::Unknown, None),
        named(Class::Mutex, Some("old")),
        named(Class::Condvar, Some("queue")),
        named(Class::Unknown, None),
    ]);
    assert_eq!(merged.locks.len(), 1);
    assert_eq!(merged.locks[0].lock_type, LockType::User(Class::Condvar));
    assert_eq!(merged.locks[0].name.as_deref(), Some("queue"));
}

#[test]
fn what_refers_to_nothing_is_left_out_and_said() {
    let mut forged = interval("a", 10, 100);
    forged.sites[0].thread = ThreadId(9);
    forged.longest[0].lock = LockId(u32::MAX);
    forged.stacks[0].user = vec![FrameId(77), FrameId(0)];
    forged.stacks[0].user_locking = 5;
    let merged = Snapshot::merge([forged.clone(), interval("a", 10, 1), forged]);
    assert_eq!((merged.sites.len(), merged.longest.len()), (1, 1));
    let stack = &merged.stacks[0];
    assert_eq!((stack.user.len(), stack.user_locking), (1, 1));
    assert_eq!(
        merged.notes,
        [
            "a note",
            "the recording is damaged or forged: ignored 6 rows with invalid references"
        ]
    );
    // A thread without a process takes with it what refers to it.
    let mut forged = interval("a", 10, 100);
    forged.threads[0].process = ProcessId(9);
    let merged = Snapshot::merge([forged]);
    assert!(merged.threads.is_empty() && merged.sites.is_empty());
    assert_eq!(merged.locks.len(), 1);
}

#[test]
fn what_was_recorded_is_told_by_the_first_interval() {
    let mut first = interval("a", 10, 100);
    first.metadata = Metadata {
        kernel: "6.18".to_owned(),
        ..Metadata::default()
    };
    let merged = Snapshot::merge([first, interval("a", 10, 100)]);
    assert_eq!(merged.metadata.kernel, "6.18");
}

#[test]
fn a_long_recording_takes_time_in_proportion() {
    // 200 sites of 20 frames each, a quarter of them new: a tenth of an hour.
    let snapshots: Vec<_> = (0..4).map(busy_interval).collect();
    let start = thread_cpu();
    let mut merger = Merger::default();
    for number in 0..360 {
        merger.add(&snapshots[number % snapshots.len()]);
    }
    let merged = merger.finish();
    let elapsed = thread_cpu() - start;
    assert_eq!(merged.longest.len(), LONGEST);
    assert_eq!(merged.sites.len(), 350);
    assert!(elapsed < Duration::from_secs(20), "{elapsed:?}");
}

/// An interval with 200 sites.
pub(crate) fn busy_interval(number: usize) -> Snapshot {
    let mut builder = SnapshotBuilder::default();
    for site in 0..200 {
        let name = if site < 150 { site } else { site + number * 50 };
        let kernel = (0..20)
            .map(|depth| {
                builder.frame(&Frame {
                    function: Some(format!("function_{depth}_of_{name}")),
                    module: "[kernel]".to_owned(),
                    ..Frame::default()
                })
            })
            .collect();
        let stack = builder.stack(Stack {
            kernel,
            ..Stack::default()
        });
        let process = builder.process(&Process {
            pid: 7,
            ..Process::default()
        });
        let thread = builder.thread(site as u32 % 16, "worker", process);
        let identity = Identity::Kernel {
            address: name as u64,
        };
        let lock = builder.lock(identity, LockType::Kernel(32), "", None);
        builder.add_waits(lock, &waits(10, 1000));
        builder.add_site(lock, stack, thread, None, &Estimate::of(1000, 3));
        builder.snapshot_mut().longest.push(SampledWait {
            lock,
            stack,
            thread,
            holder: None,
            start_ns: site as u64,
            wait_ns: site as u64,
        });
    }
    builder.finish()
}
