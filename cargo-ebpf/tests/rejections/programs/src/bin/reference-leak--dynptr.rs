//! Returns without discarding a ring buffer entry of variable size.
#![no_std]
#![no_main]

use aya_ebpf::{
    bindings::bpf_dynptr,
    btf_maps::RingBuf,
    helpers::{
        bpf_get_current_pid_tgid,
        generated::{bpf_ringbuf_reserve_dynptr, bpf_ringbuf_submit_dynptr},
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
    // SAFETY: unsound: an entry that could not be reserved must be discarded, too.
    unsafe {
        let mut entry: bpf_dynptr = core::mem::zeroed();
        if bpf_ringbuf_reserve_dynptr(map, size, 0, &raw mut entry) != 0 { //~ ERROR reference-leak
            return 1; //~^ ERROR unknown-function
        }
        bpf_ringbuf_submit_dynptr(&raw mut entry, 0);
    }
    0
}

//@ elsewhere: unknown-function 5.10
