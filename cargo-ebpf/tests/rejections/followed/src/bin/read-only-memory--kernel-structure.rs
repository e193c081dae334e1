//! `read-only-memory--kernel-structure` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::HashMap,
    macros::{btf_map, btf_tracepoint},
    programs::BtfTracePointContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static MARKS: HashMap<u64, u64, 16> = HashMap::new();

#[btf_tracepoint(function = "sched_process_fork")]
pub fn mark(ctx: BtfTracePointContext) -> i32 {
    let child: *mut u64 = ctx.arg(1);
    MARKS.insert(child as u64, 1, 0).is_err().into()
}
