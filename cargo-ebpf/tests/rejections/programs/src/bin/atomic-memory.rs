//! An atomic addition in a packet.
#![no_std]
#![no_main]
#![feature(core_intrinsics)]
#![expect(internal_features, reason = "core has no fetch_add for BPF")]

use core::intrinsics::{AtomicOrdering::Relaxed, atomic_xadd};

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    if ctx.data() + 8 > ctx.data_end() {
        return 2;
    }
    // SAFETY: unsound: packets do not support atomics.
    unsafe { atomic_xadd::<u64, u64, { Relaxed }>(ctx.data() as *mut u64, 1) }; //~ ERROR atomic-memory
    2
}
