//! `partial-pointer` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{EbpfContext as _, macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    let mut pointer = core::ptr::null_mut::<core::ffi::c_void>();
    // SAFETY: a local variable, which is initialised.
    unsafe { (&raw mut pointer).write_volatile(ctx.as_ptr()) };
    // SAFETY: a local variable, which is initialised.
    let whole = unsafe { (&raw const pointer).read_volatile() };
    // SAFETY: the first field of the context.
    unsafe { *whole.cast::<u32>().add(3) & 1 }
}
