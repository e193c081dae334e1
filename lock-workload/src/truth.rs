//! Ground truth: what is known of the contention that a workload generated.

use serde::Serialize;

/// Which lock, by what a report may show of it.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Subject {
    /// Its role in the scenario.
    pub name: &'static str,
    /// Its type as reports name it.
    pub r#type: &'static str,
    /// Where the lock begins in the process's memory. None for the kernel's locks, and where
    /// the word that is waited on is not the lock's own.
    pub address: Option<u64>,
    /// How many bytes it has: its futex words lie within.
    pub bytes: u64,
    /// A part of the name of the memory that it lies in, if processes share it.
    pub object: Option<&'static str>,
    /// A function of the kernel or the program that waits for it, or a part of its name.
    pub caller: &'static str,
}

/// What became of the calls for one lock. Times are in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Figures {
    /// Calls that may wait:
    /// waited + without_wait + unsure + timed_out + interrupted, in calls.
    pub calls: u64,
    /// Waits that ended with the lock, or with a wake-up that was not for it: a woken waiter
    /// may find the lock taken, and wait again.
    pub waits: u64,
    /// Calls of which it is not known whether they waited.
    pub unsure: u64,
    /// Calls that did not wait.
    pub without_wait: u64,
    /// Calls that got the lock after more than one wait. Each of these waits is in `waits`.
    pub repeated: u64,
    /// The time of calls that waited and got the lock, from the call to its return.
    pub total_ns: u64,
    /// Of these, the time on the CPU, before and after the thread slept.
    pub on_cpu_ns: u64,
    /// Of `total_ns` and `not_acquired_ns`, the most that may not have been waiting either:
    /// the thread was preempted on its way, or waited more than once for nothing.
    pub loose_ns: u64,
    /// The shortest call that waited and got the lock.
    pub min_ns: u64,
    /// The longest such call.
    pub max_ns: u64,
    /// The longest call of which it is not known whether it waited, of those that were measured.
    pub unsure_max_ns: u64,
    /// Calls that waited until they timed out.
    pub timed_out: u64,
    /// Calls that waited until a signal came.
    pub interrupted: u64,
    /// The time of these two together.
    pub not_acquired_ns: u64,
}

impl Figures {
    /// Adds those of another thread.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            calls,
            waits,
            unsure,
            without_wait,
            repeated,
            total_ns,
            on_cpu_ns,
            loose_ns,
            min_ns,
            max_ns,
            unsure_max_ns,
            timed_out,
            interrupted,
            not_acquired_ns,
        } = *other;
        if total_ns > 0 {
            self.min_ns = if self.total_ns == 0 {
                min_ns
            } else {
                self.min_ns.min(min_ns)
            };
        }
        self.max_ns = self.max_ns.max(max_ns);
        self.unsure_max_ns = self.unsure_max_ns.max(unsure_max_ns);
        for (sum, term) in [
            (&mut self.calls, calls),
            (&mut self.waits, waits),
            (&mut self.unsure, unsure),
            (&mut self.without_wait, without_wait),
            (&mut self.repeated, repeated),
            (&mut self.total_ns, total_ns),
            (&mut self.on_cpu_ns, on_cpu_ns),
            (&mut self.loose_ns, loose_ns),
            (&mut self.timed_out, timed_out),
            (&mut self.interrupted, interrupted),
            (&mut self.not_acquired_ns, not_acquired_ns),
        ] {
            *sum = sum.saturating_add(term);
        }
    }
}

/// A lock and what became of the calls for it.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Lock {
    /// Which.
    #[serde(flatten)]
    pub subject: Subject,
    /// What became of the calls.
    #[serde(flatten)]
    pub figures: Figures,
}

/// A thread that waited for what another one had, in every round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Pair {
    /// The name of the thread that waited.
    pub waiter: String,
    /// The name of the thread that had the lock.
    pub holder: String,
    /// Which lock: an index into [`Truth::locks`].
    pub lock: usize,
}

/// What a scenario did.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Truth {
    /// How often the lock was held for a while.
    pub rounds: u64,
    /// Calls that were not made, because it was too late to wait.
    pub too_late: u64,
    /// The locks.
    pub locks: Vec<Lock>,
    /// The names of the threads, the holder's first.
    pub threads: Vec<String>,
    /// Who waited for whom, where that was the same in every round.
    pub pairs: Vec<Pair>,
}

impl Truth {
    /// All locks together.
    pub fn sum(&self) -> Figures {
        let mut sum = Figures::default();
        for lock in &self.locks {
            sum.add(&lock.figures);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::Figures;

    #[test]
    fn the_shortest_is_not_that_of_a_thread_that_did_not_wait() {
        let mut sum = Figures::default();
        for (total_ns, min_ns, max_ns) in [(0, 0, 0), (7, 3, 4), (0, 0, 0), (2, 2, 2)] {
            sum.add(&Figures {
                total_ns,
                min_ns,
                max_ns,
                ..Figures::default()
            });
        }
        assert_eq!((sum.total_ns, sum.min_ns, sum.max_ns), (9, 2, 4));
    }
}
