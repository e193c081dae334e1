//! Uses what an atomic addition returns, which Linux 5.12 has. The compiler makes this
//! instruction of `atomic_xadd` with `--cpu v3` only, so it is written by hand.
//@ kernels: 5.10
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

use core::arch::asm;

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(_: XdpContext) -> u32 {
    let before: u64;
    // SAFETY: the eight bytes below the frame pointer are unused.
    unsafe {
        asm!( //~ ERROR unsupported-atomic
            "r1 = 1",
            "*(u64 *)(r10 - 8) = r1",
            ".8byte 0x00000001fff81adb",
            out("r1") before,
        );
    }
    before as u32 & 1
}
