//! Writes eight bytes at once to an odd address.
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
    // SAFETY: unsound: a u64 at an odd address.
    unsafe { header.as_mut_ptr().add(3).cast::<u64>().write(length) }; //~ ERROR misaligned-access
    u32::from(header[5] & 1)
}
