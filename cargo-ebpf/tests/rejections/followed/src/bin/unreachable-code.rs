//! `unreachable-code` of `../programs` with its hint followed.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

use core::arch::asm;

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(_: XdpContext) -> u32 {
    let value: u64;
    // SAFETY: sets a register that the compiler has chosen, and jumps over one instruction.
    unsafe { asm!("{0} = 2", "if {0} != 3 goto +1", "{0} = 1", out(reg) value) };
    value as u32
}
