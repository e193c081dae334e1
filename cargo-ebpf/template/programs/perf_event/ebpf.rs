//! The program `count_perf_event`.

use aya_ebpf::{
    macros::{btf_map, perf_event},
    programs::PerfEventContext,
};

use crate::{Count, add_one};

/// Samples.
#[btf_map]
static PERF_EVENT_COUNT: Count = Count::new();

/// Runs on a CPU at each sample.
#[perf_event]
pub fn count_perf_event(_: PerfEventContext) -> u32 {
    add_one(&PERF_EVENT_COUNT);
    0
}
