//! `jump-out-of-range` of `../programs` with its hint followed.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

use core::arch::asm;

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(_: XdpContext) -> u32 {
    // SAFETY: jumps to the next instruction.
    unsafe { asm!("goto +0") };
    2
}
