//! Writes to r10, the frame pointer. The compiler never does, so this is written by hand.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

use core::arch::asm;

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(_: XdpContext) -> u32 {
    // SAFETY: rejected before it can run.
    unsafe { asm!("r10 = 0") }; //~ ERROR frame-pointer
    2
}
