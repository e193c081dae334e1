//! The exact figures of locks: from the kernel's rows to what waits came to since the last
//! time.

use std::{collections::HashMap, os::fd::RawFd};

use lock_common::{
    Event, FastSets, Outcome, ROW_BUCKETS, RowKind, Tally, Totals, TotalsKey, WaitKind, bucket,
    bucket_floor,
};

use crate::{
    error::Result,
    probe::batch::{self, unreadable},
    profile::{histogram::Histogram, snapshot::Waits},
};

/// A lock, waited for in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LockKey {
    /// Its address; zero for those beyond the bound of the table.
    pub(crate) address: u64,
    /// The process, for a user lock; else zero.
    pub(crate) tgid: u32,
    pub(crate) kind: WaitKind,
}

impl LockKey {
    /// Whether it is a user lock.
    pub(crate) const fn is_user(self) -> bool {
        self.kind.is_user()
    }
}

/// What the rows were the last time: those of the tables, and those in the CPUs' fast slots,
/// where a key can have a row, too.
#[derive(Debug, Default)]
pub(crate) struct TotalsReader {
    tables: HashMap<RowKey, SummedRow>,
    fast: HashMap<RowKey, SummedRow>,
}

/// The tables that rows are in: descriptors, and names for errors.
pub(crate) struct TotalsMaps {
    pub(crate) by_key: [(RawFd, &'static str); 2],
    pub(crate) fast: (RawFd, &'static str),
}

/// The fields of a [`TotalsKey`], which has no hash of its own.
type RowKey = (u64, u32, RowKind);

/// A row, all CPUs together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct SummedRow {
    /// The counts of each CPU, as they were read.
    cpus: Vec<[u32; ROW_BUCKETS]>,
    /// Their sums, which do not begin again.
    counts: [u64; ROW_BUCKETS],
    total_ns: u64,
    part_ns: u64,
    min_ns: u64,
    max_ns: u64,
}

impl TotalsReader {
    /// Reads the rows, and tells what was added since the last time.
    pub(crate) fn advance(
        &mut self,
        maps: &TotalsMaps,
        cpus: usize,
    ) -> Result<HashMap<LockKey, Waits>> {
        let mut locks: HashMap<LockKey, Waits> = HashMap::new();
        for (map, name) in maps.by_key {
            batch::for_each(map, cpus, |key: &TotalsKey, values: &[Totals]| {
                let key = (key.lock, key.tgid, key.kind);
                advance(&mut self.tables, key, values, &mut locks);
            })
            .map_err(|error| unreadable(name, &error))?;
        }
        // Each CPU has its own at a slot.
        let mut fast: HashMap<RowKey, Vec<Totals>> = HashMap::new();
        let (map, name) = maps.fast;
        batch::for_each(map, cpus, |_: &u32, portions: &[FastSets]| {
            for (cpu, portion) in portions.iter().enumerate() {
                for (key, totals) in portion.rows() {
                    let key = (key.lock, key.tgid, key.kind);
                    let row = fast.entry(key).or_insert_with(|| vec![Totals::ZERO; cpus]);
                    if let Some(slot) = row.get_mut(cpu) {
                        *slot = *totals;
                    }
                }
            }
        })
        .map_err(|error| unreadable(name, &error))?;
        for (key, values) in fast {
            advance(&mut self.fast, key, &values, &mut locks);
        }
        Ok(locks)
    }
}

/// Takes what a row is now, and adds what came to it to its lock.
fn advance(
    rows: &mut HashMap<RowKey, SummedRow>,
    key: RowKey,
    values: &[Totals],
    locks: &mut HashMap<LockKey, Waits>,
) {
    let row = rows.entry(key).or_default();
    let before = row.clone();
    row.advance(values);
    if row.counts != before.counts {
        let (address, tgid, kind) = key;
        let lock = LockKey {
            address,
            tgid,
            kind: kind.kind(),
        };
        add(locks.entry(lock).or_default(), kind, row, &before);
    }
}

impl SummedRow {
    /// Takes what the CPUs have now.
    fn advance(&mut self, cpus: &[Totals]) {
        self.cpus.resize(cpus.len(), [0; ROW_BUCKETS]);
        (self.total_ns, self.part_ns, self.min_ns, self.max_ns) = (0, 0, 0, 0);
        for (before, now) in self.cpus.iter_mut().zip(cpus) {
            let counts = self.counts.iter_mut().zip(before.iter().zip(&now.counts));
            for (sum, (before, now)) in counts {
                *sum += u64::from(now.wrapping_sub(*before));
            }
            *before = now.counts;
            if now.min_ns != 0 {
                self.min_ns = match self.min_ns {
                    0 => now.min_ns,
                    min_ns => min_ns.min(now.min_ns),
                };
            }
            self.max_ns = self.max_ns.max(now.max_ns);
            self.total_ns += now.total_ns;
            self.part_ns += now.part_ns;
        }
    }
}

/// What one wait comes to that is in no row: one whose end was not seen.
pub(crate) fn of_one(event: &Event) -> Waits {
    let bucket = bucket(event.wait_ns);
    let mut totals = Totals {
        total_ns: event.wait_ns,
        min_ns: event.wait_ns.max(1),
        max_ns: event.wait_ns.max(1),
        ..Totals::ZERO
    };
    if let Some(count) = totals.counts.get_mut(RowKind::index_of(bucket)) {
        *count = 1;
    }
    let mut row = SummedRow::default();
    row.advance(&[totals]);
    let kind = RowKind::new(event.kind, event.outcome, Tally::FIRST, bucket);
    let mut waits = Waits::default();
    add(&mut waits, kind, &row, &SummedRow::default());
    waits
}

/// Adds what came to a row. The shortest and the longest are of all time: where they did not
/// change, those of the interval lie between them and the bounds of its buckets.
fn add(waits: &mut Waits, kind: RowKind, now: &SummedRow, before: &SummedRow) {
    let counts: Vec<u64> = now
        .counts
        .iter()
        .zip(&before.counts)
        .map(|(now, before)| now - before)
        .collect();
    let count: u64 = counts.iter().sum();
    let total_ns = now.total_ns.saturating_sub(before.total_ns);
    let part_ns = now.part_ns.saturating_sub(before.part_ns);
    let is_user = kind.kind().is_user();
    let first = kind.first_bucket();
    let mut histogram = Histogram::default();
    for (bucket, &count) in (first..).zip(&counts) {
        histogram.add_to(bucket as u8, count);
    }
    let tally = kind.tally();
    if tally == Tally::BEFORE || tally == Tally::CALL {
        let calls = &mut waits.calls;
        let failed = kind.outcome() != Outcome::ACQUIRED;
        let sum = match tally == Tally::CALL {
            true => &mut calls.whole,
            false => &mut calls.before,
        };
        sum.total_ns += total_ns;
        sum.histogram.add(&histogram);
        if failed {
            calls.failed_ns += total_ns;
        }
        if tally == Tally::CALL {
            calls.max_ns = calls.max_ns.max(if now.max_ns > before.max_ns {
                now.max_ns
            } else {
                (total_ns / count.max(1)).min(now.max_ns)
            });
        }
        return;
    }
    if tally == Tally::AGAIN {
        waits.calls.again.total_ns += total_ns;
        waits.calls.again.histogram.add(&histogram);
    }
    match kind.outcome() {
        Outcome::ACQUIRED => {}
        failed => {
            let slot = match failed {
                Outcome::TIMED_OUT => &mut waits.timed_out,
                Outcome::INTERRUPTED => &mut waits.interrupted,
                _ => &mut waits.not_acquired,
            };
            *slot += count;
            waits.not_acquired_ns += total_ns;
            return;
        }
    }
    let mut added = Waits {
        count,
        total_ns,
        spin_ns: if is_user { 0 } else { part_ns },
        runqueue_ns: if is_user { part_ns } else { 0 },
        histogram,
        ..Waits::default()
    };
    let lowest = (first..).zip(&counts).find(|(_, count)| **count > 0);
    let floor_ns = lowest.map_or(0, |(bucket, _)| bucket_floor(bucket));
    added.min_ns = if before.min_ns == 0 || now.min_ns < before.min_ns {
        now.min_ns
    } else {
        floor_ns.max(now.min_ns)
    };
    added.max_ns = if now.max_ns > before.max_ns {
        now.max_ns
    } else {
        // The mean is no more than the longest.
        (total_ns / count.max(1)).min(now.max_ns)
    };
    waits.add(&added);
}

#[cfg(test)]
mod tests {
    use lock_common::{Event, Outcome, ROW_BUCKETS, RowKind, Tally, Totals, WaitKind, bucket};

    use super::{SummedRow, add, of_one};
    use crate::profile::snapshot::Waits;

    /// A CPU's part of a row, with `count` waits of about 100 ns.
    fn cpu(count: u32, total_ns: u64, min_ns: u64, max_ns: u64) -> Totals {
        let mut counts = [0; ROW_BUCKETS];
        counts[RowKind::index_of(bucket(100))] = count;
        Totals {
            counts,
            total_ns,
            part_ns: 0,
            min_ns,
            max_ns,
        }
    }

    fn kind(outcome: Outcome) -> RowKind {
        RowKind::new(WaitKind::kernel(0), outcome, Tally::FIRST, bucket(100))
    }

    fn after(row: &SummedRow, cpus: &[Totals]) -> SummedRow {
        let mut next = row.clone();
        next.advance(cpus);
        next
    }

    #[test]
    fn extremes_are_those_of_all_time_once_intervals_are_together() {
        let nothing = SummedRow::default();
        let first = after(&nothing, &[cpu(2, 205, 100, 105)]);
        let then = after(&first, &[cpu(3, 307, 100, 105)]);
        let mut one = Waits::default();
        add(&mut one, kind(Outcome::ACQUIRED), &first, &nothing);
        let mut two = Waits::default();
        add(&mut two, kind(Outcome::ACQUIRED), &then, &first);
        assert_eq!((two.count, two.total_ns), (1, 102));
        assert!(two.min_ns <= 102 && two.max_ns >= 102 && two.max_ns <= 105);
        one.add(&two);
        assert_eq!(
            (one.count, one.total_ns, one.min_ns, one.max_ns),
            (3, 307, 100, 105)
        );
        assert_eq!(one.histogram.count(), 3);
        assert_eq!(
            one.histogram.0.keys().copied().collect::<Vec<_>>(),
            [bucket(100) as u8]
        );
    }

    #[test]
    fn timeouts_are_counted_apart() {
        let mut waits = Waits::default();
        let kind = kind(Outcome::TIMED_OUT);
        let row = after(&SummedRow::default(), &[cpu(4, 400, 100, 100)]);
        add(&mut waits, kind, &row, &SummedRow::default());
        assert_eq!(
            (waits.count, waits.timed_out, waits.not_acquired_ns),
            (0, 4, 400)
        );
    }

    #[test]
    fn calls_of_several_sleeps_are_kept_beside_the_sleeps() {
        let nothing = SummedRow::default();
        let mut waits = Waits::default();
        // A call of 100 ns that slept once more, and is 105 ns long then.
        for (tally, ns) in [
            (Tally::FIRST, 100),
            (Tally::AGAIN, 101),
            (Tally::BEFORE, 100),
            (Tally::CALL, 105),
        ] {
            let kind = RowKind::new(WaitKind::futex(0, 2), Outcome::ACQUIRED, tally, bucket(100));
            add(
                &mut waits,
                kind,
                &after(&nothing, &[cpu(1, ns, ns, ns)]),
                &nothing,
            );
        }
        assert_eq!((waits.count, waits.total_ns), (2, 201));
        let calls = waits.by_call();
        assert_eq!(
            (calls.count, calls.total_ns, calls.max_ns, calls.pieces),
            (1, 105, 105, 1)
        );
    }

    #[test]
    fn a_wait_that_is_in_no_row_counts_as_others_do() {
        let event = Event {
            kind: WaitKind::futex(0, 0),
            wait_ns: 12_345,
            ..Event::ZERO
        };
        let waits = of_one(&event);
        assert_eq!(
            (waits.count, waits.total_ns, waits.min_ns, waits.max_ns),
            (1, 12_345, 12_345, 12_345)
        );
        assert_eq!(waits.histogram.0.get(&(bucket(12_345) as u8)), Some(&1));
        let timed_out = of_one(&Event {
            outcome: Outcome::TIMED_OUT,
            ..event
        });
        assert_eq!((timed_out.count, timed_out.timed_out), (0, 1));
    }

    #[test]
    fn cpus_without_waits_have_no_extremes() {
        let cpus = [Totals::ZERO, cpu(1, 101, 101, 101), cpu(1, 107, 107, 107)];
        let row = after(&SummedRow::default(), &cpus);
        assert_eq!((row.min_ns, row.max_ns, row.total_ns), (101, 107, 208));
        assert_eq!(row.counts.iter().sum::<u64>(), 2);
    }

    #[test]
    fn counts_go_on_where_the_kernels_begin_again() {
        let row = after(&SummedRow::default(), &[cpu(u32::MAX, 1, 1, 1)]);
        let row = after(&row, &[cpu(4, 6, 1, 1)]);
        assert_eq!(row.counts.iter().sum::<u64>(), u64::from(u32::MAX) + 5);
    }
}
