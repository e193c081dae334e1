//! `size-not-constant` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    EbpfContext as _,
    btf_maps::RingBuf,
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static EVENTS: RingBuf<(), 4096> = RingBuf::new();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn report(ctx: RawTracePointContext) -> i32 {
    // SAFETY: the context of a raw tracepoint is an array of its arguments.
    let length = unsafe { *ctx.as_ptr().cast::<u64>().add(1) } as usize & 63;
    let bytes = [0u8; 64];
    if let Some(bytes) = bytes.get(..length) {
        _ = EVENTS.output_untyped::<[u8]>(bytes, 0);
    }
    0
}
