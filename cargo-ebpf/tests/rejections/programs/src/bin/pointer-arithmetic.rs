//! Applies an operator to a pointer that only numbers support.
#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::Array,
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static SLOTS: Array<[u64; 8], 1> = Array::new();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn align(_: RawTracePointContext) -> i32 {
    if let Some(slots) = SLOTS.get_ptr_mut(0) {
        let aligned = slots.map_addr(|address| address & !63); //~ ERROR pointer-arithmetic
        // SAFETY: unsound: this may be before the map's value.
        unsafe { (*aligned)[0] += 1 };
    }
    0
}
