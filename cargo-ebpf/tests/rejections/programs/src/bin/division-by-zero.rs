//! Divides by a zero that stands in the instruction. The compiler makes no such division,
//! so this is written by hand.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

use core::arch::asm;

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    let mut length = ctx.data_end() - ctx.data();
    // SAFETY: rejected before it can run.
    unsafe { asm!("{0} /= 0", inout(reg) length) }; //~ ERROR division-by-zero
    length as u32 & 1
}
