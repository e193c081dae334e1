//! `read-only-memory` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use rejections as _;

rejections::license!();

#[unsafe(no_mangle)]
static mut LIMIT: u64 = 7;

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn lower(_: RawTracePointContext) -> i32 {
    let limit = core::hint::black_box(&raw mut LIMIT);
    // SAFETY: a race may lose a write.
    unsafe { limit.write_volatile(3) };
    0
}
