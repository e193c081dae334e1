//! `kernel-struct-bounds` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    helpers::bpf_probe_read_kernel, macros::btf_tracepoint, programs::BtfTracePointContext,
};
use rejections as _;

rejections::license!();

#[btf_tracepoint(function = "sys_enter")]
pub fn enter(ctx: BtfTracePointContext) -> i32 {
    let registers: *const u64 = ctx.arg(0);
    // SAFETY: reading an invalid address returns an error.
    let Ok(word) = (unsafe { bpf_probe_read_kernel(registers.add(2)) }) else {
        return 0;
    };
    core::hint::black_box(word);
    0
}
