use fastrand::Rng;

use super::{By, Diff, Series, Verdict, diff};
use crate::profile::{
    group::Filter,
    lock_type::{Class, LockType},
    snapshot::{Estimate, Frame, Identity, Process, Snapshot, Stack, Waits},
    snapshot_builder::SnapshotBuilder,
};

/// A number around 1, of a standard deviation of about `spread`, never below zero.
fn noise(random: &mut Rng, spread: f64) -> f64 {
    // The sum of twelve uniform numbers is nearly normal.
    let normal = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
    (1.0 + spread * normal).max(0.0)
}

/// A second in which these functions waited so long, in nanoseconds.
fn interval(waits: &[(&str, LockType, u64)]) -> Snapshot {
    let mut builder = SnapshotBuilder::default();
    for &(function, lock_type, ns) in waits {
        let frame = builder.frame(&Frame {
            function: Some(function.to_owned()),
            ..Frame::default()
        });
        let frames = vec![frame];
        let stack = match lock_type {
            LockType::Kernel(_) => Stack {
                kernel: frames,
                ..Stack::default()
            },
            LockType::User(_) => Stack {
                user: frames,
                ..Stack::default()
            },
        };
        let stack = builder.stack(stack);
        let process = builder.process(&Process::default());
        let thread = builder.thread(1, "", process);
        let identity = Identity::Kernel { address: 1 };
        let lock = builder.lock(identity, lock_type, "", None);
        let exact = Waits {
            count: 1,
            total_ns: ns,
            ..Waits::default()
        };
        builder.add_waits(lock, &exact);
        builder.add_site(lock, stack, thread, None, &Estimate::of(ns, 0));
    }
    builder.snapshot_mut().duration_ns = 1_000_000_000;
    builder.finish()
}

const MUTEX: LockType = LockType::Kernel(32);

/// A recording of so many seconds in which these functions wait for a mutex as long on
/// average, in nanoseconds, with a tenth of noise.
fn recording(random: &mut Rng, seconds: usize, functions: &[(&str, f64)]) -> Series {
    let mut series = Series::new(By::Caller, Filter::default());
    for _ in 0..seconds {
        let waits: Vec<_> = functions
            .iter()
            .filter(|(_, mean)| *mean > 0.0)
            .map(|&(name, mean)| (name, MUTEX, (mean * noise(random, 0.1)) as u64))
            .collect();
        series.add(&interval(&waits));
    }
    series
}

fn verdict(diff: &Diff, label: &str) -> Verdict {
    let mut rows = diff.rows.iter();
    rows.find(|row| row.label == label).expect(label).verdict
}

#[test]
fn equal_recordings_show_no_clear_change() {
    let names: Vec<_> = (0..20).map(|number| format!("f{number}")).collect();
    let means = (1..).map(|number| 1e6 * f64::from(number));
    let functions: Vec<_> = names.iter().map(String::as_str).zip(means).collect();
    let mut random = Rng::with_seed(1);
    let mut alarms = 0;
    for _ in 0..100 {
        let before = recording(&mut random, 10, &functions);
        let after = recording(&mut random, 10, &functions);
        let diff = diff(&before, &after);
        assert_eq!(diff.rows.len(), 20);
        let clear = |row: &super::Change| row.verdict != Verdict::NoClearChange;
        alarms += usize::from(diff.rows.iter().any(clear));
    }
    // 5 of 100 are allowed; more than 12 have a chance of less than 1 in 1000.
    assert!(alarms <= 12, "{alarms} of 100");
}

#[test]
fn a_real_growth_is_found_and_stands_first() {
    let mut random = Rng::with_seed(2);
    for _ in 0..20 {
        let before = recording(
            &mut random,
            10,
            &[("a", 9e6), ("b", 1e6), ("gone", 1e6), ("less", 1e6)],
        );
        let after = recording(
            &mut random,
            10,
            &[("a", 9e6), ("b", 1.3e6), ("new", 1e5), ("less", 7e5)],
        );
        let diff = diff(&before, &after);
        let verdicts: Vec<_> = diff
            .rows
            .iter()
            .map(|row| (row.label.as_str(), row.verdict))
            .collect();
        assert_eq!(verdicts[0], ("b", Verdict::Worse));
        assert_eq!(verdicts[1], ("new", Verdict::New));
        assert_eq!(verdicts[3], ("less", Verdict::Better));
        assert_eq!(verdicts[4], ("gone", Verdict::Gone));
        let b = &diff.rows[0];
        let ratio = b.ratio().unwrap();
        assert!((1.15..1.45).contains(&ratio), "{ratio}");
        assert!(b.error.unwrap() < 2e5 && (b.difference - 3e5).abs() < 1.5e5);
        assert!(diff.is_worse_by(10.0));
        assert_eq!(diff.rows[1].ratio(), None);
    }
}

#[test]
fn too_few_intervals_are_said() {
    let mut random = Rng::with_seed(3);
    let before = recording(&mut random, 10, &[("a", 1e6)]);
    let after = recording(&mut random, 4, &[("a", 5e6)]);
    let diff = diff(&before, &after);
    assert!(diff.before.is_enough && !diff.after.is_enough);
    assert_eq!(verdict(&diff, "a"), Verdict::TooFew);
    assert_eq!(diff.rows[0].error, None);
    assert!(!diff.is_worse_by(0.0));
    let nothing = Series::new(By::Caller, Filter::default());
    let diff = super::diff(&nothing, &nothing);
    assert!(diff.rows.is_empty());
    assert_eq!(diff.total.verdict, Verdict::TooFew);
}

#[test]
fn the_same_rate_for_longer_is_no_change() {
    let mut random = Rng::with_seed(4);
    let before = recording(&mut random, 10, &[("a", 1e6)]);
    let after = recording(&mut random, 50, &[("a", 1e6)]);
    let diff = diff(&before, &after);
    assert_eq!(verdict(&diff, "a"), Verdict::NoClearChange);
    assert!((diff.rows[0].before.waits - 1.0).abs() < 1e-9);
    assert!((diff.rows[0].after.waits - 1.0).abs() < 1e-9);
}

#[test]
fn one_long_wait_alone_is_not_clear() {
    let mut random = Rng::with_seed(5);
    let before = recording(&mut random, 10, &[("a", 1e6)]);
    let mut after = recording(&mut random, 9, &[("a", 1e6)]);
    after.add(&interval(&[("rare", MUTEX, 500_000_000)]));
    let diff = diff(&before, &after);
    assert_eq!(verdict(&diff, "rare"), Verdict::NoClearChange);
}

#[test]
fn idle_waits_are_left_out_and_small_rows_are_counted() {
    let condvar = LockType::User(Class::Condvar);
    let mut series = Series::new(By::Caller, Filter::default());
    for _ in 0..6 {
        series.add(&interval(&[
            ("a", MUTEX, 1_000_000),
            ("tiny", MUTEX, 1),
            ("a", condvar, 1_000_000_000),
        ]));
    }
    let diff = diff(&series, &series);
    let labels: Vec<_> = diff.rows.iter().map(|row| row.label.as_str()).collect();
    assert_eq!((labels, diff.small), (vec!["a"], 1));
    assert_eq!(diff.rows[0].verdict, Verdict::NoClearChange);
}

#[test]
fn rows_by_type_are_exact() {
    let mut series = Series::new(By::Type, Filter::default());
    for _ in 0..6 {
        series.add(&interval(&[("a", MUTEX, 1000), ("b", MUTEX, 1000)]));
    }
    let diff = diff(&series, &series);
    assert_eq!(diff.rows.len(), 1);
    assert_eq!(diff.rows[0].label, "mutex");
    assert!((diff.rows[0].before.wait_ns - 2000.0).abs() < 1e-9);
}
