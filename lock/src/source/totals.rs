//! The exact figures of locks: from the kernel's rows to what waits came to since the last
//! time.

use std::{collections::HashMap, os::fd::RawFd};

use lock_common::{Totals, TotalsKey, bucket_floor, outcome, what};

use crate::{error::Result, probe::batch, profile::snapshot::Waits, source::live::unreadable};

/// A lock, waited for in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LockKey {
    /// Its address; zero for those beyond the bound of the table.
    pub(crate) address: u64,
    /// The process, for a user lock; else zero.
    pub(crate) tgid: u32,
    /// One of `lock_common::what`.
    pub(crate) what: u32,
}

impl LockKey {
    /// Whether it is a user lock.
    pub(crate) const fn is_user(self) -> bool {
        self.what & what::USER != 0
    }
}

/// What the rows were the last time, all CPUs together.
#[derive(Debug, Default)]
pub(crate) struct Rows(HashMap<RowKey, Totals>);

/// The fields of a [`TotalsKey`], which has no hash of its own.
type RowKey = (u64, u32, u32);

impl Rows {
    /// Reads the rows, and tells what was added since the last time.
    pub(crate) fn advance(
        &mut self,
        maps: [(RawFd, &str); 2],
        cpus: usize,
    ) -> Result<HashMap<LockKey, Waits>> {
        let mut locks: HashMap<LockKey, Waits> = HashMap::new();
        for (map, name) in maps {
            batch::for_each(map, cpus, |key: &TotalsKey, values: &[Totals]| {
                let now = sum(values);
                let before = self
                    .0
                    .insert((key.lock, key.tgid, key.kind), now)
                    .unwrap_or(Totals::ZERO);
                if now.count > before.count {
                    let lock = LockKey {
                        address: key.lock,
                        tgid: key.tgid,
                        what: key.kind & 0xffff,
                    };
                    add(locks.entry(lock).or_default(), key.kind, &now, &before);
                }
            })
            .map_err(|error| unreadable(name, &error))?;
        }
        Ok(locks)
    }
}

fn sum(cpus: &[Totals]) -> Totals {
    let mut sum = Totals::ZERO;
    for cpu in cpus.iter().filter(|cpu| cpu.count > 0) {
        sum.min_ns = if sum.count == 0 {
            cpu.min_ns
        } else {
            sum.min_ns.min(cpu.min_ns)
        };
        sum.max_ns = sum.max_ns.max(cpu.max_ns);
        sum.count += cpu.count;
        sum.total_ns += cpu.total_ns;
        sum.part_ns += cpu.part_ns;
    }
    sum
}

/// Adds what came to a row. The shortest and the longest are of all time: where they did not
/// change, those of the interval lie between them and the bounds of the bucket.
fn add(waits: &mut Waits, kind: u32, now: &Totals, before: &Totals) {
    let count = now.count.saturating_sub(before.count);
    let total_ns = now.total_ns.saturating_sub(before.total_ns);
    let part_ns = now.part_ns.saturating_sub(before.part_ns);
    let bucket = kind >> 24;
    let is_user = kind & what::USER != 0;
    match kind >> 16 & 0xff {
        outcome::ACQUIRED => {}
        failed => {
            let place = match failed {
                outcome::TIMED_OUT => &mut waits.timed_out,
                outcome::INTERRUPTED => &mut waits.interrupted,
                _ => &mut waits.not_acquired,
            };
            *place += count;
            waits.not_acquired_ns += total_ns;
            return;
        }
    }
    let first = before.count == 0;
    let min_ns = if first || now.min_ns < before.min_ns {
        now.min_ns
    } else {
        bucket_floor(bucket).max(now.min_ns)
    };
    let max_ns = if first || now.max_ns > before.max_ns {
        now.max_ns
    } else {
        // A mean within the interval is in the bucket, and no more than the longest.
        (total_ns / count.max(1)).min(now.max_ns)
    };
    let mut added = Waits {
        count,
        total_ns,
        min_ns,
        max_ns,
        spin_ns: if is_user { 0 } else { part_ns },
        runqueue_ns: if is_user { part_ns } else { 0 },
        ..Waits::default()
    };
    // A bucket's number is at most 255.
    added.histogram.add_to(bucket as u8, count);
    waits.add(&added);
}

#[cfg(test)]
mod tests {
    use lock_common::{Totals, bucket, outcome};

    use super::{add, sum};
    use crate::profile::snapshot::Waits;

    fn row(count: u64, total_ns: u64, min_ns: u64, max_ns: u64) -> Totals {
        Totals {
            count,
            total_ns,
            part_ns: 0,
            min_ns,
            max_ns,
        }
    }

    #[test]
    fn extremes_are_those_of_all_time_once_intervals_are_together() {
        let kind = bucket(100) << 24;
        let (first, then) = (row(2, 205, 100, 105), row(3, 307, 100, 105));
        let mut one = Waits::default();
        add(&mut one, kind, &first, &Totals::ZERO);
        let mut two = Waits::default();
        add(&mut two, kind, &then, &first);
        assert_eq!((two.count, two.total_ns), (1, 102));
        assert!(two.min_ns <= 102 && two.max_ns >= 102 && two.max_ns <= 105);
        one.add(&two);
        assert_eq!(
            (one.count, one.total_ns, one.min_ns, one.max_ns),
            (3, 307, 100, 105)
        );
        assert_eq!(one.histogram.count(), 3);
    }

    #[test]
    fn timeouts_are_counted_apart() {
        let mut waits = Waits::default();
        let kind = outcome::TIMED_OUT << 16 | bucket(9) << 24;
        add(&mut waits, kind, &row(4, 36, 9, 9), &Totals::ZERO);
        assert_eq!(
            (waits.count, waits.timed_out, waits.not_acquired_ns),
            (0, 4, 36)
        );
    }

    #[test]
    fn cpus_without_waits_have_no_extremes() {
        let total = sum(&[Totals::ZERO, row(1, 5, 5, 5), row(1, 7, 7, 7)]);
        assert_eq!(total, row(2, 12, 5, 7));
    }
}
