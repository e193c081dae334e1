//! `helper-not-allowed` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    EbpfContext as _, btf_maps::StackTrace, helpers::generated::bpf_get_stackid, macros::btf_map,
    macros::raw_tracepoint, programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static STACKS: StackTrace<16> = StackTrace::new();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn filter(ctx: RawTracePointContext) -> i32 {
    // SAFETY: context and map are valid.
    let stack = unsafe { bpf_get_stackid(ctx.as_ptr(), (&raw const STACKS).cast_mut().cast(), 0) };
    (stack < 0) as i32
}
