//! Accepted: Aya's own way to declare maps, in the section `maps`.
#![no_std]
#![no_main]

use aya_ebpf::{
    macros::{map, tracepoint},
    maps::{HashMap, PerfEventArray},
    programs::TracePointContext,
};
use verify_fixtures as _;

verify_fixtures::license!();

#[map]
static COUNTS: HashMap<u32, u64> = HashMap::with_max_entries(16, 0);

/// No size of its own: as many entries as there may be CPUs.
#[map]
static SAMPLES: PerfEventArray<u64> = PerfEventArray::new(0);

#[tracepoint]
pub fn on_switch(ctx: TracePointContext) -> u32 {
    let _ = COUNTS.insert(&1, &2, 0);
    SAMPLES.output(&ctx, &3, 0);
    0
}
