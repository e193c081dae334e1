//! `reference-leak` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::RingBuf,
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static EVENTS: RingBuf<u64, 4096> = RingBuf::new();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn report(_: RawTracePointContext) -> i32 {
    if let Some(mut event) = EVENTS.reserve(0) {
        event.write(1);
        event.submit(0);
    }
    0
}
