//! `map-refused` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::HashMap,
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static COUNTS: HashMap<u32, u64, 16> = HashMap::new();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn count(_: RawTracePointContext) -> i32 {
    _ = COUNTS.insert(1, 2, 0);
    0
}
