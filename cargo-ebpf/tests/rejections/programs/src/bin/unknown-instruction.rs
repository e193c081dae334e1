//! An instruction that no kernel knows, as one of a newer instruction set would be to an
//! older kernel.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

use core::arch::asm;

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp] //~ ERROR unknown-instruction
pub fn filter(_: XdpContext) -> u32 {
    // SAFETY: rejected before it can run.
    unsafe { asm!(".8byte 0x00000000000000ff") }; //~ ERROR unknown-instruction
    2
}
