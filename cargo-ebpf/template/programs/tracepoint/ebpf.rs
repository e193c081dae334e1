//! The program `count_tracepoint`.

use aya_ebpf::{
    macros::{btf_map, tracepoint},
    programs::TracePointContext,
};

use crate::{Count, add_one};

/// Events.
#[btf_map]
static TRACEPOINT_COUNT: Count = Count::new();

/// Runs at each event. Its fields: `context.read_at(OFFSET)`, with the offsets of the
/// tracepoint's file `format` in tracefs.
#[tracepoint]
pub fn count_tracepoint(_: TracePointContext) -> u32 {
    add_one(&TRACEPOINT_COUNT);
    0
}
