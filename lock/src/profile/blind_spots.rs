//! What the hooks cannot see. A report without this would look more complete than it is.

/// One sentence each.
pub(crate) const OF_LOCK_TRACEPOINTS: &[&str] = &[
    "the first waiter of a spinlock (the qspinlock's pending bit), except in guests with \
     paravirtual spinlocks",
    "a writer that gets an rwsem by spinning for it (optimistic spinning)",
    "waits that were under way when recording began (some are seen in part)",
];
