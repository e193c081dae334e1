//! Reserves a number of bytes of a ring buffer that an argument determines.
#![no_std]
#![no_main]

use aya_ebpf::{
    EbpfContext as _,
    btf_maps::RingBuf,
    helpers::generated::{bpf_ringbuf_discard, bpf_ringbuf_reserve},
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
    let length = unsafe { *ctx.as_ptr().cast::<u64>().add(1) } & 63;
    // SAFETY: the entry is released at once.
    unsafe {
        let event = bpf_ringbuf_reserve((&raw const EVENTS).cast_mut().cast(), length, 0); //~ ERROR size-not-constant
        if !event.is_null() {
            bpf_ringbuf_discard(event, 0);
        }
    }
    0
}
