//! `misaligned-access` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    let mut header = [0u8; 24];
    let header = core::hint::black_box(&mut header);
    let length = (ctx.data_end() - ctx.data()) as u64;
    // SAFETY: eight bytes that are part of the header.
    unsafe {
        header
            .as_mut_ptr()
            .add(3)
            .cast::<u64>()
            .write_unaligned(length)
    };
    u32::from(header[5] & 1)
}
