//! `unchecked-map-value` of `../programs` with its hint followed.
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
    let Some(count) = COUNTS.get_ptr_mut(&7) else {
        return 0;
    };
    // SAFETY: the value lives as long as the map.
    unsafe { *count += 1 };
    0
}
