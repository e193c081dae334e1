//! Writes to a ring buffer entry without a check that it was reserved.
#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::RingBuf,
    helpers::generated::{bpf_ringbuf_reserve, bpf_ringbuf_submit},
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static EVENTS: RingBuf<(), 4096> = RingBuf::new();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn report(_: RawTracePointContext) -> i32 {
    // SAFETY: unsound: a full ring buffer gives a null pointer.
    unsafe {
        let event = bpf_ringbuf_reserve((&raw const EVENTS).cast_mut().cast(), 8, 0).cast::<u64>();
        *event = 1; //~ ERROR unchecked-null
        bpf_ringbuf_submit(event.cast(), 0);
    }
    0
}
