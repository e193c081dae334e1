//! Reads half of a pointer that lies on the stack.
#![no_std]
#![no_main]

use aya_ebpf::{EbpfContext as _, macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    let mut pointer = core::ptr::null_mut::<core::ffi::c_void>();
    // SAFETY: a local variable, which is initialised.
    unsafe {
        (&raw mut pointer).write_volatile(ctx.as_ptr());
        (&raw const pointer).cast::<u32>().read_volatile() & 1 //~ ERROR partial-pointer
    }
}
