//! The program `count_btf_tracepoint`.

use aya_ebpf::{
    macros::{btf_map, btf_tracepoint},
    programs::BtfTracePointContext,
};

use crate::{Count, add_one};

/// Events.
#[btf_map]
static BTF_TRACEPOINT_COUNT: Count = Count::new();

/// Runs at each event. The arguments of the tracepoint: `context.arg(0)`.
#[btf_tracepoint(function = "sched_switch")]
pub fn count_btf_tracepoint(_: BtfTracePointContext) -> i32 {
    add_one(&BTF_TRACEPOINT_COUNT);
    0
}
