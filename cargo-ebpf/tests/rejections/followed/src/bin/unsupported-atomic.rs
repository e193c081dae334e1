//! `unsupported-atomic` of `../programs` with its hint followed.
#![no_std]
#![no_main]
#![feature(core_intrinsics)]
#![allow(internal_features)]

use core::intrinsics::{AtomicOrdering::Relaxed, atomic_xadd};

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[unsafe(no_mangle)]
static mut PACKETS: u64 = 0;

#[xdp]
pub fn filter(_: XdpContext) -> u32 {
    // SAFETY: a static that is only used atomically.
    unsafe { atomic_xadd::<u64, u64, { Relaxed }>(&raw mut PACKETS, 1) };
    2
}
