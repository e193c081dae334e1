use super::Calibration;
use crate::profile::{
    lock_type::{Class, LockType},
    snapshot::{Estimate, Identity, LockId, Process, Snapshot, Stack, ThreadId, Waits},
    snapshot_builder::SnapshotBuilder,
};

const MUTEX: LockType = LockType::User(Class::Mutex);

/// A recording that is made wait by wait.
#[derive(Default)]
struct Recording {
    builder: SnapshotBuilder,
    /// Count and time of each thread's waits.
    truth: Vec<(ThreadId, u64, u64)>,
}

impl Recording {
    fn lock(&mut self, address: u64, lock_type: LockType) -> LockId {
        let identity = Identity::Kernel { address };
        self.builder.lock(identity, lock_type, "", None)
    }

    fn thread(&mut self, tid: u32) -> ThreadId {
        let process = self.builder.process(&Process::default());
        self.builder.thread(tid, "", process)
    }

    /// A wait that the kernel counts, and samples with a probability of 2^-shift.
    fn wait(&mut self, lock: LockId, thread: ThreadId, ns: u64, shift: u32) {
        self.builder.add_waits(lock, &one(ns));
        if fastrand::u64(..1 << shift) == 0 {
            let stack = self.builder.stack(Stack::default());
            let estimate = Estimate::of(ns, shift);
            self.builder.add_site(lock, stack, thread, None, &estimate);
        }
        match self.truth.iter_mut().find(|(known, ..)| *known == thread) {
            Some((_, count, total_ns)) => {
                *count += 1;
                *total_ns += ns;
            }
            None => self.truth.push((thread, 1, ns)),
        }
    }

    fn finish(self) -> (Snapshot, Vec<(ThreadId, u64, u64)>) {
        (self.builder.finish(), self.truth)
    }
}

fn one(ns: u64) -> Waits {
    let mut waits = Waits {
        count: 1,
        total_ns: ns,
        min_ns: ns,
        max_ns: ns,
        ..Waits::default()
    };
    waits.histogram.record(ns, 1);
    waits
}

fn of_thread(snapshot: &Snapshot, thread: ThreadId) -> Estimate {
    let sites = (0..snapshot.sites.len()).filter(|&site| snapshot.sites[site].thread == thread);
    Calibration::of(snapshot).estimate(sites)
}

/// How often the bounds hold, of the number and of the time, in percent.
fn coverage(record: impl Fn(&mut Recording)) -> (f64, f64) {
    let (mut rows, mut counts, mut times) = (0.0, 0.0, 0.0);
    for _ in 0..300 {
        let mut recording = Recording::default();
        record(&mut recording);
        let (snapshot, truth) = recording.finish();
        let calibration = Calibration::of(&snapshot);
        let total = calibration.total_of(0..snapshot.sites.len(), true);
        let counted: u64 = truth.iter().map(|(_, count, _)| count).sum();
        assert!(total.count.abs_diff(counted) <= 1, "{total:?} {counted}");
        for (thread, count, total_ns) in truth {
            let row = of_thread(&snapshot, thread);
            rows += 1.0;
            // Rounded to whole ones.
            counts += f64::from(u8::from(row.count.abs_diff(count) <= row.count_error() + 1));
            let apart = row.wait_ns.abs_diff(total_ns);
            times += f64::from(u8::from(apart <= row.wait_error_ns() + 1));
        }
    }
    (100.0 * counts / rows, 100.0 * times / rows)
}

fn assert_coverage(record: impl Fn(&mut Recording)) {
    fastrand::seed(7);
    let (counts, times) = coverage(record);
    assert!((93.0..=99.5).contains(&counts), "{counts} % of counts");
    assert!((93.0..=99.5).contains(&times), "{times} % of times");
}

#[test]
fn bounds_hold_for_waits_of_about_one_length() {
    assert_coverage(|recording| {
        let lock = recording.lock(1, MUTEX);
        for (tid, waits) in [(1, 3_000), (2, 900), (3, 150)] {
            let thread = recording.thread(tid);
            for _ in 0..waits {
                recording.wait(lock, thread, fastrand::u64(4_000..12_000), 4);
            }
        }
    });
}

#[test]
fn bounds_hold_where_long_waits_are_always_sampled() {
    assert_coverage(|recording| {
        let lock = recording.lock(1, MUTEX);
        for (tid, waits, long) in [(1, 2_000, 40), (2, 1_000, 4), (3, 200, 100)] {
            let thread = recording.thread(tid);
            for number in 0..waits {
                if number < long {
                    recording.wait(lock, thread, fastrand::u64(1_000_000..9_000_000), 0);
                } else {
                    recording.wait(lock, thread, fastrand::u64(1_000..40_000), 5);
                }
            }
        }
    });
}

#[test]
fn bounds_hold_where_the_chances_differ_within_a_range() {
    assert_coverage(|recording| {
        let lock = recording.lock(1, MUTEX);
        for (tid, waits) in [(1, 4_000), (2, 2_000), (3, 500)] {
            let thread = recording.thread(tid);
            for _ in 0..waits {
                let shift = fastrand::u32(2..7);
                recording.wait(lock, thread, fastrand::u64(20_000..60_000), shift);
            }
        }
    });
}

#[test]
fn what_is_sampled_whole_is_exact() {
    let mut recording = Recording::default();
    let lock = recording.lock(1, MUTEX);
    for (tid, ns) in [(1, 1_000), (2, 50_000), (2, 3_000_000)] {
        let thread = recording.thread(tid);
        for _ in 0..20 {
            recording.wait(lock, thread, ns, 0);
        }
    }
    let (snapshot, truth) = recording.finish();
    for (thread, count, total_ns) in truth {
        let row = of_thread(&snapshot, thread);
        assert_eq!((row.count, row.wait_ns), (count, total_ns));
        assert_eq!((row.count_error(), row.wait_error_ns()), (0, 0));
    }
}

#[test]
fn a_sample_of_a_rare_lock_stands_for_the_others_of_its_type() {
    let mut recording = Recording::default();
    let thread = recording.thread(1);
    for address in 1..=64 {
        let lock = recording.lock(address, MUTEX);
        for _ in 0..3 {
            recording.builder.add_waits(lock, &one(10_000));
        }
        if address % 32 == 0 {
            let stack = recording.builder.stack(Stack::default());
            let estimate = Estimate::of(10_000, 6);
            recording
                .builder
                .add_site(lock, stack, thread, None, &estimate);
        }
    }
    let snapshot = recording.builder.finish();
    let row = of_thread(&snapshot, thread);
    assert_eq!((row.count, row.wait_ns), (3 * 64, 3 * 64 * 10_000));
    assert!(Calibration::of(&snapshot).not_sampled().is_empty());
}

#[test]
fn a_type_without_a_sample_is_reported_as_it_was_counted() {
    let mut recording = Recording::default();
    let sampled = recording.lock(1, MUTEX);
    let other = recording.lock(2, LockType::Kernel(1));
    let thread = recording.thread(1);
    recording.wait(sampled, thread, 10_000, 0);
    recording.builder.add_waits(other, &one(500));
    let (snapshot, _) = recording.finish();
    let calibration = Calibration::of(&snapshot);
    let [(lock, waits)] = calibration.not_sampled() else {
        panic!("{calibration:?}");
    };
    assert_eq!((*lock, waits.count, waits.wait_ns), (other, 1, 500));
}

#[test]
fn samples_without_a_counted_wait_keep_their_weights() {
    let mut builder = SnapshotBuilder::default();
    let identity = Identity::Kernel { address: 1 };
    let lock = builder.lock(identity, MUTEX, "", None);
    let process = builder.process(&Process::default());
    let thread = builder.thread(1, "", process);
    let stack = builder.stack(Stack::default());
    builder.add_site(lock, stack, thread, None, &Estimate::of(1_000, 3));
    let row = of_thread(&builder.finish(), thread);
    assert_eq!((row.count, row.wait_ns), (8, 8_000));
    assert!(row.count_error() > 0);
}
