//! Intervals of a recording, put together.
//!
//! What becomes of the accounting: a wait that begins in one interval and ends in another makes
//! that neither interval's accounting holds alone. For each interval, what was open at its
//! start and what began in it is what it repeated, ended, filtered and lost, and what is
//! open at its end. Added up from the start of the recording, the open waits in between
//! cancel out: the sums hold with those that were open at the end of the last interval.
//! Before the first interval nothing is open, as far as the accounting is concerned: waits
//! from before recording have no begin in it, and their ends are `ends_without_begin`.

use std::collections::{HashMap, HashSet};

use ebpf_base::units::plural;

use crate::profile::{
    snapshot::{
        ChainLink, EventAccounting, Events, Hook, Lost, OpenWait, SampleCounts, SampledWait,
        Snapshot,
    },
    snapshot_builder::{SnapshotBuilder, keep_longest},
};

mod ids;

use ids::Ids;

impl Snapshot {
    /// Intervals in their order, put together.
    #[cfg(test)]
    pub(crate) fn merge(intervals: impl IntoIterator<Item = Self>) -> Self {
        let mut merger = Merger::default();
        for interval in intervals {
            merger.add(&interval);
        }
        merger.finish()
    }
}

/// Puts intervals together one by one.
#[derive(Debug, Default)]
pub(crate) struct Merger {
    builder: SnapshotBuilder,
    hooks: HashMap<(String, String), usize>,
    notes: HashSet<String>,
    intervals: u64,
    /// Rows that refer to something that is not in their interval.
    dropped: u64,
    /// Where the note about them stands.
    dropped_note: Option<usize>,
}

impl Merger {
    /// Adds the next interval.
    ///
    /// Rows with references that lead nowhere, which only a forged or damaged recording
    /// has, are left out, and a note says how many.
    pub(crate) fn add(&mut self, interval: &Snapshot) {
        // Exhaustive, so that a new field is not forgotten.
        let Snapshot {
            started_unix_ms,
            started_ns,
            duration_ns,
            metadata,
            hooks,
            own_cpu_ns,
            accounting,
            notes,
            frames: _,
            stacks: _,
            processes: _,
            threads: _,
            locks,
            sites: _,
            chains: _,
            longest: _,
            open: _,
        } = interval;
        let sum = self.builder.snapshot_mut();
        if self.intervals == 0 {
            sum.started_unix_ms = *started_unix_ms;
            sum.started_ns = *started_ns;
            sum.metadata.clone_from(metadata);
        }
        sum.duration_ns = sum.duration_ns.saturating_add(*duration_ns);
        sum.own_cpu_ns = sum.own_cpu_ns.saturating_add(*own_cpu_ns);
        add_accounting(&mut sum.accounting, accounting);
        for note in notes {
            if !self.notes.contains(note) {
                self.notes.insert(note.clone());
                sum.notes.push(note.clone());
            }
        }
        for hook in hooks {
            add_hook(&mut self.hooks, &mut sum.hooks, hook);
        }
        let mut ids = Ids::of(interval, &mut self.builder);
        for (lock, id) in locks.iter().zip(&ids.locks) {
            if let Some(id) = *id {
                self.builder.add_waits(id, &lock.waits);
            }
        }
        self.add_samples(interval, &mut ids);
        self.intervals = self.intervals.saturating_add(1);
        self.dropped = self.dropped.saturating_add(ids.dropped);
        self.note_dropped();
    }

    fn add_samples(&mut self, interval: &Snapshot, ids: &mut Ids) {
        for site in &interval.sites {
            let row = ids.row(|ids| {
                Some((
                    ids.lock(site.lock)?,
                    ids.stack(site.stack)?,
                    ids.thread(site.thread)?,
                    ids.holder(site.holder)?,
                ))
            });
            if let Some((lock, stack, thread, holder)) = row {
                self.builder
                    .add_site(lock, stack, thread, holder, &site.waits);
            }
        }
        for chain in &interval.chains {
            let row = ids.row(|ids| {
                let links = chain.links.iter().map(|link| {
                    Some(ChainLink {
                        thread: ids.thread(link.thread)?,
                        lock: ids.lock(link.lock)?,
                    })
                });
                Some((
                    links.collect::<Option<Vec<_>>>()?,
                    ids.optional_thread(chain.end)?,
                ))
            });
            if let Some((links, end)) = row {
                self.builder.add_chain(links, end, &chain.waits);
            }
        }
        let sum = self.builder.snapshot_mut();
        for wait in &interval.longest {
            sum.longest.extend(ids.row(|ids| {
                Some(SampledWait {
                    lock: ids.lock(wait.lock)?,
                    stack: ids.stack(wait.stack)?,
                    thread: ids.thread(wait.thread)?,
                    holder: ids.holder(wait.holder)?,
                    start_ns: wait.start_ns,
                    wait_ns: wait.wait_ns,
                })
            }));
        }
        if !interval.longest.is_empty() {
            keep_longest(&mut sum.longest);
        }
        sum.open.clear();
        for wait in &interval.open {
            sum.open.extend(ids.row(|ids| {
                Some(OpenWait {
                    lock: ids.lock(wait.lock)?,
                    stack: ids.optional_stack(wait.stack)?,
                    thread: ids.thread(wait.thread)?,
                    waited_ns: wait.waited_ns,
                    at_least: wait.at_least,
                    has_timeout: wait.has_timeout,
                    holder: ids.optional_thread(wait.holder)?,
                })
            }));
        }
    }

    /// Keeps the note about dropped rows, if there are any, up to date.
    fn note_dropped(&mut self) {
        if self.dropped == 0 {
            return;
        }
        let notes = &mut self.builder.snapshot_mut().notes;
        let note = format!(
            "the recording is damaged or forged: ignored {} with invalid references",
            plural(self.dropped, "row")
        );
        match self.dropped_note.and_then(|at| notes.get_mut(at)) {
            Some(earlier) => *earlier = note,
            None => {
                self.dropped_note = Some(notes.len());
                notes.push(note);
            }
        }
    }

    /// How many rows the tables so far have.
    pub(crate) fn rows(&self) -> usize {
        let Snapshot {
            frames,
            stacks,
            processes,
            threads,
            locks,
            sites,
            chains,
            open,
            ..
        } = self.snapshot();
        [
            frames.len(),
            stacks.len(),
            processes.len(),
            threads.len(),
            locks.len(),
            sites.len(),
            chains.len(),
            open.len(),
        ]
        .iter()
        .sum()
    }

    /// What the intervals so far come to.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        self.builder.snapshot()
    }

    /// What the intervals come to.
    pub(crate) fn finish(self) -> Snapshot {
        self.builder.finish()
    }
}

fn add_hook(index: &mut HashMap<(String, String), usize>, table: &mut Vec<Hook>, hook: &Hook) {
    let Hook {
        kind,
        name,
        missed,
        timed_runs,
        timed_ns,
        cost_ns,
    } = hook;
    let at = *index
        .entry((kind.clone(), name.clone()))
        .or_insert_with(|| {
            table.push(Hook {
                kind: kind.clone(),
                name: name.clone(),
                ..Hook::default()
            });
            table.len().saturating_sub(1)
        });
    if let Some(sum) = table.get_mut(at) {
        add_each([
            (&mut sum.missed, *missed),
            (&mut sum.timed_runs, *timed_runs),
            (&mut sum.timed_ns, *timed_ns),
            (&mut sum.cost_ns, *cost_ns),
        ]);
    }
}

/// Saturating: a forged recording can hold any numbers.
fn add_each<const N: usize>(terms: [(&mut u64, u64); N]) {
    for (sum, term) in terms {
        *sum = sum.saturating_add(term);
    }
}

fn add_accounting(sum: &mut EventAccounting, term: &EventAccounting) {
    let EventAccounting {
        kernel,
        user,
        samples,
    } = *term;
    add_events(&mut sum.kernel, kernel);
    add_events(&mut sum.user, user);
    add_samples(&mut sum.samples, samples);
}

fn add_events(sum: &mut Events, term: Events) {
    let Events {
        begins,
        repeats,
        ended,
        unseen_ends,
        filtered,
        lost:
            Lost {
                table_full,
                nested: lost_nested,
                end_not_seen,
            },
        open,
        ends_without_begin,
        unmeasured,
        nested,
        other,
    } = term;
    add_each([
        (&mut sum.begins, begins),
        (&mut sum.repeats, repeats),
        (&mut sum.ended, ended),
        (&mut sum.unseen_ends, unseen_ends),
        (&mut sum.filtered, filtered),
        (&mut sum.lost.table_full, table_full),
        (&mut sum.lost.nested, lost_nested),
        (&mut sum.lost.end_not_seen, end_not_seen),
        (&mut sum.ends_without_begin, ends_without_begin),
        (&mut sum.unmeasured, unmeasured),
        (&mut sum.nested, nested),
        (&mut sum.other, other),
    ]);
    // Not a sum: what was open between two intervals has ended, or is open still.
    sum.open = open;
}

fn add_samples(sum: &mut SampleCounts, term: SampleCounts) {
    let SampleCounts {
        taken,
        used,
        buffer_full,
        stacks_full,
        stack_unreadable,
        user_stacks,
        user_stacks_cut,
    } = term;
    add_each([
        (&mut sum.taken, taken),
        (&mut sum.used, used),
        (&mut sum.buffer_full, buffer_full),
        (&mut sum.stacks_full, stacks_full),
        (&mut sum.stack_unreadable, stack_unreadable),
        (&mut sum.user_stacks, user_stacks),
        (&mut sum.user_stacks_cut, user_stacks_cut),
    ]);
}

#[cfg(test)]
pub(crate) mod tests;
