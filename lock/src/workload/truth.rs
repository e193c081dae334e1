//! What is known of the contention that a workload made, in the document that reports are
//! held against.

use serde::Serialize;

use crate::units::{plural, time};

/// Which lock, by what a report may show of it.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Subject {
    /// Its role in the scenario.
    pub(crate) name: &'static str,
    /// Its type as reports name it.
    pub(crate) r#type: &'static str,
    /// Where the lock begins in the process's memory. None for the kernel's locks, and where
    /// the word that is waited on is not the lock's own.
    pub(crate) address: Option<u64>,
    /// How many bytes it has: its futex words lie within.
    pub(crate) bytes: u64,
    /// A part of the name of the memory that it lies in, if processes share it.
    pub(crate) object: Option<&'static str>,
    /// A function of the kernel or the program that waits for it, or a part of its name.
    pub(crate) caller: &'static str,
}

/// What became of the calls for one lock. Times are in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Figures {
    /// Calls that may wait:
    /// waited + without_wait + unsure + timed_out + interrupted, in calls.
    pub(crate) calls: u64,
    /// Waits that ended with the lock, or with a wake-up that was not for it: a woken waiter
    /// may find the lock taken, and wait again.
    pub(crate) waits: u64,
    /// Calls of which it is not known whether they waited.
    pub(crate) unsure: u64,
    /// Calls that did not wait.
    pub(crate) without_wait: u64,
    /// Calls that got the lock after more than one wait. Each of these waits is in `waits`.
    pub(crate) repeated: u64,
    /// The time of calls that waited and got the lock, from the call to its return.
    pub(crate) total_ns: u64,
    /// Of these, the time on the CPU, before and after the thread slept.
    pub(crate) on_cpu_ns: u64,
    /// Of `total_ns` and `not_acquired_ns`, the most that may not have been waiting either:
    /// the thread was preempted on its way, or waited more than once for nothing.
    pub(crate) loose_ns: u64,
    /// The shortest call that waited and got the lock.
    pub(crate) min_ns: u64,
    /// The longest such call.
    pub(crate) max_ns: u64,
    /// Calls that waited until they timed out.
    pub(crate) timed_out: u64,
    /// Calls that waited until a signal came.
    pub(crate) interrupted: u64,
    /// The time of these two together.
    pub(crate) not_acquired_ns: u64,
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
pub(crate) struct Lock {
    /// Which.
    #[serde(flatten)]
    pub(crate) subject: Subject,
    /// What became of the calls.
    #[serde(flatten)]
    pub(crate) figures: Figures,
}

/// A thread that waited for what another one had, in every round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Pair {
    /// The name of the thread that waited.
    pub(crate) waiter: String,
    /// The name of the thread that had the lock.
    pub(crate) holder: String,
    /// Which lock: an index into [`Truth::locks`].
    pub(crate) lock: usize,
}

/// What a scenario did.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Truth {
    /// How often the lock was held for a while.
    pub(crate) rounds: u64,
    /// Calls that were not made, because it was too late to wait.
    pub(crate) too_late: u64,
    /// The locks.
    pub(crate) locks: Vec<Lock>,
    /// The names of the threads, the holder's first.
    pub(crate) threads: Vec<String>,
    /// Who waited for whom, where that was the same in every round.
    pub(crate) pairs: Vec<Pair>,
}

impl Truth {
    /// All locks together.
    pub(crate) fn sum(&self) -> Figures {
        let mut sum = Figures::default();
        for lock in &self.locks {
            sum.add(&lock.figures);
        }
        sum
    }
}

/// The JSON document. Times are in nanoseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Document<'a> {
    schema: u32,
    scenario: &'a str,
    /// Whether the number of waits is known: `waits` to `waits + unsure`. Otherwise `waits`
    /// is the least and `calls` the most.
    exact: bool,
    /// The part of `total_ns` by which a report may show less: `on_cpu_ns` and `loose_ns`.
    tolerance: f64,
    waits: u64,
    unsure: u64,
    total_ns: u64,
    average_ns: u64,
    max_ns: u64,
    #[serde(flatten)]
    truth: &'a Truth,
}

impl<'a> Document<'a> {
    /// That of a scenario by its name.
    pub(crate) fn new(scenario: &'a str, exact: bool, truth: &'a Truth) -> Self {
        let sum = truth.sum();
        let loose = sum.on_cpu_ns.saturating_add(sum.loose_ns);
        Self {
            schema: 3,
            scenario,
            exact,
            tolerance: (loose as f64 / sum.total_ns.max(1) as f64).min(1.0),
            waits: sum.waits,
            unsure: sum.unsure,
            total_ns: sum.total_ns,
            average_ns: sum.total_ns.checked_div(sum.waits).unwrap_or(0),
            max_ns: sum.max_ns,
            truth,
        }
    }
}

/// The same in words.
pub(crate) fn human(scenario: &str, exact: bool, truth: &Truth) -> String {
    let mut text = String::new();
    for lock in &truth.locks {
        let Lock { subject, figures } = lock;
        let (role, r#type, caller) = (subject.name, subject.r#type, subject.caller);
        if !exact {
            text.push_str(&format!(
                "The workload {scenario} made {} calls for its {role} ({type}, in {caller}). How \
                 many of them waited, no thread can tell.\n",
                figures.calls
            ));
            continue;
        }
        text.push_str(&format!(
            "The workload {scenario} waited {} times for its {role} ({type}, in {caller}): {} in \
             all, {} on average, {} at most.\n",
            figures.waits,
            time(figures.total_ns),
            time(figures.total_ns.checked_div(figures.waits).unwrap_or(0)),
            time(figures.max_ns),
        ));
        if figures.timed_out > 0 || figures.interrupted > 0 {
            text.push_str(&format!(
                "Of its other waits, {} timed out and {} were broken off by a signal: {} in all.\n",
                figures.timed_out,
                figures.interrupted,
                time(figures.not_acquired_ns)
            ));
        }
    }
    if exact {
        let sum = truth.sum();
        text.push_str(&format!(
            "In {}, {} did not wait or came too late to, and {} more may or may not have \
             waited.\n",
            plural(truth.rounds, "round"),
            plural(sum.without_wait.saturating_add(truth.too_late), "call"),
            sum.unsure
        ));
    }
    for pair in &truth.pairs {
        text.push_str(&format!("{} waited for {}.\n", pair.waiter, pair.holder));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Document, Figures, Lock, Pair, Subject, Truth, human};
    use crate::view::document::document;

    fn truth() -> Truth {
        let figures = Figures {
            calls: 12,
            waits: 10,
            without_wait: 1,
            unsure: 1,
            total_ns: 100_000_000,
            on_cpu_ns: 50_000,
            loose_ns: 150_000,
            min_ns: 9_000_000,
            max_ns: 11_000_000,
            timed_out: 2,
            not_acquired_ns: 10_000_000,
            ..Figures::default()
        };
        let subject = Subject {
            name: "mutex",
            r#type: "user mutex",
            address: Some(0x1000),
            bytes: 40,
            object: None,
            caller: "wait_for_pthread_mutex",
        };
        Truth {
            rounds: 4,
            too_late: 1,
            locks: vec![Lock { subject, figures }],
            threads: vec!["holder".to_owned(), "waiter-0".to_owned()],
            pairs: vec![Pair {
                waiter: "waiter-0".to_owned(),
                holder: "holder".to_owned(),
                lock: 0,
            }],
        }
    }

    #[test]
    fn in_words() {
        insta::assert_snapshot!("words", human("holder", true, &truth()));
        insta::assert_snapshot!("words_without_a_count", human("spinlock", false, &truth()));
    }

    #[test]
    fn as_a_document() {
        let truth = truth();
        let content = document(&Document::new("holder", true, &truth)).unwrap();
        insta::assert_snapshot!("document", content);
    }

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
