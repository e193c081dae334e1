//! `spin-lock--program-type` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::PerCpuArray,
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static CALLS: PerCpuArray<u32, 1> = PerCpuArray::new();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn count(_: RawTracePointContext) -> i32 {
    if let Some(calls) = CALLS.get_ptr_mut(0) {
        // SAFETY: the value lives as long as the map.
        unsafe { *calls += 1 };
    }
    0
}
