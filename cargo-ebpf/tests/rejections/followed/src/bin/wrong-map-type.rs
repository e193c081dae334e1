//! `wrong-map-type` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::Queue,
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static EVENTS: Queue<u64, 16> = Queue::new();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn push(_: RawTracePointContext) -> i32 {
    _ = EVENTS.push(&1, 0);
    0
}
