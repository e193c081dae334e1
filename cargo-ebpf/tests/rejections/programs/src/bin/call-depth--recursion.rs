//! Functions that call each other deeper than eight frames: here, one that calls itself.
//! Kernels before 6.12 say that it jumps back.
#![no_std]
#![no_main]

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[inline(never)]
fn ackermann(m: u32, n: u32) -> u32 {
    if m == 0 {
        n + 1
    } else if n == 0 {
        ackermann(m - 1, 1)
    } else {
        ackermann(m - 1, ackermann(m, n - 1)) //~ ERROR call-depth
    }
}

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    let length = (ctx.data_end() - ctx.data()) as u32;
    ackermann(length & 3, length & 7) & 1
}
