//! What is counted beside the totals.

/// Declares [`Counter`] and the list of all, so that neither can miss one.
macro_rules! counters {
    ($($(#[$meta:meta])* $name:ident,)+) => {
        /// What is counted, an index into a per-CPU array.
        ///
        /// Each counter is added to by one program only. The kernel never enters a
        /// program again on the same CPU, so that a plain addition is exact.
        #[repr(u32)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Counter {
            $($(#[$meta])* $name,)+
        }

        impl Counter {
            /// All counters, in the order of their indexes.
            pub const ALL: &[Self] = &[$(Self::$name,)+];
        }
    };
}

counters! {
    // contention_begin
    /// Begins of waits for kernel locks that the filter let through.
    KernelBegins,
    /// Of these, repeats: a mutex's waiter says so each time that it turns from
    /// spinning to sleeping and back. One wait.
    KernelRepeats,
    /// Lost: no slot for the thread in the table of threads.
    KernelLostTableFull,
    /// Lost: more waits open at once, on one CPU or in one thread, than there is room for.
    KernelLostNested,
    /// Lost: the wait's end was not seen.
    KernelLostEnd,
    /// Waits that began while the thread had another one open.
    KernelNested,
    // contention_end
    /// Waits that ended and were too short for the filter.
    KernelFiltered,
    /// Lost: no row in the totals, not even for other locks.
    KernelLostTotals,
    /// Ends of waits whose begin was not seen: from before tracing, or missed.
    KernelEndsWithoutBegin,
    /// Samples taken.
    KernelSamples,
    /// Samples lost: the buffer was full.
    KernelSamplesLost,
    /// Samples without a stack, as there was no room for another one (at the begin).
    BeginStacksFull,
    /// Samples without a stack, as it could not be walked (at the begin).
    BeginStacksUnreadable,
    /// As above, at the end.
    EndStacksFull,
    /// As above, at the end.
    EndStacksUnreadable,
    // sched_switch
    /// Begins of waits for user locks that the filter let through.
    UserBegins,
    /// Lost: no slot for the thread in the table of threads.
    UserLostTableFull,
    /// Lost: the wait's end was not seen, and that could not be sent.
    UserLostEnd,
    /// Waits that ended and were too short for the filter.
    UserFiltered,
    /// Lost: no row in the totals, not even for other locks.
    UserLostTotals,
    /// Samples taken at the begin.
    UserSamples,
    /// Samples lost: the buffer was full, at the begin.
    UserSamplesLost,
    /// Samples whose end was lost: the buffer was full.
    UserSampleEndsLost,
    /// Threads of 32-bit programs that a futex call blocked: their waits are not measured.
    UserUnmeasured,
    // sched_waking
    /// Samples taken when the thread was woken.
    WokenSamples,
    /// Samples lost: the buffer was full, when the thread was woken.
    WokenSamplesLost,
    // sched_process_free
    /// Lost: waits for kernel locks of threads that are gone, their end not seen.
    LostKernelThreadGone,
    /// Lost: waits for user locks of threads that are gone, their end not seen.
    LostUserThreadGone,
}

/// How many counters there are.
pub const COUNTERS: usize = Counter::ALL.len();
