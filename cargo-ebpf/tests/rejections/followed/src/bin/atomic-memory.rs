//! `atomic-memory` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    if ctx.data() + 8 > ctx.data_end() {
        return 2;
    }
    // SAFETY: the packet has eight bytes.
    unsafe { *(ctx.data() as *mut u64) += 1 };
    2
}
