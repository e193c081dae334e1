//! `unbounded-index--negative` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    EbpfContext as _,
    btf_maps::Array,
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static LEVELS: Array<[u64; 64], 1> = Array::new();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn count(ctx: RawTracePointContext) -> i32 {
    let Some(levels) = LEVELS.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: the context of a raw tracepoint is an array of its arguments.
    let level = unsafe { *ctx.as_ptr().cast::<u64>().add(1) } as i32;
    let index = level as u32;
    if index >= 64 {
        return 0;
    }
    // SAFETY: the index is below 64.
    unsafe { *levels.cast::<u64>().add(index as usize) += 1 };
    0
}
