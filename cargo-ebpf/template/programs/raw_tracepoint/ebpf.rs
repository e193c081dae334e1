//! The program `count_raw_tracepoint`.

use aya_ebpf::{
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};

use crate::{Count, add_one};

/// Events.
#[btf_map]
static RAW_TRACEPOINT_COUNT: Count = Count::new();

/// Runs at each event. The arguments of the tracepoint: `context.arg(0)`.
#[raw_tracepoint(tracepoint = "sched_switch")]
pub fn count_raw_tracepoint(_: RawTracePointContext) -> i32 {
    add_one(&RAW_TRACEPOINT_COUNT);
    0
}
