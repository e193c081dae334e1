//! Refused: writes behind the value of a map, in a function that is inlined into another
//! one. Keeps its DWARF, which knows both.
#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::Array,
    helpers::bpf_get_prandom_u32,
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};
use verify_fixtures as _;

verify_fixtures::license!();

/// Waits by slot.
#[btf_map]
static WAITS: Array<[u64; 60], 1> = Array::new();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn count(_: RawTracePointContext) -> i32 {
    // SAFETY: the helper has no arguments and cannot fail.
    let slot = unsafe { bpf_get_prandom_u32() } as usize & 63;
    if let Some(waits) = WAITS.get_ptr_mut(0) {
        // SAFETY: the value lives as long as the map.
        add(unsafe { &mut *waits }, slot);
    }
    0
}

#[inline(always)]
fn add(waits: &mut [u64; 60], slot: usize) {
    // SAFETY: unsound: there are only 60 elements.
    *unsafe { waits.get_unchecked_mut(slot) } += 1;
}
