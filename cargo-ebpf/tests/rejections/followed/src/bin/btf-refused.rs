//! `btf-refused` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use rejections as _;

rejections::license!();

static mut COUNT: u64 = 1;

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn count(_: RawTracePointContext) -> i32 {
    // SAFETY: a race may lose a count.
    unsafe { COUNT += 1 };
    0
}
