//! Instructions that nothing leads to. The compiler leaves none, so these are written by
//! hand.
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
    unsafe {
        asm!( //~ ERROR unreachable-code
            "r0 = 2", "exit", "r1 = 3",
        );
    }
    1
}
