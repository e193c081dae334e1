//! The programs' counters, as the account of a snapshot.

use std::os::fd::RawFd;

use lock_common::Counter;

use crate::{
    error::Result,
    probe::batch::{self, unreadable},
    profile::snapshot::{EventAccounting, Events, Lost, SampleCounts},
};

/// All counters, each the sum of all CPUs.
#[derive(Debug, Clone)]
pub(crate) struct Counts(Vec<u64>);

impl Counts {
    /// Nothing counted.
    pub(crate) fn zero() -> Self {
        Self(vec![0; Counter::ALL.len()])
    }

    /// Reads them.
    pub(crate) fn read(map: RawFd, cpus: usize) -> Result<Self> {
        let mut counts = Self::zero();
        batch::for_each(map, cpus, |&counter: &u32, values: &[u64]| {
            if let Some(count) = counts.0.get_mut(counter as usize) {
                *count = values.iter().sum();
            }
        })
        .map_err(|error| unreadable("COUNTS", &error))?;
        Ok(counts)
    }

    /// Adds what is counted elsewhere.
    pub(crate) fn add(&mut self, counter: Counter, more: u64) {
        if let Some(count) = self.0.get_mut(counter as usize) {
            *count += more;
        }
    }

    /// What was counted since.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self(
            self.0
                .iter()
                .zip(&before.0)
                .map(|(now, before)| now.saturating_sub(*before))
                .collect(),
        )
    }

    fn get(&self, counter: Counter) -> u64 {
        self.0.get(counter as usize).copied().unwrap_or(0)
    }

    /// As an account. What ended is told by the rows of locks, so that the account holds
    /// just if the report has everything; what is open by the table of open waits.
    pub(crate) fn accounting(&self) -> EventAccounting {
        use Counter as C;
        let sum = |counters: &[C]| counters.iter().map(|&counter| self.get(counter)).sum();
        EventAccounting {
            kernel: Events {
                begins: self.get(C::KernelBegins),
                repeats: self.get(C::KernelRepeats),
                ended: 0,
                unseen_ends: 0,
                filtered: self.get(C::KernelFiltered),
                lost: Lost {
                    table_full: sum(&[C::KernelLostTableFull, C::KernelLostTotals]),
                    nested: self.get(C::KernelLostNested),
                    end_not_seen: sum(&[C::KernelLostEnd, C::LostKernelThreadGone]),
                },
                open: 0,
                ends_without_begin: self.get(C::KernelEndsWithoutBegin),
                unmeasured: 0,
                nested: self.get(C::KernelNested),
                other: 0,
            },
            user: Events {
                begins: self.get(C::UserBegins),
                repeats: 0,
                ended: 0,
                unseen_ends: 0,
                filtered: self.get(C::UserFiltered),
                lost: Lost {
                    table_full: sum(&[C::UserLostTableFull, C::UserLostTotals]),
                    nested: 0,
                    end_not_seen: sum(&[C::UserLostEnd, C::LostUserThreadGone]),
                },
                open: 0,
                ends_without_begin: 0,
                unmeasured: self.get(C::UserUnmeasured),
                nested: 0,
                other: 0,
            },
            samples: SampleCounts {
                taken: sum(&[C::KernelSamples, C::UserSamples, C::WokenSamples]),
                used: 0,
                buffer_full: sum(&[
                    C::KernelSamplesLost,
                    C::UserSamplesLost,
                    C::UserSampleEndsLost,
                    C::WokenSamplesLost,
                ]),
                stacks_full: sum(&[C::BeginStacksFull, C::EndStacksFull]),
                stack_unreadable: sum(&[C::BeginStacksUnreadable, C::EndStacksUnreadable]),
                user_stacks: 0,
                user_stacks_cut: 0,
            },
        }
    }
}
