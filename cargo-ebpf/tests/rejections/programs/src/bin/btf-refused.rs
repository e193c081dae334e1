//! A static whose name no kernel accepts in BTF.
#![no_std]
#![no_main]

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use rejections as _;

rejections::license!();

#[unsafe(export_name = "the count")]
static mut COUNT: u64 = 1; //~ ERROR btf-refused

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn count(_: RawTracePointContext) -> i32 {
    // SAFETY: a race may lose a count.
    unsafe { COUNT += 1 };
    0
}
