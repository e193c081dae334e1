//! Indexes an array with a signed number that is compared with the length only.
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
    if level < 64 {
        // SAFETY: unsound: the level may be negative.
        unsafe { *levels.cast::<u64>().offset(level as isize) += 1 }; //~ ERROR unbounded-index
    }
    0
}
