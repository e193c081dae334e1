//! More than 512 bytes of local variables, in a function and the one that calls it.
#![no_std]
#![no_main]

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[inline(never)]
fn checksum(start: u64) -> u64 {
    let buffer = core::hint::black_box([start; 40]);
    buffer[3]
}

#[xdp] //~ ERROR stack-limit
pub fn filter(ctx: XdpContext) -> u32 {
    //~^ ERROR stack-limit
    let header = core::hint::black_box([1u64; 40]);
    checksum(ctx.data() as u64 - ctx.data_end() as u64 + header[7]) as u32 & 1
}
