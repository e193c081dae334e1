//! Uses what an atomic addition returns, which Linux 5.12 has.
//@ kernels: 5.10
#![no_std]
#![no_main]
#![feature(core_intrinsics)]
#![expect(internal_features, reason = "core has no fetch_add for BPF")]

use core::intrinsics::{AtomicOrdering::Relaxed, atomic_xadd};

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use rejections as _;

rejections::license!();

#[unsafe(no_mangle)]
static mut NEXT: u64 = 1;

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn number(_: RawTracePointContext) -> i32 {
    // SAFETY: a static that is only used atomically.
    unsafe { atomic_xadd::<u64, u64, { Relaxed }>(&raw mut NEXT, 1) as i32 } //~ ERROR unsupported-atomic
}
