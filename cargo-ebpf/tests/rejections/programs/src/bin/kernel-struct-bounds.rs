//! Reads a kernel structure at an offset that is beyond its end.
#![no_std]
#![no_main]

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use rejections as _;

rejections::license!();

#[btf_tracepoint(function = "sys_enter")]
pub fn enter(ctx: BtfTracePointContext) -> i32 {
    let registers: *const u64 = ctx.arg(0);
    // SAFETY: unsound: pt_regs has 21 words.
    let word = unsafe { *registers.add(200) }; //~ ERROR kernel-struct-bounds
    core::hint::black_box(word);
    0
}
