//! Passes a map of a type that the helper does not support.
#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::Array,
    helpers::generated::bpf_map_push_elem,
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static EVENTS: Array<u64, 16> = Array::new();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn push(_: RawTracePointContext) -> i32 {
    let events = (&raw const EVENTS).cast_mut();
    let value = 1u64;
    // SAFETY: unsound: only queues and stacks can be pushed to.
    unsafe { bpf_map_push_elem(events.cast(), (&raw const value).cast(), 0) }; //~ ERROR wrong-map-type
    0
}
