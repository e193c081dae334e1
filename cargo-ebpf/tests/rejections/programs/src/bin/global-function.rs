//! A function that is exported is verified on its own, without what its callers know: a
//! pointer without a type says nothing.
//@ elsewhere: unchecked-null 6.1
#![no_std]
#![no_main]

use core::ffi::c_void;

use aya_ebpf::{EbpfContext as _, macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn first_byte(data: *const c_void) -> u32 {
    //~^ ERROR global-function
    // SAFETY: unsound: there may be no byte.
    unsafe { u32::from(*data.cast::<u8>()) } //~ ERROR unchecked-null
}

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    first_byte(ctx.as_ptr()) & 1 //~ ERROR global-function
}
