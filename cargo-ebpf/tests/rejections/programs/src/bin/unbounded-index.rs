//! Indexes an array in a map with a number without bounds.
#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::Array,
    helpers::bpf_ktime_get_ns,
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static HISTOGRAM: Array<[u64; 60], 1> = Array::new();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn count(_: RawTracePointContext) -> i32 {
    // SAFETY: the helper has no arguments and cannot fail.
    let bucket = unsafe { bpf_ktime_get_ns() } as u32 as usize;
    if let Some(counts) = HISTOGRAM.get_ptr_mut(0) {
        // SAFETY: unsound: the bucket may be 60 or more.
        unsafe { *(*counts).get_unchecked_mut(bucket) += 1 }; //~ ERROR unbounded-index
    }
    0
}
