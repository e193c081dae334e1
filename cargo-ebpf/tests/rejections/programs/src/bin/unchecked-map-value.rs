//! Uses the result of a lookup without a check for null.
#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::HashMap,
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static COUNTS: HashMap<u32, u64, 16> = HashMap::new();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn count(_: RawTracePointContext) -> i32 {
    // SAFETY: unsound: the key may be missing.
    unsafe {
        let count = COUNTS.get_ptr_mut(&7).unwrap_unchecked();
        *count += 1; //~ ERROR unchecked-map-value
    }
    0
}
