//! Where the events went: each is in exactly one place, or lost for a named cause.

/// Where the events went. Each begin of a wait is in exactly one place:
/// begins = repeats + ended + filtered + lost + still open. An interval alone need not add
/// up, only all from the start of a recording on: see [`merge`](super::merge).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct EventAccounting {
    /// Waits for kernel locks.
    pub(crate) kernel: Events,
    /// Waits for user locks.
    pub(crate) user: Events,
    /// What became of the samples. A wait whose sample was lost is still in [`Waits`].
    pub(crate) samples: SampleCounts,
}

impl EventAccounting {
    /// Whether each event is in exactly one place.
    pub(crate) fn holds(&self) -> bool {
        self.kernel.holds() && self.user.holds()
    }
}

/// Begins of waits, and where each is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Events {
    /// Begins that the filter let through.
    pub(crate) begins: u64,
    /// Of these, repeats: a mutex's waiter says so when it turns from spinning to sleeping
    /// and back. One wait.
    pub(crate) repeats: u64,
    /// Of these, waits that ended and were counted, with the lock or without it.
    pub(crate) ended: u64,
    /// Of these that ended, those whose end was not shown: it is told by how long the thread
    /// had run when it next left its CPU.
    pub(crate) unseen_ends: u64,
    /// Of these, waits that ended and were left out by a filter (`--min-wait`, ...).
    pub(crate) filtered: u64,
    /// Of these, lost, by cause.
    pub(crate) lost: Lost,
    /// Of these, not ended at the end.
    pub(crate) open: u64,
    /// Ends whose begin was not seen: from before recording, or missed.
    pub(crate) ends_without_begin: u64,
    /// Waits of 32-bit programs, which are seen to begin and not measured. They are none of the
    /// begins.
    pub(crate) unmeasured: u64,
    /// Waits that began while the same thread already waited for something else.
    pub(crate) nested: u64,
    /// Waits in the row for "other": the table of locks had no row left.
    pub(crate) other: u64,
}

impl Events {
    /// What begins must come to.
    pub(crate) fn explained(&self) -> u64 {
        [self.repeats, self.ended, self.filtered, self.open]
            .into_iter()
            .fold(self.lost.total(), u64::saturating_add)
    }

    /// Whether each begin is in exactly one place.
    pub(crate) fn holds(&self) -> bool {
        self.begins == self.explained()
    }
}

/// Lost waits, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// The table of open waits had no place left.
    pub(crate) table_full: u64,
    /// More nested waits than there is room for.
    pub(crate) nested: u64,
    /// The end was not seen.
    pub(crate) end_not_seen: u64,
}

impl Lost {
    /// All together.
    pub(crate) fn total(&self) -> u64 {
        let Self {
            table_full,
            nested,
            end_not_seen,
        } = *self;
        table_full
            .saturating_add(nested)
            .saturating_add(end_not_seen)
    }
}

/// Samples, and where each is: taken = used + lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SampleCounts {
    /// Waits chosen to be sampled.
    pub(crate) taken: u64,
    /// Of these, in the report.
    pub(crate) used: u64,
    /// Of these, lost: no room in the buffer between kernel and `lock`.
    pub(crate) buffer_full: u64,
    /// Of these, lost: beyond the bound of distinct stacks; in the report without a stack.
    pub(crate) stacks_full: u64,
    /// Of these, the kernel could not walk the stack; in the report without it.
    pub(crate) stack_unreadable: u64,
    /// User stacks taken.
    pub(crate) user_stacks: u64,
    /// Of these, cut short: not unwound to the thread's first function.
    pub(crate) user_stacks_cut: u64,
}
