//! `reference-leak--dynptr` of `../programs` with its hint followed.
//@ since: 5.19
#![no_std]
#![no_main]

use aya_ebpf::{
    bindings::bpf_dynptr,
    btf_maps::RingBuf,
    helpers::{
        bpf_get_current_pid_tgid,
        generated::{
            bpf_ringbuf_discard_dynptr, bpf_ringbuf_reserve_dynptr, bpf_ringbuf_submit_dynptr,
        },
    },
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static EVENTS: RingBuf<[u8; 64], 4096> = RingBuf::new();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn report(_: RawTracePointContext) -> i32 {
    let size = bpf_get_current_pid_tgid() as u32 & 63;
    let map = (&raw const EVENTS).cast_mut().cast();
    // SAFETY: each path submits or discards the entry.
    unsafe {
        let mut entry: bpf_dynptr = core::mem::zeroed();
        if bpf_ringbuf_reserve_dynptr(map, size, 0, &raw mut entry) != 0 {
            bpf_ringbuf_discard_dynptr(&raw mut entry, 0);
            return 1;
        }
        bpf_ringbuf_submit_dynptr(&raw mut entry, 0);
    }
    0
}
