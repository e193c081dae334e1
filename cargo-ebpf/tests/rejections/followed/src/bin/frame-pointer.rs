//! `frame-pointer` of `../programs` with its hint followed.
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
    // SAFETY: sets a register that the compiler has chosen.
    unsafe { asm!("{0} = 2", out(reg) value) };
    value as u32
}
