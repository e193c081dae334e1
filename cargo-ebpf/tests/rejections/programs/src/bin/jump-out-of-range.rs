//! Jumps out of the program. The compiler makes no such jump, so this is written by hand.
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
    unsafe { asm!("goto +1000") }; //~ ERROR jump-out-of-range
    2
}
