//! Writes to a static that is not `mut`.
#![no_std]
#![no_main]

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use rejections as _;

rejections::license!();

#[unsafe(no_mangle)]
static LIMIT: u64 = 7;

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn lower(_: RawTracePointContext) -> i32 {
    let limit = core::hint::black_box(&raw const LIMIT).cast_mut();
    // SAFETY: unsound: the kernel has frozen it.
    unsafe { limit.write_volatile(3) }; //~ ERROR read-only-memory
    0
}
