//! Reads beyond the end of its context.
#![no_std]
#![no_main]

use aya_ebpf::{EbpfContext as _, macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    // SAFETY: unsound: xdp_md is 24 bytes long.
    let mark = unsafe { *ctx.as_ptr().cast::<u32>().add(10) }; //~ ERROR context-access
    if mark == 0 { 1 } else { 2 }
}
