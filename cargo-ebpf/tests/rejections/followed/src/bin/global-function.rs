//! `global-function` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use core::ffi::c_void;

use aya_ebpf::{EbpfContext as _, macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[inline(never)]
fn first_byte(data: *const c_void) -> u32 {
    // SAFETY: the context is longer than a byte.
    unsafe { *data.cast::<u32>().add(3) }
}

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    first_byte(ctx.as_ptr()) & 1
}
