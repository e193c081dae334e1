//! What `lock` and its eBPF programs share: the layout of their data, and the arithmetic that both
//! have to do alike.
//!
//! Every shared type is `repr(C)` and has no hidden padding, which the compiler
//! proves: a byte that nobody wrote must not travel between kernel and user space,
//! and a map key with garbage in it would never be found again.
#![no_std]

#[macro_use]
mod plain;

mod bucket;
mod counter;
mod expected;
mod futex_call;
mod kind;
mod open;
pub mod parked;
mod sample;
mod sampler;
mod scope;
mod stack;
mod thread_ref;
mod totals;

pub use bucket::{BUCKETS, bucket, bucket_floor, bucket_log};
pub use counter::{COUNTERS, Counter};
pub use expected::{expected_log, mean_square};
pub use futex_call::command;
pub use kind::{FutexValue, LOCK_TYPES, Outcome, WaitKind, flag, lock_type, only_spins};
pub use open::{
    Block, Release, SAME_CALL_NS, SLEEPS_PER_THREAD, SPINS_PER_CPU, Sleep, Spin, Spins, ThreadIds,
    ThreadSet, ThreadWaits, WAYS, WOKEN_EARLY,
};
pub use plain::Plain;
pub use sample::{Event, EventWithStack, event, hint, sample_number};
pub use sampler::{Level, Sampler};
pub use scope::{FilterKey, MAX_PROCESSES, Modes, PROCESSES, filter, mode};
pub use stack::{
    CALL_SETS, CALL_WAYS, CallSet, CallStep, HASH_SEED, KERNEL_FRAMES, KernelStack, RawStack,
    STACK_WORDS, TRACING_FRAMES, USER_STACK, USER_STACK_PORTION, call_set, finish_hash, hash_frame,
    step, user_stacks,
};
pub use thread_ref::ThreadRef;
pub use totals::{
    FAST_PORTIONS, FAST_SETS, FAST_SLOTS, FAST_WAYS, FastSet, FastSets, ROW_BUCKETS, RowKind,
    Tally, Totals, TotalsKey,
};
